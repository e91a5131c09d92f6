"""Which records are suspect: those that the last owner of a partition may have died of.

Beside its offset the group keeps a mark: who is at work on the partition, or that its last owner stopped in order.
A partition that is taken over without the latter is suspect as far as one batch of the last owner can have gone,
and no farther than the partition reached when it was taken over. docs/decisions/0011 has the reasons.
"""

from __future__ import annotations

from agents.engine.batches import Filling
from agents.engine.transport import Committed, Incoming

IN_ORDER = "stopped in order"


def at_work(owner: bytes) -> str:
    """The mark of an owner that may die at any record from here on."""
    return f"at work: {owner.hex()}"


class Suspicion:
    """The records of one partition that are suspect. `end` is where it ended at the take-over, exclusive."""

    def __init__(self, end: int) -> None:
        self.end = end
        self._lost = Filling()

    def covers(self, record: Incoming) -> bool:
        """Whether the record can have been in the batch that the last owner had in hand. Asked in order."""
        return record.offset < self.end and self._lost.has_room(record)

    def passed(self, record: Incoming, entries: int) -> None:
        """The record was worked off, with so many entries in it."""
        self._lost.add(record, entries)


def is_suspect(found: Committed | None, position: int, *, mine: str, kept: bool) -> bool | None:
    """Whether a partition's last owner may have died at work; None where it is the same owner as before.

    `found` is what the group knows, `mine` the mark of this owner, and `kept` whether it has held the partition
    since it set that. Without a mark nobody has worked here, or the group has forgotten it: then the state tells.
    """
    if found is None:
        return None if kept else position > 0
    if found.mark == mine and kept:
        return None
    return found.mark != IN_ORDER
