"""Dates with the month's name, in the languages of `month_names.py`; RFC 822 as it is written by hand."""

from __future__ import annotations

import re
from datetime import timezone
from unicodedata import category, normalize

from agents.content.dates.moment import ReadDate
from agents.content.dates.month_names import MONTHS, TWO_WORD_MONTHS, WEEKDAYS
from agents.content.dates.numeric import TAIL, TIME, WEEKDAY, finish

_MONTH = r"(?P<month>[^\W\d_]{2,14})\.?(?:\s?/\s?[^\W\d_]{2,14})?"  # Arabic papers give both names: فبراير/شباط
_DAY = r"(?P<day>\d{1,2})(?:st|nd|rd|th|er|re|[oa.])?"
_OF = r"(?:(?:de|del|of)\s)?"
_YEAR = r"(?P<year>\d{4}|\d\d(?!\d|[:.h]\d))(?:\s?(?:г|года|р|року)\b\.?)?"

_DAY_FIRST = re.compile(rf"{WEEKDAY}{_DAY}[\s,/.-]*{_OF}{_MONTH}[\s,/.-]*{_OF}{_YEAR}{TAIL}", re.IGNORECASE)
_MONTH_FIRST = re.compile(rf"{WEEKDAY}{_MONTH}\s?{_DAY}(?:\s?,\s?|\s)(?P<year>\d{{4}}){TAIL}", re.IGNORECASE)
_YEAR_FIRST = re.compile(  # Hungarian: 2026. november 24.
    rf"{WEEKDAY}(?P<year>\d{{4}})[\s/.-]{{1,2}}{_MONTH}[\s/.-]{_DAY}(?:\.(?!\d))?{TAIL}", re.IGNORECASE
)
_YEAR_LAST = re.compile(  # ctime, Ruby, Twitter: Fri Feb 16 21:03:04 GMT 2024
    rf"{WEEKDAY}{_MONTH}\s{_DAY},?\s{TIME}\s(?P<zone>[A-Za-z]{{1,5}}|[+-]\d{{4}})?\s?(?P<year>\d{{4}})",
    re.IGNORECASE,
)


def read_named(text: str, zone: timezone | None) -> ReadDate | None:
    """A date whose month is a word, the whole of `text`; None where it is none. `zone`: what is meant without one."""
    bare = text if text.isascii() else _without_accents(text)
    for form in (_DAY_FIRST, _MONTH_FIRST, _YEAR_LAST, _YEAR_FIRST):
        if not (match := form.fullmatch(bare)):
            continue
        month = MONTHS.get(match["month"].casefold())
        if month is None or not (match["weekday"] is None or match["weekday"].casefold() in WEEKDAYS):
            continue
        return finish(match, (_full_year(match["year"]), month, int(match["day"])), zone)
    return None


def _without_accents(text: str) -> str:
    bare = "".join(mark for mark in normalize("NFKD", text) if category(mark) != "Mn")
    for words, name in TWO_WORD_MONTHS.items():
        bare = bare.replace(words, name)
    return bare


def _full_year(year: str) -> int:
    """RFC 2822, 4.3: two digits are 1950 to 2049."""
    if len(year) > 2:
        return int(year)
    return int(year) + (2000 if int(year) < 50 else 1900)
