"""The dashboards as they are committed: as the generator writes them, Grafana reads them, and people can read them."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard

from agents.engine.metrics import LATENCY_SECONDS
from deploy.grafana.dashboards import FOLDER, written
from deploy.grafana.queries import OBJECTIVE_SECONDS
from tests.deploy.boards import CHECKS, Board, committed, faults, panels, queries

UIDS = {"feedmill-mill", "feedmill-worker", "feedmill-state"}
"""Addresses that people have kept: one may be added, none goes."""


@pytest.mark.parametrize("path", sorted(written()), ids=lambda path: path.name)
def test_committed_is_what_would_be_written(path: Path) -> None:
    assert path.read_text(encoding="utf-8") == written()[path], "run `make dashboards`"


def test_nothing_else_is_loaded() -> None:
    assert set(FOLDER.glob("*.json")) == set(written())
    assert {board["uid"] for board in committed().values()} == UIDS


@pytest.mark.parametrize("name", sorted(committed()))
def test_grafana_knows_every_key(name: str) -> None:
    """Read and written again by Grafana's own types, which drop what they do not know."""
    board = committed()[name]
    again = json.loads(JSONEncoder().encode(Dashboard.from_json(board)))
    for link in again["links"]:
        link["placement"] = ""  # the types write the menu here, whatever was read
    assert again == board


def test_an_unknown_key_would_be_seen() -> None:
    board = committed()["feedmill-mill"]
    board["panels"][1]["fieldConfig"]["defaults"]["colour"] = "green"
    assert json.loads(JSONEncoder().encode(Dashboard.from_json(board)))["panels"] != board["panels"]


@pytest.mark.parametrize("name", sorted(committed()))
def test_a_person_could_read_it(name: str) -> None:
    assert faults(committed()[name]) == []


def test_the_objective_is_a_bound_of_the_histogram() -> None:
    assert OBJECTIVE_SECONDS in LATENCY_SECONDS


def replaced(old: str, new: str) -> Callable[[Board], Board]:
    """The board with one place of its text changed."""

    def change(board: Board) -> Board:
        text = json.dumps(board)
        assert old in text, old
        changed: Board = json.loads(text.replace(old, new, 1))
        return changed

    return change


def asking(old: str, new: str) -> Callable[[Board], Board]:
    """The first query that has it changed."""

    def change(board: Board) -> Board:
        target = next(target for _, target in queries(board) if old in target["expr"])
        target["expr"] = target["expr"].replace(old, new, 1)
        return board

    return change


def moved(board: Board) -> Board:
    panels(board)[3]["gridPos"]["x"] -= 1
    return board


def numbered_twice(board: Board) -> Board:
    board["panels"][2]["id"] = board["panels"][1]["id"]
    return board


def longer_title(board: Board) -> Board:
    panels(board)[0]["title"] += " at this moment"
    return board


def without(key: str) -> Callable[[Board], Board]:
    def change(board: Board) -> Board:
        panels(board)[2]["fieldConfig"]["defaults"].pop(key)
        return board

    return change


def undescribed(board: Board) -> Board:
    panels(board)[1]["description"] = "Workers"
    return board


def falling_steps(board: Board) -> Board:
    panels(board)[2]["fieldConfig"]["defaults"]["thresholds"]["steps"].reverse()
    return board


MUTANTS: dict[str, Callable[[Board], Board]] = {
    "a misspelt metric": asking("feedmill_items_total", "feedmill_item_total"),
    "a metric of another name": asking("feedmill_latency_seconds_bucket", "feedmill_latency_bucket"),
    "a broken query": asking("sum (", "sum (("),
    "a range without a window": asking("[$__rate_interval]", ""),
    "a window of its own": asking("[$__rate_interval]", "[5s]"),
    "a bucket that is none": asking('le="60.0"', 'le="60"'),
    "another job": asking('"feedmill-worker"', '"worker"'),
    "another mill too": asking(',namespace=~"$namespace"', ""),
    "a variable that is not there": replaced("$namespace", "$prefix"),
    "a variable that nobody uses": lambda board: replaced("$site", "site")(
        replaced("$site", "site")(replaced("$site", "site")(board))
    ),
    "a source of its own": replaced("${datasource}", "prometheus"),
    "a page that is not there": replaced("docs/runbooks/", "docs/runbook/"),
    "a legend without its label": replaced("{{stage}}", "stage"),
    "a panel on another": moved,
    "a number twice": numbered_twice,
    "a title that is cut": longer_title,
    "no unit": without("unit"),
    "no words for nothing": without("noValue"),
    "no thresholds": without("thresholds"),
    "thresholds that fall": falling_steps,
    "no description": undescribed,
}


@pytest.mark.parametrize("name", MUTANTS)
def test_what_is_wrong_is_found(name: str) -> None:
    assert faults(MUTANTS[name](copy.deepcopy(committed()["feedmill-mill"])))


def test_every_check_has_found_something() -> None:
    changed = [mutant(copy.deepcopy(committed()["feedmill-mill"])) for mutant in MUTANTS.values()]
    blind = [check.__name__ for check in CHECKS if not any(list(check(board)) for board in changed)]
    assert blind == []


def test_descriptions_say_what_is_so_and_not_only_what_it_is() -> None:
    """Good, bad or what to do: else a panel is a decoration."""
    telling = re.compile(r"\b(good|bad|usual|trouble|alert|stuck|worth|means|docs/)", re.IGNORECASE)
    dumb = [
        panel["title"]
        for board in committed().values()
        for panel in panels(board)
        if not telling.search(panel["description"])
    ]
    assert dumb == []
