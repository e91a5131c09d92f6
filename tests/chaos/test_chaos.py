"""The short form of `make chaos`: a few pieces that have every kind of fault between them."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from tests.chaos.piece import run_piece
from tests.chaos.schedule import Kind, plan

SEEDS = (1, 2, 3)  # with 4, 8 and 1 partitions
ENTRIES = 3000
FAULTS = 6
LONGEST = 15.0
MOST_MB = 600


@pytest.mark.heavy
@pytest.mark.timeout(1500)  # on two busy cores; some four minutes on two idle ones
def test_every_kind_of_fault_leaves_the_mill_whole(tmp_path: Path) -> None:
    faults = Counter[str]()
    for seed in SEEDS:
        planned = plan(seed, FAULTS, longest=LONGEST)
        result = run_piece(planned, ENTRIES, tmp_path / str(seed), most_mb=MOST_MB)
        assert result.entries == ENTRIES
        faults.update(result.faults)
    assert faults.keys() == {kind.value for kind in Kind}, "some faults found nobody"
