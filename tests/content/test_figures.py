"""Numbers in all their scripts, and what numbers a title."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.content.figures import figures, read_title


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("2,600億", {"2600"}, id="thousand separators"),
        pytest.param("二千六百億元", {"2600"}, id="Chinese numerals, multiplied"),
        pytest.param("二〇二六年", {"2026"}, id="Chinese numerals, digit by digit"),
        pytest.param("１２３，４５６．７", {"123456.7"}, id="full width"),
        pytest.param("上涨3.50%至1,200.0点", {"3.5", "1200"}, id="zeros behind the point"),
        pytest.param("0.05 007 000", {"0.05", "7", "0"}, id="zeros before"),
        pytest.param("2024-25", {"2024", "25"}, id="a range"),
        pytest.param("零下十二度", {"12"}, id="tens"),
        pytest.param("兩千零五", {"2005"}, id="a gap in the places"),
        pytest.param("第三季度", {"3"}, id="a lone numeral that counts quarters"),
        pytest.param("三月五日", {"3", "5"}, id="a date in numerals"),
        pytest.param("一家公司的一个人，三人", set(), id="a lone numeral that is a word"),
        pytest.param("no figures at all", set(), id="none"),
    ],
)
def test_figures(text: str, expected: set[str]) -> None:
    assert figures(text) == expected


@given(st.integers(0, 9999))
def test_a_number_is_the_same_in_three_scripts(number: int) -> None:
    wide = "".join(chr(ord(digit) + 0xFEE0) for digit in str(number))
    assert figures(str(number)) == figures(wide) == {str(number)}
    if number >= 10:
        assert figures("".join("〇一二三四五六七八九"[int(digit)] for digit in str(number))) == {str(number)}


@given(st.text(st.characters(codec="utf-8"), max_size=40) | st.text("第（十上）三期年月０9.,·— I", max_size=40))
def test_any_text_is_read(text: str) -> None:
    assert all(figures(text))
    numbers, form = read_title(text)
    assert form.count("#") == len(numbers)


@pytest.mark.parametrize(
    ("title", "numbers", "form"),
    [
        pytest.param("沪指周三收盘涨0.5%", ["weekday 3", "收盘", "0.5"], "沪指##涨#", id="weekday and session"),
        pytest.param("台股週日早盤", ["weekday 7", "早盤"], "台股##", id="in Traditional"),
        pytest.param("３月５日天气", ["3", "5"], "#月#日天气", id="full width"),
        pytest.param("第十期", ["10"], "第#期", id="numerals"),
        pytest.param("某案庭审（上）", ["上"], "某案庭审#", id="first of two parts"),
        pytest.param("某案庭审（下）", ["下"], "某案庭审#", id="second of two parts"),
        pytest.param("某案庭审·续", ["续"], "某案庭审#", id="continued"),
        pytest.param("某案庭审（二）", ["2"], "某案庭审#", id="a part in brackets"),
        pytest.param("往事之二：风", ["2"], "往事#风", id="a part behind 之"),
        pytest.param("会上（中国）", [], "会上中国", id="no mark of a part"),
        pytest.param("Jobless claims: Oct 3", ["month 10", "3"], "joblessclaims##", id="a short month"),
        pytest.param("Jobless claims, sept. 10", ["month 9", "10"], "joblessclaims##", id="a month in small letters"),
        pytest.param("Oil price at closing", ["session 7"], "oilpriceat#", id="an English session"),
        pytest.param("Third quarter results", ["ordinal 3"], "#quarterresults", id="an ordinal"),
        pytest.param("The Treaty, Part II", ["part 1"], "thetreatypart#", id="Roman two"),
        pytest.param("Why I left", [], "whyileft", id="I is no number"),
        pytest.param("MORNING brief", ["session 1"], "#brief", id="in capitals"),
        pytest.param("渡轮：海豹！", [], "渡轮海豹", id="folded"),
    ],
)
def test_read_title(title: str, numbers: list[str], form: str) -> None:
    assert read_title(title) == (numbers, form)
