"""The feeds that a piece reads: documents of all forms, each with many short entries.

A quarter of the entries was said before, one in twenty is a revision, one in a hundred is poison. One feed a site and
one form a feed, so that the order of everything that concerns an item is the order of one partition.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from html import escape

import msgspec
from msgspec import Struct

from agents.stage import Headers
from tests.chaos import articles
from tests.chaos.articles import TONGUES, Article

SITES = 40
SHARES = {"poison": 0.01, "revised": 0.05, "repeated": 0.25}
"""Of all entries."""
POISON, REPRINTED, LONG = 0.01, 0.02, 0.001
"""Of documents, those that fail as a whole; of new articles, those taken over from another site, and the long ones."""
REMEMBERED = 300
"""Items of a site that are repeated and revised."""

_BEGIN = datetime(2026, 3, 1, tzinfo=UTC)


class Raw(Struct, frozen=True):
    """A record for `feeds.raw`; `entries` is how many entries it holds, poison counted."""

    key: bytes
    body: bytes
    headers: Headers
    entries: int


class Entry(Struct, frozen=True):
    """One entry as a feed shows it."""

    number: int
    url: str
    article: Article
    published: datetime
    updated: datetime | None = None


class Site:
    """A site with one feed: its language, its form, and what it has published."""

    def __init__(self, number: int, rng: random.Random) -> None:
        self.host = f"{articles.SYLLABLES[number % 23]}{number}-news.example"
        self.feed = f"https://{self.host}/feed.xml"
        self.language = rng.choice(list(TONGUES))
        self.form = FORMS[number % len(FORMS)]
        self.entries: list[Entry] = []


class _Shares:
    """Sees to it that repetitions, revisions and poison have their shares, though a new site has nothing to repeat."""

    def __init__(self) -> None:
        self._entries = 0
        self._had = dict.fromkeys(SHARES, 0)

    def next(self, rng: random.Random, possible: bool) -> str:
        """What the next entry is to be, "" for a new one; where nothing was said before, only poison is possible."""
        self._entries += 1
        for what, share in SHARES.items():
            if not possible and what != "poison":
                continue
            behind = self._had[what] < share * self._entries
            if rng.random() < share * (3.0 if behind else 0.3):
                self._had[what] += 1
                return what
        return ""


def documents(entries: int, seed: int) -> Iterator[Raw]:
    """Raw records with so many entries in all, the same for the same seed."""
    rng = random.Random(f"documents {seed}")
    sites = [Site(number, rng) for number in range(SITES)]
    shares = _Shares()
    clock = _BEGIN
    while entries > 0:
        site = rng.choice(sites)
        clock += timedelta(seconds=rng.randint(1, 60))
        if rng.random() < POISON:
            raw = _poisoned(rng, site)
        else:
            raw = _document(rng, site, sites, shares, min(entries, rng.randint(10, 60)), clock)
        entries -= raw.entries
        yield raw


def _document(
    rng: random.Random, site: Site, sites: Sequence[Site], shares: _Shares, count: int, clock: datetime
) -> Raw:
    shown: list[Entry | None] = []
    told: set[int] = set()  # an address that stands twice in a document is no identity
    for _ in range(count):
        known = next((one for one in rng.choices(site.entries or [None], k=6) if one and one.number not in told), None)
        what = shares.next(rng, known is not None)
        if what == "poison":
            shown.append(None)
            continue
        if known is None or not what:
            entry = _new(rng, site, sites, clock)
        else:
            entry = known if what == "repeated" else _revised(rng, site, known, clock)
        shown.append(entry)
        told.add(entry.number)
    headers: Headers = (("source-url", site.feed.encode()),)
    if rng.random() < 0.3:
        headers += (("received-at", clock.isoformat().encode()), ("ref", f"fetch {clock:%H%M%S}".encode()))
    return Raw(site.feed.encode(), site.form(site, shown), headers, count)


def _new(rng: random.Random, site: Site, sites: Sequence[Site], clock: datetime) -> Entry:
    number = len(site.entries) and site.entries[-1].number + 1
    chance = rng.random()
    other = rng.choice(sites)
    if chance < REPRINTED and other.entries:
        article = rng.choice(other.entries).article
    elif chance < REPRINTED + LONG:
        article = articles.long(rng, site.language)
    else:
        article = articles.write(rng, site.language)
    entry = Entry(number, f"https://{site.host}/{clock:%Y/%m}/{number}.html", article, clock)
    site.entries.append(entry)
    del site.entries[:-REMEMBERED]
    return entry


def _revised(rng: random.Random, site: Site, known: Entry, clock: datetime) -> Entry:
    article = articles.revise(rng, site.language, known.article)
    entry = msgspec.structs.replace(known, article=article, updated=clock if rng.random() < 0.5 else known.updated)
    site.entries[site.entries.index(known)] = entry
    return entry


def _poisoned(rng: random.Random, site: Site) -> Raw:
    """A document that fails as a whole."""
    body = rng.choice(
        (
            b"\xff\xfe\x00\xd8" + rng.randbytes(40),
            b"",
            b'{"items": [{"title": "cut of',
            b"<rss version='2.0'><channel><title>nothing new</title></channel></rss>",
            b"<html><body>502 Bad Gateway</body></html>",
        )
    )
    return Raw(site.feed.encode(), body, (("source-url", site.feed.encode()),), 1)


# --- the forms


def _items(site: Site, shown: Sequence[Entry | None]) -> bytes:
    return msgspec.json.encode([{**_json(entry), "source_url": site.feed} if entry else {} for entry in shown])


def _json_feed(site: Site, shown: Sequence[Entry | None]) -> bytes:
    return msgspec.json.encode(
        {
            "version": "https://jsonfeed.org/version/1.1",
            "title": site.host,
            "feed_url": site.feed,
            "items": [_json(entry) if entry else {"id": ""} for entry in shown],
        }
    )


def _json(entry: Entry) -> dict[str, str]:
    told = {
        "id": entry.url,
        "url": entry.url,
        "title": entry.article.title,
        "content_html": entry.article.html,
        "date_published": entry.published.isoformat(),
    }
    return told if entry.updated is None else {**told, "date_modified": entry.updated.isoformat()}


def _rss(site: Site, shown: Sequence[Entry | None]) -> bytes:
    items = "".join(
        f"<item><title>{escape(entry.article.title)}</title><link>{entry.url}</link>"
        f"<guid isPermaLink='false'>{site.host}-{entry.number}</guid>"
        f"<pubDate>{format_datetime(entry.updated or entry.published)}</pubDate>"
        f"<description>{escape(entry.article.html)}</description></item>"
        if entry
        else "<item></item>"
        for entry in shown
    )
    head = f"<title>{site.host}</title><link>https://{site.host}/</link><description>news</description>"
    return f"<?xml version='1.0' encoding='utf-8'?><rss version='2.0'><channel>{head}{items}</channel></rss>".encode()


def _atom(site: Site, shown: Sequence[Entry | None]) -> bytes:
    items = "".join(
        f"<entry><id>tag:{site.host},2026:{entry.number}</id><title>{escape(entry.article.title)}</title>"
        f"<link href='{entry.url}'/><published>{entry.published.isoformat()}</published>"
        f"<updated>{(entry.updated or entry.published).isoformat()}</updated>"
        f"<content type='html'>{escape(entry.article.html)}</content></entry>"
        if entry
        else "<entry></entry>"
        for entry in shown
    )
    head = f"<id>{site.feed}</id><title>{site.host}</title><updated>2026-03-01T00:00:00Z</updated>"
    return f"<feed xmlns='http://www.w3.org/2005/Atom'>{head}{items}</feed>".encode()


def _markdown(site: Site, shown: Sequence[Entry | None]) -> bytes:
    return "\n\n".join(
        f"<!--{int(entry.published.timestamp() * 1000)}-->\n[{entry.article.title}]({entry.url})\n------\n\n"
        f"{entry.article.html}"
        if entry
        else "<!--NaN-->\n[]()\n------\n"
        for entry in shown
    ).encode()


Form = Callable[[Site, Sequence[Entry | None]], bytes]
FORMS: tuple[Form, ...] = (_items, _rss, _atom, _json_feed, _markdown)
