"""What the pages tell to type is there: commands of feedmill and their options, PromQL, services of Compose."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import promql_parser
import pytest
import typer
import yaml

from agents.cli.main import build
from schemas import DeadLetterCode, StageName
from tests.conftest import ROOT
from tools.metrics_page import JOBS, PAGE, asked, family, recordings, tables

PAGES = [path for folder in ("runbooks", "guide") for path in sorted((ROOT / "docs" / folder).glob("*.md"))]
PAGES.append(ROOT / "README.md")

_BLOCK = re.compile(r"^( *)```(\w*)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
_INLINE = re.compile(r"`([^`]+)`")
_COMMENT = re.compile(r"(?:^|\s)#(?:\s.*|$)")
_ASSIGNED = re.compile(r"[A-Z_]+=\S*")
_FIGURE = re.compile(r"\b(?:feedmill|process)_[a-z]\w*|\bup\b\{")
_PLACEHOLDER = re.compile(r"…|[A-Z]+|<.*>|\[.*|\.\.\.")
_NO_QUERY = re.compile(r"curl |docker |kubectl |[\w-]+:\s|- |feedmill_kafka-data")
_OF_COMPOSE = re.compile(
    r"docker compose (?:exec|kill|logs|ps|restart|run|start|stop|up)"
    r"(?: -[\w-]+(?: [\dA-Z]\w*| worker=\d+)?)* ([a-z][\w-]*)"
)
SERVED = {"job", "instance", "le", "namespace", "pod"}
"""Labels that Prometheus gives, or a histogram."""


def snippets(text: str) -> Iterator[str]:
    """Lines of blocks that are no other language's, continued ones as one, without comments; and what stands inline."""
    for _, language, block in _BLOCK.findall(text):
        if language in ("", "sh", "bash", "console", "promql"):
            for line in re.sub(r"\\\n\s*", "", block).splitlines():
                if line := _COMMENT.sub("", line).strip():
                    yield line
    for span in _INLINE.findall(_BLOCK.sub("", text)):
        yield " ".join(span.split())


@cache
def application() -> Any:
    return typer.main.get_command(build(None))


def commands(snippet: str) -> Iterator[list[str]]:
    """The words after `feedmill`, and of the shortened form: `ledger --follow`, `topics apply`."""
    known = application().commands
    for part in re.split(r"\s(?:\||&&|;)\s|\$\(", snippet):
        try:
            words = shlex.split(part)
        except ValueError:  # prose between marks
            continue
        while words and _ASSIGNED.fullmatch(words[0]):
            words.pop(0)
        if not words:
            continue
        if Path(words[0]).name == "feedmill":
            yield words[1:]
        elif words[0] in ("docker", "kubectl", "podman"):
            yield from _in_a_container(words)
        elif words[0] in known and len(words) > 1 and words[1].startswith("-"):
            yield words


def _in_a_container(words: list[str]) -> Iterator[list[str]]:
    known = application().commands
    for at, word in enumerate(words[:-1]):
        if word == "feedmill" and words[at - 1] in ("--", *services()):
            yield words[at + 1 :]
        elif word in known and "run" in words[:at] and (words[at - 1] in services() or "feedmill" in words[at - 1]):
            yield words[at:]
            return


def wrong(words: list[str]) -> str:
    """What of a command line of feedmill is not there; "" where all is."""
    command = application()
    words = words[: min((at for at, word in enumerate(words) if word[0:1] in ("<", ">")), default=len(words))]
    taken = 0
    while words:
        word = words.pop(0)
        if word.startswith("-") and word != "-":
            name, _, value = word.partition("=")
            if name in ("-h", "--help"):
                continue
            options = {each: option for option in command.params for each in (*option.opts, *option.secondary_opts)}
            if (option := options.get(name)) is None:
                return f"`{command.name}` has no option {name}"
            if not option.is_flag and not value and words:
                words.pop(0)
        elif hasattr(command, "commands"):
            if _PLACEHOLDER.fullmatch(word):
                return ""
            if word not in command.commands:
                return f"`{command.name}` has no command {word}"
            command = command.commands[word]
        else:
            taken += 1
    if taken and not any(param.param_type_name == "argument" for param in command.params):
        return f"`{command.name}` takes no arguments"
    return ""


@cache
def services() -> frozenset[str]:
    return frozenset(yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"])


def id_of(page: Path) -> str:
    return f"{page.parent.name}/{page.stem}"


@pytest.mark.parametrize("page", PAGES, ids=id_of)
def test_each_command_of_feedmill_is_there_with_its_options(page: Path) -> None:
    found = [words for snippet in snippets(page.read_text()) for words in commands(snippet)]
    if page.name == "README.md" and page.parent == ROOT:
        found = [words for words in found if words != ["poll"]]  # it says that this one is still to come
    assert not [(words, why) for words in found if (why := wrong(words))]


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("feedmill ledger --follow --every 60 > lines &", ""),
        ("feedmill dead-letters list --since 1h", "`list` has no option --since"),
        ("FEEDMILL_PARTITIONS=4 feedmill topics aply", "`topics` has no command aply"),
        ("docker compose exec -T worker feedmill ledger --jsn", "`ledger` has no option --jsn"),
        ("docker compose run --rm worker check --no-brokr", "`check` has no option --no-brokr"),
        ("kubectl -n feedmill exec feedmill-0 -- feedmill health --raedy", "`health` has no option --raedy"),
        ("ledger --folow", "`ledger` has no option --folow"),
        ("cat feed.xml | feedmill ingst -", "`feedmill` has no command ingst"),
        ("feedmill check worker", "`check` takes no arguments"),
    ],
)
def test_a_misspelt_command_is_told(line: str, why: str) -> None:
    (words,) = commands(line)
    assert wrong(words) == why


@pytest.mark.parametrize("page", PAGES, ids=id_of)
def test_a_service_of_compose_is_there(page: Path) -> None:
    named = {name for snippet in snippets(page.read_text()) for name in named_services(snippet)}
    assert named <= services()


def named_services(snippet: str) -> Iterator[str]:
    """The first word that is no option after `logs`, `exec` and their like."""
    for found in _OF_COMPOSE.finditer(snippet):
        yield found[1]


def queries(text: str) -> Iterator[str]:
    """PromQL: what names a metric, and is no command, no sentence and no line of a configuration."""
    for snippet in snippets(text):
        if not _FIGURE.search(snippet) or "…" in snippet or _NO_QUERY.match(snippet):
            continue
        if not list(commands(snippet)):
            yield snippet


@pytest.mark.parametrize("page", PAGES, ids=id_of)
def test_each_query_can_be_asked(page: Path) -> None:
    """It parses, and metrics, labels and the values of closed lists are those of docs/metrics.md."""
    assert not [(query, why) for query in queries(page.read_text()) if (why := amiss(query))]


def amiss(query: str) -> str:
    try:
        wanted = asked(query)
    except ValueError as error:
        return str(error)
    page = tables(PAGE.read_text())
    labels = set(SERVED)
    for one in wanted:
        if one.name in recordings() or one.name == "up" or one.name.startswith("process_"):
            continue
        rows = [page[section] for section, job in JOBS.items() if one.of(job)]
        found = [row for table in rows if (row := table.get(family(one.name, table)))]
        if not found:
            return f"no metric {one.name}"
        labels |= {label for row in found for label in row.labels}
    for name, values in _named(query):
        if name not in labels:
            return f"no label {name}"
        if name in CLOSED and not set(values) <= CLOSED[name]:
            return f"no {name} {values}"
    return ""


CLOSED: dict[str, set[str]] = {"stage": set(StageName), "code": set(DeadLetterCode)}


def _named(query: str) -> list[tuple[str, list[str]]]:
    """Labels that a query asks for or groups by, and the values that they must be."""
    found: list[tuple[str, list[str]]] = []

    def visit(node: Any) -> bool:
        if isinstance(node, promql_parser.VectorSelector):
            found.extend((one.name, [one.value]) for one in node.matchers.matchers if one.name != "__name__")
        elif isinstance(node, promql_parser.AggregateExpr) and node.modifier is not None:
            found.extend((name, []) for name in node.modifier.labels)
        return True

    promql_parser.walk(promql_parser.parse(query), visit)
    return found


@pytest.mark.parametrize(
    ("query", "why"),
    [
        ('sum by (stage) (rate(feedmill_inputs_total{job="feedmill-worker"}[5m]))', ""),
        ("sum by (stage) (rate(feedmill_inputs_totl[5m]))", "no metric feedmill_inputs_totl"),
        ("sum by (stages) (rate(feedmill_inputs_total[5m]))", "no label stages"),
        ('feedmill_lag_records{stage="parser"}', "no stage ['parser']"),
        ('feedmill_lag_records{job="feedmill-ledger"}', "no metric feedmill_lag_records"),
    ],
)
def test_a_misspelt_query_is_told(query: str, why: str) -> None:
    assert list(queries(f"Look at `{query}`.")) == [query]
    assert amiss(query) == why


def test_what_is_no_promql_is_told() -> None:
    assert amiss("rate(feedmill_inputs_total[5m)")
