"""Signatures of texts: what near-copies are found and judged by, without keeping the text.

A text is the set of its folded 5-grams (see `sketch.fold_codes`), each as a hash of 32 bits. A signature holds keys of
32 bands, each of 4 bins of a one-permutation MinHash (two texts that share a key may be near-copies), and the least
hashes of the set, which estimate how alike two texts are, or are all there is of a shorter text. The same of runs of 25
characters tells how the rest is spread: a changed paragraph breaks few runs, changed figures everywhere break most.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import numpy.typing as npt
import xxhash

from agents.content.figures import figures
from agents.content.sketch import Codes, fold_codes
from schemas.internal import Signature

VERSION = 2
"""Of the hashes; signatures of different versions say nothing of each other."""

GRAM = 5
SHORTEST = 80
"""Folded characters; what is shorter takes no part: all notices of forty characters are alike."""
KEPT = 256
RUN = 25
"""Characters of a run: five 5-grams, one behind the other."""
KEPT_RUNS = 96
LEAD = 120
"""Folded characters of the beginning."""
KEPT_LEAD = 32
KEPT_FIGURES = 48
FIGURES_READ = 4_000
"""Characters in which figures are looked for."""
BANDS = 32
_ROWS = 4
_BINS = BANDS * _ROWS
_BITS = 32 - 7  # of a hash, below its bin

_HASH = np.uint64(0x9E3779B97F4A7C15)
_MIX = np.uint64(0xBF58476D1CE4E5B9)
_HALF = np.uint64(32)

Shingles = npt.NDArray[np.uint32]
Hashes = npt.NDArray[np.uint64]


def sign(text: str) -> Signature | None:
    """The signature of a text; None for one under SHORTEST folded characters. Linear."""
    codes = fold_codes(text)
    if codes.size < SHORTEST:
        return None
    grams = hashes(codes)
    short = _high(grams)
    ordered = np.sort(short)
    return Signature(
        VERSION,
        1 + int(np.count_nonzero(ordered[1:] != ordered[:-1])),
        _bytes(band_keys(ordered)),
        _bytes(_least(ordered, KEPT)),
        _bytes(_least(np.sort(_high(_runs(grams))), KEPT_RUNS)),
        _bytes(_distinct(short[: LEAD - GRAM + 1])[:KEPT_LEAD]),
        _bytes(_figures(text)),
    )


def hashes(codes: Codes) -> Hashes:
    """The hash of each 5-gram in its place; shape (n - 4,), 64 bits."""
    wide = codes.astype(np.uint64)
    count = codes.size - GRAM + 1
    hashed = wide[:count].copy()
    for place in range(1, GRAM):
        hashed *= _HASH
        hashed += wide[place : place + count]
    hashed ^= hashed >> np.uint64(31)
    hashed *= _MIX
    return hashed


def shingles(codes: Codes) -> Shingles:
    """The distinct hashes of all 5-grams, sorted; shape (n,)."""
    return _distinct(_high(hashes(codes)))


def _runs(grams: Hashes) -> Hashes:
    """The hash of each run of 25 characters; of a shorter text the hashes of its 5-grams."""
    count = grams.size - (RUN - GRAM)
    if count < 1:
        return grams
    hashed = grams[:count].copy()
    for place in range(GRAM, RUN, GRAM):
        hashed *= _HASH
        hashed ^= grams[place : place + count]
    hashed ^= hashed >> np.uint64(31)
    hashed *= _MIX
    return hashed


def _figures(text: str) -> Shingles:
    found = sorted(xxhash.xxh32_intdigest(figure.encode()) for figure in figures(text[:FIGURES_READ]))
    return np.array(found[:KEPT_FIGURES], dtype=np.uint32)


def _high(hashed: Hashes) -> Shingles:
    return (hashed >> _HALF).astype(np.uint32)


def _distinct(hashed: Shingles) -> Shingles:
    return _once(np.sort(hashed))


def _once(found: Shingles) -> Shingles:
    """Sorted hashes, each once."""
    first = np.empty(found.size, np.bool_)
    first[:1] = True
    np.not_equal(found[1:], found[:-1], out=first[1:])
    return found[first]


def _least(ordered: Shingles, kept: int) -> Shingles:
    """Of sorted hashes the least distinct ones, at most `kept`."""
    found = _once(ordered[: 2 * kept])
    if found.size < kept and ordered.size > 2 * kept:
        found = _once(ordered)  # a text that repeats itself
    return found[:kept]


def _bytes(values: Shingles) -> bytes:
    return values.astype("<u4", copy=False).tobytes()


def band_keys(found: Shingles) -> Shingles:
    """Of sorted hashes a key for each band of 4 bins, shape (32,). An empty bin takes the next filled one's value."""
    bins, starts = _bins()
    first = found.searchsorted(starts)
    values = found.take(first, mode="clip")
    filled = values >> np.uint32(_BITS) == bins
    filled &= first < found.size
    if filled.all():
        dense = values.astype(np.uint64)
    else:  # from each bin on round the circle to the nearest filled one; how far that is belongs to the value
        there, here = np.flatnonzero(filled), np.arange(_BINS)
        nearest = np.append(there, there[0] + _BINS).take(there.searchsorted(here))
        dense = (nearest - here).astype(np.uint64) << _HALF
        dense += values.take(nearest % _BINS)
    rows = dense.reshape(BANDS, _ROWS)
    keys = np.arange(BANDS, dtype=np.uint64)
    for row in range(_ROWS):
        keys ^= rows[:, row]
        keys *= _HASH
        keys ^= keys >> np.uint64(29)
    return (keys >> _HALF).astype(np.uint32)


def numbers(packed: bytes) -> Shingles:
    """The hashes of one part of a signature."""
    return np.frombuffer(packed, dtype="<u4")


@cache
def _bins() -> tuple[Shingles, Shingles]:
    numbers = np.arange(_BINS, dtype=np.uint32)
    return numbers, numbers << np.uint32(_BITS)
