from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import AsyncIterator

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic, RecordsToDelete

from agents.engine.broker import EmbeddedBroker
from agents.engine.lag import FETCH_BYTES, NO_LAG, Lag, LagReader, Place
from agents.engine.loopback import free_port
from agents.engine.transport import UnavailableError


async def new_topic(broker: EmbeddedBroker, partitions: int = 1) -> str:
    topic = f"lag-{uuid.uuid4().hex[:8]}"
    admin = AIOKafkaAdminClient(bootstrap_servers=broker.address)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(topic, num_partitions=partitions, replication_factor=1)])
    finally:
        await admin.close()
    return topic


class Writer:
    """A transactional producer, as the mill's own are; a second one for records without transactions."""

    def __init__(self, broker: EmbeddedBroker, topic: str) -> None:
        self.topic = topic
        self.transactional = AIOKafkaProducer(bootstrap_servers=broker.address, transactional_id=f"{topic}-writer")
        self.plain = AIOKafkaProducer(bootstrap_servers=broker.address)

    async def transact(self, *values: bytes, partition: int = 0, commit: bool = True) -> int:
        """One transaction; the offset of its first record."""
        await self.transactional.begin_transaction()
        sent = [await self.transactional.send_and_wait(self.topic, value, partition=partition) for value in values]
        await (self.transactional.commit_transaction() if commit else self.transactional.abort_transaction())
        return int(sent[0].offset)


async def until_records(reader: LagReader, place: Place, records: int, position: int | None = None) -> bool:
    """A transaction's markers stand a moment after its commit; until then readers see none of it."""
    for _ in range(50):
        if (await reader.read({place: position}))[place].records == records:
            return True
        await asyncio.sleep(0.05)
    return False


@pytest.fixture
async def writer(broker: EmbeddedBroker) -> AsyncIterator[Writer]:
    writer = Writer(broker, await new_topic(broker, partitions=3))
    await writer.transactional.start()
    await writer.plain.start()
    yield writer
    await writer.transactional.stop()
    await writer.plain.stop()


@pytest.fixture
async def reader(broker: EmbeddedBroker) -> AsyncIterator[LagReader]:
    reader = LagReader({"bootstrap_servers": broker.address})
    await reader.start()
    yield reader
    await reader.stop()


async def test_an_empty_partition_has_no_lag(reader: LagReader, writer: Writer) -> None:
    place = (writer.topic, 0)
    assert await reader.read({place: None}) == {place: NO_LAG}
    assert await reader.read({place: 0}) == {place: NO_LAG}
    assert await reader.read({}) == {}


async def test_records_without_transactions_are_counted_with_their_age(reader: LagReader, writer: Writer) -> None:
    place, before = (writer.topic, 0), time.time()
    stamps = [(await writer.plain.send_and_wait(writer.topic, b"a", partition=0)).timestamp for _ in range(5)]
    assert await reader.read({place: None}) == {place: Lag(5, stamps[0])}
    assert await reader.read({place: 3}) == {place: Lag(2, stamps[3])}
    assert await reader.read({place: 5}) == {place: NO_LAG}
    assert stamps[0] / 1000 == pytest.approx(before, abs=30)


async def test_markers_and_aborted_records_are_no_lag(reader: LagReader, writer: Writer) -> None:
    place = (writer.topic, 0)
    first = await writer.transact(b"one", b"two")
    done = first + 2
    assert await reader.read({place: done}) == {place: NO_LAG}  # one marker stands there
    for _ in range(3):
        await writer.transact(b"taken back", b"taken back", commit=False)
    assert await reader.read({place: done}) == {place: NO_LAG}
    next_ = await writer.transact(b"three")
    assert next_ > done + 6
    assert await until_records(reader, place, 1, position=done)
    assert (await reader.read({place: next_ + 1})) == {place: NO_LAG}


async def test_an_open_transaction_is_no_lag_until_it_is_committed(reader: LagReader, writer: Writer) -> None:
    place = (writer.topic, 0)
    await writer.transactional.begin_transaction()
    await writer.transactional.send_and_wait(writer.topic, b"not yet", partition=0)
    assert await reader.read({place: None}) == {place: NO_LAG}
    await writer.transactional.commit_transaction()  # returns when it is decided; the markers follow
    assert await until_records(reader, place, 1)


async def test_a_backlog_larger_than_a_look_is_bounded_from_above(reader: LagReader, writer: Writer) -> None:
    place, value = (writer.topic, 0), bytes(FETCH_BYTES // 4)
    for _ in range(20):
        await writer.transact(value)
    lag = (await reader.read({place: None}))[place]
    assert 20 <= lag.records <= 40  # each transaction has a marker
    assert lag.oldest is not None
    assert await until_records(reader, place, 2, position=36)


async def test_a_record_larger_than_a_look_is_seen(reader: LagReader, writer: Writer) -> None:
    place = (writer.topic, 0)
    for _ in range(3):
        await writer.transact(bytes(FETCH_BYTES * 4))
    assert await until_records(reader, place, 3)


async def test_partitions_are_read_together_each_with_its_own(reader: LagReader, writer: Writer) -> None:
    await writer.transact(b"a", b"b", partition=1)
    await writer.transact(b"c", partition=2)
    places = [(writer.topic, partition) for partition in range(3)]
    assert await until_records(reader, places[2], 1)
    lags = await reader.read({places[0]: None, places[1]: None, places[2]: 1})
    assert [lags[place].records for place in places] == [0, 2, 0]
    again = await reader.read({places[0]: None, places[1]: 1, places[2]: 1})
    assert [again[place].records for place in places] == [0, 1, 0]


async def test_what_retention_took_is_not_waited_for(broker: EmbeddedBroker, reader: LagReader, writer: Writer) -> None:
    place = (writer.topic, 0)
    for _ in range(4):
        await writer.plain.send_and_wait(writer.topic, b"a", partition=0)
    admin = AIOKafkaAdminClient(bootstrap_servers=broker.address)
    await admin.start()
    await admin.delete_records({TopicPartition(writer.topic, 0): RecordsToDelete(before_offset=3)})
    await admin.close()
    assert (await reader.read({place: 1}))[place].records == 1


async def test_an_answer_stands_while_nothing_moves_and_falls_when_something_does(
    reader: LagReader, writer: Writer
) -> None:
    place = (writer.topic, 0)
    await writer.transact(b"a")
    assert await until_records(reader, place, 1)
    first = await reader.read({place: 0})
    started = time.monotonic()
    assert await reader.read({place: 0}) == first
    assert time.monotonic() - started < 0.5
    await writer.transact(b"b")
    assert await until_records(reader, place, 2)
    assert (await reader.read({place: 1}))[place].records == 1


async def test_the_groups_committed_offsets(broker: EmbeddedBroker, reader: LagReader, writer: Writer) -> None:
    group = f"group-{writer.topic}"
    await writer.transact(b"a", b"b")
    assert await until_records(reader, (writer.topic, 0), 2)
    consumer = AIOKafkaConsumer(bootstrap_servers=broker.address, group_id=group, enable_auto_commit=False)
    await consumer.start()
    consumer.assign([TopicPartition(writer.topic, 0)])
    await consumer.commit({TopicPartition(writer.topic, 0): 1})
    await consumer.stop()
    places = [(writer.topic, partition) for partition in range(3)]
    committed = await reader.committed(group, places)
    assert committed == {places[0]: 1, places[1]: None, places[2]: None}
    assert (await reader.read(committed))[places[0]].records == 1


async def test_a_group_that_never_was_has_no_offsets(reader: LagReader, writer: Writer) -> None:
    place = (writer.topic, 0)
    assert await reader.committed(f"nobody-{uuid.uuid4().hex}", [place]) == {place: None}


async def test_a_topic_that_is_not_there_is_an_error_in_time(broker: EmbeddedBroker) -> None:
    reader = LagReader({"bootstrap_servers": broker.address}, within=1.0)
    await reader.start()
    with pytest.raises(UnavailableError, match="could not be read"):
        await reader.read({("no-such-topic", 0): None})
    await reader.stop()


async def test_no_broker_is_an_error() -> None:
    reader = LagReader({"bootstrap_servers": f"127.0.0.1:{free_port()}"}, within=1.0)
    with pytest.raises(UnavailableError):
        await reader.start()
    await reader.stop()


@pytest.mark.heavy
async def test_it_recovers_when_the_broker_comes_back() -> None:
    with EmbeddedBroker() as mine:
        writer = Writer(mine, await new_topic(mine))
        await writer.plain.start()
        await writer.plain.send_and_wait(writer.topic, b"a", partition=0)
        await writer.plain.stop()
        reader = LagReader({"bootstrap_servers": mine.address}, within=2.0)
        await reader.start()
        place = (writer.topic, 0)
        mine.kill()
        with pytest.raises(UnavailableError):
            await reader.read({place: None})
        mine.restart()
        for _ in range(10):
            try:
                lags = await reader.read({place: None})
                break
            except UnavailableError:
                await asyncio.sleep(0.2)
        assert lags[place].records == 1
        await reader.stop()
