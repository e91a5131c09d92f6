"""One written date: which form is it? The cheap and common ones first."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone
from unicodedata import normalize

from whenever import Instant

from agents.content.dates.cjk import read_cjk, read_cjk_rfc822
from agents.content.dates.moment import ReadDate, in_bounds
from agents.content.dates.named import read_named
from agents.content.dates.numeric import read_numeric
from schemas import Confidence

MAX_LENGTH = 64  # characters; longer strings are not dates, and dateparser took 18.9 s on 20 kB of them

_RFC822_END = re.compile(r"\b(?:GMT|UTC?|[EMP][SD]T|CDT)\Z|[+-](?:0\d|1[0-3])[0-5]\d\Z")
_ISO_DAY = re.compile(r"\d{4}(-?)\d\d\1\d\d", re.ASCII)
_ISO_TIME = re.compile(r"\d{4}(-?)\d\d\1\d\d[T ]\d\d", re.ASCII)
_EAST_ASIAN = re.compile(r"[\u2e80-\ud7af]")
_MARKS = re.compile(r"[\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff]")
_DASHES = str.maketrans("−‐‑‒–—", "------")
_COMMENT = re.compile(r"\s?\([^()]*\)\Z")
_TIME_FIRST = re.compile(r"(\d{1,2}:\d\d(?::\d\d)?(?:\s?[AaPp]\.?[Mm]\.?)?)\s?[,|-]?\s([^:]+)")

# A `+` that stood in an address and was decoded as a blank: `…T21:03:04 08:00`.
_LOST_PLUS = re.compile(r"(.*\d\d:\d\d:\d\d(?:\.\d{1,9})?) ((?:0\d|1[0-4]):?[0-5]\d)")

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_MS = re.compile(r"\d{10,14}", re.ASCII)
_UNIX = re.compile(r"1\d{9}(?:\d{3})?", re.ASCII)
_EPOCH_FIRST = datetime(1990, 1, 1, tzinfo=UTC)
_EPOCH_LAST = datetime(2100, 1, 1, tzinfo=UTC)


def parse_date(raw: str, *, zone: timezone | None = None) -> ReadDate | None:
    """Read one date string; `zone` is what the source means when it names none (and by `CST`).

    None where no whole and possible date stands, and nothing else: `03/04/2024` has two readings and is none.
    Without `zone`, Chinese dates mean UTC+8, Japanese and Korean ones UTC+9, all others UTC. A date without a time
    is that day's midnight. Never raises, and never makes up a date from the clock.
    """
    text = raw.strip()
    if not 6 <= len(text) <= MAX_LENGTH:
        return None
    if text.isascii():
        if found := _iso(text, zone) or _rfc822(text):
            return found
    else:
        text = _MARKS.sub("", normalize("NFKC", text)).translate(_DASHES)
    plain = " ".join(text.split())
    if _EAST_ASIAN.search(plain):
        found = read_cjk(plain, zone) or read_cjk_rfc822(plain, zone)
        western = _COMMENT.sub("", plain)  # JavaScript names the zone in the reader's language
        if found or western == plain:
            return found
        plain = western
    if match := _LOST_PLUS.fullmatch(plain):
        plain = f"{match[1]}+{match[2]}"
    if match := _TIME_FIRST.fullmatch(plain):
        plain = f"{match[2]} {match[1]}"
    return read_numeric(plain, zone) or read_named(plain, zone)


def parse_epoch_ms(text: str) -> ReadDate | None:
    """Read milliseconds since 1970 (the comment of the seed's form); None for `NaN` and outside 1990-2099."""
    if not _EPOCH_MS.fullmatch(text := text.strip()):
        return None
    at = _EPOCH + timedelta(milliseconds=int(text))
    return ReadDate(at, Confidence.EXACT) if _EPOCH_FIRST <= at < _EPOCH_LAST else None


def parse_unix(text: str) -> ReadDate | None:
    """Read seconds or milliseconds since 1970, from 2001 to 2033: where a date is sure to stand, and nowhere else."""
    if not _UNIX.fullmatch(text := text.strip()):
        return None
    return parse_epoch_ms(text.ljust(13, "0"))


def _iso(text: str, zone: timezone | None) -> ReadDate | None:
    if not text[:4].isdigit():
        return None
    timed = _ISO_TIME.match(text) is not None
    if not timed and not _ISO_DAY.fullmatch(text):
        return None  # fromisoformat reads weeks too, and anything for the `T`
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    if moment.tzinfo is not None:
        if abs(moment.utcoffset() or timedelta()) > timedelta(hours=14):
            return None  # left to a reader that knows what to make of it
        return in_bounds(moment, Confidence.EXACT)
    moment = moment.replace(tzinfo=zone or UTC)
    return in_bounds(moment, Confidence.ASSUMED_ZONE if timed else Confidence.DAY)


def _rfc822(text: str) -> ReadDate | None:
    if not _RFC822_END.search(text):
        return None  # whenever takes a zone that it does not know for UTC
    try:
        moment = Instant.parse_rfc2822(text).to_stdlib()
    except ValueError:
        return None  # a wrong weekday, a month in full; the slow readers do not mind
    return in_bounds(moment, Confidence.EXACT)
