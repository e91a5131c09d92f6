"""The newest records of a topic, over all its partitions, found from their ends."""

from __future__ import annotations

import heapq
from collections.abc import Mapping, Sequence

from agents.engine.reader import At, Reader, Span
from agents.engine.transport import Incoming

_FURTHER = 4  # times as far at each look, where markers and compaction left fewer records than offsets

Mark = tuple[int, int]
"""A record's time in milliseconds, and its offset."""


async def newest(reader: Reader, spans: Mapping[At, Span], number: int) -> list[Incoming]:
    """The last `number` records of all spans together, oldest first: by their times, and by offset in each partition.

    Keeps `number` records, and as many pairs of numbers for each partition; reads about twice what it keeps of each.
    """
    starts = first_offsets(await _marks(reader, spans, number), number)
    found: dict[At, list[Incoming]] = {at: [] for at in starts}
    async for batch in reader.read({at: (offset, spans[at][1]) for at, offset in starts.items()}):
        found[batch[0].topic, batch[0].partition].extend(batch)
    return list(heapq.merge(*found.values(), key=lambda record: record.timestamp))


def first_offsets(marks: Mapping[At, Sequence[Mark]], number: int) -> dict[At, int]:
    """Where the last `number` records of all partitions together begin in each that has any of them.

    Taken from the ends, so that a partition is never left out in the middle, whatever its clock did.
    """
    left = {at: list(ends) for at, ends in marks.items() if ends}
    starts: dict[At, int] = {}
    for _ in range(number):
        if not left:
            break
        at = max(left, key=lambda one: left[one][-1][0])
        starts[at] = left[at].pop()[1]
        if not left[at]:
            del left[at]
    return starts


async def _marks(reader: Reader, spans: Mapping[At, Span], number: int) -> dict[At, list[Mark]]:
    """The last `number` records of each span, as marks."""
    marks: dict[At, list[Mark]] = {at: [] for at in spans}
    begun = {at: end for at, (_, end) in spans.items()}
    reach = 2 * number + 2  # half of the offsets may be markers
    while open_ := [at for at, (begin, _) in spans.items() if len(marks[at]) < number and begin < begun[at]]:
        looks = {at: (max(spans[at][0], begun[at] - reach), begun[at]) for at in open_}
        seen: dict[At, list[Mark]] = {at: [] for at in open_}
        async for batch in reader.read(looks):
            at = (batch[0].topic, batch[0].partition)
            seen[at] = [*seen[at], *((record.timestamp, record.offset) for record in batch)][-number:]
        for at in open_:
            marks[at] = [*seen[at], *marks[at]][-number:]
            begun[at] = looks[at][0]
        reach *= _FURTHER
    return marks
