"""Which dead letters wait for a replay: histories of one raw topic, and what is due after them."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable

import pytest

from agents.engine.replays import Fate, Letter, Place, RawPlace, Round, Verdict
from schemas import Position

RAW = "feeds.raw"
OVERTAKEN, UNDER_WAY, COME_OUT = Fate.OVERTAKEN, Fate.UNDER_WAY, Fate.COME_OUT

DOCUMENT: Place = (Position(RAW, 0, 5), "")
ENTRY: Place = (Position(RAW, 0, 5, 1), "")
OTHER: Place = (Position(RAW, 0, 6, 0), "")

Told = Callable[[Round], None]


def letter(place: Place, time: int, source: RawPlace | None = None) -> Told:
    """A letter of the topic, numbered by its time; `source` is the original's record if it is not said."""
    position = place[0]
    made_of = source or (position.partition, position.offset)
    return lambda round_: round_.letter(place, Letter(time, 0, time, made_of))


def replay(place: Place, time: int, at: RawPlace) -> Told:
    return lambda round_: round_.replay(place, time, at)


def item(place: Place, time: int) -> Told:
    return lambda round_: round_.item(place, time)


def verdict(wanted: list[tuple[Place, int]], told: list[Told], taken: int = 0) -> Verdict:
    """`wanted`: the letters that are asked for, by place and time."""
    round_ = Round(RAW)
    for place, time in wanted:
        round_.add(place, Letter(time, 0, time, (0, 5)))
    for tell in told:
        tell(round_)
    return round_.verdict({0: taken})


@pytest.mark.parametrize(
    ("wanted", "told", "taken", "due", "left_out"),
    [
        pytest.param([(ENTRY, 10)], [letter(ENTRY, 10)], 6, [10], {}, id="never replayed"),
        pytest.param(
            [(ENTRY, 10)],
            [letter(ENTRY, 10), replay(ENTRY, 20, (0, 8))],
            8,
            [],
            {UNDER_WAY: 1},
            id="replayed, not yet taken",
        ),
        pytest.param(
            [(ENTRY, 10)],
            [letter(ENTRY, 10), replay(ENTRY, 20, (0, 8))],
            9,
            [],
            {COME_OUT: 1},
            id="replayed and worked off",
        ),
        pytest.param(
            [(ENTRY, 10), (ENTRY, 30)],
            [letter(ENTRY, 10), replay(ENTRY, 20, (0, 8)), letter(ENTRY, 30, (0, 8))],
            9,
            [30],
            {OVERTAKEN: 1},
            id="replayed, failed again",
        ),
        pytest.param(
            [(ENTRY, 10), (ENTRY, 30)],
            [letter(ENTRY, 10), replay(ENTRY, 20, (0, 8)), letter(ENTRY, 30, (0, 8)), replay(ENTRY, 40, (0, 9))],
            10,
            [],
            {OVERTAKEN: 1, COME_OUT: 1},
            id="failed again, then came out",
        ),
        pytest.param(
            [(ENTRY, 10)],
            [letter(ENTRY, 10), replay(ENTRY, 20, (0, 8)), letter(ENTRY, 30, (0, 8))],
            9,
            [],
            {OVERTAKEN: 1},
            id="failed again as a letter that is not asked for",
        ),
        pytest.param(
            [(DOCUMENT, 10)],
            [letter(DOCUMENT, 10), replay(DOCUMENT, 20, (0, 8)), letter(ENTRY, 30, (0, 8))],
            9,
            [],
            {COME_OUT: 1},
            id="a document that came out, all but an entry",
        ),
        pytest.param(
            [(DOCUMENT, 10), (ENTRY, 30)],
            [letter(DOCUMENT, 10), replay(DOCUMENT, 20, (0, 8)), letter(ENTRY, 30, (0, 8))],
            9,
            [30],
            {COME_OUT: 1},
            id="and that entry",
        ),
        pytest.param(
            [(ENTRY, 10)],
            [letter(ENTRY, 10), replay(DOCUMENT, 20, (0, 8))],
            9,
            [],
            {COME_OUT: 1},
            id="its document was reprocessed since",
        ),
        pytest.param(
            [(DOCUMENT, 10)],
            [letter(DOCUMENT, 10), replay(ENTRY, 20, (0, 8))],
            9,
            [10],
            {},
            id="a replay of an entry says nothing of its document",
        ),
        pytest.param(
            [(ENTRY, 10), (OTHER, 11)],
            [letter(ENTRY, 10), letter(OTHER, 11), replay(OTHER, 20, (0, 8))],
            9,
            [10],
            {COME_OUT: 1},
            id="another entry's replay",
        ),
        pytest.param(
            [(ENTRY, 10)], [letter(ENTRY, 10), item(ENTRY, 40)], 9, [], {COME_OUT: 1}, id="an item, its replay is gone"
        ),
        pytest.param(
            [(DOCUMENT, 10)],
            [letter(DOCUMENT, 10), item(ENTRY, 40)],
            9,
            [],
            {COME_OUT: 1},
            id="an item of a document, its replay is gone",
        ),
        pytest.param(
            [(ENTRY, 50)],
            [letter(ENTRY, 50, (0, 9)), item(ENTRY, 40), replay(ENTRY, 45, (0, 9))],
            10,
            [50],
            {},
            id="came out once, then a newer mill failed on it",
        ),
        pytest.param(
            [(ENTRY, 30)],
            [letter(ENTRY, 10), letter(ENTRY, 30, (0, 8)), replay(ENTRY, 20, (0, 8))],
            9,
            [30],
            {},
            id="only the newest asked for",
        ),
        pytest.param([], [letter(ENTRY, 10), replay(ENTRY, 20, (0, 8)), item(ENTRY, 30)], 9, [], {}, id="no letter"),
    ],
)
def test_what_is_due(
    wanted: list[tuple[Place, int]], told: list[Told], taken: int, due: list[int], left_out: dict[Fate, int]
) -> None:
    for seed in range(6):
        random.Random(seed).shuffle(told)
        found = verdict(wanted, told, taken)
        assert [one.time for one in found.due] == due
        assert found.left_out == Counter(left_out)


def test_files_have_no_offsets_of_their_own() -> None:
    """`ingest` numbers what it refuses from 0 in each run: the path tells two of them apart."""
    round_ = Round(RAW)
    refused = Position("file", 0, 0)
    for time, ref in ((10, "a.jsonl"), (20, "b.jsonl"), (30, "a.jsonl")):
        round_.add(round_.place(refused, ref), Letter(time, 0, time, None))
    round_.replay(round_.place(refused, "b.jsonl"), 40, (0, 8))
    assert len(round_) == 2
    found = round_.verdict({0: 9})
    assert [one.time for one in found.due] == [30]
    assert found.left_out == Counter({OVERTAKEN: 1, COME_OUT: 1})


def test_since() -> None:
    round_ = Round(RAW)
    assert round_.since == 0
    round_.add(OTHER, Letter(20, 1, 3, (0, 6)))
    round_.add(ENTRY, Letter(10, 0, 7, (0, 5)))
    assert round_.since == 10
