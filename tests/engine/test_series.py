"""How many series a worker shows, whatever comes in. Printed with `-rP`; docs/metrics.md has the figures."""

from __future__ import annotations

import random
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import generate_latest
from prometheus_client.exposition import choose_encoder

from agents.dedupe.stage import DedupeStage
from agents.engine.lag import Lag
from agents.engine.metrics import MillMetrics
from agents.engine.store import MemoryTables, Overlay, StateSize, Store
from agents.enrich.stage import EnrichStage
from agents.parse.stage import ParseStage
from agents.settings import MAX_SITES
from agents.sources.records import raw_document
from agents.stage import INTERNAL, EntryRef, IndexSize, Output, Stage, Topic
from agents.stories.stage import StoriesStage
from schemas import GroupingRule, StageName, Verdict
from tests.documents import record

PARTITIONS = 16
STRANGERS = 10_000
MOST = 2000
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


def worker(sites: Sequence[str]) -> MillMetrics:
    """The metrics of a worker that owns every partition of a mill, all of them with lag."""
    metrics = MillMetrics(sites=sites, clock=lambda: NOW)
    metrics.watch_process()
    metrics.watch_machine(Path(), limit=lambda: 1 << 30)
    metrics.watch_ready(lambda: True)
    for stage in StageName:
        metrics.watch_state(stage, lambda: StateSize(10, 1000))
        metrics.watch_restore(stage, lambda: set(range(PARTITIONS)))
    metrics.watch_index(lambda: [IndexSize(10, 7000, 100)] * PARTITIONS, dict)
    metrics.assigned({stage: range(PARTITIONS) for stage in StageName})
    metrics.lags({(stage, number): Lag(1, 1) for stage in StageName for number in range(PARTITIONS)})
    return metrics


def series(metrics: MillMetrics) -> int:
    """Of the form that has more of them."""
    openmetrics, _ = choose_encoder("application/openmetrics-text; version=1.0.0")
    forms = (generate_latest(metrics.registry), openmetrics(metrics.registry))
    return max(sum(not line.startswith("#") for line in form.decode().splitlines()) for form in forms)


def sites(count: int, seed: int) -> list[str]:
    chance = random.Random(seed)
    letters = "abcdefghijklmnopqrstuvwxyz"
    found: set[str] = set()
    while len(found) < count:
        found.add("".join(chance.choices(letters, k=12)) + chance.choice((".example", ".test", ".com", ".cn", ".org")))
    return sorted(found)


def say(sentence: str) -> None:
    sys.stdout.write(f"{sentence}\n")  # pytest's `-rP` shows it


LISTS = [pytest.param(sites(MAX_SITES, 1), id="a full list"), pytest.param([], id="no list")]


@pytest.mark.parametrize("listed", LISTS)
def test_ten_thousand_sites_add_no_series(listed: list[str]) -> None:
    metrics = worker(listed)
    before = series(metrics)
    strangers = sites(STRANGERS, 2)
    for first in range(0, STRANGERS, 100):
        items = [
            Output(
                Topic.ENRICHED, b"key", b"value", EntryRef(0, first, 0), (), Verdict.NEW,
                grouping=GroupingRule.FIRST_REPORT, site=site, arrival=NOW, freshness=60.0,
            )
            for site in (*strangers[first : first + 100], *listed[:5], None)
        ]  # fmt: skip
        metrics.handled(StageName.STORIES, first % PARTITIONS, len(items), items, 1000)
    say(f"{len(listed)} listed sites, {PARTITIONS} partitions, {STRANGERS:,} others: {series(metrics):,} series")
    assert series(metrics) == before <= MOST
    assert metrics.registry.get_sample_value("feedmill_site_items_total", {"site": "other"}) == STRANGERS + 100


@pytest.mark.heavy
def test_nor_do_their_documents_through_all_stages() -> None:
    """Each of another site; one in ten is broken, and names its site by that."""
    listed = sites(MAX_SITES, 1)
    metrics = worker(listed)
    before = series(metrics)
    stages: list[Stage[Any]] = [ParseStage(), DedupeStage(), EnrichStage(pipeline="0.0.0"), StoriesStage()]
    states = [Overlay(Store(MemoryTables(), "changelog", 0)) for _ in stages]
    strangers = sites(STRANGERS, 3)
    for first in range(0, STRANGERS, 200):
        inputs: list[Any] = [
            raw_document(record(document(site, number), number), number, NOW)
            for number, site in enumerate(strangers[first : first + 200], first)
        ]
        for stage, state in zip(stages, states, strict=True):
            outputs = stage.handle(inputs, state, NOW)
            metrics.handled(stage.name, 0, len(inputs), outputs, 1)
            inputs = [one.value for one in outputs if one.topic in INTERNAL]
    items = metrics.registry.get_sample_value("feedmill_site_items_total", {"site": "other"}) or 0
    say(f"{len(listed)} listed sites, {items:,.0f} items of as many sites: {series(metrics):,} series")
    assert items > STRANGERS * 0.8
    assert series(metrics) == before <= MOST


def document(site: str, number: int) -> bytes:
    if number % 10 == 0:
        return f"<rss><{site}>".encode()
    link = f"https://{site}/{number}"
    return (
        f"<!--{1700000000000 + number}-->\n[Notes from {site}, number {number}]({link})\n------\n\n"
        f"<p>{site} writes about {number * 7919} and nothing else.</p>"
    ).encode()
