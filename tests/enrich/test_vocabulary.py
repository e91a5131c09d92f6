"""What Chinese words say as keywords."""

from __future__ import annotations

import pytest

from agents.enrich import vocabulary
from agents.enrich.vocabulary import look_up

WORDS = ["渡轮", "修复", "核弹头", "表示", "浮桥", "经济", "塔里恩", "奥列格", "林德森"]


@pytest.mark.parametrize(
    ("word", "listed", "once"),
    [
        pytest.param("渡轮", True, True, id="a thing"),
        pytest.param("修复", True, False, id="a verb has to stand twice"),
        pytest.param("塔里恩湾桥", False, False, id="in no dictionary"),
    ],
)
def test_what_may_be_a_term(word: str, listed: bool, once: bool) -> None:
    (found,) = look_up([word])
    assert found
    assert (found.text, found.listed, found.once) == (word, listed, once)
    assert found.says > 0


@pytest.mark.parametrize(
    "word",
    [
        pytest.param("表示", id="every report says so"),
        pytest.param("桥", id="one character"),
        pytest.param("，", id="a mark"),
        pytest.param("iPhone", id="letters"),
        pytest.param("2026", id="a number"),
        pytest.param("\x00", id="a gap"),
        pytest.param("", id="nothing"),
        pytest.param("两艘塔里", id="something counted"),
        pytest.param("塔里恩的", id="ends with a word of its own"),
        pytest.param("在塔里恩", id="begins with one"),
    ],
)
def test_what_can_be_no_term(word: str) -> None:
    assert look_up([word]) == [None]


def test_a_rare_thing_says_more_than_an_unknown_word_and_a_verb_less() -> None:
    thing, verb, unknown = look_up(["核弹头", "修复", "塔里恩湾桥"])
    assert thing
    assert verb
    assert unknown
    assert verb.doing
    assert thing.says > unknown.says > verb.says


def test_what_is_forgotten_is_found_again(monkeypatch: pytest.MonkeyPatch) -> None:
    first = look_up(WORDS)
    monkeypatch.setattr(vocabulary, "MAX_WORDS", 0)
    assert look_up(["一个从来没有的词", *WORDS])[1:] == first
    assert look_up([]) == []
