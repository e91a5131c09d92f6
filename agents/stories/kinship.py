"""Which story an item belongs to, by the terms that it shares with the reports of the last days.

Online and without a second look: each item joins the story that it is nearest to, if that is near enough, else it opens
one. Near is the mean of two measures: the likeness to the three members most like it, and to the sum of all of them.
The first alone strings stories together that have nothing in common; the second alone leaves what a story turns to
outside. docs/decisions/0010 has the figures.
"""

from __future__ import annotations

from collections.abc import Set
from typing import Any

import numpy as np
import numpy.typing as npt
from msgspec import Struct

from agents.stories.index import Kin
from agents.stories.tables import Floats, Places

NEAR = 0.27
NEAR_BRIEF = 0.15
"""How near a story must be, for an item with a text and for one that is little but a title."""

_CLOSEST = 3
_DAMPING = 0.2
"""A term says less, the more stories of these days have it: by the logarithm of their number."""
_HALF_LIFE = 2 * 86_400
"""Seconds in which a likeness loses half."""


class Nearest(Struct, frozen=True):
    """The nearest story: its key, how near it is, its member most like the item and what terms they share.

    `size` and `norm` are what the index knows of the story; `dot` sums the products of its members with the item.
    """

    story: int
    near: float
    number: int
    terms: list[int]
    size: int
    norm: float
    dot: float


def nearest(
    kin: Kin, weights: Floats, seen: int, without: Set[int] = frozenset(), only: int | None = None
) -> Nearest | None:
    """The nearest of all stories, or of one, leaving out some sightings; None where nothing is shared.

    `weights` are those of the terms asked for, of length 1 as a vector.
    """
    if without:
        kin = kin.take(np.flatnonzero(~np.isin(kin.numbers, sorted(without))))
    if not kin.numbers.size:
        return None
    new = _changes(kin.numbers)
    first, member = np.flatnonzero(new), np.cumsum(new) - 1
    numbers, facts = kin.numbers[first], kin.facts.take(first)
    keys, story = np.unique(facts["story"], return_inverse=True)
    asked = _damped(weights, kin.terms, story[member], keys.size)
    fresh = np.exp2(-np.abs(facts["seen"] - seen) / _HALF_LIFE)
    dots = _sums(member, asked[kin.terms] * kin.weights) * fresh
    plain = _sums(member, weights[kin.terms] * kin.weights)
    of, ranks, norms = facts["story"], facts["rank"], facts["norm"].astype(np.float64)
    if only is not None:
        there = of == np.uint64(only)
        if not there.any():
            return None
        numbers, dots, plain, of, ranks, norms = (part[there] for part in (numbers, dots, plain, of, ranks, norms))
    order = np.lexsort((-dots, of))  # in the order of their numbers where these are equal
    of = of[order]
    starts = np.flatnonzero(_changes(of))
    place = np.arange(of.size) - np.repeat(starts, np.diff(np.append(starts, of.size)))
    sizes = np.maximum.reduceat(ranks[order], starts)
    closest = np.add.reduceat(np.where(place < _CLOSEST, dots[order], 0.0), starts) / np.minimum(sizes, _CLOSEST)
    whole = np.maximum.reduceat(norms[order], starts)
    near = 0.5 * closest + 0.5 * np.add.reduceat(dots[order], starts) / np.sqrt(whole)
    oldest = np.minimum.reduceat(numbers[order], starts)
    best = int(np.lexsort((oldest, -np.round(near, 9)))[0])
    number = int(numbers[order][starts[best]])
    shared = np.flatnonzero(kin.numbers == number)
    said = sorted(shared.tolist(), key=lambda at: -float(asked[kin.terms[at]] * kin.weights[at]))
    return Nearest(
        int(of[starts[best]]),
        round(float(near[best]), 9),
        number,
        [int(kin.terms[at]) for at in said],
        int(sizes[best]),
        float(whole[best]),
        float(np.add.reduceat(plain[order], starts)[best]),
    )


def _changes(values: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
    """Where other values begin; there is one at least."""
    new = np.ones(values.size, np.bool_)
    np.not_equal(values[1:], values[:-1], out=new[1:])
    return new


def _sums(member: Places, products: Floats) -> Floats:
    return np.bincount(member, products).astype(np.float64, copy=False)


def _damped(weights: Floats, terms: Places, stories: Places, count: int) -> Floats:
    """The weights, less for terms of many of `count` stories; of length 1 again."""
    told = np.zeros((weights.size, count), np.bool_)
    told[terms, stories] = True
    damped: Floats = weights / (1.0 + _DAMPING * np.log1p(np.count_nonzero(told, axis=1)))
    damped /= float(np.sqrt((damped * damped).sum()))
    return damped
