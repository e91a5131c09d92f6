"""The world of the model: workers, their group, and everything that befalls them."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from agents.engine.intake import document_intake
from agents.engine.loop import StageLoop, frame_intake
from agents.engine.store import Change, MemoryTable, MemoryTables, StateSize
from agents.engine.topics import INPUT, Naming
from agents.engine.transport import EngineError, Incoming, Outgoing, Transactions, UnavailableError
from agents.stage import Output, Stage, Topic
from schemas import StageName
from tests.engine.model.broker import ModelBroker
from tests.engine.model.documents import REFUSED, Planned, plan

PARTITIONS = 2
NOW = datetime(2026, 11, 1, tzinfo=UTC)
MOST_STEPS = 20_000

Stages = Mapping[StageName, Stage[Any]]
LoopMaker = type[StageLoop[Any]]


class DeadError(Exception):
    """A call of a process that was killed: nothing of it has any effect."""


class Faults:
    """How often each thing happens, per step, while the faults last; and for how many steps they last."""

    kill = 0.003
    stop = 0.002
    pause = 0.01
    wake = 0.03  # of the paused: it goes on, or the group goes on without it
    pause_at_commit = 0.12
    time_out = 0.004
    fail_delivery = 0.01
    lose_markers = 0.02
    compact = 0.01
    wipe = 0.3  # of the killed: their disk is lost
    join = 0.01
    hint = 0.03
    steps = 180


class Quiet(asyncio.BaseEventLoop):
    """An event loop without clock, sockets or idling: when nothing can run, the world goes on.

    Five times as quick as a loop that asks the operating system between any two steps.
    """

    def play(self, begin: Callable[[], None], happen: Callable[[], bool]) -> None:
        asyncio.events._set_running_loop(self)
        try:
            begin()
            self._drain()
            while happen():
                self._drain()
        finally:
            asyncio.events._set_running_loop(None)

    def end(self) -> None:
        """Cancel what is left and let it end."""
        asyncio.events._set_running_loop(self)
        try:
            for _ in range(20):
                left = asyncio.all_tasks(self)
                if not left:
                    break
                for task in left:
                    task.cancel()
                self._drain()
        finally:
            asyncio.events._set_running_loop(None)

    def _drain(self) -> None:
        ready: Any = self._ready  # type: ignore[attr-defined]
        while ready:
            handle = ready.popleft()
            if not handle._cancelled:
                handle._run()

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """Tasks of the dead are never asked for their results."""


class World:
    """One history. `run` plays it to its end: faults first, then peace until everything is worked off."""

    def __init__(
        self, seed: int, stages: Stages, make_loop: LoopMaker = StageLoop, faults: type[Faults] = Faults
    ) -> None:
        self.rng = random.Random(seed)
        self.naming = Naming("m")
        self.inputs = [self.naming.topic(INPUT[stage]) for stage in StageName]
        self.broker = ModelBroker(self._refuses)
        self.stages = stages
        self.make_loop = make_loop
        self.faults = faults
        self.records: list[Planned] = plan(self.rng, self.naming, PARTITIONS)
        self.published = 0
        self.workers: list[Worker] = []
        self.waiting: list[tuple[Worker, asyncio.Future[None], Callable[[], bool] | None]] = []
        self.steps = 0
        self.seconds = 0.0
        self.restarting = 0.0
        """Seconds that the broker takes to come back, from the next step on."""
        self.peace = False
        self.members: dict[Worker, set[tuple[str, int]]] = {}
        self.assigned: dict[Worker, list[tuple[str, int]]] = {}
        self.joined: set[Worker] = set()
        self.generation = 0
        self.rebalancing = False
        self.history: list[str] = []

    def _refuses(self, record: Outgoing) -> bool:
        return record.topic == self.naming.topic(Topic.ENRICHED) and REFUSED.encode() in (record.value or b"")

    def run(self) -> None:
        """Play: whenever every task waits for a step, one thing happens."""
        loop = Quiet()
        try:
            loop.play(self._begin, self._happen)
        finally:
            for worker in self.workers:
                worker.kill()
            loop.end()
            loop.close()

    def _begin(self) -> None:
        for number in range(self.rng.randint(1, 3)):
            self.spawn(Disk(), f"w{number}")

    def _happen(self) -> bool:
        """Let one thing happen; False at the end of the history."""
        self.steps += 1
        self.seconds += self.restarting
        self.restarting = 0.0
        if self.steps > MOST_STEPS:
            raise AssertionError(f"no end after {MOST_STEPS} steps: {self.history[-20:]}")
        if not self.peace and self.steps > self.faults.steps:
            self._make_peace()
        if self.peace and self.published == len(self.records) and self.steps % 8 == 0 and self._done():
            return False
        self._act()
        return True

    # -- what happens

    def _act(self) -> None:
        rng, faults = self.rng, self.faults
        if not self.peace:
            chance = rng.random()
            for worker in [one for one in self.workers if one.alive]:
                chance -= faults.kill
                if chance < 0:
                    self._kill(worker)
                    return
                chance -= faults.pause
                if chance < 0 and not worker.paused:
                    worker.paused = True
                    self._tell(f"pause {worker.name}")
                    return
                chance -= faults.stop
                if chance < 0 and not worker.stopping:
                    worker.stopping = True
                    self._tell(f"stop {worker.name}")
                    return
                if worker.paused and rng.random() < faults.wake:
                    self._expire_or_wake(worker)
                    return
            chance = rng.random()
            if chance < faults.time_out and self.broker.current:
                self.broker.time_out(rng.choice(sorted(self.broker.current)))
            elif chance < faults.time_out + faults.compact:
                stage = rng.choice(list(StageName))
                partition = rng.randrange(PARTITIONS)
                end = self.broker.end_offset(self.naming.changelog(stage), partition)
                self.broker.compact(self.naming.changelog(stage), partition, rng.randint(0, max(0, end - 2)))
            elif chance < faults.time_out + faults.compact + faults.join and len(self._alive()) < 4:
                self.spawn(Disk(), f"w{len(self.workers)}")
        if not self._alive():
            self.spawn(Disk(), f"w{len(self.workers)}")
        if self.published < len(self.records) and rng.random() < 0.3:
            self.broker.publish(self.records[self.published].record)
            self.published += 1
        if rng.random() < faults.hint:
            for worker in self._alive():
                if not worker.paused:
                    worker.hint()
        ready = [
            place for place, (worker, _, may) in enumerate(self.waiting) if not worker.paused and (not may or may())
        ]
        if ready:
            future = self.waiting.pop(rng.choice(ready))[1]
            if not future.done():
                future.set_result(None)

    def _kill(self, worker: Worker) -> None:
        self._tell(f"kill {worker.name}")
        worker.kill()
        self.leave(worker)
        if self.rng.random() < self.faults.wipe:
            worker.disk = Disk()
        if self.rng.random() < 0.7:
            self.spawn(worker.disk, f"{worker.name}'")

    def _expire_or_wake(self, worker: Worker) -> None:
        if worker in self.members and self.rng.random() < 0.6:
            self._tell(f"session of {worker.name} ends")
            self.leave(worker)
        else:
            self._tell(f"wake {worker.name}")
            worker.paused = False

    def maybe_pause_at_commit(self, worker: Worker) -> None:
        """The worst moment to be paused: everything is sent, nothing is decided, and the session may end."""
        if not self.peace and self.rng.random() < self.faults.pause_at_commit:
            worker.paused = True
            self._tell(f"pause {worker.name} before a commit")
            if self.rng.random() < 0.5:
                self._tell(f"session of {worker.name} ends")
                self.leave(worker)

    def _make_peace(self) -> None:
        self.peace = True
        self._tell("peace")
        for worker in self._alive():
            worker.paused = False

    def _done(self) -> bool:
        for stage, topic in zip(StageName, self.inputs, strict=True):
            for partition in range(PARTITIONS):
                if self.broker.stable_offset(topic, partition) < self.broker.end_offset(topic, partition):
                    return False
                if self.broker.read(topic, partition, self._position(stage, partition), 1)[0]:
                    return False
        outputs = [self.naming.topic(topic) for topic in (Topic.ENRICHED, Topic.DUPLICATES, Topic.DEAD_LETTER)]
        return all(
            self.broker.stable_offset(topic, partition) == self.broker.end_offset(topic, partition)
            for topic in outputs
            for partition in range(PARTITIONS)
        )

    def _position(self, stage: StageName, partition: int) -> int:
        topic = self.naming.topic(INPUT[stage])
        positions = [
            part.next
            for worker, owned in self.members.items()
            if (topic, partition) in owned and stage in worker.loops
            if (part := worker.loops[stage].parts.get(partition)) is not None and part.ready
        ]
        return max(positions, default=0)

    def _alive(self) -> list[Worker]:
        return [worker for worker in self.workers if worker.alive]

    def _tell(self, what: str) -> None:
        self.history.append(f"{self.steps}: {what}")

    def clock_ticks(self, worker: Worker) -> bool:
        """Whether a worker's timers are due: now and then, and always where nothing else is left to happen."""
        return self.rng.random() < 0.02 or (self.peace and self.steps % 50 == 0)

    # -- the group

    def spawn(self, disk: Disk, name: str) -> None:
        worker = Worker(self, disk, name)
        self.workers.append(worker)
        worker.start()

    def died(self, worker: Worker, why: str) -> None:
        """A worker ended itself, as the engine does on any failure; its manager starts another."""
        self._tell(f"{worker.name} ended: {why}")
        worker.kill()
        self.leave(worker)
        self.spawn(worker.disk, f"{worker.name}+")

    def leave(self, worker: Worker) -> None:
        if worker in self.members:
            del self.members[worker]
            self._rebalance()
        self.joined.discard(worker)
        self._maybe_assign()

    async def join(self, worker: Worker) -> set[tuple[str, int]]:
        """Join the group, or join it again; returns at the end of the rebalance with what was assigned."""
        self.members.setdefault(worker, set())
        self.joined.add(worker)
        self._rebalance()
        self._maybe_assign()
        await self.step(worker, lambda: worker not in self.joined)
        return self.members.get(worker, set())

    def _rebalance(self) -> None:
        self.rebalancing = True

    def _maybe_assign(self) -> None:
        if not self.rebalancing or not self.members or set(self.members) - self.joined:
            return
        everything = [(topic, number) for topic in self.inputs for number in range(PARTITIONS)]
        self.rng.shuffle(everything)
        members = list(self.members)
        for worker in members:
            self.members[worker] = set()
        for place, one in enumerate(everything):
            self.members[members[place % len(members)]].add(one)
        self.assigned = {worker: sorted(mine) for worker, mine in self.members.items()}
        self.rebalancing = False
        self.generation += 1
        self.joined.clear()

    async def step(self, worker: Worker, may: Callable[[], bool] | None = None) -> None:
        """Wait until the world lets this worker go on, and not before it `may`; a dead one never does."""
        if not worker.alive:
            raise DeadError
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.waiting.append((worker, future, may))
        await future
        if not worker.alive:
            raise DeadError


class Disk:
    """A state folder: what it holds outlives its worker."""

    def __init__(self) -> None:
        self.tables = MemoryTables()


class Worker:
    """One process: four loops, and of Faust what the engine sees of it."""

    def __init__(self, world: World, disk: Disk, name: str) -> None:
        self.world = world
        self.disk = disk
        self.name = name
        self.alive = True
        self.paused = False
        self.stopping = False
        self.loops: dict[StageName, StageLoop[Any]] = {}
        self.fetched: dict[tuple[str, int], int] = {}
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.ensure_future(self._live())

    def kill(self) -> None:
        self.alive = False
        self.world.waiting = [one for one in self.world.waiting if one[0] is not self]
        if self._task is not None:
            self._task.cancel()

    def owned(self, topic: str) -> set[int]:
        return {number for name, number in self.world.members.get(self, set()) if name == topic}

    def hint(self) -> None:
        """Commit the positions as the group's offsets; refused where the group has moved on without this worker."""
        if self.world.rebalancing or self not in self.world.members:
            return
        for loop in self.loops.values():
            for partition, position in loop.positions().items():
                if (loop.input, partition) in self.world.members[self]:
                    self.world.broker.offsets[(loop.input, partition)] = position

    async def _live(self) -> None:
        try:
            await self._start_loops()
            while not self.stopping:
                for loop in self.loops.values():
                    await loop.unsettle()
                await self.world.join(self)
                for loop in self.loops.values():
                    await loop.take_over(self.owned(loop.input))
                await self._serve()
            for loop in self.loops.values():
                await loop.stop()
            self.alive = False
            self.world.leave(self)
        except (DeadError, asyncio.CancelledError):
            return
        except EngineError as error:
            if self.alive:
                self.world.died(self, str(error))

    async def _start_loops(self) -> None:
        for name, stage in self.world.stages.items():
            loop = self.world.make_loop(
                stage,
                document_intake if name is StageName.PARSE else frame_intake,
                naming=self.world.naming,
                partitions=PARTITIONS,
                transport=ModelTransport(self),
                tables=LivingTables(self),
                owned=self.owned,
                clock=lambda: NOW,
                timer=lambda: self.world.seconds,
                observer=Silent(),
            )
            self.loops[name] = loop
            await loop.start()

    async def _serve(self) -> None:
        """Fetch and work, all stages beside each other, until the group rebalances or the worker is to stop."""
        self.fetched = {one: self.world.broker.offsets.get(one, 0) for one in self.world.members.get(self, ())}
        generation = self.world.generation
        agents = [asyncio.ensure_future(self._agent(loop, generation)) for loop in self.loops.values()]
        agents.append(asyncio.ensure_future(self._verify(generation)))
        try:
            done, _ = await asyncio.wait(agents, return_when=asyncio.FIRST_EXCEPTION)
        finally:
            for agent in agents:
                agent.cancel()
        failures = [agent.exception() for agent in done if not agent.cancelled()]
        for failure in failures:
            if failure is not None:
                raise failure

    async def _verify(self, generation: int) -> None:
        """What the mill's timer does."""
        world = self.world

        def due() -> bool:
            return world.clock_ticks(self) or self.stopping or world.rebalancing or self not in world.members

        while True:
            await world.step(self, due)
            if self.stopping or world.rebalancing or world.generation != generation or self not in world.members:
                return
            for loop in self.loops.values():
                await loop.verify()

    async def _agent(self, loop: StageLoop[Any], generation: int) -> None:
        world = self.world
        idle_since = -1

        def something_new() -> bool:
            return idle_since != world.broker.version or self.stopping or world.rebalancing or self not in world.members

        while True:
            await world.step(self, something_new)
            if self.stopping or world.rebalancing or world.generation != generation or self not in world.members:
                return
            idle_since = world.broker.version
            batch: list[Incoming] = []
            for topic, partition in world.assigned[self]:
                if topic == loop.input:
                    at = self.fetched[(topic, partition)]
                    records, resume = world.broker.read(topic, partition, at, world.rng.randint(1, 4))
                    self.fetched[(topic, partition)] = resume
                    batch.extend(records)
            if batch:
                idle_since = -1
                await loop.run(batch)


class LivingTables:
    """A worker's tables: what a dead worker writes has no effect."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker
        self._tables = worker.disk.tables

    def open(self, name: str) -> LivingTable:
        return LivingTable(self._worker, self._tables.open(name))

    def destroy(self, name: str) -> None:
        self._tables.destroy(name)


class LivingTable:
    def __init__(self, worker: Worker, table: MemoryTable) -> None:
        self._worker = worker
        self._table = table

    def size(self) -> StateSize:
        return self._table.size()

    def get(self, key: bytes) -> bytes | None:
        return self._table.get(key)

    def write(self, changes: Iterable[Change]) -> None:
        if not self._worker.alive:
            raise DeadError
        self._table.write(changes)

    def close(self) -> None:
        return None


class ModelTransport:
    def __init__(self, worker: Worker) -> None:
        self._worker = worker

    async def transactions(self, transactional_id: str) -> Transactions:
        return ModelTransactions(self._worker, transactional_id)

    async def changelog(self) -> ModelChangelog:
        return ModelChangelog(self._worker)


class ModelTransactions:
    """A transactional producer: each call waits for its step, has its effect, and at the end may die of it."""

    def __init__(self, worker: Worker, producer: str) -> None:
        self._worker = worker
        self._world = worker.world
        self._broker = worker.world.broker
        self._producer = producer
        self._epoch = 0
        self._stepped = False

    async def fence(self, touch: Sequence[tuple[str, int]]) -> None:
        await self._world.step(self._worker)
        self._epoch = self._broker.init_producer(self._producer)
        self._broker.begin(self._producer, self._epoch)
        for topic, partition in touch:
            self._broker.send(self._producer, self._epoch, Outgoing(topic, partition, b"", b""))
        self._broker.end(self._producer, self._epoch, "aborted")

    async def begin(self) -> None:
        await self._world.step(self._worker)
        self._stepped = False
        self._broker.begin(self._producer, self._epoch)

    async def send(self, record: Outgoing) -> Awaitable[int]:
        if not self._world.peace and self._world.rng.random() < self._world.faults.fail_delivery:
            return self._failed()
        try:
            return self._delivered(self._broker.send(self._producer, self._epoch, record), None)
        except Exception as error:
            return self._delivered(0, error)

    async def send_all(self, records: Sequence[Outgoing]) -> Sequence[Awaitable[int]]:
        return [await self.send(record) for record in records]

    async def commit(self) -> None:
        self._world.maybe_pause_at_commit(self._worker)
        await self._world.step(self._worker)
        if not self._world.peace and self._world.rng.random() < self._world.faults.lose_markers:
            self._broker.lose_markers(self._producer, self._epoch)
            self._world.restarting = 5.0
            if self._world.rng.random() < 0.5:
                raise UnavailableError("the coordinator was killed, and came back without the markers")
            return  # it had said that the commit was done
        self._broker.end(self._producer, self._epoch, "committed")
        await self._world.step(self._worker)

    async def abort(self) -> None:
        await self._world.step(self._worker)
        self._broker.end(self._producer, self._epoch, "aborted")

    async def stop(self) -> None:
        return None

    async def _delivered(self, offset: int, error: Exception | None) -> int:
        if not self._stepped:
            self._stepped = True
            await self._world.step(self._worker)
        if error is not None:
            raise error
        return offset

    async def _failed(self) -> int:
        raise UnavailableError("the batch was not delivered")


class ModelChangelog:
    def __init__(self, worker: Worker) -> None:
        self._worker = worker
        self._broker = worker.world.broker

    async def bounds(self, topic: str, partitions: Sequence[int]) -> Mapping[int, tuple[int, int]]:
        await self._worker.world.step(self._worker)
        return {number: (0, self._broker.stable_offset(topic, number)) for number in partitions}

    async def read(self, topic: str, starts: Mapping[int, int]) -> Mapping[int, tuple[Sequence[Incoming], int]]:
        await self._worker.world.step(self._worker)
        return {number: self._broker.read(topic, number, start, 5) for number, start in starts.items()}

    async def stable_ends(self, topic: str, beyond: Mapping[int, int]) -> Mapping[int, int]:
        return {number: self._broker.stable_offset(topic, number) for number in beyond}

    async def committed(self, topic: str, partition: int) -> int | None:
        return self._broker.offsets.get((topic, partition))


class Silent:
    """An observer that looks away."""

    def handled(self, stage: StageName, partition: int, entries: int, outputs: Sequence[Output], size: int) -> None:
        return None

    def took(self, stage: StageName, seconds: float) -> None:
        return None

    def restored(self, stage: StageName, partition: int, records: int, seconds: float, rebuilt: str | None) -> None:
        return None

    def refused(self, stage: StageName, partition: int, why: str) -> None:
        return None
