"""What stories remember: until when, and how often it is written down."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from agents.engine.store import MemoryTables, Overlay, Store
from agents.stories.memory import Membership, UnknownFormatError, recall, remember

ID = bytes(range(16))
FIRST = datetime(2026, 11, 20, 8, tzinfo=UTC)


@pytest.fixture
def state() -> Overlay:
    return Overlay(Store(MemoryTables(), "stories-changelog", 0))


def seen(arrival: datetime, story: bytes = ID, reprint_of: bytes | None = None) -> Membership:
    return Membership(story, reprint_of, FIRST, arrival)


def test_nothing_is_known_at_first(state: Overlay) -> None:
    assert recall(state, ID, FIRST) is None


@pytest.mark.parametrize(
    ("later", "known"),
    [
        pytest.param(timedelta(0), True, id="at once"),
        pytest.param(timedelta(days=90), True, id="90 days to the moment"),
        pytest.param(timedelta(days=90, seconds=1), False, id="90 days and a second"),
        pytest.param(timedelta(days=-3), True, id="a document from before"),
    ],
)
def test_remembered_for_90_days(state: Overlay, later: timedelta, known: bool) -> None:
    remember(state, ID, None, seen(FIRST, reprint_of=b"\x07" * 16))
    expected = seen(FIRST, reprint_of=b"\x07" * 16) if known else None
    assert recall(state, ID, FIRST + later) == expected


@pytest.mark.parametrize(
    ("after", "written"),
    [
        pytest.param(seen(FIRST + timedelta(hours=23)), False, id="again on the same day"),
        pytest.param(seen(FIRST + timedelta(days=1)), True, id="a day later"),
        pytest.param(seen(FIRST, story=b"\x01" * 16), True, id="another story"),
        pytest.param(seen(FIRST, reprint_of=b"\x01" * 16), True, id="now a reprint"),
    ],
)
def test_a_sighting_is_written_once_a_day(state: Overlay, after: Membership, written: bool) -> None:
    remember(state, ID, None, seen(FIRST))
    remember(state, ID, seen(FIRST), after)
    assert recall(state, ID, FIRST) == (after if written else seen(FIRST))


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(b"\x02\x90", id="a newer format"),
        pytest.param(b"", id="empty"),
        pytest.param(b"\x01\x93\x00", id="damaged"),
    ],
)
def test_what_cannot_be_read_is_said(state: Overlay, value: bytes) -> None:
    state.put(ID, value)
    with pytest.raises(UnknownFormatError, match=ID.hex()):
        recall(state, ID, FIRST)
