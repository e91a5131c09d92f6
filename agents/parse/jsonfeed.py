"""JSON Feed 1.0 and 1.1, and single items with the same names. Wrong types are met, not trusted."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Annotated, Any, NoReturn

import msgspec
import orjson

from agents.content.dates import parse_epoch_ms
from agents.content.text import clean_line
from agents.deadletters import EXTENSION, KEPT_FLAGS
from agents.parse import title as titles
from agents.parse.body import Body, choose, unescaped_twice
from agents.parse.found import Document, Found, Unreadable, bounded_int, bounded_seconds, inherited
from agents.parse.rejection import MAX_ENTRIES, Rejection, too_deep, too_many_entries
from schemas import AliasKind, Attachment, DateOrigin, DeadLetterCode, Feed, FeedImage, Flag, Format, FoundDate, Moment

Object = dict[str, Any]

_ESCAPE = re.compile(
    r"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(\\u[dD][89a-fA-F][0-9a-fA-F]{2})|\\."
)
_ADDRESS = re.compile(r"https?://\S+", re.IGNORECASE)
_EPOCH = re.compile(r"\d{9,14}")

# What makes an object an item; one without any of these is somebody's error message.
_ITEM_NAMES = frozenset(
    {"id", "url", "external_url", "title", "content_html", "content_text", "summary", "date_published", "attachments"}
    | {"image", "banner_image", "date_modified", EXTENSION}
)


class Extension(msgspec.Struct):
    """What a dead letter or a retraction says of an entry beyond the names of JSON Feed (`agents/deadletters.py`)."""

    known_by: list[AliasKind] | None = None
    published: FoundDate | None = None
    updated: FoundDate | None = None
    seen: FoundDate | None = None
    sent_at: Moment | None = None
    images: list[FeedImage] = []
    retraction: bool = False
    item: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{32}$")] | None = None
    flags: list[str] = []
    feed_title: str | None = None
    base_url: str | None = None


def read(text: str) -> Document:
    """Read a JSON document.

    Raises Rejection: `malformed-json`, `malformed-feed`, `unsupported-format`, `too-deep`, `too-many-entries`.
    """
    value, flags = _loaded(text)
    items: Any
    if isinstance(value, list):
        document = Document(format=Format.JSON_ITEM, entries=[], flags=flags)
        items = value
    elif not isinstance(value, dict):
        raise Rejection(DeadLetterCode.UNSUPPORTED_FORMAT, "The JSON is neither an object nor an array.")
    elif "items" in value or "jsonfeed.org" in str(value.get("version", ""))[:64]:
        document, items = _feed(value), value.get("items")
        if items is None and "items" in value:
            items = []  # an empty list, as PHP and Go write it
        document.flags = flags
    elif _ITEM_NAMES.isdisjoint(value):
        message = "The JSON object has none of the names of a JSON Feed or of its items."
        raise Rejection(DeadLetterCode.UNSUPPORTED_FORMAT, message)
    else:
        document, items = Document(format=Format.JSON_ITEM, entries=[], flags=flags), [value]
    if not isinstance(items, list):
        raise Rejection(DeadLetterCode.MALFORMED_FEED, "`items` of the JSON Feed is no array.", Format.JSON_FEED)
    if len(items) > MAX_ENTRIES:
        raise too_many_entries(document.format)
    authors = inherited(_authors(value)) if document.format is Format.JSON_FEED else []
    document.entries = [_entry(item, document.format, authors) for item in items]
    return document


def _loaded(text: str) -> tuple[Any, list[Flag]]:
    try:
        value = orjson.loads(text)
        return (json.loads(text) if _has_rounded_id(value) else value), []
    except (orjson.JSONDecodeError, RecursionError) as error:
        if isinstance(error, RecursionError) or "recursion" in str(error).lower():
            raise too_deep(Format.JSON_ITEM) from None
    # Half an emoji, where somebody cut a text at a number of UTF-16 units; a line break inside a string.
    flags = [Flag.REPAIRED]
    mended = _ESCAPE.sub(_whole, text)
    try:
        return json.loads(mended, strict=False, parse_constant=_refuse_constant), flags
    except RecursionError:
        raise too_deep(Format.JSON_ITEM) from None
    except json.JSONDecodeError as error:
        message = f"The JSON cannot be read: {error.msg}, line {error.lineno}, column {error.colno}."
    except ValueError as error:
        message = f"The JSON cannot be read: {error}."
    raise Rejection(DeadLetterCode.MALFORMED_JSON, message, Format.JSON_ITEM)


def _has_rounded_id(value: Any) -> bool:
    """Whether an id was an integer beyond 64 bits: orjson makes it a float, in which many are one."""
    items = value.get("items", [value]) if isinstance(value, dict) else value
    ids = (item.get("id") for item in items if isinstance(item, dict)) if isinstance(items, list) else ()
    return any(isinstance(id, float) and abs(id) > 2**63 for id in ids)


def _whole(match: re.Match[str]) -> str:
    return "\\ufffd" if match[1] else match[0]


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON number")


def _feed(value: Object) -> Document:
    return Document(
        format=Format.JSON_FEED,
        entries=[],
        address=_text(value, "feed_url"),
        home=_text(value, "home_page_url"),
        title=titles.plain(_text(value, "title") or "") or None,
        language=_text(value, "language"),
    )


def _entry(item: Any, format: Format, feed_authors: list[str]) -> Found | Unreadable:
    if not isinstance(item, dict):
        try:
            fragment = orjson.dumps(item)
        except (TypeError, ValueError, RecursionError):
            fragment = b"null"
        return Unreadable("The entry is no JSON object.", fragment)
    body, rest = _body(item)
    extension = _extension(item)
    # what a dead letter holds was decoded before: `&amp;lt;` would lose one more layer at each replay
    plain_line = titles.line if EXTENSION in item else titles.plain
    identifier = _text(item, "id")
    link = _text(item, "url") or _text(item, "external_url")
    if link is None and identifier and _ADDRESS.fullmatch(identifier) and EXTENSION not in item:
        link = identifier  # the format asks for addresses as ids
    attachments, pictures = _attachments(item)
    images = [FeedImage(url) for name in ("image", "banner_image") if (url := _text(item, name))]
    published, published_date = _date(item, "date_published")
    updated, updated_date = _date(item, "date_modified")
    source = _text(item, "source_url") if format is Format.JSON_ITEM else None
    return Found(
        title=plain_line(_text(item, "title") or ""),
        link=link,
        guid=identifier,
        body=body.text,
        body_is_html=body.is_html,
        link_base=extension.base_url,
        base=extension.base_url,
        authors=_authors(item, plain_line) or feed_authors,
        categories=_tags(item, titles.line if EXTENSION in item else clean_line),
        attachments=attachments,
        images=list({image.url: image for image in [*extension.images, *images, *pictures]}.values()),
        language=_text(item, "language"),
        published=published,
        updated=updated,
        published_date=extension.published or published_date,
        updated_date=extension.updated or updated_date,
        seen_date=extension.seen,
        sent_at=extension.sent_at,
        feed=Feed(source, titles.line(extension.feed_title or "") or None) if source or extension.feed_title else None,
        retraction=extension.retraction,
        retracts=bytes.fromhex(extension.item) if extension.retraction and extension.item else None,
        known_by=extension.known_by,
        flags=[flag for flag in sorted(KEPT_FLAGS) if flag in extension.flags],
        extra=rest,
    )


def _body(item: Object) -> tuple[Body, list[str]]:
    """The item's text, and the other ones. What a dead letter holds was chosen and read before."""
    names = ("content_html", "content_text", "summary")
    given = [Body(text, name == "content_html") for name in names if (text := _string(item, name))]
    if not given:
        return Body("", is_html=False), []
    place, body = 0, given[0]
    if EXTENSION not in item:
        place, body = choose([Body(unescaped_twice(each.text), True) if each.is_html else each for each in given])
    return body, [each.text for each in (*given[:place], *given[place + 1 :])]


def _extension(item: Object) -> Extension:
    """The extension object, where it is one; what is not well-formed is nobody's dead letter."""
    try:
        return msgspec.convert(item.get(EXTENSION) or {}, Extension)
    except (msgspec.ValidationError, RecursionError):
        return Extension()


def _string(item: Object, name: str) -> str | None:
    value = item.get(name)
    return value if isinstance(value, str) and value.strip() else None


def _text(item: Object, name: str) -> str | None:
    """A short text; numbers are taken for what they spell (ids are numbers in half of all hand-made feeds)."""
    value = item.get(name)
    if isinstance(value, str):
        return value.strip() or None
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return str(value) if isinstance(value, int) or abs(value) <= 2**63 else None


def _date(item: Object, name: str) -> tuple[list[str], FoundDate | None]:
    """The spelling of a date, or the date itself where it is a number of (milli)seconds."""
    text = _text(item, name)
    if text is None:
        return [], None
    if not isinstance(item[name], str) or _EPOCH.fullmatch(text):
        number = text.partition(".")[0]
        if not _EPOCH.fullmatch(number):
            return [], None
        if read := parse_epoch_ms(number if len(number) > 11 else f"{number}000"):
            return [text], FoundDate(read.at, text, DateOrigin.FEED, read.confidence)
    return [text], None


def _authors(item: Object, plain_line: Callable[[str], str] = titles.plain) -> list[str]:
    """1.1 has a list of objects, 1.0 one object; in practice also plain names."""
    value = item.get("authors") or item.get("author")
    names = []
    for author in value if isinstance(value, list) else [value]:
        if isinstance(author, dict):
            author = _text(author, "name") or _text(author, "url")
        if isinstance(author, str):
            names.append(plain_line(author))
    return [name for name in dict.fromkeys(names) if name]


def _tags(item: Object, plain_line: Callable[[str], str]) -> list[str]:
    value = item.get("tags")
    tags = value if isinstance(value, list) else [value]
    return [tag for tag in dict.fromkeys(plain_line(tag) for tag in tags if isinstance(tag, str)) if tag]


def _attachments(item: Object) -> tuple[list[Attachment], list[FeedImage]]:
    value = item.get("attachments")
    attachments, images = [], []
    for attachment in value if isinstance(value, list) else []:
        if not isinstance(attachment, dict) or not (url := _text(attachment, "url")):
            continue
        kind = _text(attachment, "mime_type")
        size = bounded_int(attachment.get("size_in_bytes"))
        attachments.append(Attachment(url, kind, size, bounded_seconds(attachment.get("duration_in_seconds"))))
        if kind and kind.startswith("image/"):
            images.append(FeedImage(url))
    return attachments, images
