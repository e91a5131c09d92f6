"""Which dead letters wait for a replay, and why the others do not: a pure account, fed from the topics in any order.

A letter is about a *place*: where its entry stood first. All its replays name that place in their `replay-of` header,
and a replay that fails again leaves a letter that names it too. So the newest record of `feeds.raw` that names a place
says how things stand: if one of the place's letters was made of it, it failed again; if not, it is on its way, or
came out as an item or a duplicate.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from enum import StrEnum

from msgspec import Struct, field

from schemas import Position

RawPlace = tuple[int, int]
"""Partition and offset of a record of `feeds.raw`."""

Place = tuple[Position, str]
"""Where an entry stood first, and its `ref` where that was not `feeds.raw`: files have no offsets of their own."""


class Fate(StrEnum):
    """Why a letter is left out."""

    OVERTAKEN = "overtaken"
    """Its place has a newer letter."""

    UNDER_WAY = "under-way"
    """It was replayed, and the mill has not taken that record yet."""

    COME_OUT = "come-out"
    """It was replayed, and the mill has taken it: it ended as an item or a duplicate, or is about to end."""


class Letter(Struct, frozen=True, gc=False):
    """A dead letter by where it stands on its topic; `time` is its record's, in ms.

    `source` is the raw record that it was made of; None where that was no record of `feeds.raw`.
    """

    time: int
    partition: int
    offset: int
    source: RawPlace | None

    @property
    def age(self) -> tuple[int, int, int]:
        """Of two letters the newer has the greater."""
        return self.time, self.partition, self.offset


class Verdict(Struct, frozen=True):
    """What is to be replayed, oldest first in each partition, and how many are not, by why."""

    due: list[Letter]
    left_out: Counter[Fate]


class _Candidate(Struct):
    letter: Letter
    older: int = 0
    overtaken: bool = False
    sources: set[RawPlace | None] = field(default_factory=set)
    replay: tuple[int, RawPlace] | None = None  # the newest: its time and where it stands
    came_out: bool = False


class Round:
    """Some letters that somebody wants to replay, one for each place, and what is known of their places."""

    def __init__(self, raw: str) -> None:
        self._raw = raw
        self._candidates: dict[Place, _Candidate] = {}
        self._entries: dict[Place, list[Place]] = {}  # of each document, so that a replay of it finds them

    def __len__(self) -> int:
        return len(self._candidates)

    @property
    def since(self) -> int:
        """The time of the oldest letter in ms: nothing that came before it is of interest."""
        return min((candidate.letter.time for candidate in self._candidates.values()), default=0)

    def place(self, position: Position, ref: str | None) -> Place:
        return position, "" if position.topic == self._raw else ref or ""

    def add(self, place: Place, letter: Letter) -> None:
        """A letter that is to be replayed if nothing speaks against it."""
        candidate = self._candidates.get(place)
        if candidate is None:
            self._candidates[place] = _Candidate(letter)
            if place[0].index is not None:
                self._entries.setdefault(_document(place), []).append(place)
        else:
            candidate.letter = max(candidate.letter, letter, key=lambda one: one.age)
            candidate.older += 1

    def letter(self, place: Place, letter: Letter) -> None:
        """Any letter of the topic, wanted or not."""
        if candidate := self._candidates.get(place):
            candidate.sources.add(letter.source)
            candidate.overtaken |= letter.age > candidate.letter.age

    def replay(self, place: Place, time: int, at: RawPlace) -> None:
        """A raw record that names a place: an entry's, or a document's and so those of all its entries."""
        for named in (place, *self._entries.get(place, ())):
            if candidate := self._candidates.get(named):
                candidate.replay = max(candidate.replay or (time, at), (time, at))

    def item(self, place: Place, time: int) -> None:
        """An item that came out of a replay; of a document's replay each of its items says so."""
        for named in (place, _document(place)):
            if candidate := self._candidates.get(named):
                candidate.came_out |= time > candidate.letter.time

    def verdict(self, taken: Mapping[int, int]) -> Verdict:
        """`taken`: the offset of each raw partition up to which the mill has surely taken records."""
        due, left_out = [], Counter[Fate]()
        for candidate in self._candidates.values():
            left_out[Fate.OVERTAKEN] += candidate.older
            if (fate := _fate(candidate, taken)) is None:
                due.append(candidate.letter)
            else:
                left_out[fate] += 1
        due.sort(key=lambda letter: (letter.partition, letter.offset))
        return Verdict(due, +left_out)


def _fate(candidate: _Candidate, taken: Mapping[int, int]) -> Fate | None:
    if candidate.overtaken:
        return Fate.OVERTAKEN
    if candidate.replay is not None and (at := candidate.replay[1]) not in candidate.sources:
        partition, offset = at
        return Fate.UNDER_WAY if offset >= taken.get(partition, 0) else Fate.COME_OUT
    return Fate.COME_OUT if candidate.came_out else None


def _document(place: Place) -> Place:
    position, ref = place
    return Position(position.topic, position.partition, position.offset), ref
