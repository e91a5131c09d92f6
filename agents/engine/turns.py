"""Turns at the processor: no batch is begun while a transaction of this worker has been open for long.

All stages and partitions share one event loop. While one batch is worked on, the open transactions of the others
stand still; sixteen batches of a second in a row ran into every time-out that there is, and again after each restart.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator

MOST_SECONDS = 2.0
"""An open transaction stands still for so long and one more batch at most: far below any time-out."""


class Turns:
    """One for all the loops of a worker. `timer` counts seconds."""

    def __init__(self, timer: Callable[[], float]) -> None:
        self._timer = timer
        self._open: dict[object, float] = {}  # in the order of their beginning
        self._closed = asyncio.Event()

    async def come(self) -> None:
        """Wait until a batch may be worked on."""
        while self._open and self._timer() - next(iter(self._open.values())) > MOST_SECONDS:
            self._closed.clear()
            await self._closed.wait()

    @contextlib.contextmanager
    def open(self) -> Iterator[None]:
        """For the time that something waits for the broker and must not stand still."""
        one = object()
        self._open[one] = self._timer()
        try:
            yield
        finally:
            del self._open[one]
            self._closed.set()
