"""What stands before a bracket, and how sure a name can begin at a place in it."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from enum import IntEnum
from functools import cache

from msgspec import Struct

from agents.enrich.name_words import words
from agents.enrich.prose import Prose

# Prepositions and the like: the cut into words can hide one in front of a name (据皮尤).
LEADING_IN = frozenset("及和与向对据由在被将但并是的而从给为让跟靠过了着")

_HIDDEN = frozenset("后下但靠由及与")
_ROLE_ENDS = "长员官卿席授者家师手人"
_LONGEST_OFFICE = 6

_ByEnd = dict[str, tuple[int, ...]]
"""Words, and for each character that one of them ends with how long these are."""


class Edge(IntEnum):
    """What a place is for a name that would begin there."""

    NONE = 0
    """Inside a word."""
    WORD = 1
    """Between words."""
    SURE = 2
    """Behind a mark, an office, a country, or a word that joins."""


class Cuts:
    """Where the words of a text end, looked up by place."""

    def __init__(self, prose: Prose) -> None:
        self._words, self._ends = prose.words, prose.ends

    def begins(self, place: int) -> bool:
        ends = self._ends
        number = bisect_left(ends, place)
        return place == 0 or (number < len(ends) and ends[number] == place)

    def before(self, place: int) -> str:
        """The word that ends at a place, nothing where none does."""
        ends = self._ends
        number = bisect_left(ends, place)
        return self._words[number] if number < len(ends) and ends[number] == place else ""

    def rest_before(self, place: int) -> str:
        """What a word that goes on over a place has before it; where none does, the word before, of one character."""
        ends = self._ends
        number = bisect_left(ends, place)
        if number == len(ends):
            return ""
        word = self._words[number]
        if ends[number] == place:
            return word if len(word) == 1 else ""
        return word[: place - ends[number]]

    def rest_behind(self, place: int) -> str:
        """What a word that goes on over a place has behind it; where none does, the word that begins there."""
        ends = self._ends
        number = bisect_right(ends, place)
        return self._words[number][place - ends[number] :] if number < len(ends) else ""

    def within(self, begin: int, end: int) -> Iterator[str]:
        """The words from a place on, as long as they begin before the end; none where the place is inside one."""
        if not self.begins(begin):
            return
        for number in range(bisect_right(self._ends, begin), bisect_left(self._ends, end) + 1):
            yield from self._words[number : number + 1]


class Foretext(Struct, frozen=True):
    """The stretch `simple[start:end]` that a name stands at the end of; before it a mark, or it would go on."""

    simple: str
    start: int
    end: int
    cuts: Cuts

    @property
    def text(self) -> str:
        return self.simple[self.start : self.end]

    def upto(self, end: int) -> Foretext:
        return Foretext(self.simple, self.start, end, self.cuts)

    def since(self, start: int) -> Foretext:
        return Foretext(self.simple, max(start, self.start), self.end, self.cuts)

    def edge(self, begin: int) -> Edge:
        before = self.simple[begin - 1 : begin]
        if begin <= self.start and not "\u3400" <= before <= "\u9fff":
            return Edge.NONE if before.isdigit() else Edge.SURE
        if self._is_behind(_by_end(3), begin):
            return Edge.SURE
        word = self.cuts.before(begin)
        if not word and begin:
            return Edge.WORD if before in _HIDDEN else Edge.NONE
        if word in _words_before():
            return Edge.SURE
        return Edge.SURE if len(word) > 1 and word[-1] in _ROLE_ENDS else Edge.WORD

    def behind_kind(self, begin: int) -> bool:
        """Whether what he or it is stands before a place: 总统, 智库."""
        return self._is_behind(_by_end(2), begin)

    def behind_office(self, begin: int) -> bool:
        return self._is_behind(_by_end(None), begin)

    def _is_behind(self, listed: _ByEnd, begin: int) -> bool:
        lengths = listed.get(self.simple[begin - 1 : begin])
        return lengths is not None and any(self.simple[begin - length : begin] in listed for length in lengths)

    def splits_office(self, begin: int) -> bool:
        """Whether an office goes on over a place, as the cut 发|言人 of 发言人 would have it."""
        simple, offices = self.simple, words("offices")
        return (
            simple[begin - 1 : begin + 1] in offices
            or simple[begin - 2 : begin + 1] in offices
            or simple[begin - 1 : begin + 2] in offices
            or simple[begin - 2 : begin + 2] in offices
            or simple[begin - 3 : begin + 1] in offices
        )


@cache
def _by_end(least: int | None) -> _ByEnd:
    """The offices, and the kinds of bodies of so many characters and more."""
    listed = {word for word in words("offices") if 2 <= len(word) <= _LONGEST_OFFICE}
    if least is not None:
        listed |= {word for word in words("generic") if least <= len(word) <= _LONGEST_OFFICE}
    lengths: dict[str, set[int]] = {}
    for word in listed:
        lengths.setdefault(word[-1], set()).add(len(word))
    return dict.fromkeys(listed, ()) | {end: tuple(sorted(each)) for end, each in lengths.items()}


@cache
def _words_before() -> frozenset[str]:
    return words("stops") | words("generic") | words("countries") | words("verbs before")


def head(foretext: Foretext) -> int:
    """How long the word is that names a kind of body (委员会), where the stretch ends with one; else 0."""
    heads = words("heads")
    for length in (5, 4, 3, 2, 1):
        if foretext.end - length >= foretext.start and foretext.simple[foretext.end - length : foretext.end] in heads:
            return length
    return 0
