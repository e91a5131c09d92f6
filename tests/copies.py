"""Invented pairs of articles, copies and others that only look so: tests/data/copies.jsonl and copies.tsv.

No rule is tuned by the second set, copies.blind.jsonl and copies.blind.tsv.
"""

from __future__ import annotations

import csv
from pathlib import Path

from msgspec import Struct

from agents.sources.records import RawRecord, read_line

RECORDS = Path(__file__).parent / "data" / "copies.jsonl"
BLIND = RECORDS.with_suffix(".blind.jsonl")

NOT_COPY = "not-copy"


class Pair(Struct, frozen=True):
    """Two records, the earlier first, and what the later is to the other."""

    a: RawRecord
    b: RawRecord
    kind: str
    note: str


def records(path: Path = RECORDS) -> list[RawRecord]:
    """All records of a set, in order of arrival."""
    read = [read_line(line, path.name, "") for line in path.read_bytes().splitlines()]
    return [record for record in read if isinstance(record, RawRecord)]


def pairs(path: Path = RECORDS) -> list[Pair]:
    by_ref = {record.ref: record for record in records(path)}
    with path.with_suffix(".tsv").open(encoding="utf-8", newline="") as lines:
        rows = csv.DictReader(lines, dialect=csv.excel_tab, quoting=csv.QUOTE_NONE)
        return [Pair(by_ref[row["ref_a"]], by_ref[row["ref_b"]], row["kind"], row["note"]) for row in rows]
