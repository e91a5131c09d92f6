"""Where an index looks things up: tables of fixed size, numpy arrays without a Python object an item.

A table belongs to one segment of the index and knows its items by their place in it, their ordinal. A key has one
bucket of some slots. Where a bucket is full, the next item takes a slot from an older one: lists end by themselves, and
the same items in the same order leave the same table behind.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from msgspec import Struct

from agents.content.signature import BANDS

Words = npt.NDArray[np.uint32]
Slots = npt.NDArray[np.uint64]
Places = npt.NDArray[np.intp]
Floats = npt.NDArray[np.float64]

MIN_CAPACITY = 1 << 12
MAX_CAPACITY = 1 << 18
"""Items of a segment; powers of two between them."""

_ORDINAL_BITS = 19  # of MAX_CAPACITY and the empty slot
_EMPTY = np.uint32(0)
_ORDINALS = (1 << _ORDINAL_BITS) - 1

_FULL_WEIGHT = 8191.0
"""The weight 1.0 as a slot holds it."""


class Written(Struct, frozen=True):
    """What an insertion changed: slots, and what they held before."""

    places: Places
    before: npt.NDArray[np.unsignedinteger[npt.NBitBase]]


class BandTable:
    """Which items have a band key. 256 bytes an item of the segment's capacity.

    A slot is 13 bits of the key beside the ordinal, so that one look-up in thirty finds a stranger besides; who
    compares the signatures notices.
    """

    WAYS = 16
    _LOAD = 8  # slots of a bucket that are filled on average when a segment is full: one item in 250 loses a band

    def __init__(self, capacity: int) -> None:
        buckets = capacity // self._LOAD
        self._shift = np.uint32(32 - (buckets.bit_length() - 1))
        self._slots = np.zeros((BANDS * buckets, self.WAYS), np.uint32)
        self._flat = self._slots.reshape(-1)
        self._first = np.arange(BANDS, dtype=np.intp) * buckets

    def find(self, keys: Words) -> Words:
        """The ordinals behind the keys, shape (n,); one for each band that an item shares."""
        apart = self._slots[self._first + (keys >> self._shift)] ^ _tags(keys)[:, None]
        found: Words = apart[(apart <= _ORDINALS) & (apart != _EMPTY)]
        return found - np.uint32(1)

    def add(self, keys: Words, ordinal: int) -> Written:
        rows = self._first + (keys >> self._shift)
        free = self._slots[rows] == _EMPTY
        ways = free.argmax(axis=1)
        ways[~free.any(axis=1)] = ordinal % self.WAYS
        places = rows * self.WAYS + ways
        written = Written(places, self._flat[places])
        self._flat[places] = _tags(keys) | np.uint32(ordinal + 1)
        return written

    def undo(self, written: Written) -> None:
        self._flat[written.places] = written.before

    @property
    def bytes(self) -> int:
        return self._slots.nbytes


class Postings(Struct, frozen=True):
    """Members found by terms: which of the terms asked for, whose ordinal, how much it weighs there. Shapes (n,)."""

    terms: Places
    ordinals: Places
    weights: Floats


class TermTable:
    """Which items have a term, the newest of each bucket. 256 bytes an item of the segment's capacity."""

    WAYS = 64
    _LOAD = 2  # items for each bucket

    def __init__(self, capacity: int) -> None:
        buckets = capacity // self._LOAD
        self._shift = np.uint32(32 - (buckets.bit_length() - 1))
        self._slots = np.zeros((buckets, self.WAYS), np.uint64)
        self._flat = self._slots.reshape(-1)

    def find(self, terms: Words) -> Postings:
        """`terms` are distinct hashes."""
        held = self._slots[terms >> self._shift]
        which, ways = np.nonzero((held >> np.uint64(32)).astype(np.uint32) == terms[:, None])
        low = held[which, ways].astype(np.uint32)
        ordinals = (low & np.uint32(_ORDINALS)).astype(np.intp) - 1
        there = ordinals >= 0  # an empty slot looks like the hash 0
        return Postings(which[there], ordinals[there], _weight(low[there]))

    def add(self, terms: Words, weights: Floats, ordinal: int) -> Written:
        rows = (terms >> self._shift).astype(np.intp)
        held = self._slots[rows]
        ways = (held & np.uint64(_ORDINALS)).argmin(axis=1)  # an empty slot, else the oldest item's
        seen: dict[int, int] = {}
        for number, row in enumerate(rows.tolist()):
            if (nth := seen.get(row, 0)) > 0:
                ways[number] = (held[number] & np.uint64(_ORDINALS)).argsort(kind="stable")[nth]
            seen[row] = nth + 1
        places = rows * self.WAYS + ways
        written = Written(places, self._flat[places])
        low = (np.rint(weights * _FULL_WEIGHT).astype(np.uint64) << np.uint64(_ORDINAL_BITS)) | np.uint64(ordinal + 1)
        self._flat[places] = (terms.astype(np.uint64) << np.uint64(32)) | low
        return written

    def undo(self, written: Written) -> None:
        self._flat[written.places] = written.before

    @property
    def bytes(self) -> int:
        return self._slots.nbytes


def _tags(keys: Words) -> Words:
    """The low bits of keys, which no bucket depends on, where a slot has them."""
    return keys << np.uint32(_ORDINAL_BITS)


def _weight(low: Words) -> Floats:
    return (low >> np.uint32(_ORDINAL_BITS)) / _FULL_WEIGHT
