"""`feedmill process` over whole sets of documents: entries a second, CPU and memory, with one process and with two."""

from __future__ import annotations

import base64
import gzip
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec
import psutil
from msgspec import Struct

from agents.samples import records as sample_records
from agents.sources.records import RawRecord
from bench.documents import FEED_ENTRIES, feed, markdowns
from bench.report import Table

NEW = 3000
FEEDS, POLLS = 10, 20
SAMPLES_TIMES = 20
JOBS = (1, 2)
CORPUS = "waimei-sample.jsonl.gz"


class Run(Struct, frozen=True):
    """One run. Seconds on the clock and of CPU, of all its processes; `peak` and `largest` are bytes of RSS."""

    seconds: float
    cpu: float
    peak: int
    largest: int


def main() -> Iterator[Table]:
    with tempfile.TemporaryDirectory(prefix="feedmill-bench-") as name:
        folder = Path(name)
        yield _table(list(_sets(folder)), _file(folder, "one", markdowns(1)))


def corpus() -> Path | None:
    """The folder of real documents, where there is one; as the tests find it."""
    folder = Path(os.environ.get("FEEDMILL_CORPUS") or Path(__file__).parents[2] / "shared" / "corpus")
    return folder if folder.is_dir() else None


def _sets(folder: Path) -> Iterator[tuple[str, Path]]:
    yield f"{NEW:,} new articles", _file(folder, "new", markdowns(NEW))
    polls = [feed(number) for _ in range(POLLS) for number in range(FEEDS)]
    yield f"{FEEDS} feeds of {FEED_ENTRIES}, polled {POLLS} times", _file(folder, "polled", polls)
    yield f"the samples, {SAMPLES_TIMES} times", _file(folder, "samples", sample_records() * SAMPLES_TIMES)
    real = corpus()
    if real is None:
        print("\nThere is no corpus (FEEDMILL_CORPUS): no figures of real documents.")
    else:
        yield f"corpus: {CORPUS}", real / CORPUS


def _table(sets: list[tuple[str, Path]], one: Path) -> Table:
    rows = []
    idle = {jobs: _run(one, jobs)[1] for jobs in JOBS}
    for name, path in sets:
        for jobs in JOBS:
            results, run = _run(path, jobs)
            rows.append(
                (
                    name,
                    jobs,
                    results,
                    run.seconds,
                    (results - 1) / (run.seconds - idle[jobs].seconds),
                    (run.cpu - idle[jobs].cpu) / (results - 1) * 1e6,
                    run.peak / 2**20,
                    run.largest / 2**20,
                )
            )
    starts = ", ".join(f"{idle[jobs].seconds:.1f} s with --jobs {jobs}" for jobs in JOBS)
    return Table(
        "feedmill process",
        ("documents", "--jobs", "results", "s", "results/s", "CPU µs a result", "RSS MiB, all", "RSS MiB, largest"),
        rows,
        f"A run over one document takes {starts}; results/s and CPU are without it. One run each.",
    )


def _run(path: Path, jobs: int) -> tuple[int, Run]:
    """How many results `feedmill process` wrote, and what it took."""
    with tempfile.TemporaryFile() as output:
        started = time.monotonic()
        process = psutil.Popen(
            [sys.executable, "-m", "agents.cli.main", "process", str(path), "--jobs", str(jobs)],
            stdout=output,
            stderr=subprocess.PIPE,
        )
        peak = largest = 0
        cpu: dict[int, float] = {}
        while process.poll() is None:
            sizes = []
            for one in _tree(process):
                try:
                    sizes.append(one.memory_info().rss)
                    times = one.cpu_times()
                    cpu[one.pid] = times.user + times.system
                except psutil.Error:
                    continue
            peak, largest = max(peak, sum(sizes)), max([largest, *sizes])
            time.sleep(0.05)
        seconds = time.monotonic() - started
        if process.returncode:
            raise RuntimeError(f"feedmill process ended with {process.returncode}: {process.stderr.read().decode()}")
        output.seek(0)
        return sum(1 for _ in output), Run(seconds, sum(cpu.values()), peak, largest)


def _tree(process: psutil.Process) -> list[psutil.Process]:
    try:
        return [process, *process.children(recursive=True)]
    except psutil.Error:
        return []


def _file(folder: Path, name: str, records: Iterable[RawRecord]) -> Path:
    """Documents as a .jsonl.gz file, as `process` takes them."""
    path = folder / f"{name}.jsonl.gz"
    with gzip.open(path, "wb", compresslevel=1) as file:
        for number, record in enumerate(records):
            line = {
                "body_base64": base64.b64encode(record.body).decode(),
                "content_type": record.content_type,
                "source_url": record.source_url,
                "received_at": record.received_at,
                "ref": record.ref or f"{name}-{number}",
            }
            file.write(msgspec.json.encode(line) + b"\n")
    return path
