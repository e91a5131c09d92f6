"""The way of an entry through a mill's topics, and what befell the mill meanwhile."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
from aiokafka import AIOKafkaConsumer, TopicPartition
from msgspec import Struct

from agents.engine.frames import UnreadableFrameError, decode_frame
from agents.engine.store import POSITION_KEY, decode_position
from agents.engine.topics import INPUT, Naming
from agents.stage import INTERNAL, Topic
from schemas import StageName
from tests.chaos.check import Place, name, place_of
from tests.chaos.storm import Event

AROUND_SECONDS = 20.0
"""What befell the mill so long before and after the entry stood somewhere is told."""

MOST_ENTRIES = 2

_STAGE = {INPUT[stage]: stage for stage in StageName}


class Line(Struct, frozen=True, order=True):
    time: float
    what: str
    is_way: bool = False


async def history(
    connection: Mapping[str, Any], naming: Naming, partitions: int, entries: Sequence[Place], events: Iterable[Event]
) -> list[str]:
    """Lines for people, in order of time; those with a `>` are the way of the first entries."""
    entries = entries[:MOST_ENTRIES]
    way = [line async for line in _way(connection, naming, partitions, entries)]
    if not way:
        lines = [Line(event.time, event.what) for event in events]
    else:
        first, last = min(line.time for line in way), max(line.time for line in way)
        around = (
            Line(event.time, event.what)
            for event in events
            if first - AROUND_SECONDS <= event.time <= last + AROUND_SECONDS
        )
        lines = [*way, *around]
    return [
        f"{datetime.fromtimestamp(line.time, UTC):%H:%M:%S.%f} {'>' if line.is_way else ' '} {line.what}"
        for line in sorted(lines)
    ]


async def _way(
    connection: Mapping[str, Any], naming: Naming, partitions: int, entries: Sequence[Place]
) -> AsyncIterator[Line]:
    for topic in Topic:
        committed = {
            place async for place, _ in _records(connection, naming.topic(topic), partitions, "read_committed")
        }
        async for at, record in _records(connection, naming.topic(topic), partitions, "read_uncommitted"):
            for entry in entries:
                if not (says := _holds(topic, record, entry)):
                    continue
                fate = "" if at in committed else ", in a transaction that was aborted or is open"
                stands = f"{name(entry)} stands at {topic.value}/{at[0]}/{at[1]}{says}{fate}"
                yield Line(record.timestamp / 1000, stands, True)
                if (stage := _STAGE.get(topic)) is not None and at in committed:
                    async for line in _passed(connection, naming, stage, at, entry):
                        yield line


async def _passed(
    connection: Mapping[str, Any], naming: Naming, stage: StageName, at: tuple[int, int], entry: Place
) -> AsyncIterator[Line]:
    """The transactions of a stage that went beyond a record of its input, committed or not."""
    partition, offset = at
    seen = {
        place async for place, _ in _records(connection, naming.changelog(stage), None, "read_committed", partition)
    }
    before = 0
    async for place, record in _records(connection, naming.changelog(stage), None, "read_uncommitted", partition):
        if record.key != POSITION_KEY or record.value is None:
            continue
        position = decode_position(record.value)
        if before <= offset < position.next:
            fate = "" if place in seen else ", aborted or open"
            by = f"writer {position.writer.hex()[:8]}, its transaction {position.count}"
            what = f"{name(entry)} is passed by {stage.value}, to {position.next}, {by}{fate}"
            yield Line(record.timestamp / 1000, what, True)
        if place in seen:
            before = position.next


async def _records(
    connection: Mapping[str, Any], topic: str, partitions: int | None, isolation: str, only: int = 0
) -> AsyncIterator[tuple[tuple[int, int], Any]]:
    """All of a topic, or of one partition."""
    asked = [TopicPartition(topic, number) for number in ([only] if partitions is None else range(partitions))]
    consumer = AIOKafkaConsumer(
        **connection, group_id=None, enable_auto_commit=False, isolation_level=isolation, auto_offset_reset="earliest"
    )
    await consumer.start()
    try:
        consumer.assign(asked)
        ends = await consumer.end_offsets(asked)
        open_ = {at for at in asked if ends[at] > 0}
        for at in open_:
            consumer.seek(at, 0)
        while open_:
            fetched = await consumer.getmany(*open_, timeout_ms=200)
            for at, records in fetched.items():
                for record in records:
                    yield (at.partition, record.offset), record
            open_ = {at for at in open_ if await consumer.position(at) < ends[at]}
    finally:
        await consumer.stop()


def _holds(topic: Topic, record: Any, entry: Place) -> str:
    """What a record says about an entry; "" where it is of others."""
    if topic is Topic.RAW:
        return f" ({len(record.value or b'')} bytes)" if (record.partition, record.offset) == entry[:2] else ""
    if not record.value:
        return ""
    if topic in INTERNAL:
        try:
            parts = decode_frame(record.value)
        except UnreadableFrameError:
            return ""
        refs = [(ref.partition, ref.offset, ref.index) for ref, _ in parts if ref is not None]
        return f" ({refs.index(entry) + 1} of {len(refs)} in a frame)" if entry in refs else ""
    told = msgspec.json.decode(record.value)
    if place_of(told) != entry:
        return ""
    rule = told.get("code") or told["decision"]["rule"]
    return f" (revision {told.get('revision')} of {told.get('id')}, {rule})"
