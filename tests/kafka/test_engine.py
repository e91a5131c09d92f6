"""The engine's transport and loop on a real Kafka: fencing, restoring, refusing, proving."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRebalanceListener, TopicPartition

from agents.engine.admin import administration
from agents.engine.broker import EmbeddedBroker
from agents.engine.guard import change_faust
from agents.engine.kafka import KafkaTransport, incoming
from agents.engine.loop import StageLoop
from agents.engine.store import STATE_PREFIX, MemoryTables, RocksTables, Store, Tables
from agents.engine.topics import Naming, topic_table
from agents.engine.transport import EngineError, FencedError, Incoming
from agents.stage import EntryRef, Output, State, Topic
from schemas import DeadLetterCode, StageName
from tests.engine.model.worker import Silent

PARTITIONS = 2
REFUSED_KEY = b"refused"


class Counting:
    """A stage that numbers the values of each key: every error of the engine shows in a number."""

    name = StageName.STORIES

    def prepare(self, state: State) -> Iterator[None]:
        yield from ()

    def handle(self, batch: Sequence[Incoming], state: State, now: datetime) -> list[Output]:
        outputs = []
        for record in batch:
            key = record.key or b""
            number = int(state.get(key) or 0) + 1
            state.put(key, b"%d" % number)
            ref = EntryRef(record.partition, record.offset, 0)
            size = int(record.value or 0)
            outputs.append(Output(Topic.ENRICHED, key, b"%d" % number + b"." * size, ref))
        return outputs

    def refused(self, output: Output, code: DeadLetterCode, message: str, now: datetime) -> Output:
        return Output(Topic.DEAD_LETTER, None, message.encode(), output.entry)

    def condemned(self, one: Incoming, code: DeadLetterCode, message: str, now: datetime) -> Output:
        return Output(Topic.DEAD_LETTER, None, message.encode(), EntryRef(one.partition, one.offset, 0))


class Place:
    """One mill's topics on the shared broker, with a producer for its input."""

    def __init__(self, address: str) -> None:
        self.connection = {"bootstrap_servers": address}
        self.naming = Naming(f"engine-{uuid4().hex[:8]}")
        self.input = self.naming.topic(Topic.DRAFTS)

    async def create(self) -> None:
        async with administration(self.connection) as admin:
            await admin.create(topic_table(self.naming, partitions=PARTITIONS, replication=1), 1)

    async def publish(self, *records: tuple[bytes, int]) -> list[Incoming]:
        """Send (key, size) to partition 0 of the input; returns the records as a consumer gets them."""
        producer = AIOKafkaProducer(**self.connection)
        await producer.start()
        try:
            sent = [
                await producer.send_and_wait(self.input, b"%d" % size, key=key, partition=0) for key, size in records
            ]
        finally:
            await producer.stop()
        return [
            Incoming(self.input, 0, made.offset, made.timestamp, key, b"%d" % size)
            for made, (key, size) in zip(sent, records, strict=True)
        ]

    async def read(self, topic: str) -> list[Incoming]:
        """Everything committed in a topic."""
        consumer = AIOKafkaConsumer(**self.connection, isolation_level="read_committed", enable_auto_commit=False)
        await consumer.start()
        try:
            places = [TopicPartition(topic, number) for number in range(PARTITIONS)]
            consumer.assign(places)
            await consumer.seek_to_beginning(*places)
            ends = await consumer.end_offsets(places)
            found: list[Incoming] = []
            while any([await consumer.position(place) < ends[place] for place in places]):
                for records in (await consumer.getmany(timeout_ms=200)).values():
                    found.extend(incoming(record) for record in records)
            return found
        finally:
            await consumer.stop()

    async def numbers(self) -> list[tuple[bytes, int]]:
        """What came out: (key, number), by key and in order."""
        records = await self.read(self.naming.topic(Topic.ENRICHED))
        return sorted((record.key or b"", int((record.value or b"").rstrip(b"."))) for record in records)


class Owner:
    """One worker's loop over partition 0."""

    def __init__(self, place: Place, tables: Tables, transport: KafkaTransport | None = None) -> None:
        self.transport = transport or KafkaTransport(
            place.connection, group=place.naming.group, transaction_timeout_seconds=15
        )
        self.loop: StageLoop[Any] = StageLoop(
            Counting(),
            lambda record: [record],
            naming=place.naming,
            partitions=PARTITIONS,
            transport=self.transport,
            tables=tables,
            owned=lambda topic: {0},
            clock=lambda: datetime.now(UTC),
            timer=time.monotonic,
            observer=Silent(),
        )

    async def start(self) -> None:
        await self.transport.start()
        await self.loop.start()

    async def stop(self) -> None:
        await self.loop.stop()
        await self.transport.stop()


@pytest.fixture
async def place(broker: EmbeddedBroker) -> Place:
    made = Place(broker.address)
    await made.create()
    return made


@pytest.fixture
async def owners(place: Place) -> AsyncIterator[list[Owner]]:
    """Owners that a test makes; stopped at its end."""
    made: list[Owner] = []
    yield made
    for owner in made:
        await owner.stop()


async def owner_of(place: Place, owners: list[Owner], tables: Tables) -> Owner:
    owner = Owner(place, tables)
    owners.append(owner)
    await owner.start()
    return owner


async def test_outputs_state_and_position_go_together(place: Place, owners: list[Owner]) -> None:
    first = await owner_of(place, owners, MemoryTables())
    records = await place.publish((b"a", 0), (b"a", 0), (b"b", 0))
    await first.loop.run(records)
    assert await place.numbers() == [(b"a", 1), (b"a", 2), (b"b", 1)]
    assert first.loop.positions() == {}, "not verified yet"
    await first.loop.verify()
    assert first.loop.positions() == {0: records[-1].offset + 1}


async def test_a_commit_whose_markers_are_on_their_way_is_no_alarm(place: Place, owners: list[Owner]) -> None:
    """The broker answers a commit before the markers are written: seen in one of seven looks right after it."""
    owner = await owner_of(place, owners, MemoryTables())
    for record in await place.publish(*[(b"a", 0)] * 100):
        await owner.loop.run([record])
        await owner.loop.verify()
        assert owner.loop.positions() == {0: record.offset + 1}


async def test_records_that_come_again_are_skipped(place: Place, owners: list[Owner]) -> None:
    first = await owner_of(place, owners, MemoryTables())
    records = await place.publish((b"a", 0), (b"a", 0))
    await first.loop.run(records)
    await first.loop.run(records)
    assert await place.numbers() == [(b"a", 1), (b"a", 2)]


@pytest.mark.parametrize("lost", [False, True], ids=["warm", "cold"])
async def test_the_next_owner_goes_on_from_the_changelog(
    place: Place, owners: list[Owner], tmp_path: Path, lost: bool
) -> None:
    first = await owner_of(place, owners, RocksTables(tmp_path / "first", cache_bytes=1 << 20))
    await first.loop.run(await place.publish((b"a", 0), (b"b", 0)))
    await first.stop()
    owners.remove(first)
    folder = tmp_path / ("second" if lost else "first")
    second = await owner_of(place, owners, RocksTables(folder, cache_bytes=1 << 20))
    await second.loop.run(await place.publish((b"a", 0)))
    assert await place.numbers() == [(b"a", 1), (b"a", 2), (b"b", 1)]


async def test_a_stale_copy_reads_what_another_owner_did(place: Place, owners: list[Owner], tmp_path: Path) -> None:
    home, away = tmp_path / "home", tmp_path / "away"
    for folder in (home, away, home):
        owner = await owner_of(place, owners, RocksTables(folder, cache_bytes=1 << 20))
        await owner.loop.run(await place.publish((b"a", 0)))
        await owner.stop()
        owners.remove(owner)
    assert await place.numbers() == [(b"a", 1), (b"a", 2), (b"a", 3)]


async def test_a_store_of_another_log_is_rebuilt(place: Place, owners: list[Owner], tmp_path: Path) -> None:
    other = Place(place.connection["bootstrap_servers"])
    other.naming = place.naming  # the same names on what will be another log
    first = await owner_of(place, owners, RocksTables(tmp_path, cache_bytes=1 << 20))
    await first.loop.run(await place.publish((b"a", 0), (b"a", 0)))
    await first.stop()
    owners.remove(first)
    async with administration(place.connection) as admin:
        await admin._client.delete_topics(
            [spec.name for spec in topic_table(place.naming, partitions=2, replication=1)]
        )
    await _recreated(other)
    second = await owner_of(place, owners, RocksTables(tmp_path, cache_bytes=1 << 20))
    await second.loop.run(await place.publish((b"a", 0), (b"a", 0), (b"a", 0)))
    assert await place.numbers() == [(b"a", 1), (b"a", 2), (b"a", 3)]


async def _recreated(place: Place) -> None:
    for _ in range(50):
        try:
            await place.create()
            return
        except Exception:
            time.sleep(0.2)  # noqa: ASYNC251  # the broker deletes topics in its own time
    await place.create()


async def test_a_store_whose_first_restore_was_cut_short_is_rebuilt(place: Place, owners: list[Owner]) -> None:
    """A compacted changelog has its position at the end: half of it proves nothing, and may be of another log."""
    tables = MemoryTables()
    half = Store(tables, place.naming.changelog(StageName.STORIES), 0)
    half.restored([(0, STATE_PREFIX + b"a", b"41")], 1)
    owner = await owner_of(place, owners, tables)
    await owner.loop.run(await place.publish((b"a", 0)))
    assert await place.numbers() == [(b"a", 1)]


async def test_a_fenced_owner_commits_nothing(place: Place, owners: list[Owner]) -> None:
    zombie = await owner_of(place, owners, MemoryTables())
    await zombie.loop.run(await place.publish((b"a", 0)))
    heir = await owner_of(place, owners, MemoryTables())
    records = await place.publish((b"a", 0))
    await heir.loop.run(records)
    with pytest.raises(FencedError):
        await zombie.loop.run(records)
    assert await place.numbers() == [(b"a", 1), (b"a", 2)]


async def test_what_is_too_large_for_the_topic_becomes_a_dead_letter(place: Place, owners: list[Owner]) -> None:
    owner = await owner_of(place, owners, MemoryTables())
    await owner.loop.run(await place.publish((b"a", 0), (b"a", 5 << 20), (b"a", 0)))
    assert await place.numbers() == [(b"a", 1), (b"a", 3)]
    letters = await place.read(place.naming.topic(Topic.DEAD_LETTER))
    assert [b"more than" in (letter.value or b"") for letter in letters] == [True]


async def test_what_the_broker_refuses_becomes_a_dead_letter_and_the_rest_goes_on(
    place: Place, owners: list[Owner]
) -> None:
    """The topic's own limit is lower than the mill knows: the refusal comes with the delivery."""
    async with administration(place.connection) as admin:
        await admin.configure({place.naming.topic(Topic.ENRICHED): {"max.message.bytes": "20000"}})
    owner = await owner_of(place, owners, MemoryTables())
    records = await place.publish((b"a", 0), (b"b", 50_000), (b"a", 0), (b"b", 60_000), (b"b", 0))
    await owner.loop.run(records)
    await owner.loop.run(await place.publish((b"a", 0)))
    assert await place.numbers() == [(b"a", 1), (b"a", 2), (b"a", 3), (b"b", 3)]
    letters = await place.read(place.naming.topic(Topic.DEAD_LETTER))
    assert len(letters) == 2
    assert all(b"could not be sent" in (letter.value or b"") for letter in letters)


async def test_what_follows_a_refusal_in_its_partition_does_not_end_the_worker(
    place: Place, owners: list[Owner]
) -> None:
    """A large record is a producer's batch of its own; the batch behind it comes out of sequence, and is no culprit."""
    async with administration(place.connection) as admin:
        await admin.configure({place.naming.topic(Topic.ENRICHED): {"max.message.bytes": "600000"}})
    owner = await owner_of(place, owners, MemoryTables())
    await owner.loop.run(await place.publish((b"b", 0), (b"b", 700_000), (b"b", 0)))
    assert await place.numbers() == [(b"b", 1), (b"b", 3)]


async def test_a_changelog_that_refuses_the_state_stops_the_worker(place: Place, owners: list[Owner]) -> None:
    """No dead letter can take the place of state; tried again, it would be refused for ever."""
    async with administration(place.connection) as admin:
        await admin.configure({place.naming.changelog(StageName.STORIES): {"max.message.bytes": "200"}})
    owner = await owner_of(place, owners, MemoryTables())
    records = await place.publish(*[(b"key %d" % number, 0) for number in range(50)])
    with pytest.raises(EngineError, match="refuses the state"):
        await asyncio.wait_for(owner.loop.run(records), 30)
    assert await place.numbers() == []


async def test_a_lost_changelog_stops_the_worker(place: Place, owners: list[Owner]) -> None:
    """The group's offset says more was done than the state knows: nothing is processed on such a state."""
    records = await place.publish((b"a", 0), (b"a", 0))
    consumer = AIOKafkaConsumer(**place.connection, group_id=place.naming.group, enable_auto_commit=False)
    await consumer.start()
    try:
        consumer.assign([TopicPartition(place.input, 0)])
        await consumer.commit({TopicPartition(place.input, 0): records[0].offset + 1})
    finally:
        await consumer.stop()
    owner = await owner_of(place, owners, MemoryTables())
    with pytest.raises(EngineError, match="changelog was lost"):
        await owner.loop.run(records)
    assert await place.numbers() == []


class Restoring(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka has no types
    """A restore that takes longer than the session."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.shares: list[int] = []
        self.done = asyncio.Event()

    async def on_partitions_revoked(self, revoked: Any) -> None:
        return None

    async def on_partitions_assigned(self, assigned: Any) -> None:
        self.shares.append(len(assigned))
        await asyncio.sleep(self.seconds)
        self.done.set()


@pytest.mark.parametrize(
    ("wait_seconds", "first_share"),
    [
        pytest.param(20.0, 1, id="the group waits for it"),
        pytest.param(1.0, 2, id="waited for too shortly, it loses all"),
    ],
)
async def test_a_worker_that_joins_while_another_restores(place: Place, wait_seconds: float, first_share: int) -> None:
    """What `FEEDMILL_RESTORE_TIMEOUT_SECONDS` is for; it is Faust's `broker_rebalance_timeout`."""
    change_faust()
    members = [
        AIOKafkaConsumer(
            **place.connection,
            group_id=place.naming.group,
            session_timeout_ms=6000,
            heartbeat_interval_ms=500,
            rebalance_timeout_ms=int(wait_seconds * 1000),
        )
        for _ in range(2)
    ]
    restoring, joining = Restoring(4.0), Restoring(0.0)
    try:
        for member, listener in zip(members, (restoring, joining), strict=True):
            member.subscribe([place.input], listener=listener)
            await member.start()
            await asyncio.sleep(1.0)
        await asyncio.wait_for(joining.done.wait(), 30)
        assert joining.shares[0] == first_share
    finally:
        for member in members:
            await member.stop()


@pytest.mark.heavy
async def test_a_restore_longer_than_the_session_keeps_its_partitions(place: Place) -> None:
    """aiokafka began to send heartbeats only when the assignment's callback was over: the group had moved on."""
    change_faust()
    consumer = AIOKafkaConsumer(
        **place.connection, group_id=place.naming.group, session_timeout_ms=6000, heartbeat_interval_ms=1000
    )
    restoring = Restoring(8.0)
    consumer.subscribe([place.input], listener=restoring)
    await consumer.start()
    try:
        await asyncio.wait_for(restoring.done.wait(), 30)
        await asyncio.sleep(2.0)
        assert len(restoring.shares) == 1
    finally:
        await consumer.stop()
