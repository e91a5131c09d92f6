"""The newest records of several partitions: where they begin in each."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.engine.newest import Mark, first_offsets

A, B = ("feeds.enriched", 0), ("feeds.enriched", 1)


@pytest.mark.parametrize(
    ("marks", "number", "expected"),
    [
        pytest.param({A: [(10, 0), (30, 1)], B: [(20, 5), (40, 9)]}, 3, {A: 1, B: 5}, id="by time, over partitions"),
        pytest.param({A: [(10, 0), (30, 1)], B: [(20, 5), (40, 9)]}, 9, {A: 0, B: 5}, id="fewer than wanted"),
        pytest.param({A: [(10, 0), (20, 1)], B: []}, 1, {A: 1}, id="an empty partition"),
        pytest.param({A: [(10, 0)], B: [(20, 5), (30, 6)]}, 2, {B: 5}, id="a partition with none of them"),
        pytest.param({A: [(90, 0), (10, 1)], B: [(20, 5)]}, 2, {A: 1, B: 5}, id="a clock that was set back"),
        pytest.param({}, 3, {}, id="no partition at all"),
    ],
)
def test_first_offsets(marks: dict[tuple[str, int], list[Mark]], number: int, expected: dict[object, int]) -> None:
    assert first_offsets(marks, number) == expected


@given(st.lists(st.lists(st.integers(0, 99), max_size=9), max_size=4), st.integers(1, 20))
def test_as_many_as_wanted_and_the_newest(times: list[list[int]], number: int) -> None:
    marks = {("t", part): [(time, at) for at, time in enumerate(sorted(ends))] for part, ends in enumerate(times)}
    starts = first_offsets(marks, number)
    chosen = [time for at, ends in marks.items() for time, offset in ends if offset >= starts.get(at, len(ends))]
    assert sorted(chosen) == sorted(time for ends in times for time in ends)[-number:]
