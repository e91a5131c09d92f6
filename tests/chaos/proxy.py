"""A TCP proxy before a Kafka broker: it delays, holds and cuts, and breaks requests off in the middle."""

from __future__ import annotations

import asyncio
import contextlib
import random
import struct
import threading
import time
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Self

from agents.engine.loopback import LOOPBACK

PRODUCE, INIT_PRODUCER, ADD_PARTITIONS, END_TRANSACTION = 0, 22, 24, 26
BREAKABLE = frozenset({PRODUCE, INIT_PRODUCER, ADD_PARTITIONS, END_TRANSACTION})
"""Kinds of requests (API keys) that are broken off: those of a transactional producer."""

_CHUNK = 64 * 1024
_WAITING = 64  # requests or chunks in one direction of a connection; what comes then waits in the sender's socket
_LARGEST = 64 * 1024 * 1024


class Proxy:
    """One listening port before one broker's port. The attributes are changed while it runs, by any thread."""

    def __init__(self, port: int, broker_port: int, rng: random.Random) -> None:
        self.port = port
        self.delay = 0.0
        """Seconds that everything takes longer, each way."""
        self.held = False
        """Nothing is passed on, and nobody is told: a cable is cut, or a firewall swallows."""
        self.closed = False
        """Connections are refused; `cut` ends those that are there."""
        self.break_rate = 0.0
        """Share of a producer's requests that are broken off: half sent, or sent and never answered."""
        self.broken = 0
        self._broker_port = broker_port
        self._rng = rng
        self._connections: set[_Connection] = set()
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, LOOPBACK, self.port)

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
        self.cut()

    def cut(self) -> None:
        """End all connections, as a reset does. In the proxy's own loop only."""
        for connection in list(self._connections):
            connection.abort()

    def breaks(self, kind: int) -> bool:
        if not self.break_rate or kind not in BREAKABLE or self._rng.random() >= self.break_rate:
            return False
        self.broken += 1
        return True

    def half(self) -> bool:
        """Whether a request that is broken off has not reached the broker whole."""
        return self._rng.random() < 0.5

    async def passing(self, due: float) -> None:
        """Wait until something that is due at a time may be passed on."""
        if (early := due - time.monotonic()) > 0:
            await asyncio.sleep(early)
        while self.held:  # noqa: ASYNC110 - an event of asyncio is not for other threads to set
            await asyncio.sleep(0.02)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self.passing(time.monotonic() + self.delay)
        if self.closed:
            writer.transport.abort()
            return
        try:
            upstream = await asyncio.open_connection(LOOPBACK, self._broker_port)
        except OSError:
            writer.transport.abort()  # the broker is down
            return
        connection = _Connection(self, (reader, writer), upstream)
        self._connections.add(connection)
        try:
            await connection.run()
        finally:
            self._connections.discard(connection)


Stream = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class _Connection:
    def __init__(self, proxy: Proxy, client: Stream, broker: Stream) -> None:
        self._proxy = proxy
        self._client = client
        self._broker = broker
        self._unanswered = False

    async def run(self) -> None:
        pumps = [
            asyncio.ensure_future(self._pump(self._request, self._client[0], self._broker[1])),
            asyncio.ensure_future(self._pump(self._answer, self._broker[0], self._client[1])),
        ]
        await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        self.abort()
        for pump in pumps:
            pump.cancel()
        await asyncio.gather(*pumps, return_exceptions=True)

    def abort(self) -> None:
        for _, writer in (self._client, self._broker):
            writer.transport.abort()

    async def _pump(
        self, read: Callable[[], Awaitable[bytes]], _: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """Read ahead while what was read before is under way."""
        waiting: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(_WAITING)
        passing = asyncio.ensure_future(self._pass(waiting, writer))
        try:
            while not passing.done() and (data := await read()):
                await waiting.put((time.monotonic() + self._proxy.delay, data))
            await waiting.put((0.0, b""))
            await passing
        except (OSError, asyncio.IncompleteReadError):
            return
        finally:
            passing.cancel()
            with contextlib.suppress(asyncio.CancelledError, OSError):
                await passing

    async def _pass(self, waiting: asyncio.Queue[tuple[float, bytes]], writer: asyncio.StreamWriter) -> None:
        while True:
            due, data = await waiting.get()
            if not data:
                return
            await self._proxy.passing(due)
            to_broker = writer is self._broker[1]
            if to_broker and self._proxy.breaks(struct.unpack_from(">h", data, 4)[0]):
                if self._proxy.half():
                    writer.write(data[: len(data) // 2])
                    await writer.drain()
                    self.abort()
                    return
                self._unanswered = True
            elif not to_broker and self._unanswered:
                self.abort()
                return
            writer.write(data)
            await writer.drain()

    async def _request(self) -> bytes:
        """One request of the client, whole."""
        reader = self._client[0]
        try:
            size = await reader.readexactly(4)
        except asyncio.IncompleteReadError:
            return b""
        (length,) = struct.unpack(">i", size)
        if not 2 <= length <= _LARGEST:
            return b""  # no Kafka client
        return size + await reader.readexactly(length)

    async def _answer(self) -> bytes:
        return await self._broker[0].read(_CHUNK)


class Proxies:
    """Several proxies before one broker, in a thread of their own; one for each worker, so that each can be cut off."""

    def __init__(self, ports: list[tuple[int, int]], seed: int) -> None:
        self.all = [Proxy(port, broker_port, random.Random(f"{seed} {port}")) for port, broker_port in ports]
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxies", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        for proxy in self.all:
            asyncio.run_coroutine_threadsafe(proxy.start(), self._loop).result(10)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for proxy in self.all:
            asyncio.run_coroutine_threadsafe(proxy.stop(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    def cut(self, proxy: Proxy) -> None:
        self._loop.call_soon_threadsafe(proxy.cut)
