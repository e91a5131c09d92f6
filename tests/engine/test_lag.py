"""The arithmetic of lag. What a broker really answers is tests/kafka/test_lag.py."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.engine.lag import NO_LAG, Glance, Lag, lag_from, starting_point


@pytest.mark.parametrize(
    ("position", "begin", "end", "start"),
    [
        pytest.param(5, 0, 9, 5, id="between the ends"),
        pytest.param(None, 3, 9, 3, id="a group without an offset begins at the beginning"),
        pytest.param(2, 6, 9, 6, id="retention took what was not worked on"),
        pytest.param(12, 0, 9, 9, id="past the end, as after an unclean election"),
        pytest.param(None, 0, 0, 0, id="an empty partition"),
        pytest.param(7, 9, 9, 9, id="everything expired"),
    ],
)
def test_starting_point(position: int | None, begin: int, end: int, start: int) -> None:
    assert starting_point(position, begin, end) == start


@pytest.mark.parametrize(
    ("start", "end", "glance", "lag"),
    [
        pytest.param(9, 9, None, NO_LAG, id="at the end"),
        pytest.param(9, 4, None, NO_LAG, id="the end stepped back: never negative"),
        pytest.param(8, 9, Glance(0, None, 9), NO_LAG, id="a marker is no record"),
        pytest.param(5, 9, Glance(0, None, 9), NO_LAG, id="aborted records and markers are none"),
        pytest.param(5, 9, Glance(3, 1000, 9), Lag(3, 1000), id="all looked at: exact, without the marker"),
        pytest.param(5, 905, Glance(100, 1000, 105), Lag(900, 1000), id="what was not looked at counts by its offsets"),
    ],
)
def test_lag_from(start: int, end: int, glance: Glance | None, lag: Lag) -> None:
    assert lag_from(start, end, glance) == lag


@pytest.mark.parametrize(
    ("lag", "now", "seconds"),
    [
        pytest.param(Lag(4, 10_500), 12.0, 1.5, id="since the oldest record"),
        pytest.param(NO_LAG, 12.0, 0.0, id="nothing waits"),
        pytest.param(Lag(4, 10_500), 9.0, 0.0, id="a broker's clock ahead of ours"),
    ],
)
def test_age(lag: Lag, now: float, seconds: float) -> None:
    assert lag.age(now) == seconds


offsets = st.integers(0, 10**6)


@given(st.none() | offsets, offsets, offsets, st.integers(0, 500), st.none() | offsets)
def test_lag_is_never_negative_and_never_more_than_the_offsets(
    position: int | None, begin: int, length: int, records: int, oldest: int | None
) -> None:
    end = begin + length
    start = starting_point(position, begin, end)
    assert begin <= start <= end
    reached = min(end, start + records)
    lag = lag_from(start, end, Glance(reached - start, oldest, reached))
    assert 0 <= lag.records <= end - start
    assert lag.age(0.0) >= 0
