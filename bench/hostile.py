"""Bodies made to take long, at 1 MiB and at 8 MiB: what is linear takes eight times as long, and no more."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial

from agents.content.html import MarkupTooDeep, read_html
from agents.content.language import Language
from agents.enrich.dateline import read_dateline
from agents.enrich.keywords import find_keywords
from agents.enrich.names import find_names
from agents.enrich.places import find_places
from agents.enrich.prose import read_prose
from agents.enrich.summary import summarize
from bench.report import Table

SMALL, LARGE = 1 << 20, 8 << 20
TEXT = 1 << 20
"""Characters of text that an item keeps: what the steps behind the reader can be given."""

MARKUP = {
    "open elements": "<div>",
    "paragraphs in bold": "<b><p>",
    "open tags": "<a ",
    "links": "<a href=x>",
    "comments": "<!--",
    "tables": "<table><tr><td>",
    "figures": "<figure><figcaption>x",
    "captions": "<img src=a.png><p class=caption>x",
    "small type": "<img src=a.png><small>x</small>",
    "ampersands": "&amp;",
    "bare less-than": "<",
    "joiners": "\u200d",
    "words": "渡轮搁浅。",
}
PROSE = {
    "brackets": ("（", "zh-Hans"),
    "glosses": ("布林肯(A", "zh-Hans"),
    "glossed names": ("总统布林肯（Antony Blinken）说", "zh-Hans"),
    "capitals": ("Paris Hilton ", "en"),
    "words": ("ferry radar ", "en"),
    "Chinese words": ("渡轮雷达搁浅", "zh-Hant"),
    "quotation marks": ("“。”", "zh-Hans"),
    "full stops": ("a. ", "en"),
    "kanji": ("渡船レーダー", "ja"),
}


def main() -> Iterator[Table]:
    yield Table(
        "Bodies of one piece over and over, seconds of CPU",
        ("", "1 MiB", "8 MiB"),
        [
            (name, _seconds(partial(_read, piece, SMALL)), _seconds(partial(_read, piece, LARGE)))
            for name, piece in MARKUP.items()
        ],
        "Read, written safely and checked; what is refused as too deep counts until it is refused.",
    )
    yield Table(
        f"Text of one piece over and over, {TEXT:,} characters, seconds of CPU",
        ("", "an eighth", "all"),
        [
            (
                name,
                _seconds(partial(_enrich, piece, language, TEXT // 8)),
                _seconds(partial(_enrich, piece, language, TEXT)),
            )
            for name, (piece, language) in PROSE.items()
        ],
        "Cut into words, dateline, names, places, keywords and summary.",
    )


def _seconds(work: Callable[[], object]) -> float:
    started = time.process_time()
    work()
    return round(time.process_time() - started, 2)


def _read(piece: str, size: int) -> None:
    with suppress(MarkupTooDeep):
        read_html(piece * (size // len(piece.encode())), "https://news.example/")


def _enrich(piece: str, language: str, size: int) -> None:
    prose = read_prose("", piece * (size // len(piece)), Language(language, 1.0))
    read_dateline(prose.body)
    names = find_names(prose)
    places = find_places(prose, names.spans)
    keywords = find_keywords(prose, [*names.names, *places.places], [*names.spans, *places.spans])
    summarize(prose.body, 0, "", keywords)
