"""The index of the stories stage with a million items in its window: time, memory, disk, and a restart.

`FEEDMILL_INDEX_ITEMS` says how many; a million take some minutes and four gigabytes of disk in the folder for temporary
files.
"""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

import msgspec
import psutil
from msgspec import Struct

from agents.content.signature import numbers, sign
from agents.engine.store import Overlay, Position, RocksTables, Store
from agents.stories.grouping import Groups
from agents.stories.index import Index, unpack_terms
from agents.stories.kinship import nearest
from agents.stories.memory import Membership, Memory, Shelf, Sighting
from agents.stories.nearcopy import judge
from agents.stories.stage import StoriesStage
from agents.stories.tables import MAX_CAPACITY, MIN_CAPACITY
from bench.documents import CHARACTERS, article
from bench.pure import prepared
from bench.report import Cell, Table, percentile, spread
from bench.window import window
from schemas import GroupingRule

ITEMS = 1_000_000
FEW = 100_000
MEASURED = 5000
ROUNDS = 10
BATCH = 500
CACHE = 32 << 20

SIGNATURE_BUDGET = 110
INDEX_BUDGET = 150
MEMORY_BUDGET = 700
DISK_BUDGET = 4000
RESTART_BUDGET = 10

_DRAFT = "draft"
_NOW = datetime(2026, 11, 23, tzinfo=UTC)


class Filled(Struct, frozen=True):
    """A window on disk."""

    count: int
    folder: Path
    store: Store

    @property
    def disk(self) -> int:
        """Bytes of all files."""
        return sum(path.stat().st_size for path in self.folder.rglob("*") if path.is_file())


class Restart(Struct, frozen=True):
    """What a new process took, in seconds: its imports, the index, its first output; and its memory in bytes."""

    imports: float
    index: float
    output: float
    rss: int
    least_rss: int


def main() -> Iterator[Table]:
    many = int(os.environ.get("FEEDMILL_INDEX_ITEMS", ITEMS))
    yield _signatures()
    with tempfile.TemporaryDirectory(prefix="feedmill-bench-") as name:
        restarts: list[list[Cell]] = []
        for count in (min(FEW, many), many):
            filled = _fill(count, Path(name) / str(count))
            filled.store.close()
            restarts.append(_restarted(filled))
            if count < many:
                shutil.rmtree(filled.folder)
        yield Table(
            "A restart of the stories stage, state on disk, seconds",
            ("items in the window", "imports", "index", "to the first output", "budget", "RSS MiB", "without index"),
            restarts,
            "A new process imports what a worker does, opens the store, makes the index and handles one draft. The "
            "best of three where they are few. To join its group takes a worker some seconds more.",
        )
        filled = Filled(many, filled.folder, _store(filled.folder))
        yield from _measured(filled)
        filled.store.close()


def _fill(count: int, folder: Path) -> Filled:
    """Sightings and memberships, as a worker leaves them after many windows like this one."""
    store = _store(folder)
    made = enumerate(window(count, count))
    last = 0
    while batch := list(islice(made, BATCH)):
        overlay = Overlay(store)
        memory = Memory(overlay)
        for number, one in batch:
            _remember(number, one.sighting, memory)
            last = one.sighting.clock
        if len(batch) < BATCH or batch[-1][0] == count - 1:
            memory.note_shelf(Shelf(count, 0, last, _segments(count)))
        offset = store.read_to + BATCH
        store.committed(overlay.changes(), Position(offset, b"bench", 1), offset)
    return Filled(count, folder, store)


def _segments(count: int) -> tuple[tuple[int, int, bool], ...]:
    """How the index of a steady window is divided: of its fourteen days nine find no stories any more."""
    size = min(max(1 << (count // 4 - 1).bit_length(), MIN_CAPACITY), MAX_CAPACITY)
    return tuple((first, size, first + size < count * 9 // 14) for first in range(0, count, size))


def _remember(number: int, sighting: Sighting, memory: Memory) -> None:
    memory.add_sighting(number, sighting)
    first = sighting.story == sighting.id
    rule = GroupingRule.FIRST_REPORT if first else GroupingRule.SAME_EVENT
    matched, score = (None, None) if first else (sighting.story, 0.4)
    memory.remember(sighting.id, Membership(sighting.story, None, None, rule, matched, score, number, number))


def _store(folder: Path) -> Store:
    return Store(RocksTables(folder, cache_bytes=CACHE), "bench", 0)


def _index(state: Overlay) -> Index:
    stage = StoriesStage()
    for _ in stage.prepare(state):
        pass
    index = state.derived
    assert isinstance(index, Index)
    index.begin(state.version)
    return index


def _measured(filled: Filled) -> Iterator[Table]:
    """Items that would come next, one after the other through each step, then others through all of them."""
    disk = filled.disk
    overlay = Overlay(filled.store)
    index, memory = _index(overlay), Memory(overlay)
    fresh = window(2 * MEASURED, filled.count, filled.count)
    steps: dict[str, list[float]] = defaultdict(list)
    found = candidates = 0
    for one in islice(fresh, MEASURED):
        sighting = one.sighting
        assert sighting.signature is not None
        bands = numbers(sighting.signature.bands)
        terms, weights = unpack_terms(sighting.terms)
        began = time.perf_counter_ns()
        near = index.copies(bands)
        looked_up = time.perf_counter_ns()
        for number in near:
            if (known := memory.sighting(number)) is not None:
                judge(sighting, known)
        judged = time.perf_counter_ns()
        kin = index.kin(terms, sighting.seen)
        met = time.perf_counter_ns()
        nearest(kin, weights, sighting.seen, set())
        told = time.perf_counter_ns()
        number = index.add(sighting)
        added = time.perf_counter_ns()
        memory.add_sighting(number, sighting)
        steps["copies: look-up of bands and insert"].append(looked_up - began + added - told)
        steps["of it look-up"].append(looked_up - began)
        steps["of it insert, terms too"].append(added - told)
        steps["its candidates read from the state and judged"].append(judged - looked_up)
        steps["story: look-up of terms"].append(met - judged)
        steps["the nearest of the stories found"].append(told - met)
        found += kin.numbers.size
        candidates += len(near)
    groups = Groups(memory, index)
    for one in fresh:
        draft, site = one.draft(), one.site
        began = time.perf_counter_ns()
        groups.place(draft, site)
        steps["an item placed: all of these, and its state"].append(time.perf_counter_ns() - began)
    yield Table(
        f"The index with {filled.count:,} items in the window, microseconds an item",
        ("", "least", "median", "most", "99 of 100 below", "budget"),
        [_row(name, times, INDEX_BUDGET if "and insert" in name else None) for name, times in steps.items()],
        f"{MEASURED:,} items, each once; least, median and most of {ROUNDS} rounds' medians. An item shares bands with "
        f"{candidates / MEASURED:.1f} others, and a term {found / MEASURED:.0f} times.",
    )
    yield Table(
        f"Bytes an item, {filled.count:,} items in the window",
        ("", "bytes", "budget"),
        [
            ("memory: the index, all tables, filled or not", index.bytes / filled.count, MEMORY_BUDGET),
            ("disk: the state, a sighting and a membership each", disk / filled.count, DISK_BUDGET),
        ],
    )


def _row(name: str, times: list[float], budget: int | None) -> list[Cell]:
    """Nanoseconds as a row of the table; a round is as many items as any other."""
    size = len(times) // ROUNDS
    medians = [statistics.median(times[start : start + size]) / 1000 for start in range(0, size * ROUNDS, size)]
    return [name, *spread(medians), percentile(times, 0.99) / 1000, budget]


def _signatures() -> Table:
    texts = ["\n\n".join(article(number).paragraphs) for number in range(MEASURED // ROUNDS)]
    times: list[float] = []
    for text in texts * (ROUNDS + 1):
        began = time.perf_counter_ns()
        sign(text)
        times.append(time.perf_counter_ns() - began)
    return Table(
        "The signature, microseconds a text",
        ("", "least", "median", "most", "99 of 100 below", "budget"),
        [_row(f"articles of {CHARACTERS:,} characters", times[len(texts) :], SIGNATURE_BUDGET)],
    )


def _restarted(filled: Filled) -> list[Cell]:
    [draft, *_] = prepared().drafts
    (filled.folder / _DRAFT).write_bytes(draft)
    took = []
    for _ in range(3 if filled.count <= FEW else 1):
        command = [sys.executable, "-m", "bench.index", str(filled.folder)]
        done = subprocess.run(command, stdout=subprocess.PIPE, check=True)
        took.append(msgspec.json.decode(done.stdout, type=Restart))
    best = min(took, key=lambda one: one.output)
    (filled.folder / _DRAFT).unlink()
    mib = (best.rss / 2**20, best.least_rss / 2**20)
    return [f"{filled.count:,}", best.imports, best.index, best.output, RESTART_BUDGET, *mib]


def _restart(folder: Path) -> None:
    """In a process of its own: all that a worker imports, the store, the index, one output."""
    this = psutil.Process()
    import agents.app

    assert agents.app
    imports = time.time() - this.create_time()
    least = this.memory_info().rss
    started = time.monotonic()
    overlay, stage = Overlay(_store(folder)), StoriesStage()
    for _ in stage.prepare(overlay):
        pass
    index = time.monotonic() - started
    [output] = stage.handle([(folder / _DRAFT).read_bytes()], overlay, _NOW)
    assert output.value
    restart = Restart(imports, index, time.time() - this.create_time(), this.memory_info().rss, least)
    sys.stdout.buffer.write(msgspec.json.encode(restart))


if __name__ == "__main__":
    _restart(Path(sys.argv[1]))
