"""What is suspect after a take-over: whose mark says what, and how far the last owner can have gone."""

from __future__ import annotations

import pytest

from agents.engine.batches import MAX_BATCH_BYTES, MAX_BATCH_ENTRIES, Filling
from agents.engine.suspicion import IN_ORDER, Suspicion, at_work, is_suspect
from agents.engine.transport import Committed, Incoming

MINE = at_work(b"\x01")
OTHER = at_work(b"\x02")


@pytest.mark.parametrize(
    ("mark", "position", "kept", "expected"),
    [
        pytest.param(IN_ORDER, 7, False, False, id="stopped in order"),
        pytest.param(OTHER, 7, False, True, id="was at work"),
        pytest.param(OTHER, 0, False, True, id="was at work on the very first record"),
        pytest.param(OTHER, 7, True, True, id="another had it meanwhile, and was at work"),
        pytest.param(IN_ORDER, 7, True, False, id="another had it meanwhile, and stopped in order"),
        pytest.param(MINE, 7, True, None, id="nobody had it meanwhile"),
        pytest.param(MINE, 7, False, True, id="let go of, and come back without a word"),
        pytest.param("", 7, False, True, id="an offset that an older mill committed"),
        pytest.param(None, 0, False, False, id="nobody was ever here"),
        pytest.param(None, 7, False, True, id="the group has forgotten"),
        pytest.param(None, 7, True, None, id="the group has forgotten, nobody else was here"),
    ],
)
def test_whose_last_owner_may_have_died(mark: str | None, position: int, kept: bool, expected: bool | None) -> None:
    found = None if mark is None else Committed(position, mark)
    assert is_suspect(found, position, mine=MINE, kept=kept) is expected


def record(offset: int, size: int = 100) -> Incoming:
    return Incoming("raw", 0, offset, 0, None, b"." * (size - 70))


def covered(suspicion: Suspicion, records: list[Incoming], entries: int = 1) -> list[int]:
    found = []
    for each in records:
        if not suspicion.covers(each):
            break
        suspicion.passed(each, entries)
        found.append(each.offset)
    return found


@pytest.mark.parametrize(
    ("records", "entries", "end", "expected"),
    [
        pytest.param([record(n) for n in range(10)], 1, 4, 4, id="no farther than the partition was"),
        pytest.param([record(n) for n in range(600)], 1, 10_000, MAX_BATCH_ENTRIES, id="as many as a batch holds"),
        pytest.param([record(n) for n in range(600)], 0, 10_000, 600, id="records without entries do not count"),
        pytest.param([record(n) for n in range(9)], 499, 10_000, 2, id="a batch takes whole records"),
        pytest.param([record(n, MAX_BATCH_BYTES // 2) for n in range(9)], 1, 10_000, 2, id="as many bytes"),
        pytest.param([record(n, MAX_BATCH_BYTES * 2) for n in range(9)], 1, 10_000, 1, id="one larger than a batch"),
    ],
)
def test_how_far_the_last_owner_can_have_gone(records: list[Incoming], entries: int, end: int, expected: int) -> None:
    assert covered(Suspicion(end), records, entries) == list(range(expected))
    filling = Filling()  # the rule by which a batch is cut, whatever it is
    cut = []
    for each in records[:end]:
        if not filling.has_room(each):
            break
        filling.add(each, entries)
        cut.append(each.offset)
    assert cut == list(range(expected))
