"""Documents in, entries and dead letters out: what the tests of parse share."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec

from agents.parse.stage import ParseStage
from agents.stage import NoState, Output, Topic
from schemas import DeadLetter, Entry, Moment, RawDocument

ARRIVAL = datetime(2024, 2, 17, 12, 0, tzinfo=UTC)
FEED = "https://news.example.org/feed.xml"

_entries = msgspec.msgpack.Decoder(Entry)
_letters = msgspec.json.Decoder(DeadLetter)


def raw(
    body: str | bytes,
    *,
    source_url: str | None = FEED,
    content_type: str | None = None,
    replay_of: str | None = None,
    received_at: Moment | None = None,
    ref: str | None = None,
) -> RawDocument:
    return RawDocument(
        topic="feeds.raw",
        partition=3,
        offset=77,
        body=body.encode() if isinstance(body, str) else body,
        arrival=ARRIVAL,
        received_at=received_at or ARRIVAL,
        received_from_header=received_at is not None,
        content_type=content_type,
        source_url=source_url,
        replay_of=replay_of,
        ref=ref,
    )


def outputs(document: RawDocument) -> list[Output]:
    return ParseStage().handle([document], NoState(), ARRIVAL)


def results(document: RawDocument) -> list[Entry | DeadLetter]:
    return [decoded(output) for output in outputs(document)]


def decoded(output: Output) -> Entry | DeadLetter:
    assert output.value is not None
    return _entries.decode(output.value) if output.topic is Topic.ENTRIES else _letters.decode(output.value)


def entries(body: str | bytes, *, source_url: str | None = FEED, content_type: str | None = None) -> list[Entry]:
    """The entries of a document that holds nothing else."""
    found = results(raw(body, source_url=source_url, content_type=content_type))
    assert all(isinstance(each, Entry) for each in found), found
    return [each for each in found if isinstance(each, Entry)]


def entry(body: str | bytes, *, source_url: str | None = FEED) -> Entry:
    """The only entry of a document."""
    (found,) = entries(body, source_url=source_url)
    return found


def letter(document: RawDocument) -> DeadLetter:
    """The only dead letter of a document that gives nothing else."""
    (found,) = results(document)
    assert isinstance(found, DeadLetter), found
    return found


def rss(items: str, *, head: str = "", attributes: str = "") -> str:
    namespaces = (
        'xmlns:content="http://purl.org/rss/1.0/modules/content/" xmlns:dc="http://purl.org/dc/elements/1.1/"'
        ' xmlns:media="http://search.yahoo.com/mrss/" xmlns:itunes="http://www.itunes.com/dtds/podcast-1.0.dtd"'
        ' xmlns:atom="http://www.w3.org/2005/Atom" xmlns:feedburner="http://rssnamespace.org/feedburner/ext/1.0"'
    )
    return (
        f'<?xml version="1.0"?><rss version="2.0" {namespaces} {attributes}><channel><title>Harbour News</title>'
        f"<link>https://news.example.org/</link>{head}{items}</channel></rss>"
    )


def atom(entries: str, *, head: str = "", attributes: str = "") -> str:
    return (
        f'<feed xmlns="http://www.w3.org/2005/Atom" {attributes}><title>Harbour News</title>'
        f"<id>tag:news.example.org,2024:feed</id>{head}{entries}</feed>"
    )
