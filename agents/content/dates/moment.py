"""From the parts of a written date to a moment in UTC with how sure it is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

from msgspec import Struct

from agents.content.dates.zones import StatedZone
from schemas import Confidence

FIRST_YEAR, LAST_YEAR = 1900, 2100  # `0001-01-01` is what .NET writes for no date
NO_DATE = datetime(1970, 1, 1, tzinfo=UTC)  # and this, by UTC or by its own clock, is what many others write

MORNING = frozenset({"a", "午前", "上午", "凌晨", "清晨", "早上", "早晨", "오전", "새벽", "ص", "صباحا"})
AFTERNOON = frozenset({"p", "午後", "下午", "傍晚", "오후", "م", "مساء"})
NIGHT = frozenset({"晚上", "晚間", "晚间", "夜间", "夜間", "深夜", "밤"})
NOON = "中午"


class ReadDate(Struct, frozen=True):
    """A date that could be read: the moment in UTC, and how sure it is."""

    at: datetime
    confidence: Confidence


class Clock(Struct, frozen=True):
    """A time of day as written. `half` is a word of MORNING, AFTERNOON or NIGHT, NOON, or empty."""

    hour: int
    minute: int = 0
    second: int = 0
    microsecond: int = 0
    half: str = ""

    def since_midnight(self) -> timedelta | None:
        """How long after midnight; None for an impossible time. 24:00 and leap seconds count on."""
        hour = self.hour
        if hour == 12 and self.half in NIGHT:
            return None  # 晚上12点: the midnight before, or the one after?
        if hour == 12 and self.half in MORNING:
            hour = 0
        afternoon = self.half in AFTERNOON or (self.half in NIGHT and hour > 4) or (self.half == NOON and hour < 4)
        if afternoon and hour < 12:
            hour += 12
        if hour > 24 or self.minute > 59 or self.second > 60 or (hour == 24 and self.minute + self.second):
            return None
        return timedelta(hours=hour, minutes=self.minute, seconds=self.second, microseconds=self.microsecond)


def read_date(
    date: tuple[int, int, int],
    clock: Clock | None,
    stated: StatedZone,
    assumed: timezone | None,
    *,
    guessed: bool = False,
) -> ReadDate | None:
    """Put year, month, day, time and zone together; None where there is no such moment.

    `assumed` is the zone where none is stated (None: UTC); `guessed` says that day and month may be the other way
    round. A date without a time is that day's midnight, Confidence.DAY.
    """
    since = clock.since_midnight() if clock else timedelta()
    if since is None or not FIRST_YEAR <= date[0] <= LAST_YEAR:
        return None
    try:
        midnight = datetime(*date, tzinfo=stated.zone or assumed or UTC)
    except ValueError:
        return None
    if guessed:
        confidence = Confidence.GUESS
    elif clock is None:
        confidence = Confidence.DAY
    else:
        confidence = Confidence.EXACT if stated.sure else Confidence.ASSUMED_ZONE
    return in_bounds(midnight + since, confidence)


def in_bounds(moment: datetime, confidence: Confidence) -> ReadDate | None:
    """The aware `moment` in UTC; None where it stands for "no date"."""
    if not FIRST_YEAR <= moment.year <= LAST_YEAR:
        return None
    at = moment.astimezone(UTC)
    if at == NO_DATE or moment.replace(tzinfo=UTC) == NO_DATE:
        return None
    return ReadDate(at, confidence)
