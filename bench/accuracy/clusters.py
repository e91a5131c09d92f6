"""Groupings of items, each as item -> group: how right one is against labels, how far two agree."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Iterator, Mapping
from itertools import chain, combinations

from msgspec import Struct

Grouping = Mapping[str, Hashable]


class BCubed(Struct, frozen=True):
    """For each item, how much of its found group belongs there and how much of its wanted group is found; the means."""

    precision: float
    recall: float

    @property
    def f1(self) -> float:
        return 2 * self.precision * self.recall / (self.precision + self.recall)


class Agreement(Struct, frozen=True):
    """How far two groupings agree: of all pairs, and of the pairs that either puts together."""

    pairs: float
    together: float


def bcubed(found: Grouping, wanted: Grouping) -> BCubed:
    """Over the items of `wanted`; each is in `found` too."""
    both = Counter((found[item], group) for item, group in wanted.items())
    of_found = Counter(found[item] for item in wanted)
    of_wanted = Counter(wanted.values())
    precision = sum(count * count / of_found[one] for (one, _), count in both.items())
    recall = sum(count * count / of_wanted[other] for (_, other), count in both.items())
    return BCubed(precision / len(wanted), recall / len(wanted))


def agreement(one: Grouping, other: Grouping) -> Agreement:
    """Over the items of `one`; each is in `other` too."""
    in_one, in_other = _pairs(one.values()), _pairs(other[item] for item in one)
    in_both = _pairs((group, other[item]) for item, group in one.items())
    apart = in_one + in_other - 2 * in_both
    every = len(one) * (len(one) - 1) // 2
    return Agreement(1 - apart / every, in_both / (in_both + apart))


def paired(grouping: Grouping) -> Iterator[tuple[str, str]]:
    """All pairs that are together, the lesser item first."""
    members: dict[Hashable, list[str]] = {}
    for item in sorted(grouping):
        members.setdefault(grouping[item], []).append(item)
    return chain.from_iterable(combinations(group, 2) for group in members.values())


def linked(items: Iterable[str], links: Iterable[tuple[str, str]]) -> dict[str, str]:
    """The groups that come of links between items."""
    parent = {item: item for item in items}

    def root(item: str) -> str:
        while parent[item] != item:
            parent[item] = parent[parent[item]]
            item = parent[item]
        return item

    for one, other in links:
        parent[root(one)] = root(other)
    return {item: root(item) for item in parent}


def share_together(grouping: Grouping) -> float:
    """How probable it is that two items by chance are together."""
    return _pairs(grouping.values()) / (len(grouping) * (len(grouping) - 1) / 2)


def _pairs(groups: Iterable[Hashable]) -> int:
    return sum(count * (count - 1) // 2 for count in Counter(groups).values())
