"""Promise 7: what could not leave the mill comes out, replayed, as what it was.

Every item of the samples, and of documents made for the hard cases, is refused at each place where it can be: as news,
as a draft, as an item. Its dead letter is replayed as `feedmill dead-letters replay` would, at once and after all
documents that came later.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Struct

from agents import samples
from agents.cli.dead_letters import replayed
from agents.dedupe.stage import DedupeStage
from agents.enrich.stage import EnrichStage
from agents.pipeline import Pipeline, Result
from agents.sources.records import RawRecord, raw_document
from agents.stage import Output, Topic
from agents.stories.stage import StoriesStage
from schemas import DeadLetter, DeadLetterCode, DedupeRule, Duplicate, Item
from tests.documents import FIRST, LATER, atom, markdown, record
from tests.states import DictState

FEED = "https://lanhai.example/feed.json"
NOW = datetime(2026, 11, 23, tzinfo=UTC)
LATER_ON = NOW + timedelta(hours=5)

REPLAYED = {"source", "decision", "replay_of", "grouping"}
"""What a replayed item may say otherwise: where this record of it stood, and why it was let through."""


PIPELINE = Pipeline(version="0.0.0")


class Mill:
    """The four stages, with what dedupe and stories remember."""

    def __init__(self, dedupe: DictState | None = None, stories: DictState | None = None) -> None:
        self.pipeline = PIPELINE
        self.dedupe = dedupe or DictState()
        self.stories = stories or DictState()
        self.retracted: set[str] = set()

    def again(self) -> Mill:
        """One that remembers the same, and forgets what it learns."""
        return Mill(DictState(self.dedupe), DictState(self.stories))

    def take(self, record: RawRecord, number: int, now: datetime = NOW) -> list[tuple[Output, Output, Result]]:
        """The results of a document that are no tombstones, each with its news and its draft where it has them."""
        outputs = self.pipeline.read(raw_document(record, number, now), now)
        made = []
        for output in outputs:
            for judged in self.pipeline.judge([output], self.dedupe, now):
                [draft] = self.pipeline.enrich([judged], now)
                [result] = self.pipeline.settle([draft], self.stories, now)
                if result.value is None:
                    self.retracted.add((result.key or b"").decode())
                else:
                    made.append((judged, draft, result))
        return made


class Refused(Struct, frozen=True):
    """An item that came out, and the dead letters that it could have become."""

    item: Item
    letters: tuple[DeadLetter, ...]


def letters_of(news: Output, draft: Output, item: Item) -> tuple[DeadLetter, ...]:
    stories = StoriesStage()
    [sent] = stories.handle([draft.value or b""], DictState(), NOW)
    refusals = ((DedupeStage(), news), (EnrichStage("0.0.0"), draft), (stories, sent))
    made = (stage.refused(output, DeadLetterCode.REFUSED_BY_BROKER, "Refused.", NOW) for stage, output in refusals)
    return tuple(msgspec.json.decode(letter.value or b"", type=DeadLetter) for letter in made)


def check(records: Sequence[RawRecord]) -> int:
    """Replay everything; the number of items that came out."""
    mill = Mill()
    everything: list[Refused] = []
    for number, one in enumerate(records):
        here = []
        for news, draft, result in mill.take(one, number):
            if result.role is Topic.ENRICHED:
                item = msgspec.json.decode(result.value or b"", type=Item)
                here.append(Refused(item, letters_of(news, draft, item)))
        check_replays(mill, here, "at once")
        everything += here
    check_replays(mill, everything, "after everything")
    return len(everything)


def check_replays(mill: Mill, refused: Sequence[Refused], when: str) -> None:
    highest = {each.item.id: each.item.revision for each in refused}
    for each in refused:
        item = each.item
        for letter in each.letters:
            where = (when, letter.stage, item.source.ref, item.source.index)
            assert (letter.id, letter.revision) == (item.id, item.revision), where
            [(_, _, result)] = mill.again().take(replayed(letter), 10**6, LATER_ON)
            if item.id not in mill.retracted and item.revision == highest[item.id]:
                assert result.role is Topic.ENRICHED, (where, result.value)
                again = msgspec.json.decode(result.value or b"", type=Item)
                assert again.replay_of == item.source.position, where
                for name in set(Item.__struct_fields__) - REPLAYED - {"verdict"}:
                    assert getattr(again, name) == getattr(item, name), (where, name)
            else:
                assert result.role is Topic.DUPLICATES, (where, result.value)
                duplicate = msgspec.json.decode(result.value or b"", type=Duplicate)
                rule = DedupeRule.RETRACTED if item.id in mill.retracted else DedupeRule.SUPERSEDED
                assert (duplicate.decision.rule, duplicate.id) == (rule, item.id), where


def test_every_item_of_the_samples() -> None:
    assert check(samples.records()) > 100


LINES = [line + "。" for line in FIRST.replace("，", "。").split("。") if line.strip()]


def feed(*items: Mapping[str, object]) -> bytes:
    return json.dumps({"version": "https://jsonfeed.org/version/1.1", "title": "蓝海", "items": items}).encode()


def long_text(about: str) -> str:
    return "".join(f"<p>{about} {number}: {about[::-1]} {number * 7919}</p>" for number in range(30))


@pytest.mark.parametrize(
    "bodies",
    [
        pytest.param(
            [
                feed(
                    *(
                        {"url": "https://lanhai.example/live", "title": f"直播 {number}", "content_html": line}
                        for number, line in enumerate(LINES)
                    )
                )
            ],
            id="several entries share a link",
        ),
        pytest.param(
            [
                feed(
                    {"id": "1", "url": "https://lanhai.example/", "title": "海豹", "content_html": FIRST},
                    {"id": "1", "url": "https://lanhai.example/", "title": "渡轮", "content_html": LATER},
                    {"title": "灯塔", "content_html": "没有链接。"},
                )
            ],
            id="shared link and shared guid: known by their content",
        ),
        pytest.param(
            [
                markdown("Harbour", long_text("seals asleep on the buoy"), "https://www.lanhai.example/"),
                markdown("渡轮时刻", long_text("明天清晨第一班渡轮改点"), "https://www.lanhai.example/"),
                markdown("Weather", long_text("rain, fog and a little sun"), "https://www.lanhai.example/"),
            ],
            id="articles take turns at an address",
        ),
        pytest.param([b"<!--1-->\n[](/relative/1)\n------\n<p>no title</p>"], id="neither title nor absolute link"),
        pytest.param(
            [atom("<entry><content type='html'>&lt;p&gt;nameless&lt;/p&gt;</content></entry>")],
            id="nothing but a text",
        ),
        pytest.param(
            [
                markdown("船", "<img src='/a.jpg'><p class='picinfo'>海豹</p><p>正文第一段。</p>"),
                markdown("船", "<img src='/a.jpg'><p class='picinfo'>海豹</p><p>正文第一段，改了。</p>"),
            ],
            id="a caption that only its class marks, revised",
        ),
    ],
)
@pytest.mark.parametrize("source_url", [FEED, None], ids=["feed known", "feed unknown"])
def test_the_hard_cases(bodies: list[bytes], source_url: str | None) -> None:
    assert check([record(body, number, source_url=source_url) for number, body in enumerate(bodies)])


LINKS = st.sampled_from([None, "https://lanhai.example/1", "https://lanhai.example/2", "/3", "https://lanhai.example/"])
ITEMS = st.fixed_dictionaries(
    {},
    optional={
        "id": st.sampled_from(["1", "2", "urn:uuid:3", "https://lanhai.example/1"]),
        "url": LINKS,
        "title": st.sampled_from(["渡轮搁浅", "Seals <b>asleep</b> &amp; snoring", "\u202e[x](y)", "", "灯塔"]),
        "content_html": st.sampled_from(
            [FIRST, LATER, long_text("seals"), "<p></p>", "<figure><img src='/i.jpg'>", "短"]
        ),
        "content_text": st.sampled_from([FIRST, "1 < 2\n\n3", ""]),
        "date_published": st.sampled_from(["2026-11-20T08:00:00+08:00", "2026-11-20", "yesterday", 1795162020]),
        "date_modified": st.sampled_from(["2026-11-21T08:00:00Z", "2026-11-19T08:00:00Z"]),
        "authors": st.just([{"name": "某某"}, {"name": " "}]),
        "tags": st.just(["a", "b,c"]),
        "image": st.just("/lead.jpg"),
        "attachments": st.just([{"url": "a.mp3", "mime_type": "audio/mpeg", "duration_in_seconds": 1.5}]),
    },
)


@settings(max_examples=60)
@given(
    st.lists(st.lists(ITEMS, min_size=1, max_size=4), min_size=1, max_size=4),
    st.sampled_from([FEED, None, "https://other.example/feed", "/relative"]),
)
def test_any_feed(documents: list[list[dict[str, object]]], source_url: str | None) -> None:
    check([record(feed(*items), number, source_url=source_url) for number, items in enumerate(documents)])
