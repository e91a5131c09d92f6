"""What the index tells of itself: how much it holds, and what it let go of and why."""

from __future__ import annotations

import msgspec

from agents.stage import Derived, Dropped
from agents.stories.index import Index
from agents.stories.memory import Shelf, Sighting
from agents.stories.nearcopy import WINDOW
from agents.stories.tables import MIN_CAPACITY

DAY = 86_400
SIGHTING = Sighting(b"i" * 16, 0, 0, 1, 1, 0, None, b"", b"s" * 16, 1, 1.0)


def filled(count: int, most: int = 1_000_000, arrival: int = 0) -> Index:
    index = Index(Shelf(), most=most)
    assert index.begin(0)
    for _ in range(count):
        index.expire(arrival)
        index.add(msgspec.structs.replace(SIGHTING, clock=arrival, seen=arrival))
    return index


def test_it_is_measured() -> None:
    index = filled(5)
    assert isinstance(index, Derived)
    assert index.size().items == 5
    assert 500 * MIN_CAPACITY < index.size().bytes < 700 * MIN_CAPACITY


def test_what_is_over_the_limit_goes_oldest_first_and_is_told_once() -> None:
    index = filled(2 * MIN_CAPACITY + 10, most=2 * MIN_CAPACITY)
    assert index.take_dropped() == {Dropped.LIMIT: MIN_CAPACITY}
    assert index.size().items == MIN_CAPACITY + 10
    assert index.take_dropped() == {}


def test_what_is_out_of_the_window_is_told_as_that() -> None:
    index = filled(MIN_CAPACITY + 10)
    assert index.take_dropped() == {}
    for day in range(0, WINDOW + 3 * DAY, DAY):
        index.expire(day)
    assert index.take_dropped() == {Dropped.WINDOW: MIN_CAPACITY}
    assert index.size().items == 10, "the newest segment stays"
