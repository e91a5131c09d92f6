"""`feedmill demo`: an embedded broker, real workers, the sample documents, and the ledger at the end."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, TypeVar

import msgspec
import typer
from msgspec import Struct
from rich.console import Console

from agents.cli.exits import CommandError, ExitCode
from agents.cli.explain import show
from agents.cli.ingest import publish
from agents.cli.invocation import command
from agents.cli.ledger import lines as ledger_lines
from agents.cli.portrait import Gallery
from agents.cli.session import Session, run, session
from agents.cli.storyline import Stories, Story, drawn
from agents.cli.terminal import console, safe, safe_line
from agents.demo.display import Display, Progress
from agents.demo.gauges import Gauges, Sums
from agents.demo.workers import STOP_SECONDS, WorkerFailedError, Workers
from agents.engine.audit import Audit, Horizon
from agents.engine.broker import EmbeddedBroker
from agents.engine.folderguard import FolderGuard
from agents.engine.java import EmbeddedKafkaError, FolderUnusableError
from agents.engine.ledger import Account
from agents.engine.publisher import Publisher
from agents.engine.reader import Reader
from agents.engine.topics import Naming, topic_table
from agents.engine.transport import Incoming
from agents.settings import Settings, load_settings, variable
from agents.sources.files import SAMPLES, Documents, SourceError
from agents.stage import Topic
from schemas import Changed, DeadLetter, DeadLetterCode, DedupeRule, Duplicate, Item, Verdict

T = TypeVar("T")

LOOK_SECONDS = 0.5
READY_SECONDS = 45.0
"""Workers that are not ready after so long get the documents all the same: `watch` knows better what they lack."""

STALL_SECONDS = 60.0
"""Without one more outcome for so long the demo gives up and lets the ledger speak."""

FALL_SECONDS = 3.0
"""So long after something went wrong Kafka may still be found to be the cause; and so long clients may take to stop."""

_SHOWN_FROM = 2000  # records of each topic that the examples are chosen from
_WIDEST = 100  # columns
_LONGEST_STORY = 6  # items

_OWN = (
    *("broker", "topic_prefix", "generation", "partitions", "replication", "state_dir", "metrics_host", "metrics_port"),
    *("group_instance_id", "skip_records", "security_protocol", "sasl_mechanism", "sasl_username", "sasl_password"),
    *("ssl_cafile", "ssl_certfile", "ssl_keyfile", "stop_deadline_seconds", "log_format"),
)
"""Settings that the demo makes itself: those of the surrounding shell name another broker."""

# Best examples first: those that show why a duplicate takes more than comparing bytes.
_TELLING = (DedupeRule.SAME_TEXT, DedupeRule.OLDER_COPY, DedupeRule.TRUNCATED_COPY, DedupeRule.SAME_ENTRY)


class Finished(Struct, frozen=True):
    """What the demo came to: `seconds` from the first document on, after `start_seconds` for the workers.

    `horizon`: see Audit.
    """

    account: Account
    horizon: Horizon
    start_seconds: float
    seconds: float
    bytes: int
    sums: Sums


def register(app: typer.Typer) -> None:
    app.command("demo")(demo)


def demo(
    input: Annotated[
        list[str] | None, typer.Option(metavar="PATH", help="Documents to mill in place of the samples.")
    ] = None,
    keep: Annotated[bool, typer.Option("--keep", help="Leave it running until Ctrl-C.")] = False,
    workers: Annotated[int, typer.Option(min=1, max=32, help="Worker processes.")] = 2,
    partitions: Annotated[int, typer.Option(min=1, max=128, help="Partitions of every topic.")] = 4,
) -> None:
    """Start a broker and workers, mill the samples, and show the ledger. Ends with 1 where that is not whole."""
    try:
        documents = Documents(input or [SAMPLES])
    except SourceError as error:
        raise CommandError(str(error)) from error
    for name in _OWN:
        os.environ.pop(variable(name), None)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    shown = console()
    shown.width = min(shown.width, _WIDEST)
    folder = Path(tempfile.mkdtemp(prefix="feedmill-demo-"))
    guard = FolderGuard(folder)
    broker = EmbeddedBroker(tell=lambda line: shown.print(safe_line(line), soft_wrap=True))
    mill: Workers | None = None
    stopped = False
    try:
        address = _started(broker, shown)
        settings = load_settings(broker=address, partitions=partitions)
        display = Display(shown)
        mill = Workers(folder, workers, _environment(settings), tell=lambda line: display.tell(safe_line(line)))
        finished = run(_watched(_mill(settings, documents, mill, display, guard), broker))
        with contextlib.suppress(*([KeyboardInterrupt] if keep else [])):
            shown.print()
            run(_watched(_examples(shown, settings), broker))
            _report(shown, settings, mill, finished, keep)
            if keep:
                _hold(broker, mill)
    except FolderUnusableError as error:
        raise CommandError(str(error)) from error
    except EmbeddedKafkaError as error:
        raise CommandError(
            f"{error}\nThe same documents without Kafka or Java: `make try`, or `feedmill explain samples`.",
            ExitCode.NO_BROKER,
        ) from error
    except WorkerFailedError as error:
        raise CommandError(str(error), ExitCode.FOUND) from error
    except (KeyboardInterrupt, asyncio.CancelledError):
        stopped = True
        raise KeyboardInterrupt from None
    finally:
        # From here on it ends, and quickly; a second Ctrl-C would leave something behind.
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        if stopped or keep:
            sys.stdout.write("Stopping the workers and Kafka.\n")  # which takes some seconds
            sys.stdout.flush()
        if mill is not None:
            mill.stop(STOP_SECONDS if broker.running else 0.0)  # without Kafka there is nothing to end in order
        broker.stop()
        shutil.rmtree(folder, ignore_errors=True)
        guard.dismiss()
    raise typer.Exit(ExitCode.FINE if finished.account.whole and finished.account.settled else ExitCode.FOUND)


def _started(broker: EmbeddedBroker, shown: Console) -> str:
    started = time.monotonic()
    address = broker.start()
    shown.print(f"Apache Kafka runs at {address} ({time.monotonic() - started:.1f} s)")
    return address


def _environment(settings: Settings) -> Mapping[str, str]:
    """The surrounding environment, with the demo's broker in it."""
    return {
        **os.environ,
        variable("broker"): settings.broker,
        variable("partitions"): str(settings.partitions),
        variable("stop_deadline_seconds"): "8",
    }


async def _watched(work: Coroutine[Any, Any, T], broker: EmbeddedBroker) -> T:
    """Do what needs Kafka. Raises BrokerFailedError where that ends by itself meanwhile, whatever else comes of it."""
    with _cancelled_by_signals():
        working = asyncio.create_task(work)
        watching = asyncio.create_task(_until_it_ends(broker))
        try:
            await asyncio.wait({working, watching}, return_when=asyncio.FIRST_COMPLETED)
            if working.done() and working.exception() is not None:
                await asyncio.wait({watching}, timeout=FALL_SECONDS)
            if watching.done():
                raise broker.failure()
            return await working
        finally:
            watching.cancel()
            working.cancel()
            await asyncio.wait({working}, timeout=FALL_SECONDS)


async def _until_it_ends(broker: EmbeddedBroker) -> None:
    while broker.running:  # noqa: ASYNC110  # a process sets no event when it ends
        await asyncio.sleep(LOOK_SECONDS)


@contextlib.contextmanager
def _cancelled_by_signals() -> Iterator[None]:
    """What Ctrl-C does to asyncio's main task, SIGTERM and SIGHUP do too."""
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    if task is None:
        raise RuntimeError("only inside a task")
    try:
        for number in (signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, task.cancel)
        yield
    finally:
        for number in (signal.SIGTERM, signal.SIGHUP):
            loop.remove_signal_handler(number)
            signal.signal(number, signal.default_int_handler)  # asyncio leaves them to kill the process


async def _mill(
    settings: Settings, documents: Documents, mill: Workers, display: Display, guard: FolderGuard
) -> Finished:
    """Topics, workers, documents; until every entry has its outcome."""
    async with session(settings) as here:
        specs = topic_table(here.naming, partitions=settings.partitions, replication=settings.replication)
        await here.admin.create(specs, settings.replication)
        mill.start()
        guard.dismiss()  # the workers have their own, which ends them first
        with display:
            return await _Run(here, documents, mill, display).to_the_end()


class _Run:
    """Publishing and watching, side by side."""

    def __init__(self, here: Session, documents: Documents, mill: Workers, display: Display) -> None:
        self._here = here
        self._documents = documents
        self._mill = mill
        self._display = display
        self._gauges = Gauges()
        self._began = time.monotonic()
        self._start_seconds = 0.0
        self._published_from = 0.0  # seconds since the epoch
        self._seen = 0
        self._total: int | None = None

    async def to_the_end(self) -> Finished:
        await self._until_ready()
        publishing = asyncio.create_task(self._publish())
        try:
            while not publishing.done():
                await self._look()
                await asyncio.wait({publishing}, timeout=LOOK_SECONDS)
            published = await publishing
        finally:
            publishing.cancel()
        self._total = self._seen
        return await self._settle(published)

    async def _until_ready(self) -> None:
        """Publish to workers that are there, else the pace that is shown is that of their start."""
        deadline = self._began + READY_SECONDS
        while True:
            sums = await self._look()
            if sums.ready == len(self._mill.all) or time.monotonic() > deadline:
                break
            await asyncio.sleep(LOOK_SECONDS / 2)
        self._start_seconds = time.monotonic() - self._began
        self._published_from = time.time()

    async def _publish(self) -> int:
        def seen() -> None:
            self._seen += 1

        async with Publisher(self._here.connection) as publisher:
            done = await publish(
                publisher,
                self._here.naming,
                self._documents,
                progress=seen,
                tell=lambda sentence: self._display.tell(safe_line(sentence)),
            )
            return done.size

    async def _settle(self, size: int) -> Finished:
        """Watch until the ledger is whole and settled, or nothing moves any more."""
        async with Reader(self._here.connection) as reader:
            audit = await Audit.open(self._here.admin, reader, self._here.naming)
            account = await audit.run(0)
            moved, outcomes = time.monotonic(), account.outcomes
            while not (account.settled and account.whole) and time.monotonic() - moved < STALL_SECONDS:
                await self._look()
                await asyncio.sleep(LOOK_SECONDS)
                account = await audit.step()
                if account.outcomes != outcomes:
                    moved, outcomes = time.monotonic(), account.outcomes
            seconds = time.monotonic() - self._began - self._start_seconds
            sums = await self._look(settled=account.settled)
            return Finished(account, audit.horizon, self._start_seconds, seconds, size, sums)

    async def _look(self, *, settled: bool = False) -> Sums:
        self._mill.watch()
        sums = await asyncio.to_thread(self._gauges.read, self._mill.all, self._published_from or time.time())
        if settled:
            sums.lag = Counter()  # the workers read their lag every few seconds only; the ledger knows better
        seconds = time.monotonic() - self._began
        self._display.show(Progress(seconds, len(self._mill.all), self._seen, self._total, sums))
        return sums


def _hold(broker: EmbeddedBroker, mill: Workers) -> None:
    """Until Ctrl-C, with workers restarted as they need it."""
    while broker.running:
        mill.watch()
        time.sleep(LOOK_SECONDS)
    raise broker.failure()


def _report(shown: Console, settings: Settings, mill: Workers, finished: Finished, keep: bool) -> None:
    """The ledger, and how to go on."""
    naming = Naming(settings.topic_prefix, settings.generation)
    feedmill = command()
    for line in ledger_lines(finished.account, naming, finished.horizon):
        shown.print(safe(line), soft_wrap=True)
    account = finished.account
    noun = "document" if account.raw == 1 else "documents"
    shown.print(
        f"{account.raw:,} {noun}, {finished.bytes:,} bytes in {finished.seconds:.1f} s, "
        f"after {finished.start_seconds:.1f} s for the workers' start."
    )
    shown.print(
        f"The items make {finished.sums.stories:,} stories; {finished.sums.copies:,} are reprints of others.",
        soft_wrap=True,
    )
    shown.print()
    shown.print(f"Metrics, health and readiness of the workers{'' if keep else ', while they ran'}:")
    for worker in mill.all:
        shown.print(f"  {worker.metrics}", soft_wrap=True)
    if keep:
        shown.print("Everything goes on running until Ctrl-C. In another shell:")
        shown.print(f"  export {variable('broker')}={settings.broker} {variable('partitions')}={settings.partitions}")
    else:
        shown.print(f"`{feedmill} demo --keep` leaves it running. Then, in another shell:")
    for arguments, what in (
        ("tail -n 5", "the last five items, readable; without -n it follows"),
        ("explain ID", "all that became of an item; --story ID shows a story"),
        ("ingest YOUR-FEEDS/", "more documents: RSS, Atom, JSON Feed, Markdown"),
        ("dead-letters list", "what could not be processed, and why"),
        ("ledger", "nothing missing, nothing doubled"),
    ):
        shown.print(f"  {feedmill} {arguments:<20} # {what}", soft_wrap=True)
    topic = naming.topic(Topic.ENRICHED)
    shown.print(
        f"Your own programs read {topic}: one JSON item a record, isolation.level=read_committed, upsert by `id`; "
        f"`{feedmill} schema item` prints its JSON Schema.",
        soft_wrap=True,
    )
    sys.stdout.flush()


async def _examples(shown: Console, settings: Settings) -> None:
    """A few outcomes, drawn: an item, a revision, a reprint, a duplicate, a dead letter, a story, if there are any."""
    async with session(settings) as here:
        records = await _first(here, Topic.ENRICHED)
        items = _decoded(records, Item)
        duplicates = _decoded(await _first(here, Topic.DUPLICATES), Duplicate)
        letters = _decoded(await _first(here, Topic.DEAD_LETTER), DeadLetter)
    gallery = Gallery()
    portraits = {(item.id, item.revision): gallery.item(item) for item in sorted(items, key=lambda item: item.revision)}
    for best in (
        _best(items, lambda item: item.verdict is Verdict.NEW and bool(item.images) and bool(item.dateline)),
        _best(items, lambda item: Changed.TITLE in item.decision.changed and (item.id, item.revision - 1) in portraits),
        _best(items, lambda item: item.verdict is Verdict.REPRINT),
    ):
        if best is not None:
            show(shown, portraits[best.id, best.revision])
    duplicates.sort(key=lambda one: _TELLING.index(one.decision.rule) if one.decision.rule in _TELLING else 99)
    if duplicates:
        show(shown, gallery.duplicate(duplicates[0]))
    letters.sort(key=lambda letter: letter.code is DeadLetterCode.NO_ENTRIES)
    if letters:
        show(shown, gallery.dead_letter(letters[0]))
    if (story := _telling(records)) is not None:
        for piece in drawn(story):
            show(shown, piece)


def _telling(records: Sequence[Incoming]) -> Story | None:
    """The story of most publishers among those that are short enough to be an example."""
    stories = Stories("")
    for record in records:
        stories.take((record.key or b"").decode("utf-8", "replace"), record.value)
    short = [story for story in stories.all() if len(story.members) <= _LONGEST_STORY]
    best = max(short, key=lambda story: (story.sites, len(story.members)), default=None)
    return best if best is not None and best.sites > 1 else None


def _best(items: list[Item], fits: Callable[[Item], bool]) -> Item | None:
    return next((item for item in items if fits(item)), None)


async def _first(here: Session, topic: Topic) -> list[Incoming]:
    """The first records of a topic."""
    name = here.naming.topic(topic)
    found: list[Incoming] = []
    async with Reader(here.connection) as reader:
        bounds = await reader.bounds([(name, partition) for partition in range(here.settings.partitions)])
        spans = {at: (begin, min(end, begin + _SHOWN_FROM)) for at, (begin, end) in bounds.items()}
        async for batch in reader.read(spans):
            found += batch
    return found


def _decoded(records: Sequence[Incoming], kind: type[T]) -> list[T]:
    """What records say; tombstones left out."""
    return [msgspec.json.decode(record.value, type=kind) for record in records if record.value is not None]
