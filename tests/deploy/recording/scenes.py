"""What happens in each recording. One second is played as a quarter of a minute: 40 of them as ten minutes.

`Scene.alerts` is the whole list of alerts that fire in it, when tests/deploy/test_alerts.py plays the recording to the
rules; all others must be silent.
"""

from __future__ import annotations

import contextlib
import itertools
import random
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from agents.engine.topics import INPUT
from agents.stage import Topic
from schemas import StageName
from tests.deploy.recording.mill import OTHERS, SITES, Mill, Process, article, own_disk
from tests.deploy.recording.scraper import Scraper, Target, until
from tests.kafka.lone import _FAULTY

DEADLY = Path(__file__).parent.parent.parent / "kafka" / "deadly"
CALM = 40
"""Seconds before a fault: ten minutes of the played clock."""

_NEVER_COMMITS = """
import asyncio, os
from agents.engine.loop import StageLoop
commit = StageLoop._commit
def stuck(number):
    try:
        return open(os.environ["STUCK"]).read() in ("", str(number))
    except FileNotFoundError:
        return False
async def late(self, part, *arguments):
    while self.stage.name == "dedupe" and stuck(part.partition):
        await asyncio.sleep(0.2)
    return await commit(self, part, *arguments)
StageLoop._commit = late
"""

_NEVER_READS = """
import asyncio, os
from agents.engine.kafka import KafkaChangelog as Changelog
read = Changelog.read
async def nothing(self, topic, starts):
    if ".dedupe-changelog" in topic and os.path.exists(os.environ["STUCK"]):
        await asyncio.sleep(0.2)
        return {}
    return await read(self, topic, starts)
Changelog.read = nothing
"""

_AHEAD = """
import os, sys, time
true, ahead = time.time, os.environ["AHEAD"]
time.time = lambda: true() + 3600 * float(open(ahead).read())
from agents.cli.main import main
sys.argv = ["feedmill", *os.environ["WORDS"].split()]
main()
"""


class Play:
    """A scene while it runs."""

    def __init__(self, mill: Mill, scraper: Scraper, diary: Callable[[str], None]) -> None:
        self.mill = mill
        self.scraper = scraper
        self.marks: dict[str, int] = {}
        self.diary = diary

    def mark(self, name: str) -> None:
        self.marks[name] = self.scraper.now()
        self.diary(f"-- {name}")

    def wait(self, seconds: float) -> None:
        time.sleep(seconds)

    def target(self, name: str) -> Target:
        return next(target for target in self.scraper.targets if target.instance == name)

    def look(self, *words: str, at: str = "worker-0") -> None:
        """What somebody who was woken types, in a worker's container, and what it says: for the drill's diary."""
        try:
            self.diary(self.mill.command(*words, at=at))
        except Exception as error:  # the diary is for people; a command that hangs is worth a line
            self.diary(f"$ feedmill {' '.join(words)}   ({error})")


Setting = Callable[[Path], contextlib.AbstractContextManager[Mill]]


@contextlib.contextmanager
def usual(folder: Path, **settings: str) -> Iterator[Mill]:
    with Mill(folder, **settings) as mill:
        yield mill


# -- the faults


def normal(play: Play) -> None:
    play.wait(240)


def one_worker_killed(play: Play) -> None:
    play.wait(CALM)
    play.mark("fault")
    play.mill.processes["worker-1"].kill()
    play.wait(85)
    play.mark("cured")
    play.mill.processes["worker-1"].back()
    play.wait(60)


def all_workers_killed(play: Play) -> None:
    """Their targets vanish, as discovery in Compose and Kubernetes lets them."""
    play.wait(CALM)
    play.mark("fault")
    for worker in play.mill.workers:
        worker.kill()
        play.target(worker.name).known = False
    play.wait(70)
    play.look("health")
    play.look("check")
    play.look("ledger", "--settle", "0")
    play.wait(10)
    play.mark("cured")
    for worker in play.mill.workers:
        worker.back()
        play.target(worker.name).known = True
    play.wait(75)


def workers_cut_off(play: Play) -> None:
    """The network between workers and Kafka is gone, and nobody is told. The lag exporter has its own way."""
    play.wait(CALM)
    play.mark("fault")
    play.mill.hold("worker-0", "worker-1")
    play.wait(105)
    play.look("check")
    play.mark("cured")
    play.mill.hold("worker-0", "worker-1", held=False)
    play.wait(90)


def broker_killed(play: Play) -> None:
    play.wait(CALM)
    play.mark("fault")
    play.mill.cluster.kill()
    play.wait(70)
    play.look("check")
    play.wait(10)
    play.mark("cured")
    play.mill.cluster.restart()
    play.wait(90)


def commits_that_never_end(play: Play) -> None:
    """Planted in the workers: a stage whose transaction waits for ever, in a process that answers."""
    stuck = play.mill.folder / "stuck"
    play.wait(CALM)
    play.mark("fault")
    stuck.touch()
    play.wait(95)
    play.look("check")
    play.mark("cured")
    stuck.unlink()
    play.wait(75)


def one_partition_stuck(play: Play) -> None:
    """The same planted for one of two partitions: its worker answers, and the other one gets on with the stage."""
    stuck = play.mill.folder / "stuck"
    play.mill.sending[:] = [*SITES[:1], *OTHERS]
    play.wait(CALM)
    play.mark("fault")
    stuck.write_text("1")
    play.wait(170)
    play.mark("cured")
    stuck.unlink()
    play.wait(60)


@contextlib.contextmanager
def with_stuck_commits(folder: Path) -> Iterator[Mill]:
    with Mill(folder, STUCK=str(folder / "stuck"), FEEDMILL_STALL_SECONDS="900") as mill:
        for worker in mill.workers:
            worker.prefix, worker.words = ("-c", _FAULTY.format(fault=_NEVER_COMMITS)), []
        yield mill


def unreadable_record(play: Play) -> None:
    """Somebody wrote to an internal topic. Its worker ends, and each that takes the partition over."""
    topic = play.mill.naming.topic(INPUT[StageName.ENRICH])
    play.wait(CALM)
    play.mark("fault")
    play.mill.write(topic, [b"\x00 no frame"])
    play.wait(180)
    said = [
        line
        for line in play.mill.workers[0].said.splitlines() + play.mill.workers[1].said.splitlines()
        if "FEEDMILL_SKIP_RECORDS" in line
    ]
    play.diary("\n".join(said[-2:]))
    play.mark("cured")
    place = next(word for word in said[-1].replace(",", " ").split() if word.count("/") == 2).strip(".:")
    for worker in play.mill.workers:
        worker.environment["FEEDMILL_SKIP_RECORDS"] = place
        worker.send(signal.SIGKILL)
    play.wait(150)


def slow_broker(play: Play) -> None:
    """Every answer of the broker takes seconds: a disk, or a network, that is overloaded."""
    play.wait(CALM)
    play.mark("fault")
    play.mill.delay(2.0)
    play.wait(130)
    play.mark("cured")
    play.mill.delay(0.0)
    play.wait(60)


def poison_flood(play: Play) -> None:
    play.wait(CALM)
    play.mark("fault")
    play.mill.spoilt = 0.6
    play.wait(90)
    play.look("dead-letters", "list", "-n", "3")
    play.mark("cured")
    play.mill.spoilt = 0.0
    play.wait(60)


def deadly_document(play: Play) -> None:
    play.wait(CALM)
    play.mark("fault")
    play.mill.publish([article(SITES[0], 10**6, random.Random(1)).replace(b"says", b"is deadly-enrich-abort and says")])
    play.wait(60)
    play.look("dead-letters", "list", "--code", "crashed-worker")
    play.mark("cured")
    play.wait(60)


@contextlib.contextmanager
def with_traps(folder: Path) -> Iterator[Mill]:
    diary = folder / "deaths"
    with Mill(folder, PYTHONPATH=str(DEADLY), DEADLY_LOG=str(diary)) as mill:
        diary.touch()
        yield mill


def restore_that_stops(play: Play) -> None:
    """Planted: a worker comes back without its state, and reads nothing of one changelog. (One whose way to the broker
    closes ends itself instead.)"""
    mill, worker = play.mill, play.mill.processes["worker-0"]
    play.wait(CALM)
    play.mark("fault")
    worker.kill()
    play.wait(2)
    shutil.rmtree(mill.folder / "worker-0.state")
    (mill.folder / "stuck").touch()
    worker.back()
    play.wait(110)
    play.look("health", "--ready")
    play.mark("cured")
    (mill.folder / "stuck").unlink()
    play.wait(60)


@contextlib.contextmanager
def with_stuck_restores(folder: Path) -> Iterator[Mill]:
    with Mill(folder, STUCK=str(folder / "stuck")) as mill:
        for worker in mill.workers:
            worker.prefix, worker.words = ("-c", _FAULTY.format(fault=_NEVER_READS)), []
        yield mill


def rebalance_storm(play: Play) -> None:
    """A third worker joins and leaves, again and again: a scaler that wavers."""
    mill = play.mill
    play.wait(CALM)
    play.mark("fault")
    third = Process("worker-2", mill.folder, ["worker"], mill.environment("worker-2", 0))
    third.environment["FEEDMILL_METRICS_PORT"] = str(third.port)
    mill.processes["worker-2"] = third  # it ends with the mill; nobody scrapes it
    third.start()
    for _ in range(11):
        third.held = False
        with contextlib.suppress(TimeoutError):
            until(lambda: third.figure("feedmill_rebalances_total") > 0, 20, "it did not join")
        third.held = True
        third.send(signal.SIGTERM)
        with contextlib.suppress(TimeoutError):
            until(lambda: third.pid is None, 10, "it does not end")
        third.send(signal.SIGKILL)
    play.look("check")
    play.mark("cured")
    play.wait(130)


def site_falls_silent(play: Play) -> None:
    """One of three sites brings nothing more for a day, and then again."""
    play.wait(CALM)
    play.mark("fault")
    play.mill.sending.remove(SITES[2])
    play.wait(40)
    play.mark("again")
    play.wait(40)
    play.mark("cured")
    play.mill.sending.append(SITES[2])
    play.wait(40)


def senders_stop(play: Play) -> None:
    play.wait(CALM)
    play.mark("fault")
    play.mill.sending.clear()
    play.wait(40)
    play.mark("again")
    play.wait(20)
    play.mark("cured")
    play.mill.sending.extend([*SITES, *OTHERS[:1]])
    play.wait(40)


def entries_passed_over(play: Play) -> None:
    """Records are named in FEEDMILL_SKIP_RECORDS that held entries: the documented way to lose some."""
    play.wait(CALM)
    play.mark("fault")
    mill = play.mill
    topic = mill.naming.topic(INPUT[StageName.ENRICH])
    ends = [
        int(play.scraper.series[key][max(play.scraper.series[key])])
        for key in sorted(play.scraper.series)
        if key.startswith("feedmill_end_offset") and 'stage="enrich"' in key
    ]
    skipped = ",".join(f"{topic}/{part}/{end + ahead}" for part, end in enumerate(ends) for ahead in range(150))
    for worker in mill.workers:
        worker.environment["FEEDMILL_SKIP_RECORDS"] = skipped
        worker.again()
    play.wait(75)
    play.look("ledger", "--settle", "5")
    play.mark("cured")
    for worker in mill.workers:
        del worker.environment["FEEDMILL_SKIP_RECORDS"]
        worker.again()
    play.wait(30)
    play.look("reprocess", "--since", "1h", "--yes")
    play.wait(90)
    play.look("ledger", "--settle", "10")


def outcomes_written_twice(play: Play) -> None:
    """Somebody writes to feeds.duplicates what stands there, and to feeds.enriched under another key."""
    import asyncio

    from agents.engine.reader import Reader

    play.wait(CALM)
    play.mark("fault")
    mill = play.mill

    async def some(topic: Topic) -> list[bytes]:
        async with Reader(mill.cluster.connection) as reader:
            bounds = await reader.bounds([(mill.naming.topic(topic), 0)])
            found = [record.value async for batch in reader.read(bounds) for record in batch if record.value]
            return found[:3]

    mill.write(mill.naming.topic(Topic.DUPLICATES), asyncio.run(some(Topic.DUPLICATES)))
    mill.write(mill.naming.topic(Topic.ENRICHED), asyncio.run(some(Topic.ENRICHED)))
    play.wait(50)
    play.look("ledger", "--settle", "5")


def limits(play: Play) -> None:
    """A small disk fills up, and a control group is tight."""
    mill = play.mill
    play.wait(CALM)
    play.mark("fault")
    resident = mill.workers[1].figure("process_resident_memory_bytes")
    for group in mill.workers[1].groups:
        (group / "memory.limit_in_bytes").write_text(str(int(resident / 0.95)))
    filler = mill.folder / "worker-0.state" / "filler"
    size, free = (
        mill.workers[0].figure("feedmill_state_disk_size_bytes"),
        mill.workers[0].figure("feedmill_state_disk_free_bytes"),
    )
    play.diary(f"disk: {free:g} of {size:g} bytes are free before")
    with filler.open("wb") as file, contextlib.suppress(OSError):
        file.write(bytes(int(free - size * 0.10)))
    play.wait(80)
    with filler.open("ab") as file, contextlib.suppress(OSError):
        free = mill.workers[0].figure("feedmill_state_disk_free_bytes")
        file.write(bytes(max(0, int(free - size * 0.03))))
    play.wait(40)
    play.mark("cured")
    filler.unlink()
    for group in mill.workers[1].groups:
        (group / "memory.limit_in_bytes").write_text(str(1 << 30))
    play.wait(60)


@contextlib.contextmanager
def with_little_of_everything(folder: Path) -> Iterator[Mill]:
    group = Path("/sys/fs/cgroup/memory") / f"feedmill-recording-{time.time_ns()}"
    folder.mkdir(parents=True, exist_ok=True)
    with own_disk(folder / "worker-0.state", 256) as mounted, Mill(folder) as mill:
        if not mounted:
            raise RuntimeError("no file system of its own can be mounted here: the disk would not be a small one")
        group.mkdir()
        try:
            (group / "memory.limit_in_bytes").write_text(str(1 << 30))
            mill.workers[1].groups.append(group)
            yield mill
        finally:
            for process in mill.processes.values():
                process.end()
            time.sleep(1)
            with contextlib.suppress(OSError):
                group.rmdir()


def index_full(play: Play) -> None:
    """An index for ten thousand sightings fills up with short articles, each of words of its own."""
    mill = play.mill
    play.wait(CALM)
    play.mark("fault")
    _fill(play, 9_050)
    play.wait(75)
    play.look("check")
    _fill(play, 10_050)
    play.wait(45)
    play.mark("cured")
    for worker in mill.workers:
        worker.environment["FEEDMILL_STORIES_MAX_ITEMS"] = "1000000"
        worker.again()
    play.wait(75)


def _fill(play: Play, until_there: int) -> None:
    """Write articles, never more than the mill gets done at once, until the index has so many or drops some."""
    rng = random.Random(until_there)
    number = itertools.count(10**6 + until_there)
    site = OTHERS[1]

    def held() -> float:
        return sum(worker.figure("feedmill_stories_index_items") for worker in play.mill.workers)

    def dropped() -> float:
        return sum(worker.figure("feedmill_stories_evicted_total") for worker in play.mill.workers)

    while (before := held()) < until_there and not dropped():
        play.mill.publish(article(site, next(number), rng, _syllables(rng)) for _ in range(100))
        with contextlib.suppress(TimeoutError):
            until(lambda before=before: held() >= before + 90, 10, "")  # type: ignore[misc]
    play.diary(f"the index has {held():.0f} sightings, {dropped():.0f} were dropped")


def _syllables(rng: random.Random) -> list[str]:
    return ["".join(rng.choices(("ba", "den", "ko", "lis", "mar", "nu", "per", "sto"), k=4)) for _ in range(40)]


def backlog_of_days(play: Play) -> None:
    """Workers are away, and the exporter's clock runs ahead: the record that waits is some hours old, then days."""
    mill = play.mill
    play.wait(CALM)
    play.mark("fault")
    for worker in mill.workers:
        worker.kill()
        play.target(worker.name).known = False
    ahead = mill.folder / "ahead"
    ahead.write_text("7")
    play.wait(75)
    ahead.write_text("124")
    play.wait(80)
    play.mark("cured")
    ahead.write_text("0")
    for worker in mill.workers:
        worker.back()
        play.target(worker.name).known = True
    play.wait(80)


@contextlib.contextmanager
def with_a_small_index(folder: Path) -> Iterator[Mill]:
    with Mill(folder, FEEDMILL_STORIES_MAX_ITEMS="10000") as mill:
        yield mill


@contextlib.contextmanager
def with_a_wrong_clock(folder: Path) -> Iterator[Mill]:
    ahead = folder / "ahead"
    with Mill(folder) as mill:
        ahead.write_text("0")
        exporter = mill.processes["lag-exporter"]
        exporter.environment |= {"AHEAD": str(ahead), "WORDS": " ".join(exporter.words)}
        exporter.prefix, exporter.words = ("-c", _AHEAD), []
        yield mill


def watchers_cut_off(play: Play) -> None:
    play.wait(CALM)
    play.mark("fault")
    play.mill.hold("lag-exporter", "ledger")
    play.wait(290)
    play.mark("cured")
    play.mill.hold("lag-exporter", "ledger", held=False)
    play.wait(45)


def watchers_killed(play: Play) -> None:
    play.wait(CALM)
    play.mark("fault")
    for name in ("lag-exporter", "ledger"):
        play.mill.processes[name].kill()
        play.target(name).known = False
    play.wait(75)
    play.mark("cured")
    for name in ("lag-exporter", "ledger"):
        play.mill.processes[name].back()
        play.target(name).known = True
    play.wait(30)


LATE = ("LatencyFast", "LatencySlow", "LatencyBudget")
"""After an outage: what waited for over a minute came out late."""


class Scene:
    """One recording. `again`: hours for which the real minutes from the mark `again` to the mark `cured` are repeated;
    `after`: hours for which the last ten minutes are, at the end. `alerts`: those that fire and are over at the end,
    `lasting`: those that fire still.
    """

    def __init__(
        self,
        play: Callable[[Play], None],
        setting: Setting = usual,
        *,
        again: float = 0.0,
        after: float = 0.0,
        alerts: tuple[str, ...] = (),
        lasting: tuple[str, ...] = (),
    ) -> None:
        self.play = play
        self.setting = setting
        self.again = again
        self.after = after
        self.alerts = frozenset(f"Feedmill{name}" for name in alerts + lasting)
        self.lasting = frozenset(f"Feedmill{name}" for name in lasting)

    @property
    def name(self) -> str:
        return self.play.__name__.replace("_", "-")

    @property
    def what(self) -> str:
        return " ".join((self.play.__doc__ or "").split())


SCENES = {
    scene.name: scene
    for scene in (
        Scene(normal),
        Scene(one_worker_killed, alerts=("WorkerDown",)),
        Scene(all_workers_killed, after=8, alerts=("Absent", "LagGrowing", *LATE)),
        Scene(workers_cut_off, after=8, alerts=("NotReady", "Stalled", "LagGrowing", *LATE)),
        Scene(broker_killed, alerts=("BrokerSilent", "NotReady", "LagExporterStale")),
        Scene(commits_that_never_end, with_stuck_commits, after=8, alerts=("Stalled", "LagGrowing", *LATE)),
        Scene(
            one_partition_stuck,
            with_stuck_commits,
            alerts=("PartitionStalled", "Stalled", "LagGrowing", "LatencyFast"),
            lasting=("LatencySlow",),
        ),
        Scene(
            unreadable_record,
            alerts=("Stalled", "LagGrowing", "NotReady", "Restarting", "LatencyFast"),
            lasting=("LatencySlow", "LatencyBudget"),
        ),
        Scene(slow_broker, after=8, alerts=("LagGrowing", *LATE)),
        Scene(poison_flood, after=8, alerts=("DeadLettersFast", "DeadLettersSlow", "DeadLettersBudget")),
        Scene(deadly_document, with_traps, after=1.2, alerts=("CrashedWorker",)),
        Scene(
            restore_that_stops,
            with_stuck_restores,
            alerts=("RestoreStuck", "NotReady", "Stalled", "LagGrowing", "LatencyFast"),
            lasting=("LatencySlow",),
        ),
        Scene(rebalance_storm, alerts=("RebalanceStorm",)),
        Scene(site_falls_silent, again=25, alerts=("SourceSilent",)),
        Scene(senders_stop, again=1.5, alerts=("NoInput",)),
        Scene(entries_passed_over, lasting=("LedgerMissing",)),
        Scene(outcomes_written_twice, lasting=("LedgerDoubled", "LedgerContradicting")),
        Scene(limits, with_little_of_everything, alerts=("DiskFilling", "DiskNearlyFull", "MemoryNearLimit")),
        Scene(index_full, with_a_small_index, alerts=("IndexNearLimit",), lasting=("IndexDropping",)),
        Scene(
            backlog_of_days,
            with_a_wrong_clock,
            alerts=("Absent", "LagGrowing", "BacklogOld", "RawNearlyLost"),
            lasting=LATE[:2],
        ),
        Scene(watchers_cut_off, alerts=("LagExporterStale", "LedgerStale")),
        Scene(watchers_killed, alerts=("LagExporterAbsent", "LedgerAbsent")),
    )
}
