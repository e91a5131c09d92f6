"""Plays histories: one, or many and tells what went wrong."""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import cache
from typing import Any

import msgspec

from agents.dedupe.stage import DedupeStage
from agents.engine.loop import StageLoop
from agents.enrich.stage import EnrichStage
from agents.parse.stage import ParseStage
from agents.stage import Output, Stage, State
from agents.stories.stage import StoriesStage
from schemas import Draft, StageName
from tests.engine.model.check import count_outcomes, violations
from tests.engine.model.faults import Faults
from tests.engine.model.mirror import Mirroring
from tests.engine.model.remembering import Remembering
from tests.engine.model.report import report
from tests.engine.model.worker import Disk
from tests.engine.model.world import LoopMaker, Stages, World

BARE_EVERY = 19
"""Of so many histories one is played with the bare stages, and their batches. It is not always the same of a plan."""

COLLECT_EVERY = 200
FOREIGN_SEEDS = (20_000_001, 20_000_016)


@cache
def bare_stages() -> Stages:
    """Once a process: models load slowly."""
    return {
        StageName.PARSE: ParseStage(),
        StageName.DEDUPE: DedupeStage(),
        StageName.ENRICH: EnrichStage(pipeline="model"),
        StageName.STORIES: Mirroring(Ungrouped()),
    }


@cache
def remembering_stages() -> Stages:
    stages: dict[StageName, Stage[Any]] = {name: Remembering(stage) for name, stage in bare_stages().items()}
    stages[StageName.STORIES] = Mirroring(Remembering(Ungrouped()))
    return stages


class Ungrouped(StoriesStage):
    """Stories of one item each: which of two items from two partitions comes first is not promised."""

    def handle(self, batch: Sequence[bytes], state: State, now: datetime) -> list[Output]:
        return super().handle([_without_traits(record) for record in batch], state, now)


def _without_traits(record: bytes) -> bytes:
    draft = msgspec.msgpack.decode(record, type=Draft)
    return msgspec.msgpack.encode(msgspec.structs.replace(draft, traits=None))


@cache
def foreign_disks() -> Sequence[Disk]:
    """State folders of another mill: topics of the same names, and other logs."""
    disks: list[Disk] = []
    for seed in FOREIGN_SEEDS:
        world = World(seed, bare_stages())
        world.run()
        disks.extend(worker.disk.copy() for worker in world.workers if worker.disk.tables.content)
    return disks


def play(
    seed: int,
    make_loop: LoopMaker = StageLoop,
    faults: Faults | None = None,
    *,
    bare: bool | None = None,
    diary: bool = False,
) -> World:
    """Play one history to its end. The same seed, loop and faults give the same history, step for step."""
    if bare is None:
        bare = seed % BARE_EVERY == 0
    stages = bare_stages() if bare else remembering_stages()
    world = World(seed, stages, make_loop, faults, foreign=foreign_disks(), diary=diary)
    world.run()
    return world


def failure(seed: int, make_loop: LoopMaker = StageLoop, faults: Faults | None = None) -> str | None:
    """What went wrong in one history, as a text for people; None where nothing did."""
    world = play(seed, make_loop, faults)
    broken = bool(violations(world))
    world.forget()
    if not broken:
        return None
    world = play(seed, make_loop, faults, diary=True)  # the same again, and this time it writes down everything
    return report(world, violations(world))


def failures(seeds: Iterable[int], tally: Counter[str] | None = None) -> list[str]:
    """What went wrong in many histories. `tally` counts what they consisted of."""
    found: list[str] = []
    collecting = gc.isenabled()
    gc.disable()  # a tenth of the time: it looks through everything again and again, and finds one history
    try:
        for number, seed in enumerate(seeds):
            world = play(seed)
            broken = violations(world)
            if tally is not None:
                world.count(tally)
                count_outcomes(world, tally)
            world.forget()
            if broken:
                found.append(failure(seed) or f"seed {seed} failed once: {broken[0].what}")
            if number % COLLECT_EVERY == 0:
                gc.collect(0)
    finally:
        if collecting:
            gc.enable()
    return found
