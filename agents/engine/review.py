"""The review of dead letters: reads from the topics which of them wait for a replay.

Bounded whatever the topics hold: letters are taken in rounds of so many places, and each round reads once what came
after its oldest letter. A replay that is older than all that `feeds.raw` still holds is known by its item alone; one
that ended as a duplicate then is forgotten, and its letter is replayed once more.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from typing import Any

import msgspec
from msgspec import Struct

from agents.engine.admin import Admin, Found
from agents.engine.audit import SKEW_MS
from agents.engine.intake import raw_document
from agents.engine.reader import At, Reader
from agents.engine.replays import Letter, Place, Round, Verdict
from agents.engine.topics import Naming
from agents.engine.transport import Incoming
from agents.stage import Topic
from schemas import DeadLetterCode, Position, StageName

ROUND = 50_000
"""Places that are reviewed at once: some 60 MB."""

Progress = Callable[[int], None]
"""Is told how many more records were read."""


class _Source(Struct):
    topic: str
    partition: int
    offset: int
    index: int | None = None
    ref: str | None = None


class Outline(Struct):
    """A dead letter without its payload."""

    stage: StageName
    code: DeadLetterCode
    source: _Source
    replay_of: Position | None = None


class _Item(Struct):
    source: _Source
    replay_of: Position | None = None


_outlines = msgspec.json.Decoder(Outline)
_items = msgspec.json.Decoder(_Item)


class Review:
    """Reviews the letters of one mill. `force`: letters are due whatever became of their earlier replays."""

    def __init__(
        self,
        admin: Admin,
        connection: Mapping[str, Any],
        naming: Naming,
        *,
        force: bool = False,
        progress: Progress = lambda _: None,
    ) -> None:
        self._admin = admin
        self._connection = connection
        self._naming = naming
        self._force = force
        self._progress = progress
        self._raw = naming.topic(Topic.RAW)

    async def rounds(self, wanted: Callable[[Outline], bool]) -> AsyncIterator[Verdict]:
        """The verdict on all letters that are `wanted`, in rounds; what is no letter is passed over.

        Letters that come while this goes on are left to the next review.
        """
        found = await self._admin.topics(f"{self._naming.prefix}.", configs=False)
        letters = _partitions(self._naming.topic(Topic.DEAD_LETTER), found)
        async with Reader(self._connection) as reader:
            spans = await reader.bounds(letters)
            round_ = Round(self._raw)
            async for batch in reader.read(spans):
                self._progress(len(batch))
                for outline, record in _outlined(batch):
                    if wanted(outline):
                        round_.add(*self._read(round_, outline, record))
                if len(round_) >= ROUND:
                    yield await self._verdict(round_, found)
                    round_ = Round(self._raw)
            if len(round_):
                yield await self._verdict(round_, found)

    async def _verdict(self, round_: Round, found: Mapping[str, Found]) -> Verdict:
        """Order matters: what the mill had taken, then its letters, then what was published."""
        taken = await self._admin.committed(self._naming.group)
        async with Reader(self._connection) as reader:
            await self._see_letters(reader, round_, found)
            if not self._force:
                await self._see_replays(reader, round_, found)
        return round_.verdict({number: at for (topic, number), at in taken.items() if topic == self._raw})

    async def _see_letters(self, reader: Reader, round_: Round, found: Mapping[str, Found]) -> None:
        async for batch in reader.read(await reader.bounds(_partitions(self._naming.topic(Topic.DEAD_LETTER), found))):
            self._progress(len(batch))
            for outline, record in _outlined(batch):
                round_.letter(*self._read(round_, outline, record))

    async def _see_replays(self, reader: Reader, round_: Round, found: Mapping[str, Found]) -> None:
        raw = _partitions(self._raw, found)
        async for batch in self._after(reader, raw, round_.since):
            for record in batch:
                if not any(name.lower() == "replay-of" for name, _ in record.headers):
                    continue
                document = raw_document(record)
                if position := Position.parse(document.replay_of or ""):
                    place = round_.place(position, document.ref)
                    round_.replay(place, record.timestamp, (record.partition, record.offset))
        if await self._holds_since(reader, raw) > round_.since:
            await self._see_items(reader, round_, found)

    async def _see_items(self, reader: Reader, round_: Round, found: Mapping[str, Found]) -> None:
        async for batch in self._after(reader, _partitions(self._naming.topic(Topic.ENRICHED), found), round_.since):
            for record in batch:
                try:
                    item = _items.decode(record.value or b"")
                except (msgspec.DecodeError, RecursionError):
                    continue  # a tombstone, or none of ours
                if item.replay_of is not None:
                    round_.item(round_.place(item.replay_of, item.source.ref), record.timestamp)

    async def _after(self, reader: Reader, partitions: list[At], time_ms: int) -> AsyncIterator[list[Incoming]]:
        """What is not older than a time, with a margin for clocks that differ."""
        bounds = await reader.bounds(partitions)
        first = await reader.offsets_at(partitions, max(0, time_ms - SKEW_MS))
        starts = {
            at: end if (offset := first[at]) is None else max(begin, offset) for at, (begin, end) in bounds.items()
        }
        async for batch in reader.read({at: (start, bounds[at][1]) for at, start in starts.items()}):
            self._progress(len(batch))
            yield list(batch)

    async def _holds_since(self, reader: Reader, partitions: list[At]) -> int:
        """From when on a topic surely holds all records, in ms; 0 where nothing is gone yet."""
        since = 0
        for at, (begin, end) in (await reader.bounds(partitions)).items():
            if begin > 0:
                first = await reader.first(at, (begin, end))
                since = max(since, _NOW if first is None else first.timestamp)
        return since

    def _read(self, round_: Round, outline: Outline, record: Incoming) -> tuple[Place, Letter]:
        source = outline.source
        position = outline.replay_of or Position(source.topic, source.partition, source.offset, source.index)
        raw = (source.partition, source.offset) if source.topic == self._raw else None
        letter = Letter(record.timestamp, record.partition, record.offset, raw)
        return round_.place(position, source.ref), letter


_NOW = 1 << 62  # later than any record


def _partitions(topic: str, found: Mapping[str, Found]) -> list[At]:
    return [(topic, partition) for partition in range(found[topic].partitions)]


def _outlined(batch: Iterable[Incoming]) -> Iterable[tuple[Outline, Incoming]]:
    for record in batch:
        try:
            yield _outlines.decode(record.value or b""), record
        except (msgspec.DecodeError, RecursionError):
            continue
