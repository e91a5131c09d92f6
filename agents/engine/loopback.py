"""Ports on loopback: a free one for a broker, and which Kafka nodes answer on one."""

from __future__ import annotations

import errno
import random
import socket
import struct
from io import BytesIO

LOOPBACK = "127.0.0.1"


def free_port(besides: int | None = None) -> int:
    """A free loopback port below those that the kernel gives to outgoing connections.

    Above, a client that keeps knocking while the broker is down gets the broker's own port as its source,
    sooner or later, and then talks to itself on the port that the broker needs.
    """
    for _ in range(200):
        port = random.randrange(15_000, 32_000)
        if port != besides and is_free(port):
            return port
    raise OSError(errno.EADDRINUSE, "no free port between 15000 and 32000 on 127.0.0.1")


def is_free(port: int) -> bool:
    """Whether a loopback port can be listened on; 0 is none."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return port != 0


def live_nodes(port: int, timeout: float = 1.0) -> tuple[str, set[int]]:
    """The cluster that a broker on loopback belongs to, and its nodes alive; empty where nobody answers.

    One Metadata request (version 2) by hand. An open port is not enough: until the controller has let the
    node in, creating a topic fails for want of brokers. And the port may be another broker's.
    """
    client = b"feedmill"
    request = struct.pack(">hhih", 3, 2, 0, len(client)) + client + struct.pack(">i", 0)  # no topics, please
    try:
        with socket.create_connection((LOOPBACK, port), timeout) as connection:
            connection.sendall(struct.pack(">i", len(request)) + request)
            with connection.makefile("rb") as answer:
                size, _, count = struct.unpack(">iii", answer.read(12))
                body = BytesIO(answer.read(size - 8))
        nodes = set()
        for _ in range(count):
            (node,) = struct.unpack(">i", body.read(4))
            _text(body)  # host
            body.read(4)  # port
            _text(body)  # rack
            nodes.add(node)
        return _text(body), nodes
    except (OSError, struct.error, UnicodeDecodeError):
        return "", set()


def _text(body: BytesIO) -> str:
    """A nullable string of Kafka's protocol."""
    (length,) = struct.unpack(">h", body.read(2))
    return body.read(max(length, 0)).decode()
