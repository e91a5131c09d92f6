"""Publishes records from outside the mill: idempotent, acks=all, and every delivery is awaited."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, Self

from aiokafka import AIOKafkaProducer
from aiokafka import errors as kafka_errors

from agents.engine.access import FORBIDDEN, forbidden
from agents.engine.away import AWAY, away, shown, unavailable
from agents.engine.topics import MAX_REQUEST
from agents.engine.transport import EngineError, UnavailableError
from agents.stage import Headers

NOTICE_SECONDS = 5.0
"""Nothing delivered for so long, of what was sent: who waits is told."""

GIVE_UP_SECONDS = 30.0
"""And after so long it is over. aiokafka's idempotent producer would try for ever."""

STOP_SECONDS = 10.0
LOOK_SECONDS = 0.5

_WAITING = 5000  # deliveries; their bytes are bounded by aiokafka's one open batch a partition


class Publisher:
    """Sends in order by partition. A failed delivery is raised by the next call, or at the end by `flush`.

    A broker that goes away is waited for: `tell` gets a sentence about it, and UnavailableError is the end.
    """

    def __init__(self, connection: Mapping[str, Any], tell: Callable[[str], None] = lambda _: None) -> None:
        self._connection = connection
        self._tell = tell
        self._producer = AIOKafkaProducer(
            **connection,
            enable_idempotence=True,
            acks="all",
            linger_ms=5,
            max_batch_size=512 * 1024,
            max_request_size=MAX_REQUEST,
            request_timeout_ms=int(GIVE_UP_SECONDS * 1000),
        )
        self._waiting: deque[tuple[str, asyncio.Future[Any]]] = deque()
        self._undelivered = 0
        self._moved = 0.0  # when a delivery came last, or was first waited for
        self._watch: asyncio.Task[None] | None = None
        self.delivered = 0

    async def __aenter__(self) -> Self:
        try:
            await self._producer.start()
        except (kafka_errors.KafkaError, OSError) as error:
            raise unavailable(self._connection, "take records", error) from error
        self._watch = asyncio.create_task(self._watched())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._watch is not None:
            self._watch.cancel()
        with contextlib.suppress(Exception):
            await asyncio.wait_for(self._producer.stop(), LOOK_SECONDS if self._is_gone else STOP_SECONDS)

    async def send(self, topic: str, value: bytes, *, key: bytes | None, headers: Headers = (), what: str = "") -> None:
        """Queue one record; waits while too much is under way. `what` names it in the message of a failure."""
        self._look()
        while self._waiting and (self._waiting[0][1].done() or len(self._waiting) >= _WAITING):
            await self._settle()
        try:
            delivery = await self._producer.send(topic, value, key=key, headers=list(headers))
        except kafka_errors.KafkaTimeoutError as error:
            raise self._gone() from error
        except (kafka_errors.KafkaError, OSError) as error:
            raise _failure(what or topic, error) from error
        if not self._undelivered:
            self._moved = time.monotonic()
        self._undelivered += 1
        delivery.add_done_callback(self._came)
        self._waiting.append((what or topic, delivery))

    async def flush(self) -> None:
        """Wait until all that was sent is delivered."""
        while self._waiting:
            await self._settle()

    async def rest(self, seconds: float) -> None:
        """Send nothing for some time; what was sent before may fail meanwhile."""
        until = time.monotonic() + seconds
        await asyncio.sleep(0)
        while (left := until - time.monotonic()) > 0:
            self._look()
            await asyncio.sleep(min(left, LOOK_SECONDS))

    async def _settle(self) -> None:
        what, delivery = self._waiting[0]
        while not delivery.done():
            self._look()
            await asyncio.wait({delivery}, timeout=LOOK_SECONDS)
        self._waiting.popleft()
        try:
            delivery.result()
        except (kafka_errors.KafkaError, OSError) as error:
            raise _failure(what, error) from error
        self.delivered += 1

    def _came(self, delivery: asyncio.Future[Any]) -> None:
        self._undelivered -= 1
        self._moved = time.monotonic()

    @property
    def _silence(self) -> float:
        """Seconds for which nothing came of what was sent."""
        return time.monotonic() - self._moved if self._undelivered else 0.0

    @property
    def _is_gone(self) -> bool:
        return self._silence > GIVE_UP_SECONDS

    def _look(self) -> None:
        if self._is_gone:
            raise self._gone()

    def _gone(self) -> UnavailableError:
        return UnavailableError(away(self._connection, f"nothing was delivered for {GIVE_UP_SECONDS:.0f} s"))

    async def _watched(self) -> None:
        """Tell of a broker that keeps silent, and of its return."""
        told = False
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            silent = self._silence > NOTICE_SECONDS
            if silent and not told:
                left = GIVE_UP_SECONDS - NOTICE_SECONDS
                where = shown(self._connection)
                self._tell(f"The Kafka broker at {where} does not answer any more; waiting {left:.0f} s for it.")
            elif told and not silent:
                self._tell("The broker answers again.")
            told = silent


def _failure(what: str, error: Exception) -> EngineError:
    name = type(error).__name__
    if isinstance(error, FORBIDDEN):
        return forbidden(f"publish {what}", error)
    if isinstance(error, AWAY):
        return UnavailableError(f"{what} was not delivered: the broker does not answer any more ({name}).")
    if isinstance(error, kafka_errors.MessageSizeTooLargeError | kafka_errors.RecordTooLargeError):
        return EngineError(
            f"{what} was refused by the broker as too large. `feedmill topics check` says what the topic should take."
        )
    return EngineError(f"{what} was not delivered ({name}: {error}).")
