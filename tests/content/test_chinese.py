"""Chinese in one script, and cut into words."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.content.chinese import cut, simplified

anything = st.text(st.characters(exclude_categories=()), max_size=300)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("渡輪擱淺，兩百人平安", "渡轮搁浅，两百人平安", id="Traditional"),
        pytest.param("渡轮搁浅", "渡轮搁浅", id="Simplified stays"),
        pytest.param("臺灣後來發現龍鬚麵", "台湾后来发现龙须面", id="characters that meet in Simplified"),
        pytest.param("The Ferry １２ カタカナ 𠮷", "The Ferry １２ カタカナ 𠮷", id="everything else stays"),
        pytest.param("", "", id="empty"),
    ],
)
def test_simplified(text: str, expected: str) -> None:
    assert simplified(text) == expected


def test_a_text_without_traditional_characters_comes_back_as_it_is() -> None:
    for text in ("渡轮搁浅", "The Ferry 𠮷", "\ud800渡\udc00"):
        assert simplified(text) is text


@given(anything)
def test_simplified_keeps_places_and_is_done_once(text: str) -> None:
    once = simplified(text)
    assert len(once) == len(text)
    assert simplified(once) == once


@given(st.text(st.characters(codec="utf-8"), max_size=300))
def test_words_joined_are_the_text(text: str) -> None:
    assert "".join(cut(text)) == text


def test_words_of_a_sentence() -> None:
    words = cut(simplified("灯塔湾的渡輪今天清晨在華盛頓郊外擱淺。"))
    assert {"渡轮", "今天", "清晨", "华盛顿", "郊外", "搁浅", "。"} <= set(words)
