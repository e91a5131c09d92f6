"""Hand-made entries, and a desk that shows them to the stage one after another and says what became of each."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from typing import Any

import msgspec
from msgspec import Struct

from agents.content.identity import content_key, guid_key, link_key
from agents.content.urls import canonicalize, site_of
from agents.dedupe.stage import DedupeStage
from agents.stage import Output, Topic
from schemas import (
    Alias,
    AliasKind,
    Confidence,
    DateOrigin,
    Duplicate,
    Entry,
    Feed,
    Format,
    FoundDate,
    News,
    Position,
    Source,
)
from tests.states import DictState

START = datetime(2026, 11, 2, 6, 0, tzinfo=UTC)
LINK = "https://www.lanhai.example/a/20261102/ferry.html"

_pack = msgspec.msgpack.Encoder()
_news = msgspec.msgpack.Decoder(News)
_duplicates = msgspec.json.Decoder(Duplicate)


def at(day: float) -> datetime:
    return START + timedelta(days=day)


def entry(
    title: str,
    text: str,
    *,
    link: str | None = LINK,
    guid: str | None = None,
    feed: str | None = None,
    day: float = 0,
    sent: float | None = None,
    received: float | None = None,
    published: float | None = None,
    updated: float | None = None,
    markup: str = "p",
    replay_of: Position | None = None,
    retraction: bool = False,
    traceparent: str | None = None,
) -> Entry:
    """An entry as parse would leave it. All times are days after START; `day` is that of its arrival.

    `sent` is a comment date, `received` the sender's header; without a header it is received when it arrives, and not
    before the update that it states.
    """
    url = canonicalize(link) if link else None
    source = canonicalize(feed) if feed else None
    site = site_of(url.host) if url else site_of(source.host) if source else None
    aliases = [Alias(AliasKind.LINK, link_key(url.identity), url.url)] if url else []
    if guid is not None:
        aliases.append(Alias(AliasKind.GUID, guid_key(site or "", guid), guid))
    if not aliases:
        said = blake2b(text.encode(), digest_size=16).digest()
        aliases.append(Alias(AliasKind.CONTENT, content_key(source.identity if source else "", title, said), title))
    body = "".join(f"<{markup}>{line}</{markup}>" for line in text.split("\n"))
    quick = blake2b(repr((title, link, guid, body, published, updated)).encode(), digest_size=16).digest()
    seen = at(max(day, updated or day) if received is None else received)
    return Entry(
        source=Source("feeds.raw", 0, 0, 0, 1, Format.RSS, seen),
        arrival=at(day),
        aliases=aliases,
        quick=quick,
        title=title,
        body=body,
        replay_of=replay_of,
        traceparent=traceparent,
        feed=Feed(source.url) if source else None,
        feed_key=link_key(source.identity) if source else None,
        feed_site=site_of(source.host) if source else None,
        site=site,
        url=url.url if url else None,
        original_url=link,
        link_is_root=url is not None and url.is_root,
        guid=guid,
        published=None if published is None else found(published, DateOrigin.FEED),
        updated=None if updated is None else found(updated, DateOrigin.FEED),
        seen=found(day, DateOrigin.BROKER),
        sent_at=at(sent) if sent is not None else None if received is None else seen,
        retraction=retraction,
    )


def found(day: float, origin: DateOrigin) -> FoundDate:
    return FoundDate(at(day), at(day).isoformat(), origin, Confidence.EXACT)


class Shelf(DictState):
    """State that counts its writes."""

    writes = 0

    def put(self, key: bytes, value: bytes) -> None:
        super().put(key, value)
        self.writes += 1

    def delete(self, key: bytes) -> None:
        super().delete(key)
        self.writes += 1


class Seen(Struct, frozen=True):
    """What became of one entry. `name` calls items A, B, C in the order in which they came up."""

    outputs: list[Output]
    told: News | Duplicate
    name: str
    writes: int

    def __str__(self) -> str:
        return f"{self.told.decision.rule.value} {self.name}{self.told.revision}"


class Desk:
    """One stage and its state. Each entry shown stands in a record of its own, in the order of showing."""

    def __init__(self) -> None:
        self.stage = DedupeStage()
        self.state = Shelf()
        self.shown = 0
        self._names: dict[str, str] = {}

    def outputs(self, shown: Entry) -> list[Output]:
        position = msgspec.structs.replace(shown.source, offset=self.shown)
        self.shown += 1
        record = _pack.encode(msgspec.structs.replace(shown, source=position))
        return self.stage.handle([record], self.state, START)

    def see(self, shown: Entry) -> Seen:
        before = self.state.writes
        outputs = self.outputs(shown)
        told = read(outputs[-1])
        name = self._names.setdefault(told.id, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"[len(self._names)])
        return Seen(outputs, told, name, self.state.writes - before)

    def saw(self, *shown: Entry) -> list[str]:
        return [str(self.see(each)) for each in shown]


def read(output: Output) -> News | Duplicate:
    """What stands in an output that is no dead letter."""
    assert output.value is not None
    return _news.decode(output.value) if output.topic is Topic.NEWS else _duplicates.decode(output.value)


def records(shown: Sequence[Entry]) -> list[bytes]:
    """The entries encoded, each in a record of its own."""
    numbered: list[Any] = [
        msgspec.structs.replace(each, source=msgspec.structs.replace(each.source, offset=number))
        for number, each in enumerate(shown)
    ]
    return [_pack.encode(each) for each in numbered]
