"""The ledger's reading: which offsets can be audited, what became of them, and what is still on its way.

Three things are read in an order that makes the answer exact while the mill works: first what each stage has
surely done (the group's offsets, which are never ahead of the stages), then the outcomes, then the frames that
stood between the stages since. What is in none of them is lost.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any, Self

import msgspec
from msgspec import Struct

from agents.engine.admin import Admin, Found
from agents.engine.frames import UnreadableFrameError, decode_frame
from agents.engine.ledger import OUTCOMES, Account, Ledger, Origin
from agents.engine.reader import At, Reader, Span
from agents.engine.topics import INPUT, Naming, topic_table
from agents.engine.transport import EngineError, Incoming
from agents.stage import Topic
from schemas import StageName

POLL_SECONDS = 0.5
SKEW_MS = 60_000
"""Raw records carry the broker's time, outcomes their worker's; clocks differ by less than this."""

Progress = Callable[[int], None]
"""Is told how many more records were read."""

_INTERNAL = (StageName.DEDUPE, StageName.ENRICH, StageName.STORIES)


class _Outcome(Struct):
    source: Origin


_outcomes = msgspec.json.Decoder(_Outcome)


class Audit:
    """One audit: the raw records that stand in `feeds.raw` when it begins, as far back as all topics reach.

    `window_begins_ms` is that time, None where everything is still there. `unreadable` counts records of the
    outcome topics that are no outcomes: something else writes to them.
    """

    def __init__(self, admin: Admin, reader: Reader, naming: Naming) -> None:
        self._admin = admin
        self._reader = reader
        self._naming = naming
        self._raw = naming.topic(Topic.RAW)
        self._kinds = {naming.topic(topic): topic for topic in OUTCOMES}
        self._at: dict[At, int] = {}
        self._between: list[At] = []
        self._ledger = Ledger(self._raw, {})
        self.window_begins_ms: int | None = None
        self.unreadable = 0

    @classmethod
    async def open(cls, admin: Admin, reader: Reader, naming: Naming) -> Self:
        """Fix what is audited. Raises EngineError where a topic is missing."""
        audit = cls(admin, reader, naming)
        await audit._fix()
        return audit

    async def run(self, settle_seconds: float, progress: Progress = lambda _: None) -> Account:
        """Read everything; then, while something is on its way and for at most `settle_seconds`, what follows."""
        deadline = time.monotonic() + settle_seconds
        await self._read_raw(progress)
        while True:
            account = await self.step(progress)
            if (account.settled and account.whole) or time.monotonic() >= deadline:
                return account
            await asyncio.sleep(POLL_SECONDS)

    async def step(self, progress: Progress = lambda _: None) -> Account:
        """Read what came since the last step, and sum up."""
        done = await self._admin.committed(self._naming.group)
        await self._read_outcomes(progress)
        if not self._ledger.complete:
            await self._read_between(done)
        return self._ledger.account({partition: done.get((self._raw, partition)) for partition in self._partitions})

    async def _fix(self) -> None:
        found = await self._admin.topics(self._naming.prefix)
        specs = topic_table(self._naming, partitions=1, replication=1)
        if missing := [spec.name for spec in specs if spec.name not in found]:
            raise EngineError(
                f"There is nothing to audit: {', '.join(missing)} missing. `feedmill topics apply` creates the topics."
            )
        self._partitions = range(found[self._raw].partitions)
        raw = [(self._raw, partition) for partition in self._partitions]
        outcomes = [(name, partition) for name in self._kinds for partition in range(found[name].partitions)]
        self._between = [
            (name, partition)
            for name in (self._naming.topic(INPUT[stage]) for stage in _INTERNAL)
            for partition in range(found[name].partitions)
        ]
        bounds = await self._reader.bounds([*raw, *outcomes])
        self._at = {at: bounds[at][0] for at in outcomes}
        self.window_begins_ms = await self._held_since(found, {at: bounds[at] for at in outcomes})
        windows = {at[1]: bounds[at] for at in raw}
        if self.window_begins_ms is not None:
            first = await self._reader.offsets_at(raw, self.window_begins_ms)
            for at in raw:
                begin, end = bounds[at]
                offset = first[at]
                windows[at[1]] = (end if offset is None else min(max(offset, begin), end), end)
        self._windows = windows
        self._ledger = Ledger(self._raw, windows)

    async def _held_since(self, found: Mapping[str, Found], bounds: Mapping[At, Span]) -> int | None:
        """Milliseconds since the epoch from which on no outcome can be gone; None: nothing is gone yet.

        An outcome is never older than its raw record, so a raw record of that time has all of its own.
        """
        now = int(time.time() * 1000)
        since: list[int] = []
        for (name, partition), (begin, end) in bounds.items():
            config = found[name].config
            if "compact" in config.get("cleanup.policy", ""):
                # Earlier revisions may be compacted away once they are older than this.
                lag = int(config.get("min.compaction.lag.ms", 0))
                if begin < end and (await self._oldest((name, partition), (begin, end)) or now) < now - lag:
                    since.append(now - lag + SKEW_MS)
            if begin > 0:  # retention has deleted
                kept = int(config.get("retention.ms", -1))
                gone = now if kept < 0 else now - kept
                since.append((await self._oldest((name, partition), (begin, end)) or gone) + SKEW_MS)
        return max(since, default=None)

    async def _oldest(self, at: At, span: Span) -> int | None:
        first = await self._reader.first(at, span)
        return None if first is None else first.timestamp

    async def _read_raw(self, progress: Progress) -> None:
        spans = {(self._raw, partition): window for partition, window in self._windows.items()}
        async for batch in self._reader.read(spans):
            for record in batch:
                self._ledger.raw(record.partition, record.offset)
            progress(len(batch))

    async def _read_outcomes(self, progress: Progress) -> None:
        async for batch in self._onward(self._at):
            for record in batch:
                self._note(record)
            progress(len(batch))

    async def _onward(self, at: dict[At, int]) -> AsyncIterator[list[Incoming]]:
        """What follows each position up to the present end; the positions are moved to it."""
        bounds = await self._reader.bounds(at)
        spans = {key: (max(at[key], begin), end) for key, (begin, end) in bounds.items()}
        async for batch in self._reader.read(spans):
            yield list(batch)
        at.update({key: max(span) for key, span in spans.items()})

    def _note(self, record: Incoming) -> None:
        if record.value is None:
            return  # a tombstone retracts an item and is nobody's outcome
        try:
            origin = _outcomes.decode(record.value).source
        except (msgspec.DecodeError, RecursionError):
            self.unreadable += 1
            return
        self._ledger.outcome(self._kinds[record.topic], origin, f"{record.topic}/{record.partition}/{record.offset}")

    async def _read_between(self, done: Mapping[At, int]) -> None:
        """Entries in the frames that the stages had not surely done when the step began."""
        self._ledger.forget_in_flight()
        bounds = await self._reader.bounds(self._between)
        spans = {at: (max(done.get(at, 0), begin), end) for at, (begin, end) in bounds.items()}
        async for batch in self._reader.read(spans):
            for record in batch:
                try:
                    parts = decode_frame(record.value)
                except UnreadableFrameError:
                    continue  # the stage that reads it stops there and says so
                for ref, _ in parts:
                    if ref is not None:
                        self._ledger.in_flight(ref)


async def audited(connection: Mapping[str, Any], admin: Admin, naming: Naming, settle_seconds: float) -> Account:
    """The account of one whole audit."""
    async with Reader(connection) as reader:
        audit = await Audit.open(admin, reader, naming)
        return await audit.run(settle_seconds)
