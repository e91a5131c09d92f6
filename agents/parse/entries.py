"""From what a reader found to the entries that go on: addresses, what an entry is known by, dates, flags."""

from __future__ import annotations

import re
from collections import Counter
from datetime import UTC, datetime, timedelta, timezone
from hashlib import blake2b

from msgspec import Struct
from xxhash import xxh3_128_digest

from agents.content.dates import parse_date, parse_unix, zone_of_language
from agents.content.identity import content_key, guid_key, link_key
from agents.content.sites import Sites
from agents.content.urls import CanonicalUrl, canonicalize, resolve, site_of
from agents.parse.found import MAX_BASE, Document, Found, Unreadable
from agents.parse.shared import Keyed, shared_keys, stripped
from schemas import (
    Alias,
    AliasKind,
    Attachment,
    Confidence,
    DateOrigin,
    Entry,
    Feed,
    FeedImage,
    Flag,
    FoundDate,
    Position,
    RawDocument,
    Source,
)

MAX_RAW = 64  # characters of a date as it stood
MAX_LANGUAGE = 64
MAX_MEDIA = 1000  # attachments, and images, of an entry: the item's limit
MAX_SHOWN = 200  # characters of an alias in evidence

CLOCKS_DIFFER = timedelta(hours=24)
"""A comment date may be so far ahead of its receipt by a wrong zone; what is further ahead is no date of a sighting."""

NO_SITES = Sites()

_ABSOLUTE = re.compile(r"https?://", re.IGNORECASE)
_UNIQUE = re.compile(r"(?:urn:|tag:|[a-z][a-z0-9+.-]*://|[0-9a-f]{8}-[0-9a-f]{4}-)", re.IGNORECASE)


class Surroundings(Struct, frozen=True):
    """What holds for all entries of a document."""

    raw: RawDocument
    document: Document
    sites: Sites
    feed: Feed | None
    address: CanonicalUrl | None
    feed_key: bytes | None
    feed_site: str | None
    zone: timezone | None
    base: str | None
    seen: FoundDate


class _Known(Struct, frozen=True):
    """The identity of one entry, before it is known what others share."""

    found: Found
    url: CanonicalUrl | None
    site: str | None
    base: str | None
    link_key: bytes | None
    guid_keys: tuple[bytes, ...]
    scope: str


def build(
    document: Document, raw: RawDocument, replay_of: Position | None = None, sites: Sites = NO_SITES
) -> list[Entry | Unreadable]:
    """The entries of a document in their order. What could not be read stays as it is."""
    around = _surroundings(document, raw, sites)
    feeds: dict[Feed, Surroundings] = {}
    known: list[_Known | Unreadable] = []
    surroundings: list[Surroundings] = []
    for found in document.entries:
        here = around
        if isinstance(found, Found):
            if found.feed is not None:
                here = feeds.get(found.feed) or feeds.setdefault(found.feed, _of_item(around, found.feed))
            known.append(_identify(found, here))
        else:
            known.append(found)
        surroundings.append(here)
    shared = _shared([each for each in known if isinstance(each, _Known)])
    usual = _usual_site([each for each in known if isinstance(each, _Known)])
    count = len(known)
    return [
        _entry(each, here, shared, usual, _source(raw, document, index, count), replay_of and replay_of.entry(index))
        if isinstance(each, _Known)
        else each
        for index, (each, here) in enumerate(zip(known, surroundings, strict=True))
    ]


def partition_key(entry: Entry) -> bytes:
    """What keeps the copies of an entry in one partition: its site, else its feed, else its content."""
    if entry.site:
        return entry.site.encode()
    if entry.feed_key:
        return entry.feed_key.hex().encode()
    return entry.aliases[0].key.hex().encode()


def is_empty(entry: Entry) -> bool:
    """Neither title nor text nor link. A body of nothing but pictures has no text: nobody could name such an item."""
    if entry.title or entry.url or entry.retraction:
        return False
    return not stripped(entry.body) if entry.body_is_html else not entry.body.strip()


def _surroundings(document: Document, raw: RawDocument, sites: Sites) -> Surroundings:
    received = raw.received_at.astimezone(UTC)
    origin = DateOrigin.HEADER if raw.received_from_header else DateOrigin.BROKER
    seen = FoundDate(received, received.isoformat().replace("+00:00", "Z"), origin, Confidence.EXACT)
    around = Surroundings(raw, document, sites, None, None, None, None, None, None, seen)
    address = raw.source_url or document.address
    if address and len(address) > MAX_BASE * 4:
        address = None
    return _of_feed(around, Feed(address, document.title) if address or document.title else None)


def _of_item(around: Surroundings, named: Feed) -> Surroundings:
    """The surroundings of an entry that names its feed itself (`source_url`): believed where the sender names none.

    Only a feed may change its items, and anybody can write another's address into a document. The header is the
    sender's, who fetched it; what the entry says then only adds the title, as in the dead letter of an entry.
    """
    header = around.raw.source_url
    if header is None:
        return _of_feed(around, named)
    if named.url is None or named.url == header or named.url == (around.feed and around.feed.url):
        return _of_feed(around, Feed(around.feed.url if around.feed else None, named.title))
    return around


def _of_feed(around: Surroundings, feed: Feed | None) -> Surroundings:
    raw, document = around.raw, around.document
    canonical = None
    if feed and feed.url:
        canonical = canonicalize(feed.url, _short(raw.source_url or document.home))
        if canonical and not _ABSOLUTE.match(feed.url):
            feed = Feed(canonical.url, feed.title)
        elif canonical is None and feed.url and not _ABSOLUTE.match(feed.url):
            # no address of a feed: whoever shows items may make a link of it, and it may be `javascript:`
            feed = Feed(None, feed.title) if feed.title else None
    site = site_of(canonical.host) if canonical else None
    return Surroundings(
        raw=raw,
        document=document,
        sites=around.sites,
        feed=feed,
        address=canonical,
        feed_key=link_key(canonical.identity) if canonical else _nameless_feed(raw.source_url),
        feed_site=site,
        zone=around.sites.zone(site),
        base=_base(document, raw, canonical),
        seen=around.seen,
    )


def _nameless_feed(header: str | None) -> bytes | None:
    """The key of a feed whose address is too long to go with its entries: no stranger is unknown for that."""
    return link_key(header) if header and _ABSOLUTE.match(header) else None


def _base(document: Document, raw: RawDocument, address: CanonicalUrl | None) -> str | None:
    """What relative addresses are relative to where the document does not say: the feed's site, else the feed."""
    given = raw.source_url if raw.source_url and _ABSOLUTE.match(raw.source_url) else None
    fetched = _short(given) or (_short(address.url) if address else None)
    for candidate in (document.base, document.home):
        if candidate and (absolute := resolve(candidate, fetched)) and (short := _short(absolute)):
            return short if document.base else fetched or short
    return fetched


def _short(address: str | None) -> str | None:
    return address if address and len(address) <= MAX_BASE else None


def _identify(found: Found, around: Surroundings) -> _Known:
    link_base = _short(found.link_base) or around.base
    url = canonicalize(found.link, link_base) if found.link else None
    base = _short(found.base) or (_short(url.url) if url else None) or around.base
    owner = url
    if owner is None and base:
        owner = canonicalize(base)
    site = site_of(owner.host) if owner else around.feed_site
    scopes = [around.address.identity] if around.address else [owner.identity] if owner else []
    if url and site:
        scopes = [site]
    elif site and site not in scopes:
        # where the entry is found if it gains a link, or its feed moves, and a retraction finds what has a link
        scopes.append(site)
    if not scopes and found.guid and _UNIQUE.match(found.guid):
        scopes = [""]
    keys = tuple(guid_key(scope, found.guid) for scope in scopes) if found.guid else ()
    return _Known(found, url, site, base, link_key(url.identity) if url else None, keys, scopes[0] if scopes else "")


def _shared(known: list[_Known]) -> set[bytes]:
    """Keys that several entries have and that are no identity. Mostly no two entries have one."""
    keys = [key for each in known for key in (each.link_key, *each.guid_keys) if key is not None]
    if len(set(keys)) == len(keys):
        return set()
    return shared_keys(Keyed(each.found, each.link_key, each.guid_keys) for each in known if not each.found.retraction)


def _usual_site(known: list[_Known]) -> str | None:
    """The site that most entries of the document are of: a tombstone names none."""
    if not any(each.found.retraction for each in known):
        return None
    sites = Counter(each.site for each in known if each.url and not each.found.retraction)
    return sites.most_common(1)[0][0] if sites else None


def _entry(
    known: _Known,
    around: Surroundings,
    shared: set[bytes],
    usual_site: str | None,
    source: Source,
    replay_of: Position | None,
) -> Entry:
    found, url, raw = known.found, known.url, around.raw
    site, base = known.site, known.base
    guid_keys = known.guid_keys
    if found.retraction and url is None and usual_site and usual_site != site and found.guid:
        site, base = usual_site, f"https://{usual_site}/"
        guid_keys = (*(guid_keys[:1] if around.address else ()), guid_key(site, found.guid))
    aliases, is_shared = _aliases(known, guid_keys, shared)
    language = around.document.language if found.language is None else found.language
    zone = around.zone if site == around.feed_site else around.sites.zone(site) or around.zone
    if zone is None:
        zone = zone_of_language(language)
    published = found.published_date
    if published is None:
        published = _read_date(found.published, zone)
    elif published.confidence is Confidence.ASSUMED_ZONE and published.origin is DateOrigin.BODY:
        published = _read_date([published.raw], zone, DateOrigin.BODY) or published
    updated = found.updated_date or _read_date(found.updated, zone)
    body = found.body if found.body.strip() else ""
    return Entry(
        source=source,
        arrival=raw.arrival,
        aliases=aliases,
        quick=_quick(found),
        title=found.title,
        body=body,
        body_is_html=found.body_is_html or not body,
        replay_of=replay_of,
        traceparent=raw.traceparent,
        feed=around.feed,
        feed_key=around.feed_key,
        feed_site=around.feed_site,
        site=site,
        url=url.url if url else None,
        original_url=_original(found, url, base),
        link_is_root=url is not None and url.is_root,
        base_url=base,
        guid=found.guid,
        authors=found.authors,
        categories=found.categories,
        attachments=_attachments(found, base),
        images=_images(found, base),
        declared_language=language if language and len(language) <= MAX_LANGUAGE else None,
        published=published,
        updated=updated,
        seen=found.seen_date or around.seen,
        sent_at=_sent(found, raw),
        flags=_flags(found, url, around.document, is_shared),
        retraction=found.retraction,
    )


def _aliases(known: _Known, guid_keys: tuple[bytes, ...], shared: set[bytes]) -> tuple[list[Alias], bool]:
    """What the entry can be known by, strongest first, and whether its link is shared."""
    found, url = known.found, known.url
    if found.retracts is not None:  # an address may be several items'; an id is known by itself
        return [Alias(AliasKind.ITEM, found.retracts, found.retracts.hex())], False
    key = known.link_key
    aliases = []
    if found.retraction and url is None and found.guid and (url := canonicalize(found.guid)):
        key = link_key(url.identity)
    is_shared = key in shared
    if key and url and not is_shared:
        aliases.append(Alias(AliasKind.LINK, key, url.url))
    if found.guid:
        shown = found.guid[:MAX_SHOWN]
        aliases.extend(Alias(AliasKind.GUID, key, shown) for key in guid_keys if key not in shared)
    if found.known_by is not None:
        aliases = [alias for alias in aliases if alias.kind in found.known_by]
    if not aliases:
        said = blake2b(stripped(found.body).encode("utf-8", "surrogatepass"), digest_size=16).digest()
        content = content_key(known.scope, found.title, said)
        aliases.append(Alias(AliasKind.CONTENT, content, found.title[:MAX_SHOWN]))
    return aliases, is_shared


def _original(found: Found, url: CanonicalUrl | None, base: str | None) -> str | None:
    """The link as received. A relative one that its body's base would send elsewhere is made absolute, so that a
    dead letter of the entry leads to the same address."""
    link = found.link
    if link is None or url is None or _ABSOLUTE.match(link) or canonicalize(link, base) == url:
        return link
    return url.url


def _quick(found: Found) -> bytes:
    """Hash of everything that the publisher wrote of the entry."""
    parts = [found.title, found.link or "", found.guid or "", found.body]
    parts += found.extra
    parts.append("\x1eauthors")
    parts += found.authors
    parts.append("\x1ecategories")
    parts += found.categories
    parts.append("\x1edates")
    parts += found.published
    parts += found.updated
    if found.attachments or found.images:
        parts.append("\x1emedia")
        parts += [f"{each.url} {each.type} {each.bytes} {each.seconds}" for each in found.attachments]
        parts += [f"{each.url} {each.caption}" for each in found.images]
    return xxh3_128_digest("\x1f".join(parts).encode("utf-8", "surrogatepass"))


def _read_date(spellings: list[str], zone: timezone | None, origin: DateOrigin = DateOrigin.FEED) -> FoundDate | None:
    """The first of the spellings that is a date."""
    for raw in spellings:
        if read := parse_date(raw, zone=zone) or (parse_unix(raw) if origin is DateOrigin.FEED else None):
            return FoundDate(read.at, raw.strip()[:MAX_RAW], origin, read.confidence)
    return None


def _sent(found: Found, raw: RawDocument) -> datetime | None:
    """When the sender saw the entry: never after it was received.

    A comment date of the year 2076 says nothing; believed, it would make every later correction an older copy.
    """
    if found.sent_at is None:
        return raw.received_at if raw.received_from_header else None
    if found.sent_at > raw.received_at + CLOCKS_DIFFER:
        return None
    return min(found.sent_at, raw.received_at)


def _attachments(found: Found, base: str | None) -> list[Attachment]:
    if not found.attachments:
        return found.attachments
    resolved = ((resolve(each.url, base), each) for each in found.attachments[:MAX_MEDIA])
    return [Attachment(url, each.type, each.bytes, each.seconds) for url, each in resolved if url]


def _images(found: Found, base: str | None) -> list[FeedImage]:
    if not found.images:
        return found.images
    resolved = ((resolve(each.url, base), each) for each in found.images[:MAX_MEDIA])
    return [FeedImage(url, each.caption, each.width, each.height) for url, each in resolved if url]


def _flags(found: Found, url: CanonicalUrl | None, document: Document, is_shared: bool) -> list[Flag]:
    flags = [*document.flags, *found.flags]
    if not found.link:
        flags.append(Flag.NO_LINK)
    elif url is None:
        flags.append(Flag.BAD_URL)
    if is_shared:
        flags.append(Flag.SHARED_LINK)
    if "\ufffd" in found.title or "\ufffd" in found.body:
        flags.append(Flag.REPLACEMENT_CHARACTERS)
    return flags


def _source(raw: RawDocument, document: Document, index: int, count: int) -> Source:
    return Source(raw.topic, raw.partition, raw.offset, index, count, document.format, raw.received_at, raw.ref)
