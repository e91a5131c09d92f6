"""Made-up documents of the usual size: a Chinese article of 1,400 characters, alone or in a feed of 30.

Sentences are words put together by chance; each article is one of three about an event, which has a place, a name and
words of its own, so that articles differ and group as real ones do. The same numbers give the same documents.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import format_datetime
from functools import lru_cache
from pathlib import Path

from msgspec import Struct

from agents.content.gazetteer import Kind, gazetteer
from agents.sources.records import RawRecord

CHARACTERS = 1400
"""Of an article's text: the median that the budget of the design is for."""

FEED_ENTRIES = 30
SITES = 40

_AROUND = 70  # characters of dateline, gloss and links
_FIRST_MS = 1_795_100_000_000  # a day in November 2026
_STEP_MS = 37_000


def _words() -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for line in (Path(__file__).parent / "words.txt").read_text(encoding="utf-8").splitlines()[1:]:
        if line.startswith("["):
            kind = line.strip("[]")
        else:
            found.setdefault(kind, []).extend(line.split())
    return found


_NOUNS, _VERBS, _LINKS = (_words()[kind] for kind in ("nouns", "verbs", "links"))
"""Links stand between the others; one that is common in texts stands there several times."""

_REPORTS = 3
"""Articles about one event, each of another site."""
_OWN_NOUNS = 10
_OWN_VERBS = 6


@lru_cache(maxsize=1)
def _towns() -> list[str]:
    """Places of the gazetteer: what makes real events differ most is where they are and whom they are about."""
    return sorted(
        name
        for name, meaning in gazetteer().chinese.items()
        if 2 <= len(name) <= 5 and any(site.kind is Kind.CITY for site in meaning.sites)
    )


class _Event(Struct, frozen=True):
    """What the reports of one event share: its place, a name, and the words that it is about."""

    town: str
    person: str
    nouns: list[str]
    verbs: list[str]


@lru_cache(maxsize=20_000)
def _event(number: int) -> _Event:
    chance = random.Random(f"event {number}")
    person = f"{chance.choice(_SURNAMES)}{chance.choice(_GIVEN)}{chance.choice(_GIVEN)}"
    return _Event(chance.choice(_towns()), person, chance.sample(_NOUNS, _OWN_NOUNS), chance.sample(_VERBS, _OWN_VERBS))


_SURNAMES = "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗梁宋郑谢韩唐冯于董萧程曹袁邓许傅沈曾彭吕"
_GIVEN = "伟芳娜敏静丽强磊军洋勇艳杰娟涛明超秀霞平刚桂英华建国文玉兰红志海春雨晨宇轩子涵浩然思远嘉怡"


class Article(Struct, frozen=True):
    """One article of a site. `paragraphs` are plain text."""

    number: int
    site: str
    title: str
    paragraphs: list[str]

    @property
    def url(self) -> str:
        return f"https://www.{self.site}/news/2026/11/{self.number:07}.html"

    @property
    def html(self) -> str:
        """As publishers write it: a proxied picture with its caption, two links, a paragraph each."""
        first, *others = self.paragraphs
        picture = f"https://images.weserv.nl/?url=img.{self.site}/photo/{self.number}.jpg"
        body = [
            '<div class="article">',
            f'<div class="fullPic"><img src="{picture}" alt="{self.title}">',
            f'<div class="picinfo">图为{self.title}。</div></div>',
            f"<p>（澜海社塔里恩二十日电）挪威船长奥列格·林德森（Oleg Lindsen）说，{first}</p>",
            *(f"<p>{paragraph}</p>" for paragraph in others),
            f'<p>相关阅读：<a href="/news/2026/11/{self.number - 1:07}.html?utm_source=rss">前一篇报道</a>',
            f'<a href="https://www.{self.site}/topics/harbour">港口专题</a></p>',
            "</div>",
        ]
        return "\n".join(body)


@lru_cache(maxsize=20_000)
def article(number: int) -> Article:
    """The article with this number; its site is one of SITES."""
    chance = random.Random(number)
    event = _event(number // _REPORTS)
    paragraphs: list[str] = []
    while (room := CHARACTERS - _AROUND - sum(len(paragraph) + 2 for paragraph in paragraphs)) > 0:
        paragraphs.append("".join(_sentence(chance, event) for _ in range(chance.randrange(1, 4)))[:room])
    first, second, third = chance.sample(event.nouns[:5], 3)
    title = f"{event.town}{first}{chance.choice(event.verbs)}{second}，{event.person}{chance.choice(_VERBS)}{third}"
    return Article(number, f"site{number % SITES}.example", title, paragraphs)


def markdown(number: int) -> RawRecord:
    """An article as a document of the seed's form, with a date that opens the body."""
    one = article(number)
    body = f"<!--{_moment(number)}-->\n[{one.title}]({one.url})\n------\n\n<i>{_rfc822(number)}</i>\n{one.html}\n"
    return RawRecord(body=body.encode(), content_type="text/markdown", source_url=_feed_url(one.site))


def feed(number: int) -> RawRecord:
    """An RSS document of the site with this number: its FEED_ENTRIES articles, whole."""
    site = f"site{number % SITES}.example"
    articles = [article(number % SITES + SITES * (1000 * (number // SITES) + place)) for place in range(FEED_ENTRIES)]
    items = "\n".join(
        f"<item><title>{one.title}</title><link>{one.url}</link><guid isPermaLink='false'>a{one.number}</guid>"
        f"<pubDate>{_rfc822(one.number)}</pubDate><dc:creator>本报记者</dc:creator><category>地方</category>"
        f"<description>{one.paragraphs[0]}</description>"
        f"<content:encoded><![CDATA[{one.html}]]></content:encoded></item>"
        for one in articles
    )
    body = (
        "<?xml version='1.0' encoding='UTF-8'?><rss version='2.0' xmlns:dc='http://purl.org/dc/elements/1.1/' "
        "xmlns:content='http://purl.org/rss/1.0/modules/content/'><channel>"
        f"<title>{site}</title><link>https://www.{site}/</link><description>新闻</description>\n{items}</channel></rss>"
    )
    return RawRecord(body=body.encode(), content_type="application/rss+xml", source_url=_feed_url(site))


def markdowns(count: int, first: int = 0) -> Iterator[RawRecord]:
    return map(markdown, range(first, first + count))


def _sentence(chance: random.Random, event: _Event) -> str:
    """Some thirty characters: a third of the words are the event's, the others anybody's; the order is chance."""
    clauses = []
    for _ in range(chance.randrange(2, 4)):
        words = [chance.choice(_LINKS)]
        for _ in range(chance.randrange(2, 4)):
            own = chance.random() < 0.35
            words += [
                chance.choice(event.nouns if own else _NOUNS),
                chance.choice(_LINKS),
                chance.choice(event.verbs if own else _VERBS),
            ]
        if chance.random() < 0.15:
            words.append(f"{chance.randrange(2, 900)}{chance.choice('人天项吨家次')}")
        if chance.random() < 0.12:
            words.append(chance.choice((event.town, event.person)))
        clauses.append("".join(words))
    return "，".join(clauses) + "。"


def _feed_url(site: str) -> str:
    return f"https://www.{site}/rss.xml"


def _moment(number: int) -> int:
    return _FIRST_MS + number % 2000 * _STEP_MS


def _rfc822(number: int) -> str:
    return format_datetime(datetime.fromtimestamp(_moment(number) // 1000, UTC), usegmt=True)
