"""A process that watches a mill from outside, with what it serves: `feedmill lag-exporter`, `ledger --follow`."""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path

from agents.engine.loopback import LOOPBACK, free_port
from tests.kafka.lone import until


class Watcher:
    """`environment` is that of a Stand, `words` the command."""

    def __init__(self, environment: Mapping[str, str], log: Path, *words: str) -> None:
        self.port = free_port()
        self._log = log
        with log.open("ab") as written:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "agents.cli.main", *words, "--port", str(self.port)],
                env=dict(environment),
                stdout=written,
                stderr=written,
            )

    @property
    def said(self) -> str:
        return self._log.read_text(errors="replace")

    def probe(self, name: str) -> tuple[int, str]:
        """The status and the sentence of `healthz` or `readyz`; 0 where nobody answers."""
        try:
            with urllib.request.urlopen(f"http://{LOOPBACK}:{self.port}/{name}", timeout=5) as answer:
                return int(answer.status), str(json.load(answer)["why"])
        except urllib.error.HTTPError as error:
            return error.code, str(json.load(error)["why"])
        except OSError:
            return 0, ""

    def metrics(self) -> dict[str, float]:
        """The figures of `/metrics` by name and labels."""
        with urllib.request.urlopen(f"http://{LOOPBACK}:{self.port}/metrics", timeout=30) as answer:
            lines = answer.read().decode().splitlines()
        pairs = (line.rsplit(" ", 1) for line in lines if line and not line.startswith("#"))
        return {name: float(value) for name, value in pairs}

    def figure(self, name: str, stage: str = "", partition: int = 0) -> float | None:
        """One figure; None where it is not shown."""
        labels = f'{{partition="{partition}",stage="{stage}"}}' if stage else ""
        return self.metrics().get(f"feedmill_{name}{labels}")

    def figures(self, name: str) -> dict[str, float]:
        """All children of one metric, by their labels."""
        whole = f"feedmill_{name}{{"
        return {key[len(whole) :]: value for key, value in self.metrics().items() if key.startswith(whole)}

    def settles(self, seconds: float = 60, **figures: float) -> bool:
        """Whether metrics without labels come to these values in time."""
        return until(lambda: all(self.figure(name) == value for name, value in figures.items()), seconds)

    def end(self, within: float = 3.0) -> int:
        """SIGTERM; its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(within)

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


@contextlib.contextmanager
def watching(environment: Mapping[str, str], folder: Path, *words: str, ready: bool = True) -> Iterator[Watcher]:
    folder.mkdir(parents=True, exist_ok=True)
    watcher = Watcher(environment, folder / f"{words[0]}-{time.monotonic_ns()}.log", *words)
    try:
        if ready:
            assert until(lambda: watcher.probe("readyz")[0] == 200, 90), watcher.said[-3000:]
        yield watcher
    finally:
        watcher.stop()
