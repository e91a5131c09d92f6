"""How recordings are stretched, written and made longer."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.deploy.recording.shortened import shortened
from tests.deploy.recording.timeline import LEAD, STRETCH, Value, lengthened, notation, played, unrolled

BEGAN = 1_800_000_000.0
FIRST = LEAD * STRETCH


@pytest.mark.parametrize(
    ("name", "value", "step", "expected"),
    [
        pytest.param("feedmill_lag_timestamp_seconds{}", BEGAN + 10, 11, FIRST + 10 * STRETCH, id="a moment"),
        pytest.param("process_start_time_seconds{}", BEGAN - 40, 5, FIRST - 40, id="one from before the recording"),
        pytest.param("feedmill_lag_timestamp_seconds{}", 0.0, 5, 0.0, id="never is never"),
        pytest.param("feedmill_oldest_unprocessed_seconds{}", 10.0, 30, 10 * STRETCH, id="an age grows with the clock"),
        pytest.param("feedmill_oldest_unprocessed_seconds{}", 45.0, 5, 5 * STRETCH + 40, id="of a record from before"),
        pytest.param("feedmill_oldest_unprocessed_seconds{}", 0.0, 5, 0.0, id="nothing waits"),
        pytest.param("feedmill_inputs_total{}", 17.0, 5, 17.0, id="a count"),
        pytest.param("process_resident_memory_bytes{}", 173_456_789.0, 5, 173_000_000.0, id="three digits of bytes"),
    ],
)
def test_what_is_played(name: str, value: float, step: int, expected: float) -> None:
    assert played(name, value, step, BEGAN) == expected


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        pytest.param([5.0] * 10, "5x9", id="one value"),
        pytest.param([0.0, 15.0, 30.0, 45.0], "0+15x3", id="rising"),
        pytest.param([None, None, 1.0, None, None, None, 2.0], "_x2 1 stale _x2 2", id="gaps"),
        pytest.param([1.0, math.nan, math.nan], "1 NaN NaN", id="no number"),
        pytest.param([4.0, 2.0, 0.0], "4-2x2", id="falling"),
    ],
)
def test_notation(values: list[Value], expected: str) -> None:
    assert notation(values) == expected


@given(st.lists(st.one_of(st.none(), st.integers(-5, 10**9).map(float)), min_size=1, max_size=60))
def test_what_is_written_is_read_again(values: list[Value]) -> None:
    assert unrolled(notation(values)) == values


def test_repeated_minutes_go_on_counting_and_what_stands_still_stays() -> None:
    at: list[Value] = [float(FIRST + step * STRETCH) for step in range(16)]
    count: list[Value] = [float(step) for step in range(16)]
    assert lengthened("feedmill_inputs_total{}", count[:10], 4, 7, 2) == count
    assert lengthened("feedmill_lag_timestamp_seconds{}", at[:10], 4, 7, 2) == at
    silent = [at[3]] * 8 + at[8:10]
    assert lengthened("feedmill_site_last_item_timestamp_seconds{}", silent, 4, 7, 2) == [at[3]] * 14 + at[14:]


def test_a_faster_clock_leaves_shares_and_counts() -> None:
    rules = {
        "groups": [
            {
                "name": "g",
                "interval": "1m",
                "rules": [
                    {"alert": "A", "expr": "time() - x > 600 and sum(increase(y[1h])) > 20", "for": "2m"},
                    {"alert": "B", "expr": "z / y < 0.15 and changes(x[30m] offset 10m) >= 4", "for": "15m"},
                ],
            }
        ]
    }
    (group,) = shortened(rules, 20)["groups"]
    assert group["interval"] == "3000ms"
    assert group["rules"] == [
        {"alert": "A", "expr": "time() - x > 30 and sum(increase(y[180000ms])) > 20", "for": "6000ms"},
        {"alert": "B", "expr": "z / y < 0.15 and changes(x[90000ms] offset 30000ms) >= 4", "for": "45000ms"},
    ]
