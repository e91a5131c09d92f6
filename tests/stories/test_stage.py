"""The stories stage: one record an item in order, tombstones, and what cannot be sent."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from agents.engine.store import MemoryTables, Overlay, Position, Store
from agents.stage import EntryRef, Output, Topic
from agents.stories.index import Index
from agents.stories.memory import Membership, Memory
from agents.stories.stage import StoriesStage
from schemas import (
    Confidence,
    DateOrigin,
    DateProvenance,
    Dates,
    DeadLetter,
    DeadLetterCode,
    Grouping,
    GroupingRule,
    Item,
    StageName,
    Verdict,
)
from tests.stories.desk import draft as show
from tests.stories.desk import id_of, sentences
from tests.stories.samples import ARRIVAL, BODY, ID, draft, item

NOW = datetime(2026, 11, 23, tzinfo=UTC)


@pytest.fixture
def state() -> Overlay:
    return Overlay(Store(MemoryTables(), "stories-changelog", 0))


def handle(state: Overlay, *batch: bytes) -> list[Output]:
    return StoriesStage().handle(batch, state, NOW)


def item_of(output: Output) -> Item:
    assert output.topic is Topic.ENRICHED
    return msgspec.json.decode(output.value or b"", type=Item)


def test_a_new_item_is_a_story_of_its_own(state: Overlay) -> None:
    [output] = handle(state, draft(item(), traceparent="00-11-22-01"))
    sent = item_of(output)
    assert (sent.story_id, sent.reprint_of, sent.grouping.rule) == (ID, None, GroupingRule.NOT_GROUPED)
    assert output.key == ID.encode()
    assert output.entry == EntryRef(3, 17, 0)
    headers = dict(output.headers)
    assert headers["ce_id"] == b"feeds.raw/3/17/0"
    assert headers["ce_type"] == b"feedmill.item.v1"
    assert headers["traceparent"] == b"00-11-22-01"
    assert (output.label, output.site, output.arrival) == ("new", "lanhai.example", ARRIVAL)


def test_a_story_once_issued_stays(state: Overlay) -> None:
    """Promise 8, read from state: what an earlier version of the stage gave out is found again."""
    original = b"\xbb" * 16
    given = Membership(b"\xaa" * 16, original, original, GroupingRule.NEAR_COPY, original, 0.9)
    Memory(state).remember(bytes.fromhex(ID), given)
    revision = item(revision=2, verdict=Verdict.REVISION)
    [output] = handle(state, draft(revision, ARRIVAL + timedelta(days=90)))
    assert (item_of(output).story_id, item_of(output).reprint_of) == ("aa" * 16, "bb" * 16)
    assert item_of(output).verdict is Verdict.REVISION
    assert item_of(output).grouping == Grouping(GroupingRule.KEPT, "bb" * 16, 0.9, ["given before, as near-copy"])
    [output] = handle(state, draft(revision, ARRIVAL + timedelta(days=700)))
    assert item_of(output).story_id == "aa" * 16, "duplicates never come here: when it was last seen is not known"


def test_a_reprint_is_labelled_so_when_it_is_new(state: Overlay) -> None:
    shown = [
        show("a", "甲", sentences(1)),
        show("b", "乙", sentences(1), site="nanyang.example"),
        show("b", "乙", sentences(2), site="nanyang.example", revision=2),
    ]
    outputs = handle(state, *(msgspec.msgpack.encode(one) for one in shown))
    assert [output.label for output in outputs] == ["new", "reprint", "revision"]
    assert [item_of(output).verdict for output in outputs] == [Verdict.NEW, Verdict.REPRINT, Verdict.REVISION]
    assert [item_of(output).reprint_of for output in outputs] == [None, id_of("a").hex(), id_of("a").hex()]


def test_a_replayed_item_keeps_its_verdict(state: Overlay) -> None:
    """Only what is let through as new becomes a reprint: a consumer must not take a revision for one."""
    text = sentences(1)
    changed = show("b", "乙", text, site="nanyang.example")
    assert changed.item is not None
    changed = msgspec.structs.replace(changed, item=msgspec.structs.replace(changed.item, verdict=Verdict.REVISION))
    _, output = handle(state, *(msgspec.msgpack.encode(one) for one in (show("a", "甲", text), changed)))
    assert item_of(output).reprint_of == id_of("a").hex()
    assert output.label == "revision"


def test_the_index_is_prepared_in_pieces_or_made_when_it_is_needed() -> None:
    store = Store(MemoryTables(), "stories-changelog", 0)
    stage, first = StoriesStage(), Overlay(store)
    stage.handle([msgspec.msgpack.encode(show(f"{n}", "甲", sentences(n))) for n in range(501)], first, NOW)
    store.committed(first.changes(), Position(1, b"w", 1), 1)
    store.derived = None
    assert list(stage.prepare(Overlay(store))) == [None, None]
    prepared = store.derived
    assert isinstance(prepared, Index)
    copy = msgspec.msgpack.encode(show("copy", "乙", sentences(7), site="nanyang.example"))
    [output] = stage.handle([copy], Overlay(store), NOW)
    assert item_of(output).reprint_of == id_of("7").hex()
    assert store.derived is prepared
    store.derived = "another stage's"
    [again] = stage.handle([copy], Overlay(store), NOW)
    assert again == output


def test_what_changes_nothing_writes_nothing(state: Overlay) -> None:
    handle(state, draft(item()))
    before = state.changes()
    handle(state, draft(item()))
    assert state.changes() == before


def test_a_retraction_becomes_a_tombstone(state: Overlay) -> None:
    [output] = handle(state, draft(None))
    assert output == Output(Topic.ENRICHED, ID.encode(), None, None)


def test_order_is_kept_whatever_the_batches(state: Overlay) -> None:
    ids = [f"{number:032x}" for number in range(5)]
    batch = [draft(item(id=id), id=id) for id in ids for _ in range(2)]
    together = handle(state, *batch)
    other = Overlay(Store(MemoryTables(), "stories-changelog", 0))
    assert together == [output for record in batch for output in handle(other, record)]
    assert [output.key for output in together] == [id.encode() for id in ids for _ in range(2)]


def test_an_item_too_large_is_a_dead_letter(state: Overlay) -> None:
    [output] = handle(state, draft(item(html="x" * (4 << 20)), traceparent="00-11-22-01"))
    assert output.topic is Topic.DEAD_LETTER
    letter = msgspec.json.decode(output.value or b"", type=DeadLetter)
    assert (letter.code, letter.stage, letter.id) == (DeadLetterCode.TOO_LARGE, StageName.STORIES, ID)
    assert output.entry == EntryRef(3, 17, 0)
    assert dict(output.headers)["traceparent"] == b"00-11-22-01"


def test_what_the_broker_refuses_becomes_a_dead_letter(state: Overlay) -> None:
    stage = StoriesStage()
    [output] = handle(state, draft(item(revision=3), traceparent="00-11-22-01"))
    refused = stage.refused(output, DeadLetterCode.REFUSED_BY_BROKER, "The record is too large.", NOW)
    letter = msgspec.json.decode(refused.value or b"", type=DeadLetter)
    assert (letter.code, letter.id, letter.revision) == (DeadLetterCode.REFUSED_BY_BROKER, ID, 3)
    assert msgspec.json.decode(letter.payload)["content_html"] == BODY, "the entry as it came, not its safe HTML"
    assert refused.entry == output.entry
    assert dict(refused.headers)["traceparent"] == b"00-11-22-01"
    [tombstone] = handle(state, draft(None))
    with pytest.raises(ValueError, match="cannot be dead-lettered"):
        stage.refused(tombstone, DeadLetterCode.REFUSED_BY_BROKER, "", NOW)


def found(origin: DateOrigin, confidence: Confidence = Confidence.EXACT) -> DateProvenance:
    return DateProvenance("as it stood", origin, confidence)


@pytest.mark.parametrize(
    ("changed", "freshness"),
    [
        pytest.param({}, 3600.0, id="both exact"),
        pytest.param({"revision": 2}, None, id="a revision says nothing about feeds"),
        pytest.param({"published_at": None}, None, id="no date"),
        pytest.param(
            {"dates": Dates(found(DateOrigin.BODY, Confidence.DAY), None, found(DateOrigin.COMMENT))},
            None,
            id="a day is not exact",
        ),
        pytest.param(
            {"dates": Dates(found(DateOrigin.COMMENT), None, found(DateOrigin.COMMENT))}, None, id="the same date twice"
        ),
    ],
)
def test_freshness(state: Overlay, changed: dict[str, object], freshness: float | None) -> None:
    dated = {
        "published_at": ARRIVAL - timedelta(hours=1),
        "dates": Dates(found(DateOrigin.BODY), None, found(DateOrigin.COMMENT)),
    }
    [output] = handle(state, draft(item(**{**dated, **changed})))
    assert output.freshness == freshness
