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
_ONE = np.uint32(1)
_ORDINALS = np.uint32((1 << _ORDINAL_BITS) - 1)

_HALVES = np.dtype([("low", "<u4"), ("hash", "<u4")])
"""A slot of terms; the machine is taken to be little-endian, as all that numpy has wheels for."""

_FULL_WEIGHT = 8191.0
"""The weight 1.0 as a slot holds it."""


class Written(Struct, frozen=True):
    """What an insertion changed: slots, and what they held before."""

    places: Places
    before: Words | Slots


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
        apart = self._slots.take(self._first + (keys >> self._shift), axis=0)
        apart ^= _tags(keys)[:, None]
        apart -= _ONE  # what was 0, an empty slot, is now greater than every ordinal
        found: Words = apart[apart < _ORDINALS]
        return found

    def add(self, keys: Words, ordinal: int) -> Written:
        rows = self._first + (keys >> self._shift)
        ways = np.count_nonzero(self._slots.take(rows, axis=0), axis=1)
        ways[ways == self.WAYS] = ordinal % self.WAYS
        places = rows * self.WAYS + ways
        written = Written(places, self._flat.take(places))
        self._flat[places] = _tags(keys) | np.uint32(ordinal + 1)
        return written

    def add_all(self, keys: Words, ordinals: Places) -> None:
        """The same of many items, one after the other; shapes (n, 32) and (n,)."""
        rows = (self._first + (keys >> self._shift)).reshape(-1)
        ordinal = np.repeat(ordinals, BANDS)
        ways = np.count_nonzero(self._slots.take(rows, axis=0), axis=1) + _turns(rows)
        ways = np.where(ways < self.WAYS, ways, ordinal % self.WAYS)
        self._flat[rows * self.WAYS + ways] = _tags(keys.reshape(-1)) | (ordinal + 1).astype(np.uint32)

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
    """Which items have a term, the newest of each bucket. 256 bytes an item of the segment's capacity.

    The slots of a bucket are filled in turn, over and over.
    """

    WAYS = 64
    _LOAD = 2  # items for each bucket

    def __init__(self, capacity: int) -> None:
        buckets = capacity // self._LOAD
        self._shift = np.uint32(32 - (buckets.bit_length() - 1))
        self._slots = np.zeros((buckets, self.WAYS), np.uint64)
        self._flat = self._slots.reshape(-1)
        self._next = np.zeros(buckets, np.uint8)  # whose turn it is; beyond 255 it begins anew, as the turns do

    def find(self, terms: Words) -> Postings:
        """`terms` are distinct hashes."""
        halves = self._slots.take(terms >> self._shift, axis=0).view(_HALVES)
        at = np.flatnonzero(halves["hash"] == terms[:, None])
        low = halves["low"].reshape(-1)[at]
        there = (low & _ORDINALS) != _EMPTY  # an empty slot looks like the hash 0
        if not there.all():
            at, low = at[there], low[there]
        return Postings(at // self.WAYS, (low & _ORDINALS).astype(np.intp) - 1, _weight(low))

    def add(self, terms: Words, weights: Floats, ordinal: int) -> Written:
        return self._put(terms, weights, np.uint64(ordinal + 1))

    def add_all(self, terms: Words, weights: Floats, ordinals: Places) -> None:
        """The same of many items, one after the other; shapes (n,), an ordinal for each term."""
        self._put(terms, weights, (ordinals + 1).astype(np.uint64))

    def _put(self, terms: Words, weights: Floats, ordinals: np.uint64 | Slots) -> Written:
        rows = (terms >> self._shift).astype(np.intp)
        ways = self._next.take(rows)
        if len(set(rows.tolist())) < rows.size:
            ways += _turns(rows).astype(np.uint8)
        self._next[rows] = ways + np.uint8(1)
        places = rows * self.WAYS + ways % self.WAYS
        written = Written(places, self._flat.take(places))
        low = np.rint(weights * _FULL_WEIGHT).astype(np.uint64) << np.uint64(_ORDINAL_BITS)
        self._flat[places] = (terms.astype(np.uint64) << np.uint64(32)) | low | ordinals
        return written

    def undo(self, written: Written) -> None:
        self._flat[written.places] = written.before
        np.subtract.at(self._next, written.places // self.WAYS, np.uint8(1))

    @property
    def bytes(self) -> int:
        return self._slots.nbytes + self._next.nbytes


def _turns(rows: Places) -> Places:
    """How-manieth of its kind each row is, counted from 0, in order."""
    order = rows.argsort(kind="stable")
    ordered = rows[order]
    at = np.arange(rows.size)
    begins = np.where(np.concatenate(([True], ordered[1:] != ordered[:-1])), at, 0)
    turns = np.empty_like(at)
    turns[order] = at - np.maximum.accumulate(begins)
    return turns


def _tags(keys: Words) -> Words:
    """The low bits of keys, which no bucket depends on, where a slot has them."""
    return keys << np.uint32(_ORDINAL_BITS)


def _weight(low: Words) -> Floats:
    return (low >> np.uint32(_ORDINAL_BITS)) / _FULL_WEIGHT
