from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.content.language import Language
from agents.enrich.names import MOST_NAMES, FoundNames, find_names
from agents.enrich.prose import read_prose


def found(text: str, title: str = "", language: str = "zh-Hans") -> FoundNames:
    return find_names(read_prose(title, text, Language(language, 1.0)))


def names(text: str, language: str = "zh-Hans") -> list[tuple[str, str | None]]:
    return [(name.name, name.gloss) for name in found(text, language=language).names]


@pytest.mark.parametrize(
    ("text", "name", "gloss"),
    [
        pytest.param("国务卿安东尼·布林肯(Antony Blinken)周三", "安东尼·布林肯", "Antony Blinken", id="dotted"),
        pytest.param("渡轮公司总裁德瑞克‧卡特（Derek Carter）说", "德瑞克‧卡特", "Derek Carter", id="another dot"),
        pytest.param("船長羅伯特・哈羅森（Robert Harroson）說", "羅伯特・哈羅森", "Robert Harroson", id="katakana dot"),
        pytest.param("船长罗伯特．哈罗森（Robert Harroson）说", "罗伯特．哈罗森", "Robert Harroson", id="full stop"),
        pytest.param(
            "与小约瑟夫·R·哈罗森(Joseph R. Harroson Jr.)", "小约瑟夫·R·哈罗森", "Joseph R. Harroson Jr.", id="son"
        ),
        pytest.param("作者D·S·弘达（D.S. Hooda）", "D·S·弘达", "D.S. Hooda", id="initials"),
        pytest.param("美国国务卿布林肯(Antony Blinken)说", "布林肯", "Antony Blinken", id="no dot, office"),
        pytest.param("女议员克里（Joan Kerry）投票", "克里", "Joan Kerry", id="office that the cut may split"),
        pytest.param("灯塔湾选民哈罗森（Robert Harroson）", "哈罗森", "Robert Harroson", id="no dot, what he is"),
        pytest.param("他想起哈罗森（Robert Harroson）的话", "哈罗森", "Robert Harroson", id="no dot, a verb"),
        pytest.param(
            "制片杰佛瑞凯森柏格（Jeffrey Katzenberg）", "杰佛瑞凯森柏格", "Jeffrey Katzenberg", id="all of it"
        ),
        pytest.param("新任驻海湾大使吴若兰（Caroline Wilson）到任", "吴若兰", "Caroline Wilson", id="Sinologist"),
        pytest.param("前外交官康明凯（Michael Kovrig）", "康明凯", "Michael Kovrig", id="Sinologist, half by sound"),
        pytest.param("總編習安東（Antonio Spadaro）", "習安東", "Antonio Spadaro", id="surname and given name"),
        pytest.param("主任白海豹（Hai-bao Bai）表示", "白海豹", "Hai-bao Bai", id="romanised"),
        pytest.param("、韩儒伯(Rupert Hammond-Chambers)", "韩儒伯", "Rupert Hammond-Chambers", id="in a list"),
        pytest.param(
            "教廷国务卿帕罗林枢机主教（Cardinal Pietro Parolin）", "帕罗林", "Pietro Parolin", id="title behind"
        ),
        pytest.param("总理德克鲁（Alexander de Croo）", "德克鲁", "Alexander de Croo", id="particle"),
        pytest.param("总理巴育（Prayuth Chan-ocha）", "巴育", "Prayuth Chan-ocha", id="given name"),
        pytest.param("外长阿尔-马里（Abdallah Al-Mari）", "阿尔-马里", "Abdallah Al-Mari", id="dash"),
        pytest.param("国务院发言人奥塔加斯（Morgan Ortagus）", "奥塔加斯", "Morgan Ortagus", id="vowel"),
        pytest.param("船东哈罗森（Robert Harroson，54岁）", "哈罗森", "Robert Harroson", id="age cut off"),
        pytest.param(
            "船东哈罗森（Robert Harroson, 灯塔湾居民）", "哈罗森", "Robert Harroson", id="explanation cut off"
        ),
        pytest.param("拜登之子亨特（Hunter Biden）", "亨特", "Hunter Biden", id="son of"),
        pytest.param("據世界衛生組織（WHO）統計", "世界衛生組織", "WHO", id="acronym"),
        pytest.param(
            "据世界卫生组织（World Health Organization, WHO）",
            "世界卫生组织",
            "World Health Organization, WHO",
            id="both",
        ),
        pytest.param(
            "美国食品和药品监督管理局（Food and Drug Administration，简称FDA）",
            "美国食品和药品监督管理局",
            "Food and Drug Administration",
            id="abbreviation explained",
        ),
        pytest.param("美国约翰·霍普金斯大学(JHU)", "约翰·霍普金斯大学", "JHU", id="its own name needs no country"),
        pytest.param("美国食品药品监督管理局(FDA)", "美国食品药品监督管理局", "FDA", id="every country has one"),
        pytest.param(
            "哥伦比亚大学渡轮研究所（Ferry Institute）", "哥伦比亚大学渡轮研究所", "Ferry Institute", id="Columbia"
        ),
        pytest.param("智利渡轮研究所（Ferry Institute）", "渡轮研究所", "Ferry Institute", id="country left out"),
        pytest.param("同时支持灯塔组织（Beacon Group）", "灯塔组织", "Beacon Group", id="supports it"),
        pytest.param("是在1993年哈罗森（Robert Harroson）", "哈罗森", "Robert Harroson", id="behind a year"),
        pytest.param("美国中央情报局(CIA)", "美国中央情报局", "CIA", id="the country of what every country has"),
        pytest.param("在美国北方大学（Northern University）", "美国北方大学", "Northern University", id="common words"),
        pytest.param("新加坡港口投资公司（GPI）", "新加坡港口投资公司", "GPI", id="an acronym, common words"),
        pytest.param(
            "法官指示美国灯塔交易委员会（LEC）", "美国灯塔交易委员会", "LEC", id="what happens to it, a country"
        ),
        pytest.param(
            "公司挑战三星电子（Samsung Electronics）", "三星电子", "Samsung Electronics", id="a verb, a company"
        ),
        pytest.param("众议院（House of Ports）", "众议院", "House of Ports", id="a kind of body that is a name"),
        pytest.param("； ·灯塔公司（Abc）", "灯塔公司", "Abc", id="the dot of a list"),
        pytest.param("“·灯塔湾船厂”（Abcdef）", "灯塔湾船厂", "Abcdef", id="the dot of a list, quoted"),
        pytest.param("灯塔广播集团有限公司（LBG）", "灯塔广播集团有限公司", "LBG", id="group and limited"),
        pytest.param("20国集团（G20）", "20国集团", "G20", id="a number in figures"),
        pytest.param("四十人小组（G40）", "四十人小组", "G40", id="a number in characters"),
        pytest.param("其子小唐纳（Donald Trump Jr.）", "小唐纳", "Donald Trump Jr.", id="the son"),
        pytest.param(
            "小约瑟夫·R.拜登（Joseph R. Biden Jr.）", "小约瑟夫·R.拜登", "Joseph R. Biden Jr.", id="an initial"
        ),
        pytest.param("林德森枢机（Oleg Lindsen）", "林德森", "Oleg Lindsen", id="a cardinal"),
        pytest.param("林德森律师（Maître Oleg Lindsen）", "林德森", "Oleg Lindsen", id="a title in the gloss"),
        pytest.param("韩国疾病管理厅（KDCA）", "韩国疾病管理厅", "KDCA", id="country that the gloss says"),
        pytest.param("芬兰国家广播公司（YLE）", "芬兰国家广播公司", "YLE", id="nobody's without its country"),
        pytest.param(
            "英国港务部（Ministry of Ports）说", "英国港务部", "Ministry of Ports", id="nobody's, though written out"
        ),
        pytest.param("韩国灯塔通讯社（Beacon News）", "灯塔通讯社", "Beacon News", id="media have names of their own"),
        pytest.param("司法部和联邦贸易委员会（FTC）", "联邦贸易委员会", "FTC", id="two bodies"),
        pytest.param("智库战略与国际研究中心（CSIS）", "战略与国际研究中心", "CSIS", id="one body with and"),
        pytest.param("加入石油输出国组织(OPEC)", "石油输出国组织", "OPEC", id="verb before"),
        pytest.param(
            "根据皮尤研究中心（Pew Research Center）", "皮尤研究中心", "Pew Research Center", id="preposition"
        ),
        pytest.param("據皮尤研究中心（Pew Research Center）", "皮尤研究中心", "Pew Research Center", id="cut with it"),
        pytest.param("非营利组织法治协会（Rule of Law Society）", "法治协会", "Rule of Law Society", id="what it is"),
        pytest.param("执政党工党（Labour Party）", "工党", "Labour Party", id="two characters"),
        pytest.param("二十国集团（G20）", "二十国集团", "G20", id="a number"),
        pytest.param("德国的罗伯特·科赫研究所（RKI）", "罗伯特·科赫研究所", "RKI", id="body with a person's name"),
        pytest.param(
            "贴有博·拜登基金会（Beau Biden Foundation）", "博·拜登基金会", "Beau Biden Foundation", id="verb, dot"
        ),
        pytest.param("智庫「大西洋理事會」（Atlantic Council）", "大西洋理事會", "Atlantic Council", id="quoted"),
        pytest.param("英国《泰晤士报》(The Times)", "泰晤士报", "The Times", id="book marks"),
        pytest.param("引擎大厂康明思（Cummins Inc.）", "康明思", "Cummins Inc.", id="company"),
        pytest.param("在推特（Twitter）上", "推特", "Twitter", id="known"),
        pytest.param("韩国厂商AB灯塔（AB Lantern）说", "AB灯塔", "AB Lantern", id="letters that the gloss has, too"),
        pytest.param("今日印度（India Today）说", "今日印度", "India Today", id="today"),
        pytest.param("印度星期天卫报（The Sunday Guardian）", "星期天卫报", "The Sunday Guardian", id="Sunday"),
        pytest.param("对皇家马德里（Real Madrid）", "皇家马德里", "Real Madrid", id="royal"),
        pytest.param("作家H.G.威尔士（HG Wells）写道", "H.G.威尔士", "HG Wells", id="initials with full stops"),
        pytest.param("示威者游行至巴育（Prayut Chan-ocha）官邸", "巴育", "Prayut Chan-ocha", id="cut with 至"),
        pytest.param("在场。当苏提达（Suthida）抵达", "苏提达", "Suthida", id="cut with 当"),
        pytest.param("领袖之一巴利（Parit Chiwarak）", "巴利", "Parit Chiwarak", id="one of them"),
        pytest.param("将军林德森（Adm. Oleg Lindsen）", "林德森", "Oleg Lindsen", id="a rank in the gloss"),
        pytest.param("通用灯塔公司（General Motors）", "通用灯塔公司", "General Motors", id="General is no rank"),
        pytest.param("王后大学（Queen Mary University）", "王后大学", "Queen Mary University", id="Queen of a body"),
        pytest.param(
            "在新泽西罗格斯大学（Rutgers University）", "罗格斯大学", "Rutgers University", id="a state before"
        ),
        pytest.param(
            "新泽西州西顿大学（Seton University）", "西顿大学", "Seton University", id="a state with its word"
        ),
        pytest.param(
            "巴黎灯塔大学（Paris Beacon University）", "巴黎灯塔大学", "Paris Beacon University", id="named so"
        ),
        pytest.param("北京大学（Peking University）", "北京大学", "Peking University", id="named so, as it sounds"),
        pytest.param("根据美中贸易委员会（USCBC）", "美中贸易委员会", "USCBC", id="two countries"),
        pytest.param("据政府间渡轮委员会（IFC）", "政府间渡轮委员会", "IFC", id="between governments"),
        pytest.param(
            "；战略与国际问题研究中心（CSIS）", "战略与国际问题研究中心", "CSIS", id="as many words as letters"
        ),
        pytest.param("购买美元公债及抵押支持证券（MBS）", "抵押支持证券", "MBS", id="two things"),
        pytest.param("新媒体暨影视发展协会（NMEA）", "影视发展协会", "NMEA", id="a word that joins"),
        pytest.param("德国汽车奔驰（Mercedes-Benz）", "奔驰", "Mercedes-Benz", id="a word that is a company"),
        pytest.param("登在「自然」（Nature）上", "自然", "Nature", id="a word that is a journal"),
        pytest.param(
            "総裁アントニー・ブリンケン（Antony Blinken）", "アントニー・ブリンケン", "Antony Blinken", id="kana"
        ),
    ],
)
def test_glossed_names(text: str, name: str, gloss: str) -> None:
    assert names(text) == [(name, gloss)]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "渡轮停航",
        "渡轮停航。（Reuters）",
        "图为渡轮（Getty Images）",
        "渡轮公司(AAPL.O)股价",
        "长两百米（km）",
        "首次公开募股（IPO）",
        "详见网页（https://ferry.example）",
        "零和关系的报偿(pay-off)",
        "渡轮提供食物（food and drinks）",
        "船长（54岁）",
        "船长（Robert",
        "他说这是“一大错误”(that’s just dead wrong)",
        "（Robert Harroson）",
        "海狮部队二号艇群编（Robert Harroson）",
        "Ferry Holdings (USA) 停航",
        "新冠病毒病（COVID-19）",
        "该公司的（Ferry Group）",
        "\u3000委员会（Xx-Yy）",
        "昨日・公司（Ab）",
        "·委员会（WHO）",
        "船期；-海南（Robert Harroson）",
        "「集团」（Abc）",
        "乘客要求匿名（Anonymous）",
        "本周的主题：创新（Innovation）",
        "船长说“很好”（Very Good）",
        "码头上的电动汽车（EV）",
        "问过聊天机器人（ChatGPT）",
        "同业拆放款利率（Libor）上升",
        "阿拉伯联盟政党（Joint Arab List）",
        "职衔改为“代表”（Representative）",
        "灯塔社印度（India Beacon）说",
        "图为总统（President Biden）",
        "渡轮造成甘贾市（Ganja）停电",
        "多家非政府组织（NGO）",
    ],
)
def test_brackets_that_translate_no_name(text: str) -> None:
    assert names(text) == []


def test_mentions_in_title_and_text() -> None:
    text = "国务卿安东尼·布林肯(Antony Blinken)说，渡轮会开。布林肯补充，安东尼·布林肯不会缺席。"
    result = found(text, title="布林肯谈渡轮")
    prose = read_prose("布林肯谈渡轮", text, Language("zh-Hans", 1.0))
    assert [(name.name, name.count) for name in result.names] == [("安东尼·布林肯", 4)]
    assert [prose.text[begin:end] for begin, end in result.spans] == [
        "布林肯",
        "安东尼·布林肯",
        "布林肯",
        "安东尼·布林肯",
    ]


def test_the_other_script_is_the_same_name() -> None:
    result = found("國務卿布林肯（Antony Blinken）說，韓國的羅森島很遠。罗森岛与國務卿。", title="布林肯")
    assert [(name.name, name.count) for name in result.names] == [("布林肯", 2)]


def test_a_name_glossed_twice_is_one() -> None:
    text = "国务卿布林肯(Antony Blinken)说，总统哈罗森(Robert Harroson)不说。国务卿布林肯(Antony Blinken)又说。"
    assert [(name.name, name.count) for name in found(text).names] == [("布林肯", 2), ("哈罗森", 1)]


def test_ministries_of_two_countries_are_two() -> None:
    result = found("英国港务部（Ministry of Ports）说。乌克兰港务部（Ministry of Ports）否认。港务部又说。")
    assert [(name.name, name.count) for name in result.names] == [("英国港务部", 1), ("乌克兰港务部", 1)]


def test_the_longest_form_counts() -> None:
    result = found("船长林肯（Ann Lincoln）和国务卿布林肯（Antony Blinken）说，布林肯会来，林肯不会。")
    assert [(name.name, name.count) for name in result.names] == [("林肯", 2), ("布林肯", 2)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("President Robert Harroson said no.", "Robert Harroson", id="office, speaks"),
        pytest.param("The ferry is safe, Robert Harroson said.", "Robert Harroson", id="given name, speaks"),
        pytest.param("Here is Robert Harroson. Then Harroson left.", "Robert Harroson", id="given name, again alone"),
        pytest.param("Mr Quill Harroson left. Mr Harroson came.", "Quill Harroson", id="Mr, again alone"),
        pytest.param("When Robert Harroson said so", "Robert Harroson", id="behind the first word"),
        pytest.param("Brazil’s Robert Harroson said so", "Robert Harroson", id="behind a country"),
        pytest.param("Robert Harroson’s ferry. Harroson left", "Robert Harroson", id="possessive"),
        pytest.param("Bill de Harroson said", "Bill de Harroson", id="particle"),
        pytest.param("Robert O’Harroson told us", "Robert O’Harroson", id="O’"),
        pytest.param("Robert Harroson left.", None, id="a given name alone is not enough"),
        pytest.param("Quill Harroson said so.", None, id="speaking alone is not enough"),
        pytest.param("Grand Ferry said so. Ferry left.", None, id="no given name"),
        pytest.param("On Monday Harbour Bank said so", None, id="a body"),
        pytest.param("Jordan Valley said so. Valley", None, id="a place"),
        pytest.param("President Harroson said", None, id="one word"),
        pytest.param("The Christian Science Monitor said so.", None, id="a paper"),
    ],
)
def test_people_in_english(text: str, expected: str | None) -> None:
    assert names(text, "en") == ([(expected, None)] if expected else [])


def test_english_counts_the_family_name() -> None:
    result = found("Robert Harroson said no. Harroson left.", "Harroson leaves", "en")
    assert [(name.name, name.count) for name in result.names] == [("Robert Harroson", 3)]


@pytest.mark.parametrize(
    ("text", "title", "expected"),
    [
        pytest.param("President Bill Lee said Lee would go to Leeds and Leesburg.", "", 2, id="inside other words"),
        pytest.param("Susan Long said so. Long Beach, Longview and the Longest Pier. Long left.", "", 2, id="a place"),
        pytest.param("Bill Lee said so. Spike Lee, Ang Lee and Mary Lee left.", "", 1, id="other given names"),
        pytest.param("Megan Lee said so. R. Lee left. M. Lee came.", "", 2, id="initials"),
        pytest.param("Donald Seal said so. Seal Tower and Seal University. Seal’s tower.", "", 2, id="things"),
        pytest.param("Michael Seal said so. Seal Peterson left. Then Seal spoke.", "", 2, id="another's given name"),
        pytest.param("Donald Seal said so, as the Seal Administration does.", "", 2, id="his administration"),
        pytest.param("Mr Seal, Michael Seal said. President Seal, Sen. Seal and US Seal.", "", 5, id="offices"),
        pytest.param("Michael Seal said so to Harroson. Seal left. “Seal left.” (Seal)", "", 4, id="marks before"),
        pytest.param("Michael Seal said so. Seal-Bear, Bear-Seal, anti-Seal and Anti-Seal.", "", 3, id="hyphens"),
        pytest.param("Michael Seal said so.", "Mayor Sees Seal Win", 2, id="a title's capitals say nothing"),
        pytest.param("Michael Seal said so.", "Seal Tower of Mary Seal", 1, id="but words that are known do"),
        pytest.param("Michael Seal said so at Michael Seal Airport.", "", 1, id="a thing with the whole name"),
        pytest.param("Michael Seal said so. Seal & Seal left.", "", 1, id="a company"),
    ],
)
def test_an_english_family_name_has_to_stand_alone(text: str, title: str, expected: int) -> None:
    assert [name.count for name in found(text, title, "en").names] == [expected]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(
            "亚伯拉罕·林肯（Abraham Lincoln）。国务卿布林肯周日抵达。布林肯离开。林肯没去。",
            2,
            id="within a name",
        ),
        pytest.param("导演克里斯·诺兰（Chris Nolan）说，矿业公司诺兰达上市。诺兰走了。", 2, id="a syllable behind"),
        pytest.param("导演朗·霍华德（Ron Howard）说。约翰·霍华德走了。", 1, id="another given name"),
        pytest.param("导演朗·霍华德（Ron Howard）到霍华德大学和霍华德县。霍华德说", 2, id="a thing, a place"),
        pytest.param("导演朗·霍华德（Ron Howard）说。霍华德·卡特走了。", 1, id="another's given name"),
        pytest.param("导演霍华德（Ron Howard）说。朗·霍华德走了，约翰·霍华德没走。", 2, id="given name by its sound"),
        pytest.param("导演朗·霍华德（Ron Howard）说。小霍华德走了。", 1, id="the son"),
        pytest.param("导演朗·霍华德（Ron Howard）说。1.霍华德走了。", 2, id="a number is no given name"),
        pytest.param("制片《战狼》（Wolf Warriors）说。战狼外交也说。战狼走了", 2, id="in a longer word"),
        pytest.param("首相强生（Boris Johnson）说，强生公司停业。强生走了", 2, id="a company of his name"),
        pytest.param("议员约瑟夫·麦卡锡（Joseph McCarthy）说。麦卡锡主义。麦卡锡走了", 2, id="his doctrine"),
        pytest.param("幕僚博明（Matthew Pottinger）到了，博明说，请问博明在哪", 3, id="cut amiss"),
    ],
)
def test_a_chinese_short_form_has_to_stand_alone(text: str, expected: int) -> None:
    assert found(text).names[0].count == expected


def test_a_katakana_name_ends_with_its_run() -> None:
    result = found("総裁アブラハム・リンカン（Abraham Lincan）。ブリンカン氏とリンカン氏", language="ja")
    assert [name.count for name in result.names] == [2]


def test_other_languages_have_none() -> None:
    assert names("Der Kapitän Robert Harroson sagte, Harroson gehe.", "de") == []


def test_most_names() -> None:
    text = "。".join(
        f"船长哈罗森{'海豹狮象熊'[n // 12 % 5]}·{'布林肯卡特森罗德鲁马里'[n % 11]}森（Harroson Brown{n}）"
        for n in range(120)
    )
    assert len(found(text).names) <= MOST_NAMES


pieces = st.lists(
    st.sampled_from([*"（(）)布林肯·美国务卿与的「」“”,，A. ", "Antony ", "Blinken", "WHO", "组织", "\n", "总统"]),
    max_size=60,
)


@given(
    pieces.map("".join) | st.text(st.characters(codec="utf-8"), max_size=200), st.sampled_from(["zh-Hans", "ja", "en"])
)
def test_never_raises_and_spans_are_apart(text: str, language: str) -> None:
    prose = read_prose("布林肯", text, Language(language, 1.0))
    result = find_names(prose)
    assert result == find_names(prose)
    assert sum(name.count for name in result.names) == len(result.spans)
    assert all(name.name[0] not in " ·\u3000" for name in result.names)
    free = 0
    for begin, end in result.spans:
        assert free <= begin < end <= len(prose.text)
        free = end


@pytest.mark.parametrize("language", ["zh-Hans", "en"])
@pytest.mark.parametrize(
    "piece",
    [
        "(",
        "(A",
        "布林肯(A",
        "布林肯(Ann Blinken)",
        "布·",
        "“",
        "Robert Harroson said ",
        "A",
        "Aa ",
        "A. ",
        "Mr ",
        "Aa’s ",
        "van ",
    ],
)
def test_linear_time(piece: str, language: str) -> None:
    prose = read_prose("", piece * (400_000 // len(piece)), Language(language, 1.0))
    started = time.process_time()
    find_names(prose)
    assert time.process_time() - started < 2.0
