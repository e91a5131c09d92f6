"""Tables of fixed size: what goes in is found, full buckets forget the oldest, and an insertion can be undone."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.content.signature import BANDS
from agents.stories.tables import BandTable, Floats, TermTable, Words

CAPACITY = 16


def keys(seed: int) -> Words:
    return np.random.default_rng(seed).integers(0, 1 << 32, BANDS, np.uint32)


def words(*hashes: int) -> Words:
    return np.array(hashes, np.uint32)


def slots(table: BandTable | TermTable) -> npt.NDArray[Any]:
    return table._slots.copy()


def even(count: int) -> Floats:
    return np.full(count, 0.5)


def test_an_item_is_found_once_a_band() -> None:
    table = BandTable(4096)
    mine, others = keys(1), keys(2)
    table.add(mine, 7)
    table.add(others, 8)
    assert table.find(mine).tolist() == [7] * BANDS
    half = np.concatenate((mine[:16], keys(3)[16:]))
    assert table.find(half).tolist() == [7] * 16
    assert table.find(keys(4)).size == 0


def test_the_last_ordinal_and_the_key_0() -> None:
    table = BandTable(1 << 18)
    table.add(np.zeros(BANDS, np.uint32), (1 << 18) - 1)
    assert table.find(np.zeros(BANDS, np.uint32)).tolist() == [(1 << 18) - 1] * BANDS
    assert BandTable(1 << 12).find(np.zeros(BANDS, np.uint32)).size == 0


def test_a_full_bucket_of_a_band_takes_the_newest() -> None:
    table = BandTable(CAPACITY)
    for ordinal in range(40):
        table.add(keys(1), ordinal)
    found, times = np.unique(table.find(keys(1)), return_counts=True)
    assert found.tolist() == list(range(40 - table.WAYS, 40))
    assert set(times.tolist()) == {BANDS}


def test_terms_are_found_with_their_weights() -> None:
    table = TermTable(CAPACITY)
    table.add(words(1, 1 << 31), np.array([1.0, 0.25]), 3)
    table.add(words(1 << 31), np.array([0.5]), 4)
    found = table.find(words(1 << 31, 5, 1))
    assert found.terms.tolist() == [0, 0, 2]
    assert found.ordinals.tolist() == [3, 4, 3]
    assert found.weights == pytest.approx([0.25, 0.5, 1.0], abs=1e-4)


def test_the_hash_0_is_a_term_like_others() -> None:
    table = TermTable(CAPACITY)
    assert table.find(words(0)).ordinals.size == 0, "empty slots look like it"
    table.add(words(0), even(1), 0)
    assert table.find(words(0)).ordinals.tolist() == [0]


def test_terms_of_one_bucket_do_not_take_each_others_slots() -> None:
    table = TermTable(CAPACITY)
    many = words(*range(24))  # one bucket: it is the high bits that choose
    table.add(many, even(24), 0)
    assert table.find(many).terms.tolist() == list(range(24))


def test_a_full_bucket_of_terms_keeps_the_newest() -> None:
    table = TermTable(CAPACITY)
    for ordinal in range(40):
        table.add(words(1, 2), even(2), ordinal)
    found = table.find(words(1))
    assert sorted(found.ordinals.tolist()) == list(range(40 - table.WAYS // 2, 40))


@given(st.lists(st.integers(0, 3), min_size=1, max_size=80), st.data())
def test_undone_it_is_as_it_was(seeds: list[int], data: st.DataObject) -> None:
    bands, terms = BandTable(CAPACITY), TermTable(CAPACITY)
    kept = data.draw(st.integers(0, len(seeds)))
    before = (slots(bands), slots(terms))
    written = []
    for ordinal, seed in enumerate(seeds):
        if ordinal == kept:
            before = (slots(bands), slots(terms))
        made = (bands.add(keys(seed), ordinal), terms.add(words(seed, seed + 1), even(2), ordinal))
        if ordinal >= kept:
            written.append(made)
    if kept < len(seeds):
        for band, term in reversed(written):
            bands.undo(band)
            terms.undo(term)
        assert (slots(bands) == before[0]).all()
        assert (slots(terms) == before[1]).all()


def test_their_size() -> None:
    assert BandTable(1 << 12).bytes == 256 << 12
    assert TermTable(1 << 12).bytes < 257 << 12
