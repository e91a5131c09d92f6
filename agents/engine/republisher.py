"""Publishes raw records again, for replay and reprocess: one caller at a time, each batch whole or not at all.

Two callers that read at the same time what waits for a replay would both publish it. So they share a transactional id:
who begins fences the one before, and reads only then. What that one had committed is seen, and what it had not is gone.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from types import TracebackType
from typing import Any, Self

from agents.engine.away import away
from agents.engine.holding import all_of
from agents.engine.kafka import KafkaTransactions
from agents.engine.topics import Naming
from agents.engine.transport import EngineError, FencedError, Outgoing, RefusedError, UnavailableError
from agents.stage import Topic

GIVE_UP_SECONDS = 30.0
"""For what a transaction needs of the broker, all together."""

BATCH = 500
"""Records of a transaction; while it is open, readers of `feeds.raw` wait for its end."""

BATCH_BYTES = 4 * 1024 * 1024


class OvertakenError(EngineError):
    """Another replay or reprocess has begun, which ended this one."""


class Republisher:
    """Collects records and commits them in batches of `most`; `published` counts what is committed.

    Raises OvertakenError where another caller has begun, UnavailableError where the broker is away.
    """

    def __init__(
        self,
        connection: Mapping[str, Any],
        naming: Naming,
        *,
        partitions: int,
        timeout_seconds: float,
        most: int = BATCH,
    ) -> None:
        self._connection = connection
        self._raw = naming.topic(Topic.RAW)
        self._partitions = partitions
        self._transactions = KafkaTransactions(connection, naming.replaying_id, int(timeout_seconds * 1000))
        self._most = most
        self._waiting: list[Outgoing] = []
        self._size = 0
        self.published = 0

    async def __aenter__(self) -> Self:
        async with self._translated():
            await self._transactions.fence([(self._raw, number) for number in range(self._partitions)])
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._transactions.stop()

    async def send(self, record: Outgoing) -> None:
        """Take one record; commits where a batch is full."""
        self._waiting.append(record)
        self._size += record.size
        if len(self._waiting) >= self._most or self._size >= BATCH_BYTES:
            await self.flush()

    async def flush(self) -> None:
        """Commit what was taken."""
        if not self._waiting:
            return
        async with self._translated():
            await self._transactions.begin()
            try:
                await self._deliver()
            except asyncio.CancelledError:
                with contextlib.suppress(EngineError):  # readers of the topic need not wait for it to time out
                    await self._transactions.abort()
                raise
            except RefusedError as refused:
                await self._transactions.abort()
                largest = max(record.size for record in self._waiting)
                raise EngineError(
                    f"The broker refuses one of {len(self._waiting):,} records for {self._raw}, the largest of which "
                    f"has {largest:,} bytes: {refused.reason}. None of them was published, {self.published:,} before "
                    "them were. `feedmill topics check` says what the topic should take."
                ) from refused
            await self._transactions.commit()
        self.published += len(self._waiting)
        self._waiting, self._size = [], 0

    async def _deliver(self) -> None:
        deliveries: list[asyncio.Future[int]] = []
        try:
            for record in self._waiting:
                delivery = await self._transactions.send(record)
                deliveries.append(asyncio.ensure_future(delivery))
        finally:  # each is awaited: one that failed unheard would be told by Python at the end of the command
            await all_of(deliveries)

    @contextlib.asynccontextmanager
    async def _translated(self) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(GIVE_UP_SECONDS):
                yield
        except FencedError as error:
            raise OvertakenError(
                "Another `replay` or `reprocess` of this mill began meanwhile and ended this one, or this one was "
                f"paused for too long. {self.published:,} of its records are published, none of them twice."
            ) from error
        except TimeoutError as error:
            why = f"it did not take a transaction within {GIVE_UP_SECONDS:.0f} s"
            raise UnavailableError(away(self._connection, why)) from error
