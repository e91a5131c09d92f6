"""The examples for consumers: current, of every kind, and each fits the schemas that it is an example of."""

from __future__ import annotations

from typing import Any

import pytest

from agents.engine.topics import Naming
from agents.stage import Topic
from schemas import Verdict
from schemas.generate import PUBLIC, json_schema
from tests.schemas.fitting import problems
from tools.examples import FOLDER, RECORD, committed, examples, path_of, render

NAMES = [name for name, _ in committed()]


def test_files_are_current() -> None:
    made = examples()
    assert sorted(made) == sorted(NAMES), "run: make schemas"
    for name, example in made.items():
        assert path_of(name).read_text("utf-8") == render(example), f"{name}, run: make schemas"
    assert {path.suffix for path in FOLDER.iterdir()} == {".json"}


def test_there_is_one_of_each_verdict_and_record() -> None:
    assert {f"item-{verdict}" for verdict in Verdict} | {"item-retracted"} <= set(NAMES)
    assert {name.split("-")[0] for name in NAMES} == {"item", "duplicate", "dead"}


@pytest.mark.parametrize(("name", "example"), list(committed()))
def test_it_fits_the_schemas(name: str, example: dict[str, Any]) -> None:
    record = {Naming().topic(topic): schema for topic, schema in RECORD.items()}[example["topic"]]
    if example["value"] is None:
        assert name == "item-retracted"
        assert example["headers"] == {}
    else:
        assert problems(json_schema(record), example["value"]) == []
        assert example["value"]["schema"] == PUBLIC[record][0]
        assert example["key"] == (None if record == "dead-letter" else example["value"]["id"])
    if example["value"] is not None and record != "duplicate":
        assert problems(json_schema("event-headers"), example["headers"]) == []
        assert example["headers"]["ce_type"] == PUBLIC[record][0]
    else:
        assert example["headers"] == {}


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param({"ce_id": None}, id="no id"),
        pytest.param({"ce_specversion": "2.0"}, id="another CloudEvents"),
        pytest.param({"ce_time": "yesterday"}, id="no moment"),
        pytest.param({"content-type": "text/plain"}, id="another type"),
    ],
)
def test_the_headers_check_can_fail(spoil: dict[str, Any]) -> None:
    (headers,) = [example["headers"] for name, example in committed() if name == "item-new"]
    assert problems(json_schema("event-headers"), headers) == []
    assert problems(json_schema("event-headers"), headers | spoil) != []


def test_every_public_topic_that_is_read_has_examples() -> None:
    assert {example["topic"] for _, example in committed()} == {
        Naming().topic(topic) for topic in (Topic.ENRICHED, Topic.DUPLICATES, Topic.DEAD_LETTER)
    }
