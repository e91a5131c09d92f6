"""What a consumer fetched and dropped comes again, also from a partition in which its group has worked nothing off."""

from __future__ import annotations

import asyncio

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from agents.engine.broker import EmbeddedBroker
from agents.engine.guard import seek_back
from tests.kafka.stand import Stand

RECORDS = 6


async def dropped(stand: Stand, topic: str, committed: int | None) -> AIOKafkaConsumer:
    """A consumer that has fetched all of a topic, and whose group has worked off so much of it."""
    admin = AIOKafkaAdminClient(**stand.connection)
    await admin.start()
    await admin.create_topics([NewTopic(topic, num_partitions=1, replication_factor=1)])
    await admin.close()
    async with AIOKafkaProducer(**stand.connection) as producer:
        for number in range(RECORDS):
            await producer.send_and_wait(topic, b"%d" % number, partition=0)
    consumer = AIOKafkaConsumer(
        topic, **stand.connection, group_id=f"{topic}.group", enable_auto_commit=False, auto_offset_reset="earliest"
    )
    await consumer.start()
    fetched = 0
    while fetched < RECORDS:
        fetched += sum(len(records) for records in (await consumer.getmany(timeout_ms=500)).values())
    if committed is not None:
        await consumer.commit({TopicPartition(topic, 0): committed})
    return consumer


@pytest.mark.parametrize("committed", [None, 0, 4])
def test_seeking_back_reaches_what_the_group_has_not_worked_off(broker: EmbeddedBroker, committed: int | None) -> None:
    stand = Stand(broker.address, "seek")
    topic = f"seek.back.{committed}"

    async def told() -> tuple[int, int | None]:
        consumer = await dropped(stand, topic, committed)
        try:
            found = await seek_back(consumer)
            return await consumer.position(TopicPartition(topic, 0)), found[TopicPartition(topic, 0)]
        finally:
            await consumer.stop()

    assert asyncio.run(told()) == (committed or 0, committed)


@pytest.mark.parametrize("committed", [None, 0])
def test_a_consumer_of_itself_passes_over_the_first_records(broker: EmbeddedBroker, committed: int | None) -> None:
    """Why ours is needed: where a new aiokafka seeks by itself, `seek_back` can go."""
    stand = Stand(broker.address, "seek")
    topic = f"seek.stock.{committed}"

    async def position() -> int:
        consumer = await dropped(stand, topic, committed)
        try:
            await consumer.seek_to_committed()
            return int(await consumer.position(TopicPartition(topic, 0)))
        finally:
            await consumer.stop()

    assert asyncio.run(position()) == RECORDS
