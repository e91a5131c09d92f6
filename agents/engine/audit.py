"""The ledger's reading: which offsets can be audited, what became of them, and what is still on its way.

Three things are read in an order that makes the answer exact while the mill works: first what each stage has
surely done (the group's offsets, which are never ahead of the stages), then the outcomes, then the frames that
stood between the stages since. What is in none of them is lost.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from typing import Any, Self

import msgspec
from msgspec import Struct

from agents.engine.admin import Admin, Found
from agents.engine.frames import UnreadableFrameError, decode_frame
from agents.engine.ledger import OUTCOMES, Account, Ledger, Origin
from agents.engine.reader import At, Reader, Span
from agents.engine.topics import INPUT, Naming, topic_table
from agents.engine.transport import EngineError, Incoming
from agents.stage import EntryRef, Topic
from schemas import StageName

POLL_SECONDS = 0.5
SKEW_MS = 60_000
"""Raw records carry the broker's time, outcomes their worker's; clocks differ by less than this."""

READ_BEFORE_MS = 600_000
"""Outcomes are looked for from so much before the raw records on, should a worker's clock be slow by more than that."""

Progress = Callable[[int], None]
"""Is told how many more records were read."""

INTERNAL = (StageName.DEDUPE, StageName.ENRICH, StageName.STORIES)


class _Outcome(Struct):
    source: Origin
    id: str | None = None
    revision: int | None = None
    replay_of: object = None


_outcomes = msgspec.json.Decoder(_Outcome)


class Scope(Struct, frozen=True):
    """What somebody wants to know: raw records of these partitions (None: all), from a time to a time."""

    partitions: frozenset[int] | None = None
    since_ms: int | None = None
    until_ms: int | None = None


class Horizon(Struct, frozen=True):
    """What could be judged: raw records of `partitions`, from `since_ms` (None: from the first) to `until_ms`.

    `because`: what stands in the way of judging earlier ones, as a sentence; empty where nothing does.
    """

    partitions: Sequence[int]
    since_ms: int | None
    until_ms: int
    because: str = ""


class Audit:
    """One audit: the raw records that stand in `feeds.raw` when it begins, as far back as all topics reach.

    `unreadable` counts records of the outcome topics that are no outcomes: something else writes to them.
    """

    def __init__(self, admin: Admin, reader: Reader, naming: Naming, scope: Scope) -> None:
        self._admin = admin
        self._reader = reader
        self._naming = naming
        self._scope = scope
        self._raw = naming.topic(Topic.RAW)
        self._kinds = {naming.topic(topic): topic for topic in OUTCOMES}
        self._at: dict[At, int] = {}
        self._between: list[At] = []
        self._ledger = Ledger(self._raw, {})
        self.horizon = Horizon((), None, 0)
        self.unreadable = 0

    @classmethod
    async def open(cls, admin: Admin, reader: Reader, naming: Naming, scope: Scope = Scope()) -> Self:  # noqa: B008
        """Fix what is audited. Raises EngineError where a topic is missing."""
        audit = cls(admin, reader, naming, scope)
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
        return self._ledger.account({partition: done.get((self._raw, partition)) for partition in self._windows})

    async def _fix(self) -> None:
        found = await self._admin.topics(self._naming.prefix)
        specs = topic_table(self._naming, partitions=1, replication=1)
        if missing := [spec.name for spec in specs if spec.name not in found]:
            raise EngineError(
                f"There is nothing to audit: {', '.join(missing)} missing. `feedmill topics apply` creates the topics."
            )
        self._partitions = range(found[self._raw].partitions)
        audited = sorted(self._scope.partitions or self._partitions)
        raw = [(self._raw, partition) for partition in audited]
        outcomes = [(name, partition) for name in self._kinds for partition in range(found[name].partitions)]
        self._between = [
            (name, partition)
            for name in (self._naming.topic(INPUT[stage]) for stage in INTERNAL)
            for partition in range(found[name].partitions)
        ]
        bounds = await self._reader.bounds([*raw, *outcomes])
        since, because = await held_since(self._reader, found, {at: bounds[at] for at in outcomes})
        oldest = await self._oldest_raw({at: bounds[at] for at in raw})
        if since is None and oldest is not None and any(bounds[at][0] for at in raw):
            since, because = oldest, f"{self._raw} holds nothing older any more."
        asked, until = self._scope.since_ms, self._scope.until_ms
        if since is None or (asked is not None and asked > since):
            since, because = asked, ""
        begins = {at: bounds[at][0] for at in outcomes}
        windows = {at: bounds[at] for at in raw}
        if since is not None:
            windows = await cut(self._reader, windows, since, begin=True)
        if (first := since if since is not None else oldest) is not None:
            # An outcome is never older than its raw record: what was written before is nobody's, or of a topic of the
            # same name that was there before.
            read = await cut(self._reader, {at: bounds[at] for at in outcomes}, first - READ_BEFORE_MS, begin=True)
            begins = {at: span[0] for at, span in read.items()}
        if until is not None:
            windows = await cut(self._reader, windows, until, begin=False)
        self._at = begins
        self._windows = {partition: window for (_, partition), window in windows.items()}
        self._ledger = Ledger(self._raw, self._windows)
        now = int(time.time() * 1000)
        self.horizon = Horizon(audited, since, now if until is None else min(until, now), because)

    async def _oldest_raw(self, bounds: Mapping[At, Span]) -> int | None:
        """The time of the first raw record; None where there is none."""
        times = [await time_of_first(self._reader, at, span) for at, span in bounds.items()]
        return min((moment for moment in times if moment is not None), default=None)

    async def _read_raw(self, progress: Progress) -> None:
        spans = {(self._raw, partition): window for partition, window in self._windows.items()}
        async for batch in self._reader.read(spans):
            for record in batch:
                self._ledger.raw(record.partition, record.offset)
            progress(len(batch))

    async def _read_outcomes(self, progress: Progress) -> None:
        async for batch in self._onward(self._at):
            for record in batch:
                self.unreadable += not note_outcome(self._ledger, self._kinds[record.topic], record)
            progress(len(batch))

    async def _onward(self, at: dict[At, int]) -> AsyncIterator[list[Incoming]]:
        """What follows each position up to the present end; the positions are moved to it."""
        bounds = await self._reader.bounds(at)
        spans = {key: (max(at[key], begin), end) for key, (begin, end) in bounds.items()}
        async for batch in self._reader.read(spans):
            yield list(batch)
        at.update({key: max(span) for key, span in spans.items()})

    async def _read_between(self, done: Mapping[At, int]) -> None:
        """Entries in the frames that the stages had not surely done when the step began."""
        self._ledger.forget_in_flight()
        bounds = await self._reader.bounds(self._between)
        spans = {at: (max(done.get(at, 0), begin), end) for at, (begin, end) in bounds.items()}
        async for batch in self._reader.read(spans):
            for record in batch:
                note_in_flight(self._ledger, record)


def note_outcome(ledger: Ledger, kind: Topic, record: Incoming) -> bool:
    """Take an outcome in; False where the record is none."""
    if record.value is None:
        return True  # a tombstone retracts an item and is nobody's outcome
    try:
        outcome = _outcomes.decode(record.value)
    except (msgspec.DecodeError, RecursionError):
        return False
    origin = outcome.source
    stands_at = f"{record.topic}/{record.partition}/{record.offset}"
    ledger.outcome(kind, origin, stands_at)
    if why := _altered(kind, record, outcome):
        ledger.altered(f"{stands_at}: {why}", origin)
    if kind is not Topic.DUPLICATES and outcome.id is not None and outcome.revision is not None:
        ledger.numbered(
            origin,
            outcome.id,
            outcome.revision,
            stands_at,
            item=kind is Topic.ENRICHED,
            replayed=outcome.replay_of is not None,
        )
    return True


def note_in_flight(ledger: Ledger, record: Incoming) -> None:
    """Take in the entries of a record between two stages."""
    for ref in moved(record):
        ledger.in_flight(ref)


def moved(record: Incoming) -> Iterator[EntryRef]:
    """The entries of a record between two stages."""
    try:
        parts = decode_frame(record.value)
    except UnreadableFrameError:
        return  # the stage that reads it stops there and says so
    for ref, _ in parts:
        if ref is not None:
            yield ref


async def held_since(reader: Reader, found: Mapping[str, Found], bounds: Mapping[At, Span]) -> tuple[int | None, str]:
    """Milliseconds since the epoch from which on no outcome can be gone, and why; None: nothing is gone yet.

    `bounds` are those of the outcome topics. An outcome is never older than its raw record, so a raw record of that
    time has all of its own.
    """
    now = int(time.time() * 1000)
    since: list[tuple[int, str]] = []
    for (name, partition), (begin, end) in bounds.items():
        config = found[name].config
        if "compact" in config.get("cleanup.policy", ""):
            lag = int(config.get("min.compaction.lag.ms", 0))
            if begin < end and (await time_of_first(reader, (name, partition), (begin, end)) or now) < now - lag:
                why = f"{name} keeps every revision for {_span(lag)} only, and later the last of each item."
                since.append((now - lag + SKEW_MS, why))
        if begin > 0:  # retention has deleted
            kept = int(config.get("retention.ms", -1))
            gone = now if kept < 0 else now - kept
            why = f"{name}/{partition} holds nothing older any more."
            since.append(((await time_of_first(reader, (name, partition), (begin, end)) or gone) + SKEW_MS, why))
    return max(since, default=(None, ""))


async def time_of_first(reader: Reader, at: At, span: Span) -> int | None:
    """The time of the first record of a span."""
    first = await reader.first(at, span)
    return None if first is None else first.timestamp


async def cut(reader: Reader, spans: Mapping[At, Span], time_ms: int, *, begin: bool) -> dict[At, Span]:
    """Spans from the first record of a time on, or up to it."""
    found = await reader.offsets_at(spans, time_ms)
    result: dict[At, Span] = {}
    for at, (first, end) in spans.items():
        offset = found[at]
        place = end if offset is None else min(max(offset, first), end)
        result[at] = (place, end) if begin else (first, place)
    return result


def _altered(kind: Topic, record: Incoming, outcome: _Outcome) -> str:
    """What of a record cannot be the mill's; empty where nothing speaks against it."""
    if kind is not Topic.DEAD_LETTER and (outcome.id is None or record.key != outcome.id.encode()):
        return f"its key is {(record.key or b'').decode(errors='replace')!r:.40}, the id in it {outcome.id!r:.40}"
    event = next((value for name, value in record.headers if name == "ce_id"), None)
    if event is not None and event != outcome.source.position.encode():
        return (
            f"its header ce_id names the entry {event.decode(errors='replace')!r:.80}, its value "
            f"{outcome.source.position}"
        )
    return ""


def _span(milliseconds: int) -> str:
    days, rest = divmod(milliseconds, 86_400_000)
    return f"{days} days" if days > 1 and not rest else f"{milliseconds / 3_600_000:g} hours"


async def audited(connection: Mapping[str, Any], admin: Admin, naming: Naming, settle_seconds: float) -> Account:
    """The account of one whole audit."""
    async with Reader(connection) as reader:
        audit = await Audit.open(admin, reader, naming)
        return await audit.run(settle_seconds)
