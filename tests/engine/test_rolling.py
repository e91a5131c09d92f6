"""The ledger of a moving window finds what a new one of the same window would, and tells of each fault once."""

from __future__ import annotations

import tracemalloc
from array import array

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.engine.ledger import Ledger, Origin
from agents.engine.rolling import LOGGED, Findings, RollingLedger, both
from agents.stage import EntryRef, Topic

RAW = "feeds.raw"


class Rolling:
    """One partition, read up to `end`; everything of it is old enough and taken, unless said otherwise."""

    def __init__(self, end: int = 0, linger: float = 0) -> None:
        self.ledger = RollingLedger(RAW, {0: 0}, linger=linger)
        self.begin = self.end = 0
        self.now = 0.0
        self.read(end)

    def read(self, end: int) -> None:
        self.ledger.grow(0, end)
        for offset in range(self.end, end):
            self.ledger.raw(0, offset)
        self.end = end

    def outcome(self, offset: int, index: int = 0, count: int = 1, at: str = "there") -> None:
        self.ledger.outcome(Topic.ENRICHED, Origin(RAW, 0, offset, index, count), at)

    def number(self, offset: int, revision: int, *, item: bool = True) -> None:
        origin = Origin(RAW, 0, offset, 0, 1)
        self.ledger.numbered(origin, "a" * 32, revision, "there", item=item, replayed=False)

    def round(self, begin: int = 0, until: int | None = None, taken: int | None = None) -> Findings:
        windows = {0: (begin, self.end if until is None else until)}
        done = {0: self.end if taken is None else taken}
        self.now += 1
        self.ledger.slide(windows, done, self.now)
        return self.ledger.sum_up(windows, done, self.ledger.lost(windows, done))


def news(found: Findings) -> dict[str, int]:
    return {kind: one.count for kind, one in found.news.items() if one.count}


events = st.lists(st.tuples(st.integers(0, 11), st.integers(0, 2), st.integers(1, 3)), max_size=40)


@settings(max_examples=60)
@given(events, st.integers(0, 12))
def test_it_finds_what_a_new_ledger_of_the_same_window_finds(outcomes: list[tuple[int, int, int]], begin: int) -> None:
    rolling, fresh = Rolling(6), Ledger(RAW, {0: (begin, 12)})
    for offset in range(begin, 12):
        fresh.raw(0, offset)
    for number, (offset, index, count) in enumerate(outcomes):
        if number == len(outcomes) // 2:
            rolling.read(12)
            rolling.round(begin // 2)
        if offset < rolling.end:  # no outcome before its raw record
            rolling.outcome(offset, index, count)
            fresh.outcome(Topic.ENRICHED, Origin(RAW, 0, offset, index, count), "there")
    rolling.read(12)
    found, wanted = rolling.round(begin), fresh.account({0: 12})
    assert (found.missing, found.doubled, found.contradicting, found.entries) == (
        wanted.missing.count,
        wanted.doubled.count,
        wanted.contradicting.count,
        wanted.entries,
    )


@pytest.mark.parametrize(
    ("origin", "contradicting"),
    [
        pytest.param(Origin(RAW, -1, 0, 0, 1), 0, id="partition below 0"),
        pytest.param(Origin(RAW, 5000, 0, 0, 1), 0, id="partition that nothing can hold"),
        pytest.param(Origin(RAW, 0, -1, 0, 1), 0, id="offset below 0"),
        pytest.param(Origin(RAW, 0, 1 << 60, 0, 1), 0, id="offset that nothing can hold"),
        pytest.param(Origin(RAW, 0, 0, -1, 1), 1, id="index below 0"),
        pytest.param(Origin(RAW, 0, 0, 1 << 62, 1), 1, id="index that nothing can hold"),
    ],
)
def test_an_outcome_of_an_entry_that_cannot_be_ends_no_round(origin: Origin, contradicting: int) -> None:
    """Anybody may write such a record, and it stands on the topic for 90 days."""
    rolling = Rolling(1)
    rolling.outcome(0)
    for id in ("a" * 32, "-" + "a" * 31):
        rolling.ledger.outcome(Topic.ENRICHED, origin, "there")
        rolling.ledger.numbered(origin, id, 1, "there", item=True, replayed=False)
    found = rolling.round()
    assert (found.missing, found.doubled, found.contradicting) == (0, 0, 2 * contradicting)


def test_no_number_is_left_out_while_an_old_entry_may_still_come() -> None:
    """What is lost at one look alone is no loss yet, and no gap."""
    rolling = Rolling(3)
    for offset, revision in ((0, 1), (2, 3)):
        rolling.outcome(offset)
        rolling.number(offset, revision)
    windows, taken = {0: (0, 3)}, {0: 3}
    rolling.ledger.slide(windows, taken, now=0)
    assert len(rolling.ledger.lost(windows, taken)) == 1
    found = rolling.ledger.sum_up(windows, taken, array("Q"))
    assert (found.missing, found.altered) == (0, 0)
    found = rolling.round()  # now it is sure
    assert (found.missing, found.altered) == (1, 1)


def test_a_backlog_older_than_the_window_stays_in_it_until_its_end_is_known() -> None:
    """The mill was down for longer than the window. What became of those documents is what one wants to know."""
    rolling = Rolling(6)
    for offset in range(2):
        rolling.outcome(offset)
    found = rolling.round(begin=5, taken=2)
    assert (found.entries, found.waiting, found.missing) == (0, 4, 0)
    rolling.outcome(2)
    rolling.outcome(4, 0, 2)
    rolling.ledger.in_flight(EntryRef(0, 4, 1))
    found = rolling.round(begin=5, taken=5)
    assert (found.entries, found.waiting, found.in_flight, found.missing) == (3, 1, 1, 1)
    rolling.ledger.forget_in_flight()
    rolling.outcome(4, 1, 2)
    rolling.outcome(5)
    found = rolling.round(begin=5, taken=6)
    assert (found.entries, found.waiting, found.in_flight, found.missing) == (3, 0, 0, 0)
    rolling.round(begin=5, taken=6)
    rolling.outcome(4, 1, 2)
    found = rolling.round(begin=5, taken=6)
    assert (found.entries, found.doubled) == (1, 0), "it has left the window"


def test_what_was_under_way_lingers_so_that_a_loss_and_a_double_are_seen() -> None:
    rolling = Rolling(3, linger=2)
    assert rolling.round(begin=3, taken=0).waiting == 3
    rolling.outcome(0)
    rolling.outcome(0)
    rolling.outcome(2)
    for _ in range(3):
        found = rolling.round(begin=3)
        assert (found.entries, found.doubled, found.missing) == (2, 1, 1)
    found = rolling.round(begin=3)
    assert (found.entries, found.doubled, found.missing) == (0, 0, 0)


def test_a_fault_is_news_once_and_again_when_it_comes_again() -> None:
    rolling = Rolling(3)
    rolling.outcome(0)
    assert news(rolling.round()) == {"Missing": 2}
    rolling.outcome(1)
    rolling.outcome(1)
    assert news(found := rolling.round()) == {"Doubled": 1}
    assert (found.missing, found.doubled) == (1, 1)
    assert news(found := rolling.round(taken=2)) == {}
    assert (found.missing, found.waiting) == (0, 1)
    assert news(rolling.round()) == {"Missing": 1}


def test_an_outcome_of_no_raw_record_contradicts_until_it_leaves() -> None:
    rolling = Rolling(2)
    rolling.ledger.grow(0, 3)  # at 2 stands a marker
    for offset in (0, 1, 2):
        rolling.outcome(offset)
    rolling.end = 3
    found = rolling.round()
    assert (found.contradicting, news(found)) == (1, {"Contradicting": 1})
    assert news(rolling.round()) == {}
    assert rolling.round(begin=3).contradicting == 0


def test_what_is_on_its_way_is_not_lost() -> None:
    rolling = Rolling(2)
    rolling.outcome(0, 0, 3)
    rolling.ledger.in_flight(EntryRef(0, 0, 1))
    rolling.ledger.in_flight(EntryRef(0, 1, 0))
    found = rolling.round()
    assert (found.missing, found.in_flight) == (1, 2)
    assert rolling.round(until=0).in_flight == 3, "young ones are not looked for: what has no outcome is on its way"


def test_a_gap_is_told_when_nothing_old_is_on_its_way() -> None:
    rolling = Rolling(3)
    for offset, revision in ((0, 1), (2, 3)):
        rolling.outcome(offset)
        rolling.number(offset, revision)
    assert rolling.round(taken=1).altered == 0
    rolling.outcome(1)
    assert rolling.round(until=2).altered == 0, "the later one is too young to be judged"
    assert (found := rolling.round()).altered == 1
    assert news(found) == {"Altered": 1}
    rolling.number(1, 2, item=False)  # a dead letter, from another topic
    assert rolling.round().altered == 0


def test_a_number_stays_as_long_as_it_can_fill_a_gap() -> None:
    """Revision 2 of an older document than revision 1's: its partition was behind."""
    rolling = Rolling(4)
    for offset, revision in ((1, 1), (0, 2), (2, 3)):
        rolling.outcome(offset)
        rolling.number(offset, revision)
    rolling.outcome(3)
    assert rolling.round().altered == 0
    assert rolling.round(begin=1).altered == 0


def test_what_leaves_the_window_leaves_the_memory() -> None:
    tracemalloc.start()
    try:
        rolling = Rolling()
        sizes = []
        for day in range(1, 7):
            begin = (day - 1) * 2_000
            rolling.read(day * 2_000)
            for offset in range(begin, day * 2_000):
                if offset % 50:
                    rolling.outcome(offset)
                    origin = Origin(RAW, 0, offset, 0, 1)
                    rolling.ledger.numbered(origin, f"{offset:016x}" * 2, 1, "there", item=True, replayed=False)
                if offset % 100 == 1:
                    rolling.outcome(offset)
            found = rolling.round(begin)
            assert len(rolling.ledger._numbers) == 1_960
            assert (found.missing, found.doubled, found.entries) == (40, 20, 1_960)
            sizes.append(tracemalloc.get_traced_memory()[0])
        assert sizes[-1] < sizes[1] * 1.3, sizes
    finally:
        tracemalloc.stop()


def test_many_numbers_that_are_wrong_stay_small_and_are_news_once() -> None:
    """Two mills of other state on one set of topics: every number comes twice, and just then it must not end."""
    rolling = Rolling(20_000)
    for offset in range(20_000):
        rolling.outcome(offset)
        origin = Origin(RAW, 0, offset, 0, 1)
        rolling.ledger.numbered(origin, f"{offset // 2:016x}" * 2, 1, "there", item=True, replayed=False)
    windows, taken = {0: (0, 20_000)}, {0: 20_000}
    rolling.ledger.slide(windows, taken, now=0)
    tracemalloc.start()
    try:
        found = rolling.ledger.sum_up(windows, taken, array("Q"))
        grown = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert found.altered == found.news["Altered"].count == 10_000
    assert news(rolling.round()) == {}
    assert grown < 10_000 * 16, grown


def test_many_faults_are_a_few_lines_and_a_number() -> None:
    found = Rolling(5000).round()
    assert found.missing == found.news["Missing"].count == 5000
    assert len(found.news["Missing"].shown) == LOGGED
    assert found.news["Missing"].shown[0].source == f"{RAW}/0/0"


def test_both() -> None:
    assert both(array("Q", [1, 2, 3]), array("Q", [4, 3, 1])) == array("Q", [3, 1])
    assert both(array("Q"), array("Q", [1])) == array("Q")
