"""What may reach a terminal."""

from __future__ import annotations

import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.cli.terminal import safe, safe_json, safe_line


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("渡轮 “Möwe” — 🚢", "渡轮 “Möwe” — 🚢", id="letters, marks and pictures stay"),
        pytest.param("العربية עברית", "العربية עברית", id="right-to-left letters stay"),
        pytest.param("می\u200cخواهم 👩\u200d🚀", "می\u200cخواهم 👩\u200d🚀", id="joiners stay"),
        pytest.param("one\n\ttwo", "one\n\ttwo", id="line break and tab stay"),
        pytest.param("\x1b]0;owned\x07", "\\x1b]0;owned\\x07", id="window title"),
        pytest.param("\x9b31m", "\\x9b31m", id="eight-bit escape"),
        pytest.param("safe\rhidden", "safe\\x0dhidden", id="carriage return hides what stood before it"),
        pytest.param("\u202egnp.exe", "\\u202egnp.exe", id="bidi override"),
        pytest.param("\u2066x\u2069", "\\u2066x\\u2069", id="bidi isolates"),
        pytest.param("a\u200bb\ufeffc\u00add", "a\\u200bb\\ufeffc\\xadd", id="invisible"),
        pytest.param("\u2028", "\\u2028", id="line separator"),
        pytest.param("x\U000e0041", "x\\U000e0041", id="tag letters"),
        pytest.param("\ud83d", "\\ud83d", id="half a character"),
    ],
)
def test_safe(text: str, expected: str) -> None:
    assert safe(text) == expected


@given(st.text())
def test_safe_for_all_text(text: str) -> None:
    shown = safe(text)
    assert safe(shown) == shown
    assert not [c for c in shown if unicodedata.category(c) in {"Cc", "Cs", "Zl", "Zp"} and c not in "\n\t"]
    assert not [c for c in shown if unicodedata.bidirectional(c) in {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI"}]
    assert not {"\u200e", "\u200f", "\u061c"} & set(shown)
    assert "\n" not in safe_line(text)
    assert "\t" not in safe_line(text)


@given(st.recursive(st.text() | st.integers() | st.none(), lambda inner: st.dictionaries(st.text(), inner)))
def test_safe_json_is_the_same_value(value: object) -> None:
    written = safe_json(json.dumps(value, ensure_ascii=False))
    assert json.loads(written) == value
    assert safe(written) == written
