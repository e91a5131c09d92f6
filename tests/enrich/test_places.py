from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.content.language import Language
from agents.enrich.places import MAX_PLACES, find_places
from agents.enrich.prose import Prose, read_prose


def prose(text: str, language: str = "zh-Hans", title: str = "") -> Prose:
    return read_prose(title, text, Language(language, 1.0))


def found(text: str, language: str = "zh-Hans") -> list[tuple[str, str, int]]:
    return [(place.name, place.country, place.count) for place in find_places(prose(text, language)).places]


def shown(text: str, language: str = "zh-Hans") -> str:
    return ", ".join(f"{name} {country} {count}" for name, country, count in found(text, language))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("渡轮从上海开往大阪。", "上海 CN 1, 大阪 JP 1", id="two cities"),
        pytest.param("美国渡轮停航。美国说，渡轮停在纽约。", "美国 US 2, 纽约 US 1", id="a country and its city"),
        pytest.param("渡輪從臺北開往香港，臺北的乘客很多。", "臺北 TW 2, 香港 HK 1", id="traditional, as written"),
        pytest.param("紐西蘭與沙烏地阿拉伯的渡輪", "紐西蘭 NZ 1, 沙烏地阿拉伯 SA 1", id="spellings of Taiwan"),
        pytest.param("悉尼的渡轮，雪梨的渡轮", "悉尼 AU 2", id="two spellings of one city"),
        pytest.param("美国（USA）和英国（UK）的渡轮，USA第一", "美国 US 3, 英国 GB 2", id="with its English name"),
        pytest.param("南苏丹的渡轮", "南苏丹 SS 1", id="the longer name"),
        pytest.param("中国政府说渡轮很多", "中国 CN 1", id="one word with its government"),
        pytest.param("渡轮属于美国纽约一家公司", "美国 US 1, 纽约 US 1", id="one word with its city"),
        pytest.param("北京市的渡轮比武汉市多", "北京 CN 1, 武汉 CN 1", id="with the word for city"),
        pytest.param("乌鲁木齐和石河子没有渡轮", "乌鲁木齐 CN 1, 石河子 CN 1", id="cities of Xinjiang"),
        pytest.param("新疆没有渡轮，加州有", "新疆 CN 1, 加州 US 1", id="provinces and states"),
        pytest.param("中央社台北22日電 渡輪停航", "台北 TW 1", id="dateline"),
        pytest.param("路透华盛顿10月13日 - 渡轮停航", "华盛顿 US 1", id="dateline of another agency"),
        pytest.param("美国国会和香港警方谈渡轮", "美国 US 1, 香港 HK 1", id="bodies of a state"),
        pytest.param("刚果民主共和国的渡轮", "刚果民主共和国 CD 1", id="of several words"),
        pytest.param("北台灣的渡輪，新中國的渡輪", "台灣 TW 1, 中國 CN 1", id="parts and times of a country"),
        pytest.param("2018年任湖北省长，游青岛", "湖北 CN 1, 青岛 CN 1", id="verbs that are surnames, too"),
        pytest.param("路易斯安那州与宾夕法尼亚州的渡轮", "路易斯安那 US 1, 宾夕法尼亚 US 1", id="long states"),
        pytest.param("加薩走廊沒有渡輪", "加薩走廊 PS 1", id="a name of two words"),
        pytest.param(
            "刚果（布）与刚果（金）的渡轮", "刚果（布） CG 1, 刚果（金） CD 1", id="by what stands in brackets"
        ),
        pytest.param("苏丹的渡轮，南苏丹的渡轮", "苏丹 SD 1, 南苏丹 SS 1", id="Sudan"),
        pytest.param("文莱苏丹与苏丹王坐渡轮，苏丹说很好", "文莱 BN 1", id="a sultan"),
    ],
)
def test_chinese(text: str, expected: str) -> None:
    assert shown(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="empty"),
        pytest.param("渡轮停航，乘客都很平安。", id="no place"),
        pytest.param("他们合作，为和平与自由。", id="words that are towns, too"),
        pytest.param("《纽约时报》说渡轮停航", id="newspaper, one word"),
        pytest.param("《香港经济日报》说渡轮停航", id="newspaper, several words"),
        pytest.param("美国之音和德国之声说渡轮停航", id="stations"),
        pytest.param("渡轮属于中国银行和美国航空", id="companies"),
        pytest.param("瑞士电信与沙特阿美没有渡轮", id="companies of other kinds"),
        pytest.param("武汉肺炎让渡轮停航", id="disease"),
        pytest.param("外长勒德里安与总统尼尼斯托坐渡轮", id="syllables of names"),
        pytest.param("休斯敦火箭队和洛杉矶湖人坐渡轮", id="teams of a league"),
        pytest.param("乔治·华盛顿坐过渡轮", id="a foreigner's family name"),
        pytest.param("亚伯拉罕·林肯和布林肯坐过渡轮", id="Lincoln"),
        pytest.param("德国队坐渡轮", id="team"),
        pytest.param("渡轮开过墨西哥湾和日本海", id="waters"),
        pytest.param("巴黎协定不谈渡轮", id="treaty"),
        pytest.param("船长王清远说渡轮很稳", id="a Chinese name"),
        pytest.param("船长王海南和周山东、林云南", id="a Chinese name that is a province's, too"),
        pytest.param("船长张华盛顿说渡轮很稳", id="a Chinese name of three characters"),
        pytest.param("船长伯明翰（Simon Birmingham）说，渡轮很稳。伯明翰又说", id="a person by the gloss"),
        pytest.param("渡轮停在南京东路旁", id="street"),
        pytest.param("上海合作组织谈渡轮", id="organisation"),
        pytest.param("哈萨克族乘客和蒙古族乘客", id="peoples"),
        pytest.param("中华台北队坐渡轮，台北时间三点", id="a team, a clock"),
        pytest.param("华盛顿奇才与丹佛掘金坐渡轮", id="teams as the mainland calls them"),
        pytest.param("多哈回合、巴黎公社、罗马诺夫王朝、美国队长、意大利面", id="other names and things"),
    ],
)
def test_no_place_in_chinese(text: str) -> None:
    assert shown(text) == ""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("The ferry left London for Rotterdam.", "London GB 1, Rotterdam NL 1", id="two cities"),
        pytest.param("The U.S. and the UK. The US ferry.", "U.S. US 2, UK GB 1", id="short forms"),
        pytest.param("PARIS — The ferry", "PARIS FR 1", id="dateline"),
        pytest.param("WASHINGTON (Reuters) - The ferry", "WASHINGTON US 1", id="dateline with its agency"),
        pytest.param("BRISTOL AND TOKYO", "BRISTOL GB 1, TOKYO JP 1", id="dateline of two"),
        pytest.param("NEW YORK, Oct 13 - Ferries in New York", "NEW YORK US 2", id="capitals are the same city"),
        pytest.param("Britain’s ferries and China's ferries", "Britain GB 1, China CN 1", id="possessive"),
        pytest.param("a US-China ferry and a Beijing-based captain", "US US 1, China CN 1, Beijing CN 1", id="hyphens"),
        pytest.param("In Kyiv. But Moscow said", "Kyiv UA 1, Moscow RU 1", id="sentences begin"),
        pytest.param("US President Seal met UK Prime Minister Bear", "US US 1, UK GB 1", id="offices"),
        pytest.param("eastern Ukraine and Northern Italy", "Ukraine UA 1, Italy IT 1", id="directions"),
        pytest.param("ferries of São Paulo, Brazil", "São Paulo BR 1, Brazil BR 1", id="accents"),
        pytest.param("Papua New Guinea and Guinea-Bissau", "Papua New Guinea PG 1, Guinea-Bissau GW 1", id="longest"),
        pytest.param("In Tbilisi, Georgia, ferries", "Tbilisi GE 1, Georgia GE 1", id="Georgia by its capital"),
        pytest.param("In Atlanta, Georgia, ferries", "Atlanta US 1, Georgia US 1", id="Georgia by its city"),
        pytest.param("The ferry left Jordan for Egypt.", "Jordan JO 1, Egypt EG 1", id="Jordan"),
        pytest.param("London, Ontario, and Paris, Texas", "Ontario CA 1, Texas US 1", id="others of their name"),
        pytest.param("ferries of Boston, Massachusetts", "Boston US 1, Massachusetts US 1", id="with its state"),
        pytest.param("Robert Downey took the ferry to Downey. Downey", "Downey US 2", id="somebody, and the city"),
        pytest.param("Visit Washington! Ferries in Washington", "Washington US 1", id="no forename, as the rest shows"),
    ],
)
def test_english(text: str, expected: str) -> None:
    assert shown(text, "en") == expected


@pytest.mark.parametrize(
    "text",
    [
        "The New York Times and the South China Morning Post wrote of ferries.",
        "Bank of America, Bank of China and Voice of America",
        "Paris Hilton and Jack London took the ferry. Ms Hilton liked it.",
        "Michael Jordan took the ferry. Jordan liked it.",
        "George Washington took the ferry. Washington liked it.",
        "Robert Downey took the ferry. Downey liked it.",
        "Charlotte Seal took the ferry. Charlotte liked it.",
        "Georgia Tech has no ferry. Georgia is a nice name.",
        "Most ferries of March are nice. Nice! Reading is best on a Mobile.",
        "Chinese and American ferries, a Briton on board",
        "They gave us a ferry. Londoners liked it. Chinatown did not.",
        "He read the Times of India on the ferry.",
        "Guinea pigs on board. Turkey vultures above. China shop ashore. Panama hats, Brussels sprouts, Brazil nuts.",
    ],
)
def test_no_place_in_english(text: str) -> None:
    assert shown(text, "en") == ""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("フェリーは東京から釜山へ", "東京 JP 1, 釜山 KR 1", id="kanji between kana"),
        pytest.param("アメリカと米国政府のフェリー", "アメリカ US 2", id="katakana, and with its government"),
        pytest.param("中国人と日本語のフェリー", "", id="people and languages"),
        pytest.param("東京大学のフェリー", "", id="university"),
        pytest.param("福島みずほ氏と福島さんはフェリーに乗った", "", id="a family name"),
        pytest.param("福島で福島から来たフェリー", "福島 JP 2", id="no family name"),
        pytest.param("インド洋とメキシコ湾のフェリー", "", id="waters"),
        pytest.param("フランス人のフランス語とパリ協定とドイツ銀行", "", id="people, treaty, bank"),
        pytest.param("ジョージア州のフェリー", "", id="a state with a country's name"),
        pytest.param("ジョージ・ワシントンとシカゴ・カブス", "", id="a person, a team"),
        pytest.param(
            "アメリカ・フランスとロンドン・パリ", "アメリカ US 1, フランス FR 1, ロンドン GB 1, パリ FR 1", id="lists"
        ),
        pytest.param("フランス・マクロン大統領", "フランス FR 1", id="a country and its president"),
    ],
)
def test_japanese(text: str, expected: str) -> None:
    assert shown(text, "ja") == expected


@pytest.mark.parametrize(
    ("text", "language", "expected"),
    [
        ("Die Fähre fährt von Deutschland nach Moskau.", "de", "Deutschland DE 1, Moskau RU 1"),
        ("Essen und Trinken an Bord, Halle und Regen", "de", ""),
        ("L’Allemagne, l'Inde et les États-Unis", "fr", "Allemagne DE 1, Inde IN 1, États-Unis US 1"),
        ("Nice et Tours n'ont pas de bac. Le bac de Maurice", "fr", ""),
        ("El barco de China a Nueva York", "es", "China CN 1, Nueva York US 1"),
        ("El barco de Córdoba", "es", ""),
        ("El barco de Córdoba, España", "es", "Córdoba ES 1, España ES 1"),
        ("El barco de Córdoba, Argentina", "es", "Córdoba AR 1, Argentina AR 1"),
        ("Da Roma a Parigi", "it", "Roma IT 1, Parigi FR 1"),
        ("Van Londen naar Duitsland", "nl", "Londen GB 1, Duitsland DE 1"),
        ("De Lisboa a Moscou", "pt", "Lisboa PT 1, Moscou RU 1"),
    ],
)
def test_other_latin_languages(text: str, language: str, expected: str) -> None:
    assert shown(text, language) == expected


@pytest.mark.parametrize("language", ["ru", "ko", "vi", "und"])
def test_other_languages_are_left_alone(language: str) -> None:
    assert shown("Paris, Hà Nội, Москва, 서울", language) == ""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("智利首都圣地亚哥的渡轮", "智利 CL 1, 圣地亚哥 CL 1", id="in Chile"),
        pytest.param("美国圣地亚哥的渡轮", "美国 US 1, 圣地亚哥 US 1", id="in California"),
        pytest.param("圣地亚哥的渡轮", "", id="nothing tells"),
        pytest.param("科尔多瓦的渡轮", "", id="nothing tells which Cordoba"),
        pytest.param("西班牙科尔多瓦的渡轮", "西班牙 ES 1, 科尔多瓦 ES 1", id="in Spain"),
        pytest.param("奥克兰的渡轮", "奥克兰 NZ 1", id="the larger one"),
        pytest.param("美国奥克兰的渡轮", "美国 US 1, 奥克兰 US 1", id="unless the item names the other's country"),
    ],
)
def test_one_name_for_several_places(text: str, expected: str) -> None:
    assert shown(text) == expected


def test_nothing_inside_of_names_that_were_found_before() -> None:
    text = "华盛顿说渡轮停航。纽约港也停航"
    assert [place.name for place in find_places(prose(text), [(2, 5)]).places] == ["纽约"]


def test_spans_are_where_the_places_stand() -> None:
    text = "渡轮从上海开往美国纽约，纽约没有渡轮。"
    given = prose(text)
    assert [given.text[begin:end] for begin, end in find_places(given).spans] == ["上海", "美国", "纽约", "纽约"]


def test_the_title_is_read_too() -> None:
    assert [place.name for place in find_places(prose("渡轮停航", title="上海")).places] == ["上海"]


def test_at_most_so_many() -> None:
    listed = """
        阿富汗 巴林 不丹 文莱 柬埔寨 中国 塞浦路斯 格鲁吉亚 印度 印尼 伊朗 伊拉克 以色列 日本 约旦
        哈萨克斯坦 科威特 老挝 黎巴嫩 马来西亚 蒙古 缅甸 尼泊尔 朝鲜 阿曼 巴基斯坦 菲律宾 卡塔尔 韩国
        新加坡 斯里兰卡 叙利亚 台湾 泰国 土耳其 越南 也门 法国 德国 英国 意大利 西班牙 葡萄牙 荷兰
        比利时 瑞士 瑞典 挪威 丹麦 芬兰 冰岛 波兰 捷克 匈牙利
    """
    places = find_places(prose("、".join(listed.split()))).places
    assert len(places) == MAX_PLACES
    assert places[0].country == "AF"


languages = st.sampled_from(["zh-Hans", "zh-Hant", "en", "ja", "de", "fr", "ru"])
pieces = st.sampled_from(
    ["美国", "纽约", "·", "（", "北京市", "Paris ", "New York", " of ", "日", "米国", "U.S.", "-", "\n", "奥克兰"]
)


@given(st.lists(pieces | st.text(st.characters(codec="utf-8"), max_size=5), max_size=40), languages)
def test_never_raises_and_counts_what_it_shows(parts: list[str], language: str) -> None:
    given_prose = prose("".join(parts), language)
    result = find_places(given_prose)
    assert result == find_places(given_prose)
    assert sum(place.count for place in result.places) == len(result.spans)
    assert result.spans == sorted(result.spans)
    assert all(given_prose.text[begin:end].strip() for begin, end in result.spans)
    assert all(place.name in given_prose.text for place in result.places)


@pytest.mark.parametrize(
    "piece", ["美国", "中国国", "圣地亚哥", "沙乌地", "Georgia ", "New ", "A", "US-", "A. ", "（A", "米国", "ア"]
)
def test_linear_time(piece: str) -> None:
    for language in ("zh-Hans", "en", "ja"):
        given_prose = prose(piece * 30_000, language)
        started = time.process_time()
        find_places(given_prose)
        assert time.process_time() - started < 2
