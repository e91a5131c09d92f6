"""Documents that end the process that works on them: a real broker, and real workers that are started again."""

from __future__ import annotations

import asyncio
import re
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from agents import __version__
from agents.engine.broker import EmbeddedBroker
from agents.engine.publisher import Publisher
from agents.engine.suspicion import IN_ORDER
from agents.engine.topics import INPUT
from agents.engine.transport import Incoming
from agents.stage import Headers, Topic
from schemas import StageName
from tests.kafka.faults import ENDS, Outcomes, Worker, documents, one_process
from tests.kafka.stand import PARTITIONS, Stand

DEADLY = Path(__file__).parent / "deadly"
WAYS = ("abort", "memory", "hang", "lock", "raise")
STUCK = 4
SESSION = 6
DONE_WITHIN = 300.0  # a child starts in a second, and in ten where others want the processors

Raw = tuple[bytes, bytes, Headers]


class Mill:
    """Workers whose stages have traps, and what they have written down."""

    def __init__(self, broker: EmbeddedBroker, prefix: str, folder: Path) -> None:
        self.stand = Stand(broker.address, prefix)
        self.folder = folder
        self.diary = folder / "diary"
        self.diary.touch()
        self.workers: list[Worker] = []
        asyncio.run(self.stand.create())

    def start(self, count: int) -> None:
        environment = {
            "FEEDMILL_BROKER": self.stand.address,
            "FEEDMILL_TOPIC_PREFIX": self.stand.naming.prefix,
            "FEEDMILL_PARTITIONS": str(PARTITIONS),
            "FEEDMILL_SESSION_TIMEOUT_SECONDS": str(SESSION),
            "FEEDMILL_STUCK_SECONDS": str(STUCK),
            "FEEDMILL_METRICS_PORT": "0",
            "PYTHONPATH": str(DEADLY),
            "DEADLY_LOG": str(self.diary),
        }
        known = len(self.workers)
        self.workers += [Worker(f"worker-{known + number}", environment, self.folder) for number in range(count)]

    def end(self) -> None:
        for worker in self.workers:
            worker.end()
        self.workers.clear()

    def deaths(self, who: str) -> Counter[str]:
        """How many workers, or children, died of what."""
        lines = [line.split(" ", 2) for line in self.diary.read_text().splitlines()]
        return Counter(what for _, dead, what in lines if dead == who)

    def logs(self) -> str:
        return "\n".join(log.read_text(errors="replace") for log in sorted(self.folder.glob("*.log")))

    def publish(self, records: Iterable[Raw]) -> None:
        async def published() -> None:
            async with Publisher(self.stand.connection) as publisher:
                for key, body, headers in records:
                    await publisher.send(self.stand.naming.topic(Topic.RAW), body, key=key, headers=headers)
                await publisher.flush()

        asyncio.run(published())

    def read(self) -> tuple[list[Incoming], Outcomes]:
        async def found() -> tuple[list[Incoming], Outcomes]:
            raw = await self.stand.get(Topic.RAW)
            raw.sort(key=lambda record: (record.partition, record.offset))
            return raw, Outcomes([(topic, record) for topic in ENDS for record in await self.stand.get(topic)])

        return asyncio.run(found())

    def wait_until_done(self) -> tuple[list[Incoming], Outcomes]:
        deadline = time.monotonic() + DONE_WITHIN
        while True:
            raw, outcomes = self.read()
            waiting = {(record.partition, record.offset) for record in raw} - {at[:2] for at in outcomes.by_place}
            if not waiting:
                return raw, outcomes
            if time.monotonic() > deadline:
                pytest.fail(f"{len(waiting)} documents have no outcome: {sorted(waiting)[:5]}\n{self.logs()[-6000:]}")
            time.sleep(1)

    def marks(self) -> dict[tuple[str, int], str]:
        """What the group says of each input partition."""

        async def read() -> dict[tuple[str, int], str]:
            from aiokafka.admin import AIOKafkaAdminClient

            admin = AIOKafkaAdminClient(**self.stand.connection)
            await admin.start()
            try:
                found = await admin.list_consumer_group_offsets(self.stand.naming.group)
            finally:
                await admin.close()
            return {(at.topic, at.partition): one.metadata for at, one in found.items()}

        return asyncio.run(read())


def deadly(stage: StageName, way: str) -> Raw:
    """A document that is the end of who works on it in one stage."""
    feed = f"https://{way}.{stage.value}.example/feed.xml"
    text = f"<p>This one is deadly-{stage.value}-{way}, whoever works on it. It came by {feed} and by no other.</p>"
    body = {"url": f"https://{way}.{stage.value}.example/1", "title": f"The {way} of {stage.value}"}
    document = msgspec.json.encode({**body, "content_html": text, "source_url": feed})
    return feed.encode(), document, (("source-url", feed.encode()),)


READS_MARKUP = (StageName.PARSE, StageName.ENRICH)


def words(stage: StageName, one: Any) -> bytes | None:
    """What an input of a stage says that is deadly there."""
    found = re.search(rb"deadly-%s-\w+" % stage.value.encode(), one.body if stage is StageName.PARSE else one)
    return None if found is None else found[0]


@pytest.mark.timeout(500)
@pytest.mark.parametrize(
    "stage",
    [
        pytest.param(stage, marks=pytest.mark.heavy if stage in READS_MARKUP else pytest.mark.soak)
        for stage in StageName
    ],
)
def test_what_kills_is_put_aside_and_its_neighbours_go_on(
    broker: EmbeddedBroker, tmp_path: Path, stage: StageName
) -> None:
    mill = Mill(broker, f"poison-{stage.value}", tmp_path)
    ways = WAYS if stage in (StageName.PARSE, StageName.ENRICH) else WAYS[:3]
    ordinary = list(documents(300, seed=7, sites=12))
    records: list[Raw] = []
    for number, record in enumerate(ordinary):
        records.append(record)
        if number % 50 == 25 and number // 50 < len(ways):
            records.append(deadly(stage, ways[number // 50]))
    mill.start(2)
    try:
        mill.publish(records)
        raw, outcomes = mill.wait_until_done()
        done = mill.stand.run("ledger", "--settle", "0")
    finally:
        mill.end()

    said = {f"deadly-{stage.value}-{way}" for way in ways}
    killed = mill.deaths("worker")
    assert all(killed[one] <= 2 for one in said), killed
    assert sum(killed[one] for one in said) >= 1, "nothing was deadly"
    assert all(mill.deaths("child")[one] >= 1 for one in said)

    expected = one_process(raw, mill.stand.naming, __version__, spared=lambda at, one: words(at, one) is None)
    doubled = {place: found for place, found in outcomes.by_place.items() if len(found) > 1}
    assert not doubled, str(doubled)[:1000]
    letters = {
        value["payload"]: value
        for found in outcomes.by_place.values()
        for topic, value in found
        if topic is Topic.DEAD_LETTER and value["code"] == "crashed-worker"
    }
    assert len(letters) == len(ways)
    for payload, letter in letters.items():
        assert letter["stage"] == stage.value
        assert f"deadly-{stage.value}" in payload
        assert (letter["revision"] is None) == (stage in (StageName.PARSE, StageName.DEDUPE))
    others = {
        place: found
        for place, found in outcomes.by_place.items()
        if not (found[0][0] is Topic.DEAD_LETTER and found[0][1]["code"] == "crashed-worker")
    }
    different = [place for place, found in others.items() if found != [expected[place]]]
    assert not different, f"{len(different)} outcomes differ from one process's: {different[:3]}"
    assert len(expected) == len(others)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.heavy
@pytest.mark.timeout(500)
def test_a_start_a_rebalance_and_a_stop_start_no_child(broker: EmbeddedBroker, tmp_path: Path) -> None:
    mill = Mill(broker, "poison-none", tmp_path)
    try:
        mill.start(1)
        mill.publish(documents(200, seed=1))
        mill.wait_until_done()
        mill.start(1)  # joins: partitions move
        mill.publish(documents(200, seed=2))
        mill.wait_until_done()
        until(lambda: mill.logs().count("Ready, restored") >= 3, 90)
        mill.workers[0].end()  # leaves: they move back
        mill.publish(documents(200, seed=3))
        mill.wait_until_done()
        mill.end()
        marks = mill.marks()
        mill.start(2)  # a deploy
        mill.publish(documents(200, seed=4))
        mill.wait_until_done()
    finally:
        mill.end()
    inputs = {(mill.stand.naming.topic(INPUT[stage]), number) for stage in StageName for number in range(PARTITIONS)}
    assert {place for place, mark in marks.items() if mark == IN_ORDER} == inputs, marks
    assert mill.deaths("child") == {}
    assert "did not stop in order" not in mill.logs()
    assert mill.deaths("worker")["starts"] == 4


@pytest.mark.heavy
@pytest.mark.timeout(500)
def test_what_a_healthy_worker_had_in_hand_is_tried_and_comes_out_all_the_same(
    broker: EmbeddedBroker, tmp_path: Path
) -> None:
    mill = Mill(broker, "poison-kill", tmp_path)
    try:
        mill.start(1)
        mill.publish(documents(3000, seed=5))
        until(lambda: len(mill.read()[1].by_place) > 500, 60)
        mill.workers[0].signal(signal.SIGKILL)
        raw, outcomes = mill.wait_until_done()
        until(lambda: len(re.findall("No suspect record is left", mill.logs())) > 0, 90)
    finally:
        mill.end()
    assert mill.deaths("child")["starts"] >= 1
    expected = one_process(raw, mill.stand.naming, __version__)
    assert {place: [found] for place, found in expected.items()} == outcomes.by_place


def until(condition: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come to that"
        time.sleep(0.2)
