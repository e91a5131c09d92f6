"""Turns at the processor: no batch is begun while a transaction of this worker has been open for long.

All stages and partitions share one event loop. While one batch is worked on, the open transactions of the others
stand still; sixteen batches of a second in a row ran into every time-out that there is, and again after each restart.

Large batches also wait for each other: a document of 8 MiB is many times that while a stage has it in hand.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator

MOST_SECONDS = 2.0
"""An open transaction stands still for so long and one more batch at most: far below any time-out."""

LARGE_BYTES = 1024 * 1024
"""A batch from this size on waits for other large ones; smaller ones never do."""

MOST_BYTES = 8 * 1024 * 1024
"""Of large batches in open transactions together. One alone may be larger."""


class Turns:
    """One for all the loops of a worker. `timer` counts seconds."""

    def __init__(self, timer: Callable[[], float]) -> None:
        self._timer = timer
        self._open: dict[object, float] = {}  # in the order of their beginning
        self._large: dict[object, int] = {}
        self._closed = asyncio.Event()

    async def come(self, size: int = 0) -> None:
        """Wait until a batch of so many bytes may be worked on."""
        while self._is_late() or self._is_too_much(size):
            self._closed.clear()
            await self._closed.wait()

    @contextlib.contextmanager
    def open(self, size: int = 0) -> Iterator[None]:
        """For the time that something waits for the broker and must not stand still. `size`: bytes of the batch."""
        one = object()
        self._open[one] = self._timer()
        if size >= LARGE_BYTES:
            self._large[one] = size
        try:
            yield
        finally:
            del self._open[one]
            self._large.pop(one, None)
            self._closed.set()

    def _is_late(self) -> bool:
        return bool(self._open) and self._timer() - next(iter(self._open.values())) > MOST_SECONDS

    def _is_too_much(self, size: int) -> bool:
        return size >= LARGE_BYTES and bool(self._large) and sum(self._large.values()) + size > MOST_BYTES
