from __future__ import annotations

from collections import Counter

from tests.chaos.schedule import LASTING, Kind, plan


def test_a_seed_says_it_all() -> None:
    assert plan(7, 20) == plan(7, 20)
    assert plan(7, 20) != plan(8, 20)


def test_pieces_that_follow_each_other_have_every_kind_equally_often() -> None:
    counts = Counter(fault.kind for seed in (1, 2, 3, 4, 5, 6, 7) for fault in plan(seed, 6).faults)
    assert counts == dict.fromkeys(Kind, 3)


def test_each_lasts_as_long_as_its_kind_does() -> None:
    faults = [fault for seed in range(20) for fault in plan(seed, 28).faults]
    for fault in faults:
        least, most = LASTING.get(fault.kind, (0, 0))
        assert least <= fault.seconds <= most
    assert max(fault.seconds for fault in faults if fault.kind is Kind.PAUSE) > 40
    assert all(fault.seconds <= 10 for seed in range(20) for fault in plan(seed, 28, longest=10).faults)
