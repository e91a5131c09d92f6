"""Names that a Chinese or Japanese text explains in brackets: 安东尼·布林肯(Antony Blinken), 世界卫生组织（WHO）.

Where a name ends is plain: at the bracket, or at the quotation mark before it. Where it begins nothing says, so each
kind has its reader: people.py by sound, bodies.py by the words in front. Precision over recall: a gloss whose name has
no sure beginning gives nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice

from msgspec import Struct

from agents.content.chinese import tag
from agents.content.terms import Kind, weights
from agents.enrich.bodies import find_body, with_country, without_country
from agents.enrich.foretext import Cuts, Foretext, head
from agents.enrich.gloss import Gloss, read_gloss, without_company
from agents.enrich.name_words import rows, words
from agents.enrich.people import DOTS, find_person
from agents.enrich.prose import Prose

MOST_BRACKETS = 500
"""Brackets looked at: so a text full of them costs no more than a long article."""

_WINDOW = 30
"""Characters before a bracket in which its name begins."""

_HAN = "\u3400-\u9fff"
_BRACKET = re.compile(r"[（(]\s?\s?(?P<gloss>[A-Za-zÀ-ž][^（）()\n]{1,90})[)）]")
_STRETCH = re.compile(
    rf"(?:[{_HAN}A-Z{DOTS}\-－—–]|(?<=[{_HAN}]) ?[{DOTS}] ?(?=[{_HAN}A-Z])|(?<=[{_HAN}A-Z])\.(?=[{_HAN}]))+\Z"
)
_BESIDE_HAN = frozenset(f"ABCDEFGHIJKLMNOPQRSTUVWXYZ{DOTS}-－—– .")
"""What a stretch holds beside Han characters."""
_KATAKANA = re.compile(r"[ァ-ヺー]+(?:[・＝=･][ァ-ヺー]+)*\Z")
_KATAKANA_DOT = re.compile(r"[・＝=･]")
_QUOTES = {"”": "“", "』": "『", "」": "「", "》": "《", "〉": "〈", "’": "‘", "＂": "＂", '"': '"'}
_QUOTED = re.compile(
    rf"[\s{DOTS}.\-]*(?P<name>[{_HAN}\u30a0-\u30ffA-Za-z0-9{DOTS}\- &＆+.!！:：、，’']*[{_HAN}][^\s]*)\s*\Z"
)
_QUOTED_WORK = "》〉"
_NO_NOUNS = "aderuyz"
"""First letters of jieba's tags for words of which alone no name is made: 很好, 够了."""
_TERM = re.compile(r"[A-Z][a-z]+(?:[ts]ion|ity|ness|ment|ous|ive|ism)")
"""English words that are no names where a Chinese word says the same: 匿名（Anonymous）."""
_LONGEST_SAID = 5
_ORDINARY_TAGS = frozenset("nvadmt")
_COMMON = 8.5
"""Weight of the words that are common: 利率, 政党, 会谈 are, 匕首, 强生 are not."""
_COMMA = re.compile("[,，]")
_LATIN_BEFORE = re.compile(r"(?<![A-Za-z0-9])[A-Za-z][A-Za-z0-9.&]{0,14}\Z")
_SAID = {
    "皇家": ("Royal", "Real"),
    "今日": ("Today",),
    "今天": ("Today",),
    "星期天": ("Sunday",),
    "星期日": ("Sunday",),
    "周日": ("Sunday",),
}
"""What stands before many a name and belongs to some."""
_NO_NAME_OF_A_BODY = frozenset({"n", "vn", "v"})
_NO_QUOTED_NAME = re.compile(r"[。；？?;“”「」『』《》（）()]")


class Glossed(Struct, frozen=True):
    """A name with its gloss; `short` is a later form (布林肯 of 安东尼·布林肯). Places are in `Prose.text`.

    `person`: that it is one is sure.
    """

    begin: int
    end: int
    gloss: str
    short: str | None = None
    person: bool = False


def read_glosses(prose: Prose, cuts: Cuts) -> Iterator[Glossed]:
    """The glossed names of a text, in order, as often as they are glossed."""
    for match in islice(_brackets(prose.simple), MOST_BRACKETS):
        gloss = read_gloss(prose.text[match.start("gloss") : match.end("gloss")])
        if gloss is None:
            continue
        if found := _name_before(prose.simple, match.start(), gloss, cuts):
            yield found


def _brackets(simple: str) -> Iterator[re.Match[str]]:
    half = simple.replace("（", "(")  # as long: one character is found quicker than one of two
    if half.count("(") > MOST_BRACKETS:
        yield from _BRACKET.finditer(simple)
        return
    place = half.find("(")
    while place >= 0:
        if match := _BRACKET.match(simple, place):
            yield match
        place = half.find("(", place + 1)


def _name_before(simple: str, end: int, gloss: Gloss, cuts: Cuts) -> Glossed | None:
    end -= len(before := simple[max(0, end - 2) : end]) - len(before.rstrip())
    last = simple[end - 1 : end]
    if last in _QUOTES:
        return _quoted(simple, end - 1, gloss)
    if "\u30a0" <= last <= "\u30ff":
        return _katakana(simple, end, gloss)
    if not "\u3400" <= last <= "\u9fff":
        return None
    start = max(0, end - _WINDOW)
    for place in range(end - 1, start - 1, -1):
        if not ("\u3400" <= (char := simple[place]) <= "\u9fff" or char in _BESIDE_HAN):
            start = place + 1
            break
    if not (match := _STRETCH.search(simple[start:end])):
        return None
    foretext = Foretext(simple, start + match.start(), end, cuts)
    found = _known(foretext, gloss) or _read(foretext, gloss)
    return _with_latin(simple, found) if found else None


def _with_latin(simple: str, found: Glossed) -> Glossed:
    """With the letters before it that the gloss begins with, too: SK生科 (SK Bioscience), H.G.威尔士 (HG Wells)."""
    if not (before := _LATIN_BEFORE.search(simple[max(0, found.begin - _WINDOW) : found.begin])):
        return found
    if not _letters(found.gloss).startswith(_letters(before[0] + simple[found.begin])):
        return found
    short = found.short if found.person or found.short is None else before[0] + found.short
    return Glossed(found.begin - len(before[0]), found.end, found.gloss, short, found.person)


def _letters(text: str) -> str:
    return "".join(char for char in text.lower() if char.isascii() and char.isalnum())


def _read(foretext: Foretext, gloss: Gloss) -> Glossed | None:
    if (gloss.acronym or gloss.body) or head(foretext) > 1:
        if (begin := find_body(foretext, gloss)) is not None:
            return _of_body(foretext, begin, gloss)
        if not gloss.body or (person := without_company(gloss)) is None:
            return None
    else:
        person = gloss
    if found := find_person(foretext, person):
        begin, short, end = found
        begin = _with_said(foretext, begin, gloss)
        name = foretext.simple[begin:end]
        if short is None and (_is_term(name, gloss) or (not head(foretext) and _is_made_of_terms(name, gloss))):
            return None
        if gloss.size > 1 and name in words("countries"):  # 印度 of 灯塔印度 (India Beacon)
            return None
        alone = short is None and end == foretext.end and not foretext.behind_office(begin)
        if alone and _is_plain_word(name):
            return None
        return Glossed(begin, end, gloss.text, short, person=person.size > 1)
    begin = find_body(foretext, gloss)
    return None if begin is None else _of_body(foretext, begin, gloss)


def _of_body(foretext: Foretext, begin: int, gloss: Gloss) -> Glossed | None:
    begin = _with_said(foretext, begin, gloss)
    name = foretext.simple[begin : foretext.end]
    return None if _is_term(name, gloss) else Glossed(begin, foretext.end, gloss.text, without_country(name))


def _with_said(foretext: Foretext, begin: int, gloss: Gloss) -> int:
    """With the word before it that the gloss says, too: 皇家马德里 (Real Madrid), 今日印度 (India Today)."""
    for word, said in _SAID.items():
        if foretext.simple.endswith(word, foretext.start, begin) and any(each in gloss.text for each in said):
            return begin - len(word)
    return begin


def _is_term(name: str, gloss: Gloss) -> bool:
    """Whether dictionaries have name and gloss as words for a thing: 电动汽车（EV）, 匿名（Anonymous）."""
    if gloss.size > 1 or len(pieces := tag(name)) > 1:
        return False
    plain = gloss.acronym and pieces[0][1] in _NO_NAME_OF_A_BODY
    return (plain or _TERM.fullmatch(gloss.text) is not None) and _is_common([name])


def _is_plain_word(name: str) -> bool:
    """Whether it is one common word for a thing: 利率 (Libor), 会谈 (Quad)."""
    weight = weights("zh", [name])[0]
    if weight is None or weight.kind is Kind.PERSON or weight.value > _COMMON:
        return False
    pieces = tag(name)
    return len(pieces) == 1 and pieces[0][1] in _ORDINARY_TAGS


def _is_made_of_terms(name: str, gloss: Gloss) -> bool:
    """Whether what sounds like a name is two or more words for a thing: 聊天机器人（ChatGPT）."""
    if gloss.size > 1:
        return False
    pieces = tag(name)
    if len(pieces) < 2 or any(len(word) < 2 or kind in ("nr", "ns") for word, kind in pieces):
        return False
    return _is_common([word for word, _ in pieces])


def _is_common(words_of: list[str]) -> bool:
    return all(weight is not None and weight.kind is not Kind.PERSON for weight in weights("zh", words_of))


def _known(foretext: Foretext, gloss: Gloss) -> Glossed | None:
    names = rows("known").get(_COMMA.split(gloss.text.lower(), maxsplit=1)[0], ())
    fitting = [name for name in names if foretext.simple.endswith(name, foretext.start, foretext.end)]
    if not fitting:
        return None
    begin = with_country(foretext.simple, foretext.end - max(map(len, fitting)), foretext.end)
    return Glossed(begin, foretext.end, gloss.text)


def _quoted(simple: str, closing: int, gloss: Gloss) -> Glossed | None:
    """「大西洋理事会」（Atlantic Council）: the name is what is quoted."""
    opening = simple.rfind(_QUOTES[simple[closing]], max(0, closing - _WINDOW - 2), closing)
    inside = simple[opening + 1 : closing]
    if opening < 0 or _NO_QUOTED_NAME.search(inside) or not (match := _QUOTED.match(inside)):
        return None
    begin, end = (opening + 1 + place for place in match.span("name"))
    said = tag(simple[begin:end]) if simple[closing] not in _QUOTED_WORK and end - begin <= _LONGEST_SAID else []
    if len(said) > 1 and all(kind[0] in _NO_NOUNS for _, kind in said):
        return None
    plain = len(said) == 1 and gloss.size == 1 and not gloss.acronym and _is_plain_word(simple[begin:end])
    if plain and simple[begin:end] not in rows("known").get(gloss.text.lower(), ()):  # “代表” (Representative)
        return None
    return None if end - begin < 2 or simple[begin:end] in words("generic") else Glossed(begin, end, gloss.text)


def _katakana(simple: str, end: int, gloss: Gloss) -> Glossed | None:
    match = _KATAKANA.search(simple[max(0, end - _WINDOW) : end])
    if match is None or len(name := match[0]) < 2:
        return None
    family = _KATAKANA_DOT.split(name)[-1]
    return Glossed(end - len(name), end, gloss.text, family if 1 < len(family) < len(name) else None)
