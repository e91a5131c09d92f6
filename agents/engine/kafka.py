"""Apache Kafka behind the engine's transport, by aiokafka.

What was learnt about aiokafka stands where it matters; tests/kafka has a case for each.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka import errors as kafka_errors
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.producer.message_accumulator import BatchBuilder
from tenacity import AsyncRetrying, retry_if_exception_type, stop_after_delay, wait_fixed

from agents.engine.access import FORBIDDEN, forbidden
from agents.engine.topics import MAX_REQUEST
from agents.engine.transport import (
    Changelog,
    Committed,
    EngineError,
    FencedError,
    Incoming,
    Outgoing,
    RefusedError,
    Transactions,
    UnavailableError,
)

log = logging.getLogger(__name__)

REQUEST_TIMEOUT_MS = 10_000
ANSWER_WITHIN_SECONDS = 12.0  # more than a request's: aiokafka itself must see it fail, to drop its connection
STABLE_WITHIN_SECONDS = 20.0
MARKED_WITHIN_SECONDS = 10.0  # a broker answers a commit before it writes the markers, some 12 ms later
STOP_WITHIN_SECONDS = 5.0
READ_WAIT_MS = 20  # 500 ms would be waited in full when only a marker is left to read
READ_RECORDS = 20_000

_FENCED = (
    kafka_errors.ProducerFenced,
    kafka_errors.InvalidProducerEpoch,
    kafka_errors.TransactionCoordinatorFenced,
    kafka_errors.InvalidProducerIdMapping,
    kafka_errors.InvalidTxnState,
)
_REFUSED = (
    kafka_errors.MessageSizeTooLargeError,
    kafka_errors.RecordListTooLargeError,
    kafka_errors.RecordTooLargeError,
    kafka_errors.InvalidTimestampError,
    kafka_errors.PolicyViolationError,
)


_WHILE_COORDINATORS_MOVE = AsyncRetrying(
    # A new cluster makes its offsets topic when it is first asked for a group's coordinator.
    retry=retry_if_exception_type(
        (
            kafka_errors.GroupCoordinatorNotAvailableError,
            kafka_errors.NotCoordinatorForGroupError,
            kafka_errors.GroupLoadInProgressError,
        )
    ),
    wait=wait_fixed(0.2),
    stop=stop_after_delay(15),
    reraise=True,
)


class KafkaTransport:
    """Producers and readers of one worker. `connection` holds aiokafka's arguments: servers and security."""

    def __init__(self, connection: Mapping[str, Any], *, group: str, transaction_timeout_seconds: float) -> None:
        self._connection = dict(connection)
        self._group = group
        self._timeout_ms = int(transaction_timeout_seconds * 1000)
        self._watermarks: AIOKafkaConsumer | None = None
        self._admin: AIOKafkaAdminClient | None = None
        self._readers: list[KafkaChangelog] = []

    async def start(self) -> None:
        with _translated():
            self._watermarks = _reader(self._connection, "read_uncommitted")
            self._admin = AIOKafkaAdminClient(**self._connection, request_timeout_ms=REQUEST_TIMEOUT_MS)
            await self._watermarks.start()
            await self._admin.start()

    async def stop(self) -> None:
        for reader in self._readers:
            await _stopped(reader.consumer.stop)
        if self._watermarks is not None:
            await _stopped(self._watermarks.stop)
        if self._admin is not None:
            await _stopped(self._admin.close)

    async def ask(self) -> None:
        """Ask a broker for nothing; returns when one has answered. Raises UnavailableError, within bounds."""
        if self._admin is None:
            raise RuntimeError("the transport was not started")
        with _translated():
            async with asyncio.timeout(ANSWER_WITHIN_SECONDS):
                await self._admin.describe_topics([])

    async def transactions(self, transactional_id: str) -> Transactions:
        return KafkaTransactions(self._connection, transactional_id, self._timeout_ms)

    async def changelog(self) -> Changelog:
        if self._watermarks is None or self._admin is None:
            raise RuntimeError("the transport was not started")
        reader = KafkaChangelog(_reader(self._connection, "read_committed"), self._watermarks, self._admin, self._group)
        with _translated():
            await reader.consumer.start()
        self._readers.append(reader)
        return reader


class KafkaTransactions:
    """One transactional id. A fenced producer is never re-made in place: the zombie would fence the new owner."""

    def __init__(self, connection: Mapping[str, Any], transactional_id: str, timeout_ms: int) -> None:
        self._id = transactional_id
        self._producer = AIOKafkaProducer(
            **connection,
            transactional_id=transactional_id,
            transaction_timeout_ms=timeout_ms,
            acks="all",
            linger_ms=0,
            max_batch_size=512 * 1024,
            max_request_size=MAX_REQUEST,
            request_timeout_ms=REQUEST_TIMEOUT_MS,
        )

    async def fence(self, touch: Sequence[tuple[str, int]]) -> None:
        try:
            with self._translated():
                await self._producer.start()  # waits until the last transaction of this id is decided
                await self._producer.begin_transaction()
                sent: list[Awaitable[Any]] = []
                try:
                    for topic, number in touch:
                        sent.append(await self._producer.send(topic, b"", key=b"", partition=number))
                    await asyncio.gather(*sent)
                finally:
                    await asyncio.gather(*sent, return_exceptions=True)  # else asyncio tells of each that failed
                await self._producer.abort_transaction()
        except RefusedError as refused:
            raise EngineError(
                f"The broker refuses the empty transaction that closes the last owner's: {refused.reason}. Compare the "
                "topics' settings with `feedmill topics check`."
            ) from refused

    async def begin(self) -> None:
        with self._translated():
            await self._producer.begin_transaction()

    async def send(self, record: Outgoing) -> Awaitable[int]:
        with self._translated(record):
            delivery = await self._producer.send(
                record.topic,
                record.value,
                key=record.key,
                partition=record.partition,
                headers=list(record.headers),
            )
        return _delivered(delivery, record)

    async def send_all(self, records: Sequence[Outgoing]) -> Sequence[Awaitable[int]]:
        """In whole batches: a future for each record, and a task to wait for it, took 40 µs a record."""
        waiting: list[Awaitable[int]] = []
        last = (records[-1].topic, records[-1].partition)
        packed = self._packed(records)
        # the last record's partition last: its awaitable is the one that is asked for the offset
        for place in (*(place for place in packed if place != last), last):
            for batch in packed[place]:
                with self._translated():
                    delivery = await self._producer.send_batch(batch, place[0], partition=place[1])
                waiting.append(_delivered(delivery, None, batch.record_count()))
        return waiting

    def _packed(self, records: Sequence[Outgoing]) -> dict[tuple[str, int], list[BatchBuilder]]:
        """Records by their topic and partition, in batches as large as the producer's."""
        packed: dict[tuple[str, int], list[BatchBuilder]] = {}
        for record in records:
            batches = packed.setdefault((record.topic, record.partition), [])
            if not batches or not _appended(batches[-1], record):
                batches.append(self._producer.create_batch())
                _appended(batches[-1], record)  # an empty batch takes a record of any size
        return packed

    async def commit(self) -> None:
        with self._translated():
            await self._producer.commit_transaction()

    async def abort(self) -> None:
        with self._translated():
            await self._producer.abort_transaction()

    async def stop(self) -> None:
        await _stopped(self._producer.stop)

    @contextlib.contextmanager
    def _translated(self, record: Outgoing | None = None) -> Iterator[None]:
        with _translated(record, "write"):
            try:
                yield
            except kafka_errors.IllegalOperation as error:
                # aiokafka's word for a transaction that has failed meanwhile; why is known to the transaction
                ended = self._producer._txn_manager._transaction_waiter
                why = ended.exception() if ended.done() and not ended.cancelled() else None
                raise why or kafka_errors.KafkaError(str(error)) from error


class KafkaChangelog:
    """Reads one stage's changelog. `consumer` has no group: it is told what to read."""

    def __init__(
        self,
        consumer: AIOKafkaConsumer,
        watermarks: AIOKafkaConsumer,
        admin: AIOKafkaAdminClient,
        group: str,
    ) -> None:
        self.consumer = consumer
        self._watermarks = watermarks
        self._admin = admin
        self._group = group
        self._at: dict[TopicPartition, int] = {}

    async def bounds(self, topic: str, partitions: Sequence[int]) -> Mapping[int, tuple[int, int]]:
        asked = [TopicPartition(topic, partition) for partition in partitions]
        if not asked:
            return {}
        deadline = asyncio.get_running_loop().time() + STABLE_WITHIN_SECONDS
        while True:
            with _translated():
                begins = await self.consumer.beginning_offsets(asked)
                high = await self._watermarks.end_offsets(asked)
                stable = await self.consumer.end_offsets(asked)
            behind = [at for at in asked if stable[at] < high[at]]
            if not behind:
                return {at.partition: (begins[at], stable[at]) for at in asked}
            if asyncio.get_running_loop().time() > deadline:
                at = behind[0]
                raise EngineError(
                    f"The stable offset of {at.topic}/{at.partition} stays at {stable[at]} while the topic ends at "
                    f"{high[at]}: the broker holds a transaction open that nobody owns. Nothing was processed. "
                    "docs/runbooks/stuck-transaction.md says how to end it."
                )
            await asyncio.sleep(0.1)

    async def read(self, topic: str, starts: Mapping[int, int]) -> Mapping[int, tuple[Sequence[Incoming], int]]:
        wanted = {TopicPartition(topic, partition): offset for partition, offset in starts.items()}
        with _translated():
            if wanted != self._at:
                self.consumer.assign(list(wanted))
                for at, offset in wanted.items():
                    self.consumer.seek(at, offset)
            self.consumer.resume(*wanted)
            try:
                fetched = await self.consumer.getmany(*wanted, timeout_ms=READ_WAIT_MS, max_records=READ_RECORDS)
                # position(), not the last record: markers and compaction leave holes
                self._at = {at: await self.consumer.position(at) for at in wanted}
            finally:
                # Else it would go on fetching, 4 MiB a partition, what this worker itself writes and nobody reads.
                self.consumer.pause(*wanted)
        return {
            at.partition: ([incoming(record) for record in fetched.get(at, ())], position)
            for at, position in self._at.items()
        }

    async def stable_ends(self, topic: str, beyond: Mapping[int, int]) -> Mapping[int, int]:
        asked = [TopicPartition(topic, number) for number in beyond]
        deadline = asyncio.get_running_loop().time() + MARKED_WITHIN_SECONDS
        while True:
            with _translated():
                ends = await self.consumer.end_offsets(asked)
            arrived = all(end > beyond[at.partition] for at, end in ends.items())
            if arrived or asyncio.get_running_loop().time() > deadline:
                return {at.partition: end for at, end in ends.items()}
            await asyncio.sleep(0.02)

    async def ends(self, topic: str, partitions: Sequence[int]) -> Mapping[int, int]:
        asked = [TopicPartition(topic, partition) for partition in partitions]
        with _translated():
            ends = await self._watermarks.end_offsets(asked)
        return {at.partition: end for at, end in ends.items()}

    async def committed(self, topic: str, partitions: Sequence[int]) -> Mapping[int, Committed]:
        asked = [TopicPartition(topic, partition) for partition in partitions]
        with _translated():
            async for attempt in _WHILE_COORDINATORS_MOVE:
                with attempt:
                    found = await self._admin.list_consumer_group_offsets(self._group, partitions=asked)
        return {
            at.partition: Committed(int(found[at].offset), str(found[at].metadata or ""))
            for at in asked
            if at in found and found[at].offset >= 0
        }


def incoming(record: Any) -> Incoming:
    """An aiokafka ConsumerRecord, or Faust's message, as the engine's own; timestamps in milliseconds."""
    return Incoming(
        topic=record.topic,
        partition=record.partition,
        offset=record.offset,
        timestamp=record.timestamp,
        key=record.key,
        value=record.value,
        headers=tuple(record.headers or ()),
    )


def _reader(connection: Mapping[str, Any], isolation: str) -> AIOKafkaConsumer:
    return AIOKafkaConsumer(
        **connection,
        group_id=None,
        enable_auto_commit=False,
        isolation_level=isolation,
        auto_offset_reset="earliest",
        max_partition_fetch_bytes=4 * 1024 * 1024,
        fetch_max_wait_ms=100,
        request_timeout_ms=REQUEST_TIMEOUT_MS,
    )


def _appended(batch: BatchBuilder, record: Outgoing) -> bool:
    """Whether the batch had room for the record."""
    appended = batch.append(timestamp=None, key=record.key, value=record.value, headers=list(record.headers))
    return appended is not None


async def _delivered(delivery: Awaitable[Any], record: Outgoing | None, count: int = 1) -> int:
    """The offset of the last of `count` records that were sent as one; `record` is the one that a refusal names."""
    with _translated(record, "write"):
        return int((await delivery).offset) + count - 1


async def _stopped(stop: Callable[[], Awaitable[None]]) -> None:
    """Stop a client within bounds. Nothing depends on it: what is open is decided by the next owner's fence."""
    try:
        await asyncio.wait_for(stop(), STOP_WITHIN_SECONDS)
    except Exception as error:
        log.debug("a client did not stop cleanly: %r", error)


@contextlib.contextmanager
def _translated(record: Outgoing | None = None, doing: str = "read") -> Iterator[None]:
    """aiokafka's errors as the engine's: fenced, refused, forbidden, or the broker not available."""
    try:
        yield
    except _FENCED as error:
        raise FencedError(
            f"Another worker has taken this partition over ({type(error).__name__}): this one was paused or cut off "
            "longer than the session timeout. Nothing was committed."
        ) from error
    except _REFUSED as error:
        raise RefusedError(record, f"{type(error).__name__}: {error}".rstrip(": ")) from error
    except FORBIDDEN as error:
        raise forbidden(doing, error) from error
    except (TimeoutError, kafka_errors.KafkaError, OSError) as error:
        raise UnavailableError(f"The broker did not do what was asked ({type(error).__name__}: {error}).") from error


__all__ = ["KafkaChangelog", "KafkaTransactions", "KafkaTransport", "incoming"]
