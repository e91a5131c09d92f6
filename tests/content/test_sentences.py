"""Where sentences end."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.content.sentences import is_balanced, sentences


def cut(paragraph: str) -> list[str]:
    return [paragraph[begin:end] for begin, end in sentences(paragraph)]


@pytest.mark.parametrize(
    ("paragraph", "expected"),
    [
        pytest.param(
            "渡轮搁浅了。没有人受伤！真的吗？", ["渡轮搁浅了。", "没有人受伤！", "真的吗？"], id="Chinese marks"
        ),
        pytest.param(
            "船长说：“我们等。也许等到天亮。”",
            ["船长说：“我们等。也许等到天亮。”"],
            id="no end inside of quotation marks",
        ),
        pytest.param("船長說：「等。」大家都同意。", ["船長說：「等。」", "大家都同意。"], id="corner brackets"),
        pytest.param("他说“等。没人听。", ["他说“等。", "没人听。"], id="a quotation that never closes"),
        pytest.param("他走了……没人知道。", ["他走了……", "没人知道。"], id="dots"),
        pytest.param(
            '他说。"等一等。"没人听。', ["他说。", '"等一等。"', "没人听。"], id="straight quotes open and close"
        ),
        pytest.param("没有句号的标题", [], id="no mark, no sentence"),
        pytest.param("Dr. Osei left. He was tired.", ["Dr. Osei left.", "He was tired."], id="abbreviation"),
        pytest.param("The U.S. coast is long. It rains.", ["The U.S. coast is long.", "It rains."], id="initials"),
        pytest.param("It cost 3.5 million. Nobody paid.", ["It cost 3.5 million.", "Nobody paid."], id="decimal point"),
        pytest.param(
            "“We wait,” she said. “It rains.”", ["“We wait,” she said.", "“It rains.”"], id="English quotation"
        ),
        pytest.param("See example.org for more. Bye.", ["See example.org for more.", "Bye."], id="a domain"),
        pytest.param(
            "Er wird am 2. Oktober erwartet. Es regnet.",
            ["Er wird am 2. Oktober erwartet.", "Es regnet."],
            id="German ordinal",
        ),
        pytest.param(
            "Gegen die EE. UU. spielt niemand. Llueve.",
            ["Gegen die EE. UU. spielt niemand.", "Llueve."],
            id="Spanish plural initials",
        ),
        pytest.param(
            "Президент В. Путин уехал. Дождь.", ["Президент В. Путин уехал.", "Дождь."], id="Russian initials"
        ),
        pytest.param(
            "Maj. Gen. Osei left at 5 p.m. Monday. It rained.",
            ["Maj. Gen. Osei left at 5 p.m. Monday.", "It rained."],
            id="ranks and hours",
        ),
        pytest.param(
            "It was 2024. Rain fell. Then 5.",
            ["It was 2024. Rain fell.", "Then 5."],
            id="a number ends one only at the end: rather long than half",
        ),
        pytest.param("Он ушёл. Дождь идёт.", ["Он ушёл.", "Дождь идёт."], id="Russian"),
        pytest.param("नाव रुकी। कोई घायल नहीं।", ["नाव रुकी।", "कोई घायल नहीं।"], id="danda"),
        pytest.param("هل غادر؟ نعم.", ["هل غادر؟", "نعم."], id="Arabic question mark"),
        pytest.param("。。。", [], id="marks alone"),
        pytest.param("", [], id="empty"),
    ],
)
def test_sentences(paragraph: str, expected: list[str]) -> None:
    assert cut(paragraph) == expected


@given(st.text(alphabet='abc 。.！"“”（）「」Dr', max_size=120))
def test_sentences_stand_in_order_and_never_overlap(paragraph: str) -> None:
    place = 0
    for begin, end in sentences(paragraph):
        assert place <= begin < end <= len(paragraph)
        assert paragraph[begin:end].strip() == paragraph[begin:end]
        place = end


@pytest.mark.parametrize(
    ("text", "expected"),
    [("“好”", True), ("“好", False), ("好”“", False), ("（「好」）", True), ('"好', False), ('"好"', True), ("", True)],
)
def test_is_balanced(text: str, expected: bool) -> None:
    assert is_balanced(text) is expected
