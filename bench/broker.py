"""How long the embedded broker takes to start, stop and come back, and what it weighs."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import psutil

from agents.engine.broker import EmbeddedBroker
from bench.report import Table, spread

RUNS = 5


def main() -> Iterator[Table]:
    """The first start of all (downloads) is not counted."""
    with EmbeddedBroker(tell=print):
        pass
    figures: dict[str, list[float]] = {
        "start, s": [],
        "memory just started, MiB": [],
        "stop and start, s": [],
        "kill and restart, s": [],
        "stop, s": [],
    }
    for _ in range(RUNS):
        broker = EmbeddedBroker()
        figures["start, s"].append(_seconds(broker.start))
        figures["memory just started, MiB"].append(psutil.Process(broker.pid).memory_info().rss / 2**20)
        figures["stop and start, s"].append(_seconds(broker.restart))
        figures["kill and restart, s"].append(_seconds(broker.kill) + _seconds(broker.restart))
        figures["stop, s"].append(_seconds(broker.stop))
    rows = [(name, *spread(values)) for name, values in figures.items()]
    yield Table("The embedded broker", ("", "least", "median", "most"), rows, f"{RUNS} runs.")


def _seconds(act: Callable[[], object]) -> float:
    started = time.monotonic()
    act()
    return time.monotonic() - started
