"""Figures that nobody keeps: they are asked for at each scrape, in the server's thread.

What is asked may be closed or changed under the question. Then its own figure is NaN, and no other is lost by it.
"""

from __future__ import annotations

import logging
import math
import os
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from agents.engine.store import StateSize
from agents.stage import Dropped, IndexSize
from schemas import StageName

log = logging.getLogger(__name__)

T = TypeVar("T")


def answer(ask: Callable[[], T], otherwise: T) -> T:
    """What is answered; `otherwise` where the question fails, whatever it fails of."""
    try:
        return ask()
    except Exception:
        log.debug("a figure could not be measured", exc_info=True)
        return otherwise


class Asked(Collector):
    """A gauge without labels. Where `ask` answers None there is none."""

    def __init__(self, name: str, documentation: str, ask: Callable[[], float | None]) -> None:
        self._name = name
        self._documentation = documentation
        self._ask = ask

    def collect(self) -> Iterable[Metric]:
        failed: float | None = math.nan
        figure = answer(self._ask, failed)
        if figure is not None:
            yield GaugeMetricFamily(self._name, self._documentation, float(figure))


class StateSizes(Collector):
    """Keys and bytes of the stages' stores, for the stages that have been told of."""

    def __init__(self) -> None:
        self.sizes: dict[StageName, Callable[[], StateSize]] = {}

    def collect(self) -> Iterable[Metric]:
        keys = GaugeMetricFamily("feedmill_state_keys", "Keys of the stage's state, estimated.", labels=["stage"])
        size = GaugeMetricFamily("feedmill_state_bytes", "Bytes of the stage's state on disk.", labels=["stage"])
        for stage, measure in list(self.sizes.items()):
            found = answer(measure, None)
            keys.add_metric([stage], math.nan if found is None else found.keys)
            size.add_metric([stage], math.nan if found is None else found.bytes)
        return (keys, size)


class IndexFigures(Collector):
    """Of the stories stage's indexes, one for each partition that this worker owns; all 0 before any is watched."""

    def __init__(self) -> None:
        self.sizes: Callable[[], Sequence[IndexSize]] = tuple
        self.dropped: Callable[[], Mapping[Dropped, int]] = dict
        self._dropped: Mapping[Dropped, int] = {}

    def collect(self) -> Iterable[Metric]:
        sizes = answer(self.sizes, None)
        used = [one for one in sizes or () if one.items]
        figures = (
            ("items", "Sightings that new items are compared with.", sum(one.items for one in used)),
            ("bytes", "Bytes of memory of the index over them.", sum(one.bytes for one in sizes or ())),
            ("limit_items", "Sightings that it may hold in these partitions.", sum(one.limit for one in used)),
            (
                "used_ratio",
                "Share of its limit that the fullest partition has used.",
                max((one.items / one.limit for one in used), default=0.0),
            ),
        )
        for name, documentation, figure in figures:
            yield GaugeMetricFamily(
                f"feedmill_stories_index_{name}", documentation, math.nan if sizes is None else float(figure)
            )
        self._dropped = answer(self.dropped, self._dropped)
        evicted = CounterMetricFamily("feedmill_stories_evicted", "Sightings dropped from it.", labels=["reason"])
        for reason in Dropped:
            evicted.add_metric([reason], self._dropped.get(reason, 0))
        yield evicted


class Restoring(Collector):
    """Of the partitions that were assigned last, how many are not ready."""

    def __init__(self) -> None:
        self.assigned: Mapping[StageName, Collection[int]] = {}
        self.ready: dict[StageName, Callable[[], Collection[int]]] = {}

    def collect(self) -> Iterable[Metric]:
        family = GaugeMetricFamily(
            "feedmill_restoring_partitions", "Assigned partitions whose state is not ready yet.", labels=["stage"]
        )
        assigned = self.assigned
        for stage in StageName:
            ready = answer(self.ready.get(stage, tuple), None)
            # Only of what is assigned: what moved away stays in hand until the stage takes its new ones over.
            waiting = math.nan if ready is None else len(set(assigned.get(stage, ())).difference(ready))
            family.add_metric([stage], waiting)
        yield family


def disk(folder: Path) -> list[Asked]:
    """Room on the file system under a folder, as a process without privileges has it."""
    return [
        Asked(
            "feedmill_state_disk_free_bytes",
            "Bytes still free for this worker on the file system of its state.",
            lambda: (found := os.statvfs(folder)).f_bavail * found.f_frsize,
        ),
        Asked(
            "feedmill_state_disk_size_bytes",
            "Bytes of that file system.",
            lambda: (found := os.statvfs(folder)).f_blocks * found.f_frsize,
        ),
    ]


def memory(limit: Callable[[], int | None]) -> Asked:
    """What the kernel lets this process's control group have; no figure where there is no limit."""
    return Asked("feedmill_memory_limit_bytes", "Bytes of memory that this process's group may take.", limit)
