"""The engine's promises under every fault that a cluster has, in ten thousand small histories.

A failing seed prints the way of the entry that was lost or doubled; `python -m tests.engine.model --seed N` plays it
again, step for step.
"""

from __future__ import annotations

import os
import re
from dataclasses import replace

import pytest

from tests.engine.model.check import violations
from tests.engine.model.faults import Faults
from tests.engine.model.history import failure, failures, play
from tests.engine.model.planted import BORROWING, FORGETFUL, LOSING, PLANTED, REFUSING, SLEEPY, UNPOWERED, Planted
from tests.engine.model.world import World

SEEDS = int(os.environ.get("FEEDMILL_MODEL_SEEDS", "10000"))
PART = 250
"""Seeds of one case: pytest's workers share the cases, and none is left with a long one at the end."""


@pytest.mark.parametrize("first", range(0, SEEDS, PART))
def test_promises_hold_in_every_history(first: int) -> None:
    """Promises 1, 2, 6 and 7, and the very outcomes of one process, for every seed."""
    found = failures(range(first, min(first + PART, SEEDS)))
    assert not found, "\n\n".join(found[:3])


@pytest.mark.parametrize(
    "faults",
    [
        pytest.param(FORGETFUL, id="forgetful broker"),
        pytest.param(SLEEPY, id="sleepy workers"),
        pytest.param(REFUSING, id="refusing topics"),
        pytest.param(BORROWING, id="borrowed disks"),
        pytest.param(UNPOWERED, id="power cuts"),
    ],
)
def test_the_sound_engine_stands_harsher_worlds(faults: Faults) -> None:
    for seed in range(100):
        assert not (found := failure(seed, faults=faults)), found


def test_a_lost_changelog_stops_the_mill() -> None:
    """It stands still rather than make a second outcome of anything."""
    stopped = 0
    for seed in range(100):
        world = play(seed, faults=LOSING)
        stopped += world.stopped_there > 0
        assert not violations(world), failure(seed, faults=LOSING)
    assert stopped > 30


@pytest.mark.xfail(strict=True, reason="a broker that writes some markers of a transaction and loses the others")
def test_markers_that_are_lost_in_part() -> None:
    """Such a broker has broken the transaction itself: docs/reliability.md, not promised."""
    partly = replace(Faults(), lose_markers=0.0, lose_some_markers=0.02)
    assert not [seed for seed in range(60) if violations(play(seed, faults=partly))]


# Planted faults: each takes one safeguard away. `model/planted.py` has the table.


def found_by(planted: Planted, faults: Faults, seeds: int) -> int | None:
    """The first history that notices the fault."""
    with planted.in_place() as make_loop:
        for seed in range(seeds):
            world = play(seed, make_loop, faults)
            broken = bool(violations(world))
            world.forget()
            if broken:
                return seed
    return None


@pytest.mark.parametrize("planted", PLANTED, ids=lambda planted: planted.id)
def test_a_planted_fault_is_found(planted: Planted) -> None:
    assert found_by(planted, planted.faults, 1000) is not None, (
        f"1,000 histories did not notice it: {planted.taken_away}"
    )


@pytest.mark.heavy
@pytest.mark.parametrize("planted", [one for one in PLANTED if one.only_by], ids=lambda planted: planted.id)
def test_only_some_kinds_of_faults_find_it(planted: Planted) -> None:
    """What a kind is in the model for: without it the fault passes."""
    assert found_by(planted, planted.without, 300) is None


# The model itself


@pytest.mark.parametrize("seed", range(3))
def test_a_seed_is_one_history(seed: int) -> None:
    first, second = play(seed, diary=True), play(seed, diary=True)
    assert first.history == second.history
    assert _records(first) == _records(second)


@pytest.mark.parametrize("seed", range(10, 20))
def test_what_is_remembered_is_what_the_stages_make(seed: int) -> None:
    """Remembered results make the very same topics as stages that work out everything."""
    assert _records(play(seed, bare=False)) == _records(play(seed, bare=True))


def _records(world: World) -> dict[tuple[str, int], list[tuple[bytes | None, bytes | None]]]:
    return {
        place: [(written.record.key, written.record.value) for written in log.places if written.record is not None]
        for place, log in world.broker.logs.items()
        if "changelog" not in place[0]  # position records hold random names of their writers
    }


@pytest.mark.parametrize(
    ("planted", "expected"),
    [
        pytest.param("TriesAgainInPlace", "outcomes", id="doubled"),
        pytest.param("RestoresUncommitted", "no outcome", id="lost"),
    ],
)
def test_a_report_tells_the_way_of_the_entry(planted: str, expected: str) -> None:
    fault = next(one for one in PLANTED if one.id == planted)
    with fault.in_place() as make_loop:
        texts = filter(None, (failure(seed, make_loop, fault.faults) for seed in range(1000)))
        text = next(text for text in texts if expected in text.splitlines()[1])  # others break in other ways
    assert re.search(r"seed \d+ breaks", text)
    assert " > " in text
    assert "stands at raw/" in text
    assert "parse passes raw/" in text
