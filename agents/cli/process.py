"""`feedmill process PATH…`: the whole pipeline in one process, without a broker."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Protocol

import msgspec
import typer

from agents.cli.exits import CommandError, ExitCode, pipe_may_close
from agents.cli.terminal import safe_json, safe_line

if TYPE_CHECKING:
    from agents.pipeline import Result
    from agents.run import Done
    from agents.runstate import RunState
    from agents.sources.files import Documents

PATHS_HELP = (
    "Files (one document each), folders (recursive, sorted by path, without hidden names, pipes and links to folders), "
    ".jsonl or .jsonl.gz (one raw record a line), "
    ".zip, - (one document on standard input), or `samples` for the sample documents that come with the mill."
)

_KEPT = (
    " What they said is kept in the folder of --state: name only the other documents next time, or all of them, and "
    "the first come out as duplicates."
)

NOW_HELP = "The moment to take for the present one, such as 2024-02-16T21:39:03Z."


def register(app: typer.Typer) -> None:
    app.command("process")(process)


def process(
    paths: Annotated[list[str], typer.Argument(metavar="PATH", help=PATHS_HELP, show_default=False)],
    state: Annotated[
        Path | None,
        typer.Option(help="Folder that keeps what was seen for the next run; without it a run knows nothing."),
    ] = None,
    jobs: Annotated[int, typer.Option(min=1, max=256, help="Processes to work with. The output is the same.")] = 1,
    now: Annotated[str | None, typer.Option(metavar="RFC3339", help=NOW_HELP)] = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="End with code 1 where there was a dead letter (`no-entries` aside).")
    ] = False,
    pretty: Annotated[
        bool, typer.Option("--pretty", help="Indent the JSON, for reading: no longer one line a result.")
    ] = False,
) -> None:
    """Run the whole pipeline over documents, without a broker: JSON Lines on stdout."""
    from agents.engine.topics import Naming
    from agents.pipeline import Pipeline
    from agents.run import JobsFailedError, run
    from agents.runstate import StateError
    from agents.settings import load_settings, load_sites
    from agents.stage import UnknownFormatError

    moment = moment_option(now)
    settings = load_settings()
    naming = Naming(settings.topic_prefix, settings.generation)
    pipeline = Pipeline(naming, sites=load_sites(settings.sites_file), most_sightings=settings.stories_max_items)
    documents = settled_paths(paths)
    counted = Tally()
    write = _Writer(pretty=pretty)
    with pipe_may_close(), _opened(state) as kept, _progress(documents) as progress:
        batches = run(documents, pipeline, kept, moment, jobs=jobs)
        try:
            for done in batches:
                write(done.results)
                counted.count(done)
                progress.show(counted)
        except KeyboardInterrupt:
            goes_on = _KEPT if state else ""
            raise CommandError(
                f"Stopped after {counted.documents:,} documents.{goes_on}", ExitCode.INTERRUPTED
            ) from None
        except JobsFailedError as error:
            raise CommandError(str(error), ExitCode.FOUND) from None
        except StateError as error:
            raise CommandError(str(error)) from None
        except UnknownFormatError as error:
            raise CommandError(
                f"The state folder {state} cannot be used: {error} Run the version of the mill that wrote it, or name "
                "a new folder. Nothing of the last document was written."
            ) from None
        finally:
            batches.close()
    if not counted.documents:
        sys.stderr.write(safe_line(f"feedmill: There are no documents in {', '.join(paths)}.") + "\n")
    if strict and counted.failures:
        raise typer.Exit(ExitCode.FOUND)


def settled_paths(paths: list[str]) -> Documents:
    """The documents of the paths, each of which is there."""
    from agents.sources.files import Documents, SourceError

    try:
        return Documents(paths)
    except SourceError as error:
        raise CommandError(str(error)) from None


def moment_option(text: str | None) -> datetime:
    """The moment that `--now` names, or the present one."""
    from agents.engine.intake import read_moment

    if text is None:
        return datetime.now(UTC)
    moment = read_moment(text)
    if moment is None:
        raise CommandError(f"--now {text} is no moment. Write it with its zone, such as 2024-02-16T21:39:03Z.")
    return moment


class Tally:
    """Counts what became of documents."""

    def __init__(self) -> None:
        self.documents = 0
        self.by_topic: Counter[str] = Counter()
        self.failures = 0
        """Dead letters that are errors: all but those of documents without entries."""

    def count(self, done: Done) -> None:
        self.documents += done.documents
        for result in done.results:
            kind = "tombstones" if result.value is None else result.role.value
            self.by_topic[kind] += 1
            self.failures += kind == "dead-letter" and result.label != "no-entries"

    def __str__(self) -> str:
        counts = self.by_topic
        return (
            f"{_some(self.documents, 'document')}: {_some(counts['enriched'], 'item')}, "
            f"{_some(counts['duplicates'], 'duplicate')}, {_some(counts['dead-letter'], 'dead letter')}"
        )


def _some(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


class _Writer:
    """Writes results to stdout as JSON. To a terminal, characters that could command it go as JSON escapes."""

    def __init__(self, *, pretty: bool) -> None:
        self._pretty = pretty
        self._terminal = sys.stdout.isatty()

    def __call__(self, results: list[Result]) -> None:
        for result in results:
            line = encode_result(result)
            if self._pretty:
                line = msgspec.json.format(line, indent=2)
            if self._terminal:
                line = safe_json(line.decode()).encode()
            sys.stdout.buffer.write(line + b"\n")
        sys.stdout.buffer.flush()


def encode_result(result: Result) -> bytes:
    """The contract's line of one result, without the line break."""
    topic = msgspec.json.encode(result.topic)
    key = b"null" if result.key is None else msgspec.json.encode(result.key.decode())
    return b'{"topic":' + topic + b',"key":' + key + b',"value":' + (result.value or b"null") + b"}"


@contextmanager
def _opened(folder: Path | None) -> Iterator[RunState]:
    from agents.runstate import RunState, StateError, open_state

    try:
        state = RunState() if folder is None else open_state(folder)
    except StateError as error:
        raise CommandError(str(error)) from None
    try:
        yield state
    finally:
        state.close()


class _Progress(Protocol):
    def show(self, counted: Tally) -> None: ...


class _Silent:
    def show(self, counted: Tally) -> None:
        pass


@contextmanager
def _progress(documents: Documents) -> Iterator[_Progress]:
    """A bar on stderr where that is a terminal and stdout is not: the results themselves show the progress there."""
    if not sys.stderr.isatty() or sys.stdout.isatty():
        yield _Silent()
        return
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    from agents.cli.terminal import console

    bar = Progress(
        SpinnerColumn(),
        BarColumn(bar_width=20),
        TextColumn("{task.description}", markup=False),
        TimeElapsedColumn(),
        console=console(stderr=True),
    )
    with bar:
        task = bar.add_task("", total=documents.total)

        class _Shown:
            def show(self, counted: Tally) -> None:
                bar.update(task, completed=documents.done, description=str(counted))

        yield _Shown()
        bar.update(task, completed=documents.total or documents.done)
