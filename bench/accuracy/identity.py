"""Identity: nothing is merged that is not one article, nothing torn apart that is."""

from __future__ import annotations

import csv
from collections import Counter, defaultdict
from pathlib import Path

from bench.accuracy.measure import Measure
from bench.accuracy.sample import milled, read_independently


def measures(corpus: Path) -> list[Measure]:
    sample = milled(corpus)
    links = {one.ref: read_independently(one.body).link for one in sample}
    ids = {one.ref: one.result["id"] for one in sample}
    links_of: dict[str, set[str]] = defaultdict(set)
    ids_of: dict[str, set[str]] = defaultdict(set)
    for ref, id in ids.items():
        links_of[id].add(links[ref])
        ids_of[links[ref]].add(id)
    merged = sum(len(found) > 1 for found in links_of.values())
    whole = sum(len(found) == 1 for found in ids_of.values())
    replaced = [one for one in sample if one.result["decision"]["rule"] == "reused-address"]
    revisions = [one.result for one in sample if one.result.get("verdict") == "revision"]
    typed = [one for one in revisions if {"title", "text"} & set(one["decision"]["changed"])]
    labelled = _labelled(corpus, ids)
    return [
        Measure("items of two links (false merges)", merged, 0, len(links_of), "at most", share=False),
        Measure(
            "links whose documents are one item",
            (whole + len(replaced)) / len(ids_of),
            1.0,
            len(ids_of),
            detail=f"{len(replaced)} of them count although they are two items: `reused-address`, another article",
        ),
        Measure("revisions that say what changed", len(typed) / len(revisions), 1.0, len(revisions)),
        *(
            Measure(
                f"labelled pairs, {kind}: {'one item' if kind == 'revision' else 'two items'}",
                labelled[kind, kind == "revision"] / count,
                1.0,
                count,
            )
            for kind, count in sorted(
                Counter({kind: labelled[kind, True] + labelled[kind, False] for kind, _ in labelled}).items()
            )
        ),
    ]


def _labelled(corpus: Path, ids: dict[str, str]) -> Counter[tuple[str, bool]]:
    """Labelled pairs by their class and whether both are one item."""
    with (corpus / "labels.tsv").open(encoding="utf-8") as rows:
        return Counter(
            (row["class"], ids[row["ref_a"]] == ids[row["ref_b"]]) for row in csv.DictReader(rows, delimiter="\t")
        )
