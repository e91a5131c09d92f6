"""What listens: a worker on the port of its metrics, the embedded broker on its own two, and on loopback alone."""

from __future__ import annotations

import ipaddress
import os
import re
import socket
from pathlib import Path

import pytest

from agents.engine.loopback import free_port
from tests.kafka.test_worker import until
from tests.security.kafka import SecuredKafka
from tests.security.mill import PATIENCE, READY, SecuredMill

_LISTENING = "0A"
_SOCKET = re.compile(r"socket:\[(\d+)\]")


def listening(pid: int) -> set[tuple[str, int]]:
    """Address and port of every TCP socket that a process listens on, from the kernel's tables."""
    inodes = set()
    for link in Path(f"/proc/{pid}/fd").iterdir():
        try:
            inodes.update(_SOCKET.findall(os.readlink(link)))
        except FileNotFoundError:
            continue  # closed meanwhile
    found = set()
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == _LISTENING and fields[9] in inodes:
                address, _, port = fields[1].partition(":")
                found.add((_address(address), int(port, 16)))
    return found


def _address(text: str) -> str:
    """The kernel writes addresses as numbers of the machine's own byte order."""
    words = [bytes.fromhex(text[at : at + 8])[::-1] for at in range(0, len(text), 8)]
    address = ipaddress.ip_address(b"".join(words))
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return str(mapped or address)


def test_the_kernel_is_read_aright() -> None:
    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("::1", 0), family=socket.AF_INET6) as two:
        assert {one.getsockname()[:2], two.getsockname()[:2]} <= listening(os.getpid())


@pytest.mark.heavy
@pytest.mark.parametrize("host", [None, "0.0.0.0"])
def test_a_worker_listens_on_the_port_of_its_metrics_alone(mill: SecuredMill, tmp_path: Path, host: str | None) -> None:
    port = free_port()
    access = mill.kafka.login("worker", FEEDMILL_METRICS_PORT=str(port))
    if host is not None:
        access["FEEDMILL_METRICS_HOST"] = host
    with mill.worker(access, tmp_path) as (process, log):
        assert until(lambda: READY in log.read_text(), PATIENCE), log.read_text()
        assert listening(process.pid) == {(host or "127.0.0.1", port)}


@pytest.mark.heavy
def test_the_embedded_broker_listens_on_loopback_alone(kafka: SecuredKafka) -> None:
    assert kafka.broker is not None
    found = listening(kafka.broker.pid)
    assert {address for address, _ in found} == {"127.0.0.1"}
    assert len(found) == 5  # its own listener and the controller's; three are this test's
