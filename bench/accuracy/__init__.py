"""How right the mill is, on real documents that are not part of the project: the figures of docs/accuracy.md.

`python -m bench accuracy` prints them; tests/corpus holds each to its bound. The corpus is FEEDMILL_CORPUS, else
../shared/corpus.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from bench.accuracy import agreement, enrichment, identity, reading, stories
from bench.accuracy.measure import Measure
from bench.process import corpus
from bench.report import Table

MEASURES: dict[str, Callable[[Path], list[Measure]]] = {
    "Reading": reading.measures,
    "Identity": identity.measures,
    "Enrichment": enrichment.measures,
    "Stories": stories.measures,
    "Labels": agreement.measures,
}


def main() -> Iterator[Table]:
    folder = corpus()
    if folder is None:
        print("\nThere is no corpus (FEEDMILL_CORPUS): no figures of accuracy.")
        return
    for title, measured in MEASURES.items():
        found = measured(folder)
        notes = " ".join(f"{one.name}: {one.detail}." for one in found if one.detail)
        yield Table(title, ("measure", "wanted", "found"), [one.row() for one in found], notes)
