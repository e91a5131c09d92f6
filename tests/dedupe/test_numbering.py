"""Random histories of a few items against the rules told a second time, in the plainest way."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random

import msgspec
import pytest

from schemas import Entry, Position
from tests.dedupe.articles import FERRY, FERRY_TITLE
from tests.dedupe.entries import Desk, entry, read

LINKS = [f"https://lanhai.example/a/{number}" for number in range(3)]
TEXTS = [FERRY.replace("二百一十四名", f"二百一十{digit}名") for digit in "四五六七"]  # alike, none shorter
TITLES = [FERRY_TITLE, FERRY_TITLE + "，全员平安"]
FOREIGN = "https://reader.example/best-of.xml"
DAY = timedelta(days=1)


@dataclass
class Version:
    content: tuple[str, str]
    updated: datetime | None
    sent: datetime | None
    place: int


@dataclass
class Item:
    revision: int
    last_seen: datetime
    feed: bytes | None  # that brought it first
    versions: list[Version]  # newest first
    retracted: bool = False


class Rules:
    """Promises 4 to 7 for items that have one link each, as a reader of the contract would write them down."""

    def __init__(self) -> None:
        self.items: dict[str, Item] = {}

    def expect(self, shown: Entry, offset: int) -> str:
        url, arrival = shown.url or "", shown.arrival
        known = self.items.get(url)
        if known is not None and arrival - known.last_seen > 730 * DAY:
            known = None
        place = shown.replay_of.offset if shown.replay_of else offset
        version = Version(
            (shown.title, shown.body.replace("div>", "p>")),
            shown.updated.at if shown.updated else None,
            shown.sent_at,
            place,
        )
        if known is None:
            if shown.retraction:
                return "unknown"
            self.items[url] = Item(1, arrival, shown.feed_key, [version])
            return "new 1"
        if shown.retraction:
            known.retracted = True
            return f"duplicate {known.revision}"
        if known.retracted:
            return self._duplicate(known, arrival)
        if arrival - known.last_seen > 90 * DAY:
            known.feed = shown.feed_key
            return self._revision(known, version, arrival, [])
        if shown.replay_of and place in [each.place for each in known.versions]:
            if place != known.versions[0].place:
                return self._duplicate(known, arrival)
            known.versions[0].content = version.content
            known.versions[0].updated = version.updated or known.versions[0].updated
            known.last_seen = max(known.last_seen, arrival)
            return f"again {known.revision}"
        if shown.replay_of and place < known.versions[0].place:
            return self._duplicate(known, arrival)
        if self._nothing_new(known, version, shown):
            return self._duplicate(known, arrival)
        return self._revision(known, version, arrival, known.versions)

    def _nothing_new(self, known: Item, version: Version, shown: Entry) -> bool:
        present = known.versions[0]
        if version.content == present.content:
            return True
        stated = next((each.updated for each in known.versions if each.updated), None)
        than = present.updated or present.sent or stated
        later = version.updated is not None and than is not None and version.updated > than
        if not later and version.content in [each.content for each in known.versions]:
            return True
        if version.updated and stated and version.updated < stated:
            return True
        by_statement = version.updated and present.updated and version.updated > present.updated
        if not by_statement and version.sent and present.sent and version.sent < present.sent:
            return True
        return shown.feed_key not in (None, known.feed)

    def _duplicate(self, known: Item, arrival: datetime) -> str:
        if arrival - known.last_seen >= DAY:
            known.last_seen = arrival
        return f"duplicate {known.revision}"

    def _revision(self, known: Item, version: Version, arrival: datetime, earlier: list[Version]) -> str:
        known.revision += 1
        known.versions = [version, *earlier][:9]
        known.last_seen = max(known.last_seen, arrival)
        return f"revision {known.revision}"


def history(random: Random, length: int) -> list[Entry]:
    day, shown = 0.0, []
    for offset in range(length):
        day += random.choice([0, 0, 0.01, 0.3, 1, 5, 40, 91 if random.random() < 0.3 else 0])
        if random.random() < 0.01:
            day += 800
        replayed = random.random() < 0.15 and offset > 0
        shown.append(
            entry(
                random.choice(TITLES),
                random.choice(TEXTS),
                link=random.choice(LINKS),
                feed=FOREIGN if random.random() < 0.15 else None,
                day=day,
                sent=random.choice([None, None, round(day), round(day) - 3]),
                updated=random.choice([None, None, int(day), int(day) - 3]),
                markup=random.choice(["p", "div"]),
                replay_of=Position("feeds.raw", 0, random.randrange(offset), 0) if replayed else None,
                retraction=random.random() < 0.01,
            )
        )
        if shown[-1].retraction:
            shown[-1] = msgspec.structs.replace(shown[-1], feed=None, feed_key=None, feed_site=None)
    return shown


def outcome(desk: Desk, shown: Entry) -> str:
    outputs = desk.outputs(shown)
    if outputs[-1].topic == "dead-letter":
        return "unknown"
    told = read(outputs[-1])
    rule = told.decision.rule.value
    kind = {
        "first-sighting": "new",
        "content-changed": "revision",
        "returned": "revision",
        "replayed": "again",
    }.get(rule, "duplicate")
    return f"{kind} {told.revision}"


@pytest.mark.parametrize("seed", range(40))
def test_random_histories(seed: int) -> None:
    desk, rules = Desk(), Rules()
    for offset, shown in enumerate(history(Random(seed), 150)):
        assert outcome(desk, shown) == rules.expect(shown, offset), f"entry {offset} of {shown.url}"
