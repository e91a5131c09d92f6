"""What was released goes on to work: the present schemas, records, topics and readers against the frozen ones."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

import tools.freeze
from agents import __version__
from agents.engine.intake import raw_document
from agents.engine.transport import Incoming
from agents.sources.records import RawRecord, read_line
from schemas import DeadLetter, Duplicate, Item, RawHeaders
from schemas.generate import MODELS, PUBLIC, RELEASED, json_schema, path_of
from tests.schemas.fitting import problems
from tools.asyncapi import topics
from tools.examples import committed
from tools.freeze import TOPICS, becomes, breaks, freeze, refusals, topic_breaks

RECORD = {"item": Item, "duplicate": Duplicate, "dead-letter": DeadLetter}


def lines(folder: str) -> Iterator[Any]:
    """Every frozen line of every released version."""
    for path in sorted((RELEASED / folder).glob("*.jsonl")):
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
            yield pytest.param(json.loads(line), id=f"{path.stem}:{number}")


def released(name: str) -> dict[str, Any]:
    schema: dict[str, Any] = json.loads(path_of(name, RELEASED).read_text("utf-8"))
    return schema


def record_of(example: dict[str, Any]) -> str:
    return next(name for name in RECORD if example["value"]["schema"] == PUBLIC[name][0])


def test_nothing_breaks_what_was_released() -> None:
    assert breaks() == []


@pytest.mark.parametrize("example", [one for one in lines("records") if one.values[0]["value"] is not None])
def test_todays_models_read_released_records(example: dict[str, Any]) -> None:
    """Nothing is refused, and nothing that stood in the record is lost on the way."""
    name = record_of(example)
    read = msgspec.json.decode(json.dumps(example["value"]), type=RECORD[name])
    written = json.loads(msgspec.json.encode(read))
    assert example["value"].items() <= written.items()
    assert problems(json_schema(name), example["value"]) == []


@pytest.mark.parametrize(("name", "example"), [one for one in committed() if one[1]["value"] is not None])
def test_todays_records_fit_the_released_schemas(name: str, example: dict[str, Any]) -> None:
    for schema, value in ((record_of(example), example["value"]), ("event-headers", example["headers"])):
        if value:
            assert problems(released(schema), value) == [], name


@pytest.mark.parametrize("document", list(lines("input")))
def test_released_documents_become_the_same_items(document: dict[str, Any]) -> None:
    record = read_line(json.dumps(document["raw"]).encode(), "the line", "no ref")
    assert isinstance(record, RawRecord)
    assert becomes(record) == document["items"]


def test_every_form_is_among_them() -> None:
    found = {document.values[0]["form"] for document in lines("input")}
    assert found == set(tools.freeze.FORMS)


@pytest.mark.parametrize("header", [field.encode_name for field in msgspec.structs.fields(RawHeaders)])
def test_every_header_of_the_schema_is_read(header: str) -> None:
    """The model of the headers is no wish: without one of them the document is another."""
    value = {
        "received-at": b"2026-11-20T00:21:00Z",
        "traceparent": b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    }.get(header, b"feeds.raw/0/1")

    def read(headers: tuple[tuple[str, bytes], ...]) -> Any:
        return raw_document(
            Incoming(topic="feeds.raw", partition=0, offset=5, timestamp=0, key=None, value=b"", headers=headers)
        )

    assert read(((header, value),)) != read(())


def test_what_ingest_sends_is_in_the_schema() -> None:
    sent = RawRecord(body=b"", content_type="a", source_url="b", received_at="c", ref="d", replay_of="e").headers()
    schema = json_schema("raw-headers")["$defs"]["RawHeaders"]["properties"]
    assert {name for name, _ in sent} == schema.keys() - {"traceparent"}


# -- that it can fail


@pytest.fixture
def frozen(tmp_path: Path) -> Path:
    freeze(tmp_path)
    assert breaks(tmp_path) == []
    return tmp_path


def test_a_field_that_today_lacks_is_told(frozen: Path) -> None:
    path = path_of("item", frozen)
    schema = json.loads(path.read_text())
    schema["$defs"]["Item"]["properties"]["mood"] = {"type": "string"}
    path.write_text(json.dumps(schema))
    assert breaks(frozen) == ["item: mood: is gone"]


def test_a_header_that_is_needed_today_is_told(frozen: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Stricter(RawHeaders, kw_only=True, rename="kebab"):  # type: ignore[misc]
        site: str

    monkeypatch.setitem(MODELS, "raw-headers", (MODELS["raw-headers"][0], Stricter))
    assert any(sentence.startswith("raw-headers: site: nothing at all may be sent") for sentence in breaks(frozen))


def test_a_schema_that_is_gone_is_told(frozen: Path) -> None:
    path_of("item", frozen).rename(path_of("story", frozen))
    assert breaks(frozen) == ["story: the schema is gone"]


@pytest.mark.parametrize(
    ("topic", "change", "told"),
    [
        pytest.param("enriched", None, "the topic is gone", id="gone"),
        pytest.param("enriched", {"cleanup.policy": "delete"}, "cleanup.policy was", id="compacted no more"),
        pytest.param("enriched", {"retention.ms": "1"}, "retention.ms was", id="kept for less time"),
        pytest.param("enriched", {"delete.retention.ms": "1"}, "delete.retention.ms was", id="tombstones go sooner"),
        pytest.param("enriched", {"min.compaction.lag.ms": "1"}, "min.compaction.lag.ms was", id="compacted sooner"),
        pytest.param("enriched", {"max.message.bytes": "99999999"}, "max.message.bytes was", id="larger records"),
        pytest.param("raw", {"max.message.bytes": "1000"}, "max.message.bytes was", id="smaller documents"),
        pytest.param("raw", {"message.timestamp.type": "CreateTime"}, "message.timestamp.type", id="another clock"),
    ],
)
def test_a_changed_topic_is_told(topic: str, change: dict[str, str] | None, told: str) -> None:
    address = f"{{prefix}}.{topic}"
    old = json.loads((RELEASED / TOPICS).read_text())
    new = {name: config for name, config in topics().items() if name != address or change}
    if change:
        new[address] = new[address] | change
    assert topic_breaks(old, topics()) == []
    assert [sentence.split(": ", 1)[0] for sentence in topic_breaks(old, new)] == [address]
    assert told in topic_breaks(old, new)[0]


def test_larger_documents_and_smaller_records_break_nothing() -> None:
    old = topics()
    new = {name: config | {"retention.ms": str(2 * int(config["retention.ms"]))} for name, config in old.items()}
    new["{prefix}.raw"]["max.message.bytes"] = "99999999"
    new["{prefix}.enriched"]["max.message.bytes"] = "1000"
    assert topic_breaks(old, new) == []


@pytest.mark.parametrize(
    ("tags", "anew", "told"),
    [
        pytest.param(set(), False, "This breaks what was released", id="without a word"),
        pytest.param({"v0.0.9"}, True, "--anew is for the time before the first release, and v0.0.9", id="released"),
        pytest.param({f"v{__version__}"}, True, "is released: what it wrote stays", id="tagged"),
        pytest.param(set(), True, None, id="before the first release"),
    ],
)
def test_a_break_is_frozen_before_the_first_release_alone(
    frozen: Path, tags: set[str], anew: bool, told: str | None
) -> None:
    path_of("item", frozen).rename(path_of("story", frozen))
    found = refusals(frozen, tags, anew=anew)
    assert (told in found[-1]) if told else found == []


def test_what_breaks_nothing_is_frozen_until_it_is_tagged(frozen: Path) -> None:
    assert refusals(frozen, {"v0.0.9"}, anew=False) == []
    assert refusals(frozen, {f"v{__version__}"}, anew=False)


def test_nothing_is_written_where_it_is_refused(frozen: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path_of("item", frozen).rename(path_of("story", frozen))
    monkeypatch.setattr(tools.freeze, "RELEASED", frozen)
    monkeypatch.setattr(tools.freeze, "freeze", lambda: pytest.fail("it was frozen"))
    with pytest.raises(SystemExit, match="story: the schema is gone"):
        tools.freeze.main([])
