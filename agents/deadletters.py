"""Dead letters: what could not be processed, whole enough to be tried again.

An entry's payload is form 4 (a JSON item with the names of JSON Feed). What that form has no name for stands in
the extension object `_feedmill`, which parse honours, so that the payload parses back to the same entry: the
dates with their provenance, what the entry may be known by, and whether it was a retraction. An item that cannot
leave the mill is written as the entry that it was made of, for its safe HTML has lost what a caption is.
"""

from __future__ import annotations

from base64 import b64encode
from datetime import datetime
from typing import Any

import msgspec

from agents.stage import EntryRef, Headers, Output, Topic
from schemas import (
    AliasKind,
    DeadLetter,
    DeadLetterCode,
    Entry,
    Flag,
    Format,
    FoundDate,
    Item,
    News,
    PayloadEncoding,
    Position,
    RawDocument,
    Source,
    StageName,
)
from schemas.cloudevents import event_headers

EXTENSION = "_feedmill"

KEPT_FLAGS = frozenset({Flag.REPAIRED, Flag.SHARED_LINK})
"""Flags that say something of the document around an entry: its dead letter has to bring them along."""

MAX_LETTER = 12 * 1024 * 1024 - 64 * 1024
"""Bytes of a dead letter that its topic surely takes. 8 MiB in an old codec can be 24 MiB of UTF-8."""

_json = msgspec.json.Encoder()


def document_dead_letter(
    stage: StageName,
    code: DeadLetterCode,
    message: str,
    document: RawDocument,
    now: datetime,
    *,
    format: Format = Format.UNKNOWN,
    index: int | None = None,
    count: int | None = None,
) -> Output:
    """The dead letter of a whole document. One that is too large has an empty payload (contract).

    With `index` and `count` it is about one entry of a document that could not be read as one; the document's body
    is then the fragment that stood there.
    """
    source = Source(
        topic=document.topic,
        partition=document.partition,
        offset=document.offset,
        index=index,
        count=count,
        format=format,
        received_at=document.received_at,
        ref=document.ref,
    )
    named = Position.parse(document.replay_of or "")
    payload, encoding = _payload(b"" if code is DeadLetterCode.TOO_LARGE else document.body)
    letter = DeadLetter(
        stage=stage,
        code=code,
        message=message,
        source=source,
        payload=payload,
        payload_encoding=encoding,
        content_type=document.content_type,
        source_url=document.source_url,
        replay_of=named and named.entry(index),
        failed_at=now,
    )
    return _output(letter, document.traceparent)


def entry_dead_letter(
    stage: StageName,
    code: DeadLetterCode,
    message: str,
    entry: Entry,
    now: datetime,
    *,
    id: str | None = None,
    revision: int | None = None,
) -> Output:
    """The dead letter of one entry, before it became an item."""
    payload, encoding = _payload(entry_document(entry))
    letter = DeadLetter(
        stage=stage,
        code=code,
        message=message,
        source=entry.source,
        id=id,
        revision=revision,
        payload=payload,
        payload_encoding=encoding,
        content_type="application/json",
        source_url=entry.feed.url if entry.feed else None,
        replay_of=entry.replay_of,
        failed_at=now,
    )
    return _output(letter, entry.traceparent)


def news_dead_letter(stage: StageName, code: DeadLetterCode, message: str, news: News, now: datetime) -> Output:
    """The dead letter of an item on its way out: the entry that it was made of, by the item's name and number."""
    return entry_dead_letter(stage, code, message, news.entry, now, id=news.id, revision=news.revision)


def entry_document(entry: Entry) -> bytes:
    """Write an entry as a JSON item that parse reads back to the same identity, dates, flags and body."""
    feed = entry.feed
    extension = {
        "known_by": [alias.kind.value for alias in entry.aliases],
        "published": _date(entry.published),
        "updated": _date(entry.updated),
        "seen": _date(entry.seen),
        "sent_at": entry.sent_at,
        "images": [msgspec.to_builtins(image) for image in entry.images],
        "retraction": entry.retraction,
        "item": next((alias.shown for alias in entry.aliases if alias.kind is AliasKind.ITEM), None),
        "flags": sorted(KEPT_FLAGS.intersection(entry.flags)) or None,
        "feed_title": feed.title or None if feed else None,
        "base_url": entry.base_url or None,
    }
    document = {
        "id": entry.guid,
        "url": entry.original_url,
        "title": entry.title,
        ("content_html" if entry.body_is_html else "content_text"): entry.body,
        "authors": [{"name": name} for name in entry.authors],
        "tags": entry.categories,
        "language": entry.declared_language,
        "attachments": [
            {
                "url": attachment.url,
                "mime_type": attachment.type,
                "size_in_bytes": attachment.bytes,
                "duration_in_seconds": attachment.seconds,
            }
            for attachment in entry.attachments
        ],
        "source_url": feed.url if feed else None,
        EXTENSION: {name: value for name, value in extension.items() if value is not None},
    }
    return _json.encode({name: value for name, value in document.items() if value not in (None, [], "")})


def retraction_document(item: Item) -> bytes:
    """A JSON item that takes an item back by its id, and stands in the partition of the item's own site."""
    site = f"https://{item.site}/" if item.site else None
    extension = {"retraction": True, "item": item.id, "base_url": site}
    document = {
        "url": item.url,
        "title": item.title,
        EXTENSION: {name: value for name, value in extension.items() if value is not None},
    }
    return _json.encode({name: value for name, value in document.items() if value})


def _date(found: FoundDate | None) -> dict[str, Any] | None:
    return None if found is None else msgspec.to_builtins(found)


def _payload(body: bytes) -> tuple[str, PayloadEncoding]:
    """UTF-8 text where it is that; base64 where it is not, or where JSON's escapes would make text longer."""
    try:
        text = body.decode()
    except UnicodeDecodeError:
        return b64encode(body).decode(), PayloadEncoding.BASE64
    if len(_json.encode(text)) > len(body) * 4 // 3 + 8:
        return b64encode(body).decode(), PayloadEncoding.BASE64
    return text, PayloadEncoding.UTF_8


def _output(letter: DeadLetter, traceparent: str | None) -> Output:
    value = _json.encode(letter)
    if len(value) > MAX_LETTER:
        message = f"{letter.message} The payload is left out: the letter would have {len(value):,} bytes."
        code, encoding = DeadLetterCode.TOO_LARGE, PayloadEncoding.UTF_8
        letter = msgspec.structs.replace(letter, code=code, message=message, payload="", payload_encoding=encoding)
        value = _json.encode(letter)
    source = letter.source
    headers: Headers = event_headers(letter.schema, source, source.received_at, traceparent)
    entry = EntryRef(source.partition, source.offset, -1 if source.index is None else source.index)
    return Output(Topic.DEAD_LETTER, None, value, entry, headers, label=letter.code)
