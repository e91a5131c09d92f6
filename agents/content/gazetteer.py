"""Countries and cities by the names that news gives them: data/gazetteer.tsv, made by tools/build_gazetteer.py.

A Chinese name stands here as the words into which the text will be cut: 沙乌地阿拉伯 is two, 香港特区政府 is one word
that still names Hong Kong. So a place is found by looking up words, and never inside of one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from enum import StrEnum
from functools import cache
from itertools import islice
from pathlib import Path

import numpy as np
import numpy.typing as npt
from msgspec import Struct

from agents.content.chinese import cut

_DATA = Path(__file__).parent / "data"
_OTHERS = ("de", "es", "fr", "it", "nl", "pt")
_FIRST_WORD = re.compile(r"[A-Za-z\u00c0-\u024f\u1e00-\u1eff]+")

# What rjieba's dictionary takes into one word with the place before it, where the place is still meant.
_AFTER_COUNTRY = """
    人 籍 国籍 光复 独立 政府 当局 军方 警方 总统 首相 总理 国会 议会 参议院 众议院 国民议会 白宫 外交部 国防部
    国务院 司法部 财政部 商务部 内政部 外务省 农业部 教育部 科技部 联邦 联邦政府 联邦调查局 最高法院
    大使馆 使馆 空军 海军 陆军 军队 自卫队 央行 股市 市场 公司 媒体 网民 境内 地区 各地 社会 人民
    同胞 公民 学生 产 民主党 共和党 证监会 大选 机场 市民 艺人 基本法 回归 站
"""
_AFTER_CITY = """
    市 县 城 人 市政府 市委 市长 市民 政府 当局 警方 市公安局 市区 地区 郊区 股市 机场 奥运
    证券交易所 证交所 联合国总部 故宫 城区 港 站
"""
_AFTER_REGION = """
    省 州 县 人 省委 省政府 州政府 州长 地区 全省 籍
"""


class Kind(StrEnum):
    COUNTRY = "country"
    CITY = "city"
    REGION = "region"
    NONE = "none"


class Site(Struct, frozen=True, cache_hash=True):
    """A place of the gazetteer. `kind` none is a longer name that holds a place's and is no place: New York Times."""

    country: str
    kind: Kind
    name: str


class Meaning(Struct, frozen=True):
    """What a name says: `sites` for sure, all of them; `likely` is one of several, or none, as the item tells.

    `personal` names are people's, too. `parts` are the places that one Chinese word holds, with their length and in
    order: 美国纽约 two, 中国政府 one and something more.
    """

    sites: tuple[Site, ...] = ()
    likely: tuple[Site, ...] = ()
    personal: bool = False
    parts: tuple[tuple[int, Meaning], ...] = ()


NOTHING = Meaning()

_Longer = dict[str, dict[str, list[tuple[list[str], Meaning]]]]


class Gazetteer(Struct, frozen=True):
    """Names and their meaning.

    `chinese`: names of one word, in Simplified characters. `longer`: by their first and their second word what follows
    in the others, the most first. Every first word stands in `chinese`. `latin`: by language and first word the names,
    also in capitals, the longest first; of other languages than English only countries and the largest cities.
    `japanese`: whole names. `openings` tell where a Chinese one can begin.
    """

    chinese: dict[str, Meaning]
    longer: _Longer
    latin: dict[str, dict[str, list[tuple[str, Meaning]]]]
    japanese: dict[str, Meaning]
    openings: Openings


class Openings:
    """The first two characters of all Chinese names: where in a text one can begin, without looking at its words."""

    def __init__(self, chinese: dict[str, Meaning], longer: _Longer) -> None:
        self._known = np.zeros(1 << _BITS, dtype=bool)
        for name in chinese:
            self._known[_hashed(name[:2])] = True
        for first, seconds in longer.items():
            for second in seconds:
                self._known[_hashed((first + second)[:2])] = True

    def places(self, simple: str) -> list[int]:
        """Where the two characters stand, in order; one place in a hundred is none."""
        places: list[int] = self._known.take(_hashed(simple)).nonzero()[0].tolist()
        return places


_BITS = 18


def _hashed(text: str) -> npt.NDArray[np.uint32]:
    """Every two characters that stand beside each other, as a number of so many bits."""
    codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype="<u4")
    hashed: npt.NDArray[np.uint32] = (codes[:-1] << np.uint32(7) ^ codes[1:]) & np.uint32((1 << _BITS) - 1)
    return hashed


@cache
def gazetteer() -> Gazetteer:
    chinese: dict[str, Meaning] = {}
    english: dict[str, Meaning] = {}
    japanese: dict[str, Meaning] = {}
    others: dict[str, dict[str, Meaning]] = {language: {} for language in _OTHERS}
    for site, *columns, other in _lines():
        for names, column in zip((chinese, english, japanese), columns, strict=True):
            for name in column:
                _claim(names, name, site)
        for name in other:
            language, _, bare = name.partition(":")
            for each in _OTHERS if language == "*" else (language,):
                _claim(others[each], bare, site)
    german = others["de"]
    german.update({f"{name}s": meaning for name, meaning in german.items() if name[-1] not in "sxz"})
    latin = {language: _by_first_word(names) for language, names in {"en": english, **others}.items()}
    single, longer = _by_words(chinese)
    return Gazetteer(single, longer, latin, japanese, Openings(single, longer))


def _lines() -> Iterator[tuple[Site, list[str], list[str], list[str], list[str]]]:
    text = (_DATA / "gazetteer.tsv").read_text(encoding="utf-8")
    for line in text.splitlines()[1:]:
        country, kind, name, *columns = line.split("\t")
        chinese, english, japanese, other = (column.split(" | ") if column else [] for column in columns)
        yield Site(country, Kind(kind), name), chinese, english, japanese, other


def _claim(names: dict[str, Meaning], name: str, site: Site) -> None:
    bare = name.rstrip("?!")
    have = names.get(bare, NOTHING)
    if site.kind is Kind.NONE:
        names[bare] = NOTHING
    elif name.endswith("?"):
        names[bare] = Meaning(have.sites, (*have.likely, site), have.personal)
    else:
        names[bare] = Meaning((site,), have.likely, name.endswith("!"))


def _by_words(names: dict[str, Meaning]) -> tuple[dict[str, Meaning], _Longer]:
    single: dict[str, Meaning] = {}
    longer: _Longer = {}
    for words, meaning in _cut_all(names.items()):
        if len(words) > 1:
            first, second, *further = words
            longer.setdefault(first, {}).setdefault(second, []).append((further, meaning))
        elif meaning is not NOTHING:
            single[words[0]] = meaning
    for words, meaning in _cut_all(_compounds(names)):
        if len(words) == 1 and words[0] not in names:
            single[words[0]] = meaning
    for first, seconds in longer.items():
        single.setdefault(first, NOTHING)
        for each in seconds.values():
            each.sort(key=lambda name: -len(name[0]))
    return single, longer


def _compounds(names: dict[str, Meaning]) -> Iterator[tuple[str, Meaning]]:
    """Places with what may stand behind them in one word, an office or, behind its country, a city."""
    countries = {
        meaning.sites[0].country: name
        for name, meaning in names.items()
        if meaning.sites and meaning.sites[0].kind is Kind.COUNTRY and len(name) < 4
    }
    after = {Kind.COUNTRY: _AFTER_COUNTRY, Kind.CITY: _AFTER_CITY, Kind.REGION: _AFTER_REGION}
    for name, meaning in names.items():
        if not meaning.sites:
            continue
        site = meaning.sites[0]
        if site.kind is Kind.CITY and len(name) > 4:
            continue
        part = (len(name), meaning)
        with_ending = Meaning(meaning.sites, parts=(part,))
        for ending in after[site.kind].split():
            yield name + ending, with_ending
        if site.kind is Kind.COUNTRY:
            yield "和" + name, Meaning(meaning.sites, parts=((1, NOTHING), part))
        if site.kind is not Kind.COUNTRY and (country := countries.get(site.country)):
            yield country + name, Meaning(meaning.sites, parts=((len(country), names[country]), part))


def _cut_all(names: Iterable[tuple[str, Meaning]]) -> Iterator[tuple[list[str], Meaning]]:
    """Each name cut into words; thousands at a time, since a call costs more than a name, but not all in memory."""
    left = iter(names)
    while batch := list(islice(left, 2000)):
        words: list[str] = []
        meanings = iter([meaning for _, meaning in batch])
        for word in cut("\n".join((*(name for name, _ in batch), ""))):
            if word == "\n":
                yield words, next(meanings)
                words = []
            else:
                words.append(word)


def _by_first_word(names: dict[str, Meaning]) -> dict[str, list[tuple[str, Meaning]]]:
    capitals = {name.upper(): meaning for name, meaning in names.items() if len(name) > 3}
    found: dict[str, list[tuple[str, Meaning]]] = {}
    for name, meaning in sorted({**capitals, **names}.items(), key=lambda each: (-len(each[0]), each[0])):
        if first := _FIRST_WORD.match(name):
            found.setdefault(first[0], []).append((name, meaning))
    return found
