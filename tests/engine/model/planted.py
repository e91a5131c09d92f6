"""Planted faults: each takes one safeguard of the engine away. The model must notice every one of them.

`PLANTED` at the end is the table: what is taken away, in which world it is looked for, and without which kinds of
faults it would not be found.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from msgspec import Struct

from agents.engine import holding, loop
from agents.engine.delivery import Dispatch, Parcel, Refusals
from agents.engine.frames import UnreadableFrameError, decode_frame
from agents.engine.loop import Part, StageLoop
from agents.engine.quarantine import Quarantine, Tried
from agents.engine.store import POSITION_KEY, Change, Overlay, Store, Table, Tables
from agents.engine.transport import (
    Committed,
    EngineError,
    FencedError,
    Incoming,
    Outgoing,
    RefusedError,
    UnavailableError,
)
from agents.stage import Output
from schemas import StageName
from tests.engine.model.clients import ModelChangelog, ModelTransactions
from tests.engine.model.faults import Faults
from tests.engine.model.world import LoopMaker, World


class Sound(StageLoop[Any]):
    """The engine as it is. What the others have in common."""

    @property
    def world(self) -> World:
        return self._transport.worker.world  # type: ignore[attr-defined, no-any-return]

    def client(self, part: Part) -> ModelTransactions:
        assert isinstance(part.transactions, ModelTransactions)
        return part.transactions

    def renew(self, part: Part) -> None:
        """Make a producer anew in place, which fences whoever else has its id."""
        client = self.client(part)
        client.epoch = self.world.broker.init_producer(client.producer, client.worker.name)


# -- taking over


class NoFence(Sound):
    async def _fence(self, part: Part) -> None:
        await super()._fence(part)
        client = self.client(part)
        client.producer = f"{client.producer}-{client.worker.name}"  # an id of its own fences nobody
        self.renew(part)


class RestoresBeforeFence(Sound):
    async def _settle(self, parts: Sequence[Part]) -> None:
        await self._restore(parts)
        for _ in range(8):  # on a real cluster time passes here
            await self._transport.worker.call()  # type: ignore[attr-defined]
        for part in parts:
            await self._fence(part)
        for part in parts:
            part.ready = True


class NoClosing(Sound):
    async def _fence(self, part: Part) -> None:
        id = self._naming.transactional_id(self.stage.name, part.partition)
        part.transactions = await self._transport.transactions(id)
        await part.transactions.fence([])


class ClosesChangelogOnly(Sound):
    async def _fence(self, part: Part) -> None:
        id = self._naming.transactional_id(self.stage.name, part.partition)
        part.transactions = await self._transport.transactions(id)
        await part.transactions.fence([(self.changelog_topic, part.partition)])


class ForgetsUnsettling(Sound):
    """And makes its producers anew, so that nobody tells it."""

    async def unsettle(self) -> None:
        return None

    async def _transact(
        self, part: Part, batch: Sequence[Incoming], inputs: Sequence[Any], *tried: Tried, singly: bool
    ) -> None:
        self.renew(part)
        await super()._transact(part, batch, inputs, *tried, singly=singly)


class RevivesFenced(Sound):
    async def _transact(
        self, part: Part, batch: Sequence[Incoming], inputs: Sequence[Any], *tried: Tried, singly: bool
    ) -> None:
        try:
            await super()._transact(part, batch, inputs, *tried, singly=singly)
        except FencedError:
            self.renew(part)
            await super()._transact(part, batch, inputs, *tried, singly=singly)


class KeepsTablesOpen(Sound):
    async def _release(self, partition: int) -> None:
        part = self.parts.pop(partition)
        if part.transactions is not None:
            await part.transactions.stop()


class RestoresTogether(Sound):
    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._restoring = contextlib.nullcontext()  # type: ignore[assignment]


# -- the position and its hint


class IgnoresPosition(Sound):
    async def _work(self, part: Part, records: Sequence[Incoming]) -> None:
        for batch, inputs in self._batches(records):
            await self._transact(part, batch, inputs, singly=False)


class JoinsBlindly(Sound):
    async def _join(self, part: Part, first: int) -> None:
        part.joined = True


class HintsAhead(Sound):
    def positions(self) -> dict[int, int]:
        return {number: self.world.broker.end_offset((self.input, number)) for number in self.parts}

    def _check_position(self, part: Part, hint: int | None) -> None:
        return None


class HintsUnverified(Sound):
    def positions(self) -> dict[int, int]:
        return {part.partition: part.next for part in self.parts.values() if part.ready}


class ChecksAfterTheRestore(Sound):
    """As the engine once did: what a paused worker sees then is its heir's offset."""

    async def _settle(self, parts: Sequence[Part]) -> None:
        await super()._settle(parts)
        hints = await self._reader().committed(self.input, [part.partition for part in parts])
        for part in parts:
            hint = hints.get(part.partition)
            self._check_position(part, None if hint is None else hint.offset)


class NeverChecksHint(Sound):
    def _check_position(self, part: Part, hint: int | None) -> None:
        return None


# -- what the last owner may have died of


class TrustsEveryOwner(Sound):
    async def _suspect(self, parts: Sequence[Part], found: Mapping[int, Committed]) -> None:
        return None


class SaysInOrderAtWork(Sound):
    def hints(self, *, in_order: bool = False) -> dict[int, Committed]:
        return super().hints(in_order=True)


class SuspectsOneRecord(Sound):
    async def _suspect(self, parts: Sequence[Part], found: Mapping[int, Committed]) -> None:
        await super()._suspect(parts, found)
        for part in parts:
            if part.suspicion is not None:
                part.suspicion.end = min(part.suspicion.end, part.next + 1)


class LosesTheCondemned(Sound):
    async def _try(self, part: Part, one: Any, quarantine: Quarantine) -> Tried:
        tried = await super()._try(part, one, quarantine)
        return Tried(()) if tried.fatal else tried


# -- one transaction


class StoresBeforeCommit(Sound):
    async def _transact(
        self, part: Part, batch: Sequence[Incoming], inputs: Sequence[Any], *tried: Tried, singly: bool
    ) -> None:
        overlay = Overlay(part.store)
        self._handle(inputs, overlay)
        part.store._write(overlay.changes(), part.store.proof, part.store.read_to)
        await super()._transact(part, batch, inputs, *tried, singly=singly)


class DecidesWithoutOverlay(Sound):
    def _handle(self, inputs: Sequence[Any], overlay: Overlay) -> list[Output]:
        outputs: list[Output] = []
        for one in inputs:
            alone = Overlay(overlay._store)
            outputs.extend(self.stage.handle([one], alone, self._clock()))
            overlay._changes.update(alone._changes)
        return outputs


class Slack(ModelTransactions):
    async def send_all(self, records: Sequence[Outgoing]) -> Sequence[Awaitable[int]]:
        async def carefree(delivery: Awaitable[int]) -> int:
            try:
                return await delivery
            except EngineError:
                return 0

        return [carefree(delivery) for delivery in await super().send_all(records)]


class UnawaitedDeliveries(Sound):
    async def _fence(self, part: Part) -> None:
        await super()._fence(part)
        client = self.client(part)
        part.transactions = Slack(client.worker, client.producer)
        self.renew(part)


class TriesAgainInPlace(Sound):
    """As a batch whose commit failed might be tried again, by the same producer."""

    async def _transact(
        self, part: Part, batch: Sequence[Incoming], inputs: Sequence[Any], *tried: Tried, singly: bool
    ) -> None:
        try:
            await super()._transact(part, batch, inputs, *tried, singly=singly)
        except UnavailableError:
            self.renew(part)
            await super()._transact(part, batch, inputs, *tried, singly=singly)


class DropsTombstones(Sound):
    """Takes outputs that are no entry's outcome for nothing."""

    def _handle(self, inputs: Sequence[Any], overlay: Overlay) -> list[Output]:
        return [output for output in super()._handle(inputs, overlay) if output.entry is not None]


class OneEntryADocument(Sound):
    def __init__(self, stage: Any, intake: Any, **named: Any) -> None:
        def first_of_each(record: Incoming) -> Sequence[bytes]:
            intake(record)  # which says what is no frame
            parts = {None if ref is None else ref[:2]: value for ref, value in _parts(record)}
            return list(parts.values())

        super().__init__(stage, intake if stage.name is StageName.PARSE else first_of_each, **named)


def _parts(record: Incoming) -> Iterable[tuple[tuple[int, int, int] | None, bytes]]:
    for ref, value in decode_frame(record.value):
        yield None if ref is None else (ref.partition, ref.offset, ref.index), value


# -- the broker forgets


class NeverVerifies(Sound):
    async def verify(self, parts: Iterable[Part] | None = None) -> None:
        return None


class VerifiesByTimerOnly(Sound):
    """And not before it works after an idle while."""

    async def verify(self, parts: Iterable[Part] | None = None) -> None:
        if parts is None:
            await super().verify()


class VerifiesAtWorkOnly(Sound):
    async def verify(self, parts: Iterable[Part] | None = None) -> None:
        if parts is not None:
            await super().verify(parts)


# -- the store


class KeepsStore(Sound):
    async def _restore(self, parts: Sequence[Part]) -> None:
        await super()._restore([part for part in parts if part.store.proof is None])


def _proves_by_place(store: Store, records: Sequence[Incoming]) -> bool:
    assert store.proof is not None
    return bool(records) and (records[0].offset, records[0].key) == (store.proof[0], POSITION_KEY)


class TwoWrites(Sound):
    """The store's own record goes in a write before that of the changes."""

    def __init__(self, stage: Any, intake: Any, *, tables: Tables, **named: Any) -> None:
        super().__init__(stage, intake, tables=_SplitTables(tables), **named)


class _SplitTables:
    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    def open(self, name: str) -> Table:
        table: Any = self._tables.open(name)
        write = table.write

        def split(changes: Iterable[Change]) -> None:
            *state, meta = changes
            write([meta])
            write(state)

        table.write = split
        opened: Table = table
        return opened

    def destroy(self, name: str) -> None:
        self._tables.destroy(name)


class RestoresUncommitted(Sound):
    async def start(self) -> None:
        self._changelog = _Uncommitted(self._transport.worker)  # type: ignore[attr-defined]


class _Uncommitted(ModelChangelog):
    async def read(self, topic: str, starts: Mapping[int, int]) -> Mapping[int, tuple[Sequence[Incoming], int]]:
        await self._worker.call()
        return {number: self._broker.read((topic, number), start, 5, False) for number, start in starts.items()}


# -- what the stage makes of its state


class NeverPrepares(Sound):
    def _prepare(self, store: Store) -> Iterator[None]:
        yield from ()


class KeepsDerived(Sound):
    async def _restore(self, parts: Sequence[Part]) -> None:
        before = [part.store.derived for part in parts]
        await super()._restore(parts)
        for part, derived in zip(parts, before, strict=True):
            part.store.derived = derived


class CountsTakenBack(Sound):
    async def _transact(
        self, part: Part, batch: Sequence[Incoming], inputs: Sequence[Any], *tried: Tried, singly: bool
    ) -> None:
        try:
            await super()._transact(part, batch, inputs, *tried, singly=singly)
        except RefusedError:
            part.store.version += 1
            raise


class CountsNothing(Sound):
    async def _transact(
        self, part: Part, batch: Sequence[Incoming], inputs: Sequence[Any], *tried: Tried, singly: bool
    ) -> None:
        await super()._transact(part, batch, inputs, *tried, singly=singly)
        part.store.version = 0


# -- refusals


class DropsRefused(Sound):
    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._dispatch = _Dropping(self.stage, self._naming, self._partitions)


class _Dropping(Dispatch):
    def settle(self, outputs: Sequence[Output], refusals: Refusals, now: Any) -> list[Output]:
        return [output for output in outputs if output.entry is None or (output.entry, output.topic) not in refusals]


class BlamesTheFrame(Sound):
    async def _commit(self, part: Part, parcels: Sequence[Parcel], changes: Sequence[Change], singly: bool) -> int:
        try:
            return await super()._commit(part, parcels, changes, singly)
        except RefusedError as refused:
            for parcel in parcels:
                if parcel.record is refused.record:
                    for output in parcel.outputs:
                        if output.entry is not None:
                            part.refusals[output.entry, output.topic] = refused.reason
            raise


class GoesOnAfterRefusal(Sound):
    """With the producer whose sequence is broken."""

    async def _persist(self, part: Part, batch: Sequence[Incoming], inputs: Sequence[Any], *tried: Tried) -> None:
        try:
            await self._transact(part, batch, inputs, *tried, singly=False)
        except RefusedError:
            await self._transact(part, batch, inputs, *tried, singly=True)


async def _all_but_refusals_last(waiting: Iterable[Awaitable[Any]]) -> list[Any]:
    """As the engine once did: what came out of sequence after a refusal hid it."""
    results = await asyncio.gather(*waiting, return_exceptions=True)
    for result in sorted(results, key=lambda result: isinstance(result, RefusedError)):
        if isinstance(result, BaseException):
            raise result
    return results


# -- what is no frame


class PassesOverUnreadable(Sound):
    def __init__(self, stage: Any, intake: Any, **named: Any) -> None:
        def lenient(record: Incoming) -> Sequence[bytes]:
            try:
                return [value for _, value in decode_frame(record.value)]
            except UnreadableFrameError:
                return []

        super().__init__(stage, intake if stage.name is StageName.PARSE else lenient, **named)


class SkipsTheBatch(Sound):
    async def _persist(self, part: Part, batch: Sequence[Incoming], inputs: Sequence[Any], *tried: Tried) -> None:
        if any(f"{one.topic}/{one.partition}/{one.offset}" in self._skip for one in batch):
            inputs, tried = (), ()
        await super()._persist(part, batch, inputs, *tried)


# -- turns


class NobodyCallsTheNext(Sound):
    """A transaction that is over does not wake the batches that wait for their turn."""

    def __init__(self, *arguments: Any, turns: Any, **named: Any) -> None:
        turns._closed.set = lambda: None
        super().__init__(*arguments, turns=turns, **named)


class Planted(Struct, frozen=True):
    """`only_by`: with these kinds of faults at zero it is not found. Empty: several kinds find it.

    `replaced`: functions of the engine's modules with what takes their place.
    """

    loop: LoopMaker
    taken_away: str
    only_by: tuple[str, ...] = ()
    faults: Faults = Faults()
    name: str = ""
    replaced: Mapping[str, Any] = {}

    @property
    def id(self) -> str:
        return self.name or self.loop.__name__

    @property
    def without(self) -> Faults:
        """The same world without the kinds that find it."""
        rates: dict[str, Any] = dict.fromkeys(self.only_by, 0.0)
        return replace(self.faults, **rates)

    @contextlib.contextmanager
    def in_place(self) -> Iterator[LoopMaker]:
        """The loop with the fault. Around whole histories: what was killed in the middle never leaves a block."""
        before = [
            (module, name, getattr(module, name))
            for name in self.replaced
            for module in (holding, loop)
            if hasattr(module, name)
        ]
        for module, name, _ in before:
            setattr(module, name, self.replaced[name])
        try:
            yield self.loop
        finally:
            for module, name, original in before:
                setattr(module, name, original)


FORGETFUL = replace(Faults(), lose_markers=0.15)
"""A broker that often comes back without the end of its last transaction."""

AMNESIC = replace(Faults(), lose_markers=0.3)

DROWSY = replace(Faults(), pause_at_look=0.1)
"""Workers that are often paused between a question to the broker and its answer."""

SLEEPY = replace(Faults(), pause_at_commit=0.4)
"""Workers that are often paused between sending and committing."""

DEADLY = replace(Faults(), deadly=0.2)
"""Many documents that end the process that works on them."""

NODDING = replace(Faults(), pause=0.03, wake=0.1, kill=0.0005, stop=0.0005)
"""Workers that are paused again and again, and come back to what they held."""

REFUSING = replace(Faults(), refused=0.3, lower_limit=0.5, small_batches=1.0)
"""Topics that refuse much."""

BORROWING = replace(Faults(), kill=0.006, restart=1.0, wipe=0.0, power_cut=0.0, foreign=0.9)
"""State folders that are copied about."""

UNPOWERED = replace(Faults(), wipe=0.0, power_cut=0.9)
"""Machines that go down with their workers."""

LOSING = replace(Faults(), lose_changelog=1.0, forget_hints=0.0)
"""Somebody deletes a changelog."""

PLANTED = [
    Planted(NoFence, "the last owner is fenced"),
    Planted(RestoresBeforeFence, "fenced first, restored then", faults=SLEEPY),
    Planted(NoClosing, "an aborted transaction closes every partition", ("lose_markers",), FORGETFUL),
    Planted(ClosesChangelogOnly, "the same for the outputs", ("lose_markers",), FORGETFUL),
    Planted(ForgetsUnsettling, "after a rebalance each partition is taken over anew"),
    Planted(RevivesFenced, "a fenced producer is never made anew in place", faults=SLEEPY),
    Planted(KeepsTablesOpen, "a released partition's table is closed"),
    Planted(RestoresTogether, "one restore at a time by a stage's reader", faults=REFUSING),
    Planted(IgnoresPosition, "work goes on from the position, not from what is brought"),
    Planted(JoinsBlindly, "the first records that come are the next ones", ("pass_over",)),
    Planted(HintsAhead, "the group's offset is never ahead of the position"),
    Planted(HintsUnverified, "nor of what was seen to be committed", ("lose_markers",), AMNESIC),
    Planted(ChecksAfterTheRestore, "the group's offset is asked for before the restore", faults=DROWSY),
    Planted(NeverChecksHint, "a position behind the group's offset stops the worker", ("lose_changelog",), LOSING),
    Planted(TrustsEveryOwner, "what the last owner may have died of is suspect", ("deadly",), DEADLY),
    Planted(SaysInOrderAtWork, "the group is told that a worker is at work", ("deadly",), DEADLY),
    Planted(SuspectsOneRecord, "all that a batch can have held is suspect", ("deadly",), DEADLY),
    Planted(LosesTheCondemned, "what is put aside has a dead letter", ("deadly",), DEADLY),
    Planted(StoresBeforeCommit, "the store is written after the commit"),
    Planted(DecidesWithoutOverlay, "an entry sees what the batch decided before it"),
    Planted(UnawaitedDeliveries, "every delivery is awaited"),
    Planted(TriesAgainInPlace, "a failed commit ends the worker", ("lose_answer", "lose_markers", "cut_off", "outage")),
    Planted(DropsTombstones, "what is no entry's outcome is sent too", ("retraction",)),
    Planted(OneEntryADocument, "entries are told apart within their document", ("several",)),
    Planted(NeverVerifies, "what was committed is looked for again", ("lose_markers",), FORGETFUL),
    Planted(VerifiesByTimerOnly, "also before work after an idle while", ("lose_markers",), FORGETFUL),
    Planted(VerifiesAtWorkOnly, "also by an idle worker", ("lose_markers",), FORGETFUL),
    Planted(KeepsStore, "what others did meanwhile is read"),
    Planted(
        Sound,
        "a store proves that it is of this log",
        ("foreign", "lose_markers"),
        name="TrustsAnyStore",
        replaced={"_proves": lambda store, records: True},
    ),
    Planted(
        Sound,
        "by the very record, not by one at the same place",
        ("foreign",),
        BORROWING,
        name="ProvesByPlace",
        replaced={"_proves": _proves_by_place},
    ),
    Planted(TwoWrites, "changes and position are one write of the store", ("power_cut", "stale", "foreign"), UNPOWERED),
    Planted(RestoresUncommitted, "the changelog is read committed"),
    Planted(Sound, "the consumer too", faults=replace(Faults(), read_committed=False), name="ConsumesUncommitted"),
    Planted(NeverPrepares, "what a stage derives is there before its first batch"),
    Planted(KeepsDerived, "what another owner wrote makes it anew", faults=NODDING),
    Planted(CountsTakenBack, "a batch that was taken back is none", ("refused", "lower_limit")),
    Planted(CountsNothing, "a batch that was committed is one"),
    Planted(DropsRefused, "a refused record becomes a dead letter", ("refused",)),
    Planted(BlamesTheFrame, "and nothing else of its frame", ("refused", "lower_limit")),
    Planted(GoesOnAfterRefusal, "after a refusal the partition is taken over anew", ("refused", "lower_limit")),
    Planted(
        Sound,
        "nor does what follows a refusal end the worker",
        ("refused", "lower_limit"),
        REFUSING,
        name="EndsAfterRefusal",
        replaced={"all_of": _all_but_refusals_last},
    ),
    Planted(PassesOverUnreadable, "what is no frame stops the worker", ("garbage",)),
    Planted(SkipsTheBatch, "skipped is the record that was named, nothing else", ("garbage",)),
    Planted(NobodyCallsTheNext, "a batch that waits for its turn gets it", ("slow", "lose_markers")),
]
