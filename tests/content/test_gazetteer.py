"""The gazetteer: what its file holds, and how names become words."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

import pytest

from agents.content.chinese import cut, simplified
from agents.content.gazetteer import NOTHING, Kind, Meaning, gazetteer
from tests.conftest import ROOT

FILE = ROOT / "agents" / "content" / "data" / "gazetteer.tsv"
OVERRIDES = ROOT / "tools" / "gazetteer_overrides.tsv"
ISO_3166 = """
    AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV BW BY BZ
    CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK FM FO
    FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE
    JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO
    MP MQ MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW
    PY QA RE RO RS RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM
    TN TO TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS YE YT ZA ZM ZW
"""
USER_ASSIGNED = frozenset({"XK"})  # Kosovo, as everybody writes it


def rows() -> list[list[str]]:
    return [line.split("\t") for line in FILE.read_text("utf-8").splitlines()[1:]]


def names(column: int) -> Iterator[tuple[str, list[str]]]:
    for row in rows():
        for name in row[column].split(" | ") if row[column] else []:
            yield name, row


def test_file_is_in_order() -> None:
    places = [tuple(row[:3]) for row in rows()]
    assert places == sorted(set(places))
    assert all(len(row) == 7 and any(row[3:]) for row in rows())


def test_countries_are_countries() -> None:
    assert {row[0] for row in rows() if row[1] != Kind.NONE} <= set(ISO_3166.split()) | USER_ASSIGNED
    assert {row[0] for row in rows() if row[1] == Kind.NONE} == {"-"}
    assert {row[1] for row in rows()} == set(Kind)


@pytest.mark.parametrize("column", [3, 4, 5])
def test_a_name_belongs_to_one_place(column: int) -> None:
    """Those that mean one of several places carry a question mark."""
    sure = Counter(name.rstrip("!") for name, _ in names(column) if not name.endswith("?"))
    assert [name for name, count in sure.items() if count > 1] == []


def test_chinese_is_simplified_and_longer_than_a_character() -> None:
    assert [name for name, _ in names(3) if simplified(name) != name or len(name.rstrip("?")) < 2] == []


def test_latin_begins_with_a_capital() -> None:
    assert [name for name, _ in names(4) if not re.match(r"[^\W\d_]", name) or not name[0].isupper()] == []


WORDS_AND_PERSONS = """
    合作 和平 自由 中心 民主 联合 公平 胜利 青年 复兴 东方 中央 大学 朝阳 中山 来宾 白银 日照 安康
    长治 大同 三明 北海 林肯 克林顿 华莱士 维多利亚 伊丽莎白 杰克逊 约克 好莱坞 三角洲 十字路口
    March Most Same Of Bath Split Male Nice Reading Mobile Orange Best Police Date Victoria Lincoln Jackson
    Madison Kennedy Essen Man Van George Toyota
"""


@pytest.mark.parametrize("word", WORDS_AND_PERSONS.split())
def test_words_and_persons_are_no_places(word: str) -> None:
    assert gazetteer().chinese.get(word, NOTHING) is NOTHING
    assert word not in dict(gazetteer().latin["en"].get(word, []))


def test_every_override_is_there() -> None:
    """Except names that another override gave to a more special place, or dropped."""
    shipped = {name.rstrip("?!") for column in (3, 4, 5, 6) for name, _ in names(column)}
    wanted: set[str] = set()
    dropped: set[str] = set()
    for line in OVERRIDES.read_text("utf-8").splitlines():
        if not line.startswith("#"):
            _, kind, _, given = line.split("\t")
            bare = {name.removeprefix("ja:").rstrip("?!") for name in given.split(", ")}
            (dropped if kind == "drop" else wanted).update(bare)
    assert {name for name in wanted if name not in shipped and simplified(name) not in shipped} == set()


@pytest.mark.parametrize(
    ("name", "country", "kind"),
    [
        ("华盛顿", "US", "city"),
        ("纽约", "US", "city"),
        ("基辅", "UA", "city"),
        ("香港", "HK", "country"),
        ("澳门", "MO", "country"),
        ("台北", "TW", "city"),
        ("平壤", "KP", "city"),
        ("首尔", "KR", "city"),
        ("布鲁塞尔", "BE", "city"),
        ("日内瓦", "CH", "city"),
        ("莫斯科", "RU", "city"),
        ("雪梨", "AU", "city"),
        ("悉尼", "AU", "city"),
        ("纽西兰", "NZ", "country"),
        ("义大利", "IT", "country"),
        ("沙特", "SA", "country"),
        ("新加坡", "SG", "country"),
        ("科威特", "KW", "country"),
        ("突尼斯", "TN", "country"),
        ("伯明翰", "GB", "city"),
        ("新疆", "CN", "region"),
        ("加州", "US", "region"),
        ("德州", "US", "region"),
    ],
)
def test_chinese_names(name: str, country: str, kind: str) -> None:
    (site,) = gazetteer().chinese[name].sites
    assert (site.country, site.kind) == (country, kind)


@pytest.mark.parametrize(
    ("name", "country"),
    [
        ("U.S.", "US"),
        ("UK", "GB"),
        ("Britain", "GB"),
        ("Beijing", "CN"),
        ("BEIJING", "CN"),
        ("Kiev", "UA"),
        ("Kyiv", "UA"),
        ("São Paulo", "BR"),
        ("Sao Paulo", "BR"),
        ("Birmingham", "GB"),
        ("Côte d’Ivoire", "CI"),
        ("Washington", "US"),
    ],
)
def test_latin_names(name: str, country: str) -> None:
    first = re.findall(r"[^\W\d_]+", name)[0]
    (site,) = dict(gazetteer().latin["en"][first])[name].sites
    assert site.country == country


@pytest.mark.parametrize(
    ("language", "name", "country"),
    [
        ("de", "Vereinigte Staaten", "US"),
        ("de", "Frankreichs", "FR"),
        ("de", "Moskau", "RU"),
        ("fr", "Allemagne", "DE"),
        ("fr", "Londres", "GB"),
        ("es", "Pekín", "CN"),
        ("it", "Parigi", "FR"),
        ("nl", "Brussel", "BE"),
        ("pt", "Nova York", "US"),
        ("pt", "Paris", "FR"),
    ],
)
def test_names_in_other_languages(language: str, name: str, country: str) -> None:
    (site,) = dict(gazetteer().latin[language][name.split()[0]])[name].sites
    assert site.country == country


def test_names_stand_by_the_words_of_a_text() -> None:
    assert len(cut("沙乌地阿拉伯")) > 1, "else this test tells nothing"
    for name, _ in names(3):
        first, *further = cut(name.rstrip("?"))
        if further:
            assert (further[1:]) in [rest for rest, _ in gazetteer().longer[first][further[0]]]
            assert first in gazetteer().chinese


def test_a_word_with_a_place_and_more() -> None:
    def parts(meaning: Meaning) -> list[tuple[int, str]]:
        return [(length, part.sites[0].name) for length, part in meaning.parts]

    assert parts(gazetteer().chinese["中国政府"]) == [(2, "China")]
    assert parts(gazetteer().chinese["美国纽约"]) == [(2, "United States"), (2, "New York")]
    assert "北京大学" not in gazetteer().chinese


def test_the_openings_miss_no_chinese_name() -> None:
    names = [name for name in gazetteer().chinese if len(name) > 1]
    names += [first + second for first, seconds in gazetteer().longer.items() for second in seconds]
    assert [name for name in names if 2 not in gazetteer().openings.places(f"渡𠀀{name}")] == []


def test_no_name_opens_in_what_is_too_short() -> None:
    assert gazetteer().openings.places("") == gazetteer().openings.places("美") == []
