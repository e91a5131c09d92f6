"""What the engine changes in Faust, and the check that it is still the Faust that this was tested with.

Two changes. Faust's consumer reads uncommitted records outside its own exactly-once mode: ours reads committed
ones only. Faust's commit of group offsets stops for ever at the first transaction marker, and elsewhere takes the
message after a gap as done: it is switched off, and the engine commits its own position as a hint.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from hashlib import blake2b
from importlib.metadata import version
from typing import Any

from agents.engine.transport import EngineError

TESTED = {"faust-streaming": "0.15.3", "aiokafka": "0.14.0"}

_ORIGINAL = "feedmill_original"
_READ_COMMITTED = "read_committed"


class UntestedLibraryError(EngineError):
    """The installed Faust or aiokafka is not the one whose internals the engine relies on."""


def relied_on() -> dict[str, Callable[..., Any]]:
    """The functions whose behaviour the engine replaces or depends on beyond their documentation."""
    from aiokafka.producer.transaction_manager import TransactionManager
    from faust.app.base import App, BootStrategy
    from faust.streams import Stream
    from faust.transport import consumer
    from faust.transport.conductor import ConductorCompiler
    from faust.transport.drivers import aiokafka as driver

    return {
        "BootStrategy.kafka_producer": BootStrategy.kafka_producer,
        "App._on_partitions_revoked": App._on_partitions_revoked,
        "App._on_partitions_assigned": App._on_partitions_assigned,
        "App._stop_consumer": App._stop_consumer,
        "Stream.ack": Stream.ack,
        "Consumer.ack": consumer.Consumer.ack,
        "Consumer.wait_empty": consumer.Consumer.wait_empty,
        "Consumer._clean_unacked_messages": consumer.Consumer._clean_unacked_messages,
        "Consumer._drain_messages": consumer.Consumer._drain_messages,
        "Consumer._commit_offsets": vars(consumer.Consumer).get(_ORIGINAL, consumer.Consumer._commit_offsets),
        "Consumer.perform_seek": consumer.Consumer.perform_seek,
        "ConductorCompiler.build": ConductorCompiler.build,
        "driver.create": vars(driver.AIOKafkaConsumerThread).get(
            _ORIGINAL, driver.AIOKafkaConsumerThread._create_worker_consumer
        ),
        "driver.Consumer._new_topicpartition": driver.Consumer._new_topicpartition,
        "driver.thread._commit": driver.AIOKafkaConsumerThread._commit,
        "TransactionManager.error_transaction": TransactionManager.error_transaction,
        "TransactionManager.fatal_error": TransactionManager.fatal_error,
    }


DIGEST = "12ce86b70e4aba4d4f102a11f35f78e8"
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


def change_faust() -> None:
    """Make Faust's consumers read_committed and its commits no-ops; twice is once."""
    from faust.transport import consumer
    from faust.transport.drivers import aiokafka as driver

    thread = driver.AIOKafkaConsumerThread
    if _ORIGINAL in vars(thread):
        return
    create = thread._create_worker_consumer

    def create_committed(self: Any, transport: Any) -> Any:
        made = create(self, transport)
        made._isolation_level = _READ_COMMITTED
        return made

    async def commit_nothing(self: Any, offsets: Any, start_new_transaction: bool = True) -> bool:
        return True

    _replace(thread, "_create_worker_consumer", create_committed)
    _replace(consumer.Consumer, "_commit_offsets", commit_nothing)


def _replace(owner: type, name: str, function: Callable[..., Any]) -> None:
    setattr(owner, _ORIGINAL, getattr(owner, name))
    setattr(owner, name, function)


if __name__ == "__main__":
    print(digest())  # noqa: T201
