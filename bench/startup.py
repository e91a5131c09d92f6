"""From the start of a worker to its readiness, what that is made of, and what a worker weighs that does nothing."""

from __future__ import annotations

import asyncio
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator

from agents.demo.workers import Worker
from bench.documents import markdowns
from bench.mill import Mill, answers, metrics
from bench.report import Cell, Table
from schemas import StageName

PARTITIONS = (4, 16)
DOCUMENTS = 3000
IDLE_SECONDS = 5.0
WITHIN = 120.0
IMPORTS = (
    ("Python and psutil alone", "pass"),
    ("numpy", "import numpy"),
    ("Faust and aiokafka", "import faust, aiokafka"),
    ("all that a worker imports", "import agents.app"),
)

_TAKEN_OVER = re.compile(r"Ready, restored in ([\d.]+) s")


def main() -> Iterator[Table]:
    yield _imports()
    starts: list[list[Cell]] = []
    weights: list[list[Cell]] = []
    for partitions in PARTITIONS:
        with Mill(partitions=partitions, workers=1) as mill:
            name = f"{partitions} partitions"
            starts.append([f"{name}, new topics", *_started(mill)])
            weights.append([f"{name}, just started", *_idle(mill)])
            asyncio.run(_worked(mill))
            weights.append([f"{name}, after {DOCUMENTS:,} new articles", *_idle(mill)])
            starts.append([f"{name}, state kept", *_restarted(mill, lose_state=False)])
            starts.append([f"{name}, state lost", *_restarted(mill, lose_state=True)])
    yield Table(
        "A worker's start, seconds",
        ("", "until it answers", "until it is ready", "taking over", "of it fencing", "of it restoring"),
        starts,
        f"One worker, all partitions of four stages; {DOCUMENTS:,} articles known where there is state. It answers "
        "when it has imported all and has seen its topics; then it joins the group, and takes over. One start each.",
    )
    yield Table(
        "A worker that does nothing",
        ("", "RSS MiB", "private MiB", "threads", "sockets", "CPU %"),
        weights,
        f"CPU of one core, over {IDLE_SECONDS:.0f} s.",
    )


def _imports() -> Table:
    rows = []
    for name, statement in IMPORTS:
        script = f"import psutil; {statement}; print(psutil.Process().memory_info().rss)"
        started = time.monotonic()
        done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
        rows.append((name, time.monotonic() - started, int(done.stdout) / 2**20))
    return Table("Imports", ("", "s", "RSS MiB"), rows)


def _started(mill: Mill) -> list[Cell]:
    """Wait for the worker that has just been started, and take the times."""
    [worker] = mill.all
    while not answers(worker):
        _look(mill)
    answered = time.monotonic() - mill.started
    while not answers(worker, ready=True):
        _look(mill)
    ready = time.monotonic() - mill.started
    figures = metrics(worker)
    restoring = sum(_mean(figures, stage) for stage in StageName)
    # The last line of the kind: the log is one for all starts.
    taking_over = float(_TAKEN_OVER.findall(worker.log.read_text())[-1])
    return [answered, ready, taking_over, max(0.0, taking_over - restoring), restoring]


def _look(mill: Mill) -> None:
    if time.monotonic() - mill.started > WITHIN:
        raise RuntimeError(f"the worker was not ready within {WITHIN:.0f} s")
    time.sleep(0.02)


def _mean(figures: dict[str, float], stage: StageName) -> float:
    """Seconds that the restore of a stage took: of each partition the same, they are read together."""
    count = figures[f'feedmill_restore_seconds_count{{stage="{stage.value}"}}']
    return figures[f'feedmill_restore_seconds_sum{{stage="{stage.value}"}}'] / count


def _restarted(mill: Mill, *, lose_state: bool) -> list[Cell]:
    [worker] = mill.all
    _stop(worker)
    if lose_state:
        shutil.rmtree(mill.state_of(worker))
    mill.start_again(worker)
    return _started(mill)


def _stop(worker: Worker) -> None:
    worker.signal(signal.SIGTERM)
    worker.wait(30.0)


async def _worked(mill: Mill) -> None:
    async with mill.outcomes() as outcomes:
        released = await mill.release(markdowns(DOCUMENTS))
        await outcomes.take(released, within=WITHIN)


def _idle(mill: Mill) -> list[Cell]:
    time.sleep(3.0)  # the end of what it did before
    [process] = mill.processes()
    process.cpu_percent()
    time.sleep(IDLE_SECONDS)
    busy = process.cpu_percent()
    memory = process.memory_full_info()
    return [
        memory.rss / 2**20,
        memory.uss / 2**20,
        process.num_threads(),
        len(process.net_connections()),
        busy,
    ]
