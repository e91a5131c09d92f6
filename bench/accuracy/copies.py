"""Which articles of the sample are copies of each other: by labels, and by what their texts exactly share."""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Iterator
from functools import cache, lru_cache
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from msgspec import Struct

from agents.content.signature import SHORTEST, Shingles, shingles
from agents.content.sites import Sites
from agents.content.sketch import fold_codes
from agents.enrich.dateline import read_dateline
from bench.accuracy.clusters import Grouping, paired
from bench.accuracy.sample import milled

ALIKE, CONTAINED = 0.5, 0.7
"""Of 5-grams: from here on a pair that has no label is right."""
SURE = 0.7
"""Of the labelled reprints those from here on were the same article in every hand check."""

Pair = tuple[str, str]
"""The ids of two items, the lesser first."""


class Labels(Struct, frozen=True):
    """The labelled pairs: reprints with their similarity, pairs of one series, strangers."""

    reprints: list[tuple[Pair, float]]
    templates: list[Pair]
    strangers: list[Pair]


class Judged(Struct, frozen=True):
    """What a grouping of the sample's items into copies is worth.

    Pairs are `wrong` by what articles say, `wrong_with_all` by all that is visible.
    """

    pairs: int
    wrong: list[Pair]
    wrong_with_all: list[Pair]
    sure_found: int
    sure: int
    labelled_found: int
    labelled: int
    templates: int
    templates_of: int


def judge(corpus: Path, found: Grouping) -> Judged:
    """Judge by the labels; a pair without one by the texts of both items, at whichever revision they are most alike."""
    known = labels(corpus)
    reprints = {pair for pair, _ in known.reprints}
    others = {*known.templates, *known.strangers}
    pairs = list(paired(found))
    open_to_doubt = [pair for pair in pairs if pair not in reprints]
    wrong, wrong_with_all = (
        [pair for pair in open_to_doubt if pair in others or not _are_alike(*(grams[id] for id in pair))]
        for grams in (texts(corpus), texts(corpus, with_all=True))
    )
    sure = [pair for pair, alike in known.reprints if alike >= SURE]
    return Judged(
        len(pairs),
        wrong,
        wrong_with_all,
        sum(found[one] == found[other] for one, other in sure),
        len(sure),
        sum(found[one] == found[other] for (one, other), _ in known.reprints),
        len(known.reprints),
        sum(found[one] == found[other] for one, other in known.templates),
        len(known.templates),
    )


def _are_alike(revisions: list[Shingles], others: list[Shingles]) -> bool:
    return any(
        (alike := jaccard(one, other)) >= ALIKE or _contained(alike, one, other) >= CONTAINED
        for one, other in product(revisions, others)
    )


@lru_cache(maxsize=1)
def labels(corpus: Path) -> Labels:
    ids = {one.ref: str(one.result["id"]) for one in milled(corpus)}
    found = Labels([], [], [])
    with (corpus / "labels.tsv").open(encoding="utf-8") as rows:
        for row in csv.DictReader(rows, delimiter="\t"):
            pair = ordered(ids[row["ref_a"]], ids[row["ref_b"]])
            if row["class"] == "reprint":
                found.reprints.append((pair, float(row["jaccard"])))
            elif row["class"] == "template-negative":
                found.templates.append(pair)
            elif row["class"] == "random-negative":
                found.strangers.append(pair)
    return found


@lru_cache(maxsize=2)
def texts(corpus: Path, *, with_all: bool = False) -> dict[str, list[Shingles]]:
    """The 5-grams of each item's text, folded, one set for each of its revisions."""
    found: dict[str, list[Shingles]] = defaultdict(list)
    for item in items(corpus):
        found[item["id"]].append(shingles(fold_codes(body(item, with_all=with_all))))
    return found


def items(corpus: Path) -> list[dict[str, Any]]:
    return [one.result for one in milled(corpus) if one.result.get("schema") == "feedmill.item.v1"]


def body(item: dict[str, Any], *, with_all: bool = False) -> str:
    """An item's text without its dateline, and without what its site puts around every text or with all that shows."""
    text: str = item["text"]
    if not with_all:
        _, text = _sites().boilerplate(item["site"]).without(item["title"], text)
    dateline = read_dateline(text) if item["dateline"] else None
    return text[dateline.end :] if dateline else text


@cache
def _sites() -> Sites:
    return Sites()


def across_scripts(corpus: Path) -> set[Pair]:
    """Items in Simplified and in Traditional characters whose folded texts are SURE alike: every pair was looked at."""
    sides: dict[str, list[tuple[str, Shingles]]] = {"zh-Hans": [], "zh-Hant": []}
    for item in items(corpus):
        codes = fold_codes(body(item))
        if item["language"] in sides and codes.size >= SHORTEST:
            sides[item["language"]].append((item["id"], shingles(codes)))
    simplified, traditional = sides.values()
    grams = np.concatenate([one for _, one in simplified])
    owners = np.repeat(np.arange(len(simplified)), [one.size for _, one in simplified])
    order = np.argsort(grams, kind="stable")
    grams, owners = grams[order], owners[order]
    sizes = np.array([one.size for _, one in simplified])
    found: set[Pair] = set()
    for id, other in traditional:
        first, last = grams.searchsorted(other), grams.searchsorted(other, "right")
        shared = np.zeros(len(simplified), np.int64)
        for start, end in zip(first[last > first].tolist(), last[last > first].tolist(), strict=True):
            shared[owners[start:end]] += 1
        alike = shared / (sizes + other.size - shared)
        found.update(ordered(id, simplified[at][0]) for at in np.flatnonzero(alike >= SURE).tolist())
    return {(one, other) for one, other in found if one != other}


def jaccard(one: Shingles, other: Shingles) -> float:
    shared = np.intersect1d(one, other, assume_unique=True).size
    return float(shared / max(one.size + other.size - shared, 1))


def _contained(alike: float, one: Shingles, other: Shingles) -> float:
    shared = alike * (one.size + other.size) / (1 + alike)
    return shared / max(min(one.size, other.size), 1)


def ordered(one: str, other: str) -> Pair:
    return (one, other) if one < other else (other, one)


def reprint_links(results: list[dict[str, Any]]) -> Iterator[Pair]:
    """Each item and what it is a copy of."""
    for item in results:
        if item.get("reprint_of"):
            yield item["id"], item["reprint_of"]
