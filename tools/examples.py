"""Example records for consumers, as the mill itself writes them: `python -m tools.examples`.

The sample documents (`agents/samples`) go through all four stages; of each kind of outcome one record is taken.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from agents import samples
from agents.pipeline import Pipeline, Result
from agents.run import run
from agents.runstate import RunState
from agents.stage import Topic

FOLDER = Path(__file__).parent.parent / "schemas" / "examples"

NOW = datetime(2026, 11, 23, tzinfo=UTC)
"""Stamps the dead letters. The samples bring their own times."""

LARGEST = 8000
"""Bytes of an example; of what is deeply nested or has half a megabyte, people learn nothing here."""

RECORD = {Topic.ENRICHED: "item", Topic.DUPLICATES: "duplicate", Topic.DEAD_LETTER: "dead-letter"}
"""The short name of the schema of each public topic's records."""


@lru_cache(maxsize=1)
def results() -> tuple[Result, ...]:
    """Everything that the samples become, in order."""
    made = run(samples.records(), Pipeline(), RunState(), NOW)
    return tuple(result for done in made for result in done.results)


def examples() -> dict[str, dict[str, Any]]:
    """A record of each verdict, rule and code, and a retraction, by the name of its file."""
    best: dict[str, Result] = {}
    for result in results():
        if len(result.value or b"") > LARGEST:
            continue
        name = f"{RECORD[result.role]}-{result.label or 'retracted'}"
        best[name] = min(best.get(name, result), result, key=_worth)
    return {name: shown(best[name]) for name in sorted(best)}


def _worth(result: Result) -> tuple[int, int]:
    """Least for the most telling: of items the one with the most fields filled, of others the shortest."""
    value = result.value or b""
    filled = sum(bool(field) for field in json.loads(value).values()) if result.role is Topic.ENRICHED and value else 0
    return -filled, len(value)


def shown(result: Result) -> dict[str, Any]:
    """A record as JSON; its headers as text."""
    return {
        "topic": result.topic,
        "key": None if result.key is None else result.key.decode(),
        "headers": {name: value.decode() for name, value in result.headers},
        "value": None if result.value is None else json.loads(result.value),
    }


def render(example: dict[str, Any]) -> str:
    """The file's text, as it is committed."""
    return json.dumps(example, ensure_ascii=False, indent=2) + "\n"


def path_of(name: str) -> Path:
    return FOLDER / f"{name}.json"


def committed() -> Iterator[tuple[str, dict[str, Any]]]:
    for path in sorted(FOLDER.glob("*.json")):
        yield path.stem, json.loads(path.read_text("utf-8"))


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    for path in FOLDER.glob("*.json"):
        path.unlink()
    for name, example in examples().items():
        path_of(name).write_text(render(example), encoding="utf-8")


if __name__ == "__main__":
    main()
