"""What the readers find: one neutral form for all four forms of documents."""

from __future__ import annotations

import re

from msgspec import Struct

from schemas import AliasKind, Attachment, Feed, FeedImage, Flag, Format, FoundDate, Moment


class Found(Struct, kw_only=True):
    """One entry as its publisher wrote it, before identity.

    `title` is plain text already, `body` is untouched. `link` is as received; `link_base` is what it is relative
    to where that is not the document's own base, `base` the same for the body. `published` and `updated` are the
    spellings of one date each, best first; a reader that knows more than a spelling (a comment of epoch
    milliseconds, a dead letter's provenance) fills `published_date`, `updated_date` and `seen_date` instead.
    `language` is None where the entry declares none, "" where it takes back its document's.
    `extra` is what else the publisher wrote that only the quick hash needs. `retracts` is the id of the item that a
    retraction takes back, where it names one.
    """

    title: str = ""
    link: str | None = None
    link_base: str | None = None
    guid: str | None = None
    body: str = ""
    body_is_html: bool = True
    base: str | None = None
    authors: list[str] = []
    categories: list[str] = []
    attachments: list[Attachment] = []
    images: list[FeedImage] = []
    language: str | None = None
    published: list[str] = []
    updated: list[str] = []
    published_date: FoundDate | None = None
    updated_date: FoundDate | None = None
    seen_date: FoundDate | None = None
    sent_at: Moment | None = None
    feed: Feed | None = None
    retraction: bool = False
    retracts: bytes | None = None
    known_by: list[AliasKind] | None = None
    flags: list[Flag] = []
    extra: list[str] = []


class Unreadable(Struct, frozen=True):
    """An entry that cannot be read inside a document that can; `fragment` is what stood there."""

    message: str
    fragment: bytes


class Document(Struct, kw_only=True):
    """A whole document: its form, its feed, and its entries in their order.

    `address` is the feed's own, as it states it; `home` the site's page that it belongs to; `base` what relative
    addresses in it are relative to, where it says so.
    """

    format: Format
    entries: list[Found | Unreadable]
    address: str | None = None
    home: str | None = None
    base: str | None = None
    title: str | None = None
    language: str | None = None
    flags: list[Flag] = []


MAX_BASE = 512  # characters; each relative address of a document is made as long as its base
MAX_INHERITED = 20  # authors of a feed that its entries are given
MAX_INHERITED_LENGTH = 1000  # characters of them together; each of 10,000 entries gets them all, and no name is so long


def inherited(authors: list[str]) -> list[str]:
    """Those authors of a feed that are given to its entries: the first ones, whole."""
    given = []
    room = MAX_INHERITED_LENGTH
    for author in authors[:MAX_INHERITED]:
        room -= len(author)
        if room < 0:
            break
        given.append(author)
    return given


MAX_INT = 2**53 - 1  # what every reader of JSON can hold

_CLOCK = re.compile(r"(?:(\d{1,4}):)?(\d{1,4}):(\d{1,4})(?:\.\d+)?")


def bounded_int(value: object) -> int | None:
    """A size or a number of pixels as publishers write it (`"12345"`, `"12,345"`, 12345.0); None for nonsense and 0."""
    if isinstance(value, str):
        text = value.strip().replace(",", "")
        value = int(text) if text.isascii() and text.isdigit() and len(text) <= 16 else None
    elif isinstance(value, float) and value.is_integer() and abs(value) <= MAX_INT:
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 < value <= MAX_INT:
        return None
    return value


def bounded_seconds(value: object) -> float | None:
    """A length of time: seconds, or iTunes' `1:02:03`; None for nonsense and 0."""
    if isinstance(value, str):
        text = value.strip()[:32]
        if match := _CLOCK.fullmatch(text):
            hours, minutes, seconds = (int(part or 0) for part in match.groups())
            value = hours * 3600 + minutes * 60 + seconds
        else:
            value = float(text) if re.fullmatch(r"\d{1,9}(?:\.\d{1,9})?", text, re.ASCII) else None
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value < 1e9:
        return None
    return float(value)
