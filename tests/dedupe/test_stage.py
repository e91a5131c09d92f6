"""The stage as the engine drives it: encoded entries in, records for two topics out."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.content.identity import guid_key
from agents.dedupe.stage import DedupeStage
from agents.parse.stage import ParseStage
from agents.stage import EntryRef, Output, Topic
from schemas import (
    Alias,
    AliasKind,
    DeadLetter,
    DeadLetterCode,
    Decision,
    DedupeRule,
    Duplicate,
    Entry,
    News,
    Position,
    RawDocument,
    ScriptFamily,
    StageName,
    Verdict,
)
from tests.dedupe.articles import (
    BREAD,
    BREAD_TITLE,
    CHESS,
    CHESS_TITLE,
    FERRY,
    FERRY_CORRECTED,
    FERRY_TITLE,
    MOON,
    MOON_TITLE,
)
from tests.dedupe.entries import LINK, START, Desk, Shelf, entry, read, records

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
OWN = "https://www.lanhai.example/feed.xml"
FOREIGN = "https://reader.example/best-of.xml"


def ferry(text: str = FERRY, title: str = FERRY_TITLE, **known: object) -> Entry:
    return entry(title, text, **known)  # type: ignore[arg-type]


def retraction(**known: object) -> Entry:
    return entry("", "", retraction=True, **known)  # type: ignore[arg-type]


def letter(output: Output) -> DeadLetter:
    assert output.topic is Topic.DEAD_LETTER
    assert output.value is not None
    return msgspec.json.decode(output.value, type=DeadLetter)


def test_news() -> None:
    desk = Desk()
    desk.outputs(ferry())
    [output] = desk.outputs(ferry(FERRY_CORRECTED, published=1, traceparent="00-trace-01"))
    news = read(output)
    assert isinstance(news, News)
    assert (output.topic, output.key) == (Topic.NEWS, bytes.fromhex(news.id))
    assert output.entry == EntryRef(0, 1, 0)
    assert output.headers == (("traceparent", b"00-trace-01"),)
    assert news.verdict is Verdict.REVISION
    assert news.family is ScriptFamily.HAN
    assert news.entry.body == ferry(FERRY_CORRECTED).body
    assert not news.retraction


def test_duplicate() -> None:
    desk = Desk()
    desk.outputs(ferry())
    [output] = desk.outputs(ferry(traceparent="00-trace-01"))
    duplicate = read(output)
    assert isinstance(duplicate, Duplicate)
    assert (output.topic, output.key) == (Topic.DUPLICATES, duplicate.id.encode())
    assert (output.entry, output.label) == (EntryRef(0, 1, 0), "same-entry")
    assert output.headers == (("traceparent", b"00-trace-01"),)
    assert duplicate.decision == Decision(
        DedupeRule.SAME_ENTRY,
        duplicate.id,
        evidence=[f"link {LINK} is this item's", "nothing in the entry differs from the last time"],
    )
    assert (duplicate.title, duplicate.url, duplicate.site) == (FERRY_TITLE, LINK, "lanhai.example")
    assert (duplicate.revision, duplicate.source.offset) == (1, 1)


@pytest.mark.parametrize(
    ("shown", "family"),
    [
        pytest.param(ferry(), ScriptFamily.HAN, id="Han"),
        pytest.param(entry(BREAD_TITLE, BREAD), ScriptFamily.LATIN, id="Latin"),
        pytest.param(entry(CHESS_TITLE, CHESS), ScriptFamily.CYRILLIC, id="Cyrillic"),
        pytest.param(entry("", ""), ScriptFamily.OTHER, id="no letters"),
    ],
)
def test_family_is_fixed_at_first_sighting(shown: Entry, family: ScriptFamily) -> None:
    desk = Desk()
    first = desk.see(shown).told
    later = desk.see(entry(shown.title, BREAD + FERRY * 9 + CHESS)).told
    assert isinstance(first, News)
    assert isinstance(later, News)
    assert (first.family, later.family) == (family, family)
    assert later.revision == 2


def test_retraction_of_a_known_item() -> None:
    desk = Desk()
    item = desk.see(ferry(guid="7")).told
    tombstone, duplicate = desk.outputs(retraction(link=None, feed=OWN, guid="7", traceparent="00-trace-01"))
    news = read(tombstone)
    assert isinstance(news, News)
    assert (tombstone.topic, tombstone.key, tombstone.entry) == (Topic.NEWS, bytes.fromhex(item.id), None)
    assert tombstone.headers == (("traceparent", b"00-trace-01"),)
    assert news.retraction
    assert (news.id, news.revision) == (item.id, 1)
    assert (duplicate.label, duplicate.entry) == ("retraction", EntryRef(0, 1, 0))
    assert read(duplicate).id == item.id


def test_after_a_retraction() -> None:
    desk = Desk()
    desk.see(ferry())
    desk.outputs(retraction())
    told = desk.saw(ferry(), ferry(FERRY_CORRECTED, updated=9), retraction(), ferry(day=91), ferry("删除"))
    assert told == ["retracted A1"] * 5
    assert desk.saw(entry(MOON_TITLE, MOON, day=91)) == ["reused-address B1"], "another article may have the address"
    assert desk.saw(ferry(day=900)) == ["first-sighting A1"], "forgotten as everything is"


def test_retraction_of_an_unknown_item() -> None:
    desk = Desk()
    named = retraction(guid="7", feed=OWN)
    in_two_scopes = [*named.aliases, Alias(AliasKind.GUID, guid_key("other.example", "7"), "7")]
    [output] = desk.outputs(msgspec.structs.replace(named, aliases=in_two_scopes))
    found = letter(output)
    assert (found.stage, found.code) == (StageName.DEDUPE, DeadLetterCode.UNKNOWN_ITEM)
    assert (found.id, found.revision, found.failed_at) == (None, None, START)
    assert found.message == f"A retraction names link {LINK}, guid 7, but no such item is known here."
    assert output.entry == EntryRef(0, 0, 0)
    assert not desk.state


@pytest.mark.parametrize(
    ("first", "by", "expected"),
    [
        pytest.param(OWN, OWN, "retraction", id="the feed that brought it"),
        pytest.param(FOREIGN, OWN, "retraction", id="a feed of its site"),
        pytest.param(OWN, None, "retraction", id="an unknown feed, or an operator"),
        pytest.param(OWN, FOREIGN, "other-feed", id="another's feed"),
        pytest.param(FOREIGN, FOREIGN, "retraction", id="the aggregator that brought it"),
    ],
)
def test_who_may_retract(first: str, by: str | None, expected: str) -> None:
    desk = Desk()
    desk.see(ferry(feed=first))
    outputs = desk.outputs(retraction(feed=by))
    assert outputs[-1].label == expected
    assert len(outputs) == (2 if expected == "retraction" else 1)
    assert desk.saw(ferry()) == ["retracted A1" if expected == "retraction" else "same-entry A1"]


@pytest.mark.parametrize(
    "shown",
    [
        pytest.param(
            ferry(FERRY_CORRECTED, guid="https://www.lanhai.example/?p=7", feed=OWN, published=0, updated=2, sent=2),
            id="with everything",
        ),
        pytest.param(entry("", FERRY_CORRECTED, traceparent="00-trace-01"), id="without title, guid and dates"),
    ],
)
def test_a_refused_item_is_a_dead_letter_that_can_be_replayed(shown: Entry) -> None:
    desk = Desk()
    desk.see(entry(shown.title, FERRY, guid=shown.guid, feed=shown.feed.url if shown.feed else None))
    seen = desk.see(shown)
    assert isinstance(seen.told, News)
    refused = desk.stage.refused(seen.outputs[0], DeadLetterCode.REFUSED_BY_BROKER, "Larger than 16 MiB.", NOW)
    found = letter(refused)
    assert (found.stage, found.code, found.message) == ("dedupe", "refused-by-broker", "Larger than 16 MiB.")
    assert (found.id, found.revision) == (seen.told.id, 2)
    assert (found.source, found.failed_at) == (seen.told.entry.source, NOW)
    assert refused.entry == seen.outputs[0].entry
    payload = msgspec.json.decode(found.payload)
    assert payload["content_html"] == shown.body
    assert payload.get("id") == shown.guid

    document = RawDocument(
        topic="feeds.raw",
        partition=0,
        offset=77,
        body=found.payload.encode(),
        arrival=shown.arrival,
        received_at=shown.arrival,
        source_url=found.source_url,
        replay_of=str(found.source.position),
    )
    [parsed] = ParseStage().handle([document], desk.state, NOW)
    assert parsed.value is not None
    [output] = desk.stage.handle([parsed.value], desk.state, NOW)
    news = read(output)
    assert isinstance(news, News), news
    assert (news.id, news.revision, news.decision.rule) == (seen.told.id, 2, DedupeRule.REPLAYED)
    assert news.entry.aliases == shown.aliases
    assert (news.entry.published, news.entry.updated) == (shown.published, shown.updated)


def test_only_news_can_be_refused() -> None:
    desk = Desk()
    desk.outputs(ferry())
    [duplicate] = desk.outputs(ferry())
    with pytest.raises(ValueError, match="cannot be dead-lettered"):
        desk.stage.refused(duplicate, DeadLetterCode.REFUSED_BY_BROKER, "", NOW)


TITLES = (FERRY_TITLE, FERRY_TITLE + "，无人受伤", MOON_TITLE, BREAD_TITLE, "")
TEXTS = (FERRY, FERRY_CORRECTED, FERRY[:90], MOON, BREAD, "短讯。", "")
moments = st.none() | st.sampled_from([0.0, 0.5, 1.0, 40.0])

shown_entries = st.builds(
    entry,
    st.sampled_from(TITLES),
    st.sampled_from(TEXTS),
    link=st.sampled_from([LINK, "https://m.lanhai.example/x", "https://lanhai.example/", None]),
    guid=st.none() | st.sampled_from(["7", "8"]),
    feed=st.none() | st.sampled_from([OWN, "https://lanhai.example/summaries", FOREIGN]),
    day=st.sampled_from([0.0, 0.1, 1.0, 2.0, 95.0, 200.0, 900.0]),
    sent=moments,
    received=moments,
    published=moments,
    updated=moments,
    markup=st.sampled_from(["p", "div"]),
    replay_of=st.none() | st.builds(Position, st.just("feeds.raw"), st.just(0), st.integers(0, 9), st.just(0)),
    retraction=st.sampled_from([False, False, False, True]),
)


@given(st.lists(shown_entries, max_size=24), st.data())
def test_batches_do_not_matter(shown: list[Entry], data: st.DataObject) -> None:
    """Any split of a sequence gives the same outputs and the same state; and so does doing it again."""
    encoded = records(shown)
    whole, parts, stage = Shelf(), Shelf(), DedupeStage()
    expected = stage.handle(encoded, whole, NOW)
    ends = [*sorted(data.draw(st.sets(st.integers(0, len(encoded))))), len(encoded)]
    outputs = []
    for start, end in zip([0, *ends], ends, strict=False):
        outputs += stage.handle(encoded[start:end], parts, NOW)
    assert outputs == expected
    assert parts == whole


@given(st.lists(shown_entries, max_size=24))
def test_every_entry_has_one_outcome_and_numbers_have_no_gap(shown: list[Entry]) -> None:
    outputs = DedupeStage().handle(records(shown), Shelf(), NOW)
    assert [output.entry for output in outputs if output.entry] == [EntryRef(0, n, 0) for n in range(len(shown))]
    highest: dict[str, int] = {}
    for output in outputs:
        if output.topic is Topic.DEAD_LETTER:
            assert letter(output).code is DeadLetterCode.UNKNOWN_ITEM
            continue
        told = read(output)
        known = highest.get(told.id, 0)
        if isinstance(told, Duplicate) or told.retraction or told.decision.rule is DedupeRule.REPLAYED:
            assert told.revision == known
        elif told.decision.rule in {DedupeRule.FIRST_SIGHTING, DedupeRule.REUSED_ADDRESS}:
            assert told.revision == 1  # again where the item was forgotten after two years
        else:
            assert told.revision == known + 1
        highest[told.id] = told.revision
