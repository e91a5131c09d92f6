"""Restart and replay change nothing: batches that are taken back, workers that begin anew, other cuts of the drafts.

Segments are small here, so that they roll, buckets overflow and sightings are swept within a few dozen items.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from itertools import pairwise

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Struct

from agents.engine.store import MemoryTables, Overlay, Position, Store
from agents.stories.index import Index
from agents.stories.memory import Memory
from agents.stories.stage import StoriesStage
from schemas import Draft
from tests.stories.desk import HOURS, draft, id_of, retraction, sentences
from tests.stories.samples import ARRIVAL

MOST, SMALLEST = 40, 16

ARTICLES = [sentences(number) for number in range(6)] + [
    sentences(0)[:-50] + sentences(20, 2),
    sentences(1) + sentences(21),
    sentences(2)[:200],
    "短讯。",
]
TITLES = ["渡轮在灯塔湾搁浅", "灯塔湾搁浅渡轮拖回", "雾情第1期", "雾情第2期", "海豹学会了拉小提琴", "海豹歌声（上）"]
SITES = ["lanhai.example", "nanyang.example", "beiyuan.example"]

drafts = st.builds(
    lambda name, title, text, site, revision, early: (f"i{name}", title, text, site, revision, early),
    st.integers(0, 90),
    st.sampled_from(TITLES),
    st.sampled_from(ARTICLES),
    st.sampled_from(SITES),
    st.sampled_from([1, 1, 1, 2]),
    st.sampled_from([0, 0, 0, 30, 200]),
)


class Round(Struct, frozen=True):
    """A batch, and what becomes of it: how often it is taken back, what of it came then, who works it off."""

    drafts: Sequence[bytes]
    attempts: Sequence[int] = ()
    """How many of its drafts were handled each time that it was taken back."""
    restart: bool = False


class Mill:
    """One partition of stories with its store on a disk."""

    def __init__(self) -> None:
        self.tables = MemoryTables()
        self.count = 0
        self.start()

    def start(self) -> None:
        self.store = Store(self.tables, "stories", 0)
        self.stage = StoriesStage(MOST, SMALLEST)
        for _ in self.stage.prepare(Overlay(self.store)):
            pass

    def work(self, one: Round) -> list[bytes | None]:
        if one.restart:
            self.start()
        for attempt in one.attempts:
            self.stage.handle(one.drafts[:attempt], Overlay(self.store), ARRIVAL)
        overlay = Overlay(self.store)
        outputs = self.stage.handle(one.drafts, overlay, ARRIVAL)
        self.count += 1
        self.store.committed(overlay.changes(), Position(self.count, b"w", self.count), self.count)
        return [output.value for output in outputs]

    def index(self) -> Index:
        assert isinstance(self.store.derived, Index)
        return self.store.derived

    def again(self) -> Index:
        """The index as it would be made now."""
        *_, made = Index.restored(Memory(Overlay(self.store)), most=MOST, smallest=SMALLEST)
        assert made is not None
        return made


def same_slots(one: Index, other: Index) -> None:
    assert one.shelf == other.shelf
    assert len(one._segments) == len(other._segments)
    for left, right in zip(one._segments, other._segments, strict=True):
        assert (left.first, left.capacity, left.latest) == (right.first, right.capacity, right.latest)
        assert np.array_equal(left.bands._slots, right.bands._slots)
        assert (left.terms is None) == (right.terms is None)
        if left.terms is not None and right.terms is not None:
            assert np.array_equal(left.terms._slots, right.terms._slots)
            assert np.array_equal(left.terms._next, right.terms._next)
        used = one.shelf.next - left.first  # what lies beyond may be left of a batch that was taken back
        assert np.array_equal(left.facts[:used], right.facts[:used])


def encoded(made: Sequence[tuple[str, str, str, str, int, int]], hours: Sequence[int]) -> list[bytes]:
    """Drafts that arrive so many hours after each other; every tenth or so is a retraction."""
    found: list[Draft] = []
    at = timedelta()
    for number, ((name, title, text, site, revision, early), step) in enumerate(zip(made, hours, strict=True)):
        at += step * HOURS
        if number % 11 == 10:
            found.append(retraction(name, at))
            continue
        found.append(draft(name, title, text, site=site, revision=revision, after=at, seen=at - early * HOURS))
    return [msgspec.msgpack.encode(one) for one in found]


@st.composite
def days(draw: st.DrawFn) -> list[Round]:
    """Some dozens of drafts over some weeks, cut into batches, each with its misfortunes."""
    made = draw(st.lists(drafts, min_size=20, max_size=120))
    steps = st.sampled_from([0, 0, 1, 1, 2, 5, 30, 60])
    records = encoded(made, draw(st.lists(steps, min_size=len(made), max_size=len(made))))
    rounds: list[Round] = []
    while records:
        size = draw(st.integers(1, 12))
        batch, records = records[:size], records[size:]
        attempts = draw(st.lists(st.integers(0, len(batch)), max_size=2))
        rounds.append(Round(batch, attempts, draw(st.integers(0, 3)) == 0))
    return rounds


def undisturbed(rounds: Sequence[Round]) -> list[bytes | None]:
    mill = Mill()
    return [value for one in rounds for value in mill.work(Round(one.drafts))]


@settings(max_examples=40)
@given(days())
def test_taken_back_and_restarted_it_decides_the_same(rounds: list[Round]) -> None:
    mill = Mill()
    values = []
    for one in rounds:
        values += mill.work(one)
        same_slots(mill.index(), mill.again())
    assert values == undisturbed(rounds)


@settings(max_examples=25)
@given(days(), st.data())
def test_it_decides_the_same_however_the_drafts_are_cut(rounds: list[Round], data: st.DataObject) -> None:
    """Batches are what a poll of Kafka happens to bring: nothing may depend on where one ends."""
    records = [record for one in rounds for record in one.drafts]
    cuts = sorted(data.draw(st.sets(st.integers(1, len(records)), max_size=10)) | {0, len(records)})
    other = Mill()
    values = []
    for begin, end in pairwise(cuts):
        values += other.work(Round(records[begin:end]))
        same_slots(other.index(), other.again())
    assert values == undisturbed(rounds)


def long_run() -> Iterator[Round]:
    """Many copies of few texts over some weeks: full buckets, rolled segments, groups that are swept away."""
    made = [
        (f"n{number}", TITLES[number % 6], ARTICLES[(number * 7) % 10], SITES[(number // 3) % 3], 1, 0)
        for number in range(400)
    ]
    records = encoded(made, [1 if number % 9 else 12 for number in range(400)])
    for number, begin in enumerate(range(0, 400, 5)):
        attempts = [5, 3] if number % 4 == 3 else []
        yield Round(records[begin : begin + 5], attempts, number % 7 == 6)


def test_evicted_and_restored() -> None:
    mill = Mill()
    rounds = list(long_run())
    values = []
    for one in rounds:
        values += mill.work(one)
        same_slots(mill.index(), mill.again())
    assert mill.index().first > 300
    assert values == undisturbed(rounds)
    kept = [number for number, _ in Memory(Overlay(mill.store)).sightings(0)]
    assert len(kept) <= MOST + SMALLEST


def test_what_the_index_drops_is_gone_at_once() -> None:
    """And not when it is swept from the state: that depends on how much came in a batch."""
    text = sentences(0)
    shown = [draft("a", "甲", text), *(draft(f"f{number}", "渡轮", sentences(50 + number)) for number in range(MOST))]
    shown += [
        draft("drops", "渡轮", sentences(49)),
        draft("a", "甲", text, revision=2),
        draft("copy", "乙", text, site="nanyang.example"),
    ]
    records = [msgspec.msgpack.encode(one) for one in shown]
    [*_, copy] = undisturbed([Round(records)])
    assert [*undisturbed([Round([record]) for record in records])][-1] == copy
    assert msgspec.json.decode(copy or b"")["reprint_of"] == id_of("a").hex()


@pytest.mark.parametrize("least", [1 << 4, 1 << 6, 1 << 12])
def test_a_copy_is_found_whatever_the_segments(least: int) -> None:
    """How large segments are decides when something is forgotten, and nothing else."""
    stage, store = StoriesStage(10_000, least), Store(MemoryTables(), "stories", 0)
    records = [record for one in long_run() for record in one.drafts]
    outputs = stage.handle(records[:200], Overlay(store), ARRIVAL)
    whole = StoriesStage(10_000).handle(records[:200], Overlay(Store(MemoryTables(), "stories", 0)), ARRIVAL)
    assert [output.label for output in outputs] == [output.label for output in whole]
