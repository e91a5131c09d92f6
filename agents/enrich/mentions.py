"""Where an item mentions its names: the full form, and the short one where it stands alone.

A short form is a word that others have, too: Lee is in Leeds and in Spike Lee, 林肯 in 布林肯, Trump in Trump Tower. It
counts where it is a word of its own and no word beside it makes another name of it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from msgspec import Struct

from agents.enrich.foretext import Cuts, Foretext
from agents.enrich.gloss import read_gloss
from agents.enrich.name_words import words
from agents.enrich.people import DOT, DOTS
from agents.enrich.place_tables import (
    BEFORE,
    BEHIND,
    SYLLABLES_BEFORE,
    SYLLABLES_BEHIND,
    SYLLABLES_BEHIND_COUNTRY,
)
from agents.enrich.prose import Prose
from agents.enrich.sounds import renders

_NEXT_WORD = re.compile(r" ([A-ZÀ-Þ][\w’'-]*)")
_BEFORE_A_WORD = "“”‘\"'(（[—–"
_HYPHENS = "-‐‑"
_FURTHEST = 30
_STILL_THE_PERSON = frozenset({"Administration", "White"})
"""The Trump Administration, the Trump White House."""

_PART_BEFORE_DOT = re.compile(rf"((?:[^\W\d]|[\-－])+) ?[{DOTS}.＝=] ?\Z")
_BEFORE = SYLLABLES_BEFORE | frozenset("罗兰亚阿奥巴哈")
_BEHIND = SYLLABLES_BEHIND | SYLLABLES_BEHIND_COUNTRY | frozenset("兰罗克亚")
_ANOTHER_OF_THE_FAMILY = frozenset("小老")
_LEAST_CLEAR = 5
"""Characters of a name to which no syllable can be added that would make another one."""

Mention = tuple[int, int, int]
"""Begin, end, the number of its candidate."""


class Candidate(Struct, frozen=True):
    name: str
    gloss: str | None
    forms: tuple[str, ...]
    """How the text mentions it, as `Prose.simple` writes it; the full form first."""
    first: int = -1
    """Where it is glossed first: there it counts whatever stands beside it."""
    person: bool = False


def find_mentions(prose: Prose, candidates: list[Candidate], cuts: Cuts) -> list[Mention]:
    """The mentions in order, none within another, of two that begin in one place the longer."""
    owners: dict[str, int] = {}
    for number, candidate in enumerate(candidates):
        owners.setdefault(candidate.forms[0], number)
    for number, candidate in enumerate(candidates):
        for form in candidate.forms[1:]:
            owners.setdefault(form, number)
    places = [(begin, -len(form), owner) for form, owner in owners.items() for begin in _places(prose.simple, form)]
    places.sort()
    stands = _in_english(prose) if prose.language == "en" else _in_chinese(prose, cuts)
    mentions: list[Mention] = []
    free = 0
    for begin, negative, owner in places:
        end = begin - negative
        if begin >= free and (begin == candidates[owner].first or stands(begin, end, candidates[owner])):
            free = end
            mentions.append((begin, free, owner))
    return mentions


def _places(text: str, form: str) -> Iterable[int]:
    place = text.find(form)
    while place >= 0:
        yield place
        place = text.find(form, place + len(form))


_Stands = Callable[[int, int, Candidate], bool]


def _in_english(prose: Prose) -> _Stands:
    text = prose.text

    def stands(begin: int, end: int, candidate: Candidate) -> bool:
        full = candidate.forms[0]
        if end - begin == len(full):
            return _is_word(text, begin, end) and not _names_a_body(text, end)
        return family_alone(text, begin, end, full.split(" ")[:-1], titled=begin < prose.title_end)

    return stands


def family_alone(text: str, begin: int, end: int, given: list[str], *, titled: bool = False) -> bool:
    """Whether a family name stands for the person whose `given` names are these, and is not part of another name.

    `titled`: in a title, where a capital says nothing; there only what is known to be a name or a thing parts it.
    """
    if not _is_word(text, begin, end):
        return False
    if text[end : end + 1] in _HYPHENS and text[end + 1 : end + 2].isupper():
        return False
    if text.startswith(" & ", end) or text.endswith(" & ", 0, begin):  # Johnson & Johnson
        return False
    if _names_a_body(text, end):
        return False
    behind = None if titled else _NEXT_WORD.match(text, end)
    if behind and behind[1] not in _STILL_THE_PERSON and behind[1] not in BEHIND:
        return False
    mark = text[begin - 1 : begin]
    if begin == 0 or (mark != " " and mark not in _HYPHENS):
        return True
    return _may_stand_before(text[max(0, begin - _FURTHEST) : begin - 1].split()[-1:], given, titled=titled)


def _names_a_body(text: str, end: int) -> bool:
    """The John F. Kennedy Airport."""
    behind = _NEXT_WORD.match(text, end)
    if behind is None or behind[1] in _STILL_THE_PERSON:
        return False
    return behind[1].lower() in words("english organisations")


def _may_stand_before(last: list[str], given: list[str], *, titled: bool) -> bool:
    """Whether the word before a family name is no given name of another: President, Then, said, but not Spike."""
    word = last[0].lstrip(_BEFORE_A_WORD) if last else ""
    if not word[:1].isupper() or word in given:
        return True
    if word[1:] == ".":  # R. Kelly
        return any(part[0] == word[0] for part in given)
    bare = word.rstrip(".")
    if not bare[-1].isalnum() or bare.endswith(("’s", "'s")):
        return True
    if bare in words("given names"):
        return bare != word  # … with Spike. Lee left
    known = bare in words("english titles") or bare in words("english no names") or bare in BEFORE
    return titled or known or bare != word or bare.isupper()


def _is_word(text: str, begin: int, end: int) -> bool:
    return not (begin and text[begin - 1].isalnum()) and not text[end : end + 1].isalnum()


def _in_chinese(prose: Prose, cuts: Cuts) -> _Stands:
    """Of Japanese, too, which has no cuts: there a name in katakana ends with its run."""
    simple = prose.simple

    def stands(begin: int, end: int, candidate: Candidate) -> bool:
        before, behind = simple[begin - 1 : begin], simple[end : end + 1]
        if _goes_on(before, simple[begin]) or _goes_on(simple[end - 1], behind):
            return False
        if behind and behind in DOTS and simple[end + 1 : end + 2].isalpha():
            return False
        if before and (before in DOTS or before in " .＝=") and _is_family_of_another(simple, begin, candidate):
            return False
        return not prose.words or _is_cut_out(simple, begin, end, candidate, cuts)

    return stands


def _goes_on(left: str, right: str) -> bool:
    """Whether two characters are of one word of letters or of katakana."""
    if left.isascii() and right.isascii():
        return left.isalnum() and right.isalnum()
    return _is_katakana(left) and _is_katakana(right)


def _is_katakana(character: str) -> bool:
    return "\u30a1" <= character <= "\u30fa" or character == "\u30fc"


def _is_family_of_another(simple: str, begin: int, candidate: Candidate) -> bool:
    """约翰·霍华德, where the one that the text glosses is 朗·霍华德."""
    part = _PART_BEFORE_DOT.search(simple[max(0, begin - _FURTHEST) : begin])
    if part is None:
        return False
    own = [given.lstrip("小老") for given in DOT.split(candidate.forms[0])[:-1]]
    if any(part[1].endswith(given) for given in own if given):
        return False
    gloss = read_gloss(candidate.gloss or "")
    return gloss is None or len(gloss.tokens) < 2 or not renders(part[1], gloss.tokens[0])


def _is_cut_out(simple: str, begin: int, end: int, candidate: Candidate, cuts: Cuts) -> bool:
    """Whether what the cut into words leaves over at both sides is no syllable of a longer name.

    A cut at both ends alone would be too much to ask: the names are foreign, and jieba cuts 博|明说.
    """
    before, behind = cuts.rest_before(begin), cuts.rest_behind(end)
    if before[-1:] in _BEFORE and not Foretext(simple, 0, begin, cuts).behind_kind(begin):
        return False
    if before in _ANOTHER_OF_THE_FAMILY or (behind in _BEHIND and end - begin < _LEAST_CLEAR):
        return False
    if candidate.person and behind in words("named after people"):
        return False
    in_a_word = not (cuts.begins(begin + 1) or cuts.begins(end))
    return end - begin > 2 or len(behind) < 2 or not in_a_word or behind in words("heads")
