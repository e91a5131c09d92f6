"""Reads spans of topics for the commands: what is committed, from an offset to an offset, in order by partition."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from types import TracebackType
from typing import Any, Self

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka import errors as kafka_errors

from agents.engine.away import away, unavailable
from agents.engine.kafka import incoming
from agents.engine.transport import Incoming, UnavailableError

At = tuple[str, int]
"""A topic and a partition."""

Span = tuple[int, int]
"""First offset and end (exclusive)."""

STOP_WITHIN_SECONDS = 5.0

REQUEST_TIMEOUT_MS = 15_000
"""So long aiokafka tries to get offsets, where a broker is away; its own 40 s are long for who waits."""

SILENCE_SECONDS = 30.0
"""A broker that has sent nothing of a span for so long is gone: all of it is committed and could come at once."""

FETCH_BYTES = 1024 * 1024
"""Of a partition at once; aiokafka holds so much of each. A larger record comes all the same."""

log = logging.getLogger(__name__)

_WAIT_MS = 200
_RECORDS = 5000


class Reader:
    """A consumer without a group, read_committed. It is told what to read; nothing is remembered on the broker."""

    def __init__(self, connection: Mapping[str, Any], *, fetch_bytes: int = FETCH_BYTES) -> None:
        self._connection = connection
        self._consumer = AIOKafkaConsumer(
            **connection,
            group_id=None,
            enable_auto_commit=False,
            isolation_level="read_committed",
            auto_offset_reset="earliest",
            max_partition_fetch_bytes=fetch_bytes,
            fetch_max_wait_ms=100,
            request_timeout_ms=REQUEST_TIMEOUT_MS,
        )

    async def __aenter__(self) -> Self:
        with self._translated():
            await self._consumer.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        # Waited for, not awaited: stopped before its tasks ever ran, aiokafka's consumer raises CancelledError.
        stopping = asyncio.ensure_future(self._consumer.stop())
        await asyncio.wait({stopping}, timeout=STOP_WITHIN_SECONDS)
        if stopping.done() and not stopping.cancelled() and (failure := stopping.exception()) is not None:
            log.debug("a consumer did not stop cleanly: %r", failure)

    async def bounds(self, wanted: Iterable[At]) -> dict[At, Span]:
        """First offset and stable end of each partition: what stands before the oldest open transaction."""
        asked = [TopicPartition(*at) for at in wanted]
        if not asked:
            return {}
        with self._translated():
            begins = await self._consumer.beginning_offsets(asked)
            ends = await self._consumer.end_offsets(asked)
        return {(at.topic, at.partition): (begins[at], max(begins[at], ends[at])) for at in asked}

    async def offsets_at(self, wanted: Iterable[At], time_ms: int) -> dict[At, int | None]:
        """The first offset of each partition whose record is not older than a time; None where all are older."""
        asked = {TopicPartition(*at): time_ms for at in wanted}
        if not asked:
            return {}
        with self._translated():
            found = await self._consumer.offsets_for_times(asked)
        return {(at.topic, at.partition): None if hit is None else hit.offset for at, hit in found.items()}

    async def read(self, spans: Mapping[At, Span]) -> AsyncIterator[Sequence[Incoming]]:
        """Every committed record of the spans, in batches of one partition each. Ends when all spans are read.

        Raises UnavailableError where the broker goes silent: aiokafka would wait for it for ever.
        """
        open_ = {TopicPartition(*at): span for at, span in spans.items() if span[0] < span[1]}
        if not open_:
            return
        with self._translated():
            self._consumer.assign(list(open_))
            for at, (begin, _) in open_.items():
                self._consumer.seek(at, begin)
        positions = {at: begin for at, (begin, _) in open_.items()}
        heard = time.monotonic()
        while open_:
            with self._translated():
                fetched = await self._consumer.getmany(*open_, timeout_ms=_WAIT_MS, max_records=_RECORDS)
            for at, records in fetched.items():
                if batch := [incoming(record) for record in records if record.offset < open_[at][1]]:
                    yield batch
            with self._translated():
                # position(), not the last record: markers and compaction leave holes at the end too
                reached = {at: await self._consumer.position(at) for at in open_}
            if fetched or reached != {at: positions[at] for at in reached}:
                heard = time.monotonic()
            elif time.monotonic() - heard > SILENCE_SECONDS:
                raise UnavailableError(away(self._connection, f"it has sent nothing for {SILENCE_SECONDS:.0f} s"))
            positions = reached
            open_ = {at: span for at, span in open_.items() if positions[at] < span[1]}

    def rest(self) -> None:
        """Nothing is read for a while. Else it would go on fetching what nobody asks for, ten times a second."""
        self._consumer.pause(*self._consumer.assignment())

    async def first(self, at: At, span: Span) -> Incoming | None:
        """The first committed record of a span."""
        async for batch in self.read({at: span}):
            return batch[0]
        return None

    @contextlib.contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except (kafka_errors.KafkaError, OSError, TimeoutError) as error:
            raise unavailable(self._connection, "give the records", error) from error
