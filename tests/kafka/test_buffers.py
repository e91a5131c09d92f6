"""What a worker's clients of aiokafka hold in memory: of what a broker does not take, and of what nobody reads."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer

from agents.engine.admin import administration
from agents.engine.broker import EmbeddedBroker
from agents.engine.kafka import KafkaTransport
from agents.engine.topics import Naming, topic_table
from agents.engine.transport import Outgoing
from agents.stage import Topic
from schemas import StageName

MIB = 1024 * 1024


@pytest.fixture
def own_broker() -> Iterator[EmbeddedBroker]:
    with EmbeddedBroker() as broker:
        yield broker


async def made(address: str, naming: Naming) -> KafkaTransport:
    connection = {"bootstrap_servers": address}
    async with administration(connection) as admin:
        await admin.create(topic_table(naming, partitions=1, replication=1), 1)
    transport = KafkaTransport(connection, group=naming.group, transaction_timeout_seconds=60)
    await transport.start()
    return transport


def buffered(transactions: Any) -> int:
    """Batches that a producer has been given and that no broker has taken yet."""
    accumulator = transactions._producer._message_accumulator
    return sum(map(len, accumulator._batches.values())) + len(accumulator._pending_batches)


async def test_a_producer_holds_two_batches_of_a_partition_and_no_more(own_broker: EmbeddedBroker) -> None:
    """The rest of a transaction stays where it was made, until the broker takes some."""
    naming = Naming("buffers")
    topic = naming.topic(Topic.NEWS)
    transport = await made(own_broker.address, naming)
    transactions = await transport.transactions("buffers")
    try:
        await transactions.fence([(topic, 0)])
        await transactions.begin()
        own_broker.pause()
        records = [Outgoing(topic, 0, b"key", bytes(256 * 1024)) for _ in range(128)]
        sending = asyncio.ensure_future(transactions.send_all(records))
        await asyncio.sleep(2.0)
        assert not sending.done()
        assert 1 <= buffered(transactions) <= 2
        own_broker.resume()
        await asyncio.gather(*await sending)
        await transactions.commit()
    finally:
        own_broker.resume()
        await transactions.stop()
        await transport.stop()


async def test_a_reader_of_a_changelog_fetches_nothing_after_it_was_read(broker: EmbeddedBroker) -> None:
    """It went on fetching what its own worker wrote, up to 4 MiB of each partition, for as long as the worker lived."""
    naming = Naming("changelog-reader")
    topic = naming.changelog(StageName.STORIES)
    transport = await made(broker.address, naming)
    reader: Any = await transport.changelog()
    try:
        await written(broker, topic, 1)
        end = (await reader.bounds(topic, [0]))[0][1]
        resume, records = 0, 0
        while resume < end:
            found, resume = (await reader.read(topic, {0: resume}))[0]
            records += len(found)
        assert records == 1
        await written(broker, topic, 8)
        await asyncio.sleep(2.0)
        assert not reader.consumer._fetcher._records
        while resume < end + 8:  # a take-over later on goes on from there
            found, resume = (await reader.read(topic, {0: resume}))[0]
            records += len(found)
        assert records == 9
    finally:
        await transport.stop()


async def written(broker: EmbeddedBroker, topic: str, count: int) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=broker.address)
    await producer.start()
    for number in range(count):
        await producer.send_and_wait(topic, bytes(MIB // 2), key=b"%d" % number)
    await producer.stop()
