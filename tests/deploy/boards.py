"""What must hold of a dashboard, as checks that each can find a fault; and its queries as Prometheus takes them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from itertools import combinations
from typing import Any

import yaml

from agents.engine.metrics import MillMetrics
from deploy.grafana.dashboards import FOLDER
from deploy.grafana.queries import EXPORTER, LEDGER, WORKER
from tests.conftest import ROOT
from tools.metrics_page import PAGE, asked, family, recordings, tables

Board = dict[str, Any]
Panel = dict[str, Any]
Check = Callable[[Board], Iterator[str]]

JOBS = {WORKER, EXPORTER, LEDGER}
BUILT_IN = {"__rate_interval", "__range"}
WINDOWS = {"$__rate_interval", "$__range", "15m", "1h", "1m"}
PIXELS = 1400 / 24
"""Width of a column of the grid on a usual screen."""

LETTER, MARGIN = 7.5, 40
"""Pixels of a letter of a title, and of what stands beside it."""


def committed() -> dict[str, Board]:
    return {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in sorted(FOLDER.glob("*.json"))}


def panels(board: Board) -> list[Panel]:
    """Those that draw something."""
    return [panel for panel in board["panels"] if panel["type"] != "row"]


def queries(board: Board) -> Iterator[tuple[Panel, dict[str, Any]]]:
    for panel in panels(board):
        for target in panel["targets"]:
            yield panel, target


def variables(board: Board) -> dict[str, dict[str, Any]]:
    return {variable["name"]: variable for variable in board["templating"]["list"]}


def filled(board: Board, expression: str, *, rate: str, range_: str, chosen: Mapping[str, str] | None = None) -> str:
    """A query as Grafana sends it; variables that are not `chosen` stand at All."""
    values = {name: str(variable.get("allValue", "")) for name, variable in variables(board).items()}
    values |= {"__rate_interval": rate, "__range": range_, **(chosen or {})}
    return re.sub(r"\$\{?(\w+)\}?", lambda match: values[match[1]], expression)


def as_asked(board: Board, expression: str) -> str:
    """For a parser: any duration does."""
    return filled(board, expression, rate="1m", range_="1h")


def numbers(board: Board) -> Iterator[str]:
    found = [panel["id"] for panel in board["panels"]]
    if len(set(found)) != len(found) or not all(found):
        yield f"numbers of panels: {found}"


def overlaps(board: Board) -> Iterator[str]:
    for one, other in combinations(board["panels"], 2):
        a, b = one["gridPos"], other["gridPos"]
        apart = (
            a["x"] + a["w"] <= b["x"]
            or b["x"] + b["w"] <= a["x"]
            or a["y"] + a["h"] <= b["y"]
            or b["y"] + b["h"] <= a["y"]
        )
        if not apart:
            yield f"{one['title']} overlaps {other['title']}"
    for panel in board["panels"]:
        if panel["gridPos"]["x"] + panel["gridPos"]["w"] > 24:
            yield f"{panel['title']} is wider than the grid"


def titles(board: Board) -> Iterator[str]:
    """Said, once, and not cut off."""
    found = [panel["title"] for panel in panels(board)]
    if len(set(found)) != len(found) or not all(found):
        yield f"titles: {sorted(found)}"
    for panel in panels(board):
        if len(panel["title"]) * LETTER + MARGIN > panel["gridPos"]["w"] * PIXELS:
            yield f"the title is cut: {panel['title']}"


def descriptions(board: Board) -> Iterator[str]:
    """Some sentences, which name only pages that are there."""
    for panel in panels(board):
        text = panel.get("description", "")
        if len(text) < 60 or not text.endswith("."):
            yield f"no description: {panel['title']}"
        for page in re.findall(r"docs/[\w/-]+\.md", text):
            if not (ROOT / page).exists() and page not in runbooks():
                yield f"{panel['title']} names {page}, which is not there"


def runbooks() -> set[str]:
    """The pages that alerts name; that they are there is for the tests of the alerts to say."""
    rules = (ROOT / "deploy" / "prometheus" / "rules.yml").read_text(encoding="utf-8")
    return {f"docs/runbooks/{name}" for name in re.findall(r"/([\w-]+\.md)", rules)}


def looks(board: Board) -> Iterator[str]:
    """A unit, colours by value, and words for where there is nothing."""
    for panel in panels(board):
        defaults = panel["fieldConfig"]["defaults"]
        if not defaults.get("unit"):
            yield f"no unit: {panel['title']}"
        for steps in _steps(panel):
            values = [step["value"] for step in steps]
            if not values or values[0] is not None or values[1:] != sorted(values[1:]):
                yield f"thresholds of {panel['title']}: {values}"
        if "data" in defaults.get("noValue", "data").lower():
            yield f"no words for nothing: {panel['title']}"


def _steps(panel: Panel) -> Iterator[list[dict[str, Any]]]:
    yield panel["fieldConfig"]["defaults"].get("thresholds", {}).get("steps", [])
    for override in panel["fieldConfig"]["overrides"]:
        for one in override["properties"]:
            if one["id"] == "thresholds":
                yield one["value"]["steps"]


def sources(board: Board) -> Iterator[str]:
    """The data source is the reader's choice, everywhere."""
    wanted = {"type": "prometheus", "uid": "${datasource}"}
    places = [*panels(board), *(target for _, target in queries(board)), *board["annotations"]["list"]]
    places += [variable for variable in variables(board).values() if variable["type"] == "query"]
    for place in places:
        if place.get("datasource") != wanted:
            yield f"data source of {place.get('title') or place.get('name') or place.get('expr')}"


def syntax(board: Board) -> Iterator[str]:
    for panel, target in queries(board):
        try:
            asked(as_asked(board, target["expr"]))
        except ValueError as error:
            yield f"{panel['title']}: {error}"


def metrics(board: Board) -> Iterator[str]:
    """What is asked for exists, and the bounds of histograms are written as they are shown."""
    known = existing()
    for panel, target in queries(board):
        try:
            names = {one.name for one in asked(as_asked(board, target["expr"]))}
        except ValueError:
            continue
        yield from (f"{panel['title']} asks for {name}" for name in sorted(names) if family(name, known) not in known)
        for bound in re.findall(r'le="([^"]*)"', target["expr"]):
            if not re.fullmatch(r"\d+\.\d+", bound):
                yield f"{panel['title']}: no bucket is le={bound}"


def existing() -> set[str]:
    """Everything that Prometheus has of a mill: by the code of the worker, by docs/metrics.md, by the rules."""
    worker = MillMetrics()
    worker.watch_ready(lambda: True)
    worker.watch_process()
    own = {
        name
        for one in worker.registry.collect()
        for name in (one.name, f"{one.name}_total", *(sample.name for sample in one.samples))
    }
    page = tables(PAGE.read_text(encoding="utf-8"))
    return own | {name for rows in page.values() for name in rows} | set(recordings()) | {"ALERTS", "up"}


def matchers(board: Board) -> Iterator[str]:
    """Every series of ours is asked for by its job and namespace: another mill's are not summed up with it."""
    for panel, target in queries(board):
        for selector, within in re.findall(r"\b((?:feedmill|process)_\w+|up)(\{[^}]*\})?", target["expr"]):
            job = re.search(r'\bjob="([^"]*)"', within)
            if job is None or job[1] not in JOBS or 'namespace=~"$namespace"' not in within:
                yield f"{panel['title']}: {selector}{within}"


def windows(board: Board) -> Iterator[str]:
    """A rate over less than some scrapes is nothing."""
    for panel, target in queries(board):
        for window in re.findall(r"\[([^]]+)\]", target["expr"]):
            if window not in WINDOWS:
                yield f"{panel['title']}: [{window}]"


def legends(board: Board) -> Iterator[str]:
    """What is grouped by a label is named by it."""
    for panel, target in queries(board):
        if target["format"] == "table":
            continue
        if not target.get("legendFormat"):
            yield f"a query without a legend: {panel['title']}"
        by = re.match(r"(?:\d+ \* )?(?:sum|max|min|count) by \((\w+)\)", target["expr"])
        if by is not None and f"{{{{{by[1]}}}}}" not in target.get("legendFormat", ""):
            yield f"{panel['title']}: the legend does not name {by[1]}"


def choices(board: Board) -> Iterator[str]:
    """Variables that are used are there, and the other way round."""
    used = set(re.findall(r"\$\{?(\w+)\}?", json.dumps(board))) - BUILT_IN - {"__all"}
    there = set(variables(board))
    if used != there:
        yield f"variables: {sorted(used ^ there)}"
    for name, variable in variables(board).items():
        if not variable.get("label"):
            yield f"variable {name} has no label"


CHECKS: tuple[Check, ...] = (
    numbers, overlaps, titles, descriptions, looks, sources, syntax, metrics, matchers, windows, legends, choices,
)  # fmt: skip


def faults(board: Board) -> list[str]:
    return [fault for check in CHECKS for fault in check(board)]


def scraped_by_compose() -> set[str]:
    config = yaml.safe_load((ROOT / "deploy" / "prometheus" / "prometheus.yml").read_text(encoding="utf-8"))
    return {job["job_name"] for job in config["scrape_configs"]}
