"""One piece: a mill of its own, the input and the faults of one seed, and the account of what came out."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import msgspec

from agents.engine.admin import administration
from agents.engine.publisher import Publisher
from agents.engine.reader import Reader
from agents.engine.topics import INPUT, Naming
from agents.engine.transport import EngineError, Incoming
from agents.stage import Topic
from tests.chaos.alone import Alone
from tests.chaos.check import Outcomes, Violation, compare, places
from tests.chaos.cluster import Cluster
from tests.chaos.documents import documents
from tests.chaos.history import history
from tests.chaos.results import Result, commit
from tests.chaos.schedule import Kind, Plan
from tests.chaos.storm import Storm
from tests.chaos.workers import Memory
from tests.kafka.faults import ENDS, ROOT

STILL_SECONDS = 300.0
"""The mill stands still when its group's offsets have not moved for so long, with nothing befalling it."""

Tell = Callable[[str], None]


class BrokenPromiseError(Exception):
    """What the piece found, for people: the violations, the way of the first entries, and where everything lies."""


def run_piece(
    plan: Plan, entries: int, folder: Path, *, most_mb: int, keep: bool = False, tell: Tell = lambda _: None
) -> Result:
    """Run one piece in a new folder, which goes when all is well. Raises BrokenPromiseError."""
    folder.mkdir(parents=True)
    naming = Naming(f"chaos{plan.seed}")
    begun = time.monotonic()
    with Cluster(folder, naming, plan.partitions, plan.seed) as cluster:
        storm = Storm(plan, cluster, folder, tell)
        memory = Memory(lambda: list(storm.workers.values()))
        sender = _Sender(cluster, entries, plan)
        try:
            storm.wait_until_ready()
            sender.start()
            storm.run(stopped=lambda: sender.failed)
            sender.join()
            tell(f"{sum(storm.hit.values())} faults in {time.monotonic() - begun:.0f} s; the mill works off the rest")
            violations = asyncio.run(_wait_until_done(cluster))
            memory.stop()
        finally:
            memory.stop()
            storm.dismiss()
        tell(f"settled after {time.monotonic() - begun:.0f} s; one process works it off now")
        peak_mb = storm.peak_kb // 1024
        if peak_mb > most_mb:
            violations.append(Violation(f"a worker had {peak_mb} MB of memory, more than {most_mb}"))
        outcomes = Outcomes(grouped=plan.partitions == 1, refusing=storm.hit[Kind.REFUSE] > 0)
        asyncio.run(_note_all(cluster, outcomes))
        with _Spooled(cluster) as raw:
            violations += compare(outcomes, Alone(naming).run(raw))
        violations += _ledger(cluster)
        if violations:
            told = asyncio.run(_told(cluster, storm, violations, folder))
            raise BrokenPromiseError(told)
    if not keep:
        shutil.rmtree(folder)
    return Result(
        seed=plan.seed,
        entries=outcomes.count,
        documents=sender.documents,
        outcomes=dict(sorted(outcomes.kinds.items())),
        faults={kind.value: count for kind, count in sorted(storm.hit.items())},
        partitions=plan.partitions,
        workers=plan.workers,
        starts=storm.started,
        exits={str(code): count for code, count in sorted(storm.exits.items())},
        broken_off=sum(proxy.broken for proxy in cluster.proxies.all),
        seconds=round(time.monotonic() - begun),
        peak_rss_mb=peak_mb,
        result="whole",
        commit=commit(),
    )


class _Sender:
    """Publishes the input in a thread of its own, spread over the time that the faults take."""

    def __init__(self, cluster: Cluster, entries: int, plan: Plan) -> None:
        self.documents = 0
        self._cluster = cluster
        self._entries = entries
        self._plan = plan
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="sender", daemon=True)

    def start(self) -> None:
        self._thread.start()

    @property
    def failed(self) -> bool:
        return self._failure is not None

    def join(self) -> None:
        self._thread.join()
        if self._failure is not None:
            raise self._failure

    def _run(self) -> None:
        try:
            asyncio.run(self._publish())
        except BaseException as failure:
            self._failure = failure

    async def _publish(self) -> None:
        topic = self._cluster.naming.topic(Topic.RAW)
        begun, sent = time.monotonic(), 0
        async with Publisher(self._cluster.connection) as publisher:
            for raw in documents(self._entries, self._plan.seed):
                await publisher.send(topic, raw.body, key=raw.key, headers=raw.headers)
                sent += raw.entries
                self.documents += 1
                due = begun + self._plan.seconds * sent / self._entries
                if (early := due - time.monotonic()) > 0:
                    await asyncio.sleep(early)
            await publisher.flush()


async def _wait_until_done(cluster: Cluster) -> list[Violation]:
    """Wait until the group's offsets stand at the end of each stage's input; a violation where they stop before."""
    moved, before = time.monotonic(), -1
    while True:
        try:
            behind, stands = await _behind(cluster)
        except EngineError:
            behind, stands = ["the broker"], before
        if not behind:
            return []
        if stands != before:
            moved, before = time.monotonic(), stands
        if time.monotonic() - moved > STILL_SECONDS:
            return [Violation(f"the mill stands still: {'; '.join(behind[:8])}")]
        await asyncio.sleep(1.0)


async def _behind(cluster: Cluster) -> tuple[list[str], int]:
    """The stages' inputs that are not worked off, and the sum of all offsets, which tells whether anything moves."""
    inputs = [(cluster.naming.topic(topic), number) for topic in INPUT.values() for number in range(cluster.partitions)]
    async with administration(dict(cluster.connection)) as admin, Reader(cluster.connection) as reader:
        committed = await admin.committed(cluster.naming.group)
        bounds = await reader.bounds(inputs)
        behind: list[str] = []
        for at, (begin, end) in bounds.items():
            stands = max(committed.get(at, 0), begin)
            # Not the numbers alone: markers of transactions, and those of each take-over, take offsets too.
            if (left := await reader.first(at, (stands, end))) is not None:
                behind.append(f"{at[0]}/{at[1]} at {stands} of {end}, the next record is {left.offset}")
    return behind, sum(committed.values()) + sum(end for _, end in bounds.values())


async def _note_all(cluster: Cluster, outcomes: Outcomes) -> None:
    async with Reader(cluster.connection) as reader:
        for topic in ENDS:
            places_ = [(cluster.naming.topic(topic), number) for number in range(cluster.partitions)]
            async for batch in reader.read(await reader.bounds(places_)):
                for record in batch:
                    outcomes.note(topic, f"{topic.value}/{record.partition}/{record.offset}", record.value)


class _Spooled:
    """The raw topic, partition by partition, through a file: one process reads slower than the broker waits."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._file = cluster.folder / "raw"

    def __enter__(self) -> Iterator[Incoming]:
        asyncio.run(self._write())
        return self._read()

    def __exit__(self, *_: object) -> None:
        self._file.unlink()

    async def _write(self) -> None:
        topic = self._cluster.naming.topic(Topic.RAW)
        encoder = msgspec.msgpack.Encoder()
        async with Reader(self._cluster.connection) as reader:
            bounds = await reader.bounds([(topic, number) for number in range(self._cluster.partitions)])
            with self._file.open("wb") as file:
                for at, span in bounds.items():
                    async for batch in reader.read({at: span}):
                        for record in batch:
                            data = encoder.encode(record)
                            file.write(len(data).to_bytes(4, "big") + data)

    def _read(self) -> Iterator[Incoming]:
        decoder = msgspec.msgpack.Decoder(Incoming)
        with self._file.open("rb") as file:
            while size := file.read(4):
                yield decoder.decode(file.read(int.from_bytes(size, "big")))


def _ledger(cluster: Cluster) -> Iterable[Violation]:
    """What `feedmill ledger` says, as an operator would ask it."""
    environment = {"FEEDMILL_BROKER": cluster.address, "FEEDMILL_TOPIC_PREFIX": cluster.naming.prefix}
    done = subprocess.run(
        [sys.executable, "-m", "agents.cli.main", "ledger", "--json"],
        env={**os.environ, **environment},
        cwd=ROOT,
        capture_output=True,
        check=False,
    )
    if done.returncode:
        said = (done.stdout + done.stderr).decode(errors="replace")
        yield Violation(f"the ledger ends with {done.returncode}: {said[:1000]}")
        return
    account = msgspec.json.decode(done.stdout)
    if not (account["whole"] and account["settled"]):
        yield Violation(f"the ledger is not whole and settled: {done.stdout.decode()[:1000]}")


async def _told(cluster: Cluster, storm: Storm, violations: Sequence[Violation], folder: Path) -> str:
    plan = storm.plan
    lines = [f"seed {plan.seed} ({plan.partitions} partitions, {len(plan.faults)} faults) breaks promises:"]
    lines += [f"  {violation.what}" for violation in violations]
    hurt = list(places(violations))
    told = await history(cluster.connection, cluster.naming, cluster.partitions, hurt, storm.events)
    return "\n".join([*lines, "", *told, "", f"Kafka's data, the workers' logs and folders: {folder}"])


__all__ = ["BrokenPromiseError", "run_piece"]
