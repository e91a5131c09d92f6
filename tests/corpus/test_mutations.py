"""Two thousand of the mutated documents of `python -m bench mutations`, which tries a hundred thousand."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.mutations import attempt

SEEDS = 2000
PART = 500


@pytest.mark.parametrize("first", range(0, SEEDS, PART))
def test_no_mutated_document_crashes_hangs_or_loses_an_entry(corpus: Path, first: int) -> None:
    tried = attempt(corpus, first, PART)
    assert tried.documents == PART
    assert not tried.crashed
    assert not tried.slow
