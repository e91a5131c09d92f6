"""Records between the stages (`feeds.internal.*`). They promise nothing to anyone outside the mill."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from msgspec import Meta, Raw, Struct

from schemas.closed import Flag, ScriptFamily, Verdict
from schemas.item import Attachment, Decision, Feed, FoundDate, Item
from schemas.source import Moment, Position, Source

Key = Annotated[bytes, Meta(min_length=16, max_length=16)]
"""A blake2b-128 hash of an address or of content."""


MAX_DOCUMENT_BYTES = 8 * 1024 * 1024
"""Bytes of the largest raw document (contract); only `ingest` and `process` can meet a larger one."""


class RawDocument(Struct, frozen=True, kw_only=True):
    """One record of `feeds.raw` with its headers read.

    `arrival` is the broker's time of the record (in `process`: `received_at`, else `--now`); it alone decides
    what has expired. `received_at` is the sender's header where it is readable, else `arrival`.
    """

    topic: str
    partition: int
    offset: int
    body: bytes
    arrival: Moment
    received_at: Moment
    received_from_header: bool = False
    content_type: str | None = None
    source_url: str | None = None
    ref: str | None = None
    replay_of: str | None = None
    """The `replay-of` header as it stood; parse reads it, and dead-letters what it cannot read."""
    traceparent: str | None = None


class AliasKind(StrEnum):
    """What an entry can be known by, strongest first. `ITEM` is an item's own id, which only retractions name."""

    ITEM = "item"
    LINK = "link"
    GUID = "guid"
    CONTENT = "content"


class Alias(Struct, frozen=True, array_like=True):
    """One name of an entry: `key` is hashed, `shown` is the readable form for evidence."""

    kind: AliasKind
    key: Key
    shown: str


class FeedImage(Struct, frozen=True):
    """An image that the feed names outside the body (Media RSS, iTunes, JSON Feed)."""

    url: str
    caption: str | None = None
    width: int | None = None
    height: int | None = None


class Entry(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One entry of a raw document, as parse leaves it: identity, dates as stated, the body untouched.

    `quick` hashes everything the publisher wrote of the entry; equal `quick` means the same entry again.
    `body` has lost only the date element that opens it. `link_is_root`: the address is a site's front page.
    `sent_at` is when the sender says it saw the entry: the comment date, at most the moment of receipt (one far ahead
    of it says nothing); without one the `received-at` header.
    """

    source: Source
    arrival: Moment
    aliases: list[Alias]
    quick: bytes
    title: str = ""
    body: str = ""
    body_is_html: bool = True
    replay_of: Position | None = None
    traceparent: str | None = None
    feed: Feed | None = None
    feed_key: Key | None = None
    feed_site: str | None = None
    site: str | None = None
    url: str | None = None
    original_url: str | None = None
    link_is_root: bool = False
    base_url: str | None = None
    guid: str | None = None
    authors: list[str] = []
    categories: list[str] = []
    attachments: list[Attachment] = []
    images: list[FeedImage] = []
    declared_language: str | None = None
    published: FoundDate | None = None
    updated: FoundDate | None = None
    seen: FoundDate
    sent_at: Moment | None = None
    flags: list[Flag] = []
    retraction: bool = False


class News(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An entry that dedupe let through. A `retraction` becomes the tombstone of `id` and nothing else."""

    entry: Entry
    id: str
    revision: int
    verdict: Verdict
    decision: Decision
    family: ScriptFamily
    earlier_published: FoundDate | None = None
    flags: list[Flag] = []
    retraction: bool = False


class Signature(Struct, frozen=True, array_like=True):
    """What near-copies of a text are found and judged by, without the text (`agents/content/signature.py`).

    `version` of the hashes: those of another say nothing. `count` distinct 5-grams; `bands` 32 keys that near-copies
    share; `least` the least hashes of the 5-grams, `runs` of runs of 25 characters, `lead` of the 5-grams of the
    beginning, `figures` of the numbers. All are uint32, little-endian, sorted but for the bands.
    """

    version: int
    count: int
    bands: bytes
    least: bytes
    runs: bytes
    lead: bytes
    figures: bytes


class Traits(Struct, frozen=True, array_like=True):
    """What `stories` compares items by. `signature` is None for a text too short to be anyone's copy.

    `title_numbers` and `title_form` (the title without them) tell the members of a series apart. `terms` say what the
    item is about, heaviest first: the hash of a word, its weight, and the word as people read it. `brief`: there is
    little but a title.
    """

    signature: Signature | None
    title_numbers: list[str]
    title_form: str
    terms: list[tuple[int, float, str]]
    brief: bool


class Draft(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An enriched item on its way to `stories`, which fills in `grouping`, `story_id` and `reprint_of`.

    `first_seen` places the item in the story window: `seen_at`, at most 24 h after receipt and arrival. `item` is
    None for a retraction. `news` is the record that the item was made of, for the dead letter of one that cannot leave.
    """

    id: str
    family: ScriptFamily
    arrival: Moment
    item: Item | None
    news: Raw = Raw()
    traits: Traits | None = None
    first_seen: Moment | None = None
    traceparent: str | None = None
