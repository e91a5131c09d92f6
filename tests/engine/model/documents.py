"""Small raw documents for the model: revisions r1..r12 of a few items, resends, replays, retractions, poison."""

from __future__ import annotations

import random
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import msgspec
from msgspec import Struct

from agents.deadletters import EXTENSION
from agents.engine.topics import Naming, partition_of
from agents.stage import Topic
from schemas import RawDocument, StageName
from tests.engine.model.faults import Faults

REFUSED = {topic: f"refused by {topic.value}" for topic in (Topic.ENTRIES, Topic.NEWS, Topic.DRAFTS, Topic.ENRICHED)}
"""Titles that a topic of the model takes no record with."""

MARKS = {topic: mark.encode() for topic, mark in REFUSED.items()}


DEADLY = {stage: f"kills {stage.value}".encode() for stage in StageName}
"""In the title of what ends the process that works on it, in one of the stages."""

FATAL = "killed by the model"


def kills(stage: StageName, one: Any) -> bool:
    """Whether an input is the end of the process in which the stage works on it."""
    return DEADLY[stage] in (one.body if isinstance(one, RawDocument) else one)


class Planned(Struct, frozen=True):
    """One raw record to be published. `replay` names an earlier one of the plan, and an entry of it."""

    partition: int
    key: bytes
    body: bytes
    about: str
    entries: int = 1
    replay: tuple[int, int] | None = None
    outside: str = ""
    """The fate of the transaction that its sender publishes it in; mostly there is none."""


class Plan:
    """Makes the records of one history, in the order in which they are published."""

    def __init__(self, rng: random.Random, partitions: int, faults: Faults) -> None:
        self._rng = rng
        self._faults = faults
        self._partitions = partitions
        self._sites = [f"s{number}.example" for number in range(rng.randint(1, 3))]
        self._items = 3
        self._revisions: dict[str, int] = {}
        self._written: dict[str, list[tuple[dict[str, Any], tuple[int, int]]]] = {}
        self.records: list[Planned] = []

    def make(self) -> list[Planned]:
        count = self._rng.randint(7, 13)
        if self._rng.random() < self._faults.one_item:
            self._sites, self._items, count = self._sites[:1], 1, count + 6
        for _ in range(count):
            self._add(self._rng.choice(self._sites))
        return self.records

    def _add(self, site: str) -> None:
        rng, faults = self._rng, self._faults
        number = rng.randint(1, self._items)
        url = f"https://{site}/{number}"
        earlier = self._written.get(url)
        kinds = ("resend", "replay", "retraction", "poison", "several")
        rest = 1 - sum(getattr(faults, kind) for kind in kinds)
        kind = rng.choices((*kinds, "revision"), (*(getattr(faults, kind) for kind in kinds), rest))[0]
        if earlier and kind == "resend":
            self._publish(site, rng.choice(earlier)[0], kind)
        elif earlier and kind == "replay":
            item, named = rng.choice(earlier)
            self._publish(site, item, kind, replay=named)
        elif kind == "retraction":
            self._publish(
                site, {"url": url, "source_url": f"https://{site}/feed", EXTENSION: {"retraction": True}}, kind
            )
        elif kind == "poison":
            body = rng.choice((b"\xff\xfe\x00", b"[]", b"", b'{"half'))
            self.records.append(Planned(self._partition(site), site.encode(), body, kind, entries=0))
        elif kind == "several":
            # of different items: one address twice in a document is no identity
            numbers = rng.sample(range(1, self._items + 1), min(self._items, rng.randint(2, 3)))
            items: list[Any] = [self._revision(site, each) for each in numbers]
            if rng.random() < 0.3:
                items.insert(rng.randrange(len(items)), rng.choice((7, {})))
            self._publish(site, items, kind)
        else:
            self._publish(site, self._revision(site, number), "revision")

    def _revision(self, site: str, number: int) -> dict[str, Any]:
        url = f"https://{site}/{number}"
        self._revisions[url] = self._revisions.get(url, 0) + 1
        # two script families, so that drafts of one site go to two partitions
        title = f"{'新闻' if number == 2 else 'News'} {url} r{self._revisions[url]}"
        if self._rng.random() < self._faults.refused:
            title += " " + self._rng.choice(list(REFUSED.values()))
        if self._rng.random() < self._faults.deadly:
            title += " " + self._rng.choice(list(DEADLY.values())).decode()
        return {"url": url, "title": title, "source_url": f"https://{site}/feed"}

    def _publish(self, site: str, content: Any, about: str, replay: tuple[int, int] | None = None) -> None:
        entries = content if isinstance(content, list) else [content]
        outside = ""
        if self._rng.random() < self._faults.outside:
            outside = "aborted" if about == "revision" and self._rng.random() < 0.4 else "committed"
        if about in ("revision", "several") and outside != "aborted":
            for index, item in enumerate(entries):
                if isinstance(item, dict) and item:
                    self._written.setdefault(item["url"], []).append((item, (len(self.records), index)))
        body = msgspec.json.encode(content)
        self.records.append(Planned(self._partition(site), site.encode(), body, about, len(entries), replay, outside))

    def _partition(self, site: str) -> int:
        return partition_of(Topic.RAW, site.encode(), 0, self._partitions)


@lru_cache(maxsize=64)
def plan(seed: int, partitions: int, faults: Faults) -> Sequence[Planned]:
    """The raw records of one history, or of several."""
    return Plan(random.Random(seed), partitions, faults).make()


def replay_header(naming: Naming, partition: int, offset: int, index: int) -> tuple[str, bytes]:
    return "replay-of", f"{naming.topic(Topic.RAW)}/{partition}/{offset}/{index}".encode()
