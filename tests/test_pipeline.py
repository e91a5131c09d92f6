"""The four stages in order: what comes out of one document after another."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from agents.engine.topics import MAX_BYTES, Naming
from agents.pipeline import Pipeline, Result
from agents.runstate import Changes, RunState
from agents.sources.records import RawRecord, Refused, raw_document
from agents.stage import Topic
from schemas import DeadLetterCode, StageName
from tests.documents import FIRST, LATER, atom, deleted, entry, markdown, record

NOW = datetime(2026, 11, 23, tzinfo=UTC)


def mill(*records: RawRecord) -> list[list[Result]]:
    """Each document's results, one after the other through one state."""
    pipeline, state = Pipeline(), RunState()
    return [pipeline.process(raw_document(one, number, NOW), state, NOW) for number, one in enumerate(records)]


def value(result: Result) -> dict[str, Any]:
    return msgspec.json.decode(result.value or b"null")  # type: ignore[no-any-return]


def told(results: list[Result]) -> list[tuple[str, str]]:
    return [(result.role.value, "tombstone" if result.value is None else result.label) for result in results]


def test_new_revised_repeated_and_old() -> None:
    first, again, revised, older = mill(
        record(markdown("渡轮搁浅", FIRST), 0),
        record(markdown("渡轮搁浅", FIRST), 1),
        record(markdown("渡轮搁浅", LATER), 2),
        record(markdown("渡轮搁浅", FIRST), 3),
    )
    assert told(first + again + revised + older) == [
        ("enriched", "new"),
        ("duplicates", "same-entry"),
        ("enriched", "revision"),
        ("duplicates", "older-copy"),
    ]
    new, revision = value(first[0]), value(revised[0])
    assert (new["revision"], revision["revision"]) == (1, 2)
    assert new["id"] == revision["id"] == new["story_id"] == revision["story_id"] == value(again[0])["id"]
    assert revision["decision"]["changed"] == ["text"]
    assert first[0].key == new["id"].encode()
    assert first[0].topic == "feeds.enriched"


def test_a_comment_date_in_the_future_makes_no_later_correction_old() -> None:
    future = record(markdown("渡轮搁浅", FIRST, stamp=3365000000000), 0)
    corrected = record(markdown("渡轮搁浅", LATER), 20)
    assert told([one for results in mill(future, corrected) for one in results]) == [
        ("enriched", "new"),
        ("enriched", "revision"),
    ]


def test_outcomes_stand_in_the_order_of_the_entries() -> None:
    first, second = mill(
        record(atom(entry(1), entry(2), entry(3))),
        record(atom(entry(4), entry(2), deleted(9), deleted(1), entry(5)), 1),
    )
    assert told(first) == [("enriched", "new")] * 3
    assert sorted(value(result)["source"]["index"] for result in second if result.value) == [0, 1, 2, 3, 4]
    outcomes = {
        value(result)["source"]["index"]: (result.role.value, result.label) for result in second if result.value
    }
    kinds = sorted(outcomes.values())
    assert kinds == [
        ("dead-letter", "unknown-item"),
        ("duplicates", "retraction"),
        ("duplicates", "same-entry"),
        ("enriched", "new"),
        ("enriched", "new"),
    ]
    indexes = [value(result)["source"]["index"] for result in second if result.value]
    assert indexes == sorted(indexes)
    [tombstone] = [number for number, result in enumerate(second) if result.value is None]
    assert second[tombstone + 1].label == "retraction", "the tombstone stands before its entry's own outcome"
    assert second[tombstone].key == value(second[tombstone + 1])["id"].encode()


def test_a_retracted_item_stays_so() -> None:
    bodies = (atom(entry(1)), atom(deleted(1)), atom(entry(1)))
    feed = "https://register.example/feed"  # a deleted entry has no link: its site is its feed's
    _, taken, after = mill(*(record(body, hour, source_url=feed) for hour, body in enumerate(bodies)))
    assert told(taken) == [("enriched", "tombstone"), ("duplicates", "retraction")]
    assert told(after) == [("duplicates", "retracted")]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        pytest.param(b"", "empty-document", id="nothing"),
        pytest.param(b"\x89PNG\r\n\x1a\n\x00\x00", "unsupported-format", id="an image"),
        pytest.param(atom(), "no-entries", id="a feed without entries"),
        pytest.param(b'{"title": "cut of', "malformed-json", id="half a JSON item"),
    ],
)
def test_what_cannot_be_processed(body: bytes, code: str) -> None:
    [[result]] = mill(record(body))
    assert (result.role, result.label) == (Topic.DEAD_LETTER, code)
    letter = value(result)
    assert letter["source"]["index"] is None
    assert letter["failed_at"] == "2026-11-23T00:00:00Z"
    assert result.key is None


def test_what_a_source_refused_is_a_dead_letter_of_parse() -> None:
    refused = Refused(RawRecord(body=b"line", ref="in.jsonl"), DeadLetterCode.BAD_RECORD, "Line 3 is no raw record.")
    [output] = Pipeline().read_record(refused, 7, NOW)
    letter = msgspec.json.decode(output.value or b"")
    assert (letter["code"], letter["stage"], letter["payload"]) == ("bad-record", "parse", "line")
    assert (letter["source"]["offset"], letter["source"]["ref"]) == (7, "in.jsonl")


def test_names_follow_the_prefix() -> None:
    pipeline, state = Pipeline(Naming("mine")), RunState()
    [result] = pipeline.process(raw_document(record(markdown("题", FIRST)), 0, NOW), state, NOW)
    assert result.topic == "mine.enriched"


def test_a_result_that_no_topic_takes_becomes_a_dead_letter(monkeypatch: pytest.MonkeyPatch) -> None:
    """As with a broker: sizes are checked before sending, and the stage that made the record dead-letters it."""
    monkeypatch.setitem(MAX_BYTES, Topic.ENRICHED, 4096 + 500)
    [[result]] = mill(record(markdown("渡轮搁浅", FIRST)))
    assert (result.role, result.label) == (Topic.DEAD_LETTER, "refused-by-broker")
    assert (value(result)["stage"], value(result)["revision"]) == ("stories", 1)
    monkeypatch.setitem(MAX_BYTES, Topic.NEWS, 4096 + 100)
    [[result]] = mill(record(markdown("渡轮搁浅", FIRST)))
    assert value(result)["stage"] == "dedupe"


def test_steps_over_many_give_the_bytes_of_one_by_one() -> None:
    records = [
        record(markdown("渡轮搁浅", FIRST), 0),
        record(atom(entry(1), entry(2)), 1),
        record(b"", 2),
        record(atom(entry(2), deleted(1)), 3),
        record(markdown("渡轮搁浅", LATER), 4),
        record(atom(deleted(1), entry(1)), 5),
    ]
    singly = [result for results in mill(*records) for result in results]
    pipeline, state, changes = Pipeline(), RunState(), Changes()
    outputs = [output for number, one in enumerate(records) for output in pipeline.read_record(one, number, NOW)]
    judged = pipeline.judge(outputs, state.of(StageName.DEDUPE, changes), NOW)
    assert pipeline.settle(pipeline.enrich(judged, NOW), state.of(StageName.STORIES, changes), NOW) == singly
