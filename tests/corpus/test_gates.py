"""The figures of docs/accuracy.md may only rise: each measure keeps its bound."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.accuracy import MEASURES


@pytest.mark.timeout(400)  # the first to come mills the sample; stories are told in four orders
@pytest.mark.xdist_group("gates")  # together in one worker: the whole sample is milled once, not once in each
@pytest.mark.parametrize("title", MEASURES)
def test_every_measure_keeps_its_bound(corpus: Path, title: str) -> None:
    measured = MEASURES[title](corpus)
    assert measured
    missed = [f"{' · '.join(one.row())} ({one.detail})" for one in measured if not one.holds]
    assert not missed, "\n".join(missed)
