"""The index over the sightings of the window: who may be a copy of whom, who reports the same event.

It is made from the sightings in the state and can be made again at any time: the same sightings in the same order
under the same shelf give the same index, slot by slot. Sightings are numbered in the order in which they were taken;
the index is divided into segments of so many numbers, and forgets by dropping the oldest segment whole.

What a batch adds is taken back where the batch was: `State.version` tells.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import pairwise

import msgspec
import numpy as np
import numpy.typing as npt
from msgspec import Struct

from agents.content.signature import numbers
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

_EARLY = 86_400
"""Seconds that a sender's clock may be ahead of an arrival, and a sighting of it."""

_TERM = np.dtype([("hash", "<u4"), ("weight", "<u2")])
_FULL_WEIGHT = 8191.0


class Kin(Struct, frozen=True):
    """Sightings that share terms with a new one. Shapes (n,), in the order of term and number.

    `terms` are places in the list asked for; `stories` are the first 8 bytes of the stories' ids.
    """

    terms: Places
    numbers: Places
    weights: Floats
    seen: npt.NDArray[np.int64]
    stories: Slots
    ranks: Words
    norms: Floats

    def take(self, at: Places | npt.NDArray[np.bool_]) -> Kin:
        """Some of them, in another order."""
        return Kin(
            self.terms[at],
            self.numbers[at],
            self.weights[at],
            self.seen[at],
            self.stories[at],
            self.ranks[at],
            self.norms[at],
        )


class _Segment:
    """The tables of `capacity` numbers from `first` on."""

    def __init__(self, first: int, capacity: int) -> None:
        self.first = first
        self.capacity = capacity
        self.latest = 0  # arrival
        self.bands = BandTable(capacity)
        self.terms: TermTable | None = TermTable(capacity)
        self.seen = np.zeros(capacity, np.int64)
        self.stories = np.zeros(capacity, np.uint64)
        self.ranks = np.zeros(capacity, np.uint32)
        self.norms = np.zeros(capacity, np.float32)

    def add(self, number: int, sighting: Sighting) -> list[tuple[BandTable | TermTable, Written]]:
        at = number - self.first
        written: list[tuple[BandTable | TermTable, Written]] = []
        if sighting.signature is not None:
            written.append((self.bands, self.bands.add(numbers(sighting.signature.bands), at)))
        if sighting.terms and self.terms is not None:
            terms = unpack_terms(sighting.terms)
            written.append((self.terms, self.terms.add(*terms, at)))
        self.latest = max(self.latest, sighting.arrival)
        self.seen[at] = sighting.seen
        self.stories[at] = story_key(sighting.story)
        self.ranks[at] = sighting.rank
        self.norms[at] = sighting.norm
        return written

    def kin(self, terms: Words, seen: int) -> Kin:
        """The sightings that share terms, seen within the story window of a moment."""
        assert self.terms is not None
        found = self.terms.find(terms)
        near = np.abs(self.seen[found.ordinals] - seen) <= STORY_WINDOW
        at = found.ordinals[near]
        return Kin(
            found.terms[near],
            at + self.first,
            found.weights[near],
            self.seen[at],
            self.stories[at],
            self.ranks[at],
            self.norms[at].astype(np.float64),
        )

    @property
    def bytes(self) -> int:
        arrays = self.seen.nbytes + self.stories.nbytes + self.ranks.nbytes + self.norms.nbytes
        return arrays + self.bands.bytes + (self.terms.bytes if self.terms else 0)


class Index:
    """The index of one partition, in step with its state."""

    def __init__(self, shelf: Shelf, *, most: int) -> None:
        self._most = most
        self.shelf = shelf
        self._segments = [_Segment(first, capacity) for first, capacity in shelf.segments]
        self._settled = shelf
        self._written: list[tuple[BandTable | TermTable, Written]] = []
        self._reshaped = False
        self._dropped: Counter[Dropped] = Counter()
        self._version = -1

    @classmethod
    def restored(cls, memory: Memory, *, most: int) -> Iterator[Index | None]:
        """Make it from the state: None after each piece of work, the index at the end."""
        index = cls(memory.shelf(), most=most)
        first = index._segments[0].first if index._segments else index.shelf.next
        for count, (number, sighting) in enumerate(memory.sightings(first), 1):
            index._segment(number).add(number, sighting)
            if count % _SLICE == 0:
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
        self._settled = self.shelf
        self._written.clear()
        self._reshaped = False
        return True

    def __len__(self) -> int:
        """Sightings that can be found."""
        return self.shelf.next - self._segments[0].first if self._segments else 0

    @property
    def bytes(self) -> int:
        return sum(segment.bytes for segment in list(self._segments))

    def size(self) -> IndexSize:
        return IndexSize(len(self), self.bytes)

    def take_dropped(self) -> Mapping[Dropped, int]:
        """Sightings dropped since this was last asked. Taking a batch back that drops any takes the index, too."""
        dropped, self._dropped = self._dropped, Counter()
        return dropped

    def copies(self, bands: Words) -> list[int]:
        """The numbers of sightings that share a band, those that share most of them first, CANDIDATES at most."""
        found = [segment.bands.find(bands).astype(np.int64) + segment.first for segment in self._segments]
        if not sum(part.size for part in found):
            return []
        distinct, shared = np.unique(np.concatenate(found), return_counts=True)
        order = np.lexsort((distinct, -shared))[:CANDIDATES]
        return [int(number) for number in distinct[order]]

    def kin(self, terms: Words, seen: int) -> Kin:
        """The sightings of the story window that share terms; `terms` are distinct hashes."""
        parts = [segment.kin(terms, seen) for segment in self._segments if segment.terms is not None]
        which = np.concatenate([part.terms for part in parts] or [_NOWHERE])
        number = np.concatenate([part.numbers for part in parts] or [_NOWHERE])
        order = np.lexsort((number, which))
        if len(parts) == 1:
            return parts[0].take(order)
        return Kin(
            which[order],
            number[order],
            np.concatenate([part.weights for part in parts] or [np.empty(0)])[order],
            np.concatenate([part.seen for part in parts] or [np.empty(0, np.int64)])[order],
            np.concatenate([part.stories for part in parts] or [np.empty(0, np.uint64)])[order],
            np.concatenate([part.ranks for part in parts] or [np.empty(0, np.uint32)])[order],
            np.concatenate([part.norms for part in parts] or [np.empty(0)])[order],
        )

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
        """Drop what is out of the window at an arrival, and the oldest where there is too much."""
        if arrival > self.shelf.latest:
            self.shelf = msgspec.structs.replace(self.shelf, latest=arrival)
        latest = self.shelf.latest
        while len(self._segments) > 1:
            oldest, following = self._segments[:2]
            past = oldest.latest + WINDOW + _EARLY < latest
            if not past and len(self) <= self._most:
                break
            self._dropped[Dropped.WINDOW if past else Dropped.LIMIT] += following.first - oldest.first
            del self._segments[0]
            self._reshape()
        for segment in self._segments[:-1]:
            if segment.terms is not None and segment.latest + STORY_WINDOW + _EARLY < latest:
                segment.terms = None

    def _open(self, number: int) -> None:
        wanted = len(self) // _SEGMENTS
        capacity = min(max(1 << max(wanted - 1, 0).bit_length(), MIN_CAPACITY), MAX_CAPACITY)
        self._segments.append(_Segment(number, capacity))
        self._reshape()

    def _reshape(self) -> None:
        segments = tuple((segment.first, segment.capacity) for segment in self._segments)
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


_NOWHERE: Places = np.empty(0, np.intp)
