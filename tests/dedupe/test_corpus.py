"""Ten days of real documents through parse and dedupe: nothing merged that is not one article, nothing torn apart."""

from __future__ import annotations

import csv
import gzip
import json
from collections import Counter, defaultdict
from datetime import UTC, datetime
from pathlib import Path

import pytest

from agents.dedupe.stage import DedupeStage
from agents.parse.stage import ParseStage
from agents.sources.records import RawRecord, raw_document
from schemas import Changed, DedupeRule, Duplicate, News
from tests.dedupe.entries import Shelf, read

NOW = datetime(2026, 11, 23, tzinfo=UTC)

Told = dict[str, News | Duplicate]
"""What became of each document, by its `ref`."""


@pytest.fixture(scope="module")
def told(corpus: Path) -> Told:
    parse, dedupe, state = ParseStage(), DedupeStage(), Shelf()
    found: Told = {}
    with gzip.open(corpus / "waimei-sample.jsonl.gz", "rt", encoding="utf-8") as lines:
        for number, line in enumerate(lines):
            known = json.loads(line)
            record = RawRecord(body=known["body"].encode(), received_at=known["received_at"], ref=known["ref"])
            [entry] = parse.handle([raw_document(record, number, NOW)], state, NOW)
            assert entry.value is not None
            [output] = dedupe.handle([entry.value], state, NOW)
            found[known["ref"]] = read(output)
    return found


@pytest.fixture(scope="module")
def labels(corpus: Path) -> list[tuple[str, str, str]]:
    with (corpus / "labels.tsv").open(encoding="utf-8") as rows:
        return [(row["ref_a"], row["ref_b"], row["class"]) for row in csv.DictReader(rows, delimiter="\t")]


def address(one: News | Duplicate) -> str | None:
    return one.url if isinstance(one, Duplicate) else one.entry.url


def test_labelled_pairs(told: Told, labels: list[tuple[str, str, str]]) -> None:
    """Revisions are one item. Pairs of two addresses never are, whatever else they have in common."""
    same = Counter((kind, told[a].id == told[b].id) for a, b, kind in labels)
    assert {kind for kind, one in same if one} == {"revision"}
    assert {kind for kind, one in same if not one} == {"reprint", "template-negative", "random-negative"}
    assert len({kind for kind, _ in same}) == 4


def test_two_addresses_are_two_items(told: Told) -> None:
    addresses = defaultdict(set)
    for one in told.values():
        addresses[one.id].add(address(one))
    assert [found for found in addresses.values() if len(found) > 1] == []


def test_one_address_is_one_item_unless_its_article_is_another_one(told: Told) -> None:
    items = defaultdict(set)
    for one in told.values():
        items[address(one)].add(one.id)
    again = Counter(one.decision.rule for one in told.values())[DedupeRule.REUSED_ADDRESS]
    assert sum(len(found) - 1 for found in items.values()) == again
    assert again <= 2, "looked at one by one: a brief, and a report by someone else, replaced under another headline"


def test_what_came_again(told: Told) -> None:
    """Every change of title or text goes on: no document of the sample is older than the one before it."""
    rules = Counter(one.decision.rule for one in told.values())
    assert rules[DedupeRule.CONTENT_CHANGED] == 92
    assert set(rules) <= {
        DedupeRule.FIRST_SIGHTING,
        DedupeRule.REUSED_ADDRESS,
        DedupeRule.CONTENT_CHANGED,
        DedupeRule.SAME_ENTRY,
        DedupeRule.SAME_TEXT,
    }, rules
    for one in told.values():
        if one.decision.rule is DedupeRule.CONTENT_CHANGED:
            assert {Changed.TITLE, Changed.TEXT} & set(one.decision.changed)


def test_revisions_are_numbered_without_gap(told: Told) -> None:
    highest: dict[str, int] = defaultdict(int)
    for one in told.values():
        assert one.revision == highest[one.id] + isinstance(one, News)
        highest[one.id] = one.revision
