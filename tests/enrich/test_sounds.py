from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.enrich.sounds import LONGEST, fit


@pytest.mark.parametrize(
    ("han", "token", "length"),
    [
        pytest.param("总统特朗普", "Trump", 3, id="a nasal end renders m"),
        pytest.param("国务卿蓬佩奥", "Pompeo", 3, id="a vowel at the end"),
        pytest.param("国防部长埃斯珀", "Esper", 3, id="a vowel at the beginning"),
        pytest.param("女议员克里", "Kerry", 2, id="doubled"),
        pytest.param("统博尔索纳罗", "Bolsonaro", 5, id="l at the end of a syllable"),
        pytest.param("发言人珀扎哈瑞斯基", "Pozharskyi", 6, id="one character fits nothing"),
        pytest.param("总统候选人拜登", "Biden", 2, id="n rendered by an end"),
        pytest.param("总理齐曼", "Zeman", 2, id="Czech"),
        pytest.param("总理维斯特奇尔", "Vystrčil", 5, id="marks on letters"),
    ],
)
def test_the_longest_that_still_fits_is_best(han: str, token: str, length: int) -> None:
    scores = fit(han, token)
    assert scores.index(max(scores)) + 1 == length


@pytest.mark.parametrize(("han", "token"), [("驻华大使吴若兰", "Wilson"), ("渡轮公司", "Harroson")])
def test_other_names_fit_badly(han: str, token: str) -> None:
    assert all(score < 0.5 * length for length, score in enumerate(fit(han, token), 1))


@given(st.text(max_size=30), st.text(max_size=30))
def test_never_raises_and_looks_no_further(han: str, token: str) -> None:
    assert len(fit(han, token)) <= min(len(han), LONGEST)
