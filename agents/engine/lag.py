"""Lag: how many records of its input a stage has not worked on, and how old the oldest of them is.

Both come from the broker's own offsets, never from what a consumer says of itself: a stalled consumer reports the
end that it saw last. Offsets alone do not do: transaction markers and aborted records take some too, so that end
minus position is never 0 behind a transactional producer. What stands between is looked at.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka import errors as kafka_errors
from aiokafka.admin import AIOKafkaAdminClient
from msgspec import Struct

from agents.engine.access import FORBIDDEN, forbidden
from agents.engine.transport import UnavailableError

FETCH_BYTES = 128 * 1024
"""Bytes of one look at a partition; a broker gives at least one whole batch."""

LOOKS = 4
"""Looks at a partition in one reading, once a record was seen: a short backlog is counted exactly."""

WITHIN_SECONDS = 8.0
"""Limit of one reading, all partitions together."""

_POLL_MS = 50  # a partition with nothing but a marker left gives no record: its position alone says so

Place = tuple[str, int]
"""A topic's name and a partition."""


class Lag(Struct, frozen=True, gc=False):
    """What a stage has before it on one partition.

    `records` is exact where all of it was looked at, else an upper bound: markers beyond count too. `oldest` is
    the broker's timestamp of the first unprocessed record, in milliseconds; None where there is none.
    """

    records: int
    oldest: int | None

    def age(self, now: float) -> float:
        """Seconds that the oldest unprocessed record has waited at `now` (seconds since the epoch); never negative."""
        return 0.0 if self.oldest is None else max(0.0, now - self.oldest / 1000)


NO_LAG = Lag(0, None)


class Glance(Struct, frozen=True, gc=False):
    """What a fetch from the position showed: records, all below the end asked for, and where it came to.

    `reached` counts markers, aborted records and what compaction took away.
    """

    records: int
    oldest: int | None
    reached: int


def starting_point(position: int | None, begin: int, end: int) -> int:
    """Where the unprocessed part begins: never before what retention left, never past the end.

    None (the group has no offset yet) is the beginning, where a new group starts.
    """
    return max(begin, min(end, begin if position is None else position))


def lag_from(start: int, end: int, glance: Glance | None) -> Lag:
    """The lag between two offsets, given what was seen there; `glance` is needed where start is before the end."""
    if glance is None or start >= end:
        return NO_LAG
    records = glance.records + max(0, end - glance.reached)
    return Lag(records, glance.oldest) if records else NO_LAG


class LagReader:
    """Reads lags from a broker. `connection` holds aiokafka's arguments: servers and security.

    Its consumer belongs to no group, so that nothing it does moves an offset or causes a rebalance. Where neither
    position nor end has moved since the last reading, the last answer stands: an idle mill costs two requests a
    reading, whatever the number of partitions. Methods raise UnavailableError; one reading at a time.
    """

    def __init__(self, connection: Mapping[str, Any], *, within: float = WITHIN_SECONDS) -> None:
        self._connection = dict(connection)
        self._within = within
        self._consumer: AIOKafkaConsumer | None = None
        self._admin: AIOKafkaAdminClient | None = None
        self._known: dict[TopicPartition, tuple[int, int, Lag]] = {}

    async def start(self) -> None:
        self._consumer = AIOKafkaConsumer(
            **self._connection,
            group_id=None,
            enable_auto_commit=False,
            isolation_level="read_committed",
            auto_offset_reset="earliest",
            max_partition_fetch_bytes=FETCH_BYTES,
            fetch_max_bytes=4 * 1024 * 1024,
            fetch_max_wait_ms=_POLL_MS,
            request_timeout_ms=int(self._within * 1000),
        )
        with _translated():
            await self._consumer.start()

    async def stop(self) -> None:
        for client in (self._consumer and self._consumer.stop, self._admin and self._admin.close):
            if client is not None:
                with contextlib.suppress(TimeoutError, kafka_errors.KafkaError, OSError):
                    await asyncio.wait_for(client(), 5.0)
        self._consumer = self._admin = None

    async def read(self, positions: Mapping[Place, int | None]) -> dict[Place, Lag]:
        """The lag from each position (None: the group has none yet).

        Partitions whose look did not come through in time are left out; their last lag is still the truth known.
        """
        with _translated():
            async with asyncio.timeout(self._within):
                return await self._read({TopicPartition(*place): at for place, at in positions.items()})

    async def committed(self, group: str, places: Iterable[Place]) -> dict[Place, int | None]:
        """The group's committed offsets, for whoever does not run the mill itself; None where there is none."""
        with _translated():
            async with asyncio.timeout(self._within):
                if self._admin is None:
                    admin = AIOKafkaAdminClient(**self._connection)
                    await admin.start()
                    self._admin = admin
                wanted = [TopicPartition(*place) for place in places]
                found = await self._admin.list_consumer_group_offsets(group, partitions=wanted)
        offsets = {at: found[at].offset for at in wanted if at in found}
        return {(at.topic, at.partition): None if offsets.get(at, -1) < 0 else offsets[at] for at in wanted}

    async def bounds(self, places: Iterable[Place]) -> dict[Place, tuple[int, int]]:
        """Where each partition begins, and its stable end: what stands before the oldest open transaction."""
        with _translated():
            async with asyncio.timeout(self._within):
                found = await self._bounds([TopicPartition(*place) for place in places])
        return {(at.topic, at.partition): bounds for at, bounds in found.items()}

    async def between(self, spans: Mapping[Place, tuple[int, int]]) -> dict[Place, Lag]:
        """The lag from each start to each end, as `bounds` gave it. Which are left out: as in `read`."""
        with _translated():
            async with asyncio.timeout(self._within):
                return await self._between({TopicPartition(*place): span for place, span in spans.items()})

    async def _read(self, positions: Mapping[TopicPartition, int | None]) -> dict[Place, Lag]:
        bounds = await self._bounds(positions)
        spans = {at: (starting_point(position, *bounds[at]), bounds[at][1]) for at, position in positions.items()}
        lags = await self._between(spans)
        self._known = {at: known for at, known in self._known.items() if at in positions}
        return lags

    async def _bounds(self, places: Collection[TopicPartition]) -> dict[TopicPartition, tuple[int, int]]:
        if not places:
            return {}
        begins = await self._running().beginning_offsets(list(places))
        ends = await self._running().end_offsets(list(places))  # read_committed: the stable ends
        return {at: (begins[at], max(begins[at], ends[at])) for at in places}

    async def _between(self, spans: Mapping[TopicPartition, tuple[int, int]]) -> dict[Place, Lag]:
        lags: dict[TopicPartition, Lag] = {}
        open_: dict[TopicPartition, tuple[int, int]] = {}
        for at, (start, end) in spans.items():
            known = self._known.get(at)
            if known is not None and known[:2] == (start, end):
                lags[at] = known[2]
            elif start >= end:
                lags[at] = NO_LAG
            else:
                open_[at] = (start, end)
        for at, glance in (await self._glances(open_)).items():
            start, end = open_[at]
            lags[at] = lag_from(start, end, glance)
            self._known[at] = (start, end, lags[at])
        return {(at.topic, at.partition): lag for at, lag in lags.items()}

    async def _glances(self, spans: Mapping[TopicPartition, tuple[int, int]]) -> dict[TopicPartition, Glance]:
        """Look at what stands from each start: to the end, or until LOOKS showed no end of records."""
        if not spans:
            return {}
        consumer = self._running()
        glances: dict[TopicPartition, Glance] = {}
        deadline = time.monotonic() + self._within * 0.75
        consumer.assign(list(spans))
        # Without an await in between: the fetcher must not choose a position of its own.
        for at, (start, _) in spans.items():
            consumer.seek(at, start)
        try:
            seen = {at: Glance(0, None, start) for at, (start, _) in spans.items()}
            looks = dict.fromkeys(spans, 0)
            while seen and time.monotonic() < deadline:
                fetched = await consumer.getmany(*seen, timeout_ms=_POLL_MS)
                for at, before in list(seen.items()):
                    end = spans[at][1]
                    seen[at] = glance = _seen(before, fetched.get(at, ()), await consumer.position(at), end)
                    looks[at] += at in fetched
                    if glance.reached >= end or looks[at] >= LOOKS:
                        glances[at] = seen.pop(at)
                        consumer.pause(at)
            glances |= {at: glance for at, glance in seen.items() if glance.records}
        finally:
            # Else it would go on fetching what nobody reads. Unsubscribing would forget the topics' leaders too.
            consumer.pause(*spans)
        return glances

    def _running(self) -> AIOKafkaConsumer:
        if self._consumer is None:
            raise RuntimeError("the lag reader was not started")
        return self._consumer


def _seen(before: Glance, records: Sequence[Any], reached: int, end: int) -> Glance:
    """A glance continued. Records at and beyond `end` came after it was asked for; they count at the next reading."""
    fresh = [record for record in records if record.offset < end]
    oldest = fresh[0].timestamp if fresh and before.oldest is None else before.oldest
    return Glance(before.records + len(fresh), oldest, min(reached, end))


@contextlib.contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except FORBIDDEN as error:
        raise forbidden("read the lag", error) from error
    except (TimeoutError, kafka_errors.KafkaError, OSError) as error:
        why = f"{type(error).__name__}: {error}".rstrip(": ")
        raise UnavailableError(f"The lag could not be read from the broker ({why}).") from error
