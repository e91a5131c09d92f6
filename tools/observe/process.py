"""A program that runs beside the mill while it is observed: Prometheus, the lag exporter, the ledger."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from agents.demo.workers import Workers


class ProgramFailedError(Exception):
    """A program that ended by itself; the message ends with its last lines."""


class Program:
    """One process with a log. Its number stands in `folder`, where the workers' guard finds it should we be killed."""

    def __init__(self, name: str, command: Sequence[str], folder: Path, environment: Mapping[str, str]) -> None:
        self.name = name
        self.log = folder / f"{name}.log"
        self._pid_file = folder / f"{name}.pid"
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                command,
                env=dict(environment),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C is for us, who stop it in order
            )
        self._pid_file.write_text(str(self._process.pid))

    def check(self) -> None:
        """Raises ProgramFailedError where it has ended."""
        code = self._process.poll()
        if code is not None:
            words = "\n".join(self.log.read_text(errors="replace").strip().splitlines()[-8:])
            raise ProgramFailedError(f"{self.name} ended by itself (exit code {code}). Its last words:\n{words}")

    def stop(self, within: float) -> None:
        """In order, by force after `within` seconds. Twice is once."""
        if self._process.poll() is None:
            self._signal(signal.SIGTERM)
            try:
                self._process.wait(max(within, 0.0))
            except subprocess.TimeoutExpired:
                self._signal(signal.SIGKILL)
                self._process.wait()
        self._pid_file.unlink(missing_ok=True)

    def _signal(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, number)


def stop_all(programs: Sequence[Program], workers: Workers | None, within: float) -> None:
    """What reads goes first, so that nothing complains of the mill's end."""
    deadline = time.monotonic() + within
    for program in programs:
        program.stop(min(deadline - time.monotonic(), 5.0))
    if workers is not None:
        workers.stop(deadline - time.monotonic())
