"""One process of the model: four loops, its disk, and of Faust what the engine sees of it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Struct

from agents.engine.intake import document_intake
from agents.engine.loop import StageLoop, frame_intake
from agents.engine.quarantine import Tried
from agents.engine.store import FORMAT, Change, MemoryTable, MemoryTables, Meta, Pair, StateSize
from agents.engine.transport import EngineError, Incoming, UnavailableError
from agents.engine.trial import Scratch
from agents.engine.turns import Turns
from agents.stage import Output, Stage, State
from schemas import DeadLetterCode, StageName
from tests.engine.model.broker import Place
from tests.engine.model.clients import ModelTransport
from tests.engine.model.documents import FATAL, kills

if TYPE_CHECKING:
    from tests.engine.model.world import World

META_KEY = b"\x00meta"


class DeadError(Exception):
    """A call of a process that was killed: nothing of it has any effect."""


class Disk:
    """A state folder: what it holds outlives its worker. It can go back to what it held some writes ago."""

    def __init__(self) -> None:
        self.tables = MemoryTables()
        self.users: dict[str, Worker] = {}
        """Who has a table open. RocksDB lets nobody else open it."""
        self._written: dict[str, list[list[Change]]] = {}

    def note(self, name: str, changes: list[Change]) -> None:
        self._written.setdefault(name, []).append(changes)

    def forget(self, name: str) -> None:
        self._written.pop(name, None)

    def power_cut(self, lost: Callable[[int], int]) -> None:
        """Each table loses its last writes: they were in memory, for nobody waits until they are on the disk."""
        for name, written in self._written.items():
            del written[len(written) - lost(len(written)) :]
            content = self.tables.content[name]
            content.clear()
            table = MemoryTable(content)
            for changes in written:
                table.write(changes)

    def damage(self, name: str, how: str) -> None:
        """A table as a newer mill leaves it, or as bad memory does."""
        newer = msgspec.msgpack.encode(Meta(FORMAT + 1, "", 0, None))
        change = (META_KEY, newer if how == "newer" else b"\xc1")
        MemoryTable(self.tables.content[name]).write([change])
        self.note(name, [change])

    def copy(self) -> Disk:
        """The same content under another worker's feet: a folder that was copied."""
        twin = Disk()
        for name, written in self._written.items():
            twin._written[name] = list(written)
            table = twin.tables.open(name)
            for changes in written:
                table.write(changes)
        return twin


class Waiting(Struct, frozen=True, eq=False):
    """A call that waits for its step."""

    worker: Worker
    future: asyncio.Future[Any]
    may: Callable[[], bool] | None
    answer: Any


class Worker:
    def __init__(self, world: World, disk: Disk, name: str) -> None:
        self.world = world
        self.disk = disk
        self.name = name
        self.alive = True
        self.paused = False
        self.stopping = False
        self.cut_off = False
        self.seated = False
        """It has come back under a fixed name, and has the partitions that it had."""
        self.loops: dict[StageName, StageLoop[Any]] = {}
        self.fetched: dict[Place, int] = {}
        self.passed_over: set[Place] = set()
        self.generation = 0
        self._loop = world.loop

    def start(self) -> None:
        self._loop.create_task(self._live())

    def kill(self) -> None:
        """Its calls never return."""
        self.alive = False
        self.world.drop(self)

    def call(self, may: Callable[[], bool] | None = None, answer: Any = None) -> Awaitable[Any]:
        """A call on the broker: waits until the world lets this worker go on, and not before it `may`.

        Gives the answer, or raises it.
        """
        if not self.alive:
            raise DeadError
        future: asyncio.Future[Any] = asyncio.Future(loop=self._loop)
        self.world.waiting.append(Waiting(self, future, may, answer))
        return future

    def owned(self, topic: str) -> set[int]:
        return {number for name, number in self.world.group.members.get(self, ()) if name == topic}

    def _hint(self, generation: int, *, in_order: bool = False) -> None:
        """Commit the positions as the group's offsets; refused where the group has moved on without this worker."""
        group, broker = self.world.group, self.world.broker
        if self not in group.members or group.generation != generation:
            return
        for loop in self.loops.values():
            for partition, one in loop.hints(in_order=in_order).items():
                if (loop.input, partition) in group.members[self]:
                    broker.offsets[loop.input, partition] = one.offset
                    broker.marks[loop.input, partition] = one.mark

    async def _live(self) -> None:
        try:
            await self._start_loops()
            while not self.stopping:
                for loop in self.loops.values():
                    await loop.unsettle()
                await self.world.group.join(self)
                generation = self.generation = self.world.group.generation
                for loop in self.loops.values():
                    await loop.take_over(self.owned(loop.input))
                self._hint(generation)
                await self._serve()
                self._hint(generation, in_order=True)
            for loop in self.loops.values():
                await loop.stop()
            self.alive = False
            self.world.stopped(self)
        except (DeadError, asyncio.CancelledError):
            return
        except EngineError as error:
            error.with_traceback(None)  # its frames hold the whole world
            if self.alive:
                self.world.died(self, error)
        except Exception as error:  # the mill ends on a bug too, and the model says so
            if self.alive:
                self.world.bug(self, error)

    async def _start_loops(self) -> None:
        transport, tables = ModelTransport(self), LivingTables(self)
        world = self.world
        turns = Turns(world.timer)
        for name, stage in world.stages.items():
            loop = world.make_loop(
                Deadly(stage, self),
                document_intake if name is StageName.PARSE else frame_intake,
                naming=world.naming,
                partitions=world.partitions,
                transport=transport,
                tables=tables,
                owned=self.owned,
                clock=world.clock,
                timer=world.timer,
                observer=Watcher(self),
                skip=frozenset(world.skip),
                turns=turns,
                quarantine=ModelQuarantine(self),
                leaving=lambda: self._leaving(self.generation),
            )
            self.loops[name] = loop
            await loop.start()

    async def _serve(self) -> None:
        """Fetch and work, all stages beside each other, until the group rebalances or the worker is to stop."""
        group = self.world.group
        offsets = self.world.broker.offsets
        self.fetched = {place: offsets.get(place, 0) for place in group.members.get(self, ())}
        if self.fetched and self.world.chance("pass_over"):
            place = self.world.rng.choice(sorted(self.fetched))
            committed = self.world.faults.read_committed
            _, self.fetched[place] = self.world.broker.read(place, self.fetched[place], 3, committed)
            self.passed_over.add(place)
        generation = group.generation
        agents = [asyncio.ensure_future(self._agent(loop, generation)) for loop in self.loops.values()]
        agents.append(asyncio.ensure_future(self._verify(generation)))
        try:
            await asyncio.wait(agents, return_when=asyncio.FIRST_EXCEPTION)
        finally:
            for agent in agents:
                agent.cancel()
        for agent in agents:
            if agent.done() and not agent.cancelled() and (failure := agent.exception()) is not None:
                raise failure

    def _leaving(self, generation: int) -> bool:
        group = self.world.group
        return self.stopping or group.rebalancing or group.generation != generation or self not in group.members

    async def _verify(self, generation: int) -> None:
        """What the mill's timer does each second."""
        world = self.world
        while True:
            due = world.broker.step + world.rng.randint(15, 60)

            def is_due(due: int = due) -> bool:
                return world.broker.step >= due or self._leaving(generation)

            await self.call(is_due)
            if self._leaving(generation):
                return
            for loop in self.loops.values():
                await loop.verify()
            self._hint(generation)
            if world.peace:
                self._see_stalled()

    def _see_stalled(self) -> None:
        """What the mill's other timer does: where nothing comes behind what was passed over, nothing tells of it."""
        for loop in self.loops.values():
            for partition, part in loop.parts.items():
                if (loop.input, partition) in self.passed_over and part.ready and not part.joined:
                    raise UnavailableError(f"{loop.input}/{partition} has made no progress")

    async def _agent(self, loop: StageLoop[Any], generation: int) -> None:
        world, broker, fetched = self.world, self.world.broker, self.fetched
        committed = world.faults.read_committed
        mine = sorted(place for place in fetched if place[0] == loop.input)
        logs = [(place, broker.logs[place]) for place in mine]

        def something_new() -> bool:
            for place, log in logs:
                if fetched[place] < (log.stable if committed else len(log.places)):
                    return True
            return self._leaving(generation)

        while True:
            await self.call(something_new)
            if self._leaving(generation):
                return
            batch: list[Incoming] = []
            for place in mine:
                most = 1 + int(world.rng.random() * 4)
                records, fetched[place] = broker.read(place, fetched[place], most, committed)
                batch.extend(records)
            if batch:
                await loop.run(batch)


class Deadly:
    """A stage around a stage: some inputs are the end of the process that works on them."""

    def __init__(self, stage: Stage[Any], worker: Worker) -> None:
        self.name = stage.name
        self.stage = stage
        self._worker = worker

    def prepare(self, state: State) -> Iterator[None]:
        return self.stage.prepare(state)

    def handle(self, batch: Sequence[Any], state: State, now: datetime) -> list[Output]:
        if not self._worker.alive:
            raise DeadError
        for one in batch:
            if kills(self.name, one):
                self._worker.world.killed_by(self._worker, self.name, one)
                raise DeadError
        return self.stage.handle(batch, state, now)

    def refused(self, output: Output, code: DeadLetterCode, message: str, now: datetime) -> Output:
        return self.stage.refused(output, code, message, now)

    def condemned(self, one: Any, code: DeadLetterCode, message: str, now: datetime) -> Output:
        return self.stage.condemned(one, code, message, now)


class ModelQuarantine:
    """The child process: what dies in it takes nobody along."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker

    async def tried(self, stage: StageName, one: Any, now: datetime) -> Tried:
        world = self._worker.world
        await self._worker.call()
        if kills(stage, one):
            world.tally["condemned"] += 1
            return Tried(fatal=FATAL)
        world.tally["tried"] += 1
        if stage in (StageName.PARSE, StageName.ENRICH):
            return Tried(world.stages[stage].handle([one], Scratch(), now))
        return Tried()


class LivingTables:
    """A worker's tables: what a dead worker writes has no effect, and nobody opens what another has open."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker
        self._disk = worker.disk

    def open(self, name: str) -> LivingTable:
        user = self._disk.users.get(name)
        if user is not None and user.alive:
            raise RuntimeError(f"the lock of {name} is held by {user.name}")
        self._disk.users[name] = self._worker
        return LivingTable(self._worker, name, self._disk.tables.open(name))

    def destroy(self, name: str) -> None:
        if not self._worker.alive:
            raise DeadError
        self._disk.tables.destroy(name)
        self._disk.forget(name)


class LivingTable:
    lost = None

    def __init__(self, worker: Worker, name: str, table: MemoryTable) -> None:
        self._worker = worker
        self._name = name
        self._table = table
        self._open = True

    def size(self) -> StateSize:
        return self._table.size()

    def get(self, key: bytes) -> bytes | None:
        return self._table.get(key)

    def scan(self, prefix: bytes, start: bytes) -> Iterator[Pair]:
        return self._table.scan(prefix, start)

    def write(self, changes: Iterable[Change]) -> None:
        if not self._worker.alive:
            raise DeadError
        if not self._open:
            raise RuntimeError(f"{self._name} is closed")
        written = list(changes)
        self._table.write(written)
        self._worker.disk.note(self._name, written)

    def close(self) -> None:
        self._open = False
        if self._worker.disk.users.get(self._name) is self._worker:
            del self._worker.disk.users[self._name]


class Silent:
    """An observer that looks away."""

    def handled(self, stage: StageName, partition: int, entries: int, outputs: Sequence[Output], size: int) -> None:
        return None

    def took(self, stage: StageName, seconds: float, committing: float) -> None:
        return None

    def reading(self, stage: StageName, partition: int, records: int) -> None:
        return None

    def restored(self, stage: StageName, partition: int, records: int, seconds: float, rebuilt: str | None) -> None:
        return None

    def refused(self, stage: StageName, partition: int, why: str, first: Incoming, culprit: Output | None) -> None:
        return None

    def suspected(self, stage: StageName, partition: int, first: int) -> None:
        return None

    def tried(self, stage: StageName, partition: int, letter: Output | None, fatal: str | None) -> None:
        return None

    def cleared(self, stage: StageName, partition: int) -> None:
        return None


class Watcher(Silent):
    """Tells the world what the loop says of itself."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker

    def restored(self, stage: StageName, partition: int, records: int, seconds: float, rebuilt: str | None) -> None:
        self._worker.world.restored(self._worker, stage, partition, records, rebuilt)

    def refused(self, stage: StageName, partition: int, why: str, first: Incoming, culprit: Output | None) -> None:
        self._worker.world.tally["refusals met"] += 1
