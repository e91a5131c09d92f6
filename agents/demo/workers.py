"""The demo's workers: processes that are started, restarted when they fail, and never left behind."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from agents.engine.loopback import LOOPBACK, free_port, is_free

STOP_SECONDS = 12.0
MAX_FAILURES = 5
"""Ends in a row, each soon after its start, after which a worker is given up."""

LIVED_SECONDS = 20.0
"""A worker that ran so long has not failed at its start."""

# Kills what is left when the demo itself is killed: its standard input ends then, however the demo ended.
_GUARD = """
read -r _
for file in "$1"/*.pid; do
    [ -e "$file" ] && kill -s KILL -- "-$(cat "$file")"
done
rm -rf "$1"
"""


class WorkerFailedError(Exception):
    """A worker that ends again and again; the message ends with its last lines."""


class Worker:
    """One worker process. `runs` counts its starts; its metrics begin at 0 with each."""

    def __init__(self, number: int, folder: Path, environment: Mapping[str, str]) -> None:
        self.number = number
        self.runs = 0
        self.metrics_port = 0
        self.log = folder / f"worker-{number}.log"
        self._pid_file = folder / f"worker-{number}.pid"
        self._state = folder / f"worker-{number}"
        self.environment = dict(environment)
        self._process: subprocess.Popen[bytes] | None = None
        self._started = 0.0
        self._failures = 0

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def metrics(self) -> str:
        return f"http://{LOOPBACK}:{self.metrics_port}/metrics"

    def start(self) -> None:
        self.runs += 1
        if not is_free(self.metrics_port):  # the one that was printed, where it can be had again
            self.metrics_port = free_port()
        environment = {
            **self.environment,
            "FEEDMILL_STATE_DIR": str(self._state),
            "FEEDMILL_METRICS_HOST": LOOPBACK,
            "FEEDMILL_METRICS_PORT": str(self.metrics_port),
        }
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "agents.cli.main", "worker"],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C is for the demo, which stops its workers in order
            )
        self._pid_file.write_text(str(self._process.pid))
        self._started = time.monotonic()

    def ended(self) -> int | None:
        """The exit code of a process that has just ended; None while it runs, and when that was said before."""
        if self._process is None or (code := self._process.poll()) is None:
            return None
        self._forget()
        return code

    def failed(self) -> bool:
        """Count one more failure; True where it is no use to go on."""
        self._failures = 1 if time.monotonic() - self._started > LIVED_SECONDS else self._failures + 1
        return self._failures >= MAX_FAILURES

    def signal(self, number: int) -> None:
        if self._process is not None and self._process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, number)

    def wait(self, seconds: float) -> None:
        """Wait for its end; by force after `seconds`."""
        if self._process is None:
            return
        try:
            self._process.wait(max(seconds, 0.0))
        except subprocess.TimeoutExpired:
            self.signal(signal.SIGKILL)
            self._process.wait()
        self._forget()

    def last_words(self, lines: int = 12) -> str:
        try:
            return "\n".join(self.log.read_text(errors="replace").strip().splitlines()[-lines:])
        except OSError:
            return ""

    def _forget(self) -> None:
        self._pid_file.unlink(missing_ok=True)  # at once: the number may soon be another's
        self._process = None


class Workers:
    """Several workers in one folder of their own, which goes with them."""

    def __init__(self, folder: Path, count: int, environment: Mapping[str, str], tell: Callable[[str], None]) -> None:
        self.all = [Worker(number, folder, environment) for number in range(1, count + 1)]
        self._folder = folder
        self._tell = tell
        self._guard: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self._guard = subprocess.Popen(
            ["/bin/sh", "-c", _GUARD, "sh", str(self._folder)],
            cwd="/",
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        for worker in self.all:
            worker.start()

    def watch(self) -> None:
        """Start those again that have failed. Raises WorkerFailedError where one fails again and again."""
        for worker in self.all:
            code = worker.ended()
            if code is None:
                continue
            if code == 0:
                self._tell(f"worker {worker.number} was stopped by somebody else")
                continue
            if worker.failed():
                raise WorkerFailedError(
                    f"Worker {worker.number} does not stay up (exit code {code}). Its last words:\n"
                    + worker.last_words()
                )
            self._tell(f"worker {worker.number} ended (exit code {code}) and is started again")
            before = worker.metrics_port
            worker.start()
            if worker.metrics_port != before:
                self._tell(f"worker {worker.number}: {worker.metrics}")

    def stop(self, within: float = STOP_SECONDS) -> None:
        """Stop all in order, by force after `within` seconds. Twice is once."""
        deadline = time.monotonic() + within
        for worker in self.all:
            worker.signal(signal.SIGTERM)
            worker.signal(signal.SIGCONT)  # a paused one would not hear it
        for worker in self.all:
            worker.wait(deadline - time.monotonic())
        guard, self._guard = self._guard, None
        if guard is not None:
            guard.kill()
            guard.wait()
            if guard.stdin:
                guard.stdin.close()
