"""Signatures of texts: what near-copies are found and judged by, without keeping the text.

A text is the set of its folded 5-grams (see `sketch.fold_codes`), each as a hash of 32 bits. A signature holds keys of
32 bands, each of 4 bins of a one-permutation MinHash (two texts that share a key may be near-copies), and the least
KEPT hashes, which estimate how alike two texts are, or are all there is of a shorter text.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import numpy.typing as npt

from agents.content.sketch import Codes

VERSION = 1
"""Of the format and of the hashes; signatures of different versions say nothing of each other."""

GRAM = 5
SHORTEST = 80
"""Folded characters; what is shorter takes no part: all notices of forty characters are alike."""
KEPT = 256
BANDS = 32
_ROWS = 4
_BINS = BANDS * _ROWS
_BITS = 32 - 7  # of a hash, below its bin

_HASH = np.uint64(0x9E3779B97F4A7C15)
_MIX = np.uint64(0xBF58476D1CE4E5B9)
_HALF = np.uint64(32)

Shingles = npt.NDArray[np.uint32]


def sign(codes: Codes) -> bytes | None:
    """The signature of folded characters: their number of shingles (uint32), 32 band keys and up to KEPT hashes (uint32
    each, little-endian, sorted). None for a text under SHORTEST."""
    if codes.size < SHORTEST:
        return None
    found = shingles(codes)
    head = np.array([found.size], dtype="<u4")
    return head.tobytes() + band_keys(found).astype("<u4").tobytes() + found[:KEPT].astype("<u4").tobytes()


def shingles(codes: Codes) -> Shingles:
    """The distinct hashes of all 5-grams, sorted; shape (n,)."""
    wide = codes.astype(np.uint64)
    count = codes.size - GRAM + 1
    hashed = wide[:count].copy()
    for place in range(1, GRAM):
        hashed *= _HASH
        hashed += wide[place : place + count]
    hashed ^= hashed >> np.uint64(31)
    hashed *= _MIX
    short = (hashed >> _HALF).astype(np.uint32)
    short.sort()
    first = np.empty(short.size, np.bool_)
    first[0] = True
    np.not_equal(short[1:], short[:-1], out=first[1:])
    return short[first]


def band_keys(found: Shingles) -> Shingles:
    """A key for each band of 4 bins, shape (32,). An empty bin takes the value of the next one that is filled."""
    numbers, starts = _bins()
    first = found.searchsorted(starts)
    values = found.take(first, mode="clip")
    filled = (first < found.size) & (values >> np.uint32(_BITS) == numbers)
    # from each bin on round the circle to the nearest filled one; how far that is belongs to the value
    places = np.where(np.concatenate((filled, filled)), np.arange(2 * _BINS), 2 * _BINS)
    nearest = np.minimum.accumulate(places[::-1])[::-1][:_BINS]
    dense = values[nearest % _BINS].astype(np.uint64) + ((nearest - np.arange(_BINS)).astype(np.uint64) << _HALF)
    rows = dense.reshape(BANDS, _ROWS)
    keys = np.arange(BANDS, dtype=np.uint64)
    for row in range(_ROWS):
        keys = (keys ^ rows[:, row]) * _HASH
        keys ^= keys >> np.uint64(29)
    return (keys >> _HALF).astype(np.uint32)


def read_signature(data: bytes) -> tuple[int, Shingles, Shingles]:
    """Of a signature the number of shingles, the band keys and the least hashes."""
    numbers = np.frombuffer(data, dtype="<u4")
    return int(numbers[0]), numbers[1 : 1 + BANDS], numbers[1 + BANDS :]


@cache
def _bins() -> tuple[Shingles, Shingles]:
    numbers = np.arange(_BINS, dtype=np.uint32)
    return numbers, numbers << np.uint32(_BITS)
