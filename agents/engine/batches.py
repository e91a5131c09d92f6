"""How much one batch holds. A record is never cut: the first one always fits, whatever its size."""

from __future__ import annotations

from agents.engine.transport import Incoming

MAX_BATCH_BYTES = 8 * 1024 * 1024
MAX_BATCH_ENTRIES = 500


class Filling:
    """What a batch holds so far."""

    def __init__(self) -> None:
        self._records = 0
        self._bytes = 0
        self._entries = 0

    def has_room(self, record: Incoming) -> bool:
        """Whether the record still belongs to this batch."""
        if self._records == 0:
            return True
        return self._bytes + record.size <= MAX_BATCH_BYTES and self._entries < MAX_BATCH_ENTRIES

    def add(self, record: Incoming, entries: int) -> None:
        self._records += 1
        self._bytes += record.size
        self._entries += entries
