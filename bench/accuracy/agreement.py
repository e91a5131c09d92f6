"""How far two readers agree on the labels: what no program can be better than."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from pathlib import Path

from bench.accuracy.enrichment import place_key
from bench.accuracy.labels import Row, drawn, folded, labels, listed
from bench.accuracy.measure import Measure


def measures(_: Path) -> list[Measure]:
    return [
        _agreement(
            "names with a gloss", "names", lambda row: [(folded(row["name"]), folded(row["gloss"]), row["kind"])]
        ),
        _agreement("wanted places", "places", _place),
        _agreement("accepted keywords", "keywords", lambda row: [folded(term) for term in listed(row["terms"])]),
        _agreement("datelines", "datelines", lambda row: [folded(row["place"])]),
        _agreement("captions", "captions", lambda row: [(row["number"], row["caption"])]),
    ]


def _place(row: Row) -> list[Hashable]:
    if row["kind"] != "wanted":
        return []
    return [(min(place_key(form) for form in listed(row["name"])), row["country"])]


def _agreement(name: str, kind: str, said: Callable[[Row], Sequence[Hashable]]) -> Measure:
    """The share of what two readers said that both said (F1), over the items that both read."""
    first, second = labels(kind), labels(kind, second=True)
    both = total = 0
    for ref in drawn(kind, second=True):
        one, other = ({key for row in rows[ref] for key in said(row)} for rows in (first, second))
        both += len(one & other)
        total += len(one) + len(other)
    return Measure(f"two readers agree: {name}", 2 * both / total, 0.85, total // 2)
