"""What the ledger takes: a million entries on a real broker, and the whole command's time and memory.

Records are written directly, small ones: the ledger reads no more of a record than where it belongs.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from msgspec import Struct

from agents.engine.admin import administration
from agents.engine.broker import EmbeddedBroker
from agents.engine.topics import Naming, topic_table
from agents.stage import Topic
from bench.report import Cell, Table

ENTRIES = 1_000_000
PARTITIONS = 16  # the default


class Load(Struct, frozen=True):
    """How the entries are made up: so many to a document; of ten, so many are items, and the others duplicates."""

    name: str
    entries: int
    items: int


LOADS = (
    Load("one entry a document, all items", 1, 10),
    Load("fifty entries a document, one in ten an item", 50, 1),
)


def main() -> Iterator[Table]:
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # new topics have no leaders yet, and it tells
    rows: list[list[Cell]] = []
    for load in LOADS:
        with EmbeddedBroker() as broker:
            naming = Naming("bench")
            asyncio.run(write({"bootstrap_servers": broker.address}, naming, load))
            rows.append([load.name, *_ledger(broker.address, naming)])
    yield Table(
        f"`feedmill ledger` over {ENTRIES:,} entries, {PARTITIONS} partitions",
        ("", "documents", "entries", "s", "peak RSS MiB"),
        rows,
        "The whole command, with its start. Seconds include reading everything from the broker on the same machine.",
    )


def _ledger(address: str, naming: Naming) -> list[Cell]:
    environment = os.environ | {"FEEDMILL_BROKER": address, "FEEDMILL_TOPIC_PREFIX": naming.prefix}
    command = [sys.executable, "-m", "agents.cli.main", "ledger", "--json"]
    with tempfile.TemporaryFile() as said:
        began = time.monotonic()
        child = subprocess.Popen(command, stdout=said, env=environment)
        _, status, used = os.wait4(child.pid, 0)
        seconds = time.monotonic() - began
        child.returncode = os.waitstatus_to_exitcode(status)
        said.seek(0)
        account = json.loads(said.read())
    if child.returncode or not account["settled"] or account["entries"] != ENTRIES:
        raise RuntimeError(f"the ledger of what was written is not whole (code {child.returncode}): {account}")
    return [account["raw"], account["entries"], seconds, used.ru_maxrss / 1024]


async def write(connection: dict[str, str], naming: Naming, load: Load) -> None:
    """Raw records, their outcomes spread as the mill spreads them, and the group's offsets behind it all."""
    async with administration(connection) as admin:
        await admin.create(topic_table(naming, partitions=PARTITIONS, replication=1), 1)
    documents = ENTRIES // load.entries
    async with _Writer(connection) as writer:
        ends = [0] * PARTITIONS
        places = []
        for number in range(documents):
            partition = number % PARTITIONS
            await writer.add(naming.topic(Topic.RAW), partition, b"key", b"document")
            places.append((partition, ends[partition]))
            ends[partition] += 1
        for index in range(load.entries):  # the worst order: every document is open at once
            for partition, offset in places:
                made = index * documents + offset * PARTITIONS + partition
                id = hashlib.blake2b(b"%d" % made, digest_size=16).hexdigest()
                topic = Topic.ENRICHED if made % 10 < load.items else Topic.DUPLICATES
                source = {
                    "topic": naming.topic(Topic.RAW), "partition": partition, "offset": offset, "index": index,
                    "count": load.entries, "format": "rss", "received_at": "2026-11-20T12:00:00Z", "ref": None,
                }  # fmt: skip
                value = {"schema": "bench", "id": id, "revision": 1, "text": "x" * 300, "source": source}
                target = int(id[:2], 16) % PARTITIONS
                await writer.add(naming.topic(topic), target, id.encode(), json.dumps(value).encode())
    consumer = AIOKafkaConsumer(**connection, group_id=naming.group, enable_auto_commit=False)
    await consumer.start()
    try:
        offsets = {TopicPartition(naming.topic(Topic.RAW), partition): end for partition, end in enumerate(ends)}
        consumer.assign(list(offsets))
        await consumer.commit(offsets)
    finally:
        await consumer.stop()


class _Writer:
    """Writes batches as they fill: record by record, a million would take many minutes."""

    def __init__(self, connection: dict[str, str]) -> None:
        self._producer = AIOKafkaProducer(**connection, acks=1, max_batch_size=256 * 1024)
        self._batches: dict[tuple[str, int], Any] = {}

    async def __aenter__(self) -> _Writer:
        await self._producer.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        for (topic, partition), batch in self._batches.items():
            await (await self._producer.send_batch(batch, topic, partition=partition))
        await self._producer.stop()

    async def add(self, topic: str, partition: int, key: bytes, value: bytes) -> None:
        now = int(time.time() * 1000)
        at = (topic, partition)
        if at not in self._batches:
            self._batches[at] = self._producer.create_batch()
        if self._batches[at].append(key=key, value=value, timestamp=now) is None:
            await (await self._producer.send_batch(self._batches.pop(at), topic, partition=partition))
            self._batches[at] = self._producer.create_batch()
            self._batches[at].append(key=key, value=value, timestamp=now)
