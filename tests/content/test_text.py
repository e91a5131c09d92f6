from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.content.text import (
    clean_line,
    composed,
    count,
    cut_at_paragraph,
    first_words,
    script_family,
    without_debris,
)
from schemas import ScriptFamily


@pytest.mark.parametrize(
    ("text", "family"),
    [
        pytest.param("港口的海豹睡着了", ScriptFamily.HAN, id="simplified"),
        pytest.param("港口的海豹睡著了", ScriptFamily.HAN, id="traditional"),
        pytest.param("アザラシがねむる", ScriptFamily.HAN, id="kana"),
        pytest.param("ㄏㄞˇ ㄅㄠˋ", ScriptFamily.HAN, id="bopomofo"),
        pytest.param("二〇二六", ScriptFamily.HAN, id="han digits"),
        pytest.param("𠮷𠮷", ScriptFamily.HAN, id="beyond the BMP"),
        pytest.param("바다표범이 잔다", ScriptFamily.OTHER, id="hangul"),
        pytest.param("The seals sleep", ScriptFamily.LATIN, id="english"),
        pytest.param("Hải cẩu đang ngủ", ScriptFamily.LATIN, id="vietnamese"),
        pytest.param("ＡＢＣ", ScriptFamily.LATIN, id="full width"),
        pytest.param("Тюлени спят", ScriptFamily.CYRILLIC, id="russian"),
        pytest.param("الفقمات نائمة", ScriptFamily.ARABIC, id="arabic"),
        pytest.param("فک‌ها خوابند", ScriptFamily.ARABIC, id="persian"),
        pytest.param("Οι φώκιες", ScriptFamily.OTHER, id="greek"),
        pytest.param("सील सो रहे हैं", ScriptFamily.OTHER, id="hindi"),
        pytest.param("2026 — 12:30 !", ScriptFamily.OTHER, id="no letters"),
        pytest.param("", ScriptFamily.OTHER, id="nothing"),
        pytest.param("海豹 Ada 海豹睡着了", ScriptFamily.HAN, id="most letters decide"),
        pytest.param("1234567890123 海豹", ScriptFamily.HAN, id="digits have no say"),
        pytest.param("海豹ab", ScriptFamily.HAN, id="a draw"),
        pytest.param("\ud800a", ScriptFamily.LATIN, id="lone surrogate"),
    ],
)
def test_script_family(text: str, family: ScriptFamily) -> None:
    assert script_family(text) is family


@pytest.mark.parametrize(
    ("text", "characters", "words"),
    [
        pytest.param("港口的海豹，睡着了。", 8, 0, id="chinese"),
        pytest.param("I don't like e-mail.", 0, 4, id="apostrophe and hyphen"),
        pytest.param("我喜欢 iPhone 15，你呢？", 5, 2, id="mixed"),
        pytest.param("アザラシ3頭", 5, 1, id="japanese"),
        pytest.param("바다표범이 잔다", 0, 2, id="korean"),
        pytest.param("हिन्दी में", 0, 2, id="vowel signs do not part words"),
        pytest.param("cafe\u0301s noirs", 0, 2, id="combining accent"),
        pytest.param("— … ❤️ !", 0, 0, id="no words"),
        pytest.param("", 0, 0, id="nothing"),
    ],
)
def test_count(text: str, characters: int, words: int) -> None:
    counted = count(text)
    assert (counted.characters, counted.words, counted.total) == (characters, words, characters + words)


@given(st.text("aé9中の'-\u0301 。\U00020000"))
def test_count_is_that_of_a_reader_who_goes_letter_by_letter(text: str) -> None:
    characters = sum(character in "中の\U00020000" for character in text)
    words = len(re.findall("(?<![aé9\u0301])[aé9]", text)) - len(
        re.findall("(?<=[aé9\u0301])['-](?=[aé9\u0301])", text)
    )
    assert (count(text).characters, count(text).words) == (characters, words)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        pytest.param("", 0, id="nothing"),
        pytest.param("word", 1, id="never 0 for something"),
        pytest.param("word " * 240, 60, id="a minute of words"),
        pytest.param("字" * 400, 60, id="a minute of characters"),
        pytest.param("字" * 400 + " word" * 240, 120, id="both"),
    ],
)
def test_reading_seconds(text: str, seconds: int) -> None:
    assert count(text).seconds == seconds


@pytest.mark.parametrize(
    ("text", "line"),
    [
        pytest.param("  one\n two\t", "one two", id="white space"),
        pytest.param("a\u200b b\u200e\ufeff", "a b", id="zero-width and bidi"),
        pytest.param("\x1b]0;title\x07text\x9b", "]0;titletext", id="terminal escapes"),
        pytest.param("港口　海豹", "港口 海豹", id="ideographic space"),
        pytest.param("a \u200b b", "a b", id="what is left collapses again"),
        pytest.param("می\u200cخواهم", "می\u200cخواهم", id="spelling stays"),
        pytest.param("a\ud800b", "ab", id="lone surrogate"),
        pytest.param(" \u200b\n", "", id="nothing left"),
    ],
)
def test_clean_line(text: str, line: str) -> None:
    assert clean_line(text) == line


@given(st.text())
def test_cleaning_twice_is_cleaning_once(text: str) -> None:
    assert without_debris(without_debris(text)) == without_debris(text)
    assert clean_line(clean_line(text)) == clean_line(text)
    clean_line(text).encode()


@pytest.mark.parametrize(
    ("text", "limit", "title"),
    [
        pytest.param("One line\nand more", 80, "One line", id="the first line"),
        pytest.param("\n\n  One ", 80, "One", id="leading blank lines"),
        pytest.param(
            "海豹睡着了。渡轮等了。" * 9,
            30,
            "海豹睡着了。渡轮等了。海豹睡着了。渡轮等了。海豹睡着了。",
            id="whole sentences",
        ),
        pytest.param("Seals sleep. " * 9, 30, "Seals sleep. Seals sleep.", id="whole sentences, spaced"),
        pytest.param("seals sleeping on the pier", 20, "seals sleeping on…", id="between words"),
        pytest.param("海" * 50, 20, "海" * 19 + "…", id="no gap anywhere"),
        pytest.param("", 80, "", id="nothing"),
    ],
)
def test_first_words(text: str, limit: int, title: str) -> None:
    assert first_words(text, limit) == title


@given(st.text(), st.integers(8, 100))
def test_first_words_fit(text: str, limit: int) -> None:
    assert len(first_words(text, limit)) <= limit


@pytest.mark.parametrize(
    ("limit", "cut"),
    [
        pytest.param(12, "海豹\n\nab\nc", id="whole"),
        pytest.param(11, "海豹", id="a paragraph less"),
        pytest.param(8, "海豹", id="at the gap"),
        pytest.param(6, "海豹", id="just the first"),
        pytest.param(5, "海", id="inside the first, between characters"),
        pytest.param(0, "", id="nothing"),
    ],
)
def test_cut_at_paragraph(limit: int, cut: str) -> None:
    assert cut_at_paragraph("海豹\n\nab\nc", limit) == cut


@given(st.text("ab中\n "), st.integers(0, 40))
def test_a_cut_fits_and_is_a_beginning(text: str, limit: int) -> None:
    cut = cut_at_paragraph(text, limit)
    assert len(cut.encode()) <= limit or cut == text
    assert text.startswith(cut)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("Fa\u0308hre", "F\u00e4hre", id="latin"),
        pytest.param("Vie\u0323\u0302t", "Vi\u1ec7t", id="two marks on a letter"),
        pytest.param("\u304b\u3099", "\u304c", id="kana"),
        pytest.param("\u1112\u1161\u11ab\u1100\u1173\u11af", "\ud55c\uae00", id="hangul"),
        pytest.param("\u0308a", "\u0308a", id="a mark without a letter"),
        pytest.param("海豹 é", "海豹 é", id="composed already"),
    ],
)
def test_composed(text: str, expected: str) -> None:
    assert composed(text) == expected


@given(st.text())
def test_composed_once_is_enough(text: str) -> None:
    assert composed(composed(text)) == composed(text)
