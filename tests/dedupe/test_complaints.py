"""What people complain of in feed readers, each with its documents: tests/data/complaints.

A file begins with the complaint and, a line a document, what is to become of each of its entries: the item that it is
(a letter, the same for the same item and another for another one), and `new`, `revision N` with what changed, the rule
of a duplicate, or the code of a dead letter. `=== RECEIVED-AT FEED` begins a document (`-`: no feed is known).
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from agents.pipeline import Pipeline
from agents.runstate import RunState
from agents.sources.records import RawRecord, raw_document
from tests.conftest import ROOT

NOW = datetime(2026, 11, 27, tzinfo=UTC)
COMPLAINTS = sorted((ROOT / "tests" / "data" / "complaints").glob("*.txt"))


class Complaint:
    def __init__(self, text: str) -> None:
        head, *documents = re.split(r"^=== ", text, flags=re.MULTILINE)
        self.expected = [line.removeprefix("expect: ") for line in head.splitlines() if line.startswith("expect: ")]
        self.documents = [_record(document) for document in documents]


def _record(document: str) -> RawRecord:
    head, _, body = document.partition("\n")
    received_at, feed = head.split()
    return RawRecord(body=body.encode(), received_at=received_at, source_url=None if feed == "-" else feed)


def outcomes(complaint: Complaint) -> list[str]:
    """What became of the documents, in the words of the expectation; items have letters in the order of coming."""
    pipeline, state, letters = Pipeline(), RunState(), dict[str, str]()
    told = []
    for number, record in enumerate(complaint.documents):
        results = pipeline.process(raw_document(record, number, NOW), state, NOW)
        told.append(", ".join(_outcome(result.value, letters) for result in results if result.value is not None))
    return told


def _outcome(value: bytes, letters: dict[str, str]) -> str:
    record: dict[str, Any] = msgspec.json.decode(value)
    id = record["id"]
    letter = "-" if id is None else letters.setdefault(id, chr(ord("A") + len(letters)))
    if record["schema"] == "feedmill.dead-letter.v1":
        return f"{letter} {record['code']}"
    decision = record["decision"]
    if record["schema"] == "feedmill.duplicate.v1":
        return f"{letter} {decision['rule']}"
    if record["verdict"] in ("new", "reprint"):
        return f"{letter} {record['verdict']}"
    return f"{letter} revision {record['revision']} {' '.join(each for each in decision['changed'] if each != 'dates')}"


@pytest.mark.parametrize("path", COMPLAINTS, ids=lambda path: path.stem)
def test_complaint(path: Path) -> None:
    complaint = Complaint(path.read_text(encoding="utf-8"))
    assert complaint.expected
    assert len(complaint.expected) == len(complaint.documents)
    assert outcomes(complaint) == complaint.expected
