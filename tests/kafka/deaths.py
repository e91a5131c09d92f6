"""A broker that dies at a chosen step of a transaction, and what it has forgotten when it is back."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
import threading
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from enum import IntEnum, StrEnum
from pathlib import Path
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka import errors as kafka_errors
from msgspec import Struct

from agents.engine.broker import EmbeddedBroker
from agents.engine.kafka import KafkaTransactions, KafkaTransport
from agents.engine.transport import Transactions

TRANSACTION_LOG = "__transaction_state"
DECIDED_WITHIN = 60.0  # seconds; it may just be starting

Where = tuple[str, int]
"""A topic and a partition."""


class Step(StrEnum):
    """Where in the life of a transactional id the broker dies."""

    ADDED = "the partitions are added, the records under way"
    DELIVERED = "all records are acknowledged"
    ENDING = "the commit is under way"
    DECIDED = "the commit is decided, its markers not written"
    ANSWERED = "the commit was answered"
    SETTLED = "half a second after the commit"
    FENCING = "the next owner asks for the id"
    CLOSING = "the next owner's closing transaction is being aborted"


LONGEST = {Step.ENDING: 0.008, Step.ANSWERED: 0.004, Step.FENCING: 0.012, Step.CLOSING: 0.012}
"""Seconds into a step after which the broker is killed at the latest: about as long as the step takes."""


class Death:
    """One kill -9 of the broker, some time after its step has begun."""

    def __init__(self, broker: EmbeddedBroker, step: Step, rng: random.Random) -> None:
        self.step = step
        self.came = asyncio.Event()
        self._pid = broker.pid
        self._loop = asyncio.get_running_loop()
        self._data = (broker.folder or Path()) / "data"
        self._after = rng.uniform(0, LONGEST.get(step, 0.0))

    def come(self) -> None:
        if not self.came.is_set():
            os.kill(self._pid, signal.SIGKILL)
            self.came.set()

    def come_soon(self) -> None:
        asyncio.get_running_loop().call_later(self._after, self.come)

    def come_when_decided(self) -> None:
        """Come as soon as the coordinator has written to its log, which it does before it sends the markers."""
        before = self._size()

        def watched() -> None:
            while self._size() == before:
                time.sleep(0.00005)
            os.kill(self._pid, signal.SIGKILL)
            self._loop.call_soon_threadsafe(self.came.set)

        threading.Thread(target=watched, daemon=True).start()

    def _size(self) -> int:
        return sum(file.stat().st_size for file in self._data.glob(f"{TRANSACTION_LOG}-*/*.log"))

    async def wait(self) -> None:
        """Come after the set time, during which this caller does nothing else."""
        await asyncio.sleep(self._after)
        self.come()


class AbandonedError(Exception):
    """An owner that died with all records sent and nothing committed."""


class MortalTransport(KafkaTransport):
    """The engine's own transport on a broker that dies where `death` says. None: not yet, or no more."""

    def __init__(self, connection: Mapping[str, Any], group: str) -> None:
        super().__init__(connection, group=group, transaction_timeout_seconds=60)
        self.death: Death | None = None
        self.abandons = False
        """Whether its owner dies before its commit."""
        self.made: list[MortalTransactions] = []

    async def transactions(self, transactional_id: str) -> Transactions:
        made = MortalTransactions(self, transactional_id)
        self.made.append(made)
        return made

    def comes(self, step: Step) -> Death | None:
        return self.death if self.death is not None and self.death.step is step else None

    def cut_off(self) -> None:
        """As if this owner's process were dead: nothing of it reaches a broker any more."""
        for one in self.made:
            one.cut_off()


class MortalTransactions(KafkaTransactions):
    def __init__(self, transport: MortalTransport, transactional_id: str) -> None:
        super().__init__(transport._connection, transactional_id, transport._timeout_ms)
        self._transport = transport
        self._watch: asyncio.Task[None] | None = None

    async def fence(self, touch: Sequence[Where]) -> None:
        if death := self._transport.comes(Step.FENCING):
            death.come_soon()
        if death := self._transport.comes(Step.CLOSING):
            self._producer.abort_transaction = _during(self._producer.abort_transaction, death)
        await super().fence(touch)

    async def begin(self) -> None:
        await super().begin()
        if death := self._transport.comes(Step.ADDED):
            self._watch = asyncio.create_task(self._when_added(death))

    async def commit(self) -> None:
        if self._transport.abandons:
            raise AbandonedError
        if death := self._transport.comes(Step.DELIVERED):
            death.come()
        if death := self._transport.comes(Step.ENDING):
            death.come_soon()
        if death := self._transport.comes(Step.DECIDED):
            death.come_when_decided()
        await super().commit()
        if death := self._transport.comes(Step.ANSWERED):
            await death.wait()
        if death := self._transport.comes(Step.SETTLED):
            await asyncio.sleep(0.5)
            death.come()

    async def _when_added(self, death: Death) -> None:
        while not self._producer._txn_manager.txn_partitions:  # noqa: ASYNC110  # aiokafka tells nobody
            await asyncio.sleep(0)
        death.come()

    def cut_off(self) -> None:
        async def nobody(*_: Any, **__: Any) -> None:
            raise kafka_errors.KafkaConnectionError("this owner is dead")

        self._producer.client.send = nobody


def _during(abort: Callable[[], Awaitable[None]], death: Death) -> Callable[[], Awaitable[None]]:
    async def aborting() -> None:
        death.come_soon()
        await abort()

    return aborting


class State(IntEnum):
    """What Kafka's transaction log says of an id (TransactionState.java)."""

    EMPTY = 0
    ONGOING = 1
    PREPARE_COMMIT = 2
    PREPARE_ABORT = 3
    COMPLETE_COMMIT = 4
    COMPLETE_ABORT = 5
    DEAD = 6
    PREPARE_FENCE = 7


class Memory(Struct, frozen=True):
    """What a broker knows of an id after its death: the last state, where it wrote, and where readers stand still."""

    state: State
    wrote: frozenset[Where]
    stuck: frozenset[Where]

    @property
    def lost(self) -> bool:
        """It takes the transaction for complete, and has not all of its markers."""
        return self.state in (State.COMPLETE_COMMIT, State.COMPLETE_ABORT) and bool(self.stuck)

    @property
    def partly(self) -> bool:
        """Some of the markers are there, others are not."""
        return self.lost and not self.wrote <= self.stuck


async def remembered(address: str, transactional_id: str, places: Sequence[Where]) -> Memory:
    """Ask a broker that is back, once it has decided what was under way."""
    deadline = asyncio.get_running_loop().time() + DECIDED_WITHIN
    while True:
        state = None
        with contextlib.suppress(kafka_errors.KafkaError, OSError):  # it is not quite back
            state, wrote = await _told(address, transactional_id)
            if state not in (State.PREPARE_COMMIT, State.PREPARE_ABORT, State.PREPARE_FENCE):
                return Memory(state, wrote, await standing_still(address, places))
        if asyncio.get_running_loop().time() > deadline:
            raise AssertionError(f"{transactional_id} is {state!r} after {DECIDED_WITHIN:g} s, and not decided")
        await asyncio.sleep(0.1)


async def standing_still(address: str, places: Sequence[Where]) -> frozenset[Where]:
    """Partitions whose stable offset is behind their end."""
    asked = [TopicPartition(*place) for place in places]
    ends = {}
    for isolation in ("read_committed", "read_uncommitted"):
        consumer = AIOKafkaConsumer(bootstrap_servers=address, isolation_level=isolation)
        await consumer.start()
        try:
            ends[isolation] = await consumer.end_offsets(asked)
        finally:
            await consumer.stop()
    return frozenset(
        (at.topic, at.partition) for at in asked if ends["read_committed"][at] < ends["read_uncommitted"][at]
    )


async def _told(address: str, transactional_id: str) -> tuple[State, frozenset[Where]]:
    """The last state of an id in the transaction log, and the partitions of its last transaction."""
    consumer = AIOKafkaConsumer(bootstrap_servers=address, enable_auto_commit=False)
    await consumer.start()
    state, wrote = State.EMPTY, frozenset[Where]()
    try:
        places = [TopicPartition(TRANSACTION_LOG, number) for number in range(4)]
        consumer.assign(places)
        await consumer.seek_to_beginning(*places)
        ends = await consumer.end_offsets(places)
        while any([await consumer.position(place) < ends[place] for place in places]):
            for records in (await consumer.getmany(timeout_ms=100)).values():
                for record in records:
                    if record.key[4:].decode() == transactional_id and record.value is not None:
                        state = State(record.value[16])
                        wrote = _partitions(record.value) or wrote  # the last one, complete, names none any more
    finally:
        await consumer.stop()
    return state, wrote


def _partitions(value: bytes) -> frozenset[Where]:
    """Those that a record of the transaction log names (TransactionLogValue.json, version 1; short names and lists)."""
    if int.from_bytes(value[:2]) != 1:
        raise AssertionError(f"a transaction log of version {int.from_bytes(value[:2])}, which nobody has read yet")
    found, at = set(), 18
    for _ in range(max(value[17], 1) - 1):
        name = value[at + 1 : at + value[at]].decode()
        at += value[at]
        count = value[at] - 1
        found |= {(name, int.from_bytes(value[at + 1 + 4 * n : at + 5 + 4 * n])) for n in range(count)}
        at += 1 + 4 * count + 1
    return frozenset(found)
