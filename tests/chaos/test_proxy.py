from __future__ import annotations

import asyncio
import random
import struct
import time
from collections.abc import AsyncIterator

import pytest

from agents.engine.loopback import LOOPBACK, free_port
from tests.chaos.proxy import END_TRANSACTION, PRODUCE, Proxy

METADATA = 3


def request(kind: int, size: int = 100) -> bytes:
    body = struct.pack(">h", kind) + bytes(size)
    return struct.pack(">i", len(body)) + body


class Echo:
    """A broker that answers each request with itself, and remembers what came."""

    def __init__(self) -> None:
        self.whole = 0
        self.received = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                size = await reader.readexactly(4)
                self.received += 4
                body = await reader.readexactly(struct.unpack(">i", size)[0])
                self.received += len(body)
                self.whole += 1
                writer.write(size + body)
                await writer.drain()
        except (asyncio.IncompleteReadError, OSError) as error:
            self.received += len(getattr(error, "partial", b""))
        finally:
            writer.close()


@pytest.fixture
async def echo() -> AsyncIterator[tuple[Echo, Proxy]]:
    behind, before = free_port(), free_port()
    served = Echo()
    server = await asyncio.start_server(served.serve, LOOPBACK, behind)
    proxy = Proxy(before, behind, random.Random(1))
    await proxy.start()
    yield served, proxy
    await proxy.stop()
    server.close()


async def ask(proxy: Proxy, *requests: bytes, within: float = 10.0) -> bytes:
    """Send requests on one connection; the answers, as far as they come."""
    reader, writer = await asyncio.open_connection(LOOPBACK, proxy.port)
    writer.write(b"".join(requests))
    wanted = sum(map(len, requests))
    try:
        async with asyncio.timeout(within):
            return await reader.readexactly(wanted)
    except asyncio.IncompleteReadError as ended:
        return ended.partial
    except (TimeoutError, OSError):
        return b""
    finally:
        writer.close()


async def test_it_passes_everything_on(echo: tuple[Echo, Proxy]) -> None:
    served, proxy = echo
    asked = [request(kind, size) for kind in (PRODUCE, METADATA) for size in (1, 100, 300_000)]
    assert await ask(proxy, *asked) == b"".join(asked)
    assert served.whole == 6


async def test_slow_it_takes_longer_each_way(echo: tuple[Echo, Proxy]) -> None:
    _, proxy = echo
    proxy.delay = 0.2
    begun = time.monotonic()
    assert await ask(proxy, request(METADATA)) == request(METADATA)
    assert time.monotonic() - begun >= 0.6  # to connect, there, and back


async def test_held_it_keeps_all_until_it_is_let_go(echo: tuple[Echo, Proxy]) -> None:
    served, proxy = echo
    proxy.held = True
    asking = asyncio.create_task(ask(proxy, request(METADATA)))
    await asyncio.sleep(0.3)
    assert not asking.done()
    assert served.received == 0
    proxy.held = False
    assert await asking == request(METADATA)


async def test_closed_it_refuses_and_cuts(echo: tuple[Echo, Proxy]) -> None:
    served, proxy = echo
    reader, writer = await asyncio.open_connection(LOOPBACK, proxy.port)
    writer.write(request(METADATA))
    await reader.readexactly(len(request(METADATA)))
    proxy.closed = True
    proxy.cut()
    with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
        await reader.readexactly(1)
    writer.close()
    assert await ask(proxy, request(METADATA)) == b""
    assert served.whole == 1


@pytest.mark.parametrize("kind", [PRODUCE, END_TRANSACTION])
async def test_a_producers_requests_are_broken_off_in_both_ways(echo: tuple[Echo, Proxy], kind: int) -> None:
    served, proxy = echo
    proxy.break_rate = 1.0
    for _ in range(12):
        assert await ask(proxy, request(kind)) == b""
    assert proxy.broken == 12
    assert 0 < served.whole < 12, "some reached the broker whole, some did not"


async def test_other_requests_are_never_broken_off(echo: tuple[Echo, Proxy]) -> None:
    _, proxy = echo
    proxy.break_rate = 1.0
    assert await ask(proxy, request(METADATA)) == request(METADATA)
    assert proxy.broken == 0
