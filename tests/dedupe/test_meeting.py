"""Addresses: which item an entry belongs to, of those that its link and its guid lead to."""

from __future__ import annotations

import pytest

from schemas import Entry
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
from tests.dedupe.entries import LINK, Desk, entry

HOME = "https://lanhai.example/"
LIVE = "https://lanhai.example/live"
FEED = "https://lanhai.example/feed.xml"
OTHER = "https://lanhai.example/a/20261103/other.html"

Sightings = list[tuple[Entry, str]]


def ferry(text: str = FERRY, title: str = FERRY_TITLE, **known: object) -> Entry:
    return entry(title, text, **known)  # type: ignore[arg-type]


def moon(title: str = MOON_TITLE, text: str = MOON, **known: object) -> Entry:
    return entry(title, text, **known)  # type: ignore[arg-type]


def bread(text: str = BREAD, **known: object) -> Entry:
    return entry(BREAD_TITLE, text, **known)  # type: ignore[arg-type]


def chess(**known: object) -> Entry:
    return entry(CHESS_TITLE, CHESS, **known)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "sightings",
    [
        pytest.param(
            [
                (ferry(link=LINK + "?utm_source=feed"), "first-sighting A1"),
                (ferry(link=LINK.replace("https://www.", "http://") + "#top"), "same-text A1"),
            ],
            id="trackers, scheme, www and fragment",
        ),
        pytest.param(
            [
                (ferry(guid="http://lanhai.example/?p=7", link="http://lanhai.example/a/7"), "first-sighting A1"),
                (ferry(guid="https://lanhai.example/?p=7", link="https://lanhai.example/b/7"), "same-text A1"),
            ],
            id="guid moved to https, link renamed",
        ),
        pytest.param(
            [
                (ferry(link="https://www.lanhai.example/a/1", guid="7"), "first-sighting A1"),
                (ferry(link="https://m.lanhai.example/a/1", guid="7"), "same-text A1"),
                (ferry(link="https://m.lanhai.example/a/1"), "same-text A1"),
                (ferry(FERRY_CORRECTED, link="https://www.lanhai.example/a/1"), "content-changed A2"),
            ],
            id="sub-domain to and fro: both addresses are the item's",
        ),
        pytest.param(
            [
                (ferry(link="https://www.lanhai.example/a/1"), "first-sighting A1"),
                (ferry(link="https://m.lanhai.example/a/1"), "first-sighting B1"),
            ],
            id="another sub-domain and no guid: two items",
        ),
        pytest.param(
            [(ferry(guid="7"), "first-sighting A1"), (ferry(guid="8"), "same-text A1")],
            id="new guid, same link",
        ),
        pytest.param(
            [
                (ferry(link=None, feed=FEED), "first-sighting A1"),
                (ferry(link=None, feed=FEED, markup="div"), "same-text A1"),
                (ferry(FERRY_CORRECTED, link=None, feed=FEED), "first-sighting B1"),
                (ferry(link=None, feed="https://register.example/feed"), "first-sighting C1"),
            ],
            id="neither link nor guid: feed, title and text",
        ),
        pytest.param(
            [(ferry(guid="7"), "first-sighting A1"), (ferry(link=None, feed=FEED, guid="7"), "same-text A1")],
            id="the link is missing once",
        ),
        pytest.param(
            [
                (ferry(link=LINK, guid=FERRY_TITLE), "first-sighting A1"),
                (ferry(link=LINK, guid=FERRY_TITLE + "！", title=FERRY_TITLE + "！"), "content-changed A2"),
                (ferry(FERRY_CORRECTED, link=OTHER, guid=FERRY_TITLE), "content-changed A3"),
            ],
            id="the guid is the headline",
        ),
        pytest.param(
            [
                (ferry(link=LINK, guid="7"), "first-sighting A1"),
                (moon(link=OTHER, guid="8"), "first-sighting B1"),
                (ferry(FERRY_CORRECTED, link=LINK, guid="8"), "content-changed A2"),
                (moon(link=LINK, guid="8"), "same-text B1"),
            ],
            id="two items met: the link's, unless its article is another one",
        ),
    ],
)
def test_addresses(sightings: Sightings) -> None:
    assert Desk().saw(*(shown for shown, _ in sightings)) == [expected for _, expected in sightings]


@pytest.mark.parametrize(
    "sightings",
    [
        pytest.param(
            [
                (ferry(link=HOME), "first-sighting A1"),
                (moon(link=HOME), "reused-address B1"),
                (bread(link=HOME), "reused-address C1"),
                (moon(link=HOME), "same-entry B1"),
                (ferry(link=HOME, markup="div"), "same-text A1"),
                (bread(link=HOME), "same-entry C1"),
                (bread(BREAD.replace("sixty-one", "sixty-two"), link=HOME), "content-changed C2"),
                (ferry(FERRY_CORRECTED, link=HOME), "content-changed A2"),
                (bread(link=HOME), "older-copy C2"),
            ],
            id="home page: three articles, each recognised again",
        ),
        pytest.param(
            [
                (entry("海豹醒了", "醒了。", link=HOME), "first-sighting A1"),
                (entry("面条好了", "来吃。", link=HOME), "reused-address B1"),
                (entry("面条好了", "来吃吧。", link=HOME), "content-changed B2"),
                (entry("海豹醒了", "真醒了。", link=HOME), "content-changed A2"),
            ],
            id="home page: short notes go by their titles",
        ),
        pytest.param(
            [
                (entry("", "海豹醒了。", link=HOME), "first-sighting A1"),
                (entry("", "面条好了。", link=HOME), "reused-address B1"),
                (entry("", "月亮升起。", link=HOME), "reused-address C1"),
                (entry("", "海豹醒了。", link=HOME, markup="div"), "same-text A1"),
                (entry("", "面条好了。", link=HOME, markup="div"), "same-text B1"),
            ],
            id="home page: posts without titles go by their text",
        ),
        pytest.param(
            [
                (entry("海豹醒了", "醒了。", link=LIVE), "first-sighting A1"),
                (entry("面条好了", "来吃。", link=LIVE), "content-changed A2"),
            ],
            id="elsewhere the address decides for short notes",
        ),
        pytest.param(
            [
                (ferry(link=LIVE), "first-sighting A1"),
                (moon(link=LIVE), "reused-address B1"),
                (moon("环形山有了名字", link=LIVE), "content-changed B2"),
                (chess(link=LIVE), "reused-address C1"),
                (moon("环形山有了名字", MOON + "食堂已经排队。", link=LIVE), "content-changed B3"),
                (moon(link=LIVE), "older-copy B3"),
            ],
            id="live page: found under each title that it had",
        ),
        pytest.param(
            [
                (ferry(link=LIVE), "first-sighting A1"),
                (moon(link=LIVE), "reused-address B1"),
                (chess(link=LIVE), "reused-address C1"),
                (entry("Ничья", CHESS, link=LIVE), "content-changed C2"),
                (moon("月球上的面碗", link=LIVE), "reused-address D1"),
            ],
            id="live page: by text only the latest is recognised",
        ),
        pytest.param(
            [
                (entry("早报", FERRY, link=LIVE), "first-sighting A1"),
                (entry("早报", BREAD, link=LIVE), "content-changed A2"),
            ],
            id="the same title is the same item, whatever it says today",
        ),
        pytest.param(
            [
                (ferry(link="https://lanhai.example/a/1", guid="feed"), "first-sighting A1"),
                (moon(link="https://lanhai.example/a/2", guid="feed"), "reused-address B1"),
                (bread(link="https://lanhai.example/a/3", guid="feed"), "reused-address C1"),
                (moon(link="https://lanhai.example/a/2", guid="feed"), "same-entry B1"),
                (bread(link="https://lanhai.example/a/3", guid="feed", markup="div"), "same-text C1"),
            ],
            id="one guid for all entries of several documents",
        ),
        pytest.param(
            [
                (entry("海豹醒了", "醒了。", link="https://a.lanhai.example/x", guid="/?p=1"), "first-sighting A1"),
                (entry("面条好了", "来吃。", link="https://b.lanhai.example/y", guid="/?p=1"), "reused-address B1"),
                (entry("海豹醒了", "醒。", link="https://a.lanhai.example/z", guid="/?p=1"), "content-changed A2"),
            ],
            id="two blogs of one site count alike: by guid alone short notes need the same title",
        ),
        pytest.param(
            [
                (
                    entry("海豹群登上北岛码头", "详情请看。", link=f"{HOME}1", guid="1"),
                    "first-sighting A1",
                ),
                (
                    entry("海豹群离开北岛码头", "详情点击。", link=f"{HOME}2", guid="1"),
                    "reused-address B1",
                ),
                (
                    entry("海狗群离开北岛码头", "详情点击。", link=f"{HOME}3", guid="1"),
                    "content-changed B2",
                ),
            ],
            id="by guid alone a short note may have its headline corrected, or move",
        ),
        pytest.param(
            [
                (ferry(link="https://lanhai.example/a/1", guid="1"), "first-sighting A1"),
                (moon(link="https://lanhai.example/a/2", guid="1", title=FERRY_TITLE), "reused-address B1"),
                (moon(link="https://lanhai.example/a/3", guid="1"), "content-changed B2"),
                (ferry(FERRY_CORRECTED, link="https://lanhai.example/a/4", guid="1"), "content-changed A2"),
            ],
            id="by guid alone the texts decide, not the headline",
        ),
        pytest.param(
            [
                (entry("海豹登上码头", "点击阅读。", link=LIVE, guid="1"), "first-sighting A1"),
                (entry("面包房起火", "点击阅读。", link=LIVE, guid="2"), "reused-address B1"),
                (entry("面包房昨夜起火", "点击阅读。", link=LIVE, guid="3"), "content-changed B2"),
                (entry("面包房昨夜起火了", "火已扑灭。", link=LIVE, guid="4"), "content-changed B3"),
                (entry("面包房昨夜关门", "没有面粉。", link=LIVE, guid="5"), "reused-address C1"),
            ],
            id="live page: a note with a guid of its own is another one, unless title and text are much alike",
        ),
    ],
)
def test_reused_addresses(sightings: Sightings) -> None:
    assert Desk().saw(*(shown for shown, _ in sightings)) == [expected for _, expected in sightings]


def test_evidence_of_a_reused_address() -> None:
    desk = Desk()
    first = desk.see(ferry(link=HOME)).told
    decision = desk.see(moon(link=HOME)).told.decision
    assert decision.matched == first.id
    assert decision.score is not None
    assert decision.score < 0.2
    assert decision.evidence == [
        f"link {HOME} belongs to item {first.id}",
        "but this is another article: titles alike 0.00, texts alike 0.00",
    ]


def test_evidence_names_the_item_that_is_passed_over() -> None:
    desk = Desk()
    desk.see(ferry(link=LINK, guid="7"))
    other = desk.see(moon(link=OTHER, guid="8")).told
    evidence = desk.see(ferry(link=LINK, guid="8")).told.decision.evidence
    assert f"guid 8 belongs to another item, {other.id}" in evidence


def test_an_id_is_the_same_in_every_mill() -> None:
    """The hash of the first sighting's strongest key, whatever came between."""
    one, other = Desk(), Desk()
    other.see(chess(link=OTHER))
    assert one.see(ferry(guid="7")).told.id == other.see(ferry(guid="9", feed=FEED)).told.id
    assert one.see(moon()).told.id == other.see(moon()).told.id
