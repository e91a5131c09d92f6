"""What breaks readers and writers of a schema, and what does not: a mutant of a real schema for each rule."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from schemas.compatibility import Schema, UnknownKeywordError, input_breaks, output_breaks
from schemas.generate import MODELS, json_schema

Change = Callable[[Schema], Any]


def changed(name: str, change: Change) -> tuple[Schema, Schema]:
    old = json_schema(name)
    new = copy.deepcopy(old)
    change(new["$defs"])
    assert new != old
    return old, new


def fields(definitions: Schema, name: str) -> Schema:
    found: Schema = definitions[name]["properties"]
    return found


def drop(definitions: Schema, name: str, field: str) -> None:
    del fields(definitions, name)[field]
    if field in definitions[name]["required"]:
        definitions[name]["required"].remove(field)


def add(definitions: Schema, name: str, field: str, *, required: bool = False) -> None:
    fields(definitions, name)[field] = {"type": "string"}
    if required:
        definitions[name]["required"].append(field)


def rename(definitions: Schema, name: str, field: str, other: str) -> None:
    fields(definitions, name)[other] = fields(definitions, name)[field]
    if field in definitions[name]["required"]:
        definitions[name]["required"].append(other)
    drop(definitions, name, field)


OUTPUT: list[Any] = [
    pytest.param(lambda d: drop(d, "Item", "title"), "title: is gone", id="a field that was always there is removed"),
    pytest.param(lambda d: drop(d, "Item", "replay_of"), "replay_of: is gone", id="an optional field is removed"),
    pytest.param(lambda d: rename(d, "Item", "url", "link"), "url: is gone", id="a field is renamed"),
    pytest.param(lambda d: drop(d, "Image", "caption"), "images[].caption: is gone", id="deep in a list"),
    pytest.param(lambda d: drop(d, "DateProvenance", "raw"), "dates.published_at.raw: is gone", id="behind a null"),
    pytest.param(
        lambda d: d["Item"]["required"].remove("site"), "site: nothing at all", id="a field may be left out now"
    ),
    pytest.param(lambda d: add(d, "Item", "mood", required=True), "mood: nothing at all", id="new and always there"),
    pytest.param(lambda d: fields(d, "Item").update(text={"type": "integer"}), "text: integer", id="another type"),
    pytest.param(
        lambda d: fields(d, "Item").update(title={"anyOf": [{"type": "string", "minLength": 1}, {"type": "null"}]}),
        "title: null may be written, which readers of the old schema",
        id="widened: null as well",
    ),
    pytest.param(
        lambda d: fields(d, "Item").update(url={"type": "string"}),
        "url: null may be written by the last release, which readers of the new schema",
        id="narrowed: null no more",
    ),
    pytest.param(
        lambda d: fields(d, "Item").update(word_count={"type": "number"}), "word_count: number", id="widened: fractions"
    ),
    pytest.param(
        lambda d: fields(d, "Keyword").update(weight={"type": "integer"}),
        "keywords[].weight: number may be written by the last release",
        id="narrowed: whole numbers",
    ),
    pytest.param(lambda d: fields(d, "Item").update(text={}), "text: anything", id="widened: anything"),
    pytest.param(
        lambda d: d["Verdict"]["enum"].append("rumour"), 'verdict: "rumour" may be written', id="a closed list grows"
    ),
    pytest.param(
        lambda d: d["Flag"]["enum"].remove("repaired"),
        'flags[]: "repaired" may be written by the last release',
        id="a closed list shrinks",
    ),
    pytest.param(
        lambda d: d.update(Verdict={"type": "string"}), 'verdict: "any value"', id="a closed list is closed no more"
    ),
    pytest.param(
        lambda d: fields(d, "Item")["id"].pop("pattern"), "id: another pattern than", id="a pattern is given up"
    ),
    pytest.param(
        lambda d: fields(d, "Item")["id"].update(pattern="^[0-9a-f]{64}$"), "id: another pattern", id="another pattern"
    ),
    pytest.param(
        lambda d: fields(d, "Item")["seen_at"].pop("format"), "seen_at: another format than date-time", id="format"
    ),
    pytest.param(
        lambda d: fields(d, "Item")["revision"].update(minimum=0), "revision: less than minimum 1", id="a lower limit"
    ),
    pytest.param(
        lambda d: fields(d, "Item")["revision"].update(minimum=2),
        "revision: less than minimum 2 may be written by the last release",
        id="a higher lower limit",
    ),
    pytest.param(
        lambda d: fields(d, "Item")["language_confidence"].pop("maximum"), "more than maximum 1", id="no upper limit"
    ),
    pytest.param(lambda d: fields(d, "Item")["title"].pop("minLength"), "title: less than minLength", id="empty"),
    pytest.param(
        lambda d: fields(d, "Item")["schema"].update(default="feedmill.item.v2"), "schema: where it is left", id="v2"
    ),
    pytest.param(lambda d: fields(d, "Item")["flags"].update(items={"type": "integer"}), "flags[]: integer", id="list"),
]

INPUT: list[Any] = [
    pytest.param(lambda d: drop(d, "RawLine", "ref"), "ref: is gone", id="a field is read no more"),
    pytest.param(lambda d: rename(d, "RawLine", "body_base64", "bytes"), "body_base64: is gone", id="renamed"),
    pytest.param(lambda d: add(d, "RawLine", "site", required=True), "site: nothing at all may be sent", id="required"),
    pytest.param(lambda d: d["RawLine"]["required"].append("body"), "body: nothing at all", id="needed from now on"),
    pytest.param(
        lambda d: fields(d, "RawLine").update(ref={"type": "string"}), "ref: null may be sent", id="narrowed: no null"
    ),
    pytest.param(
        lambda d: fields(d, "RawLine")["body"]["anyOf"][0].update(pattern="^<"), "body: another pattern", id="pattern"
    ),
    pytest.param(
        lambda d: fields(d, "RawLine")["body"]["anyOf"][0].update(maxLength=9), "more than maxLength 9", id="shorter"
    ),
    pytest.param(
        lambda d: fields(d, "RawLine")["ref"].update(default="none"), 'it meant null, now "none"', id="another default"
    ),
    pytest.param(
        lambda d: fields(d, "RawLine").update(content_type={"enum": ["text/html"]}), "content_type: null", id="a list"
    ),
]


@pytest.mark.parametrize(("change", "told"), OUTPUT)
def test_a_break_for_readers(change: Change, told: str) -> None:
    assert [sentence for sentence in output_breaks(*changed("item", change)) if told in sentence]


@pytest.mark.parametrize(("change", "told"), INPUT)
def test_a_break_for_senders(change: Change, told: str) -> None:
    assert [sentence for sentence in input_breaks(*changed("raw-line", change)) if told in sentence]


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda d: add(d, "Item", "mood"), id="a new field"),
        pytest.param(lambda d: add(d, "Image", "width"), id="a new field deep in a list"),
        pytest.param(lambda d: d["Item"].update(description="Other words."), id="other words"),
        pytest.param(lambda d: d["Verdict"]["enum"].reverse(), id="a list in another order"),
        pytest.param(lambda d: fields(d, "Item")["url"]["anyOf"].reverse(), id="alternatives in another order"),
    ],
)
def test_no_break_for_readers(change: Change) -> None:
    assert output_breaks(*changed("item", change)) == []


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda d: add(d, "RawLine", "site"), id="a new field that may be left out"),
        pytest.param(lambda d: fields(d, "RawLine").update(ref={"default": None}), id="widened: anything"),
        pytest.param(lambda d: fields(d, "RawLine")["ref"]["anyOf"].append({"type": "number"}), id="widened: numbers"),
    ],
)
def test_no_break_for_senders(change: Change) -> None:
    assert input_breaks(*changed("raw-line", change)) == []


@pytest.mark.parametrize("name", MODELS)
def test_no_schema_breaks_itself(name: str) -> None:
    """That is also: no schema says what this check cannot compare."""
    schema = json_schema(name)
    assert output_breaks(schema, schema) == input_breaks(schema, schema) == []


@pytest.mark.parametrize("keyword", ["$id", "title"])
def test_another_name_is_another_schema(keyword: str) -> None:
    schema = json_schema("item")
    assert keyword in output_breaks(schema, schema | {keyword: "feedmill.item.v2"})[0]


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda d: fields(d, "Item")["text"].update(contentEncoding="base64"), id="an unknown keyword"),
        pytest.param(lambda d: d["Item"].update(additionalProperties=False), id="an object that is closed"),
        pytest.param(
            lambda d: fields(d, "Item")["url"]["anyOf"].append({"type": "string", "minLength": 3}), id="two of a type"
        ),
    ],
)
def test_what_cannot_be_compared_is_refused(change: Change) -> None:
    with pytest.raises(UnknownKeywordError):
        output_breaks(*changed("item", change))
