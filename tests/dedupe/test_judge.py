"""The rules of revisions and duplicates, as sequences of sightings.

Each case tells what became of one entry after another: the rule, the item (A, B … in the order of coming up) and its
revision.
"""

from __future__ import annotations

import pytest

from schemas import Changed, Duplicate, Entry, Flag, News, Position
from tests.dedupe.articles import (
    BREAD,
    BREAD_SUMMARY,
    BREAD_TITLE,
    FERRY,
    FERRY_CORRECTED,
    FERRY_SUMMARY,
    FERRY_TIGHTENED,
    FERRY_TITLE,
    MOON,
    MOON_TITLE,
)
from tests.dedupe.entries import Desk, entry

HOUR = 1 / 24
MINUTE = HOUR / 60
SITE_FEED = "https://www.lanhai.example/feed.xml"
SITE_SUMMARIES = "https://www.lanhai.example/summaries.xml"
AGGREGATOR = "https://reader.example/best-of.xml"
BAIT = "您绝对猜不到是谁拦住了这艘渡轮"

Sightings = list[tuple[Entry, str]]


def ferry(text: str = FERRY, title: str = FERRY_TITLE, **known: object) -> Entry:
    return entry(title, text, **known)  # type: ignore[arg-type]


def told(sightings: Sightings) -> list[str]:
    return Desk().saw(*(shown for shown, _ in sightings))


@pytest.mark.parametrize(
    "sightings",
    [
        pytest.param([(ferry(), "first-sighting A1"), (ferry(), "same-entry A1")], id="the same entry again"),
        pytest.param(
            [
                (ferry(), "first-sighting A1"),
                (ferry(markup="div"), "same-text A1"),
                (ferry(FERRY.replace("。", "。 ")), "same-text A1"),
            ],
            id="other markup and white space, the same words",
        ),
        pytest.param(
            [(ferry(title="渡船为避让海豹搁浅"), "first-sighting A1"), (ferry(), "content-changed A2")],
            id="typo of the title mended",
        ),
        pytest.param(
            [(ferry(), "first-sighting A1"), (ferry(FERRY_CORRECTED), "content-changed A2")],
            id="text corrected",
        ),
        pytest.param(
            [(ferry(), "first-sighting A1"), (ferry(FERRY_TIGHTENED), "content-changed A2")],
            id="a word taken out near the end is no truncated copy",
        ),
        pytest.param(
            [
                (entry(BREAD_TITLE, BREAD), "first-sighting A1"),
                (entry(BREAD_TITLE, BREAD[:280] + MOON[:90]), "content-changed A2"),
            ],
            id="second half written anew and shorter is no truncated copy",
        ),
        pytest.param(
            [(ferry(), "first-sighting A1"), (ferry(FERRY_SUMMARY), "truncated-copy A1"), (ferry(), "same-entry A1")],
            id="cut short by the same feed",
        ),
        pytest.param(
            [(ferry(), "first-sighting A1"), (ferry(""), "truncated-copy A1")], id="the text is gone, the title stays"
        ),
        pytest.param(
            [(ferry(FERRY_SUMMARY), "first-sighting A1"), (ferry(), "content-changed A2")], id="full after a summary"
        ),
        pytest.param(
            [(ferry(published=0), "first-sighting A1"), (ferry(published=-1), "same-text A1")],
            id="only the date changed",
        ),
        pytest.param(
            [
                (ferry(), "first-sighting A1"),
                (ferry(title=BAIT), "content-changed A2"),
                (ferry(), "older-copy A2"),
                (ferry(title=BAIT), "same-entry A2"),
                (ferry(), "older-copy A2"),
            ],
            id="title swapped to and fro",
        ),
        pytest.param(
            [
                (ferry(updated=0), "first-sighting A1"),
                (ferry(title=BAIT, updated=1), "content-changed A2"),
                (ferry(updated=0), "older-copy A2"),
                (ferry(updated=2), "content-changed A3"),
            ],
            id="title swapped back, with a later stated update",
        ),
        pytest.param(
            [
                (ferry(updated=0), "first-sighting A1"),
                (ferry(title=BAIT), "content-changed A2"),
                (ferry(updated=1), "content-changed A3"),
            ],
            id="title swapped back: later than any update stated before",
        ),
    ],
)
def test_the_publisher_changes_it(sightings: Sightings) -> None:
    assert told(sightings) == [expected for _, expected in sightings]


@pytest.mark.parametrize(
    "sightings",
    [
        pytest.param(
            [(ferry(updated=2), "first-sighting A1"), (ferry(FERRY_CORRECTED, updated=1), "older-copy A1")],
            id="by stated update",
        ),
        pytest.param(
            [
                (ferry(updated=1), "first-sighting A1"),
                (ferry(MOON + FERRY), "content-changed A2"),
                (ferry(FERRY_CORRECTED, updated=0.5), "older-copy A2"),
            ],
            id="by the update that an earlier revision stated",
        ),
        pytest.param(
            [(ferry(sent=2), "first-sighting A1"), (ferry(FERRY_CORRECTED, sent=1), "older-copy A1")],
            id="by comment date",
        ),
        pytest.param(
            [
                (ferry(sent=2, received=2), "first-sighting A1"),
                (ferry(FERRY_CORRECTED, sent=1, received=3), "older-copy A1"),
            ],
            id="by comment date, though received later",
        ),
        pytest.param(
            [(ferry(received=2), "first-sighting A1"), (ferry(FERRY_CORRECTED, received=1), "older-copy A1")],
            id="by received-at",
        ),
        pytest.param(
            [
                (ferry(sent=1, received=2), "first-sighting A1"),
                (ferry(FERRY_CORRECTED, sent=1, received=1), "older-copy A1"),
            ],
            id="by received-at where the comment dates agree",
        ),
        pytest.param(
            [
                (ferry(updated=1, sent=2), "first-sighting A1"),
                (ferry(FERRY_CORRECTED, updated=1, sent=1), "older-copy A1"),
            ],
            id="by comment date where the stated updates agree",
        ),
        pytest.param(
            [
                (ferry(updated=1, sent=2), "first-sighting A1"),
                (ferry(FERRY_CORRECTED, updated=2, sent=1), "content-changed A2"),
            ],
            id="not where a later update is stated",
        ),
        pytest.param(
            [
                (ferry(updated=18_000, received=0), "first-sighting A1"),
                (ferry(FERRY_CORRECTED, updated=1), "content-changed A2"),
                (ferry(title=BAIT, updated=18_001, received=2), "content-changed A3"),
                (ferry(FERRY_CORRECTED, updated=18_002, received=3), "older-copy A3"),
            ],
            id="not by an update that cannot be: it neither blocks corrections nor brings back what was corrected",
        ),
        pytest.param(
            [
                (ferry(updated=8 * HOUR, received=5 * MINUTE), "first-sighting A1"),
                (ferry(FERRY_CORRECTED, updated=HOUR, received=65 * MINUTE), "content-changed A2"),
                (ferry(updated=8 * HOUR, received=2 * HOUR), "older-copy A2"),
                (ferry(title=BAIT, updated=-HOUR, received=3 * HOUR), "older-copy A2"),
            ],
            id="not by local time that passes for UTC, received before it",
        ),
        pytest.param(
            [
                (ferry(updated=9 * HOUR, received=HOUR), "first-sighting A1"),
                (ferry(FERRY_CORRECTED, updated=8 * HOUR, received=65 * MINUTE), "older-copy A1"),
                (ferry(FERRY_CORRECTED, updated=10 * HOUR, received=125 * MINUTE), "content-changed A2"),
                (ferry(updated=11 * HOUR, received=185 * MINUTE), "content-changed A3"),
            ],
            id="by stated update where both are of the same wrong zone",
        ),
        pytest.param(
            [
                (ferry(sent=2 * MINUTE, received=HOUR), "first-sighting A1"),
                (ferry(FERRY_CORRECTED, sent=0, received=5 * HOUR), "content-changed A2"),
            ],
            id="not where the publisher rounds the comment date and it came hours later",
        ),
        pytest.param(
            [
                (ferry(sent=2 * MINUTE), "first-sighting A1"),
                (ferry(FERRY_CORRECTED, sent=0), "older-copy A1"),
            ],
            id="two minutes are enough where nothing else tells",
        ),
        pytest.param(
            [(ferry(sent=1), "first-sighting A1"), (ferry(FERRY_CORRECTED, sent=1), "content-changed A2")],
            id="not at the same moment",
        ),
        pytest.param(
            [(ferry(sent=2), "first-sighting A1"), (ferry(FERRY_CORRECTED), "content-changed A2")],
            id="not without a date",
        ),
    ],
)
def test_an_older_copy_after_a_newer_one(sightings: Sightings) -> None:
    assert told(sightings) == [expected for _, expected in sightings]


def test_nine_revisions_are_remembered() -> None:
    desk = Desk()
    for number in range(10):
        assert str(desk.see(ferry(title=f"{FERRY_TITLE}（{number}）"))).endswith(f"A{number + 1}")
    assert desk.saw(ferry(title=f"{FERRY_TITLE}（1）")) == ["older-copy A10"]
    assert desk.saw(ferry(title=f"{FERRY_TITLE}（0）")) == ["content-changed A11"]


@pytest.mark.parametrize(
    "sightings",
    [
        pytest.param(
            [
                (ferry(feed=SITE_FEED), "first-sighting A1"),
                (ferry(FERRY_CORRECTED + MOON, feed=AGGREGATOR), "other-feed A1"),
                (ferry(feed=AGGREGATOR), "same-entry A1"),
                (ferry(FERRY_CORRECTED, feed=SITE_FEED), "content-changed A2"),
            ],
            id="an aggregator has no say",
        ),
        pytest.param(
            [
                (ferry(feed=SITE_FEED), "first-sighting A1"),
                (ferry(FERRY_SUMMARY, feed=AGGREGATOR), "other-feed A1"),
                (ferry(FERRY_SUMMARY, title="海豹拦船", feed=AGGREGATOR), "other-feed A1"),
            ],
            id="an aggregator's summary, also under its own headline",
        ),
        pytest.param(
            [
                (ferry(FERRY * 3 + MOON, feed=SITE_FEED), "first-sighting A1"),
                (ferry(FERRY[:120], title="A barge of seals", feed=AGGREGATOR), "other-feed A1"),
            ],
            id="an extract hardly alike by sketch, with a foreign headline",
        ),
        pytest.param(
            [
                (ferry(FERRY_SUMMARY, feed=AGGREGATOR), "first-sighting A1"),
                (ferry(feed=SITE_FEED), "content-changed A2"),
                (ferry(FERRY_SUMMARY, feed=AGGREGATOR), "older-copy A2"),
                (ferry(FERRY[:100], feed=AGGREGATOR), "truncated-copy A2"),
            ],
            id="the aggregator was first: the site's full text revises it",
        ),
        pytest.param(
            [(ferry(feed=SITE_FEED), "first-sighting A1"), (ferry(FERRY_CORRECTED), "content-changed A2")],
            id="an unknown feed counts as the item's own",
        ),
        pytest.param(
            [
                (ferry(), "first-sighting A1"),
                (ferry(FERRY_CORRECTED, feed=AGGREGATOR), "other-feed A1"),
                (ferry(FERRY_CORRECTED, feed=SITE_FEED), "content-changed A2"),
            ],
            id="first seen by an unknown feed",
        ),
        pytest.param(
            [
                (ferry(feed=SITE_FEED), "first-sighting A1"),
                (ferry(FERRY_SUMMARY, feed=SITE_SUMMARIES), "truncated-copy A1"),
                (ferry(FERRY[:230], feed=SITE_SUMMARIES), "truncated-copy A1"),
            ],
            id="one site: summaries after the full text",
        ),
        pytest.param(
            [
                (ferry(FERRY_SUMMARY, feed=SITE_SUMMARIES), "first-sighting A1"),
                (ferry(feed=SITE_FEED), "content-changed A2"),
                (ferry(FERRY_SUMMARY, feed=SITE_SUMMARIES), "older-copy A2"),
                (ferry(FERRY_CORRECTED, feed=SITE_FEED), "content-changed A3"),
            ],
            id="one site: the full text after summaries",
        ),
        pytest.param(
            [
                (ferry(feed=SITE_FEED), "first-sighting A1"),
                (ferry(MOON[:60], title=FERRY_TITLE, feed=SITE_SUMMARIES), "truncated-copy A1"),
            ],
            id="one site: a teaser in other words, under half the length",
        ),
        pytest.param(
            [
                (ferry(feed=SITE_FEED), "first-sighting A1"),
                (ferry(FERRY[:230], feed=SITE_FEED), "truncated-copy A1"),
                (ferry(FERRY[:-8], feed=SITE_FEED), "content-changed A2"),
            ],
            id="one feed: the last words taken away are an edit, the last sentence is not",
        ),
    ],
)
def test_feeds(sightings: Sightings) -> None:
    assert told(sightings) == [expected for _, expected in sightings]


def test_what_changed_is_named() -> None:
    desk = Desk()
    desk.see(ferry(published=0, updated=0))
    title = desk.see(ferry(title=BAIT, published=0, updated=0)).told.decision
    text = desk.see(ferry(FERRY_CORRECTED, title=BAIT, published=0, updated=1)).told.decision
    both = desk.see(ferry(FERRY_CORRECTED + "。", title=FERRY_TITLE, published=1, updated=1)).told.decision
    assert title.changed == [Changed.TITLE]
    assert text.changed == [Changed.TEXT, Changed.DATES]
    assert both.changed == [Changed.TITLE, Changed.TEXT, Changed.DATES]
    assert title.score == 1.0
    assert text.score is not None
    assert 0.8 < text.score < 1
    assert any("246 letters before, 246 now" in line for line in text.evidence), text.evidence


def test_evidence_names_the_address() -> None:
    desk = Desk()
    assert desk.see(ferry()).told.decision.evidence == ["no earlier item has any of its addresses"]
    again = desk.see(ferry()).told.decision
    assert again.evidence[0] == "link https://www.lanhai.example/a/20261102/ferry.html is this item's"
    assert again.matched == desk.see(ferry()).told.id


@pytest.mark.parametrize(
    ("dates", "kept"),
    [
        pytest.param([0.0, None], 0.0, id="an undated revision keeps the date"),
        pytest.param([0.0, None, None], 0.0, id="through two of them"),
        pytest.param([0.0, 1.0, None], 1.0, id="the later of two"),
        pytest.param([None, None], None, id="never dated"),
    ],
)
def test_earlier_published(dates: list[float | None], kept: float | None) -> None:
    desk = Desk()
    news = [
        desk.see(ferry(title=f"{FERRY_TITLE}（{number}）", published=date)).told for number, date in enumerate(dates)
    ]
    last = news[-1]
    assert isinstance(last, News)
    earlier = last.earlier_published
    expected = None if kept is None else entry("", "", published=kept).published
    assert (earlier and earlier.at) == (expected and expected.at)
    assert earlier is None or earlier.origin.value == "earlier-revision"


@pytest.mark.parametrize(
    "sightings",
    [
        pytest.param(
            [(ferry(), "first-sighting A1"), (ferry(day=90), "same-entry A1"), (ferry(day=179), "same-entry A1")],
            id="ninety days are not more than ninety, and each sighting counts",
        ),
        pytest.param(
            [(ferry(), "first-sighting A1"), (ferry(day=91), "returned A2"), (ferry(day=92), "same-entry A2")],
            id="unseen for 91 days",
        ),
        pytest.param(
            [
                (ferry(), "first-sighting A1"),
                (ferry(FERRY_CORRECTED, day=1), "content-changed A2"),
                (entry(MOON_TITLE, MOON, day=200), "returned A3"),
                (ferry(day=201), "reused-address B1"),
            ],
            id="what it said is forgotten, its number is not",
        ),
        pytest.param(
            [(ferry(), "first-sighting A1"), (ferry(day=731), "first-sighting A1")],
            id="unseen for over two years: a new item with the same id",
        ),
        pytest.param(
            [
                (ferry(feed=SITE_FEED), "first-sighting A1"),
                (ferry(feed=AGGREGATOR, day=100), "returned A2"),
                (ferry(FERRY_CORRECTED, feed=AGGREGATOR, day=101), "content-changed A3"),
            ],
            id="who brings it back may revise it",
        ),
    ],
)
def test_unseen_for_long(sightings: Sightings) -> None:
    assert told(sightings) == [expected for _, expected in sightings]


def test_a_returned_item_is_flagged() -> None:
    desk = Desk()
    desk.see(ferry())
    back = desk.see(ferry(day=120)).told
    assert isinstance(back, News)
    assert back.flags == [Flag.RETURNED]
    assert any("120 days" in line for line in back.decision.evidence)


def replay(number: int, index: int | None = 0, topic: str = "feeds.raw") -> Position:
    return Position(topic, 0, number, index)


def elsewhere(number: int) -> Position:
    return Position("feeds.raw", 1, number, 0)


@pytest.mark.parametrize(
    "sightings",
    [
        pytest.param(
            [(ferry(), "first-sighting A1"), (ferry(replay_of=replay(0)), "replayed A1")],
            id="the present revision",
        ),
        pytest.param(
            [
                (ferry(), "first-sighting A1"),
                (ferry(FERRY_CORRECTED), "content-changed A2"),
                (ferry(replay_of=replay(0)), "superseded A2"),
                (ferry(FERRY_CORRECTED, replay_of=replay(1)), "replayed A2"),
                (ferry(FERRY_CORRECTED, replay_of=replay(1)), "replayed A2"),
            ],
            id="an earlier one, then the present one twice",
        ),
        pytest.param(
            [
                (ferry(), "first-sighting A1"),
                (ferry(), "same-entry A1"),
                (ferry(replay_of=replay(1)), "same-entry A1"),
            ],
            id="one that was a duplicate",
        ),
        pytest.param(
            [
                (ferry(), "first-sighting A1"),
                (ferry(FERRY_CORRECTED), "content-changed A2"),
                (ferry(FERRY_CORRECTED + "（更正）", replay_of=replay(0, index=7)), "superseded A2"),
                (ferry(FERRY_CORRECTED + "（更正）", replay_of=replay(9)), "content-changed A3"),
            ],
            id="one that failed unjudged, before the present revision and after it",
        ),
        pytest.param(
            [(ferry(), "first-sighting A1")]
            + [(ferry(f"{FERRY}（{number}）"), f"content-changed A{number}") for number in range(2, 13)]
            + [(ferry(f"{FERRY}（2）", replay_of=replay(1)), "superseded A12")],
            id="a revision that is remembered no more",
        ),
        pytest.param(
            [
                (ferry(), "first-sighting A1"),
                (ferry(FERRY_CORRECTED, day=1), "content-changed A2"),
                (ferry(received=0.5, day=2, replay_of=elsewhere(0)), "superseded A2"),
                (
                    ferry(FERRY_CORRECTED + "（更正）", received=1.5, day=2, replay_of=elsewhere(1)),
                    "content-changed A3",
                ),
            ],
            id="of another partition: receipt tells which came first",
        ),
        pytest.param([(ferry(replay_of=replay(99)), "first-sighting A1")], id="an item that never came through"),
        pytest.param(
            [
                (ferry(replay_of=replay(99)), "first-sighting A1"),
                (ferry(replay_of=replay(99)), "replayed A1"),
            ],
            id="what came by a replay is known as what it replayed",
        ),
        pytest.param(
            [
                (ferry(), "first-sighting A1"),
                (ferry(FERRY_CORRECTED, replay_of=replay(99)), "content-changed A2"),
            ],
            id="a position that is nobody's",
        ),
        pytest.param(
            [
                (ferry(), "first-sighting A1"),
                (ferry(replay_of=replay(0, topic="other.raw")), "same-entry A1"),
                (ferry(replay_of=replay(0, index=1)), "same-entry A1"),
            ],
            id="of another topic, of another entry",
        ),
        pytest.param(
            [
                (ferry(), "first-sighting A1"),
                (entry(MOON_TITLE, MOON), "reused-address B1"),
                (entry(MOON_TITLE, MOON, replay_of=replay(1)), "replayed B1"),
                (ferry(replay_of=replay(0)), "replayed A1"),
                (entry(MOON_TITLE + "（更正）", MOON), "content-changed B2"),
                (entry(MOON_TITLE, MOON, replay_of=replay(1)), "superseded B2"),
            ],
            id="of articles that share an address",
        ),
        pytest.param(
            [
                (ferry(), "first-sighting A1"),
                (ferry(FERRY + "（新提取）", replay_of=replay(0)), "replayed A1"),
                (ferry(FERRY + "（新提取）", markup="div"), "same-text A1"),
            ],
            id="read anew by a newer mill",
        ),
    ],
)
def test_replays(sightings: Sightings) -> None:
    assert told(sightings) == [expected for _, expected in sightings]


def test_a_replayed_entry_goes_on_and_a_superseded_one_ends() -> None:
    desk = Desk()
    desk.see(ferry())
    replayed = desk.see(ferry(replay_of=replay(0))).told
    desk.see(ferry(FERRY_CORRECTED))
    superseded = desk.see(ferry(replay_of=replay(0))).told
    assert isinstance(replayed, News)
    assert replayed.entry.replay_of == replay(0)
    assert isinstance(superseded, Duplicate)
    assert superseded.replay_of == replay(0)
    assert (replayed.revision, superseded.revision) == (1, 2)


def test_short_texts() -> None:
    """Under eighty letters the address decides, whatever is said there."""
    assert Desk().saw(
        ferry("海豹醒了。"), entry(MOON_TITLE, MOON), entry(BREAD_TITLE, BREAD_SUMMARY), entry(BREAD_TITLE, "Closed.")
    ) == ["first-sighting A1", "content-changed A2", "reused-address B1", "content-changed B2"]
