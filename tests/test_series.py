"""The invented series: they are read as items, and their members are as alike as near-copies are."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime
from itertools import combinations, product
from pathlib import Path
from statistics import median

import msgspec
import pytest

from agents.content.signature import SHORTEST, Shingles, shingles
from agents.content.sketch import fold_codes
from agents.pipeline import Pipeline
from agents.runstate import RunState
from agents.sources.records import RawRecord, raw_document
from schemas import Item, Verdict
from tests.series import FOLDER, Member, members, read_series

NOW = datetime(2026, 12, 1, tzinfo=UTC)
FILES = sorted(FOLDER.glob("*.txt"))


def items(records: list[RawRecord]) -> list[Item]:
    """What the mill makes of records, each of which must be new to it."""
    pipeline, state, made = Pipeline(), RunState(), list[Item]()
    for number, record in enumerate(records):
        (result,) = pipeline.process(raw_document(record, number, NOW), state, NOW)
        assert result.value is not None
        item = msgspec.json.decode(result.value, type=Item)
        assert (item.verdict, item.source.ref, item.flags) == (Verdict.NEW, record.ref, [])
        made.append(item)
    return made


def grams(item: Item) -> Shingles:
    codes = fold_codes(item.text)
    assert codes.size >= SHORTEST
    return shingles(codes)


def jaccard(a: Shingles, b: Shingles) -> float:
    shared = len(set(a.tolist()) & set(b.tolist()))
    return shared / (a.size + b.size - shared)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_series(path: Path) -> None:
    series = read_series(path)
    texts = [grams(item) for item in items([member.record for member in series])]
    articles = defaultdict[int, list[Shingles]](list)
    for member, text in zip(series, texts, strict=True):
        articles[member.number].append(text)
    between = [jaccard(a, b) for left, right in combinations(articles.values(), 2) for a, b in product(left, right)]
    within = [jaccard(a, b) for copies in articles.values() for a, b in combinations(copies, 2)]
    assert len(articles) >= 6
    assert median(between) >= 0.45
    assert max(between) < 0.95
    assert min(within, default=1) >= 0.9


def test_all_together() -> None:
    found = members()
    made = items([member.record for member in found])
    assert len({member.series for member in found}) >= 16
    assert len({item.id for item in made}) == len({member.record.ref for member in found}) == len(found)
    assert {item.language for item in made} == {"zh-Hans", "zh-Hant", "en"}


def test_a_record_is_a_row_in_a_form() -> None:
    member = next(member for member in members() if member.record.ref == "fx-fixing-01b")
    assert member == Member("fx-fixing", 1, member.record)
    assert member.record.received_at == "2026-11-02T01:45:00Z"
    assert b"](https://news.jinbao.example/markets/20261102/mid)\n------\n\n<div><p>" in member.record.body
