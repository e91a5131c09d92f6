"""What items are compared by: terms in four scripts, numbered titles, and what is left out."""

from __future__ import annotations

import pytest

from agents.content.language import Language
from agents.enrich.dateline import read_dateline
from agents.enrich.prose import read_prose
from agents.enrich.traits import BRIEF, LEAD, MAX_TERMS, read_traits
from schemas.internal import Traits

FERRY = "灯塔湾的渡轮星期四清晨在浓雾中搁浅，港务局说雷达失灵，两艘拖船中午赶到，渡轮在涨潮以后被拉回航道。"
FERRY_HANT = "燈塔灣的渡輪星期四清晨在濃霧中擱淺，港務局說雷達失靈，兩艘拖船中午趕到，渡輪在漲潮以後被拉回航道。"


def traits(title: str, text: str, language: str = "zh-Hans") -> Traits:
    return read_traits(read_prose(title, text, Language(language, 1.0)), read_dateline(text))


def words(title: str, text: str, language: str = "zh-Hans") -> list[str]:
    return [word for _, _, word in traits(title, text, language).terms]


def keys(title: str, text: str) -> dict[int, str]:
    return {key: word for key, _, word in traits(title, text, "en").terms}


def test_both_chinese_scripts_have_the_same_traits() -> None:
    simplified = traits("港务局说渡轮（二）搁浅", FERRY * 3)
    assert traits("港務局說渡輪（二）擱淺", FERRY_HANT * 3, "zh-Hant") == simplified
    assert simplified.title_numbers == ["2"]
    assert simplified.title_form == "港务局说渡轮#搁浅"
    assert {"渡轮", "港务局", "搁浅", "雷达"} <= {word for _, _, word in simplified.terms}
    assert simplified.signature is not None
    assert not simplified.brief


def test_the_heaviest_terms_come_first_and_the_title_counts_twice() -> None:
    [(_, weight, first), *rest] = traits("渡轮", FERRY).terms
    assert first == "渡轮"
    assert weight > next(weight for _, weight, word in traits("海豹", FERRY).terms if word == "渡轮")
    assert [weight for _, weight, _ in rest] == sorted((weight for _, weight, _ in rest), reverse=True)


def test_english_words_meet_in_their_stem() -> None:
    one = keys("Ferries halted as captains walked out", "The ministers' policies failed.")
    other = keys("Ferry halts; captain walking out", "A minister's policy fails.")
    assert {other[key] for key in one.keys() & other.keys()} >= {"ferry", "captain", "minister", "policy"}
    assert {one[key] for key in one.keys() & other.keys()} >= {"ferries", "captains", "ministers", "policies"}
    assert list(keys("U.S. losses", "")) == list(keys("The U.S. loss", ""))


def test_a_title_in_no_known_language_is_read_as_english() -> None:
    assert words("Ferries strand", "", "und") == words("Ferries strand", "", "en")


@pytest.mark.parametrize(
    ("title", "text", "language", "expected"),
    [
        pytest.param("渡し船が座礁", "フェリーは木曜日に灯台湾で座礁した。", "ja", {"座礁", "フェリー"}, id="Japanese"),
        pytest.param(
            "등대만 여객선 좌초", "여객선이 목요일 좌초했다.", "ko", {"등대만", "여객선", "좌초"}, id="Korean"
        ),
        pytest.param("Паром сел на мель", "У маяка.", "ru", {"паром", "мель", "маяка"}, id="Russian"),
    ],
)
def test_other_languages(title: str, text: str, language: str, expected: set[str]) -> None:
    assert expected <= set(words(title, text, language))


def test_the_dateline_is_left_out() -> None:
    dated = "（中央社記者陳小豹台北20日電）" + FERRY_HANT * 3
    assert traits("渡輪", dated, "zh-Hant") == traits("渡輪", FERRY_HANT * 3, "zh-Hant")
    assert "pari" not in words("Ferry", "PARIS (Reuters) - The ferry ran aground.", "en")


def test_only_the_beginning_counts() -> None:
    filler = "渡轮来，渡轮去。" * (LEAD // 8 + 1)
    assert "海豹" not in words("渡轮", filler + "海豹")
    assert "海豹" in words("渡轮", "海豹" + filler)


def test_most_terms() -> None:
    letters = "abcdefghij"
    many = " ".join(f"q{one}x{other}v" for one in letters for other in letters)
    assert len(words("Ferry", many, "en")) == MAX_TERMS


@pytest.mark.parametrize(
    ("length", "brief"), [pytest.param(BRIEF - 1, True, id="99 characters"), pytest.param(BRIEF, False, id="100")]
)
def test_brief(length: int, brief: bool) -> None:
    assert traits("渡轮", "舟" * length).brief is brief


def test_nothing() -> None:
    assert traits("", "", "und") == Traits(None, [], "", [], brief=True)
