"""Dead letters: what could not be processed, whole enough to be tried again.

An entry's payload is form 4 (a JSON item with the names of JSON Feed). What that form has no name for stands in
the extension object `_feedmill`, which parse honours, so that the payload parses back to the same entry: the
dates with their provenance, what the entry may be known by, and whether it was a retraction.
"""

from __future__ import annotations

from base64 import b64encode
from datetime import datetime
from typing import Any

import msgspec

from agents.stage import EntryRef, Headers, Output, Topic
from schemas import (
    DeadLetter,
    DeadLetterCode,
    Entry,
    Format,
    FoundDate,
    Item,
    PayloadEncoding,
    RawDocument,
    Source,
    StageName,
)
from schemas.cloudevents import event_headers

EXTENSION = "_feedmill"

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


def item_dead_letter(
    stage: StageName,
    code: DeadLetterCode,
    message: str,
    item: Item,
    now: datetime,
    *,
    traceparent: str | None = None,
) -> Output:
    """The dead letter of an item that could not leave the mill. Its payload holds the sanitised HTML."""
    payload, encoding = _payload(item_document(item))
    letter = DeadLetter(
        stage=stage,
        code=code,
        message=message,
        source=item.source,
        id=item.id,
        revision=item.revision,
        payload=payload,
        payload_encoding=encoding,
        content_type="application/json",
        source_url=item.feed.url if item.feed else None,
        replay_of=item.replay_of,
        failed_at=now,
    )
    return _output(letter, traceparent)


def entry_document(entry: Entry) -> bytes:
    """Write an entry as a JSON item that parse reads back to the same identity, dates and body."""
    return _document(
        feed=entry.feed,
        guid=entry.guid,
        url=entry.original_url,
        base_url=entry.base_url,
        title=entry.title,
        body=entry.body,
        body_is_html=entry.body_is_html,
        authors=entry.authors,
        categories=entry.categories,
        language=entry.declared_language,
        attachments=[msgspec.to_builtins(attachment) for attachment in entry.attachments],
        extension={
            "known_by": [alias.kind.value for alias in entry.aliases],
            "published": _date(entry.published),
            "updated": _date(entry.updated),
            "seen": _date(entry.seen),
            "sent_at": entry.sent_at,
            "images": [msgspec.to_builtins(image) for image in entry.images],
            "retraction": entry.retraction,
        },
    )


def item_document(item: Item) -> bytes:
    """Write a finished item as a JSON item that parse reads back to the same identity and dates."""
    dates = item.dates
    return _document(
        feed=item.feed,
        guid=item.guid,
        url=item.original_url,
        base_url=item.url,
        title=item.title,
        body=item.html,
        body_is_html=True,
        authors=item.authors,
        categories=item.categories,
        language=item.language,
        attachments=[msgspec.to_builtins(attachment) for attachment in item.attachments],
        extension={
            name.removesuffix("_at"): {**msgspec.to_builtins(provenance), "at": at}
            for name, at, provenance in (
                ("published_at", item.published_at, dates.published_at),
                ("updated_at", item.updated_at, dates.updated_at),
                ("seen_at", item.seen_at, dates.seen_at),
            )
            if at is not None and provenance is not None
        },
    )


def _document(
    *,
    feed: Any,
    guid: str | None,
    url: str | None,
    base_url: str | None,
    title: str,
    body: str,
    body_is_html: bool,
    authors: list[str],
    categories: list[str],
    language: str | None,
    attachments: list[dict[str, Any]],
    extension: dict[str, Any],
) -> bytes:
    if feed is not None and feed.title:
        extension["feed_title"] = feed.title
    if base_url:
        extension["base_url"] = base_url
    document = {
        "id": guid,
        "url": url,
        "title": title,
        ("content_html" if body_is_html else "content_text"): body,
        "authors": [{"name": name} for name in authors],
        "tags": categories,
        "language": language,
        "attachments": [
            {
                "url": attachment["url"],
                "mime_type": attachment["type"],
                "size_in_bytes": attachment["bytes"],
                "duration_in_seconds": attachment["seconds"],
            }
            for attachment in attachments
        ],
        "source_url": feed.url if feed is not None else None,
        EXTENSION: {name: value for name, value in extension.items() if value is not None},
    }
    return _json.encode({name: value for name, value in document.items() if value not in (None, [], "")})


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
    source = letter.source
    headers: Headers = event_headers(letter.schema, source, source.received_at, traceparent)
    entry = EntryRef(source.partition, source.offset, -1 if source.index is None else source.index)
    return Output(Topic.DEAD_LETTER, None, _json.encode(letter), entry, headers, label=letter.code)
