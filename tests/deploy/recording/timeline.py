"""From scrapes of a few real minutes to series for `promtool test rules`: the values are real, the clock is stretched.

Alerts look back over hours, and a fault that lasts for hours cannot be made for each change. So one second of a
recording is played as STRETCH seconds: a scrape each second becomes one each STRETCH seconds, which is what Prometheus
does in production. Moments (`…_timestamp_seconds`) are moved onto the stretched clock, and ages that end with the
scrape grow with it. All other values stand as they were scraped.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

STRETCH = 15
"""Seconds of the played clock in one second of the recording; the scrape interval of deploy/prometheus."""

LEAD = 20
"""Empty steps before the recording: promtool's clock begins at 0, where a timestamp of before would be negative."""

Value = float | None
"""None: the target was not scraped, or did not have it."""

MOMENTS = ("_timestamp_seconds", "process_start_time_seconds")
AGES = ("feedmill_oldest_unprocessed_seconds",)
COUNTS = ("_total", "_count", "_bucket", "_offset")
ROUGH = ("_bytes",)
"""Figures that tremble at every scrape; three digits of them tell all that an alert asks."""


def played(name: str, value: float, step: int, began: float) -> float:
    """A scraped value as it stands on the played clock. `began`: the moment of step 0, in seconds since the epoch."""
    metric = name.partition("{")[0]
    if metric.endswith(MOMENTS):
        return 0.0 if value == 0 else float(round(moved(value, began)))
    if metric in AGES:
        now = began + step
        return 0.0 if value == 0 else float(round(moved(now, began) - moved(now - value, began)))
    if metric.endswith(ROUGH) and value > 0:
        digits = 2 - math.floor(math.log10(value))
        return float(round(value, digits))
    return value


def moved(moment: float, began: float) -> float:
    """A moment on the played clock: stretched from the recording's beginning on, as it was before that."""
    since = moment - began
    return LEAD * STRETCH + (since * STRETCH if since > 0 else since)


def notation(values: Sequence[Value]) -> str:
    """Values in promtool's notation, runs shortened: `5x9` (ten fives), `0+15x3`, `_x4`, and `stale` where one ends."""
    parts: list[str] = []
    at = 0
    while at < len(values):
        value = values[at]
        if value is None:
            end = at
            while end < len(values) and values[end] is None:
                end += 1
            missing = end - at
            if at > 0:
                parts.append("stale")  # what Prometheus writes when a series ends
                missing -= 1
            if missing:
                parts.append("_" if missing == 1 else f"_x{missing}")
            at = end
            continue
        rise, count = _run(values, at)
        if count >= 2 and rise == 0:
            parts.append(f"{_number(value)}x{count}")
        elif count >= 2:
            parts.append(f"{_number(value)}{rise:+.10g}x{count}")
        else:
            parts.append(_number(value))
            count = 0
        at += count + 1
    return " ".join(parts)


def _run(values: Sequence[Value], at: int) -> tuple[float, int]:
    """How many values after the one at `at` go on with one and the same step, and that step."""
    first = values[at]
    following = values[at + 1] if at + 1 < len(values) else None
    if first is None or following is None or math.isnan(first) or math.isnan(following):
        return 0.0, 0
    rise = following - first
    count = 0
    while at + count + 1 < len(values):
        value = values[at + count + 1]
        if value is None or not math.isclose(value, first + rise * (count + 1), rel_tol=1e-12, abs_tol=1e-9):
            break
        count += 1
    return rise, count


def _number(value: float) -> str:
    return "NaN" if math.isnan(value) else f"{value:.10g}"


def unrolled(notated: str) -> list[Value]:
    """The values again, for what goes on from a recording's end. `stale` is a value that is not there."""
    found: list[Value] = []
    for part in notated.split():
        if part.startswith("_"):
            found += [None] * int(part[2:] or 1)
        elif part == "stale":
            found.append(None)
        elif "x" in part:
            run, _, count = part.rpartition("x")
            start, rise = _parted(run)
            found += [start + rise * number for number in range(int(count) + 1)]
        else:
            found.append(float(part))
    return found


def _parted(run: str) -> tuple[float, float]:
    """`5` or `5+2` or `5-2`; an exponent's sign is no step."""
    for at in range(1, len(run)):
        if run[at] in "+-" and run[at - 1] not in "eE":
            return float(run[:at]), float(run[at:])
    return float(run), 0.0


def lengthened(name: str, values: Sequence[Value], begin: int, end: int, times: int) -> list[Value]:
    """Real values repeated: those from step `begin` to `end`, so many times more, and then what came after.

    What counts goes on rising. A moment that moves in the piece goes on moving, one that stands still does not; what
    came after comes after all of it. All else stands as it was.
    """
    metric = name.partition("{")[0]
    piece, length = values[begin:end], end - begin
    longer = list(values[:end])
    for number in range(1, times + 1):
        longer += [_later(metric, value, values, begin, end, number) for value in piece]
    return longer + [_later(metric, value, values, begin, end, times) for value in values[begin + length :]]


def _later(metric: str, value: Value, values: Sequence[Value], begin: int, end: int, number: int) -> Value:
    if value is None or value == 0:
        return value
    if metric.endswith(MOMENTS):
        moves = values[begin] != values[end]
        later = moves or value >= (LEAD + begin) * STRETCH
        return value + number * (end - begin) * STRETCH if later else value
    if metric.endswith(COUNTS):
        first, last = values[begin], values[end]
        return value if first is None or last is None else value + number * (last - first)
    return value
