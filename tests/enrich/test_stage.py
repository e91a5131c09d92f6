from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import orjson
import pytest

from agents.enrich.stage import GROUP, EnrichStage
from agents.stage import EntryRef, NoState, Output, Topic
from schemas import (
    Attachment,
    Confidence,
    DateOrigin,
    DeadLetter,
    DeadLetterCode,
    Decision,
    DedupeRule,
    Draft,
    Entry,
    FeedImage,
    Flag,
    Format,
    FoundDate,
    GroupingRule,
    Item,
    Link,
    News,
    ScriptFamily,
    Source,
    Verdict,
)

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
ID = "0123456789abcdef0123456789abcdef"
STAGE = EnrichStage("0.1.0")
BODY = (
    "<p>（中央社記者陳小豹台北20日電）港務局今天宣布，新渡輪「晨光號」下個月開航，每天往返燈塔島六次，船上有兩百個座位，"
    "還有一位專門照顧海豹的船員。</p><p>船長說，海豹們還沒有買票，但是牠們每天早上都在碼頭等著，看起來相當期待，"
    '乘客們也很高興。<a href="/map">地圖</a></p>'
)


def found(at: datetime, origin: DateOrigin = DateOrigin.FEED) -> FoundDate:
    return FoundDate(at, at.isoformat(), origin, Confidence.EXACT)


def entry(**given: Any) -> Entry:
    usual: dict[str, Any] = {
        "source": Source("raw", 2, 7, 3, 5, Format.RSS, NOW),
        "arrival": NOW,
        "aliases": [],
        "quick": b"q" * 16,
        "title": "新渡輪下月開航",
        "body": BODY,
        "base_url": "https://harbour.example/news/1",
        "url": "https://harbour.example/news/1",
        "original_url": "https://harbour.example/news/1?utm_source=rss",
        "site": "harbour.example",
        "published": found(NOW - timedelta(hours=1)),
        "seen": found(NOW, DateOrigin.HEADER),
    }
    return Entry(**{**usual, **given})


def news(of: Entry, **given: Any) -> News:
    usual: dict[str, Any] = {
        "entry": of,
        "id": ID,
        "revision": 2,
        "verdict": Verdict.REVISION,
        "decision": Decision(DedupeRule.CONTENT_CHANGED, ID, 0.9),
        "family": ScriptFamily.HAN,
    }
    return News(**{**usual, **given})


def enrich(of: News) -> Output:
    (output,) = STAGE.handle([msgspec.msgpack.encode(of)], NoState(), NOW)
    return output


def draft(of: News) -> Draft:
    output = enrich(of)
    assert output.topic is Topic.DRAFTS
    assert output.value is not None
    return msgspec.msgpack.decode(output.value, type=Draft)


def item(of: Entry, **given: Any) -> Item:
    made = draft(news(of, **given)).item
    assert made is not None
    assert msgspec.json.decode(msgspec.json.encode(made), type=Item) == made
    return made


def test_an_item() -> None:
    made = item(entry(authors=["陳小豹", " 陳小豹\u200b", ""], categories=["交通 ", "海豹"]))
    assert (made.id, made.revision, made.verdict, made.pipeline) == (ID, 2, Verdict.REVISION, "0.1.0")
    assert (made.title, made.authors, made.categories) == ("新渡輪下月開航", ["陳小豹"], ["交通", "海豹"])
    assert made.text.startswith("（中央社記者陳小豹台北20日電）港務局")
    assert made.text.count("\n\n") == 1
    assert made.html.startswith("<p>（中央社記者")
    assert made.dateline == "台北"
    assert made.links == [Link("https://harbour.example/map", "地圖")]
    assert (made.language, made.language_confidence > 0.9) == ("zh-Hant", True)
    assert made.word_count > 80
    assert made.reading_seconds > 12
    assert made.grouping.rule is GroupingRule.NOT_GROUPED
    assert (made.story_id, made.reprint_of, made.flags) == (ID, None, [])
    assert made.summary.startswith("港務局今天宣布，新渡輪")
    assert made.keywords[0].term == "新渡輪"


def test_where_the_draft_goes() -> None:
    output = enrich(news(entry(traceparent="00-11-22-01")))
    assert (output.key, output.entry) == (b"han", EntryRef(2, 7, 3))
    assert output.headers == (("traceparent", b"00-11-22-01"),)
    made = draft(news(entry(traceparent="00-11-22-01")))
    assert (made.id, made.family, made.arrival, made.traceparent) == (ID, ScriptFamily.HAN, NOW, "00-11-22-01")
    whole = entry(source=Source("raw", 0, 1, None, None, Format.RSS, NOW))
    assert enrich(news(whole)).entry == EntryRef(0, 1, -1)


def test_a_retraction_is_an_empty_draft_and_no_entry_s_outcome() -> None:
    output = enrich(news(entry(), retraction=True))
    assert output.entry is None
    made = draft(news(entry(traceparent="00-11-22-01"), retraction=True))
    assert (made.id, made.item, made.family) == (ID, None, ScriptFamily.HAN)
    assert made.traceparent == "00-11-22-01", "the tombstone has it from here"


HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    ("given", "flags"),
    [
        pytest.param({}, [], id="none"),
        pytest.param({"published": None}, [Flag.NO_DATE], id="no date"),
        pytest.param({"published": found(NOW + 23 * HOUR)}, [], id="ahead by a zone"),
        pytest.param({"published": found(NOW + 25 * HOUR)}, [Flag.DATE_IN_FUTURE], id="in the future"),
        pytest.param({"updated": found(NOW + 25 * HOUR)}, [Flag.DATE_IN_FUTURE], id="updated in the future"),
        pytest.param({"seen": found(NOW + 25 * HOUR)}, [Flag.DATE_IN_FUTURE], id="seen in the future"),
        pytest.param({"body": ""}, [Flag.NO_TEXT], id="no text"),
        pytest.param({"body": '<img src="/a.jpg">'}, [Flag.NO_TEXT], id="a picture is no text"),
        pytest.param({"body": "海" * 79}, [Flag.SHORT_TEXT], id="short"),
        pytest.param({"body": "海" * 79 + "。！ " * 400}, [Flag.SHORT_TEXT], id="letters count"),
        pytest.param({"body": "海" * 80}, [], id="long enough"),
        pytest.param({"title": " \u200b"}, [Flag.TITLE_FROM_TEXT], id="no title"),
        pytest.param({"url": None, "original_url": None}, [Flag.NO_LINK], id="no link"),
        pytest.param({"url": None, "original_url": "http://"}, [Flag.BAD_URL], id="bad link"),
        pytest.param({"flags": [Flag.REPAIRED, Flag.NO_DATE]}, [Flag.NO_DATE, Flag.REPAIRED], id="parse's, sorted"),
        pytest.param({"body": "<a href=/x>y</a>" * 1001}, [Flag.TRUNCATED], id="too many links"),
        pytest.param({"attachments": [Attachment("https://a.example/")] * 1001}, [Flag.TRUNCATED], id="attachments"),
    ],
)
def test_flags(given: dict[str, Any], flags: list[Flag]) -> None:
    made = item(entry(**given))
    assert made.flags == flags
    assert len(made.attachments) <= 1000


def test_dedupe_s_flags_are_kept() -> None:
    assert item(entry(), flags=[Flag.RETURNED]).flags == [Flag.RETURNED]


@pytest.mark.parametrize(
    ("given", "title"),
    [
        pytest.param({"title": "Ferry &amp; <b>seals</b>"}, "Ferry &amp; <b>seals</b>", id="as parse gives it"),
        pytest.param({"title": "a\n b\u202e\x1b[2J"}, "a b[2J", id="one clean line"),
        pytest.param({"title": "", "body": "<p>Seals wait.</p><p>More</p>"}, "Seals wait.", id="of the text"),
        pytest.param({"title": "", "body": ""}, "https://harbour.example/news/1", id="the address"),
        pytest.param({"title": "", "body": "", "url": None, "guid": "tag:1"}, "tag:1", id="the guid"),
        pytest.param({"title": "", "body": "", "url": None}, ID, id="never empty"),
    ],
)
def test_title(given: dict[str, Any], title: str) -> None:
    made = item(entry(**given))
    assert made.title == title
    assert (Flag.TITLE_FROM_TEXT in made.flags) == (not given["title"])


def test_dates_and_where_they_were_found() -> None:
    day = timedelta(days=1)
    earlier = found(NOW - 3 * day, DateOrigin.EARLIER_REVISION)
    made = item(entry(published=None, updated=found(NOW - day)), earlier_published=earlier)
    assert (made.published_at, made.updated_at, made.seen_at) == (NOW - 3 * day, NOW - day, NOW)
    assert made.dates.published_at is not None
    assert made.dates.updated_at is not None
    assert made.dates.seen_at is not None
    assert made.dates.published_at.origin is DateOrigin.EARLIER_REVISION
    assert made.dates.updated_at.origin is DateOrigin.FEED
    assert made.dates.seen_at.origin is DateOrigin.HEADER
    assert made.flags == []
    stated = item(entry(), earlier_published=earlier)
    assert stated.published_at == NOW - HOUR
    undated = orjson.loads(msgspec.json.encode(item(entry(published=None))))
    assert list(undated["dates"]) == ["seen_at"]


@pytest.mark.parametrize(
    ("seen", "first_seen"),
    [
        pytest.param(NOW - 9 * HOUR, NOW - 9 * HOUR, id="before it arrived"),
        pytest.param(NOW + 9 * HOUR, NOW + 9 * HOUR, id="a clock that is ahead"),
        pytest.param(NOW + 99 * HOUR, NOW + 24 * HOUR, id="by no more than a day"),
    ],
)
def test_first_seen(seen: datetime, first_seen: datetime) -> None:
    assert draft(news(entry(seen=found(seen)))).first_seen == first_seen


def test_images_of_body_and_feed() -> None:
    made = item(entry(body='<img src="/a.jpg" alt="海豹"><p>x', images=[FeedImage("/b.jpg", "渡輪")]))
    assert [(image.url, image.caption, image.alt, image.role.value) for image in made.images] == [
        ("https://harbour.example/b.jpg", "渡輪", None, "lead"),
        ("https://harbour.example/a.jpg", None, "海豹", "inline"),
    ]


def test_a_plain_body() -> None:
    made = item(entry(body="一 < 二\n\n三", body_is_html=False))
    assert (made.text, made.html) == ("一 < 二\n\n三", "<p>一 &lt; 二</p><p>三</p>")


def test_too_deep_is_a_dead_letter_that_names_the_item() -> None:
    output = enrich(news(entry(body="<div>" * 5000)))
    assert (output.topic, output.entry) == (Topic.DEAD_LETTER, EntryRef(2, 7, 3))
    assert output.value is not None
    letter = msgspec.json.decode(output.value, type=DeadLetter)
    assert (letter.code, letter.id, letter.revision) == (DeadLetterCode.TOO_DEEP, ID, 2)
    assert "nested deeper" in letter.message
    assert "<div><div>" in letter.payload


def test_one_bad_entry_does_not_stop_its_batch() -> None:
    batch = [news(entry()), news(entry(body="<b>" * 5000)), news(entry())]
    outputs = STAGE.handle([msgspec.msgpack.encode(each) for each in batch], NoState(), NOW)
    assert [output.topic for output in outputs] == [Topic.DRAFTS, Topic.DEAD_LETTER, Topic.DRAFTS]


def test_a_refused_draft_is_a_dead_letter_of_its_item() -> None:
    refused = STAGE.refused(enrich(news(entry())), DeadLetterCode.REFUSED_BY_BROKER, "too large", NOW)
    assert (refused.topic, refused.entry) == (Topic.DEAD_LETTER, EntryRef(2, 7, 3))
    assert refused.value is not None
    letter = msgspec.json.decode(refused.value, type=DeadLetter)
    assert (letter.code, letter.message, letter.id) == (DeadLetterCode.REFUSED_BY_BROKER, "too large", ID)
    with pytest.raises(ValueError, match="cannot be dead-lettered"):
        STAGE.refused(enrich(news(entry(), retraction=True)), DeadLetterCode.REFUSED_BY_BROKER, "no", NOW)


def test_the_same_news_gives_the_same_bytes_in_any_order() -> None:
    one, two = news(entry()), news(entry(title="另一則", body="<p>Ferry</p>"))
    records = [msgspec.msgpack.encode(each) for each in (one, two)]
    there = STAGE.handle(records, NoState(), NOW)
    back = EnrichStage("0.1.0").handle(records[::-1], NoState(), NOW + HOUR)
    assert there == back[::-1]


def test_a_batch_of_any_size_is_answered_in_its_order() -> None:
    batch = [news(entry(title=f"第{number}號"), retraction=number % 7 == 3) for number in range(2 * GROUP + 1)]
    outputs = STAGE.handle([msgspec.msgpack.encode(each) for each in batch], NoState(), NOW)
    assert outputs == [enrich(each) for each in batch]


def test_a_senders_clock_far_ahead_is_held_to_the_receipt_whenever_the_record_came() -> None:
    ahead = found(NOW + 50 * 24 * HOUR, DateOrigin.COMMENT)
    times = {draft(news(entry(seen=ahead, arrival=NOW + late))).first_seen for late in (HOUR - HOUR, HOUR, 90 * HOUR)}
    assert times == {NOW + 24 * HOUR}
