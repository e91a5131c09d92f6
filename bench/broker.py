"""How long the embedded broker takes to start, stop and come back, and what it weighs."""

from __future__ import annotations

import time
from collections.abc import Callable

import psutil

from agents.engine.broker import EmbeddedBroker

RUNS = 5


def main() -> None:
    """Print the median of some runs, in seconds and MiB. The first start of all (downloads) is not counted."""
    with EmbeddedBroker(tell=print):
        pass
    figures: dict[str, list[float]] = {
        "start": [],
        "memory": [],
        "stop and start": [],
        "kill and restart": [],
        "stop": [],
    }
    for _ in range(RUNS):
        broker = EmbeddedBroker()
        figures["start"].append(_seconds(broker.start))
        figures["memory"].append(psutil.Process(broker.pid).memory_info().rss / 2**20)
        figures["stop and start"].append(_seconds(broker.restart))
        figures["kill and restart"].append(_seconds(broker.kill) + _seconds(broker.restart))
        figures["stop"].append(_seconds(broker.stop))
    for name, values in figures.items():
        unit = "MiB" if name == "memory" else "s"
        print(f"broker, {name:17} {sorted(values)[RUNS // 2]:7.2f} {unit}")


def _seconds(act: Callable[[], object]) -> float:
    started = time.monotonic()
    act()
    return time.monotonic() - started


if __name__ == "__main__":
    main()
