"""Moments as options name them: `2024-02-16T21:39:03Z`, or `36h` for so long ago."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from agents.cli.exits import CommandError

MOMENT = "TIME"
MOMENT_HELP = "a moment with its zone (2024-02-16T21:39:03Z), or so long ago: 90m, 36h, 2d"

_AGO = re.compile(r"(\d{1,6})([smhd])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def seconds(option: str, text: str) -> float:
    """The span that an option names, in seconds."""
    if (span := _AGO.fullmatch(text.strip())) is None:
        raise CommandError(f"{option} {text} is no span of time. Write 90s, 10m, 36h or 2d.")
    return timedelta(**{_UNITS[span[2]]: int(span[1])}).total_seconds()


def milliseconds(option: str, text: str | None) -> int | None:
    """The moment that an option names, in milliseconds since the epoch; None where it was not given."""
    from agents.engine.intake import read_moment

    if text is None:
        return None
    if ago := _AGO.fullmatch(text.strip()):
        moment = datetime.now(UTC) - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
    elif (read := read_moment(text)) is not None:
        moment = read
    else:
        raise CommandError(f"{option} {text} is no time. Write {MOMENT_HELP}.")
    return int(moment.timestamp() * 1000)
