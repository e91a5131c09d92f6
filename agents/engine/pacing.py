"""Connections to a broker that is away are tried with growing pauses.

aiokafka has none between them: each client tries again as soon as it wants something, and the dozens of clients of
one worker came to 240 attempts a second.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

from msgspec import Struct

FIRST_SECONDS = 0.05
LONGEST_SECONDS = 1.0
"""As in Java's clients (`reconnect.backoff.ms`, `reconnect.backoff.max.ms`)."""

_PACES = "feedmill_paces"

Connect = Callable[..., Awaitable[Any]]


class Pace(Struct):
    """One client's luck with one broker. Seconds are the timer's."""

    failures: int = 0
    next: float = 0.0

    def wait(self, now: float) -> float:
        """Seconds until the next attempt may be made; 0 takes the turn, the one after it comes a pause later."""
        if (seconds := self.next - now) > 0:
            return seconds
        if self.failures:
            self.next = now + self._pause
        return 0.0

    def failed(self, now: float) -> None:
        self.failures += 1
        self.next = now + self._pause

    @property
    def _pause(self) -> float:
        return min(FIRST_SECONDS * 2.0 ** min(self.failures - 1, 10), LONGEST_SECONDS)


def paced(connect: Connect) -> Connect:
    """AIOKafkaClient._get_conn, which gives None where there is no connection, with pauses after failures."""

    async def connect_paced(client: Any, node_id: Any, **how: Any) -> Any:
        paces: dict[Any, Pace] = client.__dict__.setdefault(_PACES, {})
        pace = paces.get(node_id)
        if pace is not None:
            await _turn(pace)
        made = await connect(client, node_id, **how)
        if made is None:
            paces.setdefault(node_id, Pace()).failed(time.monotonic())
        elif pace is not None:
            paces.pop(node_id, None)
        return made

    return connect_paced


async def _turn(pace: Pace) -> None:
    while True:
        if not (seconds := pace.wait(time.monotonic())):
            return
        await asyncio.sleep(seconds)
