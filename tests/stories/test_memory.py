"""What stories remember, and what goes with a sighting."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec
import pytest

from agents.stage import UnknownFormatError
from agents.stories.memory import FORMAT, Membership, Memory, Shelf, Sighting
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


def known(story: bytes = ID, reprint_of: bytes | None = None, original: bytes | None = None) -> Membership:
    rule = GroupingRule.FIRST_REPORT if reprint_of is None else GroupingRule.NEAR_COPY
    return Membership(story, reprint_of, original or reprint_of, rule)


def sighting(id: bytes) -> Sighting:
    return Sighting(id, 1, 2, 3, 4, 5, None, b"", id, 1, 1.0)


def test_nothing_is_known_at_first(memory: Memory) -> None:
    assert memory.membership(ID) is None
    assert memory.sighting(0) is None
    assert memory.copies(ID) == []
    assert memory.shelf() == Shelf()
    assert list(memory.sightings(0)) == []


def test_a_membership_is_remembered(memory: Memory) -> None:
    memory.remember(ID, known(reprint_of=OTHER))
    assert memory.membership(ID) == known(reprint_of=OTHER)


def test_one_of_the_first_format_keeps_its_story(memory: Memory, state: DictState) -> None:
    """Nothing was grouped then; and an id that looks like the key of a sighting is none."""
    id = b"s" * 16
    state.put(id, b"\x01" + msgspec.msgpack.encode([OTHER, None, FIRST, FIRST]))
    assert memory.membership(id) == Membership(OTHER, None, None, GroupingRule.NOT_GROUPED)
    assert list(memory.sightings(0)) == []


def test_the_end_of_a_chain_of_originals(memory: Memory) -> None:
    memory.remember(ID, known())
    memory.remember(OTHER, known(reprint_of=ID))
    memory.remember(THIRD, known(reprint_of=OTHER, original=ID))
    assert [memory.original(id) for id in (ID, OTHER, THIRD, b"?" * 16)] == [ID, ID, ID, b"?" * 16]


def test_sightings_come_in_order_from_a_number_on(memory: Memory) -> None:
    for number in (300, 2, 256, 255):
        memory.add_sighting(number, sighting(number.to_bytes(16, "big")))
    memory.note_shelf(Shelf(next=301))
    memory.remember(ID, known())
    assert [number for number, _ in memory.sightings(0)] == [2, 255, 256, 300]
    assert list(memory.sightings(256)) == [(n, sighting(n.to_bytes(16, "big"))) for n in (256, 300)]


def test_a_group_goes_with_its_last_sighting(memory: Memory, state: DictState) -> None:
    """The third is a copy of the second, which is one of the first: all are kept under the first."""
    memory.remember(ID, known())
    memory.remember(OTHER, known(reprint_of=ID))
    memory.remember(THIRD, known(reprint_of=OTHER, original=ID))
    for number, id in enumerate((ID, OTHER, THIRD)):
        memory.add_sighting(number, sighting(id))
    memory.note_copies(ID, [(0, 0, 7), (1, 1, 7), (2, 2, 8)])
    memory.forget_sighting(0)
    assert (memory.sighting(0), memory.copies(ID)) == (None, [(1, 1, 7), (2, 2, 8)])
    memory.forget_sighting(0)
    memory.forget_sighting(1)
    assert memory.copies(ID) == [(2, 2, 8)]
    memory.forget_sighting(2)
    assert memory.copies(ID) == []
    assert {key[:1] for key in state} == {b"m"}, "only the memberships stay"


def test_a_sighting_of_no_group_goes_alone(memory: Memory) -> None:
    memory.remember(ID, known())
    memory.add_sighting(5, sighting(ID))
    memory.note_copies(ID, [(7, 7, 1), (8, 8, 1)])
    memory.forget_sighting(5)
    assert memory.copies(ID) == [(7, 7, 1), (8, 8, 1)]


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
        memory.membership(ID)
    state.put(b"s" + bytes(8), value)
    with pytest.raises(UnknownFormatError, match="73" + "00" * 8):
        list(memory.sightings(0))
