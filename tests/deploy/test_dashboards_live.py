"""Every query of every dashboard, asked of a real Prometheus that scraped a real mill at work.

One run for all: embedded Kafka, two workers under a load with broken documents in it, one of them killed and started
again, the lag exporter, the ledger. Then the load stops, and the same queries are asked of an idle mill.
"""

from __future__ import annotations

import math
import re
import signal
import time
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from deploy.grafana.queries import EXPORTER
from tests.conftest import IN_CI
from tests.deploy.boards import Board, Panel, committed, filled, panels, queries, variables
from tools.observe.load import LISTED, Load
from tools.observe.prometheus import MISSING, Prometheus, PrometheusMissingError, RefusedError
from tools.observe.stand import Stand

pytestmark = [pytest.mark.heavy, pytest.mark.timeout(420)]

EVERY = 2  # seconds between scrapes
RATE = f"{5 * EVERY}s"
SHOWN = 60  # seconds of work that the queries look at

MAY_BE_EMPTY = {
    "Alerts that fire": "nothing fired in two minutes",
    "Memory, of the limit": "a machine without cgroups has no limit",
}
"""Panels without anything to show in such a run, and why."""

SELDOM = {("Memory, by worker", "limit"), ("Stage's own time per batch", "{{stage}}")}


class Seen:
    """The run, once over, with the moments that the queries are asked for."""

    def __init__(self, prometheus: Prometheus, began: float, at_work: float) -> None:
        self.prometheus = prometheus
        self.began = began
        self.at_work = at_work
        self.idle = 0.0

    def answers(
        self,
        board: Board,
        target: dict[str, Any],
        at: float,
        *,
        chosen: Mapping[str, str] | None = None,
        changed: tuple[str, str] = ("", ""),
    ) -> list[list[float]]:
        """The values of each series. Raises RefusedError where Prometheus does not take the query."""
        expression = filled(board, target["expr"], rate=RATE, range_=f"{SHOWN}s", chosen=chosen)
        return self.asked(
            expression.replace(*changed) if changed[0] else expression, at, instant=target.get("instant", False)
        )

    def whole_run(self, board: Board, target: dict[str, Any]) -> list[list[float]]:
        """The values from the first scrape on, when workers start and the ledger has not yet read anything."""
        expression = filled(board, target["expr"], rate=RATE, range_=f"{SHOWN}s")
        found = self.prometheus.ask(
            "query_range", query=expression, start=str(self.began), end=str(self.at_work), step=str(EVERY)
        )["result"]
        return [[float(value) for _, value in series["values"]] for series in found]

    def asked(self, expression: str, at: float, *, instant: bool) -> list[list[float]]:
        if instant:
            found = self.prometheus.ask("query", query=expression, time=str(at))["result"]
            return [[float(series["value"][1])] for series in found]
        found = self.prometheus.ask(
            "query_range", query=expression, start=str(at - SHOWN / 2), end=str(at), step=str(EVERY)
        )["result"]
        return [[float(value) for _, value in series["values"]] for series in found]


@pytest.fixture(scope="module")
def seen() -> Iterator[Seen]:
    try:
        stand = Stand(pace=4, load=Load(broken=0.1), every=EVERY, labels={"namespace": "news"}, tell=lambda line: None)
    except PrometheusMissingError:
        why = f"queries of the dashboards DID NOT RUN: {MISSING}"
        if IN_CI:
            pytest.fail(why)
        pytest.skip(why)
    began = time.time()
    with stand:
        _until(stand, "sum(feedmill_items_total) > 300")
        assert stand.workers is not None
        stand.workers.all[1].signal(signal.SIGKILL)
        _until(stand, 'sum(feedmill_ready{instance="worker-1"}) == 1 and sum(feedmill_partitions) == 16')
        _until(stand, "count(feedmill_ready == 1) == 2 and max(feedmill_oldest_unprocessed_seconds) < 5")
        _until(stand, "sum(feedmill_suspect_takeovers_total) > 0 and max(feedmill_ledger_entries) > 300")
        stand.rest(10)
        seen = Seen(stand.prometheus, began, time.time())
        stand.pace = 0
        _until(stand, 'sum(feedmill_lag_records{job="feedmill-lag-exporter"}) == 0')
        stand.rest(8 * EVERY)
        seen.idle = time.time()
        yield seen


def _until(stand: Stand, expression: str, seconds: float = 120) -> None:
    """Until Prometheus itself has seen it."""
    deadline = time.monotonic() + seconds
    while not stand.prometheus.query(expression):
        assert time.monotonic() < deadline, f"{expression}: {stand.prometheus.query('up')}"
        stand.rest(1)


def found_of(seen: Seen, board: Board, panel: Panel, at: float, **more: Any) -> list[list[float]]:
    """All that a panel draws."""
    return [series for target in panel["targets"] for series in seen.answers(board, target, at, **more)]


@pytest.mark.parametrize("name", sorted(committed()))
def test_every_query_returns_figures(seen: Seen, name: str) -> None:
    board = committed()[name]
    for panel, target in queries(board):
        found = seen.answers(board, target, seen.at_work)
        ever = [*found, *seen.whole_run(board, target)]
        assert all(math.isfinite(value) for series in ever for value in series), (panel["title"], target["expr"])
        if panel["title"] not in MAY_BE_EMPTY and (panel["title"], target["legendFormat"]) not in SELDOM:
            assert found, (panel["title"], target["expr"])


@pytest.mark.parametrize("name", sorted(committed()))
def test_an_idle_mill_looks_calm(seen: Seen, name: str) -> None:
    """No NaN, and 0 where 0 is meant: what is empty is a mean or a share of nothing, and says so in words."""
    board = committed()[name]
    empty = set()
    for panel, target in queries(board):
        found = seen.answers(board, {**target, "instant": True}, seen.idle)
        assert all(math.isfinite(value) for series in found for value in series), (panel["title"], target["expr"])
        if not found_of(
            seen, board, {**panel, "targets": [{**one, "instant": True} for one in panel["targets"]]}, seen.idle
        ):
            empty.add(panel["title"])
    assert empty <= {
        *MAY_BE_EMPTY, "From arrival to item", "Time per batch, by stage", "Inputs in a batch, by stage",
        "Stage's own time per batch", "Kafka's time per batch", "Slow batches, by stage",
    }  # fmt: skip


@pytest.mark.parametrize("name", sorted(committed()))
def test_variables_have_values_and_every_panel_works_with_each(seen: Seen, name: str) -> None:
    board = committed()[name]
    for variable in variables(board).values():
        if variable["type"] != "query":
            continue
        values = offered(seen, board, variable)
        assert values, variable["name"]
        for value in values:
            for panel in panels(board):
                if f"${variable['name']}" in str(panel["targets"]) and panel["title"] not in MAY_BE_EMPTY:
                    found = found_of(seen, board, panel, seen.at_work, chosen={variable["name"]: value})
                    assert found, (panel["title"], variable["name"], value)


def test_variables_offer_what_there_is(seen: Seen) -> None:
    found = {
        variable["name"]: offered(seen, board, variable)
        for board in committed().values()
        for variable in variables(board).values()
        if variable["type"] == "query"
    }
    assert found == {
        "namespace": ["news"],
        "instance": ["worker-1", "worker-2"],
        "stage": ["dedupe", "enrich", "parse", "stories"],
        "site": sorted([*LISTED, "other"]),
    }


def offered(seen: Seen, board: Board, variable: dict[str, Any]) -> list[str]:
    """The values that Grafana would offer."""
    match = re.fullmatch(r"label_values\((.+), (\w+)\)", variable["query"]["query"])
    assert match
    selector = filled(board, match[1], rate=RATE, range_=f"{SHOWN}s")
    values: list[str] = seen.prometheus.ask(f"label/{match[2]}/values", **{"match[]": selector})
    return values


def test_lag_is_shown_where_only_workers_are_scraped(seen: Seen) -> None:
    for board in committed().values():
        for panel, target in queries(board):
            if "feedmill_oldest_unprocessed_seconds" in target["expr"] or "feedmill_lag_records" in target["expr"]:
                assert EXPORTER in target["expr"], panel["title"]
                assert seen.answers(board, target, seen.at_work, changed=(EXPORTER, "nobody")), panel["title"]


def test_the_exporter_goes_before_the_workers(seen: Seen) -> None:
    """Else partitions that two workers show for a moment would be counted twice."""
    board = committed()["feedmill-state"]
    target = next(target for panel, target in queries(board) if panel["title"] == "Partitions, the oldest first")
    assert len(seen.answers(board, target, seen.at_work)) == 16


def test_marks_of_what_happened(seen: Seen) -> None:
    """A worker was started again, which was a rebalance."""
    board = committed()["feedmill-mill"]
    for mark in board["annotations"]["list"]:
        expression = filled(board, mark["expr"], rate=RATE, range_=f"{SHOWN}s")
        found = seen.prometheus.ask(
            "query_range", query=expression, start=str(seen.at_work - 240), end=str(seen.at_work), step="15"
        )["result"]
        assert found, mark["name"]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        pytest.param("feedmill_items_total", "feedmill_item_total", id="a misspelt metric"),
        pytest.param("feedmill-worker", "feedmill-workers", id="another job"),
        pytest.param('le="60.0"', 'le="60"', id="a bucket that is none"),
    ],
)
def test_what_asks_for_nothing_would_be_seen(seen: Seen, old: str, new: str) -> None:
    board = committed()["feedmill-mill"]
    target = next(one for _, one in queries(board) if old in one["expr"] and " or " not in one["expr"])
    assert seen.answers(board, target, seen.at_work)
    assert not seen.answers(board, target, seen.at_work, changed=(old, new))


def test_a_broken_query_would_be_seen(seen: Seen) -> None:
    with pytest.raises(RefusedError, match="parse error"):
        seen.asked("sum(rate(feedmill_items_total[1m])", seen.at_work, instant=True)
