"""What was fetched for a stage and waits: bounded by bytes as well as by number.

Faust counts messages, and as many documents of 8 MiB can be two gigabytes.
"""

from __future__ import annotations

from collections import deque
from typing import Any

from mode.utils.queues import ThrowableQueue

MAX_BYTES = 8 * 1024 * 1024


class Inbox(ThrowableQueue[Any]):
    """Faust's queue of events. Its size is what is asked about fullness: the fuller of the two measures counts."""

    _queue: deque[Any]  # of asyncio's queue
    _bytes = 0

    def qsize(self) -> int:
        waiting = len(self._queue)
        return max(waiting, -(-self._bytes * self.maxsize // MAX_BYTES)) if waiting else 0

    def clear(self) -> None:
        self._bytes = 0
        super().clear()

    def _put(self, item: Any) -> None:
        self._bytes += _size(item)
        super()._put(item)

    def _get(self) -> Any:
        item = super()._get()
        self._bytes -= _size(item)
        return item


def _size(event: Any) -> int:
    message = getattr(event, "message", None)
    return 0 if message is None else len(message.value or b"")
