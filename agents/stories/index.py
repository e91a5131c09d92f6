"""The index over the sightings of the window: who may be a copy of whom, who reports the same event.

It is made from the sightings in the state and can be made again at any time: the same sightings in the same order
under the same shelf give the same index, slot by slot. Sightings are numbered in the order in which they were taken;
the index is divided into segments of so many numbers, and forgets by dropping the oldest segment whole.

What a batch adds is taken back where the batch was: `State.version` tells.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby, islice, pairwise

import msgspec
import numpy as np
import numpy.typing as npt
from msgspec import Struct

from agents.content.signature import BANDS, numbers
from agents.stage import Dropped, IndexSize
from agents.stories.memory import Memory, Shelf, Sighting
from agents.stories.nearcopy import WINDOW
from agents.stories.tables import (
    MAX_CAPACITY,
    MIN_CAPACITY,
    BandTable,
    Floats,
    Places,
    Slots,
    TermTable,
    Words,
    Written,
)

STORY_WINDOW = 4 * 86_400
"""Seconds between two reports of one event at most: a story goes on as long as something is added to it."""

CANDIDATES = 48
"""Sightings that one text is compared with at most, those that share most bands first."""

_SEGMENTS = 4  # of equal size that a steady window is divided into, or one more
_SLICE = 500  # sightings that are put back between two pauses

_STEP = 86_400
"""Seconds that the clock is moved by one arrival."""
_EARLY = 86_400
"""Seconds that a sender's clock may be ahead of an arrival, and a sighting of it."""

FACTS = np.dtype([("seen", "<i8"), ("story", "<u8"), ("rank", "<u4"), ("norm", "<f4")])
_PLAIN = np.dtype((np.void, FACTS.itemsize))  # what has no fields is copied ten times as fast
Facts = npt.NDArray[np.void]
"""When sightings were seen, their stories' keys, which they were of their story, and the story's norm by then."""

_TERM = np.dtype([("hash", "<u4"), ("weight", "<u2")])
_FULL_WEIGHT = 8191.0


class Kin(Struct, frozen=True):
    """Sightings that share terms with a new one. Shapes (n,), in the order of number and term.

    `terms` are places in the list asked for.
    """

    terms: Places
    numbers: Places
    weights: Floats
    facts: Facts

    @property
    def seen(self) -> npt.NDArray[np.int64]:
        return self.facts["seen"]

    @property
    def stories(self) -> Slots:
        """The first 8 bytes of the stories' ids."""
        return self.facts["story"]

    @property
    def ranks(self) -> Words:
        return self.facts["rank"]

    @property
    def norms(self) -> Floats:
        return self.facts["norm"].astype(np.float64)

    def take(self, at: Places) -> Kin:
        """Some of them, in another order."""
        return Kin(self.terms.take(at), self.numbers.take(at), self.weights.take(at), self.facts.take(at))


class _Segment:
    """The tables of `capacity` numbers from `first` on."""

    def __init__(self, first: int, capacity: int, bare: bool = False) -> None:
        self.first = first
        self.capacity = capacity
        self.latest = 0  # by the clock of the index
        self.bands = BandTable(capacity)
        self.terms = None if bare else TermTable(capacity)
        self.facts = np.zeros(capacity, FACTS)

    def add(self, number: int, sighting: Sighting) -> list[tuple[BandTable | TermTable, Written]]:
        at = number - self.first
        written: list[tuple[BandTable | TermTable, Written]] = []
        if sighting.signature is not None:
            written.append((self.bands, self.bands.add(numbers(sighting.signature.bands), at)))
        if sighting.terms and self.terms is not None:
            terms = unpack_terms(sighting.terms)
            written.append((self.terms, self.terms.add(*terms, at)))
        self._note(at, sighting)
        return written

    def add_all(self, sightings: Sequence[tuple[int, Sighting]]) -> None:
        """The same of many, by number; they leave the same tables behind, in a quarter of the time."""
        signed = [(number, one.signature) for number, one in sightings if one.signature is not None]
        if signed:
            keys = numbers(b"".join(signature.bands for _, signature in signed)).reshape(-1, BANDS)
            self.bands.add_all(keys, np.array([number for number, _ in signed]) - self.first)
        if self.terms is not None:
            terms = unpack_terms(b"".join(one.terms for _, one in sightings))
            counts = [len(one.terms) // _TERM.itemsize for _, one in sightings]
            self.terms.add_all(*terms, np.repeat([number for number, _ in sightings], counts) - self.first)
        for number, one in sightings:
            self._note(number - self.first, one)

    def _note(self, at: int, sighting: Sighting) -> None:
        self.latest = max(self.latest, sighting.clock)
        self.facts[at] = (sighting.seen, story_key(sighting.story), sighting.rank, sighting.norm)

    def kin(self, terms: Words, seen: int) -> Kin:
        """The sightings that share terms, seen within the story window of a moment."""
        assert self.terms is not None
        found = self.terms.find(terms)
        facts = self.facts.take(found.ordinals)
        kin = Kin(found.terms, found.ordinals + self.first, found.weights, facts)
        near = np.abs(facts["seen"] - seen) <= STORY_WINDOW
        return kin if near.all() else kin.take(np.flatnonzero(near))

    @property
    def bytes(self) -> int:
        return self.facts.nbytes + self.bands.bytes + (self.terms.bytes if self.terms else 0)


class Index:
    """The index of one partition, in step with its state."""

    def __init__(self, shelf: Shelf, *, most: int, smallest: int = MIN_CAPACITY) -> None:
        """`smallest` is the capacity that a segment has at least, a power of two."""
        self._most = most
        self._smallest = smallest
        self.shelf = shelf
        self._segments = [_Segment(*segment) for segment in shelf.segments]
        self._settled = shelf
        self._settled_latest = 0
        self._written: list[tuple[BandTable | TermTable, Written]] = []
        self._reshaped = False
        self._dropped: Counter[Dropped] = Counter()
        self._version = -1

    @classmethod
    def restored(cls, memory: Memory, *, most: int, smallest: int = MIN_CAPACITY) -> Iterator[Index | None]:
        """Make it from the state: None after each piece of work, the index at the end."""
        index = cls(memory.shelf(), most=most, smallest=smallest)
        sightings = memory.sightings(index.first)
        while some := list(islice(sightings, _SLICE)):
            for segment, these in groupby(some, key=lambda one: index._segment(one[0])):
                segment.add_all(list(these))
            yield None
        yield index

    def begin(self, version: int) -> bool:
        """Come into step with the state before a batch; False where only making it again can do that."""
        if version != self._version:
            self._version = version
        elif self._reshaped:
            return False
        else:
            for table, written in reversed(self._written):
                table.undo(written)
            self.shelf = self._settled
            if self._segments:
                self._segments[-1].latest = self._settled_latest
        self._settled = self.shelf
        self._settled_latest = self._segments[-1].latest if self._segments else 0
        self._written.clear()
        self._reshaped = False
        return True

    @property
    def first(self) -> int:
        """The number of the first sighting that can be found."""
        return self._segments[0].first if self._segments else self.shelf.next

    def __len__(self) -> int:
        """Sightings that can be found."""
        return self.shelf.next - self.first

    @property
    def bytes(self) -> int:
        return sum(segment.bytes for segment in list(self._segments))

    def size(self) -> IndexSize:
        return IndexSize(len(self), self.bytes, self._most)

    def take_dropped(self) -> Mapping[Dropped, int]:
        """Sightings dropped since this was last asked. Taking a batch back that drops any takes the index, too."""
        dropped, self._dropped = self._dropped, Counter()
        return dropped

    def copies(self, bands: Words) -> list[int]:
        """The numbers of sightings that share a band, those that share most of them first, CANDIDATES at most."""
        shared: Counter[int] = Counter()
        for segment in self._segments:
            if (found := segment.bands.find(bands)).size:
                shared.update((found.astype(np.int64) + segment.first).tolist())
        return sorted(shared, key=lambda number: (-shared[number], number))[:CANDIDATES]

    def kin(self, terms: Words, seen: int) -> Kin:
        """The sightings of the story window that share terms; `terms` are distinct hashes."""
        parts = [segment.kin(terms, seen) for segment in self._segments if segment.terms is not None]
        parts = [part for part in parts if part.numbers.size] or [NO_KIN]
        kin = parts[0]
        if len(parts) > 1:
            kin = Kin(
                np.concatenate([part.terms for part in parts]),
                np.concatenate([part.numbers for part in parts]),
                np.concatenate([part.weights for part in parts]),
                np.concatenate([part.facts.view(_PLAIN) for part in parts]).view(FACTS),
            )
        return kin.take((kin.numbers * terms.size + kin.terms).argsort(kind="stable"))

    def add(self, sighting: Sighting) -> int:
        """Take a sighting in; its number."""
        number = self.shelf.next
        if not self._segments or number >= self._segments[-1].first + self._segments[-1].capacity:
            self._open(number)
        self._written.extend(self._segments[-1].add(number, sighting))
        self.shelf = msgspec.structs.replace(self.shelf, next=number + 1)
        return number

    def swept(self, kept: int) -> None:
        """Sightings before a number stand in the state no more."""
        if kept != self.shelf.kept:
            self.shelf = msgspec.structs.replace(self.shelf, kept=kept)

    def expire(self, arrival: int) -> None:
        """Drop what is out of the window at an arrival, and the oldest where there is too much.

        The clock follows the arrivals, up and down, by a day for each at most: one record of a wrong year among others
        must not throw everything away.
        """
        clock = self.shelf.clock
        clock = min(max(arrival, clock - _STEP), clock + _STEP) if self.shelf.next else arrival
        if clock != self.shelf.clock:
            self.shelf = msgspec.structs.replace(self.shelf, clock=clock)
        while len(self._segments) > 1:
            oldest, following = self._segments[:2]
            past = oldest.latest + WINDOW + _EARLY < clock
            if not past and len(self) <= self._most:
                break
            self._dropped[Dropped.WINDOW if past else Dropped.LIMIT] += following.first - oldest.first
            del self._segments[0]
            self._reshape()
        for segment in self._segments[:-1]:
            if segment.terms is not None and segment.latest + STORY_WINDOW + _EARLY < clock:
                segment.terms = None
                self._reshape()

    def _open(self, number: int) -> None:
        wanted = len(self) // _SEGMENTS
        capacity = min(max(1 << max(wanted - 1, 0).bit_length(), self._smallest), MAX_CAPACITY)
        self._segments.append(_Segment(number, capacity))
        self._reshape()

    def _reshape(self) -> None:
        segments = tuple((segment.first, segment.capacity, segment.terms is None) for segment in self._segments)
        self.shelf = msgspec.structs.replace(self.shelf, segments=segments)
        self._reshaped = True

    def _segment(self, number: int) -> _Segment:
        for before, after in pairwise(self._segments):
            if number < after.first:
                return before
        return self._segments[-1]


def pack_terms(hashes: Words, weights: Floats) -> bytes:
    """Terms as a sighting keeps them; weights are at most 1.0."""
    packed = np.empty(hashes.size, _TERM)
    packed["hash"] = hashes
    packed["weight"] = np.rint(weights * _FULL_WEIGHT)
    return packed.tobytes()


def unpack_terms(packed: bytes) -> tuple[Words, Floats]:
    terms = np.frombuffer(packed, _TERM)
    return terms["hash"].astype(np.uint32), terms["weight"] / _FULL_WEIGHT


def story_key(story: bytes) -> int:
    """How the index knows a story: one in ten billion is taken for another."""
    return int.from_bytes(story[:8], "little")


NO_KIN = Kin(np.empty(0, np.intp), np.empty(0, np.intp), np.empty(0), np.empty(0, FACTS))
