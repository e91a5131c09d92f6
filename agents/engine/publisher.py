"""Publishes records from outside the mill: idempotent, acks=all, and every delivery is awaited."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

from aiokafka import AIOKafkaProducer
from aiokafka import errors as kafka_errors

from agents.engine.topics import MAX_REQUEST
from agents.engine.transport import EngineError, UnavailableError
from agents.stage import Headers

_WAITING = 5000  # deliveries; their bytes are bounded by aiokafka's one open batch a partition


class Publisher:
    """Sends in order by partition. A failed delivery is raised by the next call, or at the end by `flush`."""

    def __init__(self, connection: Mapping[str, Any]) -> None:
        self._producer = AIOKafkaProducer(
            **connection,
            enable_idempotence=True,
            acks="all",
            linger_ms=5,
            max_batch_size=512 * 1024,
            max_request_size=MAX_REQUEST,
        )
        self._waiting: deque[tuple[str, asyncio.Future[Any]]] = deque()
        self.delivered = 0

    async def __aenter__(self) -> Self:
        try:
            await self._producer.start()
        except (kafka_errors.KafkaError, OSError) as error:
            raise UnavailableError(f"The broker does not take records ({error}).") from error
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        with contextlib.suppress(Exception):
            await asyncio.wait_for(self._producer.stop(), 10)

    async def send(self, topic: str, value: bytes, *, key: bytes | None, headers: Headers = (), what: str = "") -> None:
        """Queue one record; waits while too much is under way. `what` names it in the message of a failure."""
        while self._waiting and (self._waiting[0][1].done() or len(self._waiting) >= _WAITING):
            await self._settle()
        try:
            delivery = await self._producer.send(topic, value, key=key, headers=list(headers))
        except (kafka_errors.KafkaError, OSError) as error:
            raise _failure(what or topic, error) from error
        self._waiting.append((what or topic, delivery))

    async def flush(self) -> None:
        """Wait until all that was sent is delivered."""
        while self._waiting:
            await self._settle()

    async def _settle(self) -> None:
        what, delivery = self._waiting.popleft()
        try:
            await delivery
        except (kafka_errors.KafkaError, OSError) as error:
            raise _failure(what, error) from error
        self.delivered += 1


def _failure(what: str, error: Exception) -> EngineError:
    name = type(error).__name__
    if isinstance(error, kafka_errors.KafkaTimeoutError | kafka_errors.KafkaConnectionError):
        return UnavailableError(f"{what} was not delivered: the broker does not answer any more ({name}).")
    if isinstance(error, kafka_errors.MessageSizeTooLargeError | kafka_errors.RecordTooLargeError):
        return EngineError(
            f"{what} was refused by the broker as too large. `feedmill topics check` says what the topic should take."
        )
    return EngineError(f"{what} was not delivered ({name}: {error}).")
