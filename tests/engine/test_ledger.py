"""The ledger finds every fault that is planted, and none that is not there."""

from __future__ import annotations

import random
import tracemalloc
from collections.abc import Callable, Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.engine.ledger import SHOWN, Account, Ledger, Origin
from agents.stage import EntryRef, Topic

RAW = "feeds.raw"
KINDS = (Topic.ENRICHED, Topic.DUPLICATES, Topic.DEAD_LETTER)

Outcome = tuple[Topic, Origin]


def entry(offset: int, index: int, count: int, kind: Topic = Topic.ENRICHED, partition: int = 0) -> Outcome:
    return kind, Origin(RAW, partition, offset, index, count)


def whole(offset: int) -> Outcome:
    return Topic.DEAD_LETTER, Origin(RAW, 0, offset, None, None)


def audit(raw: Iterable[int], outcomes: Iterable[Outcome], *, taken: int | None = 1000) -> Account:
    ledger = Ledger(RAW, {0: (0, 1000)})
    for offset in raw:
        ledger.raw(0, offset)
    for number, (kind, origin) in enumerate(outcomes):
        ledger.outcome(kind, origin, f"there/{number}")
    return ledger.account({0: taken})


def test_a_whole_ledger_sums_up() -> None:
    outcomes = [
        entry(0, 0, 3),
        entry(0, 1, 3, Topic.DUPLICATES),
        entry(0, 2, 3, Topic.DEAD_LETTER),
        whole(1),
        entry(3, 0, 1),
    ]
    account = audit([0, 1, 3], outcomes)
    assert account.whole
    assert account.settled
    assert (account.raw, account.entries, account.outcomes) == (3, 5, 5)
    assert (account.items, account.duplicates, account.dead_letters) == (2, 1, 2)


@pytest.mark.parametrize(
    ("raw", "outcomes", "missing", "doubled", "contradicting"),
    [
        pytest.param([0], [], ["feeds.raw/0/0: no outcome at all"], 0, 0, id="a document lost"),
        pytest.param([0], [entry(0, 0, 2)], ["feeds.raw/0/0/1"], 0, 0, id="an entry lost"),
        pytest.param([0], [entry(0, 1, 3)], ["feeds.raw/0/0/0", "feeds.raw/0/0/2"], 0, 0, id="two entries lost"),
        pytest.param([0], [entry(0, 0, 1), entry(0, 0, 1)], [], 1, 0, id="an item doubled"),
        pytest.param([0], [entry(0, 0, 2), entry(0, 0, 2)], ["feeds.raw/0/0/1"], 1, 0, id="doubled and lost"),
        pytest.param([0], [entry(0, 0, 1), entry(0, 0, 1, Topic.DUPLICATES)], [], 1, 0, id="item and duplicate"),
        pytest.param([0], [entry(0, 0, 1), entry(0, 0, 1, Topic.DEAD_LETTER)], [], 1, 0, id="item and dead letter"),
        pytest.param([0], [whole(0), whole(0)], [], 1, 0, id="failed twice"),
        pytest.param([0], [whole(0), entry(0, 0, 1)], [], 1, 0, id="failed as a whole, and an item of it"),
        pytest.param([0], [entry(0, 0, 1), whole(0)], [], 1, 0, id="an item, and failed as a whole"),
        pytest.param([0], [entry(0, 0, 2), entry(0, 1, 3)], ["feeds.raw/0/0/1"], 0, 1, id="two counts"),
        pytest.param([0], [entry(0, 0, 1), entry(0, 0, 2)], [], 0, 1, id="two counts, once complete"),
        pytest.param([0], [entry(0, 2, 2)], ["feeds.raw/0/0: no outcome at all"], 0, 1, id="index beyond its count"),
        pytest.param([0], [entry(0, -1, 2)], ["feeds.raw/0/0: no outcome at all"], 0, 1, id="negative index"),
        pytest.param([0], [entry(0, 0, 10**9)], ["feeds.raw/0/0: no outcome at all"], 0, 1, id="absurd count"),
        pytest.param([], [entry(7, 0, 1)], [], 0, 1, id="outcome of no raw record"),
        pytest.param([], [entry(7, 0, 2)], [], 0, 1, id="part of the outcomes of no raw record"),
    ],
)
def test_planted_fault(
    raw: list[int], outcomes: list[Outcome], missing: list[str], doubled: int, contradicting: int
) -> None:
    account = audit(raw, outcomes)
    assert account.missing.shown == missing
    assert account.doubled.count == doubled
    assert account.contradicting.count == contradicting
    assert not account.whole


def test_a_double_names_both_places_it_knows() -> None:
    account = audit([0], [entry(0, 0, 1), entry(0, 0, 1, Topic.DUPLICATES)])
    assert account.doubled.shown == ["feeds.raw/0/0/0: has another outcome, and the one at there/1"]


def test_only_the_first_faults_are_named_and_all_are_counted() -> None:
    account = audit(range(50), [])
    assert account.missing.count == 50
    assert len(account.missing.shown) == SHOWN


def test_what_parse_has_not_taken_is_waiting() -> None:
    account = audit([0, 1, 2], [entry(0, 0, 1)], taken=1)
    assert account.whole
    assert not account.settled
    assert account.waiting == 2


def test_before_the_first_worker_everything_waits() -> None:
    assert audit([0, 1], [], taken=None).waiting == 2


def test_a_document_beyond_the_hint_with_some_outcomes_is_in_flight() -> None:
    account = audit([5], [entry(5, 0, 3)], taken=5)
    assert account.whole
    assert (account.waiting, account.in_flight) == (0, 2)


def test_entries_between_the_stages_are_in_flight_and_the_others_lost() -> None:
    ledger = Ledger(RAW, {0: (0, 10)})
    ledger.raw(0, 0)
    ledger.outcome(*entry(0, 0, 3), "there")
    ledger.in_flight(EntryRef(0, 0, 0))  # the hint is older than its outcome
    ledger.in_flight(EntryRef(0, 0, 1))
    account = ledger.account({0: 10})
    assert account.in_flight == 1
    assert account.missing.shown == ["feeds.raw/0/0/2"]
    ledger.forget_in_flight()
    assert ledger.account({0: 10}).missing.count == 2


def test_outcomes_outside_the_window_do_not_count() -> None:
    ledger = Ledger(RAW, {0: (5, 10)})
    ledger.raw(0, 4)
    for offset in (4, 10):
        ledger.outcome(*entry(offset, 0, 1), "there")
    ledger.outcome(*entry(5, 0, 1, partition=3), "there")
    account = ledger.account({0: 10})
    assert (account.raw, account.outcomes) == (0, 0)
    assert account.whole


def test_outcomes_of_no_raw_topic_are_counted_apart() -> None:
    ledger = Ledger(RAW, {0: (0, 10)})
    ledger.outcome(Topic.DEAD_LETTER, Origin("file", 0, 0, None, None), "there")
    account = ledger.account({0: 10})
    assert (account.elsewhere, account.outcomes) == (1, 0)


def test_complete_asks_only_for_what_was_read() -> None:
    ledger = Ledger(RAW, {0: (0, 10)})
    assert ledger.complete
    ledger.raw(0, 1)
    assert not ledger.complete
    ledger.outcome(*entry(1, 0, 1), "there")
    assert ledger.complete


documents = st.lists(st.integers(0, 12), min_size=1, max_size=30)


def _outcomes(counts: list[int], draw: Callable[[list[Topic]], Topic]) -> list[Outcome]:
    return [
        outcome
        for offset, count in enumerate(counts)
        for outcome in (
            [entry(offset, index, count, draw(list(KINDS))) for index in range(count)] if count else [whole(offset)]
        )
    ]


@given(documents, st.randoms(use_true_random=False))
def test_any_order_of_a_whole_mill_is_whole(counts: list[int], chance: random.Random) -> None:
    outcomes = _outcomes(counts, chance.choice)
    chance.shuffle(outcomes)
    account = audit(range(len(counts)), outcomes)
    assert account.whole
    assert account.entries == account.outcomes == len(outcomes)


@given(documents, st.randoms(use_true_random=False))
def test_any_one_loss_and_any_one_double_are_found(counts: list[int], chance: random.Random) -> None:
    outcomes = _outcomes(counts, chance.choice)
    chance.shuffle(outcomes)
    lost, *others = outcomes
    assert audit(range(len(counts)), others).missing.count == 1
    doubled = audit(range(len(counts)), [*outcomes, lost])
    assert (doubled.missing.count, doubled.doubled.count) == (0, 1)


@pytest.mark.parametrize("entries", [pytest.param(1, id="one entry each"), pytest.param(50, id="polled feeds")])
def test_a_million_entries_fit(entries: int) -> None:
    """A fifth of a million in a fifth of the 300 MB. The worst order: every document is open at once."""
    records = 200_000 // entries
    tracemalloc.start()
    ledger = Ledger(RAW, {0: (0, records)})
    for offset in range(records):
        ledger.raw(0, offset)
    for index in range(entries):
        for offset in range(records):
            ledger.outcome(Topic.ENRICHED, Origin(RAW, 0, offset, index, entries), "")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert ledger.account({0: records}).whole
    assert peak < 60_000_000
