"""The JSON Schema files: current, valid, and what the pipeline really writes validates against them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]

from schemas.generate import FOLDER, MODELS, PUBLIC, json_schema, path_of, render
from tests.schemas.fitting import problems
from tools.examples import results

TOPICS = {"item": "feeds.enriched", "duplicate": "feeds.duplicates", "dead-letter": "feeds.dead-letter"}


@pytest.fixture(scope="module")
def written() -> dict[str, list[dict[str, Any]]]:
    """What the sample documents become, by topic."""
    found: dict[str, list[dict[str, Any]]] = {}
    for result in results():
        if result.value is not None:
            found.setdefault(result.topic, []).append(json.loads(result.value))
    return found


@pytest.mark.parametrize("name", MODELS)
def test_files_are_current(name: str) -> None:
    assert path_of(name).read_text("utf-8") == render(name), "run: make schemas"


def test_no_other_files() -> None:
    assert {path.name for path in FOLDER.iterdir()} == {path_of(name).name for name in MODELS}


@pytest.mark.parametrize("name", MODELS)
def test_they_are_schemas(name: str) -> None:
    Draft202012Validator.check_schema(json_schema(name))


@pytest.mark.parametrize("name", PUBLIC)
def test_what_is_written_validates(name: str, written: dict[str, list[dict[str, Any]]]) -> None:
    examples = written[TOPICS[name]]
    assert len(examples) > 10
    for example in examples:
        assert problems(json_schema(name), example) == []
        assert example["schema"] == PUBLIC[name][0]


@pytest.mark.parametrize(
    ("name", "spoil"),
    [
        pytest.param("item", {"id": "ABC"}, id="an id of another form"),
        pytest.param("item", {"revision": 0}, id="revision 0"),
        pytest.param("item", {"verdict": "old"}, id="a verdict of no list"),
        pytest.param("item", {"seen_at": "yesterday"}, id="a date that is no moment"),
        pytest.param("item", {"title": ""}, id="an empty title"),
        pytest.param("item", {"flags": ["nice"]}, id="a flag of no list"),
        pytest.param("duplicate", {"decision": {"rule": "because"}}, id="a rule of no list"),
        pytest.param("dead-letter", {"code": "bad-luck"}, id="a code of no list"),
        pytest.param("dead-letter", {"payload_encoding": "hex"}, id="an unknown encoding"),
    ],
)
def test_the_schemas_can_fail(name: str, spoil: dict[str, Any], written: dict[str, list[dict[str, Any]]]) -> None:
    assert problems(json_schema(name), {**written[TOPICS[name]][0], **spoil})


@pytest.mark.parametrize("name", PUBLIC)
def test_unknown_fields_are_allowed(name: str, written: dict[str, list[dict[str, Any]]]) -> None:
    assert problems(json_schema(name), {**written[TOPICS[name]][0], "of_a_newer_version": 1}) == []
