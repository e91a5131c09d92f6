"""Starts a worker whose clock can be made to jump: `python -m tests.chaos.clock FILE worker`.

FILE holds the seconds by which the clock is wrong; it is read again twice a second. Moved are the clock that the
engine is given, `time.time`, and what aiokafka stamps records with: its C code asks the system itself.
"""

from __future__ import annotations

import datetime as real
import os
import runpy
import sys
import threading
import time
from pathlib import Path
from typing import Any

from aiokafka.producer.message_accumulator import BatchBuilder

import agents.app
import agents.engine.metrics

LOOK_SECONDS = 0.5

_true_time = time.time


class Clock:
    def __init__(self, file: Path) -> None:
        self._file = file
        self.wrong_by = 0.0
        self._read()

    def now(self, zone: real.tzinfo | None = None) -> real.datetime:
        return real.datetime.fromtimestamp(self.time(), zone)

    def time(self) -> float:
        return _true_time() + self.wrong_by

    def follow(self) -> None:
        parent = os.getppid()
        while True:
            time.sleep(LOOK_SECONDS)
            self._read()
            if os.getppid() != parent:  # the piece was killed: nobody would end this worker
                os._exit(1)

    def _read(self) -> None:
        self.wrong_by = float(self._file.read_text() or 0)


def _stamp(clock: Clock) -> None:
    """Let records bear the clock's time."""
    append = BatchBuilder.append

    def stamped(self: Any, *, timestamp: int | None, **record: Any) -> Any:
        return append(self, timestamp=timestamp or int(clock.time() * 1000), **record)

    BatchBuilder.append = stamped


def main() -> None:
    clock: Any = Clock(Path(sys.argv[1]))
    threading.Thread(target=clock.follow, name="clock", daemon=True).start()
    time.time = clock.time
    _stamp(clock)
    for module in (agents.app, agents.engine.metrics):
        vars(module)["datetime"] = clock
    sys.argv[:2] = ["feedmill"]
    runpy.run_module("agents.cli.main", run_name="__main__")


if __name__ == "__main__":
    main()
