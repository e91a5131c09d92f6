"""The index: segments that grow, roll and expire, batches that are taken back, and the shelf that it is made by."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest

from agents.stories.index import CANDIDATES, STORY_WINDOW, Index, pack_terms, story_key, unpack_terms
from agents.stories.memory import Memory, Shelf, Sighting
from agents.stories.nearcopy import WINDOW
from agents.stories.tables import MAX_CAPACITY, TermTable
from schemas.internal import Signature
from tests.states import DictState

DAY = 86_400
START = 1_790_000_000


def sighting(key: int, *, day: float = 0, term: int | None = None, story: bytes = b"s" * 16, rank: int = 1) -> Sighting:
    bands = np.random.default_rng(key).integers(0, 1 << 32, 32, np.uint32).tobytes()
    moment = int(START + day * DAY)
    terms = b"" if term is None else pack_terms(np.array([term], np.uint32), np.array([1.0]))
    return Sighting(
        b"i" * 16, moment, moment, 0, 0, 0, Signature(1, 9, bands, b"", b"", b"", b""), terms, story, rank, 2.5
    )


def keys(key: int) -> np.ndarray[tuple[int], np.dtype[np.uint32]]:
    return np.random.default_rng(key).integers(0, 1 << 32, 32, np.uint32)


def index(*, most: int = 1000, smallest: int = 16) -> Index:
    one = Index(Shelf(), most=most, smallest=smallest)
    one.expire(START)
    return one


def wait(one: Index, moment: int) -> None:
    """Let arrivals come until the clock has reached a moment."""
    while one.shelf.clock < moment:
        one.expire(moment)


def terms(*hashes: int) -> np.ndarray[tuple[int], np.dtype[np.uint32]]:
    return np.array(hashes, np.uint32)


def segments(one: Index) -> list[tuple[int, int]]:
    return [(first, capacity) for first, capacity, _ in one.shelf.segments]


def test_candidates_come_by_how_much_they_share() -> None:
    one = index()
    half = np.concatenate((keys(1)[:16], keys(2)[16:]))
    for bands in (keys(1), keys(2), half):
        one.add(msgspec.structs.replace(sighting(0), signature=Signature(1, 9, bands.tobytes(), b"", b"", b"", b"")))
    assert one.copies(keys(1)) == [0, 2]
    assert one.copies(half) == [2, 0, 1]
    assert one.copies(keys(3)) == []
    assert index().copies(keys(1)) == []


def test_most_candidates() -> None:
    one = index(smallest=4096)
    numbers = [one.add(sighting(1)) for _ in range(CANDIDATES + 20)]
    found = one.copies(keys(1))
    assert set(found) <= set(numbers)
    assert len(found) <= CANDIDATES
    assert found == sorted(found)


def test_kin_within_the_story_window() -> None:
    one = index()
    for day in (0, 3, 4, 5):
        one.add(sighting(day, day=day, term=7, story=bytes([day]) * 16, rank=day + 1))
    near = one.kin(terms(3, 7), START + 4 * DAY + 1)
    assert near.numbers.tolist() == [1, 2, 3]
    assert near.terms.tolist() == [1, 1, 1]
    assert near.ranks.tolist() == [4, 5, 6]
    assert near.norms.tolist() == [2.5] * 3
    assert near.stories.tolist() == [story_key(bytes([day]) * 16) for day in (3, 4, 5)]
    assert near.weights.tolist() == [1.0] * 3
    assert index().kin(terms(7), START).numbers.size == 0


def test_kin_of_two_segments_come_in_order() -> None:
    one = index()
    for _ in range(20):
        one.add(sighting(1, term=7))
    assert len(segments(one)) == 2
    assert one.kin(terms(9, 7), START).numbers.tolist() == list(range(20))


def test_segments_grow_with_the_window() -> None:
    one = index(most=100_000)
    for number in range(300):
        one.add(sighting(number % 5))
    assert [capacity for _, capacity in segments(one)] == [16, 16, 16, 16, 16, 32, 32, 64, 64, 128]
    assert len(one) == 300
    assert max(capacity for _, capacity in segments(one)) <= MAX_CAPACITY


def test_the_oldest_segment_goes_where_there_are_too_many() -> None:
    one = index(most=40)
    for number in range(41):
        one.expire(START)
        one.add(sighting(number))
    assert (one.first, len(one)) == (0, 41), "until the next one comes"
    one.expire(START)
    assert segments(one) == [(16, 16), (32, 16)]
    assert (one.first, len(one)) == (16, 25)
    assert one.copies(keys(15)) == []
    assert one.copies(keys(16)) == [16]


@pytest.mark.parametrize(
    ("seconds", "there"),
    [pytest.param(DAY, True, id="a day behind the window"), pytest.param(DAY + 1, False, id="later")],
)
def test_the_oldest_segment_goes_when_the_window_has_passed(seconds: int, there: bool) -> None:
    one = index()
    for number in range(20):
        one.add(sighting(number))
    wait(one, START + WINDOW + seconds)
    assert (one.copies(keys(3)) == [3]) is there
    assert one.copies(keys(18)) == [18], "the newest segment stays"


def test_the_clock_follows_the_arrivals_by_a_day_for_each() -> None:
    one = Index(Shelf(), most=1000)
    one.expire(START + 400 * DAY)
    one.add(sighting(0))
    assert one.shelf.clock == START + 400 * DAY, "there was none before"
    one.expire(START)
    assert one.shelf.clock == START + 399 * DAY
    one.expire(START + 399 * DAY + 5)
    assert one.shelf.clock == START + 399 * DAY + 5
    one.expire(START + 3000 * DAY)
    assert one.shelf.clock == START + 400 * DAY + 5


def test_one_arrival_of_a_wrong_year_throws_nothing_away() -> None:
    one = index()
    for number in range(40):
        one.expire(START + (5000 * DAY if number == 20 else number))
        one.add(sighting(number, term=7))
    assert segments(one) == [(0, 16), (16, 16), (32, 16)]
    assert all(not bare for _, _, bare in one.shelf.segments)


def test_terms_go_after_the_story_window_and_copies_are_still_found() -> None:
    one = index()
    for number in range(20):
        one.add(sighting(number, term=7))
    before = one.bytes
    wait(one, START + STORY_WINDOW + DAY)
    assert one.bytes == before
    wait(one, START + STORY_WINDOW + DAY + 1)
    assert one.bytes == before - TermTable(16).bytes
    assert one.kin(terms(7), START).numbers.tolist() == [16, 17, 18, 19]
    assert one.copies(keys(3)) == [3]


def test_a_batch_that_comes_again_was_taken_back() -> None:
    one = index()
    assert one.begin(0)
    one.expire(START)
    one.add(sighting(1, term=7))
    assert one.begin(1)
    settled = one.shelf
    one.expire(START + DAY)
    one.add(sighting(2, day=1, term=7))
    assert one.begin(1)
    assert one.shelf == settled
    assert one.copies(keys(2)) == []
    assert one.kin(terms(7), START).numbers.tolist() == [0]
    assert one._segments[-1].latest == START
    one.add(sighting(3))
    assert one.begin(2)
    assert one.copies(keys(3)) == [1]


def test_what_cannot_be_taken_back_is_said() -> None:
    opened, dropped, forgot = index(), index(most=20), index()
    assert opened.begin(0)
    opened.add(sighting(1))
    assert not opened.begin(0)
    for one in (dropped, forgot):
        for number in range(40):
            one.add(sighting(number))
        assert one.begin(5)
    dropped.expire(START)
    assert not dropped.begin(5)
    wait(forgot, START + STORY_WINDOW + DAY + 1)
    assert not forgot.begin(5)


def test_it_is_made_again_from_the_state() -> None:
    memory = Memory(DictState())
    one = index(most=40)
    for number in range(60):
        one.expire(START)
        memory.add_sighting(one.add(sighting(number, term=number % 3)), sighting(number, term=number % 3))
    memory.note_shelf(one.shelf)
    *pauses, again = Index.restored(memory, most=40, smallest=16)
    assert pauses == [None]
    assert again is not None
    assert (again.shelf, len(again), again.bytes) == (one.shelf, len(one), one.bytes)
    assert again.copies(keys(50)) == [50]
    assert again.copies(keys(3)) == []


def test_it_pauses_while_it_is_made() -> None:
    memory = Memory(DictState())
    one = index(most=100_000, smallest=4096)
    for _ in range(1200):
        memory.add_sighting(one.add(sighting(1)), sighting(1))
    memory.note_shelf(one.shelf)
    *pauses, again = Index.restored(memory, most=100_000)
    assert pauses == [None, None, None]
    assert again is not None


def test_terms_are_packed() -> None:
    hashes, weights = terms(0, 7, (1 << 32) - 1), np.array([1.0, 0.5, 0.001])
    back, heavy = unpack_terms(pack_terms(hashes, weights))
    assert back.tolist() == hashes.tolist()
    assert heavy == pytest.approx(weights, abs=1e-4)
