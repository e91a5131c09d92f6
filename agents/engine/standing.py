"""Where the mill's group stands on all its inputs, seen from outside: with no worker alive, too.

Two things say where a stage stands. The group's offsets are hints: each second a worker commits what it has seen to be
committed, and Kafka forgets them a week after the last member has left. The truth is the last position in the stage's
changelog. So the offsets are asked first, and the changelogs of the partitions in which they leave something to do.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping
from typing import Any, Self

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka import errors as kafka_errors
from msgspec import Struct

from agents.engine.admin import Admin, administration
from agents.engine.away import unavailable
from agents.engine.lag import FETCH_BYTES, Lag, LagReader
from agents.engine.positions import last_positions
from agents.engine.reader import REQUEST_TIMEOUT_MS, At, Reader, Span
from agents.engine.topics import INPUT, Naming
from schemas import StageName

Place = tuple[StageName, int]
"""A stage and a partition of its input."""


class Stand(Struct, frozen=True):
    """Of one partition: its stable end, where the stage stands (None: nobody knows of any work), what is before it.

    `lag` is None where it could not be looked at in time. `anew`: the topic ends before that place, so it is not the
    one that was worked on, and all that it holds counts as not worked on.
    """

    end: int
    committed: int | None
    lag: Lag | None
    anew: bool = False


class Standing(Struct, frozen=True):
    """One reading. `missing`: topics that are not there. `leaderless`: partitions that no broker leads now."""

    members: int
    stands: Mapping[Place, Stand]
    missing: list[str]
    leaderless: list[Place]

    @property
    def whole(self) -> bool:
        """Whether every partition that is there was read."""
        return not self.leaderless and all(stand.lag is not None for stand in self.stands.values())


class StandingReader:
    """Reads it, over connections that it opens with `open` and gives up with `close`; one reading at a time.

    What has not moved since the last reading is not looked at again. All methods but `close` raise EngineError.
    """

    def __init__(self, connection: Mapping[str, Any], naming: Naming) -> None:
        self._connection = connection
        self._naming = naming
        self._topics = {stage: naming.topic(INPUT[stage]) for stage in StageName}
        self._stages = {topic: stage for stage, topic in self._topics.items()}
        self._changelogs = {stage: naming.changelog(stage) for stage in StageName}
        self._stack: contextlib.AsyncExitStack | None = None
        self._positions: dict[At, tuple[int, int | None]] = {}  # by changelog partition: its end, what it says
        self._admin: Admin
        self._lags: LagReader
        self._reader: Reader

    async def open(self, within: float) -> Self:
        stack = contextlib.AsyncExitStack()
        try:
            self._admin = await stack.enter_async_context(administration(self._connection, within=within))
            self._lags = LagReader(self._connection)
            stack.push_async_callback(self._lags.stop)
            await self._lags.start()
            self._reader = await stack.enter_async_context(Reader(self._connection, fetch_bytes=FETCH_BYTES))
        except BaseException:
            await stack.aclose()
            raise
        self._stack = stack
        return self

    @property
    def is_open(self) -> bool:
        return self._stack is not None

    async def close(self) -> None:
        if self._stack is not None:
            stack, self._stack = self._stack, None
            await stack.aclose()

    async def read(self) -> Standing:
        leaders = await self._admin.leaders([*self._stages, *self._changelogs.values()])
        offsets = await self._admin.committed(self._naming.group)
        members = await self._admin.members(self._naming.group)
        led = [(topic, one) for topic in self._stages for one, is_led in leaders.get(topic, {}).items() if is_led]
        bounds = await self._lags.bounds(led)
        hints = {at: offsets.get(at) for at in led}
        lags = await self._lags.between(
            {at: (_within(hint, bounds[at]), bounds[at][1]) for at, hint in hints.items() if hint is not None}
        )
        unsure = [at for at in led if at not in lags or lags[at].records or (hints[at] or 0) > bounds[at][1]]
        stands = dict(hints)
        for at, position in (await self._by_changelog(unsure, leaders)).items():
            stands[at] = max(position, stands[at] or 0)
        ahead = [at for at, stand in stands.items() if stand is not None and stand > bounds[at][1]]
        anew = {at for at, end in (await self._ends(ahead)).items() if (stands[at] or 0) > end}
        lags |= await self._lags.between(
            {
                at: (_within(None if at in anew else stands[at], bounds[at]), bounds[at][1])
                for at in led
                if stands[at] != hints[at] or hints[at] is None or at in anew
            }
        )
        return Standing(
            members,
            {(self._stages[at[0]], at[1]): Stand(bounds[at][1], stands[at], lags.get(at), at in anew) for at in led},
            missing=[topic for topic in self._stages if topic not in leaders],
            leaderless=[
                (stage, one)
                for topic, stage in self._stages.items()
                for one, is_led in leaders.get(topic, {}).items()
                if not is_led
            ],
        )

    async def _by_changelog(self, inputs: Iterable[At], leaders: Mapping[str, Mapping[int, bool]]) -> dict[At, int]:
        """What the changelogs say of some input partitions, of those of which they say anything."""
        logs = {
            (changelog, one): (topic, one)
            for topic, one in inputs
            if leaders.get(changelog := self._changelogs[self._stages[topic]], {}).get(one)
        }
        bounds = await self._reader.bounds(logs)
        moved: dict[At, Span] = {
            at: span for at, span in bounds.items() if at not in self._positions or self._positions[at][0] != span[1]
        }
        found = await last_positions(self._reader, moved)
        self._reader.rest()
        self._positions |= {at: (end, found.get(at)) for at, (_, end) in moved.items()}
        known = {logs[at]: self._positions[at][1] for at in logs}
        return {at: position for at, position in known.items() if position is not None}

    async def _ends(self, wanted: Iterable[At]) -> dict[At, int]:
        """Where partitions end, decided or not: a broker that died may have lost the last marker of an input."""
        asked = [TopicPartition(*at) for at in wanted]
        if not asked:
            return {}
        consumer = AIOKafkaConsumer(
            **self._connection, group_id=None, enable_auto_commit=False, request_timeout_ms=REQUEST_TIMEOUT_MS
        )
        try:
            await consumer.start()
            ends = await consumer.end_offsets(asked)
        except (kafka_errors.KafkaError, OSError, TimeoutError) as error:
            raise unavailable(self._connection, "give the ends", error) from error
        finally:
            with contextlib.suppress(kafka_errors.KafkaError, OSError):
                await consumer.stop()
        return {(at.topic, at.partition): end for at, end in ends.items()}


def _within(stand: int | None, bounds: Span) -> int:
    """Where the unworked part begins: never before what retention left, never past the end."""
    begin, end = bounds
    return begin if stand is None else max(begin, min(end, stand))
