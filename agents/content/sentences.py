"""Sentences: where they end, in Chinese and in languages with spaces."""

from __future__ import annotations

import re
from collections.abc import Iterator

# A full stop of the scripts that have one of their own, three dots, or the Latin marks, with what closes behind them.
_END = re.compile(
    r"(?P<wide>[。！？｡]+|…{2})[」』”’）】》〉\])\"']*"
    r"|(?P<stop>[.!?؟۔।။።]+)[»”’\"')\]]*(?=\s|$)"
)
_OPENING = "「『“（《〈【(["
_CLOSING = "」』”）》〉】)]"
_QUOTES = re.compile(r"[「『“（《〈【(\[」』”）》〉】)\]]")
_ABBREVIATED = re.compile(
    r"(?:^|[\s(\"“‘])(?:[A-Z]|(?:[A-Z]\.)+[A-Z]|Mr|Mrs|Ms|Dr|Prof|St|Sen|Rep|Gov|Gen|Col|Lt|Sgt|Capt|Rev|Hon|Jr|Sr|Inc|Ltd|Co"
    r"|Corp|No|vs|etc|e\.g|i\.e|cf|approx|Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sept?|Oct|Nov|Dec|M|Mme|Mlle|Hr|Fr|bzw|ca|Nr|Sra?"
    r"|art|p|pp|vol|d\.h|z\.B|al)\.$"
)
_SMALL = re.compile(r"\s*[a-zà-ÿ]")


def sentences(paragraph: str) -> Iterator[tuple[int, int]]:
    """Begin and end of each whole sentence of a paragraph; what ends without a mark is none.

    A mark inside of quotation marks or brackets that are still open ends none: 他说：“我们会去。也许不会。” is one.
    Where they never close, they are not looked at. Linear.
    """
    quoted = _QUOTES.search(paragraph) is not None and is_balanced(paragraph)
    begin = looked = depth = 0
    for match in _END.finditer(paragraph):
        if quoted:
            depth += _depth(paragraph, looked, match.end())
            looked = match.end()
            if depth > 0:
                continue
        if match["stop"] and not _ends(paragraph, begin, match):
            continue
        end = match.end()
        if '"' in match[0] and paragraph.count('"', 0, match.start()) % 2 == 0:
            end = paragraph.index('"', match.start())  # it opens what comes next
        start = begin if not paragraph[begin].isspace() else end - len(paragraph[begin:end].lstrip())
        if start < match.start():
            yield start, end
        begin = end


def is_balanced(text: str) -> bool:
    """Whether every quotation mark and bracket that opens in a text closes in it, and none closes before it opens."""
    depth = 0
    for match in _QUOTES.finditer(text):
        depth += 1 if match[0] in _OPENING else -1
        if depth < 0:
            return False
    return depth == 0 and text.count('"') % 2 == 0


def _ends(paragraph: str, begin: int, match: re.Match[str]) -> bool:
    """Whether a Latin full stop ends a sentence: no abbreviation, no small letter behind it."""
    if match["stop"] == "." and _ABBREVIATED.search(paragraph, max(begin, match.start() - 12), match.start() + 1):
        return False
    return not _SMALL.match(paragraph, match.end())


def _depth(paragraph: str, begin: int, end: int) -> int:
    return sum(1 if match[0] in _OPENING else -1 for match in _QUOTES.finditer(paragraph, begin, end))
