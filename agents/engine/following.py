"""The ledger's reading, round after round: each reads only what came since the last one.

As in audit.py the order makes the answer exact while the mill works: first what each stage has surely done, then the
outcomes, then the frames between the stages. Where the outcomes end is asked before where the raw topic ends, so that
none comes before its raw record.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from array import array
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from typing import Any

from msgspec import Struct

from agents.engine.admin import Admin, administration
from agents.engine.audit import (
    INTERNAL,
    READ_BEFORE_MS,
    cut,
    held_since,
    moved,
    note_in_flight,
    note_outcome,
    time_of_first,
)
from agents.engine.ledger import OUTCOMES
from agents.engine.positions import last_positions
from agents.engine.reader import At, Reader, Span
from agents.engine.rolling import Findings, RollingLedger, Windows, both
from agents.engine.topics import INPUT, Naming
from agents.engine.transport import EngineError, Incoming
from agents.stage import Topic
from schemas import StageName

log = logging.getLogger(__name__)

OPEN_WITHIN_SECONDS = 15.0
LOOK_AGAIN_SECONDS = 2.0

ABORTED_WITHIN_SECONDS = 15.0
"""So long after its time-out a transaction is aborted at the latest (a time-out of 2 s was seen to take 8.3 s)."""

FETCH_BYTES = 256 * 1024
"""Of a partition at once, and so much of each is held; a round may take its time."""


class Terms(Struct, frozen=True):
    """What is judged, in seconds: raw records of the last `window`, once they are older than `grace`.

    Older ones too, while they wait or are on their way, and for so long after that one is sure of their end.
    `sure`: what seems lost is looked for again for so long, for an open transaction can hide it from readers.
    """

    window: float
    grace: float
    sure: float


def certainty(transaction_timeout: float) -> float:
    """`sure` of workers with this time-out: Kafka looks every ten seconds for transactions that are open for longer."""
    return transaction_timeout + ABORTED_WITHIN_SECONDS


class AnewError(EngineError):
    """What was read so far says nothing any more of what the topics hold."""


class Follower:
    """Keeps the account. `work` is one round, for `Rounds`; it hands what it found to `show`.

    A round that fails keeps what was read. The next connects anew and goes on from there.
    """

    def __init__(
        self,
        connection: Mapping[str, Any],
        naming: Naming,
        terms: Terms,
        show: Callable[[Findings, int], None],
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._connection = connection
        self._naming = naming
        self._terms = terms
        self._show = show
        self._clock = clock
        self._raw = naming.topic(Topic.RAW)
        self._kinds = {naming.topic(topic): topic for topic in OUTCOMES}
        self._inputs = {naming.topic(INPUT[stage]): stage for stage in StageName}
        self._between = [naming.topic(INPUT[stage]) for stage in INTERNAL]
        self._stack: contextlib.AsyncExitStack | None = None
        self._admin: Admin
        self._reader: Reader
        # The account: what was read up to where (outcomes and raw), and of how many partitions.
        self._ledger: RollingLedger | None = None
        self._at: dict[At, int] = {}
        self._layout: dict[str, int] = {}
        self._held_ms = 0

    async def work(self) -> None:
        """One round. Raises EngineError, OSError or TimeoutError."""
        try:
            if self._stack is None:
                await self._open()
            try:
                findings, since = await self._round()
            except AnewError as error:
                log.warning("%s What was read is forgotten, and all of the window is read anew.", error)
                self._ledger = None
                findings, since = await self._round()
            self._reader.rest()
        except BaseException:
            await self.close()
            raise
        self._show(findings, since)

    async def _open(self) -> None:
        stack = contextlib.AsyncExitStack()
        try:
            reached = administration(self._connection, within=OPEN_WITHIN_SECONDS)
            self._admin = await stack.enter_async_context(reached)
            self._reader = await stack.enter_async_context(Reader(self._connection, fetch_bytes=FETCH_BYTES))
        except BaseException:
            await stack.aclose()
            raise
        self._stack = stack

    async def close(self) -> None:
        if self._stack is not None:
            stack, self._stack = self._stack, None
            await stack.aclose()

    async def _round(self) -> tuple[Findings, int]:
        ledger = self._ledger or await self._begin()
        deadline = time.monotonic() + self._terms.sure
        lost: array[int] | None = None
        while True:
            taken, windows, since = await self._step(ledger)
            seen = ledger.lost(windows, taken)
            lost = seen if lost is None else both(lost, seen)
            if ledger.knows(lost) or time.monotonic() >= deadline:
                return ledger.sum_up(windows, taken, lost), since
            await asyncio.sleep(min(LOOK_AGAIN_SECONDS, self._terms.sure))

    async def _begin(self) -> RollingLedger:
        """Fix from where on is read. Raises EngineError where a topic is missing."""
        await self._admin.leaders(self._names())  # says so where an ACL hides one; the list leaves it out
        found = await self._admin.topics(f"{self._naming.prefix}.")
        if missing := [name for name in self._names() if name not in found]:
            raise EngineError(
                f"There is nothing to audit: {', '.join(missing)} missing. `feedmill topics apply` creates the topics."
            )
        self._layout = {name: found[name].partitions for name in self._names()}
        outcomes = await self._reader.bounds(self._places(self._kinds))
        held, because = await held_since(self._reader, found, outcomes)
        since = self._since_ms()
        if held is not None and held > since:
            log.warning("Documents from before %s cannot be judged: %s", _moment(held), because)
        self._held_ms = held or 0
        since = max(since, self._held_ms)
        raw = await self._reader.bounds(self._places([self._raw]))
        begins = await self._under_way(raw, await cut(self._reader, raw, since, begin=True))
        # As in audit.py: what is older than every raw record is of a topic of the same name that was there before.
        times = [await time_of_first(self._reader, at, span) for at, span in begins.items()]
        first = min((one for one in times if one is not None), default=since)
        read = await cut(self._reader, outcomes, first - READ_BEFORE_MS, begin=True)
        self._at = {at: begin for at, (begin, _) in (begins | read).items()}
        self._ledger = RollingLedger(
            self._raw,
            {partition: begin for (_, partition), (begin, _) in begins.items()},
            linger=max(self._terms.grace, 2 * self._terms.sure),
        )
        return self._ledger

    async def _under_way(self, raw: Mapping[At, Span], windows: Mapping[At, Span]) -> dict[At, Span]:
        """The windows, and before each what waits or is on its way, as far as outcomes go back."""
        done = await self._done()
        held = await cut(self._reader, raw, self._held_ms, begin=True)
        moving = {at: end for at, (_, end) in raw.items()}
        async for batch in self._frames(done):
            for ref in (ref for record in batch for ref in moved(record)):
                if (at := (self._raw, ref.partition)) in moving:
                    moving[at] = min(moving[at], ref.offset)
        return {
            at: (max(begin, min(windows[at][0], done.get(at, begin), max(held[at][0], moving[at]))), end)
            for at, (begin, end) in raw.items()
        }

    async def _step(self, ledger: RollingLedger) -> tuple[dict[int, int], Windows, int]:
        """Read what came since the last step.

        What parse has taken of each partition; what is judged; from when on, in milliseconds since the epoch.
        """
        leaders = await self._admin.leaders(list(self._layout))
        if {name: len(leaders.get(name, ())) for name in self._layout} != self._layout:
            raise AnewError("The topics have other partitions than before.")
        done = await self._done()
        outcomes = await self._reader.bounds(self._places(self._kinds))
        raw = await self._reader.bounds(self._places([self._raw]))
        self._check(outcomes, raw)
        for (_, partition), (_, end) in raw.items():
            ledger.grow(partition, end)
        await self._read(ledger, raw)
        await self._read(ledger, outcomes)
        windows, since = await self._windows()
        taken = {partition: done.get((self._raw, partition), 0) for partition in windows}
        if ledger.open(windows, taken):
            ledger.forget_in_flight()
            async for batch in self._frames(done):
                for record in batch:
                    note_in_flight(ledger, record)
        ledger.slide(windows, taken, time.monotonic())
        return taken, windows, since

    async def _done(self) -> dict[At, int]:
        """What each stage has surely worked off: the group's offsets, and where they expired the changelogs."""
        done = await self._admin.committed(self._naming.group)
        unknown = {
            (self._naming.changelog(self._inputs[name]), partition): (name, partition)
            for name, partition in self._places(self._inputs)
            if (name, partition) not in done
        }
        positions = await last_positions(self._reader, await self._reader.bounds(unknown))
        return done | {unknown[at]: position for at, position in positions.items()}

    def _check(self, outcomes: Mapping[At, Span], raw: Mapping[At, Span]) -> None:
        """Whether these are the topics that were read before, and nothing of the outcomes has gone unread."""
        for (name, partition), (_, end) in (*outcomes.items(), *raw.items()):
            if end < self._at[name, partition]:
                raise AnewError(f"{name}/{partition} ends at {end:,} and was longer: it was created anew.")
        for (name, partition), (begin, _) in outcomes.items():
            if begin > self._at[name, partition]:
                raise AnewError(
                    f"{name}/{partition} begins at {begin:,} now: outcomes were deleted before they were read."
                )

    async def _read(self, ledger: RollingLedger, bounds: Mapping[At, Span]) -> None:
        """What stands from where the last reading of each partition ended; one that breaks off is gone on with."""
        spans = {at: (max(self._at[at], begin), end) for at, (begin, end) in bounds.items()}
        async for batch in self._reader.read(spans):
            for record in batch:
                if record.topic == self._raw:
                    ledger.raw(record.partition, record.offset)
                else:
                    note_outcome(ledger, self._kinds[record.topic], record)
            self._at[batch[-1].topic, batch[-1].partition] = batch[-1].offset + 1
        self._at |= {at: max(span) for at, span in spans.items()}

    async def _windows(self) -> tuple[Windows, int]:
        """What is judged now, as offsets of each raw partition, and since when."""
        since = max(self._since_ms(), self._held_ms)
        raw = await self._reader.bounds(self._places([self._raw]))
        known = {at: (begin, max(begin, self._at[at])) for at, (begin, _) in raw.items()}
        begins = await cut(self._reader, known, since, begin=True)
        windows = await cut(self._reader, begins, int((self._clock() - self._terms.grace) * 1000), begin=False)
        eaten = [at for at, (begin, end) in raw.items() if 0 < begin == begins[at][0] and begin < end]
        if eaten:
            times = [await time_of_first(self._reader, at, raw[at]) for at in eaten]
            since = max(since, min((one for one in times if one is not None), default=since))
        return {partition: window for (_, partition), window in windows.items()}, since

    async def _frames(self, done: Mapping[At, int]) -> AsyncIterator[Sequence[Incoming]]:
        """What the stages had not surely done of what stands between them."""
        bounds = await self._reader.bounds(self._places(self._between))
        spans = {at: (max(done.get(at, 0), begin), end) for at, (begin, end) in bounds.items()}
        async for batch in self._reader.read(spans):
            yield batch

    def _since_ms(self) -> int:
        return int((self._clock() - self._terms.window) * 1000)

    def _names(self) -> list[str]:
        changelogs = (self._naming.changelog(stage) for stage in StageName)
        return [self._raw, *self._kinds, *self._between, *changelogs]

    def _places(self, names: Iterable[str]) -> list[At]:
        return [(name, partition) for name in names for partition in range(self._layout[name])]


def _moment(time_ms: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time_ms / 1000))
