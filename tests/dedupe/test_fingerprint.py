"""What is remembered of a text: enough to tell the same, a shortened and another one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.content.sketch import fold_codes
from agents.dedupe.fingerprint import OPENING, PREFIXES, SHORT_TEXT, fingerprint, likeness, only_cuts_short
from tests.dedupe.articles import (
    BREAD,
    BREAD_SUMMARY,
    BREAD_TITLE,
    CHESS,
    FERRY,
    FERRY_CORRECTED,
    FERRY_SUMMARY,
    FERRY_TIGHTENED,
    FERRY_TITLE,
    MOON,
)

anything = st.text(st.characters(exclude_categories=()), max_size=300)  # lone surrogates too


@given(anything, anything)
def test_any_text_has_a_fingerprint(title: str, text: str) -> None:
    found = fingerprint(title, text)
    assert found == fingerprint(title, text)
    assert found.length == fold_codes(text).size
    assert len(found.prefixes) == 4 * sum(reach <= found.length for reach in PREFIXES)
    alike = likeness(found, found)
    assert alike.text in (1.0, None)
    assert alike.title in (1.0, 0.0)


@given(anything, anything, anything, anything)
def test_likeness_has_no_direction(title: str, text: str, other_title: str, other: str) -> None:
    a, b = fingerprint(title, text), fingerprint(other_title, other)
    assert likeness(a, b) == likeness(b, a)
    assert not (only_cuts_short(a, b) and only_cuts_short(b, a))


@given(st.text(min_size=1, max_size=2000), st.integers(16, 2000), st.text(max_size=20))
def test_every_real_beginning_is_one(text: str, kept: int, title: str) -> None:
    whole, start = fingerprint(title, text), fingerprint(title, text[:kept])
    if PREFIXES[0] <= start.length < whole.length:
        assert only_cuts_short(start, whole)


@pytest.mark.parametrize(
    ("copy", "whole", "expected"),
    [
        pytest.param(FERRY_SUMMARY, FERRY, True, id="beginning and ellipsis"),
        pytest.param(BREAD_SUMMARY, BREAD, True, id="beginning in Latin letters"),
        pytest.param(FERRY[:40] + "（阅读全文）", FERRY, True, id="read more"),
        pytest.param("", FERRY, True, id="no text at all"),
        pytest.param("", "", False, id="neither has text"),
        pytest.param(FERRY[:12], FERRY, False, id="under sixteen letters says nothing"),
        pytest.param(FERRY, FERRY, False, id="the same"),
        pytest.param(FERRY, FERRY[:100], False, id="the longer one"),
        pytest.param(FERRY[20:120], FERRY, False, id="a middle part"),
        pytest.param(MOON, FERRY, False, id="another text"),
    ],
)
def test_only_cuts_short(copy: str, whole: str, expected: bool) -> None:
    assert only_cuts_short(fingerprint(FERRY_TITLE, copy), fingerprint(FERRY_TITLE, whole)) is expected


def test_a_cut_under_another_title_is_no_mere_cut() -> None:
    assert not only_cuts_short(fingerprint("海豹", FERRY_SUMMARY), fingerprint(FERRY_TITLE, FERRY))


@pytest.mark.parametrize(
    ("a", "b", "related"),
    [
        pytest.param((FERRY_TITLE, FERRY), (FERRY_TITLE, FERRY_CORRECTED), True, id="corrected"),
        pytest.param((FERRY_TITLE, FERRY), ("海豹堵了航道", FERRY_TIGHTENED), True, id="new title, text edited"),
        pytest.param((FERRY_TITLE, FERRY), (FERRY_TITLE, MOON), True, id="same title, new text"),
        pytest.param(("A", FERRY + MOON * 9), ("B", FERRY[:100]), True, id="extract under another title"),
        pytest.param((FERRY_TITLE, FERRY), ("天文台", MOON), False, id="two articles"),
        pytest.param((BREAD_TITLE, BREAD), ("Шахматы", CHESS), False, id="two languages"),
        pytest.param(("", FERRY), ("", MOON), False, id="two posts without titles"),
        pytest.param(("", "短"), ("", "文"), False, id="two short posts without titles"),
        pytest.param(("🔥🔥", FERRY), ("……", MOON), False, id="titles without a letter"),
    ],
)
def test_related(a: tuple[str, str], b: tuple[str, str], related: bool) -> None:
    assert likeness(fingerprint(*a), fingerprint(*b)).related is related


def test_short_texts_are_not_compared() -> None:
    short, long = fingerprint("", FERRY[: SHORT_TEXT - 1]), fingerprint("", FERRY)
    assert short.length < SHORT_TEXT
    assert likeness(short, long).text is None
    assert likeness(long, long).text == 1.0


def test_the_opening_is_one_of_the_prefixes() -> None:
    assert OPENING in PREFIXES


@pytest.mark.parametrize(
    ("a", "b", "same"),
    [
        pytest.param("海豹 醒了。", "海豹\n\n醒了。", True, id="white space does not count"),
        pytest.param("The seals woke.", "Theseals woke.", True, id="nor between words"),
        pytest.param("海豹醒了。", "海豹醒了！", False, id="punctuation counts"),
        pytest.param("Seals", "seals", False, id="case counts"),
        pytest.param("渡轮", "渡輪", False, id="the script counts"),
        pytest.param("Fähre", "Fa\u0308hre", True, id="composed and separate accents"),
        pytest.param("Fähre", "Fahre", False, id="accents count"),
    ],
)
def test_same_content(a: str, b: str, same: bool) -> None:
    first, second = fingerprint(a, FERRY), fingerprint(b, FERRY)
    assert first.same_content(second.title_hash, second.text_hash) is same
    first, second = fingerprint(FERRY_TITLE, a), fingerprint(FERRY_TITLE, b)
    assert first.same_content(second.title_hash, second.text_hash) is same
