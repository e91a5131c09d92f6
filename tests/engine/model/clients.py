"""The engine's transport in the model: every call waits for its step, has its effect, and may fail of it."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping, Sequence
from typing import TYPE_CHECKING

from agents.engine.transport import (
    Changelog,
    Committed,
    EngineError,
    Incoming,
    Outgoing,
    RefusedError,
    Transactions,
    UnavailableError,
)
from tests.engine.model.broker import Place
from tests.engine.model.eventloop import answered

if TYPE_CHECKING:
    from tests.engine.model.worker import Worker

READ_RECORDS = 5


class ModelTransport:
    def __init__(self, worker: Worker) -> None:
        self.worker = worker

    async def transactions(self, transactional_id: str) -> Transactions:
        return ModelTransactions(self.worker, transactional_id)

    async def changelog(self) -> Changelog:
        return ModelChangelog(self.worker)


class ModelTransactions:
    """The producer of one transactional id."""

    def __init__(self, worker: Worker, producer: str) -> None:
        self.worker = worker
        self.producer = producer
        self.epoch = 0
        self._world = worker.world
        self._broker = worker.world.broker

    async def fence(self, touch: Sequence[Place]) -> None:
        await self.worker.call()
        self.epoch = self._broker.init_producer(self.producer, self.worker.name)
        if not touch:
            return
        if self._world.now_and_then():
            await self.worker.call()
        self._broker.touch(self.producer, self.epoch, self.worker.name, touch)
        if self._world.now_and_then():
            await self.worker.call()
        self._broker.end(self.producer, self.epoch, "aborted", late=self._world.chance("late_markers"))

    async def begin(self) -> None:
        if self._world.restarting:
            self.worker.cut_off = True  # without a pause behind the last commit: its connection breaks under it
        await self.worker.call()
        self._broker.begin(self.producer, self.epoch, self.worker.name)

    async def send(self, record: Outgoing) -> Awaitable[int]:
        return (await self.send_all([record]))[0]

    async def send_all(self, records: Sequence[Outgoing]) -> Sequence[Awaitable[int]]:
        """In batches of one partition, the last record's partition last. Each is delivered, refused or lost whole."""
        packed: dict[Place, list[Outgoing]] = {}
        for record in records:
            packed.setdefault((record.topic, record.partition), []).append(record)
        last = (records[-1].topic, records[-1].partition)
        packed[last] = packed.pop(last)
        most = self._world.batch_records
        waiting: list[Awaitable[int]] = []
        for held in packed.values():
            for start in range(0, len(held), most):
                if waiting and self._world.now_and_then():
                    await self.worker.call()
                waiting.append(self._deliver(held[start : start + most], at_once=bool(waiting)))
        return waiting

    def _deliver(self, batch: Sequence[Outgoing], *, at_once: bool) -> Awaitable[int]:
        answer: int | Exception = 0
        lost = self._world.chance("fail_delivery")
        at = f"{batch[0].topic}/{batch[0].partition}"
        if lost and self._world.rng.random() < 0.5:
            answer = UnavailableError(f"the batch for {at} was not delivered")
        else:
            try:
                answer = self._broker.send(self.producer, self.epoch, batch)
                if lost:
                    answer = UnavailableError(f"the batch for {at} was delivered, and its answer was lost")
            except (EngineError, RefusedError) as error:
                answer = error
        if isinstance(answer, Exception) and self._broker.diary is not None:
            self._broker.diary(self.producer, f"{self.producer} sends to {at}: {answer}")
        return answered(self._world.loop, answer) if at_once else self.worker.call(answer=answer)

    async def commit(self) -> None:
        world, broker = self._world, self._broker
        world.maybe_pause(self.worker, "pause_at_commit", "before a commit")  # all is sent, nothing is decided
        await self.worker.call()
        if world.chance("lose_markers"):
            broker.lose_markers(self.producer, self.epoch)
            world.broker_restarts()
            if world.rng.random() < 0.5:
                raise UnavailableError("the coordinator was killed, and came back without the markers")
            return  # it had said that the commit was done
        if world.chance("lose_some_markers"):
            broker.lose_markers(self.producer, self.epoch, keep=world.rng.randint(1, 3))
            world.broker_restarts()
            return
        if world.chance("lose_commit"):
            raise UnavailableError("the broker was not there to commit")
        broker.end(self.producer, self.epoch, "committed", late=world.chance("late_markers"))
        world.committed()
        if world.chance("lose_answer"):
            raise UnavailableError("the broker had committed, and its answer was lost")
        await self.worker.call()

    async def abort(self) -> None:
        await self.worker.call()
        if self._world.chance("lose_markers"):
            self._broker.lose_markers(self.producer, self.epoch)
            self._world.broker_restarts()
            return
        self._broker.end(self.producer, self.epoch, "aborted", late=self._world.chance("late_markers"))

    async def stop(self) -> None:
        return None


class ModelChangelog:
    """Reads changelogs by one consumer: as with aiokafka's, what it is assigned last is what it reads."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker
        self._world = worker.world
        self._broker = worker.world.broker
        self._assigned: Mapping[int, int] = {}

    async def bounds(self, topic: str, partitions: Sequence[int]) -> Mapping[int, tuple[int, int]]:
        await self._worker.call()
        logs = {number: self._broker.logs[topic, number] for number in partitions}

        def decided() -> bool:
            return not any(log.open for log in logs.values())

        if not decided():
            await self._worker.call(lambda: decided() or self._world.rng.random() < 0.002)
            if not decided():
                raise EngineError("the stable offset stays behind the topic's end")
        return {number: (log.begin, log.stable) for number, log in logs.items()}

    async def read(self, topic: str, starts: Mapping[int, int]) -> Mapping[int, tuple[Sequence[Incoming], int]]:
        self._assigned = dict(starts)
        await self._worker.call()
        return {
            number: self._broker.read((topic, number), start, READ_RECORDS) for number, start in self._assigned.items()
        }

    async def stable_ends(self, topic: str, beyond: Mapping[int, int]) -> Mapping[int, int]:
        logs = {number: self._broker.logs[topic, number] for number in beyond}

        def marked() -> bool:
            """Or asked for so long that no marker will come."""
            behind = any(log.stable <= beyond[number] for number, log in logs.items())
            return not behind or not self._broker.late or self._world.rng.random() < 0.002

        await self._worker.call(marked)
        return {number: log.stable for number, log in logs.items()}

    async def ends(self, topic: str, partitions: Sequence[int]) -> Mapping[int, int]:
        return {number: len(self._broker.logs[topic, number].places) for number in partitions}

    async def committed(self, topic: str, partitions: Sequence[int]) -> Mapping[int, Committed]:
        self._world.maybe_pause(self._worker, "pause_at_look", "before it looks at the group's offset")
        await self._worker.call()
        offsets, marks = self._broker.offsets, self._broker.marks
        return {
            number: Committed(offsets[topic, number], marks.get((topic, number), ""))
            for number in partitions
            if (topic, number) in offsets
        }
