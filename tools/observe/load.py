"""A made-up load that never ends: feeds that are polled again and again, as real ones are.

Each poll of a feed brings its newest entries: most are known, some new, now and then one whose title was corrected, or
that another site had first. Rarely a document is broken. Articles are those of bench/documents.py; the same seed gives
the same course, the moments of publication apart.
"""

from __future__ import annotations

import random
from collections import deque
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from html import escape

from msgspec import Struct

from agents.sources.records import RawRecord
from bench.documents import SITES, article

FEED_ENTRIES = 15
LISTED = [f"site{number}.example" for number in range(8)]
"""Sites with series of their own; the other 32 are `other`."""

_NEW = (0, 1, 1, 2, 3)  # entries that a poll adds, by chance
_CORRECTED = 0.15  # of polls
_COPIED = 0.15
_MINUTES = 40  # how old a new entry is at most


class Entry(Struct):
    """One entry as a site's feed shows it now."""

    url: str
    title: str
    paragraphs: list[str]
    published: datetime


class Load:
    """`broken` is the share of documents that are junk; it can be changed at any time."""

    def __init__(self, *, seed: int = 1, broken: float = 0.01) -> None:
        self.broken = broken
        self._chance = random.Random(seed)
        self._feeds: list[deque[Entry]] = [deque(maxlen=FEED_ENTRIES) for _ in range(SITES)]
        self._numbers = [site + SITES * 100 for site in range(SITES)]  # the next article of each
        for site in range(SITES):
            for _ in range(FEED_ENTRIES):
                self._add(site)

    def next(self) -> RawRecord:
        """The next document: a poll of a feed chosen by chance, or junk."""
        if self._chance.random() < self.broken:
            return self._junk()
        site = self._chance.randrange(SITES)
        for _ in range(self._chance.choice(_NEW)):
            self._add(site)
        feed = self._feeds[site]
        if self._chance.random() < _CORRECTED:
            entry = self._chance.choice(feed)
            entry.title = f"{entry.title.split('（')[0]}（更正{self._chance.randrange(1, 1000)}）"
        if self._chance.random() < _COPIED:
            self._copy(site)
        return self._document(site)

    def _add(self, site: int) -> None:
        one = article(self._numbers[site])
        self._numbers[site] += SITES
        self._feeds[site].appendleft(Entry(one.url, one.title, one.paragraphs, self._moment()))

    def _copy(self, site: int) -> None:
        other = self._chance.choice(self._feeds[self._chance.randrange(SITES)])
        number = self._chance.randrange(10**9)
        url = f"https://www.site{site}.example/copied/{number}.html"
        self._feeds[site].appendleft(Entry(url, other.title, other.paragraphs, self._moment()))

    def _moment(self) -> datetime:
        return datetime.now(UTC) - timedelta(minutes=self._chance.random() * _MINUTES)

    def _document(self, site: int) -> RawRecord:
        items = "\n".join(
            f"<item><title>{escape(entry.title)}</title><link>{entry.url}</link>"
            f"<pubDate>{format_datetime(entry.published, usegmt=True)}</pubDate>"
            f"<description>{escape(''.join(f'<p>{one}</p>' for one in entry.paragraphs))}</description></item>"
            for entry in self._feeds[site]
        )
        body = (
            "<?xml version='1.0' encoding='UTF-8'?><rss version='2.0'><channel>"
            f"<title>site{site}</title><link>https://www.site{site}.example/</link>{items}</channel></rss>"
        )
        return _record(body.encode(), site)

    def _junk(self) -> RawRecord:
        site = self._chance.randrange(SITES)
        return _record(self._chance.choice(_JUNK), site)


_JUNK = (
    bytes(range(256)) * 8,  # no text at all
    b"GIF89a\x01\x00\x01\x00\x80\x00\x00\xff\xff\xff\x00\x00\x00",
    b"<html><head><title>502</title></head><body>Bad gateway</body></html>",
    b'{"version": "https://jsonfeed.org/version/1.1", "title": "t", "items": [{"id": "1"}, {"id": "2"}]}',
    b"<?xml version='1.0'?><rss version='2.0'><channel><title>empty</title></channel></rss>",
    b"",
)


def _record(body: bytes, site: int) -> RawRecord:
    now = datetime.now(UTC).isoformat()
    return RawRecord(body=body, source_url=f"https://www.site{site}.example/rss.xml", received_at=now)
