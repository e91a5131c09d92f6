"""One worker of a mill, started and ended as a test wants it, and what its folders hold."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from agents.engine.store import STATE_PREFIX, Meta, RocksTables
from agents.stage import Topic
from schemas import StageName
from tests.kafka.faults import ENDS
from tests.kafka.stand import PARTITIONS, Stand

PATIENCE = 300.0
"""Seconds that a worker may take for anything, on a machine that does a lot else."""


class Single:
    """`folder` holds the state and the log; `settings` win over the stand's."""

    def __init__(self, stand: Stand, folder: Path, **settings: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.log = folder / "worker.log"
        self._environment = stand.environment | {
            "FEEDMILL_STATE_DIR": str(folder),
            "FEEDMILL_METRICS_PORT": "0",
            **settings,
        }
        self._before = len(self.said)
        with self.log.open("ab") as written:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "agents.cli.main", "worker"],
                env=self._environment,
                stdout=written,
                stderr=written,
            )

    @property
    def said(self) -> str:
        """Its log, with that of those before it in this folder."""
        return self.log.read_text() if self.log.exists() else ""

    def heard(self) -> str:
        """What this one said."""
        return self.said[self._before :]

    def ready(self) -> None:
        deadline = time.monotonic() + PATIENCE
        while "Ready, restored" not in self.heard():
            assert self.process.poll() is None, self.heard()
            assert time.monotonic() < deadline, self.heard()
            time.sleep(0.1)

    def ended(self) -> int:
        """Wait until it ends by itself; its exit code."""
        return self.process.wait(PATIENCE)

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        self.process.send_signal(how)
        self.process.wait(PATIENCE)


@contextlib.contextmanager
def worker(stand: Stand, folder: Path, **settings: str) -> Iterator[Single]:
    """A worker that has taken its partitions over; stopped in order at the end, where it still runs."""
    one = Single(stand, folder, **settings)
    try:
        one.ready()
        yield one
        one.stop()
    finally:
        one.process.kill()
        one.process.wait()


def done(stand: Stand, sources: int) -> list[tuple[Topic, Any]]:
    """All outcomes, once there are so many."""
    deadline = time.monotonic() + PATIENCE
    while True:
        found = asyncio.run(outcomes(stand))
        if len(found) >= sources:
            return found
        assert time.monotonic() < deadline, f"only {len(found)} of {sources} outcomes after {PATIENCE:g} s"
        time.sleep(0.5)


async def outcomes(stand: Stand) -> list[tuple[Topic, Any]]:
    """What stands on the three topics of results, tombstones left out."""
    return [
        (topic, msgspec.json.decode(record.value))
        for topic in ENDS
        for record in await stand.get(topic)
        if record.value is not None
    ]


Content = dict[str, tuple[dict[bytes, bytes], Any]]
"""Of each table by name: the stage's keys and values, and the proof of where it stands."""


def content(folder: Path, generation: int = 1) -> Content:
    """All that the stores in a worker's folder hold; the worker must have ended."""
    tables = RocksTables(folder / "state", cache_bytes=1 << 20)
    found: Content = {}
    for path in sorted((folder / "state").iterdir()):
        if f".g{generation}-" not in path.name:
            continue
        table = tables.open(path.name)
        assert table.lost is None, f"{path.name}: {table.lost}"
        keys = dict(table.scan(STATE_PREFIX, STATE_PREFIX))
        meta = table.get(b"\x00meta")
        # A partition that never had anything to do has noted nothing.
        found[path.name] = keys, None if meta is None else msgspec.msgpack.decode(meta, type=Meta).proof
        table.close()
    assert len(found) == len(StageName) * PARTITIONS
    return found


def stage_keys(found: Content) -> dict[str, int]:
    """How many keys each stage has, in all its partitions."""
    counts: dict[str, int] = defaultdict(int)
    for name, (keys, _) in found.items():
        counts[name.split(".internal.")[1].split("-changelog")[0]] += len(keys)
    return dict(counts)
