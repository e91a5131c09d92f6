from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.enrich.dateline import read_dateline


@pytest.mark.parametrize(
    ("text", "place", "behind"),
    [
        pytest.param("By Ada Osei\n\nWASHINGTON, Feb 16 (Reuters) - The ferry", "WASHINGTON", " The", id="a by-line"),
        pytest.param("By ADA OSEI and IAN REY\n\nPARIS (AP) — The ferry", "PARIS", " The", id="two names in capitals"),
        pytest.param("BAIDOA, Somalia — The ferry", "BAIDOA, Somalia", " The", id="unknown city with its country"),
        pytest.param("华盛顿 — 港务局官员说", "华盛顿", " 港务局", id="chinese, dash"),
        pytest.param("香港——渡轮停航。", "香港", "渡轮", id="chinese, double dash"),
        pytest.param("台湾台北——渡轮停航。", "台湾台北", "渡轮", id="with its country"),
        pytest.param("（中央社記者陳小豹華盛頓16日專電）渡輪停航", "華盛頓", "渡輪", id="reporter and place"),
        pytest.param("（中央社記者陳小豹、林海獅台北16日電）渡輪", "台北", "渡輪", id="two reporters"),
        pytest.param("（中央社記者陳小豹屏東縣15日電）渡輪", "屏東縣", "渡輪", id="a county"),
        pytest.param("（中央社奧克蘭17日綜合外電報導）渡輪", "奧克蘭", "渡輪", id="from other wires"),
        pytest.param("（中央社記者陳小豹吉隆坡特稿）渡輪", "吉隆坡", "渡輪", id="feature"),
        pytest.param("（法新社德黑兰14日电） 渡轮停航", "德黑兰", " 渡轮", id="agency in brackets"),
        pytest.param("新华社北京10月13日电（记者陈小豹）渡轮", "北京", "（记者", id="agency, month and day"),
        pytest.param("路透纽约10月13日 - 油价反弹", "纽约", " 油价", id="agency, dash"),
        pytest.param("路透新加坡/北京10月13日 - 油价", "新加坡/北京", " 油价", id="two places"),
        pytest.param("(吉隆坡13日讯)渡轮", "吉隆坡", "渡轮", id="no agency, a known city"),
        pytest.param(
            "【大纪元2020年10月13日讯】渡轮", "大纪元2020年10月13日讯", "渡轮", id="a formula without a place"
        ),
        pytest.param(
            "【大纪元2020年10月13日讯】（大纪元记者陈小豹台北报导）渡轮", "台北", "渡轮", id="its reporter's place"
        ),
        pytest.param("WASHINGTON (Reuters) - The ferry", "WASHINGTON", " The", id="english, agency"),
        pytest.param("NEW YORK, Oct 13 (Reuters) - The ferry", "NEW YORK", " The", id="with a date"),
        pytest.param("KYIV, Ukraine (AP) — The ferry", "KYIV, Ukraine", " The", id="with its country"),
        pytest.param("SEALHAVEN (AP) — The ferry", "SEALHAVEN", " The", id="unknown city, known agency"),
        pytest.param("VIENNA/BERLIN (Reuters) - The ferry", "VIENNA/BERLIN", " The", id="two cities"),
        pytest.param("PARIS — The ferry", "PARIS", " The", id="classic"),
        pytest.param("SYDNEY\n\nThe ferry", "SYDNEY", "\n\nThe", id="a paragraph of its own"),
        pytest.param("Oct 17th 2020\n\nSYDNEY\n\nThe ferry", "SYDNEY", "\n\nThe", id="behind a date"),
        pytest.param("陈小豹\n2020-10-19 12:19:25\n\n曼谷——渡轮", "曼谷", "渡轮", id="behind by-line and date"),
        pytest.param("Berlin (dpa) - Die Fähre", "Berlin", " Die", id="german"),
        pytest.param("Paris, 13 oct 2020 (AFP) - Le bac", "Paris", " Le", id="french"),
        pytest.param("Madrid, 13 oct (EFE).- El bote", "Madrid", " El", id="spanish"),
        pytest.param("МОСКВА, 13 окт — Паром", "МОСКВА", " Паром", id="russian"),
        pytest.param("MOSCOW, October 13. /TASS/. The ferry", "MOSCOW", " The", id="TASS"),
        pytest.param("【ワシントン共同】フェリー", "ワシントン", "フェリー", id="japanese, agency"),
        pytest.param("【北京=山田海豹】フェリー", "北京", "フェリー", id="japanese, correspondent"),
        pytest.param("(서울=연합뉴스) 김바다 기자", "서울", " 김바다", id="korean"),
    ],
)
def test_datelines(text: str, place: str, behind: str) -> None:
    found = read_dateline(text)
    assert found is not None
    assert found.place == place
    assert text[found.end :].startswith(behind)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "BREAKING - The ferry has left.",
        "UPDATE 1-Ferry leaves",
        "WATCH — The ferry leaves",
        "COVID-19 - The ferry",
        "LONDON",
        "London is a city. PARIS — too",
        "The President (AP) is not a place",
        "Harbour Inc (AP) shares fell",
        "Nice - that was a good ferry",
        "中国——渡轮大国",
        "渡轮——海豹的朋友",
        "（早报讯）渡轮停航",
        "（德国之声中文网）渡轮停航",
        "（维权网信息中心报道）2020年10月18日，渡轮停航",
        "路透10月20日 - 渡轮停航",
        "【编者按】华盛顿——渡轮",
        "【今日海豹】渡轮停航",
        "（中央社網站）春天到了",
        "2020年10月13日，渡轮停航",
    ],
)
def test_no_datelines(text: str) -> None:
    assert read_dateline(text) is None


@given(
    st.text(),
    st.sampled_from(["", "（中央社記者", "WASHINGTON, ", "路透", "【大纪元2020年10月13日讯】（大纪元记者", "A A "]),
)
def test_never_raises_and_ends_inside(text: str, start: str) -> None:
    if found := read_dateline(start + text):
        assert found.place
        assert found.end <= len(start + text)


@pytest.mark.parametrize("piece", ["A", "A ", "A, ", "Aa/", "（记者", "路透海", "1", "Aa 1", "海", "A'", "\n", "1:"])
def test_linear_time(piece: str) -> None:
    started = time.process_time()
    for head in ("", "A", "（记者", "路透", "Aa 1\n"):
        read_dateline(head + piece * 100_000)
    assert time.process_time() - started < 2
