"""Summaries: whole sentences of the text, the lead before all."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.enrich.summary import MAX_LENGTH, summarize
from schemas import Keyword

LEAD = "灯塔湾的一艘渡轮星期四清晨在浓雾中搁浅，船上两百名乘客全部平安。"
SECOND = "港务局说，渡轮将在涨潮以后由两艘拖船拉回航道，时刻表要到周末才能恢复。"
KOREAN = "등대만의 여객선이 목요일 새벽 짙은 안개 속에서 좌초했다고 항만청이 밝혔다."
CREDIT = "Associated Press writer Ada Osei contributed to this report."
ENGLISH = "The ferry of Lantern Bay ran aground in thick fog on Thursday, and all two hundred passengers are safe."


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(f"{LEAD}{SECOND}", f"{LEAD}{SECOND}", id="everything that fits"),
        pytest.param(f"{LEAD}\n\n{SECOND}", f"{LEAD}{SECOND}", id="Chinese paragraphs join without a space"),
        pytest.param(f"{ENGLISH}\n\nIt will be towed off at high tide by two tugs.",
                     f"{ENGLISH} It will be towed off at high tide by two tugs.", id="English ones with one"),
        pytest.param(f"（灯塔湾之声记者某某报导）{LEAD}", LEAD, id="without who filed it"),
        pytest.param(f"灯塔守望报道\n\n{LEAD}", LEAD, id="without a by-line"),
        pytest.param(f"图为搁浅的渡轮和赶来的拖船。\n\n{LEAD}", LEAD, id="without a caption that stands in the text"),
        pytest.param(f"雾中的渡轮（资料照片）\n\n{LEAD}", LEAD, id="without a credit"),
        pytest.param(f"一个小标题\n\n{LEAD}", LEAD, id="without a heading"),
        pytest.param(f"渡轮搁浅，乘客平安！\n\n{LEAD}", LEAD, id="without the title again"),
        pytest.param(f"{ENGLISH}\n\n{CREDIT}", ENGLISH, id="no credit"),
        pytest.param(f"김철수 기자 = {KOREAN}", KOREAN, id="no Korean by-line"),
        pytest.param(f"They’ve lost. {ENGLISH}", ENGLISH, id="a few words say nothing"),
        pytest.param(f"他喊道“你们大家赶快往高处走。{LEAD}", LEAD, id="no half quotations"),
        pytest.param("没有句号的一行", "", id="no sentence, no summary"),
        pytest.param("", "", id="no text"),
        pytest.param(f"{'很长' * 150}。{LEAD}", LEAD, id="a sentence that never fits is passed over"),
    ],
)  # fmt: skip
def test_summarize(text: str, expected: str) -> None:
    assert summarize(text, 0, "渡轮搁浅，乘客平安！") == expected


def test_the_dateline_is_left_out() -> None:
    text = f"灯塔湾 — {LEAD}"
    assert summarize(text, len("灯塔湾 — "), "题") == LEAD


def test_a_sentence_under_a_picture_is_left_to_it() -> None:
    assert summarize(f"{SECOND}{LEAD}", 0, "题", captions=[SECOND, None]) == LEAD


def test_a_short_title_or_caption_does_not_empty_it() -> None:
    assert summarize(LEAD, 0, "渡轮", captions=["浓雾"]) == LEAD


def test_what_says_more_goes_before_what_comes_first() -> None:
    filling = [f"第{number}位旁观者站在防波堤上看了很久，什么话也没有说就回家去了。" for number in range(1, 6)]
    telling = "拖船公司确认渡轮的船底没有破损，搁浅的原因是雷达失灵。"
    text = LEAD + "".join(filling) + telling
    found = summarize(text, 0, "题", [Keyword("渡轮", 1.0), Keyword("雷达", 0.9), Keyword("拖船公司", 0.8)])
    assert found.startswith(LEAD)
    assert telling in found


@given(st.text(alphabet='渡轮搁浅abc 。.！"“”（）\n', max_size=600), st.integers(0, 40))
def test_a_summary_is_short_and_stands_in_the_text(text: str, begin: int) -> None:
    found = summarize(text, min(begin, len(text)), "")
    assert len(found) <= MAX_LENGTH
    assert set(found) <= set(text) | {" "}
