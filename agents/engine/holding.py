"""What a worker holds of a stage: its partitions, each with its store and its producer.

Take-over is the same code cold, warm and after a rebalance: fence the last owner, restore the changelog to its end, go
on from the position found in it. docs/decisions/0003 has the reasons and the measurements.
"""

from __future__ import annotations

import asyncio
import secrets
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol

from agents.engine.about import about_partition
from agents.engine.part import Part
from agents.engine.store import POSITION_KEY, StateSize, Store, Tables
from agents.engine.suspicion import IN_ORDER, Suspicion, at_work, is_suspect
from agents.engine.topics import INPUT, OUTPUTS, Naming
from agents.engine.transport import (
    Changelog,
    Committed,
    EngineError,
    FencedError,
    Incoming,
    RefusedError,
    Transactions,
    Transport,
)
from agents.stage import Derived, Dropped, IndexSize, Topic
from schemas import StageName


class RestoreObserver(Protocol):
    """Is told of each take-over."""

    def reading(self, stage: StageName, partition: int, records: int) -> None:
        """So many records more of the changelog were read: the restore gets on."""
        ...

    def restored(self, stage: StageName, partition: int, records: int, seconds: float, rebuilt: str | None) -> None:
        """How many records of the changelog were read, how long it took, and why a store was made anew."""
        ...

    def suspected(self, stage: StageName, partition: int, first: int) -> None:
        """The last owner did not stop in order: it may have died of the record at `first`, or of one behind it."""
        ...


class Holding:
    """The partitions of one stage that this worker owns. Methods raise EngineError: then the worker must end."""

    def __init__(
        self,
        stage: StageName,
        *,
        naming: Naming,
        partitions: int,
        transport: Transport,
        tables: Tables,
        owned: Callable[[str], set[int]],
        timer: Callable[[], float],
        observer: RestoreObserver,
    ) -> None:
        self.input = naming.topic(INPUT[stage])
        self.changelog_topic = naming.changelog(stage)
        self._name = stage
        self._naming = naming
        self._partitions = partitions
        self._transport = transport
        self._tables = tables
        self._owned = owned
        self._timer = timer
        self._restore_observer = observer
        self._taking_over = asyncio.Lock()
        self._restoring = asyncio.Lock()  # one reader, whose assignment is replaced by each restore
        self._changelog: Changelog | None = None
        self._dropped: Counter[Dropped] = Counter()
        self.writer = secrets.token_bytes(8)
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

    def hints(self, *, in_order: bool = False) -> dict[int, Committed]:
        """What the group should know of each settled partition.

        `in_order`: nothing is in hand any more, and this worker is about to let go of them. A partition with
        suspect records before it stays suspect.
        """
        positions = self.positions()
        return {
            part.partition: Committed(
                positions.get(part.partition, part.begun or 0),
                IN_ORDER if in_order and part.suspicion is None else at_work(self.writer),
            )
            for part in self.parts.values()
            if part.ready
        }

    @property
    def suspects(self) -> bool:
        """Whether suspect records are still to be worked off."""
        return any(part.suspicion is not None for part in list(self.parts.values()))

    def state_size(self) -> StateSize:
        """Of all the stores of this stage that the worker holds now."""
        sizes = [part.store.size() for part in list(self.parts.values())]
        return StateSize(sum(size.keys for size in sizes), sum(size.bytes for size in sizes))

    def index_sizes(self) -> list[IndexSize]:
        """Of the indexes that the stage has made of those stores, one for each partition that has one."""
        indexes = [part.store.derived for part in list(self.parts.values())]
        return [index.size() for index in indexes if isinstance(index, Derived)]

    def ready_partitions(self) -> set[int]:
        """Those whose state stands as their changelog says, and that are worked on."""
        return {number for number, part in list(self.parts.items()) if part.ready}

    def dropped(self) -> Mapping[Dropped, int]:
        """What these indexes have dropped while this worker held them, in batches that were committed."""
        return dict(self._dropped)

    def note_dropped(self, store: Store) -> None:
        """Count what an index dropped in a batch that was committed just now."""
        if isinstance(store.derived, Derived):
            self._dropped.update(store.derived.take_dropped())

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
        await all_of(self._fence(part) for part in parts)
        # Asked before the restore: afterwards it may be that of the next owner, where this one was paused meanwhile.
        found = await self._reader().committed(self.input, [part.partition for part in parts])
        async with self._restoring:
            await self._restore(parts)
        await self.check_inputs(parts)
        await self._suspect(parts, found)
        for part in parts:
            hint = found.get(part.partition)
            self._check_position(part, None if hint is None else hint.offset)
            if part.store.derived is None:
                for _ in self._prepare(part.store):
                    await asyncio.sleep(0)  # heartbeats are sent meanwhile
            part.ready, part.joined, part.verified, part.begun = True, False, None, part.next

    async def _suspect(self, parts: Sequence[Part], found: Mapping[int, Committed]) -> None:
        """Say of each partition how far its last owner may have been, where that did not stop in order."""
        suspect: list[Part] = []
        for part in parts:
            kept = part.begun is not None
            mark = found.get(part.partition)
            judged = is_suspect(mark, part.next, mine=at_work(self.writer), kept=kept)
            if judged:
                suspect.append(part)
            elif judged is not None:
                part.suspicion = None
        if not suspect:
            return
        ends = await self._reader().stable_ends(self.input, {part.partition: -1 for part in suspect})
        before = await self._unworked({part.partition: (part.next, ends[part.partition]) for part in suspect})
        for part in suspect:
            part.suspicion = None
            if part.partition in before:
                part.suspicion = Suspicion(ends[part.partition])
                self._restore_observer.suspected(self._name, part.partition, part.next)

    async def _unworked(self, bounds: Mapping[int, tuple[int, int]]) -> set[int]:
        """The input partitions in which a record stands between two offsets: markers take offsets, too."""
        found: set[int] = set()
        open_ = {partition: first for partition, (first, end) in bounds.items() if first < end}
        async with self._restoring:
            while open_:
                for partition, (records, resume) in (await self._reader().read(self.input, open_)).items():
                    end = bounds[partition][1]
                    open_[partition] = resume
                    if records or resume >= end:
                        del open_[partition]
                    if records and records[0].offset < end:
                        found.add(partition)
        return found

    async def _join(self, part: Part, first: int) -> None:
        """Make sure that the first records to come are the next ones. `first`: the offset of the first.

        What a consumer fetches while partitions move is dropped, and fetched again from where it seeks back to. Where
        that goes wrong the records between are passed over, and no later look would find them missing.
        """
        between = {part.partition: (part.next, first)}
        if first > part.next and await self._unworked(between):
            raise EngineError(
                f"{self.input}/{part.partition} was to go on at {part.next}, but the consumer came with {first}: it "
                "has passed over records. Nothing was committed; a restart fetches them.",
                **about_partition(self._name, part.partition),
            )
        part.joined = True

    async def _fence(self, part: Part) -> None:
        """Decide what the last owner left open. Only then is the changelog final up to its end."""
        if part.transactions is not None:
            await part.transactions.stop()
        part.transactions = await self._transport.transactions(
            self._naming.transactional_id(self._name, part.partition)
        )
        touch = [(self.changelog_topic, part.partition)]
        for topic in OUTPUTS[self._name]:
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
                    self._restore_observer.reading(self._name, number, len(keyed))
                counts[number] += len(keyed)
                open_[number] = resume
                if resume >= end:
                    del open_[number]
        for number, part in by_number.items():
            part.store.caught_up(bounds[number][1])
            self._restore_observer.restored(
                self._name, number, counts[number], self._timer() - started, part.store.rebuilt_because
            )
            part.store.rebuilt_because = None

    def _check_position(self, part: Part, hint: int | None) -> None:
        """The group's offset is never ahead of the state, unless the changelog is not the one that it was."""
        if hint is not None and hint > part.next:
            raise EngineError(
                f"The state of {self.changelog_topic}/{part.partition} stands at {part.next}, but the group has "
                f"worked on to {hint}: the changelog was lost or restored from an older backup. Start a new "
                "generation (FEEDMILL_GENERATION) knowingly; docs/runbooks/lost-changelog.md says how.",
                **about_partition(self._name, part.partition),
            )

    async def check_inputs(self, parts: Iterable[Part] | None = None) -> None:
        """Raise EngineError where an input ends before what was worked on: it is not the topic that it was.

        Its records would all be passed over as known ones, up to the old position, and nobody would notice.
        """
        if parts is None:  # a store that is not restored yet may be ahead of everything
            parts = [part for part in self.parts.values() if part.ready]
        positions = {part.partition: part.next for part in parts if part.next}
        if not positions:
            return
        for partition, end in (await self._reader().ends(self.input, list(positions))).items():
            if end < positions[partition]:
                raise EngineError(
                    f"{self.input}/{partition} ends at {end}, but was worked on up to {positions[partition]}: the "
                    "topic was deleted and made again, or restored from an older backup than the rest. What stands "
                    "there now would be passed over; docs/runbooks/recreated-raw.md says how to go on.",
                    **about_partition(self._name, partition),
                )

    def _prepare(self, store: Store) -> Iterator[None]:
        """What the stage makes of a restored state, piece by piece."""
        raise NotImplementedError

    async def verify(self, parts: Iterable[Part] | None = None) -> None:
        """Make sure that what was committed still is; raises EngineError where the broker has forgotten it.

        A broker killed right after a commit may come back without its markers and take it for complete: readers
        stand still before the outputs, and a later commit of the same producer would decide the changelog's part
        alone, so that the next owner's closing transaction aborts the outputs. Clients wait out the restart and notice
        nothing, so who could have met one must look. The cure is to end: the next start closes, and works it off again.
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
                    "was restarted right after it. The next start takes it over and works it off again.",
                    **about_partition(self._name, partition),
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


async def all_of(waiting: Iterable[Awaitable[Any]]) -> list[Any]:
    """Await everything, then give the results or raise the first failure: none may go on in the background.

    A refusal goes before what followed from it: the broker takes no later batch of its partition either, out of
    sequence as it is. Ending for that, a worker would end there again after every restart. And what sounds like another
    owner goes last: after a partition that may not be written to, the broker no longer knows the others' transaction.
    """
    results = await asyncio.gather(*waiting, return_exceptions=True)
    failures = [result for result in results if isinstance(result, BaseException)]
    for failure in sorted(failures, key=lambda one: (not isinstance(one, RefusedError), isinstance(one, FencedError))):
        raise failure
    return results
