"""What stories remember: until when, how often it is written down, and what goes with a sighting."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from agents.stories.memory import FORMAT, Membership, Memory, Shelf, Sighting, UnknownFormatError
from schemas import GroupingRule
from tests.states import DictState

ID, OTHER, THIRD = bytes(range(16)), b"\x01" * 16, b"\x02" * 16
FIRST = datetime(2026, 11, 20, 8, tzinfo=UTC)


@pytest.fixture
def state() -> DictState:
    return DictState()


@pytest.fixture
def memory(state: DictState) -> Memory:
    return Memory(state)


def seen(arrival: datetime, story: bytes = ID, reprint_of: bytes | None = None, retracted: bool = False) -> Membership:
    rule = GroupingRule.FIRST_REPORT if reprint_of is None else GroupingRule.NEAR_COPY
    return Membership(story, reprint_of, FIRST, arrival, rule, retracted=retracted)


def sighting(id: bytes) -> Sighting:
    return Sighting(id, 1, 2, 3, 4, 5, None, b"", id, 1, 1.0)


def test_nothing_is_known_at_first(memory: Memory) -> None:
    assert memory.membership(ID, FIRST) is None
    assert memory.sighting(0) is None
    assert memory.copies(ID) == []
    assert memory.shelf() == Shelf()
    assert list(memory.sightings(0)) == []


@pytest.mark.parametrize(
    ("later", "known"),
    [
        pytest.param(timedelta(0), True, id="at once"),
        pytest.param(timedelta(days=90), True, id="90 days to the moment"),
        pytest.param(timedelta(days=90, seconds=1), False, id="90 days and a second"),
        pytest.param(timedelta(days=-3), True, id="a document from before"),
    ],
)
def test_remembered_for_90_days(memory: Memory, later: timedelta, known: bool) -> None:
    memory.remember(ID, None, seen(FIRST, reprint_of=OTHER))
    assert memory.membership(ID, FIRST + later) == (seen(FIRST, reprint_of=OTHER) if known else None)


@pytest.mark.parametrize(
    ("after", "written"),
    [
        pytest.param(seen(FIRST + timedelta(hours=23)), False, id="again on the same day"),
        pytest.param(seen(FIRST + timedelta(days=1)), True, id="a day later"),
        pytest.param(seen(FIRST, story=OTHER), True, id="another story"),
        pytest.param(seen(FIRST, reprint_of=OTHER), True, id="now a reprint"),
        pytest.param(seen(FIRST, retracted=True), True, id="taken back"),
    ],
)
def test_a_membership_is_written_once_a_day(memory: Memory, after: Membership, written: bool) -> None:
    memory.remember(ID, None, seen(FIRST))
    memory.remember(ID, seen(FIRST), after)
    assert memory.membership(ID, FIRST) == (after if written else seen(FIRST))


def test_sightings_come_in_order_from_a_number_on(memory: Memory) -> None:
    for number in (300, 2, 256, 255):
        memory.add_sighting(number, sighting(number.to_bytes(16, "big")))
    memory.note_shelf(Shelf(next=301))
    memory.remember(ID, None, seen(FIRST))
    assert [number for number, _ in memory.sightings(0)] == [2, 255, 256, 300]
    assert list(memory.sightings(256)) == [(n, sighting(n.to_bytes(16, "big"))) for n in (256, 300)]


def test_a_group_goes_with_its_last_sighting(memory: Memory, state: DictState) -> None:
    """The third is a copy of the second, which is one of the first: all are kept under the first."""
    memory.remember(ID, None, seen(FIRST))
    memory.remember(OTHER, None, seen(FIRST, reprint_of=ID))
    memory.remember(THIRD, None, seen(FIRST, reprint_of=OTHER))
    for number, id in enumerate((ID, OTHER, THIRD)):
        memory.add_sighting(number, sighting(id))
    memory.note_copies(ID, [(0, 7), (1, 7), (2, 8)])
    memory.forget_sighting(0)
    assert (memory.sighting(0), memory.copies(ID)) == (None, [(1, 7), (2, 8)])
    memory.forget_sighting(0)
    memory.forget_sighting(1)
    assert memory.copies(ID) == [(2, 8)]
    memory.forget_sighting(2)
    assert memory.copies(ID) == []
    assert {key[:1] for key in state} == {b"m"}, "only the memberships stay"


def test_a_sighting_of_no_group_goes_alone(memory: Memory) -> None:
    memory.remember(ID, None, seen(FIRST))
    memory.add_sighting(5, sighting(ID))
    memory.note_copies(ID, [(7, 1), (8, 1)])
    memory.forget_sighting(5)
    assert memory.copies(ID) == [(7, 1), (8, 1)]


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(b"\x01\x90", id="an older format"),
        pytest.param(b"\x63\x90", id="a newer format"),
        pytest.param(b"", id="empty"),
        pytest.param(FORMAT + b"\x93\x00", id="damaged"),
        pytest.param(FORMAT + msgspec.msgpack.encode(["no", "membership"]), id="something else"),
    ],
)
def test_what_cannot_be_read_is_said(memory: Memory, state: DictState, value: bytes) -> None:
    state.put(b"m" + ID, value)
    with pytest.raises(UnknownFormatError, match=ID.hex()):
        memory.membership(ID, FIRST)
    state.put(b"s" + bytes(8), value)
    with pytest.raises(UnknownFormatError, match="73" + "00" * 8):
        list(memory.sightings(0))
