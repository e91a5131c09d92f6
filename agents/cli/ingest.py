"""`feedmill ingest PATH…`: publishes documents to the mill."""

from __future__ import annotations

import asyncio
import contextlib
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from msgspec import Struct, field

from agents.cli.exits import CommandError, ExitCode
from agents.cli.invocation import command
from agents.cli.keys import record_key
from agents.cli.session import run, session
from agents.cli.terminal import console, safe_line
from agents.deadletters import document_dead_letter
from agents.engine.publisher import Publisher
from agents.engine.topics import Naming
from agents.engine.transport import EngineError, UnavailableError
from agents.settings import Settings, load_settings
from agents.sources.files import Documents, SourceError
from agents.sources.records import RawRecord, Read, Refused, raw_document
from agents.stage import Topic
from schemas import DeadLetterCode, StageName

STOP_SECONDS = 5.0
"""So long what was sent when Ctrl-C came may take to be delivered."""

_YIELD_EVERY = 64  # documents; between them the producer's own tasks get their turn

Progress = Callable[[], None]


class Ingested(Struct):
    """What became of the documents of one run."""

    published: int = 0
    size: int = 0
    refused: Counter[DeadLetterCode] = field(default_factory=Counter)


def register(app: typer.Typer) -> None:
    app.command("ingest")(ingest)


def ingest(
    paths: Annotated[
        list[str],
        typer.Argument(
            metavar="PATH",
            help="Files, folders (but no hidden names, pipes or links to folders in them), `-`, `.jsonl`, "
            "`.jsonl.gz`, `.zip`; `samples` are feedmill's own.",
        ),
    ],
    rate: float | None = typer.Option(None, min=0.001, help="At most this many documents a second."),
    key: str | None = typer.Option(
        None, help="Key of all records, in place of each one's feed or site. One key is one partition."
    ),
) -> None:
    """Publish documents to the mill. Each delivery is awaited; what cannot be published is a dead letter."""
    try:
        documents = Documents(paths)
    except SourceError as error:
        raise CommandError(str(error)) from error
    started = time.monotonic()
    done = run(_ingest(load_settings(), documents, rate, None if key is None else key.encode()))
    seconds = max(time.monotonic() - started, 1e-9)
    pace = f" in {seconds:.1f} s ({done.published / seconds:,.0f} a second)" if done.published else ""
    sys.stderr.write(f"{_documents(done.published)} published, {done.size:,} bytes{pace}.\n")
    for code, count in sorted(done.refused.items()):
        sys.stderr.write(f"{_documents(count)} refused as {code.value}: see `{command()} dead-letters list`.\n")


async def publish(
    publisher: Publisher,
    naming: Naming,
    documents: Iterable[Read],
    *,
    rate: float | None = None,
    key: bytes | None = None,
    progress: Progress = lambda: None,
    tell: Callable[[str], None] = lambda _: None,
) -> Ingested:
    """Publish documents in order and wait for every delivery. `tell` gets a sentence for each refused one.

    Raises EngineError where one could not be delivered; those before it are.
    """
    done = Ingested()
    started = time.monotonic()
    for number, read in enumerate(documents):
        if rate is not None:
            await publisher.rest(started + number / rate - time.monotonic())
        elif number % _YIELD_EVERY == 0:
            await asyncio.sleep(0)
        if isinstance(read, Refused):
            done.refused[read.code] += 1
            tell(read.message)
            await _refuse(publisher, naming, read, number)
        else:
            await _send(publisher, naming, read, key)
            done.published += 1
            done.size += len(read.body)
        progress()
    await publisher.flush()
    return done


async def _send(publisher: Publisher, naming: Naming, record: RawRecord, key: bytes | None) -> None:
    await publisher.send(
        naming.topic(Topic.RAW),
        record.body,
        key=key or record_key(record),
        headers=tuple(record.headers()),
        what=record.ref or "A document",
    )


async def _refuse(publisher: Publisher, naming: Naming, refused: Refused, number: int) -> None:
    now = datetime.now(UTC)
    document = raw_document(refused.record, number, now)
    letter = document_dead_letter(StageName.PARSE, refused.code, refused.message, document, now)
    await publisher.send(
        naming.topic(Topic.DEAD_LETTER),
        letter.value or b"",
        key=None,
        headers=letter.headers,
        what=f"The dead letter of {document.ref}",
    )


async def _ingest(settings: Settings, documents: Documents, rate: float | None, key: bytes | None) -> Ingested:
    async with session(settings) as here:
        await here.topics(Topic.RAW, Topic.DEAD_LETTER)
        with _Bar(documents) as bar:
            async with Publisher(here.connection, tell=bar.tell) as publisher:
                try:
                    return await publish(
                        publisher, here.naming, documents, rate=rate, key=key, progress=bar.move, tell=bar.tell
                    )
                except asyncio.CancelledError:  # Ctrl-C
                    with contextlib.suppress(TimeoutError, EngineError):
                        await asyncio.wait_for(publisher.flush(), STOP_SECONDS)
                    told = f"Stopped after {_documents(publisher.delivered)}; all of them are delivered."
                    raise CommandError(told, ExitCode.INTERRUPTED) from None
                except UnavailableError as error:
                    raise CommandError(
                        f"{error} {_how_far(publisher.delivered, bar.count)}", ExitCode.NO_BROKER
                    ) from error


def _how_far(delivered: int, sent: int) -> str:
    """What is known of the documents of a run that lost its broker."""
    known = f"The first {_documents(delivered)} of this run {'is' if delivered == 1 else 'are'} delivered"
    if not delivered:
        known = "No document of this run is surely delivered"
    if sent <= delivered:
        return f"{known}."
    return (
        f"{known}; the next {sent - delivered:,} may be. Ingesting all of them again does no harm: what is there "
        "already comes out as duplicates."
    )


class _Bar:
    """Progress on stderr where that is a terminal: by bytes of the files, or by count where nobody knows how many."""

    def __init__(self, documents: Documents) -> None:
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        self._documents = documents
        self._console = console(stderr=True)
        self.count = 0
        self._shown: Any = None
        if self._console.is_terminal:
            columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
            self._shown = Progress(*columns, console=self._console, transient=True)
            self._task = self._shown.add_task("kB", total=_kilobytes(documents.total))

    def __enter__(self) -> _Bar:
        if self._shown is not None:
            self._shown.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._shown is not None:
            self._shown.stop()

    def move(self) -> None:
        self.count += 1
        if self._shown is not None and self.count % 16 == 0:
            done = _kilobytes(self._documents.done)
            self._shown.update(self._task, completed=done, description=f"{_documents(self.count)}, kB")

    def tell(self, sentence: str) -> None:
        self._console.print(safe_line(sentence), soft_wrap=True)


def _kilobytes(size: int | None) -> int | None:
    return None if not size else -(-size // 1024)


def _documents(count: int) -> str:
    return f"{count:,} document" if count == 1 else f"{count:,} documents"
