"""How much a word says: its inverse frequency in a language, and which words never say anything.

The table is built by tools/build_terms_table.py. Words are known by a hash of 32 bits: one unknown word in five
thousand is taken for a known one, always the same.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from contextlib import suppress
from enum import IntEnum
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import xxhash

_DATA = Path(__file__).parent / "data"
_UNIT = 4


class Kind(IntEnum):
    """What a word is most often; for languages without a dictionary everything is a thing."""

    THING = 0
    DOING = 1
    """A verb or an adjective."""
    PERSON = 2
    """A name of persons (Chinese only)."""
    PHRASE = 3
    """Several words that a dictionary has as one (Chinese only)."""


class Weight(NamedTuple):
    """`value`: the natural logarithm of an inverse frequency, 0.0 for a word that is never a keyword."""

    value: float
    kind: Kind


def weights(language: str, words: Sequence[str]) -> list[Weight | None]:
    """What the table says of each word; None for one that it does not have.

    `language` is a primary tag (`zh`, `en`); spaced words are looked for in lower case, Chinese in Simplified.
    """
    seen = _seen.setdefault(language, {})
    with suppress(KeyError):
        return list(map(seen.__getitem__, words))
    if unseen := [word for word in words if word not in seen]:
        if len(seen) > _REMEMBERED:
            seen.clear()
            unseen = list(words)
        seen.update(zip(unseen, _looked_up(language, unseen), strict=True))
    return list(map(seen.__getitem__, words))


_REMEMBERED = 20_000
"""Words of a language whose weights are kept at hand: the table is too large for a processor's cache."""
_seen: dict[str, dict[str, Weight | None]] = {}


def _looked_up(language: str, words: Sequence[str]) -> list[Weight | None]:
    known, values = _table()
    hashed = np.array([xxhash.xxh32_intdigest(f"{language} {word}".encode()) for word in words], dtype=np.uint32)
    places = known.searchsorted(hashed)
    found = known.take(places, mode="clip") == hashed
    return [
        _WEIGHTS[value] if there else None
        for there, value in zip(found.tolist(), values.take(places, mode="clip").tolist(), strict=True)
    ]


_WEIGHTS = [Weight((byte >> 2) / _UNIT, Kind(byte & 3)) for byte in range(256)]


@cache
def _table() -> tuple[npt.NDArray[np.uint32], npt.NDArray[np.uint8]]:
    raw = zlib.decompress((_DATA / "terms.bin").read_bytes())
    size = int(np.frombuffer(raw, "<u4", 1)[0])
    steps = np.frombuffer(raw, "<u4", size, offset=4)
    values = np.frombuffer(raw, np.uint8, size, offset=4 + 4 * size)
    return np.cumsum(steps, dtype=np.uint32), values.copy()
