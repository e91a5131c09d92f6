"""The loop: one Kafka transaction per stage, input partition and batch.

Outputs, state changes and the input position stand in one transaction, so that a crash at any point leaves either
all of them or none. Take-over is the same code cold, warm and after a rebalance: fence the last owner, restore the
changelog to its end, go on from the position found in it. docs/decisions/0003 has the reasons and the measurements.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import datetime
from typing import Any, Generic, Protocol, TypeVar

from agents.engine.delivery import Dispatch, Parcel, Refusals
from agents.engine.frames import UnreadableFrameError, decode_frame
from agents.engine.store import (
    POSITION_KEY,
    STATE_PREFIX,
    Change,
    Overlay,
    Position,
    StateSize,
    Store,
    Tables,
    encode_position,
)
from agents.engine.topics import INPUT, OUTPUTS, Naming
from agents.engine.transport import (
    Changelog,
    EngineError,
    Incoming,
    Outgoing,
    RefusedError,
    Transactions,
    Transport,
)
from agents.engine.turns import Turns
from agents.stage import Output, Stage, Topic
from schemas import StageName

MAX_BATCH_BYTES = 8 * 1024 * 1024
MAX_BATCH_ENTRIES = 500

IDLE_SECONDS = 1.0
"""Shorter than any restart of a broker: whoever works without such a pause has noticed it by its connection."""

In = TypeVar("In")

Intake = Callable[[Incoming], Sequence[In]]
"""Reads the inputs out of one record: the document that it is, or the entries of a frame."""


class Observer(Protocol):
    """Is told what the loop does; metrics, health and the demo's display listen."""

    def handled(self, stage: StageName, partition: int, entries: int, outputs: Sequence[Output], size: int) -> None: ...

    def took(self, stage: StageName, seconds: float) -> None: ...

    def restored(self, stage: StageName, partition: int, records: int, seconds: float, rebuilt: str | None) -> None: ...

    def refused(self, stage: StageName, partition: int, why: str) -> None: ...


def frame_intake(record: Incoming) -> Sequence[bytes]:
    """The entries of a frame; a record that is none is a bug, and stops the worker at its offset."""
    try:
        return [value for _, value in decode_frame(record.value)]
    except UnreadableFrameError as error:
        raise EngineError(
            f"Record {record.topic}/{record.partition}/{record.offset} is no frame of the mill: {error}. "
            "Something else writes to this topic, or a broken version did. To go on without it, name it in "
            "FEEDMILL_SKIP_RECORDS; what it held is then missing and the ledger will say so."
        ) from error


class Part:
    """One owned partition of a stage: its store, its producer and where it stands."""

    def __init__(self, partition: int, store: Store) -> None:
        self.partition = partition
        self.store = store
        self.transactions: Transactions | None = None
        self.ready = False
        self.checked = False
        self.worked_at = 0.0
        self.verified: int | None = None
        """The next input offset at the last time that the commit behind it was seen to be there."""
        self.count = 0
        self.refusals: Refusals = {}

    @property
    def next(self) -> int:
        """The next input offset to be worked on."""
        return self.store.next


class StageLoop(Generic[In]):
    """Runs one stage over the partitions that this worker owns."""

    def __init__(
        self,
        stage: Stage[In],
        intake: Intake[In],
        *,
        naming: Naming,
        partitions: int,
        transport: Transport,
        tables: Tables,
        owned: Callable[[str], set[int]],
        clock: Callable[[], datetime],
        timer: Callable[[], float],
        observer: Observer,
        skip: frozenset[str] = frozenset(),
        turns: Turns | None = None,
    ) -> None:
        self.stage = stage
        self.input = naming.topic(INPUT[stage.name])
        self.changelog_topic = naming.changelog(stage.name)
        self._intake = intake
        self._naming = naming
        self._partitions = partitions
        self._transport = transport
        self._tables = tables
        self._owned = owned
        self._clock = clock
        self._timer = timer
        self._observer = observer
        self._skip = skip
        self._turns = turns or Turns(timer)
        self._dispatch = Dispatch(stage, naming, partitions)
        self._taking_over = asyncio.Lock()
        self._restoring = asyncio.Lock()  # one reader, whose assignment is replaced by each restore
        self._writer = secrets.token_bytes(8)
        self._changelog: Changelog | None = None
        self.parts: dict[int, Part] = {}

    async def start(self) -> None:
        self._changelog = await self._transport.changelog()

    async def stop(self) -> None:
        for partition in list(self.parts):
            await self._release(partition)

    async def unsettle(self) -> None:
        """Partitions may have moved: each is taken over anew before it is worked on.

        Waits for a take-over that is under way, so that none ends, and fences, after the partition has moved.
        """
        async with self._taking_over:
            for part in self.parts.values():
                part.ready = False

    def positions(self) -> dict[int, int]:
        """Where each settled partition surely stands: a starting hint for the group's offset, no more.

        Only what `verify` has seen: an offset that is ahead of the state would hide records from the next owner.
        """
        return {part.partition: part.verified for part in self.parts.values() if part.ready and part.verified}

    def state_size(self) -> StateSize:
        """Of all the stores of this stage that the worker holds now."""
        sizes = [part.store.size() for part in list(self.parts.values())]
        return StateSize(sum(size.keys for size in sizes), sum(size.bytes for size in sizes))

    async def run(self, records: Sequence[Incoming]) -> None:
        """Work through records, in order within their partition. Raises EngineError: then end the process."""
        by_partition: dict[int, list[Incoming]] = {}
        for record in records:
            by_partition.setdefault(record.partition, []).append(record)
        await self.take_over(by_partition)
        await _all(self._work(self.parts[partition], held) for partition, held in by_partition.items())

    async def take_over(self, wanted: Iterable[int]) -> None:
        """Make the owned partitions ready: fence, restore, find the position."""
        wanted = set(wanted)
        async with self._taking_over:
            if all(partition in self.parts and self.parts[partition].ready for partition in wanted):
                return
            mine = self._owned(self.input) | wanted
            for partition in [held for held in self.parts if held not in mine]:
                await self._release(partition)
            for partition in mine:
                if partition not in self.parts:
                    self.parts[partition] = Part(partition, Store(self._tables, self.changelog_topic, partition))
            await self._settle([self.parts[one] for one in sorted(mine) if not self.parts[one].ready])

    async def _settle(self, parts: Sequence[Part]) -> None:
        await _all(self._fence(part) for part in parts)
        async with self._restoring:
            await self._restore(parts)
        for part in parts:
            part.ready, part.checked, part.verified = True, False, None

    async def _fence(self, part: Part) -> None:
        """Decide what the last owner left open. Only then is the changelog final up to its end."""
        if part.transactions is not None:
            await part.transactions.stop()
        part.transactions = await self._transport.transactions(
            self._naming.transactional_id(self.stage.name, part.partition)
        )
        touch = [(self.changelog_topic, part.partition)]
        for topic in OUTPUTS[self.stage.name]:
            keyless = topic is Topic.DEAD_LETTER  # stays in its input's partition
            targets = [part.partition] if keyless else range(self._partitions)
            touch.extend((self._naming.topic(topic), target) for target in targets)
        await part.transactions.fence(touch)

    async def _restore(self, parts: Sequence[Part]) -> None:
        started = self._timer()
        changelog = self._reader()
        by_number = {part.partition: part for part in parts}
        bounds = await changelog.bounds(self.changelog_topic, list(by_number))
        unproven: set[int] = set()
        starts: dict[int, int] = {}
        for number, part in by_number.items():
            begin, end = bounds[number]
            store = part.store
            if store.read_to > end:
                store.rebuild(f"it has read to {store.read_to}, its changelog ends at {end}")
            if store.proof is not None and store.proof[0] < begin:
                store.rebuild(f"its changelog begins at {begin} now, after what it knows")
            if store.proof is None and store.read_to > 0:
                store.rebuild("its first restore was cut short")
            if store.proof is not None:
                unproven.add(number)
            starts[number] = store.proof[0] if store.proof is not None else begin
        counts = dict.fromkeys(by_number, 0)
        open_ = {number: start for number, start in starts.items() if start < bounds[number][1]}
        while open_:
            for number, (records, resume) in (await changelog.read(self.changelog_topic, open_)).items():
                part, (begin, end) = by_number[number], bounds[number]
                if number in unproven and (records or resume >= end):
                    unproven.discard(number)
                    if not _proves(part.store, records):
                        part.store.rebuild("its last record is not in its changelog: another log, or compacted since")
                        open_[number] = begin
                        continue
                keyed = [(record.offset, record.key, record.value) for record in records if record.key is not None]
                if keyed:
                    part.store.restored(keyed, resume)
                counts[number] += len(keyed)
                open_[number] = resume
                if resume >= end:
                    del open_[number]
        for number, part in by_number.items():
            part.store.caught_up(bounds[number][1])
            self._observer.restored(
                self.stage.name, number, counts[number], self._timer() - started, part.store.rebuilt_because
            )
            part.store.rebuilt_because = None

    async def _work(self, part: Part, records: Sequence[Incoming]) -> None:
        fresh = [record for record in records if record.offset >= part.next]
        if not fresh:
            return
        if not part.checked:
            await self._check_position(part)
            part.checked = True
        for batch, inputs in self._batches(fresh):
            if batch[-1].offset < part.next:
                continue  # a refusal made the partition be taken over anew, and it stood further on
            await self._persist(part, batch, inputs)

    def _batches(self, records: Sequence[Incoming]) -> Iterable[tuple[list[Incoming], list[In]]]:
        """Cut records into transactions, bounded by bytes and entries; a record is never cut."""
        batch: list[Incoming] = []
        inputs: list[In] = []
        size = 0
        for record in records:
            if batch and (size + record.size > MAX_BATCH_BYTES or len(inputs) >= MAX_BATCH_ENTRIES):
                yield batch, inputs
                batch, inputs, size = [], [], 0
            batch.append(record)
            if f"{record.topic}/{record.partition}/{record.offset}" not in self._skip:
                inputs.extend(self._intake(record))
            size += record.size
        if batch:
            yield batch, inputs

    async def _persist(self, part: Part, batch: Sequence[Incoming], inputs: Sequence[In]) -> None:
        """Transact a batch until the broker takes it: each record that it refuses becomes a dead letter.

        After a refusal the producer's sequence is broken, and re-made in place it could fence a new owner; so the
        partition is taken over anew, as at an assignment, and the records go one by one to find the culprit.
        """
        singly = False
        while True:
            known = len(part.refusals)
            try:
                await self._transact(part, batch, inputs, singly=singly)
                part.refusals.clear()
                return
            except RefusedError as refused:
                self._observer.refused(self.stage.name, part.partition, refused.reason)
                if singly and len(part.refusals) == known:
                    raise EngineError(
                        f"The broker refuses the state of {self.changelog_topic}/{part.partition}, and nothing can "
                        f"take its place: {refused.reason}. Compare the topic's settings with `feedmill topics check`."
                    ) from refused
                part.ready = False
                with self._turns.open():
                    await self._settle([part])
                if part.next > batch[0].offset:
                    raise EngineError(
                        f"{self.input}/{part.partition} moved on to {part.next} while a refused batch was tried again: "
                        "another worker owns it."
                    ) from refused
                singly = True

    async def _transact(self, part: Part, batch: Sequence[Incoming], inputs: Sequence[In], *, singly: bool) -> None:
        await self._turns.come()
        started = self._timer()
        overlay = Overlay(part.store)
        outputs = self._handle(inputs, overlay)
        outputs = self._dispatch.settle(outputs, part.refusals, self._clock)
        parcels = self._dispatch.parcels(outputs, part.partition, framed=not singly)
        changes = overlay.changes()
        part.count += 1
        position = Position(batch[-1].offset + 1, self._writer, part.count)
        with self._turns.open():
            offset = await self._commit(part, parcels, [*changes, (POSITION_KEY, encode_position(position))], singly)
        part.store.committed(changes, position, offset)
        part.worked_at = self._timer()
        self._observer.handled(self.stage.name, part.partition, len(inputs), outputs, sum(one.size for one in batch))
        self._observer.took(self.stage.name, self._timer() - started)

    async def _commit(self, part: Part, parcels: Sequence[Parcel], changes: Sequence[Change], singly: bool) -> int:
        """One transaction; the offset of its last change, which is the position."""
        transactions = self._producer(part)
        if self._timer() - part.worked_at > IDLE_SECONDS:
            await self.verify([part])
        await transactions.begin()
        try:
            records = [Outgoing(self.changelog_topic, part.partition, key, value) for key, value in changes]
            if singly:
                await self._send_singly(transactions, parcels, part.refusals)
            else:
                records = [*(parcel.record for parcel in parcels), *records]
            # Every delivery is awaited: aiokafka commits happily after a failed batch.
            *_, offset = await _all(await transactions.send_all(records))
        except RefusedError:
            await transactions.abort()
            raise
        await transactions.commit()
        return int(offset)

    def _handle(self, inputs: Sequence[In], overlay: Overlay) -> list[Output]:
        """The stage's work. Here suspect records will go to a child process (DESIGN 5.9)."""
        return self.stage.handle(inputs, overlay, self._clock())

    async def _send_singly(self, transactions: Transactions, parcels: Sequence[Parcel], refusals: Refusals) -> None:
        for parcel in parcels:
            try:
                await (await transactions.send(parcel.record))
            except RefusedError as refused:
                output = parcel.outputs[0]
                if output.entry is None or output.topic is Topic.DEAD_LETTER:
                    raise EngineError(
                        f"The broker refuses a record for {parcel.record.topic} and nothing can take its place: "
                        f"{refused.reason}. Compare the topic's settings with `feedmill topics check`."
                    ) from refused
                refusals[(output.entry, output.topic)] = refused.reason
                raise

    async def _check_position(self, part: Part) -> None:
        """The group's offset is never ahead of the state, unless the changelog is not the one that it was."""
        committed = await self._reader().committed(self.input, part.partition)
        if committed is not None and committed > part.next:
            raise EngineError(
                f"The state of {self.changelog_topic}/{part.partition} stands at {part.next}, but the group has "
                f"worked on to {committed}: the changelog was lost or restored from an older backup. Start a new "
                "generation (FEEDMILL_GENERATION) knowingly; docs/runbooks/lost-changelog.md says how."
            )

    async def verify(self, parts: Iterable[Part] | None = None) -> None:
        """Make sure that what was committed still is; raises EngineError where the broker has forgotten it.

        A broker killed right after a commit may come back without its markers and take it for complete: readers
        stand still before the outputs, and a later commit of the same producer would decide the changelog's part
        alone, so that the next owner's closing transaction aborts the outputs. A worker at work notices the broken
        connection; an idle one must look. The cure is to end: the next start closes, and works it off again.
        """
        proofs = {
            part.partition: (part, part.store.proof[0], part.next)
            for part in (self.parts.values() if parts is None else parts)
            if part.ready and part.store.proof is not None
        }
        if not proofs:
            return
        ends = await self._reader().stable_ends(
            self.changelog_topic, {partition: proof for partition, (_, proof, _) in proofs.items()}
        )
        for partition, (part, proof, position) in proofs.items():
            if ends[partition] > proof:
                part.verified = position
            else:
                raise EngineError(
                    f"The broker has lost the end of the last transaction on {self.changelog_topic}/{partition}: it "
                    "was restarted right after it. The next start takes it over and works it off again."
                )

    async def _release(self, partition: int) -> None:
        part = self.parts.pop(partition)
        part.store.close()
        if part.transactions is not None:
            await part.transactions.stop()

    def _reader(self) -> Changelog:
        if self._changelog is None:
            raise RuntimeError("the loop was not started")
        return self._changelog

    def _producer(self, part: Part) -> Transactions:
        if part.transactions is None:
            raise RuntimeError(f"partition {part.partition} was not taken over")
        return part.transactions


def _proves(store: Store, records: Sequence[Incoming]) -> bool:
    """Whether the first record read is the store's last position record."""
    if store.proof is None or not records:
        return False
    first = records[0]
    return (first.offset, first.key, first.value) == (store.proof[0], POSITION_KEY, store.proof[1])


async def _all(waiting: Iterable[Awaitable[Any]]) -> list[Any]:
    """Await everything, then give the results or raise the first failure: none may go on in the background.

    A refusal goes before what followed from it: the broker takes no later batch of its partition either, out of
    sequence as it is. Ending for that, a worker would end there again after every restart.
    """
    results = await asyncio.gather(*waiting, return_exceptions=True)
    refusals = [result for result in results if isinstance(result, RefusedError)]
    for result in (*refusals, *results):
        if isinstance(result, BaseException):
            raise result
    return results


__all__ = ["STATE_PREFIX", "Observer", "Part", "StageLoop", "frame_intake"]
