"""The engine's promises under every fault that a cluster has, in ten thousand small histories.

A failing seed prints its history; `play(seed)` plays it again, step for step.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any

import pytest

from agents.dedupe.stage import DedupeStage
from agents.engine.loop import Part, StageLoop
from agents.engine.store import Overlay
from agents.engine.transport import EngineError, FencedError, Incoming
from agents.enrich.stage import EnrichStage
from agents.parse.stage import ParseStage
from agents.stories.stage import StoriesStage
from schemas import StageName
from tests.engine.model.check import violations
from tests.engine.model.world import Faults, LoopMaker, ModelTransactions, Stages, World

SEEDS = int(os.environ.get("FEEDMILL_MODEL_SEEDS", "10000"))
CHUNK = 100


def stages() -> Stages:
    return {
        StageName.PARSE: ParseStage(),
        StageName.DEDUPE: DedupeStage(),
        StageName.ENRICH: EnrichStage(pipeline="model"),
        StageName.STORIES: StoriesStage(),
    }


STAGES: Stages = {}


def play(seed: int, make_loop: LoopMaker = StageLoop, faults: type[Faults] = Faults) -> World:
    """Play one history to its end."""
    if not STAGES:
        STAGES.update(stages())  # type: ignore[attr-defined]  # filled once a process: models load slowly
    world = World(seed, STAGES, make_loop, faults)
    world.run()
    return world


def failures(first: int) -> list[str]:
    """What went wrong in one chunk of seeds."""
    found = []
    for seed in range(first, first + CHUNK):
        world = play(seed)
        if broken := violations(world):
            found.append(f"seed {seed}: {broken[:3]}\n  history: {world.history}")
    return found


@pytest.mark.timeout(max(600, SEEDS // 20))  # 10,000 seeds take some 120 s beside other tests
def test_promises_hold_in_every_history() -> None:
    """Promises 1, 2 and 7, and the very outcomes of one process, for every seed."""
    with ProcessPoolExecutor(max_workers=os.cpu_count(), mp_context=get_context("spawn")) as pool:
        found = [failure for chunk in pool.map(failures, range(0, SEEDS, CHUNK)) for failure in chunk]
    assert not found, "\n".join(found[:5])


# Planted faults: each takes one safeguard away. The model must notice every one of them.


class NoFence(StageLoop[Any]):
    """Takes partitions over without deciding what the last owner left open."""

    async def _fence(self, part: Part) -> None:
        await super()._fence(part)
        transactions: Any = part.transactions
        broker, producer = transactions._broker, transactions._producer
        transactions._producer = f"{producer}-{id(part)}"  # an id of its own fences nobody
        transactions._epoch = broker.init_producer(transactions._producer)


class RestoresBeforeFence(StageLoop[Any]):
    """Reads the changelog first: what the last owner commits in between is missing."""

    async def _settle(self, parts: Sequence[Part]) -> None:
        await self._restore(parts)
        worker = self._transport._worker  # type: ignore[attr-defined]
        for _ in range(8):  # on a real cluster time passes here
            await worker.world.step(worker)
        for part in parts:
            await self._fence(part)
        for part in parts:
            part.ready, part.checked = True, False


class StoresBeforeCommit(StageLoop[Any]):
    """Writes the local store before the transaction is committed."""

    async def _transact(self, part: Part, batch: Sequence[Incoming], inputs: Sequence[Any], *, singly: bool) -> None:
        overlay = Overlay(part.store)
        self._handle(inputs, overlay)
        part.store._write(overlay.changes(), part.store.proof, part.store.read_to)
        await super()._transact(part, batch, inputs, singly=singly)


class IgnoresPosition(StageLoop[Any]):
    """Works on whatever is brought, as if the group's offset were the position."""

    async def _work(self, part: Part, records: Sequence[Incoming]) -> None:
        for batch, inputs in self._batches(records):
            await self._persist_blindly(part, batch, inputs)

    async def _persist_blindly(self, part: Part, batch: Sequence[Incoming], inputs: Sequence[Any]) -> None:
        await self._transact(part, batch, inputs, singly=False)


class HintsAhead(StageLoop[Any]):
    """Commits offsets of records that are still in hand, and believes them."""

    def positions(self) -> dict[int, int]:
        ahead = {}
        for number in self.parts:
            world = self._transport._worker.world  # type: ignore[attr-defined]
            ahead[number] = world.broker.end_offset(self.input, number)
        return ahead

    async def _check_position(self, part: Part) -> None:
        return None


class KeepsStore(StageLoop[Any]):
    """Trusts the local store as it is: nothing that another owner did meanwhile is read."""

    async def _restore(self, parts: Sequence[Part]) -> None:
        fresh = [part for part in parts if part.store.proof is None]
        await super()._restore(fresh)


class SlackTransactions(ModelTransactions):
    """Deliveries that nobody waits for: a batch that failed is committed without."""

    async def send(self, record: Any) -> Any:
        delivery = await super().send(record)

        async def carefree() -> int:
            try:
                return await delivery
            except EngineError:
                return 0

        return carefree()


class UnawaitedDeliveries(StageLoop[Any]):
    async def _fence(self, part: Part) -> None:
        await super()._fence(part)
        inner: Any = part.transactions
        slack = SlackTransactions(inner._worker, inner._producer)
        slack._epoch = inner._epoch
        part.transactions = slack


class NoClosing(StageLoop[Any]):
    """Fences without the closing transaction: what lost its markers changes history later."""

    async def _fence(self, part: Part) -> None:
        part.transactions = await self._transport.transactions(
            self._naming.transactional_id(self.stage.name, part.partition)
        )
        await part.transactions.fence([])


class TrustsLastCommit(StageLoop[Any]):
    """Believes after an idle while that what was committed still is."""

    async def verify(self, parts: Any = None) -> None:
        return None


class RevivesFenced(StageLoop[Any]):
    """Re-makes a fenced producer in place and goes on with the state that it has."""

    async def _transact(self, part: Part, batch: Sequence[Incoming], inputs: Sequence[Any], *, singly: bool) -> None:
        try:
            await super()._transact(part, batch, inputs, singly=singly)
        except FencedError:
            transactions: Any = part.transactions
            transactions._epoch = transactions._broker.init_producer(transactions._producer)
            await super()._transact(part, batch, inputs, singly=singly)


class ForgetsUnsettling(StageLoop[Any]):
    """Goes on after a rebalance as if nothing had moved, with producers that fence nobody."""

    async def unsettle(self) -> None:
        return None

    async def _transact(self, part: Part, batch: Sequence[Incoming], inputs: Sequence[Any], *, singly: bool) -> None:
        transactions: Any = part.transactions
        transactions._epoch = transactions._broker.init_producer(transactions._producer)
        await super()._transact(part, batch, inputs, singly=singly)


class Forgetful(Faults):
    """A broker that often comes back without the end of its last transaction."""

    lose_markers = 0.15


class Sleepy(Faults):
    """Workers that are often paused between sending and committing."""

    pause_at_commit = 0.4


PLANTED: list[tuple[LoopMaker, type[Faults]]] = [
    (NoFence, Faults),
    (RestoresBeforeFence, Sleepy),
    (StoresBeforeCommit, Faults),
    (IgnoresPosition, Faults),
    (HintsAhead, Faults),
    (KeepsStore, Faults),
    (UnawaitedDeliveries, Faults),
    (NoClosing, Forgetful),
    (TrustsLastCommit, Forgetful),
    (RevivesFenced, Sleepy),
    (ForgetsUnsettling, Faults),
]


@pytest.mark.parametrize(("planted", "faults"), PLANTED, ids=[loop.__name__ for loop, _ in PLANTED])
def test_a_planted_fault_is_found(planted: LoopMaker, faults: type[Faults]) -> None:
    for seed in range(1000):
        try:
            world = play(seed, planted, faults)
        except AssertionError:
            return  # it never came to an end
        if violations(world):
            return
    pytest.fail("1,000 histories did not find it")


@pytest.mark.parametrize("faults", [Forgetful, Sleepy])
def test_the_sound_engine_stands_the_harsher_worlds(faults: type[Faults]) -> None:
    for seed in range(200):
        assert not violations(play(seed, faults=faults)), f"seed {seed}"
