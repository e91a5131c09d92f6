"""Write into docs/metrics.md who uses each metric: `make metrics`. A test compares the page with what this writes.

The page is written by hand but for the last column of its tables. That one comes from the alert rules and the
dashboards: a query is read by a parser of PromQL, so that a name in a comment, a label or a longer name is none.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import promql_parser
import yaml
from msgspec import Struct

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "metrics.md"
RULES = ROOT / "deploy" / "prometheus"
DASHBOARDS = ROOT / "deploy" / "grafana" / "dashboards"

JOBS = {"Worker": "feedmill-worker", "Lag exporter": "feedmill-lag-exporter", "Ledger": "feedmill-ledger"}
"""The sections of the page that have a table, and what Prometheus calls the programs that they are of."""

OTHERS = "For other readers"
"""The section that names what no panel and no alert uses, and why it is shown all the same."""

NOBODY = "–"

_SECTION = re.compile(r"^## (.+)$", re.MULTILINE)
_ROW = re.compile(
    r"^\| `(?P<name>feedmill_\w+)` \| (?P<type>\w+) \| (?P<labels>[^|]*)\| (?P<unit>[^|]+) "
    r"\| (?P<meaning>(?:[^|\\]|\\.)+) \| (?P<used>(?:[^|\\]|\\.)*) ?\|$",
    re.MULTILINE,
)
_OTHER = re.compile(r"^\| `(feedmill_\w+)` \| [^|]+ \|$", re.MULTILINE)
_SERIES = re.compile(r"_(bucket|sum|count)$")

# What Grafana puts in before it asks: a duration stands in brackets or is one of its own, the rest stands for a number.
_DURATION = re.compile(r"\[\s*\$\{?\w+(?::\w+)?\}?")
_OWN_DURATION = re.compile(r"\$\{?__(?:rate_interval|interval|range)\}?")
_LABEL_VALUES = re.compile(r"\s*label_values\(\s*(?:(.+),)?\s*\w+\s*\)\s*", re.DOTALL)
_QUERY_RESULT = re.compile(r"\s*query_result\((.+)\)\s*", re.DOTALL)
_STRING = re.compile(r'"(?:[^"\\]|\\.)*"|\'(?:[^\'\\]|\\.)*\'')


class Row(Struct, frozen=True):
    """One line of a table."""

    type: str
    labels: frozenset[str]
    unit: str
    meaning: str
    used: str


class Asked(Struct, frozen=True):
    """One metric that a query asks for. `job` is what it says of the job: an operator and a value; "" where nothing."""

    name: str
    job: tuple[str, str] = ("", "")

    def of(self, job: str) -> bool:
        """Whether a program under this job can be meant. A variable of a dashboard can be any."""
        operator, value = self.job
        if not operator or "$" in value:
            return True
        found = re.fullmatch(value, job) is not None if "~" in operator else value == job
        return found != operator.startswith("!")


class Use(Struct, frozen=True):
    """Who asks for something: an alert, or a panel or variable of a dashboard ("" for an alert)."""

    dashboard: str
    title: str
    asked: frozenset[Asked]


def asked(query: str) -> frozenset[Asked]:
    """The metrics that a query asks for. Raises ValueError where it is no PromQL."""
    found: set[Asked] = set()

    def visit(node: Any) -> bool:
        if isinstance(node, promql_parser.VectorSelector):
            matchers = [(one.name, str(one.op), one.value) for one in node.matchers.matchers]
            names = [node.name] if node.name else [value for name, _, value in matchers if name == "__name__"]
            jobs = [(_operator(operator), value) for name, operator, value in matchers if name == "job"]
            found.update(Asked(name, *jobs[:1]) for name in names)
        return True

    promql_parser.walk(promql_parser.parse(_filled_in(query)), visit)
    return frozenset(found)


def _operator(name: str) -> str:
    return {"Equal": "=", "NotEqual": "!=", "Re": "=~", "NotRe": "!~"}.get(name.rpartition(".")[2], name)


def _filled_in(query: str) -> str:
    query = _OWN_DURATION.sub("5m", _DURATION.sub("[5m", query))
    kept = iter([*_STRING.findall(query), ""])
    return "".join(
        re.sub(r"\$\{?\w+(?::\w+)?\}?", "1", part) + next(kept) for part in _STRING.split(query)
    )  # variables within strings stay: they are values of labels


def alerts(folder: Path = RULES) -> Iterator[Use]:
    """The alerts of all rules files; what they ask of a recording rule, they ask of what that is made of."""
    recorded = recordings(folder)
    for rule in _rules(folder):
        if "alert" in rule:
            yield Use("", rule["alert"], _resolved(asked(rule["expr"]), recorded))


def recordings(folder: Path = RULES) -> dict[str, frozenset[Asked]]:
    """What the recording rules ask for, by the name of what they record."""
    return {rule["record"]: asked(rule["expr"]) for rule in _rules(folder) if "record" in rule}


def _rules(folder: Path) -> Iterator[dict[str, Any]]:
    for file in sorted(folder.glob("rules*.yml")):
        for group in (yaml.safe_load(file.read_text(encoding="utf-8")) or {}).get("groups", ()):
            yield from group["rules"]


def _resolved(wanted: frozenset[Asked], recorded: Mapping[str, frozenset[Asked]]) -> frozenset[Asked]:
    found: set[Asked] = set()
    waiting, seen = list(wanted), set()
    while waiting:
        one = waiting.pop()
        if one.name in recorded and one.name not in seen:
            seen.add(one.name)
            waiting += recorded[one.name]
        elif one.name not in recorded:
            found.add(one)
    return frozenset(found)


def panels(folder: Path = DASHBOARDS, rules: Path = RULES) -> Iterator[Use]:
    """What the panels, variables and annotations of all dashboards ask for."""
    recorded = recordings(rules)
    for file in sorted(folder.glob("*.json")):
        board = json.loads(file.read_text(encoding="utf-8"))
        for panel in _flat(board.get("panels", ())):
            for target in panel.get("targets", ()):
                if query := target.get("expr"):
                    yield Use(board["title"], panel.get("title", ""), _resolved(asked(query), recorded))
        for variable in board.get("templating", {}).get("list", ()):
            query = variable.get("query")
            text = query.get("query", "") if isinstance(query, dict) else query or ""
            if variable.get("type") == "query" and (query := _of_variable(text)):
                yield Use(board["title"], f"variable {variable['name']}", _resolved(asked(query), recorded))
        for note in board.get("annotations", {}).get("list", ()):
            if query := note.get("expr"):
                yield Use(board["title"], f"marks {note['name']}", _resolved(asked(query), recorded))


def _of_variable(text: str) -> str:
    """The PromQL in Grafana's own functions for variables; "" where there is none."""
    for form in (_LABEL_VALUES, _QUERY_RESULT):
        if match := form.fullmatch(text):
            return match[1] or ""
    return text if text and not text.startswith("label_names") else ""


def _flat(panels: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Panels, those of closed rows too."""
    for panel in panels:
        yield panel
        yield from _flat(panel.get("panels", ()))


def sections(text: str) -> dict[str, str]:
    """The page by its headings."""
    parts = _SECTION.split(text)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def tables(text: str) -> dict[str, dict[str, Row]]:
    """The rows of each table, by section and name."""
    found = sections(text)
    return {
        section: {
            row["name"]: Row(
                row["type"],
                frozenset(re.findall(r"`(\w+)`", row["labels"])),
                row["unit"].strip(),
                row["meaning"].strip(),
                row["used"].strip(),
            )
            for row in _ROW.finditer(found.get(section, ""))
        }
        for section in JOBS
    }


def others(text: str) -> list[str]:
    """The metrics that the page says to be for other readers than panels and alerts."""
    return _OTHER.findall(sections(text).get(OTHERS, ""))


def family(name: str, known: Iterable[str]) -> str:
    """The metric that a series is of: those of a histogram have endings of their own."""
    return name if name in known else _SERIES.sub("", name)


def render(text: str, uses: Iterable[Use]) -> str:
    """The page with its last columns written anew."""
    uses = list(uses)
    page = tables(text)
    for section, rows in page.items():
        start = text.index(f"## {section}\n")
        end = match.start() if (match := _SECTION.search(text, start + 3)) else len(text)
        part = text[start:end]
        for row in reversed(list(_ROW.finditer(part))):
            part = part[: row.start("used")] + _used_by(row["name"], JOBS[section], rows, uses) + part[row.end() - 2 :]
        text = text[:start] + part + text[end:]
    return text


def _used_by(name: str, job: str, rows: Iterable[str], uses: Iterable[Use]) -> str:
    users = [use for use in uses if any(family(one.name, rows) == name and one.of(job) for one in use.asked)]
    return _named(users) or NOBODY


def _named(users: Iterable[Use]) -> str:
    """Alerts by their names, then panels by dashboard."""
    titles: dict[str, list[str]] = {}
    for use in users:
        titles.setdefault(use.dashboard, []).append(use.title)
    parts = [f"`{title}`" for title in sorted(set(titles.pop("", ())))]
    for board, panels in sorted(titles.items()):
        parts.append(f"*{board}*: " + "; ".join(dict.fromkeys(panels)))
    return ", ".join(parts).replace("|", "\\|")


def main() -> None:
    PAGE.write_text(render(PAGE.read_text(encoding="utf-8"), [*alerts(), *panels()]), encoding="utf-8")


if __name__ == "__main__":
    main()
