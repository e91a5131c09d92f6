"""Signatures: band keys that near-copies share, and hashes that say how alike two texts are."""

from __future__ import annotations

import random

import numpy as np
import pytest

from agents.content.signature import (
    BANDS,
    KEPT,
    KEPT_FIGURES,
    KEPT_LEAD,
    KEPT_RUNS,
    LEAD,
    SHORTEST,
    band_keys,
    numbers,
    shingles,
    sign,
)
from agents.content.sketch import fold_codes
from schemas.internal import Signature


def text(seed: int, length: int) -> str:
    chance = random.Random(seed)
    return "".join(chr(chance.randrange(0x4E00, 0x5200)) for _ in range(length))


def edited(original: str, share: float, seed: int) -> str:
    chance = random.Random(seed)
    return "".join(chr(chance.randrange(0x5200, 0x5600)) if chance.random() < share else char for char in original)


def signed(text: str) -> Signature:
    signature = sign(text)
    assert signature is not None
    return signature


def jaccard(left: str, right: str) -> float:
    a, b = ({one[place : place + 5] for place in range(len(one) - 4)} for one in (left, right))
    return len(a & b) / len(a | b)


def shared(one: bytes, other: bytes) -> float:
    left, right = set(numbers(one).tolist()), set(numbers(other).tolist())
    return len(left & right) / len(left | right)


def test_a_short_text_has_none() -> None:
    assert sign(text(1, SHORTEST - 1)) is None
    assert sign("，。！" * SHORTEST) is None, "what is folded away does not count"
    assert sign(text(1, SHORTEST)) is not None


def test_its_parts() -> None:
    long = text(2, 2000) + "".join(f"，{number}" for number in range(1000, 1100))
    signature = signed(long)
    assert signature.count == shingles(fold_codes(long)).size
    sizes = [numbers(part).size for part in (signature.least, signature.runs, signature.lead, signature.figures)]
    assert sizes == [KEPT, KEPT_RUNS, KEPT_LEAD, KEPT_FIGURES]
    assert numbers(signature.bands).size == BANDS
    for part in (signature.least, signature.runs, signature.lead, signature.figures):
        assert (np.diff(numbers(part).astype(np.int64)) > 0).all()


def test_a_shorter_text_is_there_whole() -> None:
    signature = signed(text(3, 100))
    assert signature.count == numbers(signature.least).size == 96
    assert numbers(signature.runs).size == 76
    assert signature.figures == b""


def test_a_repeated_text_has_what_it_has() -> None:
    signature = signed("渡轮在浓雾中搁浅" * 300)
    assert signature.count == numbers(signature.least).size == 8
    assert 1 <= numbers(signature.runs).size <= 8


def test_a_changed_paragraph_breaks_few_runs_and_scattered_changes_most() -> None:
    original = text(4, 1500)
    passage = original[:700] + text(5, 120) + original[820:]
    everywhere = list(original)
    for place in range(10, 1500, 50):
        everywhere[place] = "囧"
    scattered = "".join(everywhere)
    assert jaccard(original, passage) == pytest.approx(jaccard(original, scattered), abs=0.05)
    one, whole, small = signed(original), signed(passage), signed(scattered)
    assert shared(one.runs, whole.runs) > shared(one.runs, small.runs) + 0.3


def test_the_lead_is_of_the_beginning_alone() -> None:
    beginning = text(6, LEAD)
    one, other = signed(beginning + text(7, 400)), signed(beginning + text(8, 400))
    assert one.lead == other.lead
    assert signed(text(9, LEAD) + text(7, 400)).lead != one.lead


def test_figures_are_the_same_in_any_script() -> None:
    body = text(10, 200)
    one, other = signed(f"{body}共2,600人，3月5日"), signed(f"{body}共二千六百人，三月五日")
    assert one.figures == other.figures != b""


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
    assert sign(simplified) == sign(traditional)
