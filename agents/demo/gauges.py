"""What the demo's workers tell of themselves, from their `/metrics`, summed over workers and restarts."""

from __future__ import annotations

import re
import urllib.error
import urllib.request
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

from msgspec import Struct, field

from agents.demo.workers import Worker
from schemas import GroupingRule, StageName

_SAMPLE = re.compile(
    r"feedmill_(ready|inputs_total|results_total|stories_grouped_total|lag_records|lag_timestamp_seconds)"
    r"(?:\{([^}]*)\})? ([0-9.eE+-]+)",
    re.ASCII,
)
_LABEL = re.compile(r'(\w+)="([^"]*)"')
_TIMEOUT = 1.0  # seconds

ITEM, DUPLICATE, DEAD_LETTER = "item", "duplicate", "dead-letter"


class Reading(Struct):
    """One look at one worker. Counts are those since its start; `lag` was read `lag_at`, 0: not yet.

    `grouped` counts items by the rule that gave them their story.
    """

    ready: bool = False
    taken: Counter[str] = field(default_factory=Counter)
    became: Counter[tuple[str, str]] = field(default_factory=Counter)
    grouped: Counter[str] = field(default_factory=Counter)
    lag: Counter[str] = field(default_factory=Counter)
    lag_at: float = 0.0


class Sums(Struct):
    """All workers together: what each stage took, what became of it, and what it has before it.

    `lag` is None as long as nobody can know it: workers read theirs every few seconds.
    """

    ready: int
    taken: Counter[str]
    became: Counter[tuple[str, str]]
    lag: Counter[str] | None
    grouped: Counter[str] = field(default_factory=Counter)

    def ended(self, outcome: str) -> int:
        """Entries that ended so, in whatever stage."""
        return sum(count for (_, what), count in self.became.items() if what == outcome)

    @property
    def outcomes(self) -> int:
        return sum(self.ended(outcome) for outcome in (ITEM, DUPLICATE, DEAD_LETTER))

    @property
    def stories(self) -> int:
        """Stories that were opened: by a first report, or by an item that can be compared with nothing."""
        return self.grouped[GroupingRule.FIRST_REPORT] + self.grouped[GroupingRule.NOT_GROUPED]

    @property
    def copies(self) -> int:
        """Items that were found to be copies of others."""
        return self.grouped[GroupingRule.NEAR_COPY] + self.grouped[GroupingRule.EXCERPT]

    @property
    def behind(self) -> int | None:
        """Records that wait before the stages, frames counting as one; None where that is not known."""
        return None if self.lag is None else sum(self.lag[stage.value] for stage in StageName)


class Gauges:
    """Reads the workers, all at once; one that does not answer keeps its last counts."""

    def __init__(self) -> None:
        self._last: dict[tuple[int, int], Reading] = {}

    def read(self, workers: list[Worker], since: float = 0.0) -> Sums:
        """Blocks for at most a second or so. Lags count that were read after `since` (seconds since the epoch)."""
        present = [worker for worker in workers if worker.running]
        with ThreadPoolExecutor(max_workers=max(len(present), 1)) as pool:
            texts = list(pool.map(_fetch, [worker.metrics for worker in present]))
        for worker, text in zip(present, texts, strict=True):
            if text:
                self._last[worker.number, worker.runs] = read_metrics(text)
        now = [self._last.get((worker.number, worker.runs), Reading()) for worker in present]
        known = bool(now) and all(reading.lag_at > since for reading in now)
        sums = Sums(sum(reading.ready for reading in now), Counter(), Counter(), Counter() if known else None)
        for reading in self._last.values():
            sums.taken.update(reading.taken)
            sums.became.update(reading.became)
            sums.grouped.update(reading.grouped)
        for reading in now:
            if sums.lag is not None:
                sums.lag.update(reading.lag)
        return sums


def read_metrics(text: str) -> Reading:
    """The figures that the demo shows, out of one worker's whole page."""
    reading = Reading()
    for name, labels, value in _SAMPLE.findall(text):
        named = dict(_LABEL.findall(labels))
        stage, number = named.get("stage", ""), int(float(value))
        if name == "ready":
            reading.ready = number == 1
        elif name == "lag_timestamp_seconds":
            reading.lag_at = float(value)
        elif name == "inputs_total":
            reading.taken[stage] += number
        elif name == "results_total":
            reading.became[stage, named.get("outcome", "")] += number
        elif name == "stories_grouped_total":
            reading.grouped[named.get("rule", "")] += number
        else:
            reading.lag[stage] += number
    return reading


def _fetch(address: str) -> str:
    try:
        with urllib.request.urlopen(address, timeout=_TIMEOUT) as answer:
            return bytes(answer.read()).decode("utf-8", "replace")
    except (OSError, urllib.error.URLError, ValueError):
        return ""
