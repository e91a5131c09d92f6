"""Where the name of an organisation begins that a gloss follows: 国际货币基金组织(IMF).

It ends with the kind of body that it is (组织); from there it is read back word by word, until one stands there that
cannot belong to it. Verbs are no sure sign: half of such names hold one (监督, 合作), so lists decide
(data/name_words.txt), and the cut's parts of speech only where they are plain.
"""

from __future__ import annotations

import re
from itertools import pairwise

from agents.content.chinese import cut, tag
from agents.content.gazetteer import Kind, gazetteer
from agents.content.terms import Kind as WordKind
from agents.content.terms import weights
from agents.enrich.foretext import LEADING_IN, Foretext, head
from agents.enrich.gloss import Gloss
from agents.enrich.name_words import rows, words
from agents.enrich.people import DOT, DOTS, given_name
from agents.enrich.sounds import is_rendering

_VERBS_BEFORE = frozenset({"支持", "反对", "阻止", "制止", "抵抗", "监视", "监听", "制裁"})
"""Verbs that stand inside names, but never begin one."""
_MARKS = frozenset(f"-－—– .{DOTS}")
"""With these no name begins: a dash or a dot of a list."""
_WHOLE_NAMES = frozenset({"联合国", "参议院", "众议院", "路透社", "法新社", "共同社"})
"""Among the kinds of body."""
_KINDS_BEFORE = re.compile(r".*(?:智库|研究中心|研究机构|政府组织|人权组织)(?=..)")
_JOINING = frozenset({"和", "与", "及", "暨", "以及"})
_WHOLE_BODY = re.compile(r"(?:[部署局院司厅处会党社]|公司|大学|组织|机构|中心|集团|银行|基金|欧盟|联合国)\Z")
_NOT_LEADING_IN = frozenset({"对外", "对华", "对台", "和平", "和解", "向前", "在线", "与会"})
_NOT_JOINING = frozenset({"参与", "共和", "协和", "和平", "调和", "和解", "与会"})
_NO_NOUNS = frozenset("pcurzymtq")
"""First letters of jieba's tags for prepositions, conjunctions, particles, pronouns, numbers, times …"""
_NATIONAL = re.compile(
    r"(?:国家|全国|国立|联邦|中央|公共|皇家).*|.*(?:[局署部厅军党]|委员会|电视网|新闻网|新闻社|通讯社|广播公司|法院|议会)"
)
"""Names of which every country has one, but for what the gloss says."""
_TOLD_BY_THEIR_GLOSS = ("委员会", "电视网", "新闻网", "新闻社", "通讯社", "广播公司")
"""Kinds of them that have a name of their own where the gloss writes it out: 联合通讯社 (Yonhap)."""
_NO_COUNTRY = ("大学", "市")
"""What makes another name of a country's: Columbia University, Mexico City."""
_STRONG_BEGINNINGS = frozenset({"国际", "世界", "联合国", "欧洲", "亚洲", "非洲", "全球", "泛美", "美洲"})
_DOING_KINDS = frozenset("vdtp")
"""First letters of jieba's tags for verbs, adverbs, times and prepositions."""
_NAMES = frozenset({"ns", "nz", "nr", "nrt"})
_PROPER_KINDS = _NAMES | {"nt"}
_MEDIUM = re.compile(r".*(?:报|刊|杂志|网)")
_NUMERALS = frozenset("0123456789一二三四五六七八九十百")
_LONGEST_COUNTRY = 7
_LONGEST_CITY = 6
_COUNTRIES_IN_SHORT = frozenset("美中日英法德俄印韩台欧澳加")
_LEAST_WITHOUT = 6


def find_body(foretext: Foretext, gloss: Gloss) -> int | None:
    """Where the name begins; None where it does not end with a kind of body, or goes on too far for the gloss."""
    length = head(foretext)
    if not length or (begin := _first_word(foretext, length, gloss)) is None:
        return None
    simple, end = foretext.simple, foretext.end
    begin = _past_hidden_words(simple, begin, end - length, gloss)
    begin = _past_doing(simple, begin, end, length)
    begin = _past_country(simple, begin, end, length, gloss)
    begin = _past_city(simple, begin, end, length, gloss)
    begin = _with_number(simple, begin, foretext.start, gloss)
    begin = _with_first(simple, begin, foretext.start)
    while begin < end and (simple[begin] in _MARKS or simple[begin] == "暨"):
        begin += 1
    name = simple[begin:end]
    bare = len(name) <= length and (gloss.acronym or name not in _WHOLE_NAMES)
    if bare or name in words("generic"):
        return None
    if len(name) < 3 and (gloss.acronym or name[-1] not in "党报"):
        return None
    if not gloss.acronym and (dot := DOT.search(simple, begin, end)):
        # 贴有博·拜登基金会 (Beau Biden Foundation)
        given = given_name(foretext.since(begin).upto(dot.start()), gloss)
        return begin if given is None else given
    return begin


def with_country(simple: str, begin: int, end: int) -> int:
    """Where a well-known name begins if it is one that every country has and its country stands before it."""
    if _NATIONAL.fullmatch(simple, begin, end) and not _MEDIUM.fullmatch(simple, begin, end):
        for size in range(_LONGEST_COUNTRY, 1, -1):
            if begin >= size and simple[begin - size : begin] in words("countries"):
                return begin - size
    return begin


def without_country(name: str) -> str | None:
    """The later form of a body that has its country's name in front."""
    for size in range(_LONGEST_COUNTRY, 1, -1):
        if name[:size] in words("countries") and len(name) - size >= _LEAST_WITHOUT:
            return None if name.startswith(_NO_COUNTRY, size) else name[size:]
    return None


def _first_word(foretext: Foretext, length: int, gloss: Gloss) -> int | None:
    kind_of_body = foretext.simple[foretext.end - length : foretext.end]
    most = len(gloss.text) + 3 if gloss.acronym else max(gloss.size, 2) + 4
    pieces = tag(foretext.text)
    begin = foretext.end
    taken = 0
    while pieces:
        word, kind = pieces.pop()
        if begin <= foretext.end - length:
            if word in _JOINING and pieces and _joins(pieces, gloss, taken):
                begin -= len(word)
                continue
            alone = begin == foretext.end - length  # the kind of body alone is no name
            if word in ("集团", "公司") and foretext.simple.startswith(("有限", "股份"), begin):
                begin -= len(word)  # 广播集团|有限公司
                continue
            if (word == kind_of_body or _stops(word, kind)) and (
                not alone or word in words("stops") or word in words("verbs before")
            ):
                return begin
        begin -= len(word)
        taken += word not in _JOINING and word not in words("countries")
        if taken > most:
            return None
    numbered = foretext.simple[begin - 1 : begin].isdigit() and not gloss.numbered
    return None if numbered else begin


def _stops(word: str, kind: str) -> bool:
    if word in words("verbs inside"):
        return False
    if word[1:].endswith("商"):  # 制造商
        return True
    if any(word in words(section) for section in ("stops", "verbs before", "offices", "generic")):
        return True
    if len(word) == 1:
        return kind[0] == "q" or word in "万亿"
    ordinal = word.startswith("第") or word.endswith(("大", "国", "处"))  # 二十国集团, 军情五处
    return kind[0] in _NO_NOUNS and not ordinal


def _joins(pieces: list[tuple[str, str]], gloss: Gloss, taken: int) -> bool:
    """Whether 和 stands inside the name (战略与国际研究中心) or before it (司法部和联邦贸易委员会)."""
    before = pieces[-1][0]
    if before in words("stops") or before in words("countries"):
        return False
    if gloss.acronym:
        letters = sum(letter.isupper() for letter in gloss.text)
        return not _WHOLE_BODY.search(before) and (taken < letters or (taken == letters and len(pieces) == 1))
    return gloss.joins


def _past_hidden_words(simple: str, begin: int, end: int, gloss: Gloss) -> int:
    """Past what the cut into words has hidden before the name: 据皮尤研究中心, the dash of a list."""
    while begin < end and simple[begin] in _MARKS:
        begin += 1
    if simple[begin] in LEADING_IN and simple[begin : begin + 2] not in _NOT_LEADING_IN and end - begin > 1:
        begin += 1
    if simple[begin : begin + 2] in _VERBS_BEFORE and end - begin > 1:
        begin += 2
    if kind := _KINDS_BEFORE.match(simple, begin, end):
        begin = kind.end()
    for mark in "的是" if gloss.acronym or gloss.joins else "的是和与及":
        place = simple.rfind(mark, begin, end)
        if place >= begin and not _NOT_JOINING & {simple[place - 1 : place + 1], simple[place : place + 2]}:
            begin = place + 1
    return begin


def _past_doing(simple: str, begin: int, end: int, length: int) -> int:
    """Past what happens to the body, where its name plainly begins behind: 指示|美国…委员会, 依|国际…组织."""
    pieces = tag(simple[begin : end - length])
    place = begin
    for (word, kind), (behind, kind_behind) in pairwise(pieces):
        place += len(word)
        plain = behind in _STRONG_BEGINNINGS or behind in words("countries") or kind_behind in _PROPER_KINDS
        if plain and kind[:1] in _DOING_KINDS and word not in words("verbs inside") and word not in _JOINING:
            return place
    return begin


def _with_number(simple: str, begin: int, start: int, gloss: Gloss) -> int:
    """三十人小组（G30）, 20国集团（G20）: with the number that the gloss has, too."""
    if gloss.numbered and simple[begin : begin + 1] in ("人", "国"):
        while begin > max(start - 4, 1) and simple[begin - 1] in _NUMERALS:
            begin -= 1
    return begin


def _past_country(simple: str, begin: int, end: int, length: int, gloss: Gloss) -> int:
    """美国 of 美国约翰霍普金斯大学 stays only if the gloss says it too, or does not say what the body is."""
    for size in range(_LONGEST_COUNTRY, 1, -1):
        country, behind = simple[begin : begin + size], begin + size
        if country not in words("countries"):
            continue
        if simple.startswith(("欧洲", "美国", "中国"), behind):
            return behind
        if simple.startswith(_NO_COUNTRY, behind):
            return begin
        generic = end - behind < max(3, length + 1) or simple[behind : end - length] in words("heads")
        # 美国食品药品监督管理局 (FDA), 乌克兰国防部 (Ministry of Defence): without the country it would be anybody's
        anybodys = _NATIONAL.fullmatch(simple, behind, end) and (
            gloss.acronym or not simple.endswith(_TOLD_BY_THEIR_GLOSS, behind, end)
        )
        # 美国西北大学 (Northwestern University), 香港无线电视台 (TVB), but 爱尔兰|资料保护委员会 (Data …)
        common = (gloss.acronym or country == "美国") and not _MEDIUM.fullmatch(simple, behind, end)
        plain = generic or anybodys or (common and _is_common(simple[behind:end]))
        return begin if plain or _says(gloss, country) else behind
    return begin


def _past_city(simple: str, begin: int, end: int, length: int, gloss: Gloss) -> int:
    """新泽西 of 新泽西罗格斯大学 (Rutgers University) goes: the gloss has the name without it."""
    if gloss.acronym or _MEDIUM.fullmatch(simple, begin, end):
        return begin
    known = gazetteer().chinese
    for size in range(min(_LONGEST_CITY, end - length - begin - 1), 1, -1):
        city = simple[begin : begin + size]
        if not (meaning := known.get(city)) or not (sites := meaning.sites) or sites[0].kind is Kind.COUNTRY:
            continue
        behind = begin + size + (simple[begin + size] in "州市省")
        rest = simple[behind:end]
        said = any(site.name.split(" ")[0] in gloss.text for site in (*sites, *meaning.likely))
        said = said or any(is_rendering(city.rstrip("州市省"), token) for token in gloss.tokens)
        plain = all(len(word) > 1 and kind not in _NAMES for word, kind in tag(rest))
        common = plain and _is_common(rest)
        if said or len(rest) < length + 2 or rest[0] in "立大" or common:
            return begin
        return behind
    return begin


def _with_first(simple: str, begin: int, start: int) -> int:
    """With what begins names, but sentences, too: 政府间气候变化专门委员会, 美中贸易全国委员会."""
    if simple.endswith("政府间", start, begin):
        return begin - 3
    pair = simple[begin - 2 : begin]
    if begin - 2 >= start and pair[0] in _COUNTRIES_IN_SHORT and pair[1] in _COUNTRIES_IN_SHORT:
        alone = begin - 2 == start or simple[begin - 3] not in _COUNTRIES_IN_SHORT
        return begin - 2 if alone and not simple.startswith("国", begin) else begin
    return begin


def _is_common(name: str) -> bool:
    """Whether a name without its country is made of common words only: 西北大学, 疾病预防中心, but not 皮尤研究中心."""
    words_of = [word for word in cut(name) if len(word) > 1]
    known = weights("zh", words_of)
    return bool(known) and all(weight is not None and weight.kind is not WordKind.PERSON for weight in known)


def _says(gloss: Gloss, country: str) -> bool:
    if gloss.acronym and country == "美国":
        return gloss.text[0] in "UA"  # the A of FDA is no America
    if gloss.acronym:
        return any(letter in gloss.text for letters in rows("country letters").get(country, ()) for letter in letters)
    return any(stem in gloss.text for stem in rows("country stems").get(country, ()))
