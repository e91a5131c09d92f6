"""The project's own sample documents, invented for it: what `make demo` publishes and `make try` processes.

The documents are files as they would be received, bytes and all; `index.jsonl` lists them in the order of their
arrival with their headers, `expected.tsv` says what becomes of their entries. README.md here tells about the set.
"""

from __future__ import annotations

from pathlib import Path

import msgspec
from msgspec import Struct

from agents.sources.records import RawRecord

FOLDER = Path(__file__).parent


class Sample(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One line of the index. `path` is relative to this folder; `themes` are the words of README.md."""

    path: str
    ref: str
    received_at: str
    content_type: str | None
    source_url: str | None
    themes: list[str]
    shows: str


class Expected(Struct, frozen=True):
    """What should become of one entry: a line of `expected.tsv`.

    `index` is None for a dead letter about a whole document. `details` are the accepted alternatives: verdict and
    revision of an item (`revision 2`, also with the rule: `new 1 reused-address`), the rule of a duplicate, the code
    of a dead letter. `of` is (ref, index) of the entry that brought the item first, or that it reprints.
    """

    ref: str
    index: int | None
    outcome: str
    details: tuple[str, ...]
    of: tuple[str, int] | None


def index() -> list[Sample]:
    """Every sample document, in the order of arrival."""
    lines = (FOLDER / "index.jsonl").read_text("utf-8").splitlines()
    return [msgspec.json.decode(line, type=Sample) for line in lines]


def records() -> list[RawRecord]:
    """The documents as `ingest` publishes them and `process` reads them."""
    return [
        RawRecord(
            body=(FOLDER / sample.path).read_bytes(),
            content_type=sample.content_type,
            source_url=sample.source_url,
            received_at=sample.received_at,
            ref=sample.ref,
        )
        for sample in index()
    ]


def expectations() -> list[Expected]:
    """What should become of the entries, as far as the contract says it; entries that it leaves open are not listed."""
    _, *lines = (FOLDER / "expected.tsv").read_text("utf-8").splitlines()
    return [_expected(line) for line in lines]


def _expected(line: str) -> Expected:
    ref, place, outcome, detail, of = line.split("\t")
    first, _, position = of.partition("#")
    return Expected(
        ref=ref,
        index=None if place == "-" else int(place),
        outcome=outcome,
        details=tuple(detail.split("|")),
        of=(first, int(position)) if of else None,
    )
