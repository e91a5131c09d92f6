"""docs/metrics.md against programs that have really worked: what they show over HTTP is what the page says."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from msgspec import Struct

from agents import __version__
from agents.engine.broker import EmbeddedBroker
from agents.engine.loopback import free_port
from agents.engine.memory import memory_limit
from agents.stage import Topic
from schemas import StageName
from tests.conftest import IN_CI
from tests.documents import FIRST, LATER, atom, entry, markdown
from tests.kafka.stand import PARTITIONS, Stand
from tests.kafka.test_worker import until
from tests.scrapes import Form, families, scrape, shown, total, values, written
from tools.metrics_page import PAGE, tables

pytestmark = [pytest.mark.heavy, pytest.mark.timeout(400)]

MOST_SERIES = 2000
SITES = ("harbour.example", "silent.example")
DOCUMENTS = (
    markdown("渡轮搁浅", FIRST),
    markdown("渡轮搁浅", FIRST),
    markdown("渡轮搁浅", LATER),
    atom(*(entry(number) for number in range(1, 9))),
    atom(),
    b"",
    b"\x00\x01 nothing that anyone reads",
)


class Program(Struct, frozen=True):
    """One of the mill's programs with metrics, under the name of its section of the page.

    `absent` names what it may not show here; `settled` says when it has shown all that it can.
    """

    section: str
    arguments: Sequence[str]
    settled: Callable[[str], bool]
    absent: frozenset[str] = frozenset()

    def command(self, port: int) -> list[str]:
        return [*self.arguments, *([] if self.section == "Worker" else ["--port", str(port)])]


def worked(text: str) -> bool:
    ended = total(text, "feedmill_items_total") + total(text, "feedmill_dead_letters_total")
    # the first reading of lag may come before any partition is ready, and then has none
    return ended >= len(DOCUMENTS) and len(values(text, "feedmill_lag_records")) == len(StageName) * PARTITIONS


PROGRAMS = [
    Program(
        "Worker",
        ["worker"],
        worked,
        frozenset() if memory_limit() is not None else frozenset({"feedmill_memory_limit_bytes"}),
    ),
    Program(
        "Lag exporter", ["lag-exporter", "--every", "1"], lambda text: total(text, "feedmill_committed_offset") > 0
    ),
    Program(
        "Ledger",
        ["ledger", "--follow", "--every", "1", "--grace", "1s"],
        lambda text: total(text, "feedmill_ledger_entries") > 0,
    ),
]


@contextlib.contextmanager
def running(stand: Stand, folder: Path, *arguments: str, listens_at: int) -> Iterator[Path]:
    """A program of the mill, and its log."""
    log = folder / f"{arguments[0]}-{listens_at}.log"
    environment = {
        **stand.environment,
        "FEEDMILL_STATE_DIR": str(folder / f"state-{listens_at}"),
        "FEEDMILL_METRICS_PORT": str(listens_at),
        "FEEDMILL_SITE_ALLOW_LIST": ",".join(SITES),
    }
    with log.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "agents.cli.main", *arguments], env=environment, stdout=out, stderr=out
        )
    try:
        yield log
    finally:
        process.terminate()
        try:
            process.wait(60)
        finally:
            process.kill()


def settled(program: Program, port: int, log: Path) -> str:
    """A scrape of a program that has nothing more to do."""

    def found() -> bool:
        try:
            return program.settled(scrape(port))
        except OSError:
            return False

    assert until(found, 240), log.read_text()
    return scrape(port)


@pytest.fixture(scope="module")
def stand(broker: EmbeddedBroker) -> Stand:
    made = Stand(broker.address, "metrics")
    asyncio.run(made.create())
    return made


@pytest.fixture(scope="module")
def worker(stand: Stand, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[int, Path]]:
    """A worker that has taken the documents: its port and its log."""
    port, program = free_port(), PROGRAMS[0]
    with running(stand, tmp_path_factory.mktemp("worker"), "worker", listens_at=port) as log:
        asyncio.run(stand.put(Topic.RAW, DOCUMENTS))
        settled(program, port, log)
        yield port, log


@pytest.fixture(params=PROGRAMS, ids=lambda program: program.section)
def live(
    request: pytest.FixtureRequest, worker: tuple[int, Path], stand: Stand, tmp_path: Path
) -> Iterator[tuple[Program, int]]:
    """Each program beside the worker, and where it listens."""
    program: Program = request.param
    if program.section == "Worker":
        yield program, worker[0]
        return
    port = free_port()
    with running(stand, tmp_path, *program.command(port), listens_at=port) as log:
        settled(program, port, log)
        yield program, port


@pytest.mark.parametrize("form", Form)
def test_a_program_shows_what_the_page_says_and_nothing_else(live: tuple[Program, int], form: Form) -> None:
    program, port = live
    text = scrape(port, form)
    found = shown(families(text, form))
    ours = {name: one for name, one in found.items() if name.startswith("feedmill")}
    said = written(tables(PAGE.read_text())[program.section])
    assert ours == {name: one for name, one in said.items() if name not in program.absent}
    assert {name.partition("_")[0] for name in found} <= {"feedmill", "process", "python"}
    assert sum(not line.startswith("#") for line in text.splitlines()) <= MOST_SERIES
    assert total(scrape(port), "feedmill_build_info", version=__version__) == 1


def test_promtool_has_nothing_against_it(live: tuple[Program, int]) -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        why = "promtool is not there (Debian: apt-get install prometheus): the scrape WAS NOT CHECKED"
        if IN_CI:
            pytest.fail(why)
        pytest.skip(why)
    _, port = live
    checked = subprocess.run(
        [promtool, "check", "metrics"], input=scrape(port), text=True, capture_output=True, check=False
    )
    assert (checked.returncode, checked.stdout + checked.stderr) == (0, "")


def test_the_figures_of_a_worker_are_those_of_what_came(worker: tuple[int, Path]) -> None:
    text = scrape(worker[0])
    assert total(text, "feedmill_inputs_total", stage="parse") == len(DOCUMENTS)
    assert total(text, "feedmill_duplicates_total", rule="same-entry") == 1
    assert total(text, "feedmill_items_total", verdict="revision") == 1
    assert total(text, "feedmill_dead_letters_total", code="no-entries") == 1
    for stage in StageName:
        batches = total(text, "feedmill_batch_seconds_count", stage=stage)
        assert batches == total(text, "feedmill_commit_seconds_count", stage=stage) > 0
        spent = total(text, "feedmill_batch_seconds_sum", stage=stage)
        assert 0 < total(text, "feedmill_commit_seconds_sum", stage=stage) <= spent
    last = {
        dict(labels)["site"]: at for labels, at in values(text, "feedmill_site_last_item_timestamp_seconds").items()
    }
    assert last.keys() == {*SITES, "other"}
    assert last["silent.example"] == 0 < last["other"]
    size = total(text, "feedmill_state_disk_size_bytes")
    assert 0 < total(text, "feedmill_state_disk_free_bytes") <= size
    assert total(text, "feedmill_memory_limit_bytes") == (memory_limit() or 0)
    used, limit = total(text, "feedmill_stories_index_items"), total(text, "feedmill_stories_index_limit_items")
    assert used > 0
    assert limit in {1_000_000 * partitions for partitions in range(1, PARTITIONS + 1)}
    assert total(text, "feedmill_ready") == 1


def test_after_a_rebalance_each_worker_shows_its_own(worker: tuple[int, Path], stand: Stand, tmp_path: Path) -> None:
    """What is asked at the scrape too: nothing is counted that moved away, and nothing is still to be restored."""
    second = free_port()

    def texts() -> list[str]:
        try:
            return [scrape(worker[0]), scrape(second)]
        except OSError:
            return []

    def owned(text: str) -> dict[str, float]:
        return {stage: total(text, "feedmill_partitions", stage=stage) for stage in StageName}

    def with_lag(text: str) -> Counter[str]:
        return Counter(dict(labels)["stage"] for labels in values(text, "feedmill_lag_records"))

    def agreed() -> bool:
        found = texts()
        return (
            bool(found)
            and all(total(text, "feedmill_ready") == 1 and with_lag(text) == Counter(owned(text)) for text in found)
            and total(found[1], "feedmill_partitions") > 0
        )

    with running(stand, tmp_path, "worker", listens_at=second) as log:
        agree = until(agreed, 240)
        found = texts()
        assert agree, f"{[(owned(text), with_lag(text)) for text in found]}\n{log.read_text()}"
    for stage in StageName:
        assert sum(owned(text)[stage] for text in found) == PARTITIONS
        assert [total(text, "feedmill_restoring_partitions", stage=stage) for text in found] == [0, 0]
    assert total(found[1], "feedmill_restored_records_total") > 0, "what the second worker read of the changelogs"
    assert total(found[1], "feedmill_restore_seconds_count") >= total(found[1], "feedmill_partitions")
