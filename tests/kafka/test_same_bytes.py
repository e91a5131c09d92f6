"""The contract's promise 3: `feedmill process` and a worker with one partition make the same bytes of the same records.

A real worker reads what `ingest` published, with its headers. Only `source.topic` (no broker ever held a file) and
`failed_at` may differ; the offsets of one partition are the numbers of the documents.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import msgspec
import pytest
from msgspec import Struct

from agents.cli.ingest import publish
from agents.engine.admin import administration
from agents.engine.broker import EmbeddedBroker
from agents.engine.publisher import Publisher
from agents.engine.reader import Reader
from agents.engine.topics import Naming, topic_table
from agents.pipeline import Pipeline
from agents.run import run
from agents.runstate import RunState
from agents.samples import records as sample_records
from agents.sources.files import Documents
from agents.sources.records import RawRecord, Read, raw_document
from agents.stage import Headers, Topic
from tests.kafka.faults import ENDS, Worker, documents

DOCUMENTS = 300
SEED = 300
DONE_WITHIN = 90.0


class Said(Struct, frozen=True):
    """One record of a public topic, as a consumer reads it."""

    key: bytes | None
    value: bytes | None
    headers: Headers


class Mill:
    """A mill with one partition and one worker, on topics of its own."""

    def __init__(self, broker: EmbeddedBroker, folder: Path) -> None:
        self.naming = Naming(f"same-bytes-{uuid4().hex[:8]}")
        self._connection = {"bootstrap_servers": broker.address}
        self._folder = folder
        self._environment = {
            "FEEDMILL_BROKER": broker.address,
            "FEEDMILL_TOPIC_PREFIX": self.naming.prefix,
            "FEEDMILL_PARTITIONS": "1",
            "FEEDMILL_METRICS_PORT": "0",
        }

    def publish(self, records: Sequence[Read]) -> list[datetime]:
        """Publish records as `ingest` does; the broker's time of each."""
        return asyncio.run(self._publish(records))

    def work(self, expected: int) -> dict[Topic, list[Said]]:
        """Let a worker work off what was published, and read what it said: `expected` records, or fewer in time."""
        worker = Worker("worker", self._environment, self._folder)
        try:
            return asyncio.run(self._said(expected))
        finally:
            worker.end()
            assert worker.starts == 1, "the worker ended and was started again"

    async def _publish(self, records: Sequence[Read]) -> list[datetime]:
        async with administration(self._connection) as admin:
            await admin.create(topic_table(self.naming, partitions=1, replication=1), 1)
        async with Publisher(self._connection) as publisher:
            await publish(publisher, self.naming, records)
        raw = self.naming.topic(Topic.RAW)
        async with Reader(self._connection) as reader:
            bounds = await reader.bounds([(raw, 0)])
            published = [record async for batch in reader.read(bounds) for record in batch]
        assert [record.offset for record in published] == list(range(len(records)))
        return [datetime.fromtimestamp(record.timestamp / 1000, UTC) for record in published]

    async def _said(self, expected: int) -> dict[Topic, list[Said]]:
        deadline = time.monotonic() + DONE_WITHIN
        while True:
            said = await self._read()
            if sum(map(len, said.values())) >= expected or time.monotonic() > deadline:
                return said
            await asyncio.sleep(0.5)

    async def _read(self) -> dict[Topic, list[Said]]:
        said = nothing_said()
        async with Reader(self._connection) as reader:
            for topic, found in said.items():
                bounds = await reader.bounds([(self.naming.topic(topic), 0)])
                async for batch in reader.read(bounds):
                    found.extend(Said(record.key, record.value, record.headers) for record in batch)
        return said


@pytest.fixture
def mill(broker: EmbeddedBroker, tmp_path: Path) -> Mill:
    return Mill(broker, tmp_path)


def test_of_samples_and_made_up_documents(mill: Mill) -> None:
    samples = sample_records()
    records: list[Read] = [*samples, *made_up(DOCUMENTS - len(samples))]
    assert len(records) == DOCUMENTS
    mill.publish(records)
    compare(mill, processed(records, mill.naming), {Topic.ENRICHED: 150, Topic.DUPLICATES: 50, Topic.DEAD_LETTER: 20})


def test_of_real_documents(mill: Mill, corpus: Path) -> None:
    real = list(itertools.islice(Documents([str(corpus / "waimei-sample.jsonl.gz")]), DOCUMENTS))
    assert len(real) == DOCUMENTS
    mill.publish(real)
    compare(mill, processed(real, mill.naming), {Topic.ENRICHED: 280})


def test_of_documents_without_headers(mill: Mill) -> None:
    """Then the broker's time stands where the sender's would; told that time, the pipeline agrees here too."""
    bare = [RawRecord(body=record.body) for record in made_up(60)]
    times = mill.publish(bare)
    pipeline, state, said = Pipeline(mill.naming), RunState(), nothing_said()
    for number, (record, at) in enumerate(zip(bare, times, strict=True)):
        for result in pipeline.process(raw_document(record, number, at), state, at):
            said[result.role].append(Said(result.key, result.value, result.headers))
    compare(mill, said, {Topic.ENRICHED: 40, Topic.DUPLICATES: 5})


def made_up(count: int) -> list[RawRecord]:
    """News, repetitions, revisions and poison, with the time of their sender's: without it, arrival is another."""
    begin = datetime(2026, 11, 23, tzinfo=UTC)
    return [
        RawRecord(
            body=body,
            content_type="application/json",
            source_url=dict(headers).get("source-url", b"").decode() or None,
            received_at=(begin + timedelta(minutes=number)).isoformat(),
            ref=f"made-up-{number}",
        )
        for number, (_, body, headers) in enumerate(documents(count, SEED, sites=12))
    ]


def compare(mill: Mill, expected: dict[Topic, list[Said]], at_least: dict[Topic, int]) -> None:
    """Hold what the worker says against what `process` said; `at_least`: there must be something to compare."""
    said = mill.work(sum(map(len, expected.values())))
    assert {topic: len(found) for topic, found in said.items()} == {
        topic: len(found) for topic, found in expected.items()
    }
    for topic, least in at_least.items():
        assert len(said[topic]) >= least
    raw = mill.naming.topic(Topic.RAW)
    for topic in ENDS:
        for number, (ours, theirs) in enumerate(
            zip(in_order(topic, said[topic]), in_order(topic, expected[topic]), strict=True)
        ):
            where = f"{topic} {number}"
            assert ours.key == theirs.key, where
            assert headers(ours) == headers(theirs), where
            ours_fields, theirs_fields = fields(ours.value, raw), fields(theirs.value, raw)
            for name in dict.fromkeys([*ours_fields, *theirs_fields]):
                assert ours_fields.get(name) == theirs_fields.get(name), f"{where}: {name}"
            assert msgspec.json.encode(ours_fields) == msgspec.json.encode(theirs_fields), where


def processed(records: Sequence[Read], naming: Naming) -> dict[Topic, list[Said]]:
    """What `feedmill process` makes of the records."""
    said = nothing_said()
    for done in run(records, Pipeline(naming), RunState(), datetime.now(UTC)):
        for result in done.results:
            said[result.role].append(Said(result.key, result.value, result.headers))
    return said


def nothing_said() -> dict[Topic, list[Said]]:
    return {topic: [] for topic in ENDS}


def in_order(topic: Topic, said: Sequence[Said]) -> list[Said]:
    """Dead letters come from several stages, which do not wait for each other: their order is each stage's own."""
    if topic is not Topic.DEAD_LETTER:
        return list(said)
    return sorted(said, key=lambda one: str(msgspec.json.decode(one.value or b"null")["stage"]))


def fields(value: bytes | None, raw: str) -> dict[str, Any]:
    """A value's fields as they may be compared; a tombstone has none."""
    if value is None:
        return {}
    decoded: dict[str, Any] = msgspec.json.decode(value)
    assert msgspec.json.encode(decoded) == value, "decoding hides something"
    decoded.pop("failed_at", None)
    assert decoded["source"].pop("topic") in {raw, "file"}
    return decoded


def headers(said: Said) -> list[tuple[str, bytes]]:
    """A record's headers; `ce_id` names the topic, as `source` does."""
    return [(name, value) for name, value in said.headers if name != "ce_id"]
