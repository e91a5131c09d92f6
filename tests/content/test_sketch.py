"""Folding and sketches: what counts as the same letters, and how far an estimate of likeness goes."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.content.sketch import fold_codes, similarity, sketch

anything = st.text(st.characters(exclude_categories=()), max_size=400)
BINS = st.sampled_from([1, 2, 32, 64, 128])
GRAMS = st.integers(1, 8)


def folded(text: str) -> str:
    return "".join(map(chr, fold_codes(text)))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("渡輪擱淺，兩百人平安", "渡轮搁浅两百人平安", id="Traditional, with punctuation"),
        pytest.param("臺灣後來發現龍鬚麵", "台湾后来发现龙须面", id="characters that meet in Simplified"),
        pytest.param("The FERRY, at 7:30", "theferryat730", id="case, blanks and punctuation"),
        pytest.param("ＡＢＣ１２３", "abc123", id="full width"),
        pytest.param("Ёлка и Ветла", "ёлкаиветла", id="Cyrillic"),
        pytest.param("مرحبا، يا بحر", "مرحبايابحر", id="Arabic"),
        pytest.param("カタカナとひらがな", "カタカナとひらがな", id="kana"),
        pytest.param("바다표범", "바다표범", id="Hangul"),
        pytest.param("好🔥看👍🏽", "好看", id="emoji are no letters"),
        pytest.param("𠮷野家", "𠮷野家", id="Han beyond the basic plane is"),
        pytest.param("\ud800好\udfff", "好", id="lone surrogates"),
        pytest.param("……——", "", id="nothing but punctuation"),
        pytest.param("", "", id="empty"),
    ],
)
def test_fold(text: str, expected: str) -> None:
    assert folded(text) == expected


@pytest.mark.parametrize(
    ("traditional", "simplified"),
    [
        ("塔里恩的一艘渡輪今天清晨在燈塔灣擱淺", "塔里恩的一艘渡轮今天清晨在灯塔湾搁浅"),
        ("天文臺公佈新環形山的名字", "天文台公布新环形山的名字"),
        ("圖書館員說，錢櫃裡還剩幾張舊車票", "图书馆员说，钱柜里还剩几张旧车票"),
        ("國際獨立電視機構關於體育與藝術的觀點", "国际独立电视机构关于体育与艺术的观点"),
    ],
)
def test_both_scripts_fold_alike(traditional: str, simplified: str) -> None:
    assert folded(traditional) == folded(simplified)


@given(anything)
def test_folding_never_raises_and_folds_once(text: str) -> None:
    once = folded(text)
    assert folded(once) == once
    assert folded(f" {text}\n") == once


@given(anything, anything, GRAMS, BINS)
def test_similarity_is_a_share_without_direction(a: str, b: str, gram: int, bins: int) -> None:
    left, right = (sketch(fold_codes(text), gram=gram, bins=bins) for text in (a, b))
    assert len(left) == len(right) == bins
    assert 0.0 <= similarity(left, right) <= 1.0
    assert similarity(left, right) == similarity(right, left)
    assert similarity(left, left) == 1.0
    if bool(fold_codes(a).size) != bool(fold_codes(b).size):
        assert similarity(left, right) == 0.0


@pytest.mark.parametrize("shared", [0.0, 0.2, 0.5, 0.8, 1.0])
def test_the_estimate_is_as_near_as_it_says(shared: float) -> None:
    """Pairs of random texts with a known share of common characters: the mean error is within what is stated."""
    random_letters = random.Random(20261102)
    errors = []
    for _ in range(200):
        alphabet = [chr(random_letters.randrange(0x4E00, 0x9FA6)) for _ in range(3000)]
        common, size = int(1000 * shared), 1000
        a = alphabet[:size]
        b = alphabet[:common] + alphabet[size : 2 * size - common]
        grams = [{"".join(text[at : at + 5]) for at in range(len(text) - 4)} for text in (a, b)]
        exact = len(grams[0] & grams[1]) / len(grams[0] | grams[1])
        sketches = [sketch(fold_codes("".join(text)), gram=5, bins=64) for text in (a, b)]
        errors.append(similarity(*sketches) - exact)
    deviation = (sum(error * error for error in errors) / len(errors)) ** 0.5
    assert deviation < 0.075
    assert abs(sum(errors) / len(errors)) < 0.02, "it leans to neither side"
