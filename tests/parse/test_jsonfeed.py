from __future__ import annotations

import json
from typing import Any

import pytest

from agents.deadletters import EXTENSION
from schemas import (
    AliasKind,
    Attachment,
    Confidence,
    DateOrigin,
    DeadLetter,
    DeadLetterCode,
    Entry,
    FeedImage,
    Flag,
    Format,
)
from tests.parse.reading import FEED, entries, entry, letter, raw, results

ITEM = {
    "id": "https://news.example.org/1",
    "url": "https://news.example.org/1",
    "title": "渡轮增班",
    "content_html": "<p>码头</p>",
}


def feed(*items: Any, **names: Any) -> str:
    document = {"version": "https://jsonfeed.org/version/1.1", "title": "Harbour", "items": list(items), **names}
    return json.dumps(document, ensure_ascii=False)


def test_a_feed() -> None:
    item = ITEM | {
        "summary": "short",
        "date_published": "2024-02-16T21:03:04+08:00",
        "date_modified": "2024-02-17T00:00:00Z",
        "authors": [{"name": "Lin Mei"}, {"url": "https://example.org/ana"}],
        "tags": ["harbour", "ferries", "harbour"],
        "image": "/a.png",
        "banner_image": "https://x.org/b.png",
        "language": "zh-Hans",
        "attachments": [
            {"url": "https://x.org/a.mp3", "mime_type": "audio/mpeg", "size_in_bytes": 9, "duration_in_seconds": 1.5}
        ],
    }
    found = entry(feed(item, feed_url="https://news.example.org/feed.json"), source_url=None)
    assert (found.title, found.url, found.body) == ("渡轮增班", "https://news.example.org/1", "<p>码头</p>")
    assert [alias.kind for alias in found.aliases] == [AliasKind.LINK, AliasKind.GUID]
    assert found.authors == ["Lin Mei", "https://example.org/ana"]
    assert found.categories == ["harbour", "ferries"]
    assert found.attachments == [Attachment("https://x.org/a.mp3", "audio/mpeg", 9, 1.5)]
    assert found.images == [FeedImage("https://news.example.org/a.png"), FeedImage("https://x.org/b.png")]
    assert found.declared_language == "zh-Hans"
    assert found.published is not None
    assert found.updated is not None
    assert found.published.at.isoformat() == "2024-02-16T13:03:04+00:00"
    assert found.feed is not None
    assert (found.feed.url, found.feed.title) == ("https://news.example.org/feed.json", "Harbour")
    assert found.source.format is Format.JSON_FEED


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        pytest.param({"id": 17}, {"guid": "17"}, id="id is a number"),
        pytest.param({"id": None}, {"guid": None, "url": "https://news.example.org/1"}, id="no id"),
        pytest.param({"url": None}, {"url": "https://news.example.org/1"}, id="the id is an address"),
        pytest.param({"url": None, "id": "1"}, {"url": None, "guid": "1"}, id="no address"),
        pytest.param({"url": None, "external_url": "https://x.org/9"}, {"url": "https://x.org/9"}, id="elsewhere"),
        pytest.param({"title": ["a"]}, {"title": ""}, id="title is a list"),
        pytest.param({"title": 2024}, {"title": "2024"}, id="title is a number"),
        pytest.param({"title": None}, {"title": ""}, id="title is null"),
        pytest.param({"content_html": 5, "content_text": "a\nb"}, {"body": "a\nb", "body_is_html": False}, id="text"),
        pytest.param({"content_html": " ", "summary": "s"}, {"body": "s", "body_is_html": False}, id="summary"),
        pytest.param({"author": {"name": "Lin"}}, {"authors": ["Lin"]}, id="author of version 1.0"),
        pytest.param({"author": "Lin"}, {"authors": ["Lin"]}, id="author is a name"),
        pytest.param({"authors": ["Lin", {"name": 5}, None]}, {"authors": ["Lin", "5"]}, id="authors of all kinds"),
        pytest.param({"authors": []}, {"authors": ["Staff"]}, id="the feed's author"),
        pytest.param({"tags": "harbour"}, {"categories": ["harbour"]}, id="tags is a word"),
        pytest.param({"tags": [1, None, " a "]}, {"categories": ["a"]}, id="tags of all kinds"),
        pytest.param({"attachments": {"url": "x"}}, {"attachments": []}, id="attachments is an object"),
        pytest.param({"attachments": [{"mime_type": "x"}, 5]}, {"attachments": []}, id="attachments without address"),
        pytest.param(
            {"attachments": [{"url": "https://x.org/a", "size_in_bytes": -1, "duration_in_seconds": "x"}]},
            {"attachments": [Attachment("https://x.org/a")]},
            id="nonsense sizes",
        ),
        pytest.param({"date_published": None}, {"published": None}, id="no date"),
        pytest.param({"date_published": "soon"}, {"published": None}, id="no date that can be read"),
        pytest.param({"date_published": {"a": 1}}, {"published": None}, id="date is an object"),
        pytest.param({"_feedmill": {"published": "soon"}}, {"published": None}, id="extension is not well-formed"),
        pytest.param({"_feedmill": []}, {"title": "渡轮增班"}, id="extension is a list"),
    ],
)
def test_wrong_types(names: dict[str, Any], expected: dict[str, Any]) -> None:
    found = entry(feed(ITEM | names, author={"name": "Staff"}))
    assert {name: getattr(found, name) for name in expected} == expected


@pytest.mark.parametrize(
    ("date", "at", "confidence"),
    [
        pytest.param("2024-02-16T21:03:04", "2024-02-16T21:03:04+00:00", Confidence.ASSUMED_ZONE, id="no zone"),
        pytest.param("2024-02-16", "2024-02-16T00:00:00+00:00", Confidence.DAY, id="a day"),
        pytest.param(1708117384, "2024-02-16T21:03:04+00:00", Confidence.EXACT, id="epoch seconds"),
        pytest.param(1708117384000, "2024-02-16T21:03:04+00:00", Confidence.EXACT, id="epoch milliseconds"),
        pytest.param("1708117384000", "2024-02-16T21:03:04+00:00", Confidence.EXACT, id="epoch in a string"),
        pytest.param("Fri, 16 Feb 2024 21:03:04 GMT", "2024-02-16T21:03:04+00:00", Confidence.EXACT, id="rfc 822"),
    ],
)
def test_dates(date: object, at: str, confidence: Confidence) -> None:
    found = entry(feed(ITEM | {"date_published": date}))
    assert found.published is not None
    assert (found.published.at.isoformat(), found.published.confidence) == (at, confidence)
    assert found.published.origin is DateOrigin.FEED


@pytest.mark.parametrize(
    ("id", "expected"),
    [
        pytest.param("7", "7", id="a number"),
        pytest.param("7.5", "7.5", id="a fraction"),
        pytest.param("9223372036854775809", "9223372036854775809", id="of 64 bits"),
        pytest.param("99999999999999999999", "99999999999999999999", id="of 20 digits"),
        pytest.param("-99999999999999999998", "-99999999999999999998", id="of 20 digits, below zero"),
        pytest.param("9" * 400, "9" * 400, id="of 400 digits"),
        pytest.param("1e300", None, id="beyond what a float counts"),
        pytest.param("true", None, id="no number"),
    ],
)
def test_ids_that_are_numbers(id: str, expected: str | None) -> None:
    item = json.dumps(ITEM | {"id": "?"}).replace('"?"', id)
    for document in (item, f"[{item}]", f'{{"items": [{item}]}}'):
        assert entry(document).guid == expected


def test_items_alone_and_in_an_array() -> None:
    one = entry(json.dumps(ITEM | {"source_url": "https://other.example/feed"}), source_url=None)
    assert one.source.format is Format.JSON_ITEM
    assert one.feed is not None
    assert one.feed.url == "https://other.example/feed"
    assert one.feed_site == "other.example"
    several = entries(json.dumps([ITEM, ITEM | {"url": "https://news.example.org/2", "id": "2"}]))
    assert [each.url for each in several] == ["https://news.example.org/1", "https://news.example.org/2"]
    assert [each.source.index for each in several] == [0, 1]


@pytest.mark.parametrize(
    ("stated", "expected"),
    [
        pytest.param({"source_url": FEED}, "Seals", id="its own address: the title is added"),
        pytest.param({}, "Seals", id="no address"),
        pytest.param({"source_url": "https://other.example/feed"}, None, id="another's address"),
    ],
)
def test_the_header_says_which_feed_it_is(stated: dict[str, str], expected: str | None) -> None:
    found = entry(json.dumps(ITEM | stated | {EXTENSION: {"feed_title": "Seals"}}))
    assert found.feed is not None
    assert (found.feed.url, found.feed.title, found.feed_site) == (FEED, expected, "example.org")


def test_a_feed_whose_address_is_too_long_is_not_unknown() -> None:
    found = entry(json.dumps(ITEM), source_url="https://evil.example/" + "x" * 3000)
    assert found.feed is None
    assert found.feed_key is not None


def test_an_entry_that_is_none_does_not_take_its_document() -> None:
    first, second, third = results(raw(feed(ITEM, "just a string", ITEM | {"title": "b"})))
    assert isinstance(first, Entry)
    assert isinstance(second, DeadLetter)
    assert isinstance(third, Entry)
    assert second.code is DeadLetterCode.MALFORMED_ENTRY
    assert (second.source.index, second.source.count) == (1, 3)
    assert second.payload == '"just a string"'


@pytest.mark.parametrize(
    ("text", "code"),
    [
        pytest.param('{"title": NaN}', DeadLetterCode.MALFORMED_JSON, id="nan"),
        pytest.param('{"title": -Infinity}', DeadLetterCode.MALFORMED_JSON, id="infinity"),
        pytest.param('{"title": "a"', DeadLetterCode.MALFORMED_JSON, id="cut off"),
        pytest.param('{"title": "a",}', DeadLetterCode.MALFORMED_JSON, id="trailing comma"),
        pytest.param("{'title': 'a'}", DeadLetterCode.MALFORMED_JSON, id="python's quotes"),
        pytest.param('{"title": ' + "9" * 5000 + "}", DeadLetterCode.MALFORMED_JSON, id="a number of 5,000 digits"),
        pytest.param('{"title":' + "[" * 100_000, DeadLetterCode.TOO_DEEP, id="deep and unclosed"),
        pytest.param('{"a":' * 5000 + "1" + "}" * 5000, DeadLetterCode.TOO_DEEP, id="deep"),
        pytest.param("[]", DeadLetterCode.NO_ENTRIES, id="empty array"),
        pytest.param(feed(), DeadLetterCode.NO_ENTRIES, id="feed without items"),
        pytest.param('{"items": null}', DeadLetterCode.NO_ENTRIES, id="items is null"),
        pytest.param('{"items": {"a": 1}}', DeadLetterCode.MALFORMED_FEED, id="items is an object"),
        pytest.param('{"version": "https://jsonfeed.org/version/1"}', DeadLetterCode.MALFORMED_FEED, id="no items"),
        pytest.param('{"error": "not found"}', DeadLetterCode.UNSUPPORTED_FORMAT, id="somebody's error"),
        pytest.param("[" + "1," * 10_000 + "1]", DeadLetterCode.TOO_MANY_ENTRIES, id="10,001 entries"),
    ],
)
def test_rejections(text: str, code: DeadLetterCode) -> None:
    found = letter(raw(text))
    assert found.code is code
    assert (found.source.index, found.source.count) == (None, None)
    assert found.payload == text


@pytest.mark.parametrize(
    ("title", "expected"),
    [
        pytest.param("half \\ud83d emoji", "half \ufffd emoji", id="half a pair"),
        pytest.param("whole \\ud83d\\udea2", "whole 🚢", id="a whole pair"),
        pytest.param("\\\\ud83d is text", "\\ud83d is text", id="an escaped backslash"),
        pytest.param("line\nbreak", "line break", id="a line break in a string"),
    ],
)
def test_json_that_is_nearly_right(title: str, expected: str) -> None:
    found = entry(f'{{"url": "https://news.example.org/1", "title": "{title}"}}')
    assert found.title == expected
    assert (Flag.REPLACEMENT_CHARACTERS in found.flags) == ("\ufffd" in expected)
