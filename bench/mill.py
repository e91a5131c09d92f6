"""A mill to measure: an embedded broker, workers as processes, documents let loose on them, and who took how long."""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from http import HTTPStatus
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import psutil
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from msgspec import Struct

from agents.demo.workers import Worker, Workers
from agents.engine.admin import administration
from agents.engine.broker import EmbeddedBroker
from agents.engine.loopback import LOOPBACK
from agents.engine.topics import MAX_REQUEST, Naming, topic_table
from agents.sources.records import RawRecord
from agents.stage import Topic

READY_SECONDS = 180.0  # some five on a quiet machine
ENDS = (Topic.ENRICHED, Topic.DUPLICATES, Topic.DEAD_LETTER)


class Spent(Struct, frozen=True):
    """CPU seconds of the workers and the broker up to a moment (`at`, seconds since the epoch)."""

    at: float
    workers: float
    broker: float

    def since(self, before: Spent) -> Spent:
        return Spent(self.at - before.at, self.workers - before.workers, self.broker - before.broker)


class Outcome(Struct, frozen=True):
    """One record of a public topic: its own time, and when a reader had it, in seconds since the epoch."""

    topic: Topic
    written: float
    read: float
    value: bytes


class Mill:
    """One mill on a broker of its own. `partitions` of every topic; nothing is kept afterwards.

    `static` gives each worker a fixed name in the group.
    """

    def __init__(
        self, *, partitions: int, workers: int, settings: dict[str, str] | None = None, static: bool = False
    ) -> None:
        self.naming = Naming("bench")
        self.partitions = partitions
        self.broker = EmbeddedBroker()
        self.folder = Path(tempfile.mkdtemp(prefix="feedmill-bench-"))
        self._settings = settings or {}
        self._count = workers
        self._static = static
        self.workers: Workers | None = None
        self.started = 0.0
        """When workers were last started, by the monotonic clock."""

    def __enter__(self) -> Self:
        try:
            self.broker.start()
            asyncio.run(self._create())
            environment = {
                "FEEDMILL_BROKER": self.broker.address,
                "FEEDMILL_TOPIC_PREFIX": self.naming.prefix,
                "FEEDMILL_PARTITIONS": str(self.partitions),
                **self._settings,
            }
            self.workers = Workers(self.folder, self._count, _inherited(environment), print)
            if self._static:
                for worker in self.workers.all:
                    worker.environment["FEEDMILL_GROUP_INSTANCE_ID"] = f"worker-{worker.number}"
            self.started = time.monotonic()
            self.workers.start()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if error is not None and self.workers is not None:
            for worker in self.workers.all:
                print(f"worker {worker.number} said last:\n{worker.last_words()}")
        if self.workers is not None:
            self.workers.stop()
        self.broker.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def connection(self) -> dict[str, Any]:
        return {"bootstrap_servers": self.broker.address}

    @property
    def all(self) -> list[Worker]:
        if self.workers is None:
            raise RuntimeError("this mill was not started")
        return self.workers.all

    def start_again(self, worker: Worker) -> None:
        self.started = time.monotonic()
        worker.start()

    def state_of(self, worker: Worker) -> Path:
        """The worker's state folder; it may be deleted while the worker is stopped."""
        return self.folder / f"worker-{worker.number}"

    def processes(self) -> list[psutil.Process]:
        return [psutil.Process(int((self.folder / f"worker-{one.number}.pid").read_text())) for one in self.all]

    def wait_until_ready(self, *, settled: float = 2.0) -> None:
        """Until every worker has its share of the partitions, and the start has calmed down."""
        deadline = time.monotonic() + READY_SECONDS
        while not all(answers(worker, ready=True) for worker in self.all):
            if time.monotonic() > deadline:
                raise RuntimeError(f"the workers were not ready within {READY_SECONDS:.0f} s")
            time.sleep(0.02)
        time.sleep(settled)
        if not all(answers(worker, ready=True) for worker in self.all):  # the second one's joining was a rebalance
            self.wait_until_ready(settled=settled)

    def spent(self) -> Spent:
        def seconds(process: psutil.Process) -> float:
            times = process.cpu_times()
            return times.user + times.system

        workers = sum(map(seconds, self.processes()))
        return Spent(time.time(), workers, seconds(psutil.Process(self.broker.pid)))

    def memory(self) -> list[float]:
        """MiB of RSS of each worker."""
        return [process.memory_info().rss / 2**20 for process in self.processes()]

    async def release(self, records: Iterable[RawRecord]) -> int:
        """Let a whole backlog appear at one moment, and return how many documents it has.

        It is one transaction: consumers see it when it is committed, and by then the load generator has done its work.
        """
        producer = AIOKafkaProducer(
            **self.connection,
            transactional_id="bench-load",
            transaction_timeout_ms=120_000,
            max_request_size=MAX_REQUEST,
            max_batch_size=512 * 1024,
        )
        await producer.start()
        try:
            async with producer.transaction():
                sent = [await self.send(producer, record) for record in records]
                await asyncio.gather(*sent)
        finally:
            await producer.stop()
        return len(sent)

    async def send(self, producer: AIOKafkaProducer, record: RawRecord) -> Any:
        key = (record.source_url or "").encode() or None
        return await producer.send(self.naming.topic(Topic.RAW), record.body, key=key, headers=record.headers())

    @asynccontextmanager
    async def outcomes(self, *topics: Topic) -> AsyncIterator[Outcomes]:
        """What comes out from now on."""
        consumer = AIOKafkaConsumer(
            **self.connection,
            group_id=None,
            enable_auto_commit=False,
            isolation_level="read_committed",
            fetch_max_wait_ms=100,
            max_partition_fetch_bytes=4 * 1024 * 1024,
        )
        await consumer.start()
        try:
            roles = {self.naming.topic(topic): topic for topic in topics or ENDS}
            places = [TopicPartition(name, number) for name in roles for number in range(self.partitions)]
            consumer.assign(places)
            await consumer.seek_to_end(*places)
            yield Outcomes(consumer, roles)
        finally:
            await consumer.stop()

    async def _create(self) -> None:
        async with administration(self.connection) as admin:
            await admin.create(topic_table(self.naming, partitions=self.partitions, replication=1), 1)


class Outcomes:
    """Reads the public topics as a consumer would, read committed."""

    def __init__(self, consumer: AIOKafkaConsumer, roles: dict[str, Topic]) -> None:
        self._consumer = consumer
        self._roles = roles

    async def take(self, count: int, *, within: float, values: bool = False) -> list[Outcome]:
        """The next `count` records; raises RuntimeError where they do not come `within` seconds.

        Their values only where asked for: a backlog's would be most of the memory of this machine.
        """
        taken: list[Outcome] = []
        deadline = time.monotonic() + within
        while len(taken) < count:
            if time.monotonic() > deadline:
                raise RuntimeError(f"after {within:.0f} s only {len(taken):,} of {count:,} records had come out")
            taken.extend(await self.look(values=values))
        return taken

    async def look(self, *, values: bool = False) -> list[Outcome]:
        """What has come out since the last look; waits a moment for it."""
        fetched = await self._consumer.getmany(timeout_ms=200)
        now = time.time()
        return [
            Outcome(self._roles[place.topic], record.timestamp / 1000, now, (record.value or b"") if values else b"")
            for place, records in fetched.items()
            for record in records
        ]


def answers(worker: Worker, *, ready: bool = False) -> bool:
    """Whether the worker's health server answers, or answers that it is ready."""
    try:
        with urllib.request.urlopen(f"http://{LOOPBACK}:{worker.metrics_port}/readyz", timeout=1) as answer:
            return int(answer.status) == HTTPStatus.OK
    except urllib.error.HTTPError:  # 503: it is there, and says why it is not ready
        return not ready
    except OSError:
        return False


def metrics(worker: Worker) -> dict[str, float]:
    """The worker's own figures by name and labels, as they stand on its page."""
    with urllib.request.urlopen(worker.metrics, timeout=5) as answer:
        lines = answer.read().decode().splitlines()
    pairs = (line.rsplit(" ", 1) for line in lines if line and not line.startswith("#"))
    return {name: float(value) for name, value in pairs}


def _inherited(settings: dict[str, str]) -> dict[str, str]:
    others = {name: value for name, value in os.environ.items() if not name.startswith("FEEDMILL_")}
    kept = {name: os.environ[name] for name in ("FEEDMILL_JAVA", "FEEDMILL_CACHE") if name in os.environ}
    return {**others, **kept, **settings}
