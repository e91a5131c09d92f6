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
FILES = {folder: sorted(folder.glob("*.txt")) for folder in (series.FOLDER, series.BLIND)}
LEAST_ALIKE = {copies.RECORDS: (0.5, 0.7), copies.BLIND: (0.6, 0.85)}  # Jaccard or containment of a copy
MOST_ALIKE = (0.5, 0.7)  # of what is none
LANGUAGES = {"zh-Hans", "zh-Hant", "en"}


def items(records: list[RawRecord]) -> list[Item]:
    """What the mill makes of each record where it is the first: which are copies it is not asked here."""
    pipeline, made = Pipeline(), list[Item]()
    for number, record in enumerate(records):
        (result,) = pipeline.process(raw_document(record, number, NOW), RunState(), NOW)
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


@pytest.mark.parametrize("path", [path for paths in FILES.values() for path in paths], ids=lambda path: path.stem)
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


@pytest.mark.parametrize(
    "records",
    [
        pytest.param([each.record for each in series.members()], id="series"),
        pytest.param([each.record for each in series.members(series.BLIND)], id="series, blind"),
        pytest.param(copies.records(), id="copies"),
        pytest.param(copies.records(copies.BLIND), id="copies, blind"),
    ],
)
def test_each_record_is_a_new_item(records: list[RawRecord]) -> None:
    made = items(records)
    assert {item.verdict for item in made} == {Verdict.NEW}
    assert {item.revision for item in made} == {1}
    assert {item.language for item in made} == LANGUAGES
    assert not [item.flags for item in made if item.flags]
    assert len({item.id for item in made}) == len({record.ref for record in records}) == len(records)
    assert records == sorted(records, key=lambda record: record.received_at or "")


@pytest.mark.parametrize("path", LEAST_ALIKE, ids=lambda path: path.stem)
def test_copies_are_alike_and_others_are_not(path: Path) -> None:
    records, pairs = copies.records(path), copies.pairs(path)
    texts = {record.ref: grams(item) for record, item in zip(records, items(records), strict=True)}
    for pair in pairs:
        a, b = texts[pair.a.ref], texts[pair.b.ref]
        least, contained = MOST_ALIKE if pair.kind == NOT_COPY else LEAST_ALIKE[path]
        alike = jaccard(a, b) >= least or containment(a, b) >= contained
        assert alike == (pair.kind != NOT_COPY), pair.note


@pytest.mark.parametrize("path", LEAST_ALIKE, ids=lambda path: path.stem)
def test_a_record_is_in_one_pair(path: Path) -> None:
    paired = [record.ref for pair in copies.pairs(path) for record in (pair.a, pair.b)]
    assert Counter(paired) == Counter(record.ref for record in copies.records(path))


def test_the_sets_share_no_record() -> None:
    known = [each.record.ref for each in series.members()] + [each.ref for each in copies.records()]
    blind = [each.record.ref for each in series.members(series.BLIND)] + [
        each.ref for each in copies.records(copies.BLIND)
    ]
    assert not set(known) & set(blind)


@pytest.mark.parametrize(
    ("path", "copied", "others"), [(copies.RECORDS, 40, 25), (copies.BLIND, 50, 30)], ids=["copies", "copies.blind"]
)
def test_enough_pairs(path: Path, copied: int, others: int) -> None:
    kinds = Counter(pair.kind == NOT_COPY for pair in copies.pairs(path))
    assert kinds[False] >= copied
    assert kinds[True] >= others


@pytest.mark.parametrize("folder", FILES, ids=lambda folder: folder.name)
def test_enough_series(folder: Path) -> None:
    assert len(FILES[folder]) >= 16
