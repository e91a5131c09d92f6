"""Where each stage stands, by its own changelog; and whether its input is still the topic that it worked on."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping

import msgspec

from agents.engine.reader import At, Reader, Span
from agents.engine.store import POSITION_KEY, decode_position
from agents.engine.topics import INPUT, Naming
from schemas import StageName

_TAIL = 2000  # records; each batch ends with a position, each take-over leaves a few aborted ones behind

_FURTHER = 4  # times as far at each look for a last position


async def positions(reader: Reader, naming: Naming, stage: StageName, partitions: int) -> dict[int, int]:
    """The next input offset of each partition that a stage has worked on, as far as its changelog's end tells."""
    topic = naming.changelog(stage)
    bounds = await reader.bounds([(topic, partition) for partition in range(partitions)])
    found: dict[int, int] = {}
    async for batch in reader.read({at: (max(begin, end - _TAIL), end) for at, (begin, end) in bounds.items()}):
        for record in batch:
            if record.key == POSITION_KEY and record.value is not None:
                try:
                    found[record.partition] = decode_position(record.value).next
                except msgspec.DecodeError:
                    continue  # the worker that restores it says so
    return found


async def last_positions(reader: Reader, spans: Mapping[At, Span]) -> dict[At, int]:
    """The next input offset that the last position in each changelog's span names; none for one without a position.

    Looked for from the end: mostly the last record is it, and behind it stand a marker and what take-overs aborted.
    """
    found: dict[At, int] = {}
    upto = {at: end for at, (_, end) in spans.items()}
    reach = 2
    while open_ := [at for at, (begin, _) in spans.items() if at not in found and begin < upto[at]]:
        looks = {at: (max(spans[at][0], upto[at] - reach), upto[at]) for at in open_}
        async for batch in reader.read(looks):
            for record in batch:
                if record.key == POSITION_KEY and record.value is not None:
                    with contextlib.suppress(msgspec.DecodeError):  # the worker that restores it says so
                        found[record.topic, record.partition] = decode_position(record.value).next
        upto |= {at: first for at, (first, _) in looks.items()}
        reach *= _FURTHER
    return found


async def created_anew(reader: Reader, naming: Naming, partitions: Mapping[StageName, int]) -> list[str]:
    """A sentence for each input topic that ends before the position of its stage: it is not the one that it was.

    `partitions`: the number that stage's changelog and input have in common. A stage would pass over all that
    comes until the topic is as long as the old one was.
    """
    found: list[str] = []
    for stage, count in partitions.items():
        topic = naming.topic(INPUT[stage])
        stands = await positions(reader, naming, stage, count)
        bounds = await reader.bounds([(topic, partition) for partition in range(count)])
        ahead = [(number, at) for number, at in sorted(stands.items()) if at > bounds[topic, number][1]]
        if ahead:
            number, at = ahead[0]
            found.append(
                f"{topic}/{number} ends at {bounds[topic, number][1]:,}, but {stage.value} has worked on it up to "
                f"{at:,}: the topic was created anew. Stop the workers and start the next generation knowingly: set "
                f"FEEDMILL_GENERATION={naming.generation + 1}, then `feedmill topics apply`."
            )
    return found
