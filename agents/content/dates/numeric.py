"""Dates in figures: year first, or day and month where their order can be told. Times and what follows them."""

from __future__ import annotations

import re
from datetime import timezone

from agents.content.dates.moment import Clock, ReadDate, read_date
from agents.content.dates.zones import UNSTATED, read_zone

WEEKDAY = r"(?:(?P<weekday>[^\W\d_]{1,12}(?:-feira)?)(?:\.?\s?,\s?|\.?\s|\.))?"

TIME = (
    r"(?P<hour>\d{1,2})(?P<mark>[:.]|\s?h\s?)?(?P<minute>(?<=[:.hH ])\d{1,2})?"
    r"(?:[:.m]\s?(?P<second>\d{1,2})(?:[.,:](?P<fraction>\d{1,9}))?s?)?"
    r"(?:\s?(?:uhr|hrs?|h)\b)?\s?(?P<half>[ap]\.?\s?m\b\.?|صباحا|مساء|ص|م)?"
)
TAIL = (
    r"(?:[\s,;|T@-]*(?:\b(?:at|um|a|as|a\slas|alle(?:\sore)?|ore|op|om|kl|в|о|الساعة)\b\.?\s?)?"
    + TIME
    + r"\s?(?P<zone>[A-Za-z+-][^()]*)?|\s?(?P<day_zone>gmt|utc?|z|[+-]\d\d:?\d\d))?(?:\s?\([^()]*\))?"
)

_YEAR_FIRST = re.compile(
    WEEKDAY + r"(?P<year>\d{4})(?P<gap>[-/.])\s?(?P<month>\d{1,2})(?P=gap)\s?(?P<day>\d{1,2})(?:\.(?!\d))?" + TAIL,
    re.IGNORECASE,
)
_YEAR_LAST = re.compile(
    WEEKDAY + r"(?P<first>\d{1,2})(?P<gap>[-/.])\s?(?P<second_>\d{1,2})(?P=gap)\s?(?P<year>\d{4})" + TAIL,
    re.IGNORECASE,
)
_RUN = re.compile(r"(?P<year>\d{4})(?P<month>\d\d)(?P<day>\d\d)(?P<hour>\d\d)(?P<minute>\d\d)(?P<second>\d\d)")


def read_numeric(text: str, zone: timezone | None) -> ReadDate | None:
    """A date of digits alone, the whole of `text`; None where it is none. `zone`: what is meant without one."""
    if match := _YEAR_FIRST.fullmatch(text):
        return finish(match, (int(match["year"]), int(match["month"]), int(match["day"])), zone)
    if match := _YEAR_LAST.fullmatch(text):
        return _year_last(match, zone)
    if match := _RUN.fullmatch(text):
        year, month, day, hour, minute, second = (int(part) for part in match.groups())
        return read_date((year, month, day), Clock(hour, minute, second), UNSTATED, zone)
    return None


def _year_last(match: re.Match[str], zone: timezone | None) -> ReadDate | None:
    """Day or month first? Told by a number over 12; with dots it is the day, in every language met so far."""
    first, second, year = int(match["first"]), int(match["second_"]), int(match["year"])
    if first == second or first > 12:
        return finish(match, (year, second, first), zone)
    if second > 12:
        return finish(match, (year, first, second), zone)
    if match["gap"] == ".":
        return finish(match, (year, second, first), zone, guessed=True)
    return None


def finish(
    match: re.Match[str], date: tuple[int, int, int], zone: timezone | None, *, guessed: bool = False
) -> ReadDate | None:
    """Add the time and zone that TAIL matched; None where they are not what they should be."""
    if match["hour"] is None:
        day_zone = read_zone(match["day_zone"] or "", zone) or UNSTATED
        return read_date(date, None, day_zone, zone, guessed=guessed)
    half = (match["half"] or "")[:1].lower()
    if match["half"] and not match["half"].isascii():
        half = match["half"]
    hours_alone = match["minute"] is None and not half and "h" not in (match["mark"] or "").lower()
    if hours_alone or (stated := read_zone((match["zone"] or "").strip(), zone)) is None:
        return None
    fraction = (match["fraction"] or "")[:6].ljust(6, "0")
    clock = Clock(int(match["hour"]), int(match["minute"] or 0), int(match["second"] or 0), int(fraction), half)
    return read_date(date, clock, stated, zone, guessed=guessed)
