"""Batches that a sender or a topic's owner compressed: read whatever the codec, and never larger than they may be."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.errors import MessageSizeTooLargeError

from agents.engine.admin import administration
from agents.engine.broker import EmbeddedBroker
from agents.engine.topics import MIB
from agents.stage import Topic
from tests.kafka.lone import flood, lone, outcomes, small, until
from tests.kafka.stand import Stand

pytestmark = [pytest.mark.heavy, pytest.mark.timeout(300)]

CODECS = ("gzip", "lz4", "snappy", "zstd")


async def keep_as(stand: Stand, codec: str, *topics: Topic) -> None:
    """Have the broker compress what is written from now on, as if its senders had."""
    async with administration(stand.connection) as admin:
        await admin.configure({stand.naming.topic(topic): {"compression.type": codec} for topic in topics})


def test_topics_of_every_codec_are_read(broker: EmbeddedBroker, tmp_path: Path) -> None:
    """By a worker and by the ledger: whoever made the topics may have set one."""
    stand = Stand(broker.address, "compressed-topics")
    asyncio.run(stand.create())
    for number, codec in enumerate(CODECS):
        asyncio.run(keep_as(stand, codec, Topic.RAW, Topic.ENTRIES, Topic.ENRICHED))
        asyncio.run(flood(stand, small(25 * number, 25)))
    with lone(stand, tmp_path) as worker:
        assert until(lambda: len(asyncio.run(outcomes(stand))) == 100, 60, every=1.0), worker.said[-3000:]
    done = stand.run("ledger")
    assert done.returncode == 0, done.stderr


async def send(stand: Stand, codec: str, documents: list[bytes]) -> set[type]:
    """In one batch, where they fit; what became of them."""
    most = sum(map(len, documents)) + MIB
    async with AIOKafkaProducer(
        **stand.connection, compression_type=codec, max_request_size=most, max_batch_size=most, linger_ms=200
    ) as producer:
        topic = stand.naming.topic(Topic.RAW)
        sent = [await producer.send(topic, document, key=b"key", partition=0) for document in documents]
        return {type(found) for found in await asyncio.gather(*sent, return_exceptions=True)}


@pytest.mark.parametrize("codec", CODECS)
async def test_what_a_sender_compresses_is_read_and_may_be_no_larger_for_it(broker: EmbeddedBroker, codec: str) -> None:
    """A hundred megabytes of nothing are some kilobytes as they are sent. The broker unpacks them and says no."""
    stand = Stand(broker.address, f"compressed-{codec}")
    await stand.create()
    assert await send(stand, codec, [bytes(100 * MIB)]) == {MessageSizeTooLargeError}
    assert await send(stand, codec, [bytes(MIB)] * 60) == {MessageSizeTooLargeError}
    assert MessageSizeTooLargeError not in await send(stand, codec, [bytes(8 * MIB)])
    assert MessageSizeTooLargeError not in await send(stand, codec, list(small(0, 25)))
