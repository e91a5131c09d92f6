"""The hand labels of tests/corpus/labels; their README says what each means."""

from __future__ import annotations

import csv
import hashlib
from collections import defaultdict
from pathlib import Path

from agents.content.chinese import simplified
from bench.accuracy.sample import solid

FOLDER = Path(__file__).parents[2] / "tests" / "corpus" / "labels"
TITLES = FOLDER.parents[1] / "data" / "titles.tsv"
BLIND_TITLES = TITLES.with_suffix(".blind.tsv")

Row = dict[str, str]


def rows(path: Path) -> list[Row]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))


def drawn(kind: str, *, second: bool = False) -> list[str]:
    """The items that were drawn for a kind; with `second` those that both readers labelled."""
    return [
        row["ref"]
        for row in rows(FOLDER / "draw.tsv")
        if row["kind"] == kind and (not second or row["second"] == "second")
    ]


def labels(kind: str, *, second: bool = False) -> dict[str, list[Row]]:
    """The rows of a kind by item; of the second reader with `second`."""
    found: dict[str, list[Row]] = defaultdict(list)
    for row in rows(FOLDER / f"{kind}{'.second' if second else ''}.tsv"):
        found[row["ref"]].append(row)
    return found


def listed(field: str) -> list[str]:
    return [part.strip() for part in field.split(" | ") if part.strip()]


def folded(term: str) -> str:
    """A term as it is compared: one Chinese script, small letters, no white space, no quotation marks around it."""
    return simplified(solid(term)).lower().strip("“”‘’\"'「」『』《》")


def caption_hash(caption: str | None) -> str:
    return hashlib.sha256(solid(caption).encode()).hexdigest()[:12] if caption else "-"
