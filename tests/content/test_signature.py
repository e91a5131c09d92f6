"""Signatures: band keys that near-copies share, and hashes that say how alike two texts are."""

from __future__ import annotations

import random

import numpy as np
import pytest

from agents.content.signature import BANDS, KEPT, SHORTEST, band_keys, read_signature, shingles, sign
from agents.content.sketch import fold_codes


def text(seed: int, length: int) -> str:
    chance = random.Random(seed)
    return "".join(chr(chance.randrange(0x4E00, 0x5200)) for _ in range(length))


def edited(original: str, share: float, seed: int) -> str:
    chance = random.Random(seed)
    return "".join(chr(chance.randrange(0x5200, 0x5600)) if chance.random() < share else char for char in original)


def jaccard(left: str, right: str) -> float:
    a, b = ({one[place : place + 5] for place in range(len(one) - 4)} for one in (left, right))
    return len(a & b) / len(a | b)


def test_a_short_text_has_none() -> None:
    assert sign(fold_codes(text(1, SHORTEST - 1))) is None
    assert sign(fold_codes(text(1, SHORTEST))) is not None


def test_its_parts() -> None:
    long = fold_codes(text(2, 2000))
    signed = sign(long)
    assert signed is not None
    count, keys, least = read_signature(signed)
    assert (count, keys.size, least.size) == (shingles(long).size, BANDS, KEPT)
    assert (np.diff(least.astype(np.int64)) > 0).all()
    short = sign(fold_codes(text(3, 100)))
    assert short is not None
    assert read_signature(short)[0] == read_signature(short)[2].size == 96


@pytest.mark.parametrize("length", [80, 200, 1400])
def test_the_same_text_has_the_same_keys_and_another_text_others(length: int) -> None:
    one, other = (shingles(fold_codes(text(seed, length))) for seed in (4, 5))
    assert (band_keys(one) == band_keys(one.copy())).all()
    assert not (band_keys(one) == band_keys(other)).any()


@pytest.mark.parametrize(
    ("share", "least"),
    [pytest.param(0.01, 1.0, id="a typo here and there"), pytest.param(0.04, 0.98, id="one character in twenty-five")],
)
def test_near_copies_meet_in_a_band(share: float, least: float) -> None:
    met, alike = 0, []
    for seed in range(60):
        original = text(seed, 900)
        copy = edited(original, share, seed)
        alike.append(jaccard(original, copy))
        met += bool((band_keys(shingles(fold_codes(original))) == band_keys(shingles(fold_codes(copy)))).any())
    assert met / 60 >= least, f"{np.mean(alike):.2f} alike"


def test_traditional_and_simplified_copies_sign_alike() -> None:
    simplified = (
        "灯塔湾的渡轮星期四清晨在浓雾中搁浅，港务局说雷达失灵，两艘拖船中午赶到，渡轮在涨潮以后被拉回航道。" * 3
    )
    traditional = (
        "燈塔灣的渡輪星期四清晨在濃霧中擱淺，港務局說雷達失靈，兩艘拖船中午趕到，渡輪在漲潮以後被拉回航道。" * 3
    )
    assert sign(fold_codes(simplified)) == sign(fold_codes(traditional))
