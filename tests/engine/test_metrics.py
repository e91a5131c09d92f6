"""The metrics, and that docs/metrics.md says of them what is so."""

from __future__ import annotations

import math
import re
import shutil
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, generate_latest

from agents.dedupe.stage import NEW, REVISES, DedupeStage
from agents.engine.lag import NO_LAG, Lag
from agents.engine.metrics import LATENCY_SECONDS, LagMetrics, MillMetrics, outcomes
from agents.engine.spread import Spread
from agents.engine.store import MemoryTables, Overlay, StateSize, Store
from agents.enrich.stage import EnrichStage
from agents.parse.stage import ParseStage
from agents.settings import MAX_SITES
from agents.sources.records import raw_document
from agents.stage import INTERNAL, Dropped, EntryRef, IndexSize, Output, Stage, Topic
from agents.stories.stage import StoriesStage
from schemas import GOES_ON, DeadLetterCode, DedupeRule, GroupingRule, StageName, Verdict
from tests.documents import FIRST, LATER, atom, deleted, entry, markdown, record
from tests.scrapes import Shown, families, shown, written
from tools.metrics_page import PAGE, tables

OBJECTIVE_SECONDS = 60.0
NOW = datetime(2024, 2, 16, 21, 3, tzinfo=UTC)
PARSE, DEDUPE, ENRICH, STORIES = StageName
SITES = ("harbour.example", "灯塔.example", "other")


class Clock:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def metrics(clock: Clock) -> MillMetrics:
    return MillMetrics(sites=["harbour.example", "灯塔.example"], clock=clock)


def everything(partitions: int = 16, sites: int = 3) -> MillMetrics:
    """A worker's metrics with all that it can show."""
    metrics = MillMetrics(sites=[f"site{number}.example" for number in range(sites)])
    metrics.watch_ready(lambda: True)
    for stage in StageName:
        metrics.watch_state(stage, lambda: StateSize(keys=10, bytes=1000))
        metrics.watch_restore(stage, set)
    metrics.watch_index(lambda: [IndexSize(items=10, bytes=7000, limit=100)], dict)
    metrics.watch_machine(Path(), limit=lambda: 1 << 30)
    metrics.assigned({stage: range(partitions) for stage in StageName})
    metrics.lags({(stage, number): Lag(1, 1) for stage in StageName for number in range(partitions)})
    return metrics


def text_of(metrics: MillMetrics) -> str:
    return generate_latest(metrics.registry).decode()


def value(metrics: MillMetrics, name: str, **labels: str) -> float | None:
    return metrics.registry.get_sample_value(name, labels)


def output(topic: Topic, label: str = "", *, entry: bool = True, **more: object) -> Output:
    return Output(topic, b"key", b"value", EntryRef(0, 1, 0) if entry else None, (), label, **more)  # type: ignore[arg-type]


# -- counting


def test_how_long_a_batch_took(metrics: MillMetrics) -> None:
    metrics.took(PARSE, 0.2, 0.02)
    assert value(metrics, "feedmill_batch_seconds_bucket", stage="parse", le="0.25") == 1
    assert value(metrics, "feedmill_commit_seconds_bucket", stage="parse", le="0.025") == 1
    assert value(metrics, "feedmill_commit_seconds_sum", stage="parse") == 0.02


def test_a_batch_of_every_outcome(metrics: MillMetrics, clock: Clock) -> None:
    clock.now += timedelta(minutes=5)
    outputs = [
        output(Topic.NEWS),
        output(Topic.NEWS),
        output(Topic.NEWS, entry=False),
        output(Topic.DUPLICATES, DedupeRule.SAME_TEXT),
        output(Topic.DUPLICATES, DedupeRule.RETRACTION),
        output(Topic.DEAD_LETTER, DeadLetterCode.UNKNOWN_ITEM),
    ]
    metrics.handled(DEDUPE, 3, 5, outputs, 12_345)
    assert value(metrics, "feedmill_inputs_total", stage="dedupe") == 5
    assert value(metrics, "feedmill_input_bytes_total", stage="dedupe") == 12_345
    assert value(metrics, "feedmill_batch_inputs_sum", stage="dedupe") == 5
    found = {
        outcome: value(metrics, "feedmill_results_total", stage="dedupe", outcome=outcome)
        for outcome in outcomes(DEDUPE)
    }
    assert found == {"passed-on": 2, "duplicate": 2, "dead-letter": 1, "retraction": 1}
    assert value(metrics, "feedmill_duplicates_total", rule="same-text") == 1
    assert value(metrics, "feedmill_dead_letters_total", stage="dedupe", code="unknown-item") == 1
    assert value(metrics, "feedmill_last_progress_timestamp_seconds", stage="dedupe") == clock.now.timestamp()
    assert value(metrics, "feedmill_last_progress_timestamp_seconds", stage="parse") == NOW.timestamp()


def test_items_have_verdict_site_latency_and_freshness(metrics: MillMetrics) -> None:
    arrival = NOW - timedelta(seconds=2)
    outputs = [
        output(Topic.ENRICHED, Verdict.NEW, site="harbour.example", arrival=arrival, freshness=400.0),
        output(
            Topic.ENRICHED, Verdict.REPRINT, site="unheard-of.example", arrival=arrival, grouping=GroupingRule.EXCERPT
        ),
        output(Topic.ENRICHED, Verdict.NEW, site=None, arrival=arrival),
        output(Topic.ENRICHED, entry=False),  # a tombstone
    ]
    metrics.handled(STORIES, 0, 4, outputs, 100)
    assert value(metrics, "feedmill_items_total", verdict="new") == 2
    assert value(metrics, "feedmill_items_total", verdict="reprint") == 1
    assert value(metrics, "feedmill_stories_grouped_total", rule="excerpt") == 1
    assert value(metrics, "feedmill_stories_grouped_total", rule="near-copy") == 0
    assert value(metrics, "feedmill_site_items_total", site="harbour.example") == 1
    assert value(metrics, "feedmill_site_items_total", site="灯塔.example") == 0
    assert value(metrics, "feedmill_site_items_total", site="other") == 2
    last = {site: value(metrics, "feedmill_site_last_item_timestamp_seconds", site=site) for site in SITES}
    assert last == {"harbour.example": NOW.timestamp(), "灯塔.example": 0, "other": NOW.timestamp()}
    assert value(metrics, "feedmill_results_total", stage="stories", outcome="item") == 3
    assert value(metrics, "feedmill_results_total", stage="stories", outcome="retraction") == 1
    assert value(metrics, "feedmill_latency_seconds_count") == 3
    assert value(metrics, "feedmill_latency_seconds_bucket", le="1.0") == 0
    assert value(metrics, "feedmill_latency_seconds_bucket", le="2.5") == 3
    assert value(metrics, "feedmill_freshness_seconds_sum") == 400


def test_an_output_without_its_label_ends_no_worker(metrics: MillMetrics) -> None:
    metrics.handled(DEDUPE, 0, 1, [output(Topic.DUPLICATES)], 1)
    assert value(metrics, "feedmill_results_total", stage="dedupe", outcome="duplicate") == 1


def test_the_real_stages_over_real_documents_add_up(metrics: MillMetrics) -> None:
    """What docs/metrics.md promises to add up does; no output lacks the label that it is counted by."""
    now = datetime(2026, 11, 23, tzinfo=UTC)
    documents = [
        markdown("渡轮搁浅", FIRST),
        markdown("渡轮搁浅", FIRST),
        markdown("渡轮搁浅", LATER),
        atom(*(entry(number) for number in range(1, 6))),
        atom(entry(2), deleted(1), deleted(9)),
        atom(),
        b"",
        b"\x00\x01 nothing that anyone reads",
    ]
    inputs: list[Any] = [
        raw_document(record(document, number), number, now) for number, document in enumerate(documents)
    ]
    stages: list[Stage[Any]] = [ParseStage(), DedupeStage(), EnrichStage(pipeline="0.0.0"), StoriesStage()]
    ended: list[Output] = []
    for stage in stages:
        outputs = stage.handle(inputs, Overlay(Store(MemoryTables(), "changelog", 0)), now)
        metrics.handled(stage.name, 0, len(inputs), outputs, 1)
        inputs = [one.value for one in outputs if one.topic in INTERNAL]
        ended += [one for one in outputs if one.topic not in INTERNAL and one.entry is not None]

    def total(name: str, **labels: str) -> float:
        samples = [sample for family in metrics.registry.collect() for sample in family.samples]
        return sum(one.value for one in samples if one.name == name and labels.items() <= one.labels.items())

    def results(stage: StageName, outcome: str = "") -> float:
        return total("feedmill_results_total", stage=stage, **({"outcome": outcome} if outcome else {}))

    assert all(one.label for one in ended)
    assert {one.topic for one in ended} == {Topic.ENRICHED, Topic.DUPLICATES, Topic.DEAD_LETTER}
    for topic, name in (
        (Topic.ENRICHED, "feedmill_items_total"),
        (Topic.DUPLICATES, "feedmill_duplicates_total"),
        (Topic.DEAD_LETTER, "feedmill_dead_letters_total"),
    ):
        assert total(name) == sum(one.topic is topic for one in ended)
    assert total("feedmill_site_items_total") == total("feedmill_items_total") > 0
    assert total("feedmill_latency_seconds_count") == total("feedmill_items_total")
    for before, after in pairwise(StageName):
        passed = results(before, "passed-on") + (results(before, "retraction") if before is not PARSE else 0)
        assert passed == total("feedmill_inputs_total", stage=after)
    for last in (ENRICH, STORIES):
        assert results(last) == total("feedmill_inputs_total", stage=last)
    assert results(DEDUPE) - results(DEDUPE, "retraction") == total("feedmill_inputs_total", stage=DEDUPE)
    assert results(DEDUPE, "retraction") == results(STORIES, "retraction") == 1


def test_the_rules_of_duplicates_are_those_that_do_not_go_on() -> None:
    assert frozenset({*NEW, *REVISES, DedupeRule.REPLAYED}) == GOES_ON


def test_take_over_and_refusals(metrics: MillMetrics) -> None:
    metrics.reading(DEDUPE, 0, 700)
    assert value(metrics, "feedmill_restored_records_total", stage="dedupe") == 700, "while it goes on"
    metrics.reading(DEDUPE, 0, 300)
    metrics.restored(DEDUPE, 0, 1000, 0.4, None)
    metrics.reading(DEDUPE, 1, 500)
    metrics.restored(DEDUPE, 1, 500, 0.4, "its own record cannot be read")
    metrics.refused(STORIES, 0, "too large")
    assert value(metrics, "feedmill_restored_records_total", stage="dedupe") == 1500
    assert value(metrics, "feedmill_restore_seconds_bucket", stage="dedupe", le="0.5") == 2
    assert value(metrics, "feedmill_rebuilds_total", stage="dedupe") == 1
    assert value(metrics, "feedmill_refusals_total", stage="stories") == 1


# -- lag, state, readiness


def test_lag_grows_old_by_itself(metrics: MillMetrics, clock: Clock) -> None:
    metrics.assigned({PARSE: [0, 1]})
    metrics.lags({(PARSE, 0): Lag(7, int(NOW.timestamp() * 1000) - 500), (PARSE, 1): NO_LAG})
    assert value(metrics, "feedmill_lag_records", stage="parse", partition="0") == 7
    assert value(metrics, "feedmill_oldest_unprocessed_seconds", stage="parse", partition="0") == 0.5
    assert value(metrics, "feedmill_oldest_unprocessed_seconds", stage="parse", partition="1") == 0
    clock.now += timedelta(hours=1)
    assert value(metrics, "feedmill_oldest_unprocessed_seconds", stage="parse", partition="0") == 3600.5
    assert value(metrics, "feedmill_oldest_unprocessed_seconds", stage="parse", partition="1") == 0
    assert value(metrics, "feedmill_lag_timestamp_seconds") == NOW.timestamp()


def test_before_the_first_reading_there_is_no_lag_to_show(metrics: MillMetrics) -> None:
    """0 would be a lie."""
    metrics.assigned({PARSE: [0]})
    assert value(metrics, "feedmill_lag_records", stage="parse", partition="0") is None


def test_a_partition_that_is_anothers_now_is_not_shown(metrics: MillMetrics) -> None:
    metrics.assigned({PARSE: [0, 1]})
    metrics.lags({(PARSE, 0): Lag(7, 1), (PARSE, 1): Lag(8, 1)})
    metrics.assigned({PARSE: [1], DEDUPE: [0]})
    assert value(metrics, "feedmill_lag_records", stage="parse", partition="0") is None
    assert value(metrics, "feedmill_lag_records", stage="parse", partition="1") == 8
    assert value(metrics, "feedmill_partitions", stage="parse") == 1
    assert value(metrics, "feedmill_partitions", stage="stories") == 0
    assert value(metrics, "feedmill_rebalances_total") == 2


def test_lag_stands_alone_for_the_exporter() -> None:
    registry = CollectorRegistry()
    LagMetrics(registry, clock=lambda: 10.0).update({(DEDUPE, 4): Lag(3, 4000)})
    assert registry.get_sample_value("feedmill_lag_records", {"stage": "dedupe", "partition": "4"}) == 3
    assert registry.get_sample_value("feedmill_oldest_unprocessed_seconds", {"stage": "dedupe", "partition": "4"}) == 6


def test_a_store_that_cannot_be_asked_costs_no_other_figure(metrics: MillMetrics) -> None:
    def closed() -> StateSize:
        raise RuntimeError("database is closed")

    metrics.watch_state(DEDUPE, closed)
    metrics.watch_state(STORIES, lambda: StateSize(keys=5, bytes=77))
    keys = value(metrics, "feedmill_state_keys", stage="dedupe")
    assert keys is not None
    assert keys != keys  # NaN
    assert value(metrics, "feedmill_state_keys", stage="stories") == 5
    assert value(metrics, "feedmill_state_bytes", stage="stories") == 77


def test_the_indexes_of_stories(metrics: MillMetrics) -> None:
    def reasons() -> dict[Dropped, float | None]:
        return {reason: value(metrics, "feedmill_stories_evicted_total", reason=reason) for reason in Dropped}

    def index() -> list[float | None]:
        names = ("items", "bytes", "limit_items", "used_ratio")
        return [value(metrics, f"feedmill_stories_index_{name}") for name in names]

    assert index() == [0, 0, 0, 0], "also before anyone asks"
    assert reasons() == {Dropped.WINDOW: 0, Dropped.LIMIT: 0}
    sizes = [IndexSize(items=75, bytes=3500, limit=100), IndexSize(items=5, bytes=300, limit=100)]
    empty = IndexSize(items=0, bytes=40, limit=100)
    metrics.watch_index(lambda: [*sizes, empty], lambda: {Dropped.LIMIT: 4096})
    assert index() == [80, 3840, 200, 0.75], "a script family that nobody writes in has no share in the limit"
    assert reasons() == {Dropped.WINDOW: 0, Dropped.LIMIT: 4096}


def test_partitions_to_be_restored_follow_the_assignment(metrics: MillMetrics) -> None:
    ready: set[int] = set()
    metrics.watch_restore(DEDUPE, lambda: set(ready))

    def restoring() -> float | None:
        return value(metrics, "feedmill_restoring_partitions", stage="dedupe")

    assert restoring() == 0, "nothing is assigned yet"
    metrics.assigned({DEDUPE: [0, 1, 2]})
    assert restoring() == 3
    ready |= {0, 1, 2}
    assert restoring() == 0
    metrics.assigned({DEDUPE: [1, 5]})
    assert restoring() == 1, "0 and 2 are still in hand and no longer its own, 5 is to be restored"
    metrics.assigned({})
    assert restoring() == 0
    metrics.assigned({PARSE: [0]})
    assert value(metrics, "feedmill_restoring_partitions", stage="parse") == 1, "nobody said that it is ready"


def test_what_cannot_be_measured_is_nan_and_costs_no_other_figure(metrics: MillMetrics, tmp_path: Path) -> None:
    def broken() -> Any:
        raise RuntimeError("changed under the question")

    metrics.watch_index(broken, lambda: {Dropped.LIMIT: 7})
    metrics.watch_restore(DEDUPE, broken)
    metrics.watch_ready(broken)
    metrics.watch_machine(tmp_path / "gone")
    assert value(metrics, "feedmill_stories_evicted_total", reason=Dropped.LIMIT) == 7
    metrics.watch_index(broken, broken)
    by_name = {family.name: family for family in families(text_of(metrics))}
    nan = [
        *("feedmill_stories_index_items", "feedmill_stories_index_bytes", "feedmill_stories_index_limit_items"),
        *("feedmill_stories_index_used_ratio", "feedmill_ready"),
        *("feedmill_state_disk_free_bytes", "feedmill_state_disk_size_bytes"),
    ]
    for name in nan:
        [sample] = by_name[name].samples
        assert math.isnan(sample.value), name
    restoring = {one.labels["stage"]: one.value for one in by_name["feedmill_restoring_partitions"].samples}
    assert math.isnan(restoring.pop("dedupe"))
    assert restoring == {"parse": 0, "enrich": 0, "stories": 0}
    assert value(metrics, "feedmill_stories_evicted_total", reason=Dropped.LIMIT) == 7, "a counter stays where it was"


@pytest.mark.parametrize("limit", [1 << 30, None])
def test_a_memory_limit_is_shown_where_there_is_one(metrics: MillMetrics, limit: int | None) -> None:
    metrics.watch_machine(Path(), limit=lambda: limit)
    assert value(metrics, "feedmill_memory_limit_bytes") == limit


def test_the_disk_of_the_state(metrics: MillMetrics, tmp_path: Path) -> None:
    metrics.watch_machine(tmp_path)
    usage = shutil.disk_usage(tmp_path)
    free = value(metrics, "feedmill_state_disk_free_bytes") or 0
    assert value(metrics, "feedmill_state_disk_size_bytes") == usage.total
    assert abs(free - usage.free) < usage.total / 100


def test_readiness_is_a_gauge_too(metrics: MillMetrics) -> None:
    ready = [True]
    metrics.watch_ready(lambda: ready[0])
    assert value(metrics, "feedmill_ready") == 1
    ready[0] = False
    assert value(metrics, "feedmill_ready") == 0


def test_two_mills_in_one_process_do_not_meet() -> None:
    first, second = MillMetrics(), MillMetrics()
    first.refused(PARSE, 0, "")
    assert value(second, "feedmill_refusals_total", stage="parse") == 0


# -- bounds


def test_children_of_closed_lists_stand_at_zero(metrics: MillMetrics) -> None:
    """Before the first record, and each of them: an alert would not see the first failure else."""
    wanted: dict[str, list[dict[str, str]]] = {
        "feedmill_results": [{"stage": stage, "outcome": one} for stage in StageName for one in outcomes(stage)],
        "feedmill_dead_letters": [{"stage": stage, "code": code} for stage in StageName for code in DeadLetterCode],
        "feedmill_duplicates": [{"rule": rule} for rule in DedupeRule if rule not in GOES_ON],
        "feedmill_items": [{"verdict": verdict} for verdict in Verdict],
        "feedmill_stories_grouped": [{"rule": rule} for rule in GroupingRule],
        "feedmill_stories_evicted": [{"reason": reason} for reason in Dropped],
        "feedmill_site_items": [{"site": site} for site in SITES],
        "feedmill_rebalances": [{}],
    }
    by_name = {family.name: family for family in families(text_of(metrics))}
    for family in by_name.values():
        if family.type == "counter":
            found = {frozenset(sample.labels.items()) for sample in family.samples}
            lists = wanted.get(family.name, [{"stage": stage} for stage in StageName])
            assert found == {frozenset(one.items()) for one in lists}, family.name
        if family.type in ("counter", "histogram"):
            assert all(sample.value == 0 for sample in family.samples), family.name
        if family.type == "histogram":
            counts = [sample.labels.get("stage") for sample in family.samples if sample.name.endswith("_count")]
            assert counts in ([None], list(StageName)), family.name
    assert wanted.keys() <= by_name.keys()


def test_more_sites_than_allowed_are_an_error() -> None:
    with pytest.raises(ValueError, match="501 sites"):
        MillMetrics(sites=[f"site{number}.example" for number in range(MAX_SITES + 1)])


@given(st.lists(st.floats(-1e9, 1e9)))
def test_a_spread_counts_every_value_once(values: list[float]) -> None:
    spread = Spread("spread_seconds", "A spread.", [1.0, 60.0])
    spread.observe(values)
    registry = CollectorRegistry()
    registry.register(spread)
    assert registry.get_sample_value("spread_seconds_count") == len(values)
    for bound in (1.0, 60.0):
        below = registry.get_sample_value("spread_seconds_bucket", {"le": str(bound)})
        assert below == sum(value <= bound for value in values)
    total = registry.get_sample_value("spread_seconds_sum")
    assert total == pytest.approx(sum(value for value in values if value > 0))


# -- the page


def documented() -> Shown:
    return written(tables(PAGE.read_text())["Worker"])


def test_the_page_names_every_metric_as_it_is() -> None:
    assert shown(families(text_of(everything()))) == documented()


def test_the_page_names_every_outcome_and_no_other() -> None:
    row = re.search(r"^\| `outcome` \|(.*)\|$", PAGE.read_text(), re.MULTILINE)
    assert row
    assert set(re.findall(r"`([\w-]+)`", row[1])) == {outcome for stage in StageName for outcome in outcomes(stage)}


def test_the_page_names_the_bounds_of_latency_and_one_is_the_objective() -> None:
    assert OBJECTIVE_SECONDS in LATENCY_SECONDS
    [sentence] = re.findall(r"The bounds of `feedmill_latency_seconds` are ([^:]*?) s\.", PAGE.read_text())
    assert [float(bound) for bound in re.findall(r"[\d.]+", sentence)] == list(LATENCY_SECONDS)
    assert f"**{OBJECTIVE_SECONDS:g}**" in sentence
    assert f'feedmill_latency_seconds_bucket{{le="{OBJECTIVE_SECONDS}"}}' in PAGE.read_text()
    bound = {"le": str(OBJECTIVE_SECONDS)}
    assert value(MillMetrics(), "feedmill_latency_seconds_bucket", **bound) == 0


def test_names_follow_the_customs_of_prometheus() -> None:
    for name, (kind, _) in documented().items():
        assert name.endswith("_total") == (kind == "counter"), name
        assert not re.search(r"_(ms|millis|kb|mb|minutes)\b", name), name


def test_process_metrics_have_their_customary_names() -> None:
    metrics = MillMetrics()
    metrics.watch_process()
    assert (value(metrics, "process_resident_memory_bytes") or 0) > 1e6
