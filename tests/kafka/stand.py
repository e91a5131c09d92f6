"""A mill of one test's own on the shared broker: its topics, hand-made records in them, and `feedmill` against them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar

import msgspec
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete
from aiokafka.protocol.admin import DeleteGroupsRequest

from agents.engine.admin import administration
from agents.engine.reader import Reader
from agents.engine.store import POSITION_KEY, Position, encode_position
from agents.engine.topics import Naming, partition_of, topic_table
from agents.engine.transport import Incoming
from agents.stage import Headers, Topic
from schemas import (
    Dates,
    DeadLetter,
    DeadLetterCode,
    Decision,
    DedupeRule,
    Duplicate,
    Format,
    Grouping,
    GroupingRule,
    Item,
    PayloadEncoding,
    Source,
    StageName,
    Verdict,
)

T = TypeVar("T")

PARTITIONS = 2
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


class Stand:
    """`prefix` sets the test's topics apart from those of all others."""

    def __init__(self, address: str, prefix: str) -> None:
        self.address = address
        self.naming = Naming(prefix)
        self.connection = {"bootstrap_servers": address}

    @property
    def environment(self) -> dict[str, str]:
        return {
            **os.environ,
            "FEEDMILL_BROKER": self.address,
            "FEEDMILL_TOPIC_PREFIX": self.naming.prefix,
            "FEEDMILL_PARTITIONS": str(PARTITIONS),
            "FEEDMILL_BROKER_WAIT_SECONDS": "10",
        }

    async def create(self) -> None:
        async with administration(self.connection) as admin:
            await admin.create(topic_table(self.naming, partitions=PARTITIONS, replication=1), 1)

    def run(self, *arguments: str, stdin: bytes = b"") -> subprocess.CompletedProcess[str]:
        """Run one command to its end, as a user would; output is decoded as UTF-8."""
        done = subprocess.run(
            [sys.executable, "-m", "agents.cli.main", *arguments],
            env=self.environment,
            input=stdin,
            capture_output=True,
            timeout=60,
            check=False,
        )
        return subprocess.CompletedProcess(done.args, done.returncode, done.stdout.decode(), done.stderr.decode())

    async def put(
        self,
        topic: Topic,
        values: Sequence[bytes | Any | None],
        *,
        partition: int = 0,
        headers: Headers = (),
        key: bytes | None = None,
    ) -> list[int]:
        """Write records (Structs as JSON); their offsets. Those with a key stand where the mill would put them."""
        if key is not None:
            partition = partition_of(topic, key, 0, PARTITIONS)
        producer = AIOKafkaProducer(**self.connection, max_request_size=16 * 1024 * 1024)
        await producer.start()
        try:
            sent = [
                await producer.send_and_wait(
                    self.naming.topic(topic),
                    value if value is None or isinstance(value, bytes) else msgspec.json.encode(value),
                    # compacted topics refuse records without a key
                    key=key or (getattr(value, "id", None) or "key").encode(),
                    partition=partition,
                    headers=list(headers),
                )
                for value in values
            ]
        finally:
            await producer.stop()
        return [record.offset for record in sent]

    async def commit(self, topic: Topic, offset: int, partition: int = 0) -> None:
        """Commit as the mill does for its group: the offset that its stage has worked up to."""
        consumer = AIOKafkaConsumer(**self.connection, group_id=self.naming.group, enable_auto_commit=False)
        await consumer.start()
        try:
            at = TopicPartition(self.naming.topic(topic), partition)
            consumer.assign([at])
            await consumer.commit({at: offset})
        finally:
            await consumer.stop()

    async def forget(self, topic: Topic, before: int, partition: int = 0) -> None:
        """Delete records as retention does."""
        admin = AIOKafkaAdminClient(**self.connection)
        await admin.start()
        try:
            at = TopicPartition(self.naming.topic(topic), partition)
            await admin.delete_records({at: RecordsToDelete(before_offset=before)})
        finally:
            await admin.close()

    async def stand_at(self, stage: StageName, offset: int, partition: int = 0) -> None:
        """Write what a stage's transactions end with: the position, to its changelog."""
        producer = AIOKafkaProducer(**self.connection)
        await producer.start()
        try:
            position = encode_position(Position(offset, b"w" * 8, 1))
            await producer.send_and_wait(self.naming.changelog(stage), position, key=POSITION_KEY, partition=partition)
        finally:
            await producer.stop()

    async def lose_offsets(self) -> None:
        """Delete the group with all its offsets, as Kafka does a week after its last member has left."""
        admin = AIOKafkaAdminClient(**self.connection)
        await admin.start()
        try:
            coordinator = await admin.find_coordinator(self.naming.group)
            answer = await admin._send_request(DeleteGroupsRequest([self.naming.group]), coordinator)
            assert answer.results == [(self.naming.group, 0)], answer
        finally:
            await admin.close()

    async def get(self, topic: Topic) -> list[Incoming]:
        """All that a topic holds, in order by partition."""
        async with Reader(self.connection) as reader:
            bounds = await reader.bounds([(self.naming.topic(topic), number) for number in range(PARTITIONS)])
            return [record async for batch in reader.read(bounds) for record in batch]

    def source(self, offset: int, index: int | None = 0, count: int | None = 1, partition: int = 0) -> Source:
        return Source(
            topic=self.naming.topic(Topic.RAW),
            partition=partition,
            offset=offset,
            index=index,
            count=count,
            format=Format.RSS,
            received_at=NOON,
            ref=f"document {offset}",
        )


def item(source: Source, title: str = "The bridge is open again", **fields: Any) -> Item:
    made = Item(
        pipeline="test",
        id="0" * 32,
        revision=1,
        verdict=Verdict.NEW,
        decision=Decision(DedupeRule.FIRST_SIGHTING),
        grouping=Grouping(GroupingRule.NOT_GROUPED),
        url="https://news.example/1",
        original_url=None,
        guid=None,
        site="news.example",
        feed=None,
        title=title,
        authors=[],
        categories=[],
        text="Since noon.",
        html="<p>Since noon.</p>",
        summary="Since noon.",
        dateline=None,
        images=[],
        links=[],
        attachments=[],
        published_at=NOON,
        updated_at=None,
        seen_at=NOON,
        dates=Dates(),
        language="en",
        language_confidence=1.0,
        keywords=[],
        names=[],
        places=[],
        word_count=2,
        reading_seconds=1,
        story_id="1" * 32,
        reprint_of=None,
        flags=[],
        source=source,
    )
    return msgspec.structs.replace(made, **fields)


def duplicate(source: Source) -> Duplicate:
    decision = Decision(DedupeRule.SAME_ENTRY, matched="0" * 32)
    return Duplicate(id="0" * 32, revision=1, decision=decision, title="T", url=None, site=None, source=source)


def dead_letter(source: Source, **fields: Any) -> DeadLetter:
    made = DeadLetter(
        stage=StageName.PARSE,
        code=DeadLetterCode.MALFORMED_FEED,
        message="No root element.",
        source=source,
        payload="<rss",
        payload_encoding=PayloadEncoding.UTF_8,
        failed_at=NOON,
    )
    return msgspec.structs.replace(made, **fields)


def decoded(records: Sequence[Incoming], kind: type[T]) -> list[T]:
    return [msgspec.json.decode(record.value or b"", type=kind) for record in records]
