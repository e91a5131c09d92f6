"""Keys: what distinguishes two entries and what does not. A changed key is a changed id."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.content.identity import content_key, guid_key, link_key, plain_title, titled_key, turn_key

anything = st.text(st.characters(exclude_categories=()), max_size=60)
SITE = "lanhai.example"
ADDRESS = link_key("lanhai.example/live")


@pytest.mark.parametrize(
    ("a", "b", "same"),
    [
        pytest.param("http://lanhai.example/?p=7", "https://www.lanhai.example/?p=7", True, id="moved to https"),
        pytest.param("https://old.lanhai.example/a/7", "HTTPS://new.lanhai.example/a/7/", True, id="another host"),
        pytest.param(" 4711 ", "4711", True, id="blanks around it"),
        pytest.param("4711", "4712", False, id="another number"),
        pytest.param("https://lanhai.example/a/7", "https://lanhai.example/a/8", False, id="another path"),
        pytest.param("https://a.example", "https://b.example", False, id="nothing but a host stays whole"),
        pytest.param("tag:lanhai.example,2026:7", "tag:lanhai.example,2026:8", False, id="tag addresses"),
        pytest.param("Abc", "abc", False, id="case counts"),
    ],
)
def test_guid_key(a: str, b: str, same: bool) -> None:
    assert (guid_key(SITE, a) == guid_key(SITE, b)) is same


def test_a_guid_holds_within_its_scope() -> None:
    assert guid_key(SITE, "7") != guid_key("register.example", "7")


@pytest.mark.parametrize(
    ("a", "b", "same"),
    [
        pytest.param("Morning  Briefing ", "morning briefing", True, id="case and white space"),
        pytest.param("早报\u3000星期二", "早报 星期二", True, id="wide blank"),
        pytest.param("Zürich", "Zu\u0308rich", True, id="composed and separate accents"),
        pytest.param("Morning briefing", "Evening briefing", False, id="another word"),
    ],
)
def test_titled_key(a: str, b: str, same: bool) -> None:
    assert (titled_key(ADDRESS, a) == titled_key(ADDRESS, b)) is same


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        pytest.param(lambda: link_key("lanhai.example/a/1"), "98ff3893ba97d25160e12734491213bd", id="link"),
        pytest.param(
            lambda: guid_key(SITE, "http://lanhai.example/?p=7"), "98971f9312f82aa4de8bf237368f4ee5", id="guid"
        ),
        pytest.param(lambda: content_key(SITE, "潮汐", b"\x01"), "a2d777c35f01ed62e0727325deb9a52f", id="content"),
        pytest.param(lambda: titled_key(ADDRESS, "早报"), "7dd5ac2f1f842065d5fea3655bfe0cc1", id="titled"),
        pytest.param(lambda: turn_key(ADDRESS), "cd34be51e70b87a2dc3b91b4fbc8c7ec", id="turn"),
    ],
)
def test_keys_are_frozen(key: Callable[[], bytes], expected: str) -> None:
    """Written down: a mill with other keys would announce two years of news again."""
    assert key().hex() == expected


@given(st.text("ab1:", min_size=2, max_size=12), st.data())
def test_parts_do_not_run_together(text: str, data: st.DataObject) -> None:
    """Scope and title are told apart, wherever one ends and the other begins."""
    ends = st.integers(0, len(text))
    one, other = data.draw(ends), data.draw(ends)
    keys = [content_key(text[:end], text[end:], b"") for end in (one, other)]
    assert (keys[0] == keys[1]) is (one == other)


@given(anything, anything)
def test_any_text_has_keys(scope: str, text: str) -> None:
    keys = {link_key(text), guid_key(scope, text), content_key(scope, text, b""), titled_key(ADDRESS, text)}
    assert all(len(key) == 16 for key in keys)
    assert len(keys) == 4, "kinds never meet"
    assert plain_title(plain_title(text)) == plain_title(text)
