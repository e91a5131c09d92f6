from __future__ import annotations

import time
from datetime import UTC, datetime

from prometheus_client import generate_latest

from agents.demo.gauges import DEAD_LETTER, ITEM, Gauges, Sums, read_metrics
from agents.engine.lag import Lag
from agents.engine.metrics import MillMetrics
from agents.stage import EntryRef, Output, Topic
from schemas import GroupingRule, StageName

REF = EntryRef(0, 0, 0)


def told(rule: GroupingRule) -> Output:
    return Output(Topic.ENRICHED, b"k", b"", REF, label="new", grouping=rule, arrival=datetime.now(UTC))


def page(lag: int | None = None) -> str:
    """What a real worker would show; `lag` is what it has read of its own."""
    metrics = MillMetrics()
    if lag is not None:
        metrics.lags({(StageName.DEDUPE, 0): Lag(lag, None)})
    metrics.watch_ready(lambda: True)
    metrics.handled(StageName.PARSE, 0, 3, [Output(Topic.ENTRIES, b"k", b"", REF)] * 4, 100)
    metrics.handled(StageName.PARSE, 1, 1, [Output(Topic.DEAD_LETTER, None, b"", REF, label="no-entries")], 100)
    metrics.handled(StageName.STORIES, 0, 2, [told(GroupingRule.FIRST_REPORT), told(GroupingRule.EXCERPT)], 100)
    return generate_latest(metrics.registry).decode()


def test_the_figures_of_a_real_page() -> None:
    reading = read_metrics(page())
    assert reading.ready
    assert (reading.taken["parse"], reading.taken["stories"], reading.taken["dedupe"]) == (4, 2, 0)
    assert reading.became["parse", "passed-on"] == 4
    assert reading.became["parse", DEAD_LETTER] == 1
    assert reading.became["stories", ITEM] == 2


def test_sums_over_stages() -> None:
    reading = read_metrics(page())
    sums = Sums(1, reading.taken, reading.became, reading.lag, reading.grouped)
    assert (sums.ended(ITEM), sums.ended(DEAD_LETTER), sums.outcomes) == (2, 1, 3)
    assert (sums.stories, sums.copies) == (1, 1)


def test_a_lag_is_known_when_it_was_read() -> None:
    before = time.time() - 1
    assert read_metrics(page()).lag_at == 0.0
    for lag in (0, 7):
        reading = read_metrics(page(lag))
        assert reading.lag["dedupe"] == lag
        assert reading.lag_at > before


def test_what_is_no_metrics_page_says_nothing() -> None:
    for text in ("", "<html>", "feedmill_ready x\n", 'feedmill_inputs_total{stage="parse"}\n'):
        assert not read_metrics(text).taken
        assert not read_metrics(text).ready


def test_without_workers_all_is_zero_and_the_lag_unknown() -> None:
    sums = Gauges().read([])
    assert (sums.ready, sums.outcomes, sums.behind) == (0, 0, None)
