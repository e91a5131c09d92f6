"""Keywords: what an item is about, and nothing that every item says."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.content.language import Language
from agents.enrich.keywords import MAX_KEYWORDS, READ_WORDS, find_keywords
from agents.enrich.prose import Prose, read_prose
from schemas import Name

FERRY = (
    "灯塔湾的渡轮星期四清晨在浓雾中搁浅。港务局说，渡轮的雷达失灵，船员没有看见防波堤。"
    "两艘拖船中午赶到，渡轮在涨潮以后被拖船拉回航道。港务局表示，渡轮公司将更换所有的雷达。记者报道说，没有人受伤。"
)
TRADITIONAL = (
    "燈塔灣的渡輪星期四清晨在濃霧中擱淺。港務局說，渡輪的雷達失靈，船員沒有看見防波堤。"
    "兩艘拖船中午趕到，渡輪在漲潮以後被拖船拉回航道。港務局表示，渡輪公司將更換所有的雷達。"
)
ENGLISH = (
    "The ferry ran aground in thick fog on Thursday. The harbour board’s radar had failed, officials said, and the "
    "ferry missed the breakwater. Two tugs pulled the ferry free at high tide. The radar will be replaced, the harbour "
    "board said."
)
GERMAN = (
    "Die Fähre lief auf Grund. Die Fähre wurde von zwei Schleppern befreit. Der Hafen war gesperrt, der Hafen ist frei."
)
KOREAN = "여객선이 안개 속에서 좌초했다. 여객선은 레이더가 고장났다. 레이더를 교체한다."


def prose(text: str, language: str, title: str = "") -> Prose:
    return read_prose(title, text, Language(language, 1.0))


def terms(text: str, language: str, title: str = "") -> list[str]:
    return [keyword.term for keyword in find_keywords(prose(text, language, title))]


@pytest.mark.parametrize(
    ("text", "language", "title", "wanted", "unwanted"),
    [
        pytest.param(FERRY, "zh-Hans", "渡轮搁浅", {"渡轮", "雷达", "拖船", "搁浅"},
                     {"表示", "报道", "记者", "星期四", "没有", "两艘"}, id="Chinese"),
        pytest.param(TRADITIONAL, "zh-Hant", "渡輪擱淺", {"渡輪", "雷達", "拖船"}, {"渡轮", "表示"},
                     id="in its own script"),
        pytest.param("新款iPhone开卖，iPhone的价格与eBay上相同，eBay说货很多。", "zh-Hans", "iPhone开卖",
                     {"iPhone", "eBay"}, {"Phone", "Bay"}, id="a small letter before a capital"),
        pytest.param("Shares rose. Shares of banks rose most.", "en", "Wall Street closes higher", {"Wall Street"},
                     {"Wall", "Street"}, id="a name in a headline"),
        pytest.param(ENGLISH, "en", "Ferry aground", {"ferry", "radar", "harbour board"},
                     {"said", "officials", "Thursday", "the", "pulled"}, id="English"),
        pytest.param(GERMAN, "de", "Fähre auf Grund", {"Fähre", "Hafen"}, {"Die", "der", "wurde"}, id="German"),
        pytest.param("Паром сел на мель. Паром сняли буксиры, и порт снова открыт. Порт был закрыт.",
                     "ru", "Паром на мели", {"Паром", "порт"}, {"был", "снова"}, id="Russian"),
        pytest.param("渡船が霧の中で座礁した。渡船のレーダーは故障していた。レーダーは交換される。",
                     "ja", "渡船が座礁", {"渡船", "レーダー"}, set(), id="Japanese, by its scripts"),
        pytest.param(KOREAN, "ko", "여객선 좌초", {"여객선", "레이더"}, {"여객선이", "레이더를"},
                     id="Korean, without particles"),
        pytest.param("2026年11月20日 12345 678.9 50% 2026", "zh-Hans", "", set(), {"2026", "12345"}, id="no numbers"),
        pytest.param("", "zh-Hans", "", set(), set(), id="nothing"),
        pytest.param("", "und", "???", set(), set(), id="no language"),
    ],
)  # fmt: skip
def test_find_keywords(text: str, language: str, title: str, wanted: set[str], unwanted: set[str]) -> None:
    found = terms(text, language, title)
    assert wanted <= set(found)
    assert not unwanted & set(found)


def test_the_best_weighs_one_and_the_order_is_by_weight() -> None:
    found = find_keywords(prose(FERRY, "zh-Hans", "渡轮搁浅"))
    assert found[0].term == "渡轮"
    assert found[0].weight == 1.0
    assert [keyword.weight for keyword in found] == sorted((keyword.weight for keyword in found), reverse=True)
    assert len(found) <= MAX_KEYWORDS


def test_a_name_is_one_term_and_nothing_in_it_is_another() -> None:
    text = "奥列格·林肯森说渡轮会修好。林肯森又说，渡轮的雷达会更换，林肯森没有说何时。"
    given_ = prose(text, "zh-Hans")
    spans = [(place, place + 3) for place in range(len(given_.text)) if given_.text.startswith("林肯森", place)]
    found = [keyword.term for keyword in find_keywords(given_, [Name("奥列格·林肯森", None, 3)], spans)]
    assert "奥列格·林肯森" in found
    assert not {"林肯森", "林肯", "奥列格"} & set(found)


def test_latin_letters_count_as_far_as_the_words_are_read() -> None:
    filler = "没有人受伤，" * READ_WORDS
    assert "Lindsen" in terms(f"Lindsen说雾很大。Lindsen没有受伤。{filler}", "zh-Hans")
    assert "Lindsen" not in terms(f"Lindsen说雾很大。{filler}Lindsen没有受伤。", "zh-Hans")
    assert "LINDSEN" not in terms("lindsen说雾很大，lindsen没有受伤。", "zh-Hans")


def test_a_name_that_ends_within_a_word_takes_the_word() -> None:
    given_ = prose("渡轮搁浅。雷达失灵，渡轮的雷达失灵，雷达没有修好。", "zh-Hans", "渡轮")
    begins = [place for place in range(len(given_.text)) if given_.text.startswith("雷达", place)]
    for spans in ([(begin, begin + 1) for begin in begins], [(begin, begin + 2) for begin in begins]):
        found = [keyword.term for keyword in find_keywords(given_, [], spans)]
        assert "渡轮" in found
        assert "雷达" not in found
    overlapping = [(begins[0], begins[1] + 2), (begins[0] + 1, begins[0] + 2), (begins[2], begins[2] + 2)]
    assert "雷达" not in [keyword.term for keyword in find_keywords(given_, [], overlapping)]


def test_names_of_the_site_itself_are_none() -> None:
    text = "灯塔守望报说渡轮搁浅。灯塔守望报说渡轮没有破损。"
    given_ = prose(text, "zh-Hans")
    assert "渡轮" in [keyword.term for keyword in find_keywords(given_, own={"灯塔"})]
    assert "灯塔" not in [keyword.term for keyword in find_keywords(given_, own={"灯塔"})]


@given(
    st.text(alphabet="渡轮搁浅在的abc. ·，1２\n\x00", max_size=300),
    st.sampled_from(["zh-Hans", "en", "ja", "ko", "th", "und"]),
)
def test_any_text_gives_terms_of_its_own(text: str, language: str) -> None:
    given_ = prose(text, language, text[:20])
    first = find_keywords(given_)
    assert first == find_keywords(given_)
    for keyword in first:
        assert 0 < keyword.weight <= 1
        assert keyword.term.strip() == keyword.term != ""
