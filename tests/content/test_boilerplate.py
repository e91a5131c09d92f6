"""What stands around an article, and what must not be taken for it."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.content.boilerplate import Around, Boilerplate, PatternError, pattern
from agents.content.sites import Sites

KNOWN = Sites()


@pytest.mark.parametrize(
    ("site", "title", "text", "expected"),
    [
        pytest.param(
            "rfi.fr",
            "渡轮搁浅 – 法国国际广播电台 - RFI",
            "20/11/2026 - 07:30\n\n没有人受伤。\n\n© 2026 AFP",
            ("渡轮搁浅", "没有人受伤。"),
            id="a suffix of the title, a stamp, a mark of copyright",
        ),
        pytest.param(
            "blog.example",
            "The ferry",
            "It ran aground.\n\nThe post The ferry appeared first on Harbour Blog.",
            ("The ferry", "It ran aground."),
            id="WordPress, on any site",
        ),
        pytest.param(
            "cna.com.tw",
            "渡輪擱淺",
            "沒有人受傷，船長說，大家吃了早飯。\n\n延伸閱讀\n\n昨天\n\n前天",
            ("渡輪擱淺", "沒有人受傷，船長說，大家吃了早飯。"),
            id="further reading takes the rest",
        ),
        pytest.param(
            None,
            "渡轮搁浅",
            "没有人受伤。责任编辑：无人\n\n责任编辑：某某",
            ("渡轮搁浅", "没有人受伤。责任编辑：无人"),
            id="whole lines only",
        ),
        pytest.param(
            "cna.com.tw",
            "渡輪擱淺",
            "延伸閱讀\n\n昨天的新聞\n\n沒有人受傷，船長說，大家在甲板上吃了早飯，等到中午漲潮才重新起航。",
            (
                "渡輪擱淺",
                "延伸閱讀\n\n昨天的新聞\n\n沒有人受傷，船長說，大家在甲板上吃了早飯，等到中午漲潮才重新起航。",
            ),
            id="a box in the first half takes nothing",
        ),
        pytest.param(
            None,
            "Books",
            "Read more books, the minister said.\n\nSign up for the choir, the captain said.",
            ("Books", "Read more books, the minister said.\n\nSign up for the choir, the captain said."),
            id="sentences that begin like a bar are none",
        ),
        pytest.param("rfi.fr", " - RFI", "", (" - RFI", ""), id="a title that is nothing else stays"),
    ],
)
def test_without(site: str | None, title: str, text: str, expected: tuple[str, str]) -> None:
    assert KNOWN.boilerplate(site).without(title, text) == expected


@pytest.mark.parametrize(
    ("written", "line", "matches"),
    [
        pytest.param("Page # of #", "Page 3 of 12", True, id="numbers"),
        pytest.param("Page # of #", "Page three of 12", False, id="a number is digits"),
        pytest.param("Share *", "Share this with everybody", True, id="anything"),
        pytest.param("(Share|Print) this", "Print this", True, id="a choice"),
        pytest.param("a.b+c?", "axbbc", False, id="nothing else is special"),
        pytest.param("a.b+c?", "a.b+c?", True, id="it stands for itself"),
        pytest.param(r"\*\*\*", "***", True, id="a star itself"),
        pytest.param("#/#", "３/4", True, id="any digits"),
        pytest.param("(a|(b|#)c|d)x", "7cx", True, id="choices in choices"),
        pytest.param("(a|)bc", "bc", True, id="a choice of nothing"),
        pytest.param("ab|cd", "cd", True, id="a choice without brackets"),
        pytest.param("*ab|cd", "cd", True, id="a choice without brackets, behind a star"),
        pytest.param("*(ab|cd)", "xcd", True, id="a choice behind a star"),
        pytest.param(r"*\*a", "x*a", True, id="a star itself behind a star"),
    ],
)
def test_pattern(written: str, line: str, matches: bool) -> None:
    found = Boilerplate(Around(line=[written])).without("t", f"before\n{line}\nbehind")[1]
    assert (line not in found.split("\n")) is matches


@given(st.text("ab1#*()|\\", min_size=1, max_size=12), st.text("ab1*#", min_size=1, max_size=6))
def test_a_line_goes_if_and_only_if_its_pattern_matches(written: str, line: str) -> None:
    """Lines that cannot match are told from the others without trying; nothing may be missed by that."""
    try:
        ours = Boilerplate(Around(line=[written]))
    except PatternError:
        return
    kept = [one for one in ("é", line, "é") if not re.fullmatch(pattern(written), one)]
    assert ours.without("t", f"é\n{line}\né") == ("t", "\n".join(kept))


@pytest.mark.parametrize(
    ("written", "message"),
    [
        pytest.param("", "1 to 200 characters", id="empty"),
        pytest.param("x" * 201, "1 to 200 characters", id="long"),
        pytest.param("a*b*c*d*e*f", "more than 4", id="many stars"),
        pytest.param("*", "nearly every line", id="everything"),
        pytest.param("(ab", "is no pattern", id="open bracket"),
        pytest.param("(a*b|c)", "within brackets", id="a star in a choice"),
    ],
)
def test_a_pattern_that_cannot_be_used_says_why(written: str, message: str) -> None:
    with pytest.raises(PatternError, match=message):
        pattern(written)


def test_hostile_lines_cost_little() -> None:
    """A line is read once, however many near misses it holds; before it took minutes."""
    ours = Boilerplate(Around(line=["a*a*a*a*b"]))
    text = "a" * (1 << 20)
    assert ours.without("t", text) == ("t", text)
