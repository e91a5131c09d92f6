"""Sentences: where they end, in Chinese and in languages with spaces."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

_WIDE_STOPS = "。！？｡"
_STOPS = ".!?؟۔।။።"
# A full stop of the scripts that have one of their own, three dots, or the Latin marks, with what closes behind them.
# It begins with a set of characters, not a choice: that is looked for ten times as fast.
_END = re.compile(
    rf"[{_WIDE_STOPS}…{_STOPS}](?:"
    rf"(?:(?<=[{_WIDE_STOPS}])[{_WIDE_STOPS}]*|(?<=…)…)[」』”’）】》〉\])\"']*"
    rf"|(?<=[{_STOPS}])(?P<more>[{_STOPS}]*)[»”’\"')\]]*(?=\s|$))"
)
_OPENING = "「『“（《〈【(["
_CLOSING = "」』”）》〉】)]"
_QUOTES = re.compile(f"[{re.escape(_OPENING + _CLOSING)}]")
_ANY_QUOTES = re.compile(f'[{re.escape(_OPENING + _CLOSING)}"]')
_ABBREVIATED = re.compile(
    r"(?:^|[\s(\"“‘«„])(?:[A-ZА-ЯЁІЇЄҐ]|(?:[A-Za-zА-Яа-я]\.\s?)+[A-Za-zА-Яа-я]|Mr|Mrs|Ms|Dr|Prof|St|Sen|Sens|Rep|Reps|Gov|Gen"
    r"|Maj|Adm|Col|Cmdr|Lt|Sgt|Pvt|Cpl|Capt|Rev|Hon|Mt|Ft|Jr|Sr|Inc|Ltd|Co|Corp|No|Nos|vs|etc|cf|approx|Ave|Blvd|Rd"
    r"|Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sept?|Oct|Nov|Dec|Ala|Ariz|Ark|Calif|Colo|Conn|Del|Fla|Ga|Ill|Ind|Kan|Ky|La|Md|Mass"
    r"|Mich|Minn|Miss|Mo|Mont|Neb|Nev|Okla|Ore|Pa|Tenn|Tex|Vt|Va|Wash|Wis|Wyo|Mme|Mlle|MM|Me|Hr|Fr|bzw|ca|Nr|Mio|Mrd|Sra?"
    r"|Srta|Lic|Ing|Arq|EE|UU|FF|AA|Rs|art|pp?|vol|гг?|им|ул|тыс|млн|млрд|руб|св|стр|проф|акад|\d{1,4})\.$"
)
_SMALL = re.compile(r"\s*[a-zà-ÿа-яё]")


def sentences(paragraph: str) -> Iterator[tuple[int, int]]:
    """Begin and end of each whole sentence of a paragraph; what ends without a mark is none.

    A mark inside of quotation marks or brackets that are still open ends none: 他说：“我们会去。也许不会。” is one.
    Where they never close, they are not looked at. Linear.
    """
    marks = _QUOTES.findall(paragraph)
    straight_marks = paragraph.count('"')
    quoted = bool(marks) and straight_marks % 2 == 0 and _is_nested(marks)
    begin = looked = depth = straight = counted = 0
    for match in _END.finditer(paragraph):
        if quoted:
            depth += _depth(paragraph, looked, match.end())
            looked = match.end()
            if depth > 0:
                continue
        if match["more"] is not None and not _ends(paragraph, begin, match):
            continue
        end = match.end()
        if straight_marks and '"' in match[0]:
            straight += paragraph.count('"', counted, match.start())
            counted = match.start()
            if straight % 2 == 0:
                end = paragraph.index('"', match.start())  # it opens what comes next
        start = begin if not paragraph[begin].isspace() else end - len(paragraph[begin:end].lstrip())
        if start < match.start():
            yield start, end
        begin = end


def is_balanced(text: str) -> bool:
    """Whether every quotation mark and bracket that opens in a text closes in it, and none closes before it opens."""
    if not _ANY_QUOTES.search(text):
        return True
    return text.count('"') % 2 == 0 and _is_nested(_QUOTES.findall(text))


def _is_nested(marks: Sequence[str]) -> bool:
    depth = 0
    for mark in marks:
        depth += 1 if mark in _OPENING else -1
        if depth < 0:
            return False
    return depth == 0


def _ends(paragraph: str, begin: int, match: re.Match[str]) -> bool:
    """Whether a Latin full stop ends a sentence: no abbreviation or ordinal (2. Oktober), no small letter behind it."""
    if match.end() >= len(paragraph):
        return True
    place = match.start()
    alone = paragraph[place] == "." and not match["more"]
    if alone and _ABBREVIATED.search(paragraph, max(begin, place - 12), place + 1):
        return False
    return not _SMALL.match(paragraph, match.end())


def _depth(paragraph: str, begin: int, end: int) -> int:
    return sum([1 if mark in _OPENING else -1 for mark in _QUOTES.findall(paragraph, begin, end)])
