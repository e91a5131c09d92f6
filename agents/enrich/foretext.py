"""What stands before a bracket, and how sure a name can begin at a place in it."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from enum import IntEnum
from functools import cached_property
from itertools import accumulate

from msgspec import Struct

from agents.enrich.name_words import words
from agents.enrich.prose import Prose

# Prepositions and the like: the cut into words can hide one in front of a name (据皮尤).
LEADING_IN = frozenset("及和与向对据由在被将但并是的而从给为让跟靠过了着")

_HIDDEN = frozenset("后下但靠由及与")
_ROLE_ENDS = "长员官卿席授者家师手人"
_LONGEST_OFFICE = 6


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
        self._words = prose.words

    @cached_property
    def _ends(self) -> list[int]:
        return list(accumulate(map(len, self._words)))

    def begins(self, place: int) -> bool:
        number = bisect_left(self._ends, place)
        return place == 0 or (number < len(self._ends) and self._ends[number] == place)

    def before(self, place: int) -> str:
        """The word that ends at a place, nothing where none does."""
        number = bisect_left(self._ends, place)
        return self._words[number] if number < len(self._ends) and self._ends[number] == place else ""

    def rest_before(self, place: int) -> str:
        """What a word that goes on over a place has before it; where none does, the word before, of one character."""
        number = bisect_left(self._ends, place)
        if number == len(self._ends):
            return ""
        word = self._words[number]
        if self._ends[number] == place:
            return word if len(word) == 1 else ""
        return word[: place - self._ends[number]]

    def rest_behind(self, place: int) -> str:
        """What a word that goes on over a place has behind it; where none does, the word that begins there."""
        number = bisect_right(self._ends, place)
        return self._words[number][place - self._ends[number] :] if number < len(self._ends) else ""

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
        if self.behind_office(begin) or any(self.simple[begin - n : begin] in words("generic") for n in range(3, 7)):
            return Edge.SURE
        if not self.cuts.begins(begin):
            return Edge.WORD if before in _HIDDEN else Edge.NONE
        word = self.cuts.before(begin)
        if any(word in words(section) for section in ("stops", "generic", "countries", "verbs before")):
            return Edge.SURE
        return Edge.SURE if len(word) > 1 and word[-1] in _ROLE_ENDS else Edge.WORD

    def behind_kind(self, begin: int) -> bool:
        """Whether what he or it is stands before a place: 总统, 智库."""
        generic = words("generic")
        return self.behind_office(begin) or any(self.simple[begin - n : begin] in generic for n in range(2, 7))

    def behind_office(self, begin: int) -> bool:
        offices = words("offices")
        return any(self.simple[begin - length : begin] in offices for length in range(2, _LONGEST_OFFICE + 1))

    def splits_office(self, begin: int) -> bool:
        """Whether an office goes on over a place, as the cut 发|言人 of 发言人 would have it."""
        offices = words("offices")
        return any(
            self.simple[begin - before : begin + behind] in offices
            for before, behind in ((1, 1), (2, 1), (1, 2), (2, 2), (3, 1))
        )


def head(foretext: Foretext) -> int:
    """How long the word is that names a kind of body (委员会), where the stretch ends with one; else 0."""
    heads = words("heads")
    for length in (5, 4, 3, 2, 1):
        if foretext.end - length >= foretext.start and foretext.simple[foretext.end - length : foretext.end] in heads:
            return length
    return 0
