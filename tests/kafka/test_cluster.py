"""Three brokers: leaders killed, each node restarted in turn, two of three away. Workers go on; nothing is lost."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka import errors as kafka_errors
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from agents import __version__
from agents.engine.admin import administration
from agents.engine.publisher import Publisher
from agents.engine.reader import Reader
from agents.engine.topics import Naming
from agents.engine.transport import EngineError, Incoming
from agents.stage import Topic
from tests.chaos.history import history
from tests.kafka.cluster import Cluster
from tests.kafka.faults import ENDS, Outcomes, Worker, documents, one_process

PARTITIONS = 4
RATE = 20  # documents a second
SEED = 20261129
AWAY = 10.0  # seconds that two of three nodes are gone
DONE_WITHIN = 300.0
TELLING = re.compile(r"likely deleted already|hanging|Truncat")
"""What a node's log has said wherever a part of a transaction was lost."""

pytestmark = [pytest.mark.heavy, pytest.mark.timeout(1200)]


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with Cluster() as cluster:
        yield cluster


class Mill:
    """A mill on three brokers, as an operator sets it up."""

    def __init__(self, cluster: Cluster, prefix: str) -> None:
        self.cluster = cluster
        self.naming = Naming(prefix)
        self.connection = {"bootstrap_servers": cluster.address}
        self.environment = {
            "FEEDMILL_BROKER": cluster.address,
            "FEEDMILL_TOPIC_PREFIX": prefix,
            "FEEDMILL_PARTITIONS": str(PARTITIONS),
            "FEEDMILL_REPLICATION": "3",
            "FEEDMILL_SESSION_TIMEOUT_SECONDS": "6",
            "FEEDMILL_METRICS_PORT": "0",
        }

    def feedmill(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "agents.cli.main", *arguments],
            env=os.environ | self.environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    async def publish(self, over: asyncio.Event) -> int:
        """Publish at a steady rate until told; how many were acknowledged.

        A sender gives up after 30 s without an acknowledgement. Another one goes on with the next document.
        """
        acknowledged = 0
        source = documents(1_000_000, SEED)
        while not over.is_set():
            publisher = Publisher(self.connection)
            with contextlib.suppress(EngineError):
                async with publisher:
                    while not over.is_set():
                        key, body, headers = next(source)
                        await publisher.send(self.naming.topic(Topic.RAW), body, key=key, headers=headers)
                        await publisher.rest(1 / RATE)
                    await publisher.flush()
            acknowledged += publisher.delivered
        return acknowledged

    async def read(self) -> tuple[list[Incoming], Outcomes]:
        found: list[tuple[Topic, Incoming]] = []
        raw: list[Incoming] = []
        async with Reader(self.connection) as reader:
            for topic in (Topic.RAW, *ENDS):
                bounds = await reader.bounds([(self.naming.topic(topic), number) for number in range(PARTITIONS)])
                async for batch in reader.read(bounds):
                    for record in batch:
                        raw.append(record) if topic is Topic.RAW else found.append((topic, record))
        raw.sort(key=lambda record: (record.partition, record.offset))
        return raw, Outcomes(found)

    async def done(self) -> tuple[list[Incoming], Outcomes]:
        """Wait until each document has an outcome."""
        deadline = time.monotonic() + DONE_WITHIN
        places = count = 0
        while time.monotonic() < deadline:
            try:
                raw, outcomes = await self.read()
            except EngineError:
                await asyncio.sleep(1)
                continue
            count = len(raw)
            places = len({place[:2] for place in outcomes.by_place})
            if places == count:
                return raw, outcomes
            await asyncio.sleep(2)
        there = {place[:2] for place in outcomes.by_place}
        missing = sorted({(record.partition, record.offset) for record in raw} - there)
        way = await history(self.connection, self.naming, PARTITIONS, [(*place, 0) for place in missing[:2]], [])
        pytest.fail(
            f"after {DONE_WITHIN:g} s only {places} of {count} documents have an outcome; not {missing}\n"
            + "\n".join([*way, *await self.stand()])
        )

    async def stand(self) -> list[str]:
        """Where every partition stands: what is written, what of it is decided, and what the group has worked on."""
        ends: dict[str, dict[TopicPartition, int]] = {}
        lines = []
        async with administration(self.connection) as admin:
            topics = await admin.topics(f"{self.naming.prefix}.")
        places = [TopicPartition(topic, number) for topic in sorted(topics) for number in range(PARTITIONS)]
        for level in ("read_committed", "read_uncommitted"):
            consumer = AIOKafkaConsumer(**self.connection, isolation_level=level)
            await consumer.start()
            ends[level] = await consumer.end_offsets(places)
            await consumer.stop()
        client = AIOKafkaAdminClient(**self.connection)
        await client.start()
        group = await client.list_consumer_group_offsets(self.naming.group)
        await client.close()
        for at in places:
            stable, written = ends["read_committed"][at], ends["read_uncommitted"][at]
            worked = group[at].offset if at in group else None
            open_ = f"  OPEN: {written - stable} undecided" if stable < written else ""
            lines.append(f"{at.topic}/{at.partition}: written {written}, group {worked}{open_}")
        return lines


def test_topics_apply_sets_copies_and_how_many_must_have_a_record(cluster: Cluster) -> None:
    mill = Mill(cluster, "table")
    assert mill.feedmill("topics", "apply").returncode == 0
    assert mill.feedmill("topics", "check").returncode == 0
    raw = mill.naming.topic(Topic.RAW)

    async def weaken() -> None:
        async with administration(mill.connection) as admin:
            found = await admin.topics("table.")
            assert {(one.replication, one.config["min.insync.replicas"]) for one in found.values()} == {(3, "2")}
            await admin.configure({raw: {"min.insync.replicas": "1"}})

    asyncio.run(weaken())
    checked = mill.feedmill("topics", "check")
    assert checked.returncode == 1
    assert f"{raw}: min.insync.replicas is 1, should be 2" in checked.stdout + checked.stderr
    assert mill.feedmill("topics", "apply").returncode == 0
    assert mill.feedmill("topics", "check").returncode == 0


def test_every_entry_ends_once_whatever_node_dies(cluster: Cluster, tmp_path: Path) -> None:
    mill = Mill(cluster, "nodes")
    assert mill.feedmill("topics", "apply").returncode == 0
    workers = [Worker(f"worker-{number}", mill.environment, tmp_path) for number in range(2)]
    faults: list[Callable[[], None]] = [
        lambda: leader_dies(mill),
        lambda: each_in_turn(mill),
        lambda: leadership_given_back(mill),
        lambda: two_of_three_away(mill),
    ]

    async def under_faults() -> int:
        over = asyncio.Event()
        publishing = asyncio.create_task(mill.publish(over))
        await asyncio.sleep(10)
        for fault in faults:
            await asyncio.to_thread(fault)
            await asyncio.sleep(3)
        over.set()
        return await publishing

    try:
        acknowledged = asyncio.run(under_faults())
        raw, outcomes = asyncio.run(mill.done())
    except BaseException:
        for log in sorted(tmp_path.glob("*.log")):
            print(f"--- {log.name}\n{log.read_text(errors='replace')[-6000:]}")  # noqa: T201
        for node, broker in cluster.nodes.items():
            said = broker.log_file.read_text(errors="replace").splitlines()
            telling = [line for line in said if TELLING.search(line)]
            print(f"--- node {node}", *telling[-40:], sep="\n")  # noqa: T201
        raise
    finally:
        for worker in workers:
            worker.end()
    assert len(raw) >= acknowledged, f"{acknowledged} documents were acknowledged, {len(raw)} are there"
    doubled = {place: len(found) for place, found in outcomes.by_place.items() if len(found) > 1}
    assert not doubled, f"{len(doubled)} entries came out more than once: {list(doubled.items())[:5]}"
    for id, revisions in outcomes.revisions.items():
        assert revisions == sorted(revisions), f"{id} stands out of order: {revisions}"
        numbers = sorted(revisions + outcomes.lettered.get(id, []))
        assert numbers == list(range(1, len(numbers) + 1)), f"{id} has the revisions {numbers}"
    expected = one_process(raw, mill.naming, __version__)
    different = [place for place, found in outcomes.by_place.items() if found != [expected[place]]]
    assert not different, f"{len(different)} outcomes differ from one process's: {different[:3]}"
    assert len(expected) == len(outcomes.by_place)
    lives = {worker.name: (worker.starts, worker.exits) for worker in workers}
    print(f"\n   {len(raw)} documents; starts and exits of the workers: {lives}")  # noqa: T201


def leader_dies(mill: Mill) -> None:
    """The node that leads a partition of the first input is killed, and comes back."""
    leader = asyncio.run(mill.cluster.leaders(mill.naming.prefix))[mill.naming.topic(Topic.RAW), 0][0]
    mill.cluster.kill(leader)
    time.sleep(5)
    deadline = time.monotonic() + 60
    while any(now == leader for now, _, _ in asyncio.run(mill.cluster.leaders(mill.naming.prefix)).values()):
        assert time.monotonic() < deadline, "nobody takes its partitions over"
        time.sleep(0.5)
    mill.cluster.restart(leader)


def each_in_turn(mill: Mill) -> None:
    """As an upgrade does it: stopped in order, started, and the next only when all copies are whole again."""
    for node in mill.cluster.nodes:
        mill.cluster.restart(node)
        deadline = time.monotonic() + 60
        while any(copies < 3 for _, _, copies in asyncio.run(mill.cluster.leaders(mill.naming.prefix)).values()):
            assert time.monotonic() < deadline, "the copies do not catch up"
            time.sleep(0.5)


def leadership_given_back(mill: Mill) -> None:
    before = asyncio.run(mill.cluster.leaders(mill.naming.prefix))
    assert any(leader != preferred for leader, preferred, _ in before.values()), "nothing to give back"
    asyncio.run(mill.cluster.prefer())
    deadline = time.monotonic() + 30
    while any(now != first for now, first, _ in asyncio.run(mill.cluster.leaders(mill.naming.prefix)).values()):
        assert time.monotonic() < deadline, "leadership was not given back"
        time.sleep(0.5)


def two_of_three_away(mill: Mill) -> None:
    """One copy of what should have two: nothing is acknowledged, and work goes on when they are back."""
    probe = f"probe.{mill.naming.prefix}"
    asyncio.run(_create(mill, probe))
    deadline = time.monotonic() + 30
    while not (found := asyncio.run(mill.cluster.leaders(probe))):  # the node that is asked may not know it yet
        assert time.monotonic() < deadline, "the new topic does not appear"
        time.sleep(0.2)
    stays = found[probe, 0][0]
    away = [node for node in mill.cluster.nodes if node != stays]
    mill.cluster.kill(*away)
    begun = time.monotonic()
    asyncio.run(_refused(mill, probe))
    time.sleep(max(0.0, AWAY - (time.monotonic() - begun)))
    mill.cluster.restart(*away)


async def _create(mill: Mill, topic: str) -> None:
    admin = AIOKafkaAdminClient(**mill.connection)
    await admin.start()
    try:
        config = {"min.insync.replicas": "2"}
        await admin.create_topics([NewTopic(topic, num_partitions=1, replication_factor=3, topic_configs=config)])
    finally:
        await admin.close()


async def _refused(mill: Mill, topic: str) -> None:
    """A record that only one node can have is not acknowledged."""
    producer = AIOKafkaProducer(**mill.connection, acks="all", request_timeout_ms=6000)
    await producer.start()
    try:
        with pytest.raises(
            (kafka_errors.KafkaTimeoutError, kafka_errors.RequestTimedOutError, kafka_errors.NotEnoughReplicasError)
        ):
            await producer.send_and_wait(topic, b"to one node only")
    finally:
        await asyncio.wait_for(producer.stop(), 20)
