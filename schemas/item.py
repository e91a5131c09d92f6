"""`feedmill.item.v1`: what consumers of `feeds.enriched` read. The meaning of each field is in docs/guide/item.md."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from schemas.closed import (
    Changed,
    Confidence,
    DateOrigin,
    DedupeRule,
    Flag,
    GroupingRule,
    ImageRole,
    Verdict,
)
from schemas.source import Moment, Position, Source

ITEM_SCHEMA = "feedmill.item.v1"

Id = Annotated[str, Meta(pattern="^[0-9a-f]{32}$")]
Share = Annotated[float, Meta(ge=0, le=1)]


class Decision(Struct, frozen=True):
    """Dedupe's why. `evidence` is for people: short sentences, in no fixed form."""

    rule: DedupeRule
    matched: Id | None = None
    score: Share | None = None
    changed: list[Changed] = []
    evidence: list[str] = []


class Grouping(Struct, frozen=True):
    """The stories stage's why."""

    rule: GroupingRule
    matched: Id | None = None
    score: Share | None = None
    evidence: list[str] = []


class Feed(Struct, frozen=True):
    """The feed in which an item came."""

    url: str | None
    title: str | None = None


class FoundDate(Struct, frozen=True):
    """One date with its provenance. `at` is UTC; `raw` is the text as it stood, at most 64 characters."""

    at: Moment
    raw: str
    origin: DateOrigin
    confidence: Confidence


class DateProvenance(Struct, frozen=True):
    raw: str
    origin: DateOrigin
    confidence: Confidence


class Dates(Struct, frozen=True, omit_defaults=True):
    """How each date of the item was found; a key is there only where the date is known."""

    published_at: DateProvenance | None = None
    updated_at: DateProvenance | None = None
    seen_at: DateProvenance | None = None


class Image(Struct, frozen=True):
    url: str
    original_url: str
    caption: str | None = None
    alt: str | None = None
    role: ImageRole = ImageRole.INLINE


class Link(Struct, frozen=True):
    url: str
    text: str


class Attachment(Struct, frozen=True):
    """An enclosure. `bytes` and `seconds` as the publisher states them."""

    url: str
    type: str | None = None
    bytes: Annotated[int, Meta(ge=0)] | None = None
    seconds: Annotated[float, Meta(ge=0)] | None = None


class Keyword(Struct, frozen=True):
    term: str
    weight: float


class Name(Struct, frozen=True):
    name: str
    gloss: str | None
    count: int


class Place(Struct, frozen=True):
    name: str
    country: str
    count: int


class Item(Struct, frozen=True, kw_only=True):
    """One news item, in one of its revisions. Consumers upsert by `id`; the later record wins."""

    schema: str = ITEM_SCHEMA
    pipeline: str
    id: Id
    revision: Annotated[int, Meta(ge=1)]
    verdict: Verdict
    decision: Decision
    grouping: Grouping
    url: str | None
    original_url: str | None
    guid: str | None
    site: str | None
    feed: Feed | None
    title: Annotated[str, Meta(min_length=1)]
    authors: list[str]
    categories: list[str]
    text: str
    html: str
    summary: str
    dateline: str | None
    images: list[Image]
    links: list[Link]
    attachments: list[Attachment]
    published_at: Moment | None
    updated_at: Moment | None
    seen_at: Moment
    dates: Dates
    language: str
    language_confidence: Share
    keywords: list[Keyword]
    names: list[Name]
    places: list[Place]
    word_count: int
    reading_seconds: int
    story_id: Id
    reprint_of: Id | None
    flags: list[Flag]
    source: Source
    replay_of: Position | None = None
