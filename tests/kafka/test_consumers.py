"""The consumers of docs/guide/consume.md, run as they stand there, over what the mill makes of the samples."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec
import pytest
from aiokafka import AIOKafkaProducer

from agents.engine.admin import administration
from agents.engine.broker import EmbeddedBroker
from agents.engine.jars import kafka_jars
from agents.engine.java import find_java
from agents.engine.topics import partition_of, topic_table
from agents.pipeline import Result
from agents.stage import Topic
from schemas import Item
from tests.conftest import IN_CI, ROOT
from tests.kafka.single import PATIENCE, done, worker
from tests.kafka.stand import PARTITIONS, Stand
from tools.examples import results

EXAMPLES = ROOT / "docs" / "guide" / "examples"

State = dict[str, tuple[int, str]]
"""Revision and title by id."""

Record = tuple[bytes, bytes | None]


def enriched(made: Iterable[Result]) -> list[Record]:
    return [(result.key or b"", result.value) for result in made if result.role is Topic.ENRICHED]


def folded(records: Iterable[Record]) -> State:
    """What a reader of all records should hold at the end."""
    found: dict[bytes, bytes] = {}
    for key, value in records:
        if value is None:
            found.pop(key, None)
        else:
            found[key] = value
    items = (msgspec.json.decode(value, type=Item) for value in found.values())
    return {item.id: (item.revision, item.title) for item in items}


def altered(record: Record, **fields: object) -> Record:
    key, value = record
    return key, json.dumps(json.loads(value or b"") | fields).encode()


ALL = enriched(results())
HALF = len(ALL) // 2
# What comes again with the revision that it had: reprocessed by a newer mill, with another title.
AGAIN = altered(next(record for record in ALL if record[1]), title="Read anew")
LATER = [*ALL[HALF:], AGAIN]

FORGED = [
    (b"f" * 32, altered(AGAIN, id="f" * 32)[1]),
    altered(AGAIN, revision=99, title="What a crash left half done"),
    (next(key for key, value in ALL[1:] if value), None),
]
"""Stands in a transaction that is aborted: nobody may see it."""


async def write(stand: Stand, records: Iterable[Record], *, commit: bool = True) -> None:
    """Write records as the mill does: in one transaction, each id to its partition."""
    producer = AIOKafkaProducer(**stand.connection, transactional_id=f"{stand.naming.prefix}.test")
    await producer.start()
    try:
        await producer.begin_transaction()
        for key, value in records:
            await producer.send_and_wait(
                stand.naming.topic(Topic.ENRICHED),
                value,
                key=key,
                partition=partition_of(Topic.ENRICHED, key, 0, PARTITIONS),
            )
        await (producer.commit_transaction() if commit else producer.abort_transaction())
    finally:
        await producer.stop()


class Kit:
    """One of the two examples; `program` is its file, or a mutant of it."""

    def __init__(self, program: Path, stand: Stand, folder: Path) -> None:
        self._program = program
        self._stand = stand
        self._store = folder / f"{program.stem}.store"
        self._log = folder / f"{program.stem}.log"

    def _command(self, until_now: bool) -> list[str]:
        topic = self._stand.naming.topic(Topic.ENRICHED)
        if self._program.suffix == ".py":
            command = [sys.executable, str(self._program), str(self._store)]
            return [*command, "--broker", self._stand.address, "--topic", topic, *["--until-now"] * until_now]
        java = find_java()
        path = os.pathsep.join(map(str, kafka_jars(java)))
        command = [str(java.program), "-cp", path, str(self._program), str(self._store)]
        return [*command, self._stand.address, topic, *["until-now"] * until_now]

    def state(self) -> State:
        if self._program.suffix == ".py":
            with contextlib.closing(sqlite3.connect(f"file:{self._store}?mode=ro", uri=True)) as database:
                rows = database.execute("SELECT id, revision, title, record FROM item").fetchall()
            assert all(json.loads(record)["title"] == title for *_, title, record in rows)
            return {id: (revision, title) for id, revision, title, _ in rows}
        items = json.loads(self._store.read_text("utf-8"))["items"]
        return {id: (item["revision"], item["title"]) for id, item in items.items()}

    def to_the_end(self) -> str:
        """Read what there is; what it said."""
        done = subprocess.run(
            self._command(True), capture_output=True, text=True, timeout=PATIENCE, check=False, stdin=subprocess.DEVNULL
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def killed_at(self, wanted: State) -> None:
        """Let it follow the topic until it holds what is wanted, and kill it."""
        with self._log.open("wb") as log, subprocess.Popen(self._command(False), stdout=log, stderr=log) as process:
            deadline = time.monotonic() + PATIENCE
            try:
                while self._soon() != wanted:
                    assert process.poll() is None, self._log.read_text()
                    assert time.monotonic() < deadline, self._log.read_text()
                    time.sleep(0.1)
            finally:
                process.send_signal(signal.SIGKILL)

    def _soon(self) -> State | None:
        try:
            return self.state()
        except (sqlite3.OperationalError, FileNotFoundError):
            return None  # not made yet


@pytest.fixture
def stand(broker: EmbeddedBroker, request: pytest.FixtureRequest) -> Stand:
    stand = Stand(f"127.0.0.1:{broker.port}", f"kit{abs(hash(request.node.name)) % 10**9}")
    asyncio.run(stand.create())
    return stand


@pytest.fixture
def java() -> Path:
    """The JVM example, where the Java here can compile: `java Consumer.java` needs a JDK."""
    modules = subprocess.run([find_java().program, "--list-modules"], capture_output=True, text=True, check=True).stdout
    if "jdk.compiler@" not in modules:
        why = "the JVM consumer DID NOT RUN: this Java has no compiler (apt install openjdk-17-jdk-headless)"
        if IN_CI:
            pytest.fail(why)
        pytest.skip(why)
    return EXAMPLES / "Consumer.java"


def life(kit: Kit, stand: Stand) -> State:
    """Half of the records, a kill, the other half with a retraction, aborted transactions before and between."""
    asyncio.run(write(stand, FORGED, commit=False))
    asyncio.run(write(stand, ALL[:HALF]))
    kit.killed_at(folded(ALL[:HALF]))
    asyncio.run(write(stand, FORGED, commit=False))
    asyncio.run(write(stand, LATER))
    told = kit.to_the_end()
    assert "goes on\n" in told
    assert f"{len(LATER)} records applied" in told, "it began again, or missed some"
    assert kit.to_the_end().startswith("goes on\n0 records applied")
    return kit.state()


def test_the_records_show_what_consumers_meet() -> None:
    assert any(value is None for _, value in LATER), "a retraction of what was there"
    retracted = next(key for key, value in LATER if value is None).decode()
    assert retracted in folded(ALL[: ALL.index((retracted.encode(), None))])
    first = {key for key, _ in ALL[:HALF]}
    assert any(key in first and value for key, value in ALL[HALF:]), "a revision of what was there"


def test_python(stand: Stand, tmp_path: Path) -> None:
    state = life(Kit(EXAMPLES / "consumer.py", stand, tmp_path), stand)
    assert state == folded([*ALL[:HALF], *LATER])
    assert "Read anew" in {title for _, title in state.values()}


@pytest.mark.heavy
def test_java(stand: Stand, tmp_path: Path, java: Path) -> None:
    assert life(Kit(java, stand, tmp_path), stand) == folded([*ALL[:HALF], *LATER])


@pytest.mark.heavy
def test_python_dies_in_the_middle_of_a_batch(stand: Stand, tmp_path: Path) -> None:
    dies(
        EXAMPLES / "consumer.py",
        "applied += 1",
        "applied += 1; applied < 70 or __import__('os')._exit(9)",
        stand,
        tmp_path,
    )


@pytest.mark.heavy
def test_java_dies_in_the_middle_of_a_batch(stand: Stand, tmp_path: Path, java: Path) -> None:
    dies(java, "applied++;", "if (++applied == 70) Runtime.getRuntime().halt(9);", stand, tmp_path)


def dies(program: Path, was: str, becomes: str, stand: Stand, folder: Path) -> None:
    """What it had applied counts for nothing, as its position; the next start applies it once."""
    asyncio.run(write(stand, ALL[:40]))
    kit = Kit(program, stand, folder)
    kit.to_the_end()
    asyncio.run(write(stand, ALL[40:]))
    with pytest.raises(AssertionError):
        Kit(mutant(program, was, becomes, folder), stand, folder).to_the_end()
    assert kit.state() == folded(ALL[:40])
    assert kit.to_the_end().startswith(f"goes on\n{len(ALL) - 40} records applied")
    assert kit.state() == folded(ALL)


PYTHON_MUTANTS = [
    pytest.param('"read_committed"', '"read_uncommitted"', id="uncommitted"),
    pytest.param("DELETE FROM item WHERE id = ?", "SELECT id FROM item WHERE id = ?", id="retractions ignored"),
    pytest.param("INSERT OR REPLACE INTO item", "INSERT OR IGNORE INTO item", id="the earlier record wins"),
    pytest.param("positions.get(at.partition, 0))", "0)", id="begins again each time"),
    pytest.param("(at.partition, position, time", "(at.partition, position + 9, time", id="skips some"),
]
JAVA_MUTANTS = [
    pytest.param('"read_committed"', '"read_uncommitted"', id="uncommitted"),
    pytest.param("items().remove(id);", "", id="retractions ignored"),
]


def mutant(program: Path, was: str, becomes: str, folder: Path) -> Path:
    text = program.read_text("utf-8")
    assert was in text
    made = folder / program.name
    made.write_text(text.replace(was, becomes), encoding="utf-8")
    return made


@pytest.mark.heavy
@pytest.mark.parametrize(("was", "becomes"), PYTHON_MUTANTS)
def test_python_without_one_of_its_lines(stand: Stand, tmp_path: Path, was: str, becomes: str) -> None:
    kit = Kit(mutant(EXAMPLES / "consumer.py", was, becomes, tmp_path), stand, tmp_path)
    assert not survives(kit, stand)


@pytest.mark.heavy
@pytest.mark.parametrize(("was", "becomes"), JAVA_MUTANTS)
def test_java_without_one_of_its_lines(stand: Stand, tmp_path: Path, java: Path, was: str, becomes: str) -> None:
    kit = Kit(mutant(java, was, becomes, tmp_path), stand, tmp_path)
    assert not survives(kit, stand)


def survives(kit: Kit, stand: Stand) -> bool:
    """Whether a consumer comes through all of its life; one that holds the wrong items is not waited for."""
    asyncio.run(write(stand, FORGED, commit=False))
    asyncio.run(write(stand, ALL[:HALF]))
    kit.to_the_end()
    if kit.state() != folded(ALL[:HALF]):
        return False
    asyncio.run(write(stand, LATER))
    told = kit.to_the_end()
    return f"{len(LATER)} records applied" in told and kit.state() == folded([*ALL[:HALF], *LATER])


@pytest.mark.parametrize(
    "change",
    [
        pytest.param("UPDATE position SET at = at - 7 * 24 * 3600", id="away for a week"),
        pytest.param("UPDATE position SET next = 1000000", id="a topic that was made anew"),
    ],
)
@pytest.mark.heavy
def test_a_store_that_may_have_missed_retractions_is_made_anew(stand: Stand, tmp_path: Path, change: str) -> None:
    asyncio.run(write(stand, ALL))
    kit = Kit(EXAMPLES / "consumer.py", stand, tmp_path)
    assert kit.to_the_end().startswith("begins\n")
    with contextlib.closing(sqlite3.connect(tmp_path / "consumer.store")) as database, database:
        database.execute(change)
        database.execute("INSERT INTO item VALUES ('missed', 1, '', '', '{}')")
    assert kit.to_the_end().startswith(f"begins\n{len(ALL)} records applied")
    assert kit.state() == folded(ALL)


@pytest.fixture
def cleaning() -> Iterator[EmbeddedBroker]:
    with EmbeddedBroker(settings={"log.cleaner.backoff.ms": "100"}) as broker:
        yield broker


async def _compacted(stand: Stand, records: list[Record]) -> None:
    """Make the topic with a cleaner in haste, write each record into a segment of its own, wait for the cleaner."""
    hasty = {"min.compaction.lag.ms": "0", "min.cleanable.dirty.ratio": "0.01", "segment.ms": "50"}
    table = [
        msgspec.structs.replace(spec, config=spec.config | hasty)
        for spec in topic_table(stand.naming, partitions=PARTITIONS, replication=1)
        if spec.name == stand.naming.topic(Topic.ENRICHED)
    ]
    async with administration(stand.connection) as admin:
        await admin.create(table, 1)
    for start in range(0, len(records), 40):
        await write(stand, records[start : start + 40])
        await asyncio.sleep(0.1)
    for partition in range(PARTITIONS):  # the last segment is never cleaned; what is in it is nobody's
        await stand.put(Topic.ENRICHED, [None], partition=partition)
    deadline = time.monotonic() + PATIENCE
    while len(found := [(one.partition, one.key) for one in await stand.get(Topic.ENRICHED)]) != len(set(found)):
        assert time.monotonic() < deadline, f"{len(found) - len(set(found))} records were not compacted"
        await asyncio.sleep(0.5)


@pytest.mark.heavy
def test_a_compacted_topic_gives_the_same_state(cleaning: EmbeddedBroker, tmp_path: Path) -> None:
    stand = Stand(f"127.0.0.1:{cleaning.port}", "compacted")
    records = [*ALL, AGAIN]
    asyncio.run(_compacted(stand, records))
    kit = Kit(EXAMPLES / "consumer.py", stand, tmp_path)
    told = kit.to_the_end()
    applied = int(told.split("\n")[1].split()[0])
    assert applied < len(records), "nothing was compacted"
    assert kit.state() == folded(records)


@pytest.mark.heavy
def test_both_read_what_a_mill_of_workers_wrote(stand: Stand, tmp_path: Path, java: Path) -> None:
    """The demo's samples through a real worker; one more item is retracted by command."""
    published = stand.run("ingest", "samples")
    assert published.returncode == 0, published.stderr
    with worker(stand, tmp_path / "worker"):
        made = done(stand, _outcomes())
        item = next(value for topic, value in made if topic is Topic.ENRICHED and value["verdict"] == "new")
        retracted = stand.run("retract", "--yes", item["id"])
        assert retracted.returncode == 0, retracted.stderr
    records = asyncio.run(stand.get(Topic.ENRICHED))
    wanted = folded((record.key or b"", record.value) for record in records)
    assert item["id"] not in wanted
    assert len(wanted) > 100
    for program in (EXAMPLES / "consumer.py", java):
        kit = Kit(program, stand, tmp_path)
        kit.to_the_end()
        assert kit.state() == wanted


def _outcomes() -> int:
    """Items, duplicates and dead letters that the samples become."""
    return sum(result.value is not None for result in results())
