"""The key of a raw record: the feed's address where it is known, else the site.

It keeps the copies of one feed in order, in one partition. Any key works, so this looks and does not parse: at
the head of the document only, and at the text as UTF-8, since addresses are ASCII in all encodings but UTF-16.
"""

from __future__ import annotations

import codecs
import re

import msgspec
from msgspec import Struct

from agents.content.urls import canonicalize, site_of
from agents.parse import markdown
from agents.parse.rejection import Rejection
from agents.parse.sniff import sniff
from agents.sources.records import RawRecord
from schemas import Format

HEAD = 65_536  # bytes

_FIRST_ENTRY = re.compile(r"<(?:[\w.-]+:)?(?:item|entry)[\s>]", re.IGNORECASE)
_LINK = re.compile(
    r"<(?:[\w.-]+:)?link\b([^<>]{0,2000})>(?:\s{0,100}(?:<!\[CDATA\[)?\s{0,100}([^<\s\]]{1,2000}))?", re.I
)
_ATTRIBUTE = re.compile(r"""\b(rel|href)\s{0,10}=\s{0,10}(?:"([^"<>]{0,2000})"|'([^'<>]{0,2000})')""", re.IGNORECASE)


class _Json(Struct, frozen=True):
    feed_url: str | None = None
    source_url: str | None = None
    home_page_url: str | None = None
    url: str | None = None


_objects = msgspec.json.Decoder(_Json | list[_Json])


def record_key(record: RawRecord) -> bytes | None:
    """The key to publish a document with; None where nothing tells. Never raises."""
    address = (record.source_url or "").strip()
    if not address:
        address = _stated(record.body) or ""
    return address.encode("utf-8", "replace") or None


def _stated(body: bytes) -> str | None:
    """The feed's address as the document states it, or the site of its first link."""
    text = _head(body)
    try:
        format = sniff(text)
        if format is Format.MARKDOWN:
            entry = markdown.read(text).entries[0]
            return _site(getattr(entry, "link", None))
    except Rejection:
        return None
    return _of_json(body) if format is Format.JSON_ITEM else _of_feed(text)


def _of_feed(text: str) -> str | None:
    first = _FIRST_ENTRY.search(text)
    links: dict[str, str] = {}
    for attributes, content in _LINK.findall(text[: first.start()] if first else text):
        named = {name.lower(): double or single for name, double, single in _ATTRIBUTE.findall(attributes)}
        address = named.get("href") or content
        if address:
            links.setdefault(named.get("rel", "alternate").lower(), address.replace("&amp;", "&"))
    if own := canonicalize(links.get("self", "")):
        return own.url
    if home := _site(links.get("alternate")):
        return home
    if first is None:
        return None
    match = _LINK.search(text, first.start())  # the first entry's own
    if match is None:
        return None
    named = {name.lower(): double or single for name, double, single in _ATTRIBUTE.findall(match[1])}
    return _site(named.get("href") or match[2])


def _of_json(body: bytes) -> str | None:
    try:
        found = _objects.decode(body)
    except (ValueError, RecursionError):  # parse will say what is wrong with it
        return None
    if isinstance(found, list):
        if not found:
            return None
        found = found[0]
    if own := canonicalize(found.feed_url or found.source_url or ""):
        return own.url
    return _site(found.home_page_url) or _site(found.url)


def _site(address: str | None) -> str | None:
    found = canonicalize(address) if address else None
    return site_of(found.host) if found else None


def _head(body: bytes) -> str:
    head = body[:HEAD]
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return head.decode("utf-16", "replace")
    return head.decode("utf-8-sig", "replace")
