"""A program of stock Faust as a process, and what it has lost: committed, and never seen in its output."""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any
from uuid import uuid4

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from agents.engine.admin import administration

ROOT = Path(__file__).parent.parent.parent
WAIT = 90.0  # seconds, on a machine that has much else to do


class Stock:
    """One program of `apps/`, with topics of its own. Its group is named like its topic."""

    def __init__(self, address: str, program: str, folder: Path, *, partitions: int = 1, **environment: str) -> None:
        self.topic = f"{program}-{uuid4().hex[:8]}"
        self.log = folder / f"{self.topic}.log"
        self._address = address
        self._program = program
        self._partitions = partitions
        self._environment = os.environ | {
            "STOCK_BROKER": address,
            "STOCK_TOPIC": self.topic,
            "STOCK_PARTITIONS": str(partitions),
            "STOCK_FOLDER": str(folder / self.topic),
            **environment,
        }
        asyncio.run(self._create())

    @contextlib.contextmanager
    def running(self) -> Iterator[subprocess.Popen[bytes]]:
        """The program at work; killed at the end, as a machine that fails would."""
        command = [sys.executable, "-m", f"tests.faust.apps.{self._program}", "worker", "--without-web", "-l", "info"]
        with self.log.open("ab") as log:
            process = subprocess.Popen(command, cwd=ROOT, env=self._environment, stdout=log, stderr=log)
        try:
            yield process
        finally:
            process.kill()
            process.wait()

    def publish(self, values: Sequence[bytes]) -> None:
        """To the partitions in turn."""

        async def published() -> None:
            producer = AIOKafkaProducer(bootstrap_servers=self._address, acks="all")
            await producer.start()
            try:
                sent = [
                    await producer.send(self.topic, value, partition=number % self._partitions)
                    for number, value in enumerate(values)
                ]
                await asyncio.gather(*sent)
            finally:
                await producer.stop()

        asyncio.run(published())

    def outputs(self) -> set[bytes]:
        return {record.value for record in asyncio.run(self._read(f"{self.topic}.out"))}

    def committed(self) -> dict[int, int]:
        """The group's offset of each partition."""
        return asyncio.run(self._committed())

    def passed(self) -> set[bytes]:
        """Inputs that are committed: a restart will not see them again."""
        committed = self.committed()
        return {
            record.value
            for record in asyncio.run(self._read(self.topic))
            if record.offset < committed.get(record.partition, 0)
        }

    def lost(self) -> set[bytes]:
        passed = self.passed()
        return passed - self.outputs()  # read in this order: what is committed after its output is not lost

    async def _create(self) -> None:
        admin = AIOKafkaAdminClient(bootstrap_servers=self._address)
        await admin.start()
        try:
            await admin.create_topics(
                [NewTopic(name, self._partitions, 1) for name in (self.topic, f"{self.topic}.out")]
            )
        finally:
            await admin.close()

    async def _committed(self) -> dict[int, int]:
        async with administration({"bootstrap_servers": self._address}) as admin:
            found = await admin.committed(self.topic)
        return {partition: offset for (topic, partition), offset in found.items() if topic == self.topic and offset > 0}

    async def _read(self, topic: str) -> list[Any]:
        consumer = AIOKafkaConsumer(bootstrap_servers=self._address, enable_auto_commit=False)
        await consumer.start()
        try:
            places = [TopicPartition(topic, number) for number in range(self._partitions)]
            consumer.assign(places)
            await consumer.seek_to_beginning(*places)
            ends = await consumer.end_offsets(places)
            found: list[Any] = []
            while any([await consumer.position(place) < ends[place] for place in places]):
                for records in (await consumer.getmany(timeout_ms=200)).values():
                    found.extend(records)
            return found
        finally:
            await consumer.stop()


def until(condition: Callable[[], bool], seconds: float = WAIT) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.3)
    return condition()


def no_more(fault: str) -> str:
    """What a test says where stock Faust did not lose."""
    return f"Stock Faust no longer shows it: {fault}. Judge whether our cure can go (tests/faust/__init__.py)."
