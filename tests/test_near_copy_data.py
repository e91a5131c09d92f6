"""The invented series and copies: they are read as new items, and are as alike as their kind says."""

from __future__ import annotations

from collections import Counter, defaultdict
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
from tests import copies, series
from tests.copies import NOT_COPY

NOW = datetime(2026, 12, 1, tzinfo=UTC)
FILES = sorted(series.FOLDER.glob("*.txt"))
LANGUAGES = {"zh-Hans", "zh-Hant", "en"}


def items(records: list[RawRecord]) -> list[Item]:
    """What the mill makes of records."""
    pipeline, state, made = Pipeline(), RunState(), list[Item]()
    for number, record in enumerate(records):
        (result,) = pipeline.process(raw_document(record, number, NOW), state, NOW)
        assert result.value is not None
        made.append(msgspec.json.decode(result.value, type=Item))
    return made


def grams(item: Item) -> Shingles:
    codes = fold_codes(item.text)
    assert codes.size >= SHORTEST
    return shingles(codes)


def jaccard(a: Shingles, b: Shingles) -> float:
    shared = _shared(a, b)
    return shared / (a.size + b.size - shared)


def containment(a: Shingles, b: Shingles) -> float:
    return _shared(a, b) / min(a.size, b.size)


def _shared(a: Shingles, b: Shingles) -> int:
    return len(set(a.tolist()) & set(b.tolist()))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_series(path: Path) -> None:
    members = series.read_series(path)
    texts = [grams(item) for item in items([member.record for member in members])]
    articles = defaultdict[int, list[Shingles]](list)
    for member, text in zip(members, texts, strict=True):
        articles[member.number].append(text)
    between = [jaccard(a, b) for left, right in combinations(articles.values(), 2) for a, b in product(left, right)]
    within = [jaccard(a, b) for printed in articles.values() for a, b in combinations(printed, 2)]
    assert len(articles) >= 6
    assert median(between) >= 0.45
    assert max(between) < 0.99
    assert min(within, default=1) >= 0.9


def test_a_record_is_a_row_in_a_form() -> None:
    (_, second, *_) = series.read_series(series.FOLDER / "earthquakes.txt")
    assert (second.series, second.number, second.record.ref) == ("earthquakes", 1, "earthquakes-01b")
    assert second.record.received_at == "2026-11-01T03:28:00Z"
    assert second.record.body.startswith(
        "<!--1793503440000-->\n[快讯：东岸省青屿市海域地震](https://www.lanhai.example/quake/20261101-1.html)\n------\n\n"
        "<div><p>据国家地震台网正式测定，11月1日11时13分在东岸省青屿市海域".encode()
    )


@pytest.mark.parametrize("records", [[each.record for each in series.members()], copies.records()])
def test_each_record_is_a_new_item(records: list[RawRecord]) -> None:
    made = items(records)
    assert {item.verdict for item in made} == {Verdict.NEW, Verdict.REPRINT}
    assert {item.revision for item in made} == {1}
    assert {item.language for item in made} == LANGUAGES
    assert not [item.flags for item in made if item.flags]
    assert len({item.id for item in made}) == len({record.ref for record in records}) == len(records)
    assert records == sorted(records, key=lambda record: record.received_at or "")


def test_copies_are_alike_and_others_are_not() -> None:
    records, pairs = copies.records(), copies.pairs()
    texts = {record.ref: grams(item) for record, item in zip(records, items(records), strict=True)}
    for pair in pairs:
        a, b = texts[pair.a.ref], texts[pair.b.ref]
        alike = jaccard(a, b) >= 0.5 or containment(a, b) >= 0.7
        assert alike == (pair.kind != NOT_COPY), pair.note


def test_enough_of_each() -> None:
    kinds = Counter(pair.kind == NOT_COPY for pair in copies.pairs())
    assert len(FILES) >= 16
    assert kinds[False] >= 40
    assert kinds[True] >= 25
    assert 2 * kinds.total() == len(copies.records())
