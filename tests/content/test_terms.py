"""The table of what words say."""

from __future__ import annotations

import pytest

from agents.content.terms import Kind, weights


@pytest.mark.parametrize(
    ("language", "word", "does"),
    [
        ("zh", "疫苗", False),
        ("zh", "大选", False),
        ("zh", "强化", None),
        ("en", "sanctions", False),
        ("de", "regierung", False),
    ],
)
def test_words_that_say_something(language: str, word: str, does: bool | None) -> None:
    (weight,) = weights(language, [word])
    if does is None:
        assert weight is None or not weight.value
    else:
        assert weight
        assert weight.value > 3
        assert (weight.kind is Kind.DOING) is does


@pytest.mark.parametrize(
    ("language", "word"),
    [
        ("zh", "表示"),
        ("zh", "记者"),
        ("zh", "今天"),
        ("en", "said"),
        ("en", "the"),
        ("fr", "dans"),
        ("ru", "что"),
        ("de", "und"),
    ],
)
def test_words_that_say_nothing(language: str, word: str) -> None:
    (weight,) = weights(language, [word])
    assert weight
    assert weight.value == 0.0


def test_unknown_words_are_unknown_and_rarer_ones_weigh_more() -> None:
    rare, common, unknown = weights("zh", ["核弹头", "经济", "塔里恩湾浮桥"])
    assert rare
    assert common
    assert rare.value > common.value
    assert unknown is None
    assert weights("zh", []) == []
