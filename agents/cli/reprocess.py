"""`feedmill reprocess`: raw records again, through a newer mill."""

from __future__ import annotations

import asyncio
import secrets
import sys
import time
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime, timedelta
from typing import Any

import typer
from msgspec import Struct

from agents.cli.exits import CommandError, ExitCode
from agents.cli.session import Session, run, session
from agents.cli.terminal import console, safe_line
from agents.content.urls import canonicalize
from agents.engine.intake import read_moment
from agents.engine.reader import At, Reader, Span
from agents.engine.reprocessing import Passed, Run, again, latest_run, originals, spans_of
from agents.engine.republisher import BATCH, OvertakenError, Republisher
from agents.engine.transport import EngineError, Incoming, UnavailableError
from agents.settings import load_settings
from agents.stage import Topic

ASKED_FROM = 1000
"""Records from which on a person is asked first."""

RATE = 100.0
"""Documents a second: new ones wait behind these in the same partitions."""

GO_ON = "`feedmill reprocess --resume` goes on from there."


class Wish(Struct, frozen=True):
    """What was asked for. `resume`: the run that began last; `most` documents a second."""

    run: Run
    resume: bool
    dry: bool
    rate: float
    sure: bool


def register(app: typer.Typer) -> None:
    app.command("reprocess")(reprocess)


def reprocess(
    since: str | None = typer.Option(
        None, metavar="MOMENT", help="Records received from then on: 2026-11-20T08:00:00Z, or an age: 90m, 12h, 7d."
    ),
    until: str | None = typer.Option(None, metavar="MOMENT", help="Records received before then; now, if left out."),
    feed: str | None = typer.Option(None, metavar="URL", help="Only records of this feed, by address or key."),
    site: str | None = typer.Option(None, metavar="SITE", help="Only records of feeds of this site: lanhai.example."),
    everything: bool = typer.Option(False, "--all", help="All that the raw topic still holds."),
    resume: bool = typer.Option(False, "--resume", help="Go on with the run that began last, where it stopped."),
    dry_run: bool = typer.Option(False, "--dry-run", help="Count what would be published, and publish nothing."),
    rate: float = typer.Option(RATE, min=0.001, help="At most this many documents a second."),
    yes: bool = typer.Option(False, "--yes", "-y", help="Do not ask, however many there are."),
) -> None:
    """Publish raw records again, so that a newer mill updates items in place.

    Say which: --since, --until, --all, or --resume for a run that was
    interrupted. Each comes out with the id and revision that it has if that is
    the item's highest, and as a duplicate else. Replays are left out: what they
    stand for is published.
    """
    if resume and (since or until or feed or site or everything):
        raise CommandError("--resume goes on with what the last run covered: leave out what else says which records.")
    if not (resume or since or until or everything):
        raise CommandError("Say which records: --since, --until, --all, or --resume.")
    if everything and (since or until):
        raise CommandError("--all is all that the raw topic holds: leave it out, or --since and --until.")
    if feed is not None and canonicalize(feed) is None:
        raise CommandError(f"--feed {feed} is no address that a feed could have.")
    now = datetime.now(UTC)
    asked = Run(
        id=secrets.token_hex(4),
        since=_ms(_moment("--since", since, now)) if since else 0,
        until=_ms(_moment("--until", until, now)) if until else _ms(now),
        feed=feed,
        site=site.lower() if site else None,
    )
    if asked.since >= asked.until:
        raise CommandError("--since is not before --until: that is no record at all.")
    raise typer.Exit(run(_reprocess(Wish(asked, resume, dry_run, rate, yes))))


async def _reprocess(wish: Wish) -> ExitCode:
    async with session(load_settings()) as here:
        topics = await here.topics(Topic.RAW)
        raw = here.naming.topic(Topic.RAW)
        partitions = [(raw, number) for number in range(topics[raw].partitions)]
        if wish.dry:
            async with Reader(here.connection) as reader:
                chosen, spans = await _chosen(reader, partitions, wish)
                await _count(reader, spans, chosen)
            return ExitCode.FINE
        async with _republisher(here, len(partitions), wish.rate) as out, Reader(here.connection) as reader:
            chosen, spans = await _chosen(reader, partitions, wish)
            _ask(spans, wish)
            return await _publish(reader, spans, chosen, out, wish.rate)


def _republisher(here: Session, partitions: int, rate: float) -> Republisher:
    return Republisher(
        here.connection,
        here.naming,
        partitions=partitions,
        timeout_seconds=here.settings.transaction_timeout_seconds,
        most=max(1, min(BATCH, int(rate))),
    )


async def _chosen(reader: Reader, partitions: list[At], wish: Wish) -> tuple[Run, dict[At, Span]]:
    """The run and where its records stand: of one that is resumed, those that it has not published yet."""
    if not wish.resume:
        return wish.run, await spans_of(reader, wish.run, partitions)
    with _Reading("reading the raw topic") as reading:
        found = await latest_run(reader, partitions, reading.move)
    if found is None:
        raise CommandError(
            f"There is no run to go on with: nothing on {partitions[0][0]} was published by `reprocess`.",
            ExitCode.FOUND,
        )
    chosen, reached = found
    spans = await spans_of(reader, chosen, partitions)
    return chosen, {at: (max(begin, reached.get(at, 0)), end) for at, (begin, end) in spans.items()}


def _ask(spans: Mapping[At, Span], wish: Wish) -> None:
    """A large run is somebody's decision."""
    most = sum(max(0, end - begin) for begin, end in spans.values())
    if wish.sure or most < ASKED_FROM:
        return
    if not sys.stdin.isatty():
        raise CommandError(
            f"Up to {_documents(most)} would be published again, and nobody can be asked. Nothing was published: say "
            "--yes, or --dry-run to count them."
        )
    took = timedelta(seconds=round(most / wish.rate))
    question = f"Up to {_documents(most)} are published again, in {took} at {wish.rate:g} a second. Go on?"
    if not typer.confirm(question, err=True):
        raise CommandError("Nothing was published.", ExitCode.FOUND)


async def _count(reader: Reader, spans: Mapping[At, Span], chosen: Run) -> None:
    count = size = 0
    passed, times = Passed(), list[int]()
    with _Reading("reading the raw topic") as reading:
        async for record in originals(reader, spans, chosen, passed, reading.move):
            count, size = count + 1, size + len(record.value or b"")
            times = [min([*times[:1], record.timestamp]), max([*times[1:], record.timestamp])]
    received = f", received from {_shown(times[0])} to {_shown(times[1])}" if times else ""
    sys.stderr.write(f"{_documents(count)} would be published again, {size:,} bytes{received}.\n{_left_out(passed)}")


async def _publish(reader: Reader, spans: Mapping[At, Span], chosen: Run, out: Republisher, rate: float) -> ExitCode:
    passed, started, taken = Passed(), time.monotonic(), 0
    total = sum(max(0, end - begin) for begin, end in spans.values())
    last: Incoming | None = None
    try:
        with _Reading("publishing again", total) as reading:
            async for record in originals(reader, spans, chosen, passed, reading.move):
                await out.send(again(record, chosen))
                taken, last = taken + 1, record
                ahead = taken / rate - (time.monotonic() - started)
                if ahead > 1:  # what was taken is published before the pause, so that a stop leaves little behind
                    await out.flush()
                    await asyncio.sleep(ahead)
            await out.flush()
    except asyncio.CancelledError:  # Ctrl-C
        told = f"Stopped after {_documents(out.published)}. {GO_ON}"
        raise CommandError(told, ExitCode.INTERRUPTED) from None
    except OvertakenError as error:
        raise CommandError(str(error), ExitCode.FOUND) from error
    except EngineError as error:
        code = ExitCode.NO_BROKER if isinstance(error, UnavailableError) else ExitCode.FOUND
        told = f"{error} {_documents(out.published)} of this run are surely published. {GO_ON}"
        raise CommandError(told, code) from error
    seconds = time.monotonic() - started
    upto = f", the last one {last.topic}/{last.partition}/{last.offset}" if last is not None else ""
    sys.stderr.write(f"{_documents(out.published)} published again in {seconds:.1f} s{upto}.\n{_left_out(passed)}")
    return ExitCode.FINE


def _left_out(passed: Passed) -> str:
    told = ""
    if passed.replays:
        told += f"Left out, {passed.replays:,}: replays of other records.\n"
    if passed.others:
        told += f"Left out, {passed.others:,}: of other feeds.\n"
    return told


class _Reading:
    """Progress on stderr where that is a terminal: of `total` records, or a count of them."""

    def __init__(self, what: str, total: int | None = None) -> None:
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        shown = console(stderr=True)
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        self._bar = Progress(*columns, console=shown, transient=True) if shown.is_terminal else None
        self._within: AbstractContextManager[Any] = self._bar or nullcontext()
        if self._bar is not None:
            self._task = self._bar.add_task(what, total=total)

    def __enter__(self) -> _Reading:
        self._within.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        self._within.__exit__(*error)

    def move(self, records: int) -> None:
        if self._bar is not None:
            self._bar.advance(self._task, records)


_UNITS = {"m": 60, "h": 3600, "d": 86_400}


def _moment(option: str, text: str, now: datetime) -> datetime:
    """A moment with its zone, or an age."""
    number, unit = text[:-1], text[-1:]
    if unit in _UNITS and number.isascii() and number.isdigit() and len(number) <= 6:
        return now - timedelta(seconds=int(number) * _UNITS[unit])
    if (moment := read_moment(text)) is None:
        raise CommandError(
            f"{option} {safe_line(text)} is no moment. Write it with its zone, such as 2024-02-16T21:39:03Z, or as an "
            "age: 90m, 12h, 7d."
        )
    return moment


def _ms(moment: datetime) -> int:
    return max(0, int(moment.timestamp() * 1000))


def _shown(time_ms: int) -> str:
    return datetime.fromtimestamp(time_ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _documents(count: int) -> str:
    return f"{count:,} document" if count == 1 else f"{count:,} documents"
