"""The numbers of revisions, as the ledger checks them: no number given twice, none left out, all in their order.

24 bytes for each item or dead letter; an item is known by the first half of its id, which is a hash.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from msgspec import Struct

_ITEM, _REPLAYED, _JUDGED = 1, 2, 4
_FLAG_BITS = 3

_PARTITION_BITS = 10
_OFFSET_BITS = 38
_INDEX_BITS = 16


class Source(Struct, frozen=True):
    """Where an entry stands in the raw topic."""

    partition: int
    offset: int
    index: int

    @property
    def is_one(self) -> bool:
        """Whether an entry can stand there."""
        return (
            0 <= self.partition < 1 << _PARTITION_BITS
            and 0 <= self.offset < 1 << _OFFSET_BITS
            and 0 <= self.index < 1 << _INDEX_BITS
        )


class Numbers:
    """All revision numbers that were read, in the order in which they stand on their topics."""

    def __init__(self, topic: str) -> None:
        self._topic = topic
        self._ids = array("Q")
        self._numbers = array("Q")
        self._sources = array("Q")

    def __len__(self) -> int:
        """How many are kept."""
        return len(self._ids)

    def note(self, id: str, revision: int, source: Source, *, item: bool, replayed: bool, judged: bool) -> bool:
        """Take one number in; False where these are no id, no number or no place: anybody may write such a record.

        `replayed`: it was given before, and may stand again. `judged`: the document is one of those that the audit is
        about; others can only fill a gap.
        """
        try:
            key = int(id[:16], 16)
        except ValueError:
            return False
        if len(id) != 32 or key < 0 or not 1 <= revision < 1 << 60 or not source.is_one:
            return False
        self._ids.append(key)
        self._numbers.append(revision << _FLAG_BITS | item * _ITEM | replayed * _REPLAYED | judged * _JUDGED)
        self._sources.append(
            source.partition << _OFFSET_BITS + _INDEX_BITS | source.offset << _INDEX_BITS | source.index
        )
        return True

    def slide(self, windows: Mapping[int, tuple[int, int]]) -> None:
        """Judge the documents of these offsets of each partition from now on, and no others.

        Numbers of documents before them stay only as long as they can fill a gap behind one that is judged.
        """
        ids, numbers, sources = (np.array(kept, np.uint64) for kept in (self._ids, self._numbers, self._sources))
        if not ids.size:
            return
        partitions = (sources >> np.uint64(_OFFSET_BITS + _INDEX_BITS)).astype(np.intp)
        offsets = (sources >> np.uint64(_INDEX_BITS) & np.uint64((1 << _OFFSET_BITS) - 1)).astype(np.int64)
        begins, ends = np.zeros(int(partitions.max()) + 1, np.int64), np.zeros(int(partitions.max()) + 1, np.int64)
        for partition, (begin, end) in windows.items():
            if partition < begins.size:
                begins[partition], ends[partition] = begin, end
        begun = offsets >= begins[partitions]
        inside = begun & (offsets < ends[partitions])
        numbers = numbers & ~np.uint64(_JUDGED) | inside.astype(np.uint64) * np.uint64(_JUDGED)
        given = (numbers >> np.uint64(_FLAG_BITS)).astype(np.int64)
        names, which = np.unique(ids, return_inverse=True)
        lowest = np.full(names.size, np.iinfo(np.int64).max)
        counts = inside & (numbers & np.uint64(_REPLAYED) == 0)
        np.minimum.at(lowest, which[counts], given[counts])
        keep = begun | (given > lowest[which])
        for kept, values in ((self._ids, ids), (self._numbers, numbers), (self._sources, sources)):
            del kept[:]
            kept.frombytes(values[keep].tobytes())

    def wrong(self) -> Iterator[str]:
        """Everything that is wrong with them, as sentences that begin with where the entry stands."""
        for members in self._several():
            yield from self._judged(members)
            yield from self._gaps(members)

    def _several(self) -> Iterator[Sequence[int]]:
        """The places of each item that has more than one number, as they stand on their topics."""
        ids = np.array(self._ids, np.uint64)
        order = ids.argsort(kind="stable")
        ids = ids.take(order)
        begins = np.flatnonzero(np.append(True, ids[1:] != ids[:-1])) if ids.size else np.empty(0, np.intp)
        ends = np.append(begins[1:], ids.size)
        for at in np.flatnonzero(ends - begins > 1):
            yield order[begins[at] : ends[at]].tolist()

    def _judged(self, members: Sequence[int]) -> Iterator[str]:
        """Numbers given twice, and items that stand behind a later revision: who upserts would keep the older."""
        given: dict[int, int] = {}
        latest = 0
        for at in members:
            number, flags = self._numbers[at] >> _FLAG_BITS, self._numbers[at]
            if flags & _REPLAYED or not flags & _JUDGED:
                continue  # what is not asked about may be another generation's
            first = given.setdefault(number, at)
            if first != at:
                if self._sources[first] != self._sources[at]:
                    yield f"{self._place(at)}: revision {number} of its item, as {self._place(first)} is"
            elif flags & _ITEM:
                if number < latest:
                    yield f"{self._place(at)}: revision {number} of its item stands behind revision {latest}"
                latest = max(latest, number)

    def _gaps(self, members: Sequence[int]) -> Iterator[str]:
        """Numbers left out after one that is judged: what came later than that cannot be gone yet."""
        judged: dict[int, int | None] = {}
        for at in members:
            number, flags = self._numbers[at] >> _FLAG_BITS, self._numbers[at]
            is_judged = flags & _JUDGED and not flags & _REPLAYED
            judged[number] = at if is_judged else judged.get(number)
        before: int | None = None
        for number in sorted(judged):
            at_ = judged[number]
            if at_ is not None and before is not None and number > before + 1:
                yield f"{self._place(at_)}: revision {number} of its item, and the one before is revision {before}"
            if at_ is not None or before is not None:
                before = number

    def _place(self, at: int) -> str:
        packed = self._sources[at]
        index = packed & (1 << _INDEX_BITS) - 1
        offset = packed >> _INDEX_BITS & (1 << _OFFSET_BITS) - 1
        return f"{self._topic}/{packed >> _OFFSET_BITS + _INDEX_BITS}/{offset}/{index}"
