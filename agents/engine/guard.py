"""What the engine changes in Faust, and the check that it is still the Faust that this was tested with.

Nine changes. Faust's consumer reads uncommitted records outside its own exactly-once mode: ours reads committed
ones only. Faust's commit of group offsets stops for ever at the first transaction marker, and elsewhere takes the
message after a gap as done: it is switched off, with the lists that it keeps of what was acknowledged, which would
grow for ever; the engine commits its own position as a hint. And aiokafka sends no heartbeat between joining the
group and the end of the assignment's callback, in which the state is restored: ours sends them. It also connects anew
without a pause: ours makes one (`pacing.py`). And a rebalance that ends while the worker stops makes Faust close the
consumer's connections on another thread's event loop, which can kill the process: ours leaves that to the thread.
And of two workers with one fixed name each throws the other out of the group, again and again, for aiokafka's
heartbeats do not say the name and its members join anew whatever the answer: ours end at the first such answer.
And what Faust has fetched while its flow is stopped it drops and seeks back to the group's offset, but aiokafka seeks
neither to offset 0 nor where there is none: the first records of a partition are passed over. Ours seeks.
And a stop in the middle of a rebalance cancels what one thread does for the other; that arrived as if the waiting
thread's own task were cancelled, which ended it before it had closed anything, and the stop waited for it in vain.
And a consumer has one question out to each broker. With Faust's it waits there for 1.5 s while nothing comes in the
partitions that it is about, and so long does a partition wait whose records were handed out meanwhile: ours is shorter.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable
from hashlib import blake2b
from importlib.metadata import version
from typing import Any

from agents.engine.cancelling import is_cancelled
from agents.engine.pacing import paced
from agents.engine.transport import EngineError

TESTED = {"faust-streaming": "0.15.3", "aiokafka": "0.14.0"}

FETCH_BYTES = 16 * 1024 * 1024
"""Of one answer to Faust's consumer, all partitions together; a larger record comes all the same. aiokafka's 50 MiB are
held twice: what is handed out, and what is fetched meanwhile."""

FETCH_WAIT_MS = 100
"""Ten questions a second to each broker from a worker that has nothing to do: one per cent of a core."""

_ORIGINAL = "feedmill_original_"
_READ_COMMITTED = "read_committed"


class UntestedLibraryError(EngineError):
    """The installed Faust or aiokafka is not the one whose internals the engine relies on."""


def relied_on() -> dict[str, Callable[..., Any]]:
    """The functions whose behaviour the engine replaces or depends on beyond their documentation."""
    from aiokafka import AIOKafkaConsumer
    from aiokafka.client import AIOKafkaClient
    from aiokafka.consumer.group_coordinator import GroupCoordinator
    from aiokafka.producer.transaction_manager import TransactionManager
    from faust.app.base import App, BootStrategy
    from faust.streams import Stream
    from faust.transport import consumer
    from faust.transport.conductor import ConductorCompiler
    from faust.transport.drivers import aiokafka as driver

    return {
        "AIOKafkaClient._get_conn": _original(AIOKafkaClient, "_get_conn"),
        "BootStrategy.kafka_producer": BootStrategy.kafka_producer,
        "App._on_partitions_revoked": App._on_partitions_revoked,
        "App._on_partitions_assigned": App._on_partitions_assigned,
        "App._stop_consumer": App._stop_consumer,
        "App._on_rebalance_when_stopped": App._on_rebalance_when_stopped,
        "Stream.ack": Stream.ack,
        "Consumer.ack": consumer.Consumer.ack,
        "Consumer.wait_empty": consumer.Consumer.wait_empty,
        "Consumer._clean_unacked_messages": consumer.Consumer._clean_unacked_messages,
        "Consumer._drain_messages": consumer.Consumer._drain_messages,
        "Consumer.commit": consumer.Consumer.commit,
        "Consumer.force_commit": _original(consumer.Consumer, "force_commit"),
        "Consumer._add_gap": _original(consumer.Consumer, "_add_gap"),
        "Consumer.perform_seek": consumer.Consumer.perform_seek,
        "ConductorCompiler.build": ConductorCompiler.build,
        "driver.create": _original(driver.AIOKafkaConsumerThread, "_create_worker_consumer"),
        "driver.Consumer._new_topicpartition": driver.Consumer._new_topicpartition,
        "AIOKafkaConsumer.committed": AIOKafkaConsumer.committed,
        "driver.thread.seek_to_committed": _original(driver.AIOKafkaConsumerThread, "seek_to_committed"),
        "driver.thread._commit": driver.AIOKafkaConsumerThread._commit,
        "driver.thread.close": _original(driver.AIOKafkaConsumerThread, "close"),
        "driver.thread.on_thread_stop": driver.AIOKafkaConsumerThread.on_thread_stop,
        "TransactionManager.error_transaction": TransactionManager.error_transaction,
        "TransactionManager.fatal_error": TransactionManager.fatal_error,
        "GroupCoordinator.ensure_active_group": GroupCoordinator.ensure_active_group,
        "GroupCoordinator._on_join_prepare": _original(GroupCoordinator, "_on_join_prepare"),
        "GroupCoordinator._on_join_complete": _original(GroupCoordinator, "_on_join_complete"),
        "GroupCoordinator._start_heartbeat_task": GroupCoordinator._start_heartbeat_task,
        "GroupCoordinator._heartbeat_routine": GroupCoordinator._heartbeat_routine,
        "GroupCoordinator._do_heartbeat": _original(GroupCoordinator, "_do_heartbeat"),
        "GroupCoordinator._do_commit_offsets": _original(GroupCoordinator, "_do_commit_offsets"),
        "GroupCoordinator._maybe_leave_group": GroupCoordinator._maybe_leave_group,
    }


DIGEST = "ceda0537e249b7ef2f68656dd3acf663"
"""Over the source of `relied_on`. `python -m agents.engine.guard` prints the present one, for a deliberate upgrade."""


def digest() -> str:
    hashed = blake2b(digest_size=16)
    for name, function in sorted(relied_on().items()):
        hashed.update(name.encode())
        hashed.update(inspect.getsource(function).encode())
    return hashed.hexdigest()


def check_libraries() -> None:
    """Refuse other versions and other internals than the tested ones; raises UntestedLibraryError."""
    for name, tested in TESTED.items():
        if (found := version(name)) != tested:
            raise UntestedLibraryError(
                f"{name} {found} is installed, but the engine was tested with {tested} and relies on its internals. "
                "Install from the lock file: make install."
            )
    if digest() != DIGEST:
        raise UntestedLibraryError(
            "The installed Faust or aiokafka has other internals than the tested release of the same version. "
            "Install it anew from the lock file: make install."
        )


def _raise(why: str) -> None:
    raise EngineError(why)


def change_faust(replaced: Callable[[str], None] = _raise) -> None:
    """Read committed, commit nothing, seek back whole, beat while state is restored, pause, stop; twice is once.

    `replaced` is called with a sentence, from the consumer's thread, when the group knows a worker with a fixed name no
    more; it should end the process.
    """
    from aiokafka.client import AIOKafkaClient
    from aiokafka.consumer.group_coordinator import GroupCoordinator
    from faust.transport.consumer import Consumer
    from faust.transport.drivers.aiokafka import AIOKafkaConsumerThread

    def committed(create: Callable[..., Any]) -> Callable[..., Any]:
        def create_committed(self: Any, transport: Any) -> Any:
            made = create(self, transport)
            made._isolation_level = _READ_COMMITTED
            made._fetch_max_bytes = FETCH_BYTES
            made._fetch_max_wait_ms = FETCH_WAIT_MS
            return made

        return create_committed

    def forgetting(_: Callable[..., Any]) -> Callable[..., Any]:
        async def commit_nothing(self: Any, topics: Any = None, start_new_transaction: bool = True) -> bool:
            for kept in (self._acked, self._acked_index, self._gap):
                kept.clear()
            return False

        return commit_nothing

    def gapless(_: Callable[..., Any]) -> Callable[..., Any]:
        async def add_no_gap(self: Any, tp: Any, offset_from: int, offset_to: int) -> None:
            return None

        return add_no_gap

    def left_to_the_thread(_: Callable[..., Any]) -> Callable[..., Any]:
        def close_nothing(self: Any) -> None:
            """`on_thread_stop` closes the consumer, and leaves the group, on the loop that it belongs to."""

        return close_nothing

    def whole(_: Callable[..., Any]) -> Callable[..., Any]:
        async def seek_to_committed(self: Any) -> dict[Any, int | None]:
            found: dict[Any, int | None] = await self.call_thread(seek_back, self._ensure_consumer())
            return found

        return seek_to_committed

    def alive(complete: Callable[..., Any]) -> Callable[..., Any]:
        async def complete_alive(self: Any, *arguments: Any) -> None:
            self._start_heartbeat_task()
            await patient(complete)(self, *arguments)

        return complete_alive

    def patient(callback: Callable[..., Any]) -> Callable[..., Any]:
        async def call_patiently(self: Any, *arguments: Any) -> None:
            """A stop gives up what the other thread does for this one. That must not end this one's own stop."""
            try:
                await callback(self, *arguments)
            except asyncio.CancelledError:
                if is_cancelled():
                    raise

        return call_patiently

    def faithful(ask: Callable[..., Any]) -> Callable[..., Any]:
        async def ask_under_its_name(self: Any, *arguments: Any) -> Any:
            """Before this one joins the group again: it would drive out the worker that has the name now."""
            before = self.member_id
            try:
                return await ask(self, *arguments)
            finally:
                forgotten = before and not self.member_id and not self._closing.done()
                if forgotten and self._group_instance_id is not None:
                    replaced(
                        f"The group does not know this worker any more under its fixed name {self._group_instance_id} "
                        "(FEEDMILL_GROUP_INSTANCE_ID): another worker has joined with the same name, or this one was "
                        "paused or cut off longer than the session timeout. Each worker needs a name of its own."
                    )

        return ask_under_its_name

    _replace(AIOKafkaConsumerThread, "_create_worker_consumer", committed)
    _replace(AIOKafkaConsumerThread, "close", left_to_the_thread)
    _replace(AIOKafkaConsumerThread, "seek_to_committed", whole)
    _replace(Consumer, "force_commit", forgetting)
    _replace(Consumer, "_add_gap", gapless)
    _replace(GroupCoordinator, "_on_join_prepare", patient)
    _replace(GroupCoordinator, "_on_join_complete", alive)
    _replace(GroupCoordinator, "_do_heartbeat", faithful)
    _replace(GroupCoordinator, "_do_commit_offsets", faithful)
    _replace(AIOKafkaClient, "_get_conn", paced)


async def seek_back(consumer: Any) -> dict[Any, int | None]:
    """Seek every partition of an aiokafka consumer to its group's offset, to the first record where it has none.

    Returns the offsets; of a partition without one Faust must hear too, or it drops what comes again.
    """
    found: dict[Any, int | None] = {}
    for at in consumer.assignment():
        found[at] = offset = await consumer.committed(at)
        if offset is None:
            await consumer.seek_to_beginning(at)
        else:
            consumer.seek(at, offset)
    return found


def _replace(owner: type, name: str, change: Callable[[Callable[..., Any]], Callable[..., Any]]) -> None:
    if _ORIGINAL + name not in vars(owner):
        original = getattr(owner, name)
        setattr(owner, _ORIGINAL + name, original)
        setattr(owner, name, change(original))


def _original(owner: type, name: str) -> Callable[..., Any]:
    found: Callable[..., Any] = getattr(owner, _ORIGINAL + name, None) or getattr(owner, name)
    return found


if __name__ == "__main__":
    print(digest())  # noqa: T201
