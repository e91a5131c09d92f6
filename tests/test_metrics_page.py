"""Who uses which metric: how tools/metrics_page.py reads rules and dashboards, and that docs/metrics.md says it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tools.metrics_page import (
    DASHBOARDS,
    NOBODY,
    PAGE,
    Asked,
    Use,
    alerts,
    asked,
    family,
    others,
    panels,
    recordings,
    render,
    tables,
)

TEXT = PAGE.read_text()
ROWS = {name: row for section in tables(TEXT).values() for name, row in section.items()}
BOARDS = sorted(DASHBOARDS.glob("*.json"))


# -- the page


def test_the_page_is_as_the_tool_writes_it() -> None:
    assert render(TEXT, [*alerts(), *panels()]) == TEXT, "make metrics"


def test_every_table_has_its_rows() -> None:
    assert {section: len(rows) > 5 for section, rows in tables(TEXT).items()} == {
        "Worker": True,
        "Lag exporter": True,
        "Ledger": True,
    }
    lines = [line for line in TEXT.splitlines() if line.startswith("| `feedmill_")]
    read = sum(len(rows) for rows in tables(TEXT).values()) + len(others(TEXT))
    assert read == len(lines), "a row that is no row: a cell too many or too few"


@pytest.mark.parametrize("use", [*alerts(), *panels()], ids=lambda use: f"{use.dashboard or 'alert'}: {use.title}")
def test_what_alerts_and_panels_ask_for_is_on_the_page(use: Use) -> None:
    """A name that nobody shows is an empty panel, or an alert that never fires."""
    known = {*ROWS, *recordings()}
    unknown = {family(one.name, known) for one in use.asked if one.name.startswith("feedmill")} - known
    assert not unknown


def test_what_nobody_asks_for_is_for_somebody() -> None:
    """Bites as soon as there are dashboards: before, most metrics are nobody's."""
    if not BOARDS:
        assert not (DASHBOARDS.parent / "dashboards.py").exists(), "dashboards are generated and none is committed"
        pytest.skip("NOTHING WAS COMPARED: there are no dashboards yet, so nobody can say what no panel uses")
    unused = [
        (section, name) for section, rows in tables(TEXT).items() for name, row in rows.items() if row.used == NOBODY
    ]
    named = set(others(TEXT))
    assert {name for _, name in unused} <= named, "nobody asks for it: use it, say for whom it is, or drop it"
    assert named <= {name for _, name in unused}, "said to be for other readers, but a panel or an alert uses it"


# -- reading rules and dashboards


@pytest.mark.parametrize(
    ("query", "names"),
    [
        pytest.param("feedmill_ready", {"feedmill_ready"}, id="a name"),
        pytest.param("sum by (stage) (rate(a_total[5m])) / on (stage) b_total", {"a_total", "b_total"}, id="labels"),
        pytest.param('a{why="feedmill_ready is no metric here"}', {"a"}, id="a name in a string"),
        pytest.param("a # feedmill_ready\n> 1", {"a"}, id="a name in a comment"),
        pytest.param('{__name__="a", job="b"}', {"a"}, id="the name as a label"),
        pytest.param("max_over_time((a - b)[1h:5m])", {"a", "b"}, id="a subquery"),
        pytest.param("rate(a[$__rate_interval]) > $limit", {"a"}, id="Grafana's durations and variables"),
        pytest.param("increase(a[${window:text}])", {"a"}, id="a variable as a duration"),
        pytest.param('a{stage=~"$stage",x="$__all"} offset $__interval', {"a"}, id="variables in strings stay"),
        pytest.param("mill:errors:ratio5m", {"mill:errors:ratio5m"}, id="what a rule recorded"),
    ],
)
def test_names_in_a_query(query: str, names: set[str]) -> None:
    assert {one.name for one in asked(query)} == names


def test_a_query_that_is_none_is_an_error() -> None:
    with pytest.raises(ValueError, match="unclosed"):
        asked("rate(feedmill_ready")


@pytest.mark.parametrize(
    ("selector", "worker", "exporter"),
    [
        pytest.param("a", True, True, id="any job"),
        pytest.param('a{job="feedmill-worker"}', True, False, id="one job"),
        pytest.param('a{job=~"feedmill-.*"}', True, True, id="several"),
        pytest.param('a{job=~"feedmill"}', False, False, id="a whole name is asked for"),
        pytest.param('a{job!="feedmill-worker"}', False, True, id="all but one"),
        pytest.param('a{job!~"feedmill-w.+"}', False, True, id="all but some"),
        pytest.param('a{job="$job"}', True, True, id="a variable"),
    ],
)
def test_whose_metric_is_asked_for(selector: str, worker: bool, exporter: bool) -> None:
    [one] = asked(selector)
    assert (one.of("feedmill-worker"), one.of("feedmill-lag-exporter")) == (worker, exporter)


def test_alerts_ask_for_what_their_recording_rules_are_made_of(tmp_path: Path) -> None:
    (tmp_path / "rules.yml").write_text(
        "groups: [{name: g, rules: ["
        "{record: 'mill:a', expr: 'a + b'}, {record: 'mill:b', expr: 'mill:a * c'},"
        "{alert: Loud, expr: 'mill:b > d'}]}]"
    )
    (tmp_path / "rules_test.yml").write_text("rule_files: [rules.yml]\ntests: []\n")
    [loud] = alerts(tmp_path)
    assert loud.title == "Loud"
    assert {one.name for one in loud.asked} == {"a", "b", "c", "d"}


BOARD: dict[str, Any] = {
    "title": "Mill",
    "panels": [
        {"title": "In", "targets": [{"expr": "a"}, {"expr": "mill:b"}, {"refId": "without a query"}]},
        {"title": "A closed row", "type": "row", "panels": [{"title": "Out", "targets": [{"expr": "c"}]}]},
        {"title": "Words", "type": "text"},
    ],
    "templating": {
        "list": [
            {"name": "stage", "type": "query", "query": {"query": 'label_values(d{job="$job"}, stage)'}},
            {"name": "pod", "type": "query", "query": "label_values(e, instance)"},
            {"name": "job", "type": "query", "query": "label_values(job)"},
            {"name": "fixed", "type": "custom", "query": "1,2"},
        ]
    },
    "annotations": {"list": [{"name": "starts", "expr": "f"}, {"name": "built in"}]},
}


def test_panels_rows_variables_and_marks(tmp_path: Path) -> None:
    (tmp_path / "mill.json").write_text(json.dumps(BOARD))
    (tmp_path / "rules.yml").write_text("groups: [{name: g, rules: [{record: 'mill:b', expr: b}]}]")
    found = {(use.title, one.name) for use in panels(tmp_path, tmp_path) for one in use.asked}
    assert found == {
        ("In", "a"),
        ("In", "b"),
        ("Out", "c"),
        ("variable stage", "d"),
        ("variable pod", "e"),
        ("marks starts", "f"),
    }


SMALL = """# Metrics
## Worker
| metric | type | labels | unit | meaning | used by |
|---|---|---|---|---|---|
| `feedmill_ready` | gauge | | 0 or 1 | What it says. | old |
| `feedmill_x_seconds` | histogram | `stage` | seconds | A \\| B. | – |
| `feedmill_idle` | gauge | | 1 | Nothing. | – |
## Lag exporter
| `feedmill_ready` | gauge | | 0 or 1 | Another's. | |
## Ledger
"""


def test_the_last_column_is_written_anew_and_nothing_else() -> None:
    uses = [
        Use("Mill", "Is it ready?", frozenset({Asked("feedmill_ready", ("=", "feedmill-worker"))})),
        Use("", "B", frozenset({Asked("feedmill_ready", ("=", "feedmill-worker")), Asked("up")})),
        Use("", "A", frozenset({Asked("feedmill_ready")})),
        Use("Mill", "Time | stage", frozenset({Asked("feedmill_x_seconds_bucket")})),
        Use("Mill", "Time | stage", frozenset({Asked("feedmill_x_seconds_count")})),
        Use("Worker", "Time", frozenset({Asked("feedmill_x_seconds_sum")})),
    ]
    written = render(SMALL, uses)
    expected = (
        SMALL.replace("it says. | old |", "it says. | `A`, `B`, *Mill*: Is it ready? |")
        .replace("B. | – |", "B. | *Mill*: Time \\| stage, *Worker*: Time |")
        .replace("Another's. | |", "Another's. | `A` |")
    )
    assert written == expected
    assert render(written, uses) == written
