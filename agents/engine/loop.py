"""The loop: one Kafka transaction per stage, input partition and batch.

Outputs, state changes and the input position stand in one transaction, so that a crash at any point leaves either
all of them or none. `holding.py` has what comes before: how a partition is taken over, and where its work goes on.
docs/decisions/0003 has the reasons and the measurements.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from typing import Generic, Protocol, TypeVar

from agents.engine.batches import Filling
from agents.engine.delivery import Dispatch, Parcel, Refusals
from agents.engine.frames import UnreadableFrameError, decode_frame
from agents.engine.holding import Holding, RestoreObserver, all_of
from agents.engine.part import Part
from agents.engine.quarantine import Quarantine, Tried
from agents.engine.store import POSITION_KEY, Change, Overlay, Position, Store, Tables, encode_position
from agents.engine.topics import Naming
from agents.engine.transport import EngineError, Incoming, Outgoing, RefusedError, Transactions, Transport
from agents.engine.turns import Turns
from agents.engine.watchdog import Watchdog
from agents.stage import Derived, Output, Stage, Topic, UnknownFormatError
from schemas import DeadLetterCode, StageName

RESTART_SECONDS = 1.0
"""Shorter than any restart of a broker: between two commits that were asked for so soon after each other was none."""

MOST_TRIED = 50
MOST_TRIED_SECONDS = 2.0
"""What was tried in the child is committed after so many inputs and seconds, and after each that ended it: whoever
takes this worker's place need not try it again."""

In = TypeVar("In")

Intake = Callable[[Incoming], Sequence[In]]
"""Reads the inputs out of one record: the document that it is, or the entries of a frame."""


def frame_intake(record: Incoming) -> Sequence[bytes]:
    """The entries of a frame; a record that is none is a bug, and stops the worker at its offset."""
    try:
        return [value for _, value in decode_frame(record.value)]
    except UnreadableFrameError as error:
        raise EngineError(
            f"Record {record.place} is no frame of the mill: {error}. "
            "Something else writes to this topic, or a broken version did. To go on without it, name it in "
            "FEEDMILL_SKIP_RECORDS; what it held is then missing and the ledger will say so.",
            partition=record.partition,
            record=record.place,
        ) from error


class Observer(RestoreObserver, Protocol):
    """Is told what the loop does; metrics, health and the demo's display listen."""

    def handled(self, stage: StageName, partition: int, entries: int, outputs: Sequence[Output], size: int) -> None: ...

    def took(self, stage: StageName, seconds: float, committing: float) -> None:
        """How long a batch took from its first entry to its commit; `committing`: of that, in its transaction."""
        ...

    def refused(self, stage: StageName, partition: int, why: str, first: Incoming, culprit: Output | None) -> None:
        """The broker refused a record of the batch that begins with `first`; once it is found, that of `culprit`."""
        ...

    def tried(self, stage: StageName, partition: int, letter: Output | None, fatal: str | None) -> None:
        """A suspect input was tried in the child process. `fatal` says how it ended that; then it has a dead letter."""
        ...

    def cleared(self, stage: StageName, partition: int) -> None:
        """No suspect record is left in the partition."""
        ...


class StageLoop(Holding, Generic[In]):
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
        quarantine: Quarantine | None = None,
        watchdog: Watchdog | None = None,
        leaving: Callable[[], bool] = lambda: False,
    ) -> None:
        """Without `quarantine` no record is suspect; without `watchdog` a stage may take for ever.

        `leaving` says whether a rebalance or a stop waits for what is in hand: what is not begun then comes again.
        """
        super().__init__(
            stage.name,
            naming=naming,
            partitions=partitions,
            transport=transport,
            tables=tables,
            owned=owned,
            timer=timer,
            observer=observer,
        )
        self.stage = stage
        self._intake = intake
        self._clock = clock
        self._observer = observer
        self._skip = skip
        self._turns = turns or Turns(timer)
        self._dispatch = Dispatch(stage, naming, partitions)
        self._quarantine = quarantine
        self._watchdog = watchdog
        self._leaving = leaving

    async def run(self, records: Sequence[Incoming]) -> None:
        """Work through records, in order within their partition. Raises EngineError: then end the process."""
        by_partition: dict[int, list[Incoming]] = {}
        for record in records:
            by_partition.setdefault(record.partition, []).append(record)
        await self.take_over(by_partition)
        await all_of(self._work(self.parts[partition], held) for partition, held in by_partition.items())

    async def _work(self, part: Part, records: Sequence[Incoming]) -> None:
        if not part.joined:
            await self._join(part, records[0].offset)
        fresh = [record for record in records if record.offset >= part.next]
        if part.suspicion is not None:
            fresh = await self._work_suspects(part, fresh)
        for batch, inputs in self._batches(fresh):
            if batch[-1].offset < part.next:
                continue  # a refusal made the partition be taken over anew, and it stood further on
            await self._persist(part, batch, inputs)

    def _batches(self, records: Sequence[Incoming]) -> Iterable[tuple[list[Incoming], list[In]]]:
        """Cut records into transactions, bounded by bytes and entries; a record is never cut."""
        batch: list[Incoming] = []
        inputs: list[In] = []
        filling = Filling()
        for record in records:
            if not filling.has_room(record):
                yield batch, inputs
                batch, inputs, filling = [], [], Filling()
            batch.append(record)
            held = self._inputs(record)
            inputs.extend(held)
            filling.add(record, len(held))
        if batch:
            yield batch, inputs

    def _inputs(self, record: Incoming) -> Sequence[In]:
        return () if record.place in self._skip else self._intake(record)

    async def _work_suspects(self, part: Part, records: Sequence[Incoming]) -> list[Incoming]:
        """Try suspect records input by input in the child process, and commit what became of them; the others."""
        waiting = list(records)
        suspicion, quarantine = part.suspicion, self._quarantine
        while waiting and quarantine is not None and suspicion is not None and suspicion.covers(waiting[0]):
            began = self._timer()
            if self._leaving():
                return []  # they are fetched anew, from what is committed: a rebalance cannot wait for all of them
            batch: list[Incoming] = []
            inputs: list[In] = []
            tried: list[Tried] = []
            while waiting and suspicion.covers(waiting[0]) and not (batch and self._leaving()):
                record = waiting.pop(0)
                held = self._inputs(record)
                batch.append(record)
                inputs.extend(held)
                tried.extend([await self._try(part, one, quarantine) for one in held])
                suspicion.passed(record, len(held))
                fatal = any(one.fatal for one in tried)
                if fatal or len(inputs) >= MOST_TRIED or self._timer() - began > MOST_TRIED_SECONDS:
                    break
            await self._persist(part, batch, inputs, *tried)
            waiting = [record for record in waiting if record.offset >= part.next]
        if suspicion is not None and (
            waiting or not await self._unworked({part.partition: (part.next, suspicion.end)})
        ):
            part.suspicion = None
            self._observer.cleared(self.stage.name, part.partition)
        return waiting

    async def _try(self, part: Part, one: In, quarantine: Quarantine) -> Tried:
        now = self._clock()
        tried = await quarantine.tried(self.stage.name, one, now)
        letter = None
        if tried.fatal:
            message = f"Working on it ends a process: {tried.fatal}."
            letter = self.stage.condemned(one, DeadLetterCode.CRASHED_WORKER, message, now)
            tried = Tried([letter], tried.fatal)
        self._observer.tried(self.stage.name, part.partition, letter, tried.fatal)
        return tried

    async def _persist(self, part: Part, batch: Sequence[Incoming], inputs: Sequence[In], *tried: Tried) -> None:
        """Transact a batch until the broker takes it: each record that it refuses becomes a dead letter.

        After a refusal the producer's sequence is broken, and re-made in place it could fence a new owner; so the
        partition is taken over anew, as at an assignment, and the records go one by one to find the culprit.
        """
        singly = False
        while True:
            known = len(part.refusals)
            try:
                await self._transact(part, batch, inputs, *tried, singly=singly)
                part.refusals.clear()
                return
            except RefusedError as refused:
                self._observer.refused(self.stage.name, part.partition, refused.reason, batch[0], refused.culprit)
                if singly and len(part.refusals) == known:
                    raise EngineError(
                        f"The broker refuses the state of {self.changelog_topic}/{part.partition}, and nothing can "
                        f"take its place: {refused.reason}. Compare the topic's settings with `feedmill topics check`.",
                        partition=part.partition,
                    ) from refused
                part.ready = False
                derived = part.store.derived
                if isinstance(derived, Derived) and not derived.begin(part.store.version):
                    part.store.derived = None  # to be made again with pauses, not in the middle of a batch
                with self._turns.open():
                    await self._settle([part])
                if part.next > batch[0].offset:
                    raise EngineError(
                        f"{self.input}/{part.partition} moved on to {part.next} while a refused batch was tried again: "
                        "another worker owns it.",
                        partition=part.partition,
                    ) from refused
                singly = True

    async def _transact(
        self,
        part: Part,
        batch: Sequence[Incoming],
        inputs: Sequence[In],
        *tried: Tried,
        singly: bool,
    ) -> None:
        size = sum(one.size for one in batch)
        await self._turns.come(size)
        started = self._timer()
        overlay = Overlay(part.store)
        outputs = self._handle_tried(inputs, tried, overlay) if tried else self._handle(inputs, overlay)
        outputs = self._dispatch.settle(outputs, part.refusals, self._clock)
        parcels = self._dispatch.parcels(outputs, part.partition, framed=not singly)
        changes = overlay.changes()
        part.count += 1
        position = Position(batch[-1].offset + 1, self.writer, part.count)
        decided = self._timer()
        with self._turns.open(size):
            offset = await self._commit(part, parcels, [*changes, (POSITION_KEY, encode_position(position))], singly)
        committed = self._timer()
        part.store.committed(changes, position, offset)
        self.note_dropped(part.store)
        self._observer.handled(self.stage.name, part.partition, len(inputs), outputs, size)
        self._observer.took(self.stage.name, self._timer() - started, committed - decided)

    async def _commit(self, part: Part, parcels: Sequence[Parcel], changes: Sequence[Change], singly: bool) -> int:
        """One transaction; the offset of its last change, which is the position."""
        transactions = self._producer(part)
        await self._verify_after_while(part)
        await transactions.begin()
        try:
            records = [Outgoing(self.changelog_topic, part.partition, key, value) for key, value in changes]
            if singly:
                await self._send_singly(transactions, parcels, part.refusals)
            else:
                records = [*(parcel.record for parcel in parcels), *records]
            # Every delivery is awaited: aiokafka commits happily after a failed batch.
            *_, offset = await all_of(await transactions.send_all(records))
        except RefusedError:
            await transactions.abort()
            raise
        await self._verify_after_while(part)
        part.sure_at = self._timer()
        await transactions.commit()
        return int(offset)

    async def _verify_after_while(self, part: Part) -> None:
        """Make sure of the last commit where a broker can have been restarted since it was asked for.

        The client waits a restart out at any step, that commit and this transaction included, and is told that all
        is well. Where the broker has forgotten the last one, this one's markers would decide the changelog for both,
        and leave the last one's outputs undecided: the next owner's closing transaction would abort them.
        """
        if self._timer() - part.sure_at > RESTART_SECONDS:
            await self.verify([part])
            part.sure_at = self._timer()

    def _prepare(self, store: Store) -> Iterator[None]:
        try:
            yield from self.stage.prepare(Overlay(store))
        except UnknownFormatError as error:
            raise self._unreadable(error) from error

    def _handle(self, inputs: Sequence[In], overlay: Overlay) -> list[Output]:
        """The stage's work."""
        with self._watchdog.over() if self._watchdog else contextlib.nullcontext():
            return self._decide(inputs, overlay)

    def _handle_tried(self, inputs: Sequence[In], tried: Sequence[Tried], overlay: Overlay) -> list[Output]:
        """What the child made of the inputs; the stage decides here about those that it needs its state for.

        In one call, as a batch has one: what a stage derives from its state counts batches.
        """
        outputs = [output for one in tried for output in one.outputs or ()]
        survivors = [one for one, found in zip(inputs, tried, strict=True) if found.outputs is None]
        if survivors:
            # each has come to an end in the child, alone: together they may take longer than one
            with self._watchdog.over(len(survivors)) if self._watchdog else contextlib.nullcontext():
                outputs += self._decide(survivors, overlay)
        return outputs

    def _decide(self, inputs: Sequence[In], overlay: Overlay) -> list[Output]:
        try:
            return self.stage.handle(inputs, overlay, self._clock())
        except UnknownFormatError as error:
            raise self._unreadable(error) from error

    def _unreadable(self, error: UnknownFormatError) -> EngineError:
        """Nothing was written: the newer version that comes back finds everything as it left it."""
        return EngineError(
            f"{self.changelog_topic}: {error} Run the version that wrote it. docs/decisions/0012-state-formats.md says "
            "what else can be done."
        )

    async def _send_singly(self, transactions: Transactions, parcels: Sequence[Parcel], refusals: Refusals) -> None:
        for parcel in parcels:
            try:
                await (await transactions.send(parcel.record))
            except RefusedError as refused:
                refused.culprit = output = parcel.outputs[0]
                if output.entry is None or output.topic is Topic.DEAD_LETTER:
                    raise EngineError(
                        f"The broker refuses a record for {parcel.record.topic} and nothing can take its place: "
                        f"{refused.reason}. Compare the topic's settings with `feedmill topics check`."
                    ) from refused
                refusals[(output.entry, output.topic)] = refused.reason
                raise


__all__ = ["Observer", "Part", "StageLoop", "frame_intake"]
