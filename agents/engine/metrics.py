"""What the mill counts. docs/metrics.md is the contract; a test compares it with this page.

Faust's own sensor stays off: several of its figures are wrong, and every rebalance removes its counters. Here all
children of closed lists stand at 0 from the start, so that `rate()` and an alert see the first failure; labels
hold no id, address or title; and sites other than those asked for are one, `other`.
"""

from __future__ import annotations

import time
from collections import Counter as Tally
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

import prometheus_client
from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    Histogram,
    PlatformCollector,
    ProcessCollector,
)
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from agents import __version__
from agents.engine.asked import Asked, IndexFigures, Restoring, StateSizes, disk, memory
from agents.engine.lag import Lag
from agents.engine.memory import memory_limit
from agents.engine.spread import Spread
from agents.engine.store import StateSize
from agents.engine.topics import OUTPUTS
from agents.settings import MAX_SITES
from agents.stage import INTERNAL, Dropped, IndexSize, Output, Topic
from schemas import GOES_ON, DeadLetterCode, DedupeRule, GroupingRule, StageName, Verdict

OTHER = "other"

# As in probes.py, for whoever looks at the registry without the server.
prometheus_client.disable_created_metrics()  # type: ignore[no-untyped-call]

_BATCH_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0)
_BATCH_ENTRIES = (1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0, 10000.0)
_RESTORE_SECONDS = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)
LATENCY_SECONDS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0, 3600.0, 21600.0)
FRESHNESS_SECONDS = (60.0, 300.0, 900.0, 1800.0, 3600.0, 10800.0, 21600.0, 43200.0, 86400.0, 259200.0, 604800.0)

_OUTCOME = {Topic.ENRICHED: "item", Topic.DUPLICATES: "duplicate", Topic.DEAD_LETTER: "dead-letter"}
PASSED_ON = "passed-on"
RETRACTION = "retraction"


M = TypeVar("M", Counter, Gauge, Histogram)


class MillMetrics:
    """The metrics of one worker, told by `Watchers` what its loops do, in the loop's thread; read in the server's.

    `sites` are those with series of their own (at most MAX_SITES; ValueError beyond). `clock` is the present
    moment, for latency. Everything stands in `registry`, that of this object where none is given.
    """

    def __init__(
        self,
        registry: CollectorRegistry | None = None,
        *,
        sites: Collection[str] = (),
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        if len(set(sites)) > MAX_SITES:
            raise ValueError(f"{len(set(sites)):,} sites are listed, but at most {MAX_SITES:,} get their own series.")
        self.registry = registry = registry or CollectorRegistry()
        self._clock = clock
        stages = tuple(StageName)

        self._inputs = _per_stage(
            Counter(
                "feedmill_inputs",
                "Inputs taken: documents by parse, entries by the rest.",
                ["stage"],
                registry=registry,
            )
        )
        self._bytes = _per_stage(
            Counter("feedmill_input_bytes", "Bytes of the records taken.", ["stage"], registry=registry)
        )
        self._results = _children(
            Counter("feedmill_results", "What became of entries.", ["stage", "outcome"], registry=registry),
            [(stage, outcome) for stage in stages for outcome in outcomes(stage)],
        )
        self._dead_letters = _children(
            Counter("feedmill_dead_letters", "Dead letters by cause.", ["stage", "code"], registry=registry),
            [(stage, code) for stage in stages for code in DeadLetterCode],
        )
        self._duplicates = _children(
            Counter("feedmill_duplicates", "Duplicates by dedupe's rule.", ["rule"], registry=registry),
            [(rule,) for rule in DedupeRule if rule not in GOES_ON],
        )
        self._items = _children(
            Counter("feedmill_items", "Items by verdict.", ["verdict"], registry=registry),
            [(verdict,) for verdict in Verdict],
        )
        self._grouped = _children(
            Counter("feedmill_stories_grouped", "Items by the stories stage's rule.", ["rule"], registry=registry),
            [(rule,) for rule in GroupingRule],
        )
        self._sites = _children(
            Counter("feedmill_site_items", "Items by site, for the sites listed.", ["site"], registry=registry),
            [(site,) for site in sorted({*sites, OTHER})],
        )
        self._last_items = _children(
            Gauge(
                "feedmill_site_last_item_timestamp_seconds",
                "When this worker last committed an item of the site; 0 before.",
                ["site"],
                registry=registry,
            ),
            list(self._sites),
        )
        self._seconds = _per_stage(
            Histogram(
                "feedmill_batch_seconds",
                "Seconds from taking a batch to its commit.",
                ["stage"],
                buckets=_BATCH_SECONDS,
                registry=registry,
            )
        )
        self._committing = _per_stage(
            Histogram(
                "feedmill_commit_seconds",
                "Of a batch's seconds, those in its Kafka transaction.",
                ["stage"],
                buckets=_BATCH_SECONDS,
                registry=registry,
            )
        )
        self._sizes = _per_stage(
            Histogram(
                "feedmill_batch_inputs", "Inputs of a batch.", ["stage"], buckets=_BATCH_ENTRIES, registry=registry
            )
        )
        self._progress = _per_stage(
            Gauge(
                "feedmill_last_progress_timestamp_seconds",
                "When the stage last committed a batch; at first, when the worker started.",
                ["stage"],
                registry=registry,
            )
        )
        self._refusals = _per_stage(
            Counter("feedmill_refusals", "Batches with a record that the broker refused.", ["stage"], registry=registry)
        )
        self._suspected = _per_stage(
            Counter(
                "feedmill_suspect_takeovers",
                "Partitions with unworked records taken over from an owner that did not stop in order.",
                ["stage"],
                registry=registry,
            )
        )
        self._tried = _per_stage(
            Counter(
                "feedmill_quarantined",
                "Suspect inputs tried in the child process.",
                ["stage"],
                registry=registry,
            )
        )
        self._restores = _per_stage(
            Histogram(
                "feedmill_restore_seconds",
                "Seconds until a partition's state was as its changelog.",
                ["stage"],
                buckets=_RESTORE_SECONDS,
                registry=registry,
            )
        )
        self._restored = _per_stage(
            Counter("feedmill_restored_records", "Changelog records read.", ["stage"], registry=registry)
        )
        self._rebuilds = _per_stage(
            Counter("feedmill_rebuilds", "Local stores thrown away and made anew.", ["stage"], registry=registry)
        )
        self._rebalances = Counter("feedmill_rebalances", "Assignments of partitions.", registry=registry)
        self._partitions = _per_stage(
            Gauge("feedmill_partitions", "Input partitions that this worker owns.", ["stage"], registry=registry)
        )
        self._latency = Spread(
            "feedmill_latency_seconds", "Seconds from the raw record's arrival to the item.", LATENCY_SECONDS
        )
        self._freshness = Spread(
            "feedmill_freshness_seconds", "Seconds from publication to first sighting.", FRESHNESS_SECONDS
        )
        self._state = StateSizes()
        self._index = IndexFigures()
        self._restoring = Restoring()
        self._lags = LagMetrics(registry, clock=lambda: clock().timestamp())
        for collector in (self._latency, self._freshness, self._state, self._index, self._restoring):
            registry.register(collector)
        Gauge("feedmill_build_info", "1; the version is in the label.", ["version"], registry=registry).labels(
            __version__
        ).set(1)
        for gauge in self._progress.values():
            gauge.set(clock().timestamp())

    def handled(self, stage: StageName, partition: int, entries: int, outputs: Sequence[Output], size: int) -> None:
        """A batch was committed. Counts are summed first: a child costs 0.6 us, an entry of a tally 0.1."""
        self._inputs[stage].inc(entries)
        self._bytes[stage].inc(size)
        self._sizes[stage].observe(entries)
        now = self._clock()
        self._progress[stage].set(now.timestamp())
        results: Tally[tuple[Topic, bool, str]] = Tally()
        grouped: Tally[str] = Tally()
        sites: Tally[str | None] = Tally()
        latencies: list[float] = []
        freshness: list[float] = []
        for output in outputs:
            results[output.topic, output.entry is None, output.label] += 1
            if output.arrival is not None:
                grouped[output.grouping] += 1
                sites[output.site] += 1
                latencies.append((now - output.arrival).total_seconds())
                if output.freshness is not None:
                    freshness.append(output.freshness)
        for (topic, retracts, label), count in results.items():
            self._count(stage, topic, retracts, label, count)
        for rule, count in grouped.items():
            if (child := self._grouped.get((rule,))) is not None:
                child.inc(count)
        for site, count in sites.items():
            listed = (site or OTHER,)
            if listed not in self._sites:
                listed = (OTHER,)
            self._sites[listed].inc(count)
            self._last_items[listed].set(now.timestamp())
        self._latency.observe(latencies)
        self._freshness.observe(freshness)

    def took(self, stage: StageName, seconds: float, committing: float) -> None:
        self._seconds[stage].observe(seconds)
        self._committing[stage].observe(committing)

    def reading(self, stage: StageName, partition: int, records: int) -> None:
        self._restored[stage].inc(records)

    def restored(self, stage: StageName, partition: int, records: int, seconds: float, rebuilt: str | None) -> None:
        self._restores[stage].observe(seconds)
        if rebuilt is not None:
            self._rebuilds[stage].inc()

    def suspected(self, stage: StageName, partition: int, first: int) -> None:
        self._suspected[stage].inc()

    def tried(self, stage: StageName, partition: int, letter: Output | None, fatal: str | None) -> None:
        self._tried[stage].inc()

    def cleared(self, stage: StageName, partition: int) -> None:
        return None

    def refused(self, stage: StageName, partition: int, why: str) -> None:
        self._refusals[stage].inc()

    def assigned(self, partitions: Mapping[StageName, Collection[int]]) -> None:
        """The group has given this worker its partitions: all that it owns now, none for a stage not named."""
        self._rebalances.inc()
        self._restoring.assigned = {stage: frozenset(owned) for stage, owned in partitions.items()}
        for stage in StageName:
            self._partitions[stage].set(len(partitions.get(stage, ())))
        self._lags.keep({(stage, partition) for stage, owned in partitions.items() for partition in owned})

    def lags(self, lags: Mapping[tuple[StageName, int], Lag]) -> None:
        """Lags just read, for partitions that this worker owns."""
        self._lags.update(lags)

    def watch_state(self, stage: StageName, size: Callable[[], StateSize]) -> None:
        """Ask `size` at each scrape, in the server's thread. Where it raises, the stage's two gauges are NaN."""
        self._state.sizes[stage] = size

    def watch_restore(self, stage: StageName, ready: Callable[[], Collection[int]]) -> None:
        """Ask at each scrape, in the server's thread, which of the stage's partitions are ready."""
        self._restoring.ready[stage] = ready

    def watch_index(
        self, sizes: Callable[[], Sequence[IndexSize]], dropped: Callable[[], Mapping[Dropped, int]]
    ) -> None:
        """Ask both at each scrape, in the server's thread. `dropped` counts since the worker's start."""
        self._index.sizes, self._index.dropped = sizes, dropped

    def watch_ready(self, ready: Callable[[], bool]) -> None:
        """Show readiness as a gauge too: alerts look back, a probe does not."""
        self.registry.register(Asked("feedmill_ready", "1 while the worker is ready.", ready))

    def watch_machine(self, state_dir: Path, limit: Callable[[], int | None] = memory_limit) -> None:
        """Room on the disk of the state, and what memory this process may take."""
        for figure in (*disk(state_dir), memory(limit)):
            self.registry.register(figure)

    def watch_process(self) -> None:
        """CPU, memory, open files and Python's collector, under their customary names (`process_…`, `python_…`)."""
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        GCCollector(registry=self.registry)

    def _count(self, stage: StageName, topic: Topic, retracts: bool, label: str, count: int) -> None:
        self._results[stage, RETRACTION if retracts else _OUTCOME.get(topic, PASSED_ON)].inc(count)
        if retracts:
            return
        child = None
        if topic is Topic.DEAD_LETTER:
            child = self._dead_letters.get((stage, label))
        elif topic is Topic.DUPLICATES:
            child = self._duplicates.get((label,))
        elif topic is Topic.ENRICHED:
            child = self._items.get((label,))
        if child is not None:  # an output without its label is counted above all the same; a count ends no worker
            child.inc(count)


class LagMetrics(Collector):
    """Lag and age per stage and partition: in a worker for its own, in `feedmill lag-exporter` for all.

    The age is worked out at the scrape, so that it grows also while nobody can measure anew.
    """

    def __init__(self, registry: CollectorRegistry, *, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._lags: dict[tuple[StageName, int], Lag] = {}
        self._read_at = Gauge(
            "feedmill_lag_timestamp_seconds", "When lag was last read from the broker; 0 before.", registry=registry
        )
        registry.register(self)

    def update(self, lags: Mapping[tuple[StageName, int], Lag], *, whole: bool = True) -> None:
        """`whole`: these are all that there are; else the time of the last reading stands still."""
        # Replaced, not changed: the server's thread may be reading it.
        self._lags = {**self._lags, **lags}
        if whole:
            self._read_at.set(self._clock())

    def keep(self, owned: Collection[tuple[StageName, int]]) -> None:
        """Forget partitions that are another worker's now: two would show the same one, one of them wrongly."""
        self._lags = {place: lag for place, lag in self._lags.items() if place in owned}

    def collect(self) -> Iterable[Metric]:
        records = GaugeMetricFamily(
            "feedmill_lag_records", "Records that the stage has not worked on.", labels=["stage", "partition"]
        )
        age = GaugeMetricFamily(
            "feedmill_oldest_unprocessed_seconds",
            "Age of the oldest record that the stage has not worked on; 0 where there is none.",
            labels=["stage", "partition"],
        )
        now = self._clock()
        for (stage, partition), lag in sorted(self._lags.items()):
            records.add_metric([stage, str(partition)], lag.records)
            age.add_metric([stage, str(partition)], lag.age(now))
        return (records, age)


def outcomes(stage: StageName) -> list[str]:
    """What can become of an entry in a stage. A retraction passes dedupe beside its own entry's Duplicate."""
    ends = [PASSED_ON if topic in INTERNAL else _OUTCOME[topic] for topic in OUTPUTS[stage]]
    return ends if stage is StageName.PARSE else [*ends, RETRACTION]


def _per_stage(metric: M) -> dict[StageName, M]:
    """The children of a metric whose one label is the stage, all at 0."""
    return {stage: metric.labels(stage) for stage in StageName}


def _children(metric: M, labels: Iterable[tuple[str, ...]]) -> dict[tuple[str, ...], M]:
    """The children of a metric by their labels, all at 0."""
    return {values: metric.labels(*values) for values in labels}
