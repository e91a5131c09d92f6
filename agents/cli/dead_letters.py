"""`feedmill dead-letters list | show | replay`: what could not be processed, and its way back."""

from __future__ import annotations

import base64
import binascii
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from typing import Annotated

import msgspec
import typer
from msgspec import Struct

from agents.cli.exits import CommandError, ExitCode
from agents.cli.keys import record_key
from agents.cli.session import Session, run, session
from agents.cli.terminal import console, safe, safe_json, safe_line
from agents.engine.reader import At, Reader, Span
from agents.engine.replays import Fate, Letter
from agents.engine.republisher import Republisher
from agents.engine.review import Outline, Review
from agents.engine.topics import partition_of
from agents.engine.transport import Outgoing
from agents.settings import load_settings
from agents.sources.records import RawRecord
from agents.stage import Topic
from schemas import DeadLetter, DeadLetterCode, PayloadEncoding, Position, StageName

_letters = msgspec.json.Decoder(DeadLetter)

StageOption = Annotated[
    StageName | None,
    typer.Option(metavar="STAGE", help=f"Only what this stage could not process: {', '.join(StageName)}."),
]
CodeOption = Annotated[
    list[DeadLetterCode] | None,
    typer.Option(metavar="CODE", help="Only this code, such as malformed-feed; may be given several times."),
]
LimitOption = Annotated[int | None, typer.Option("-n", min=1, help="Only the newest, this many.")]


_LEFT_OUT = {
    Fate.OVERTAKEN: "letters of entries that have a newer letter",
    Fate.COME_OUT: "came out of an earlier replay, as items or duplicates",
    Fate.UNDER_WAY: "replayed before and on their way",
}


class Stored(Struct, frozen=True):
    """A dead letter and where it stands on its topic; `position` is what `show` and `replay` take."""

    position: Position
    letter: DeadLetter


class UnplayableError(Exception):
    """A dead letter that cannot be replayed; the message is a sentence."""


def register(app: typer.Typer) -> None:
    group = typer.Typer(help="List, show or replay what could not be processed.", no_args_is_help=True)
    group.command("list")(list_)
    group.command("show")(show)
    group.command("replay")(replay)
    app.add_typer(group, name="dead-letters")


def list_(stage: StageOption = None, code: CodeOption = None, number: LimitOption = None) -> None:
    """One line a dead letter, oldest first: where it stands, stage, code, source, message."""
    raise typer.Exit(run(_list(stage, code, number)))


def show(
    position: str = typer.Argument(
        ..., metavar="POSITION", help="Where it stands, as `list` prints it, or its source."
    ),
    payload: bool = typer.Option(False, "--payload", help="Write only the payload, byte for byte."),
) -> None:
    """Show one dead letter whole."""
    raise typer.Exit(run(_show(position, payload)))


def replay(
    positions: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="POSITION", help="Where they stand, as `list` prints it, or their sources: replayed in any case."
        ),
    ] = None,
    stage: StageOption = None,
    code: CodeOption = None,
    everything: bool = typer.Option(False, "--all", help="All of them, but for `no-entries`."),
    force: bool = typer.Option(False, "--force", help="Also those whose earlier replay came out or is on its way."),
) -> None:
    """Publish payloads to the raw topic again, as what they were (`replay-of`).

    By --all, --stage or --code each entry once: by its newest letter, and not
    where an earlier replay came out or is on its way (read from the topics).
    How many are left out, and why, is said at the end.
    """
    if not (positions or stage or code or everything):
        raise CommandError("Say what to replay: positions, --stage, --code, or --all.")
    if positions and (stage or code or everything or force):
        raise CommandError("Positions say all: what stands there is replayed. Leave out the options, or the positions.")
    raise typer.Exit(run(_replay(positions or [], stage, code, force)))


def replayed(letter: DeadLetter) -> RawRecord:
    """The raw record that tries a dead letter again: its payload under the headers of the original.

    Raises UnplayableError where nothing of the document was kept.
    """
    if letter.code is DeadLetterCode.TOO_LARGE and not letter.payload:
        raise UnplayableError("a document over 8 MiB is not kept; publish it again in parts")
    body = letter.payload.encode("utf-8", "surrogatepass")
    if letter.payload_encoding is PayloadEncoding.BASE64:
        try:
            body = base64.b64decode(body, validate=True)
        except binascii.Error as error:
            raise UnplayableError(f"its payload is no base64 ({error})") from error
    received_at = letter.source.received_at.isoformat().replace("+00:00", "Z")
    return RawRecord(
        body=body,
        content_type=letter.content_type,
        source_url=letter.source_url,
        received_at=received_at,
        ref=letter.source.ref,
        replay_of=str(letter.replay_of or letter.source.position),
    )


async def _list(stage: StageName | None, codes: list[DeadLetterCode] | None, number: int | None) -> ExitCode:
    async with session(load_settings()) as here:
        kept: list[Stored] = []
        async for stored in _stored(here):
            if _matches(stored.letter, stage, codes):
                # without its payload: thousands of whole documents would not fit
                kept.append(Stored(stored.position, msgspec.structs.replace(stored.letter, payload="")))
                if number is not None and len(kept) > 4 * number:
                    kept = sorted(kept, key=_age)[-number:]
        kept.sort(key=_age)
        for stored in kept if number is None else kept[-number:]:
            sys.stdout.write(_line(stored) + "\n")
    return ExitCode.FINE


async def _show(position: str, payload_only: bool) -> ExitCode:
    async with session(load_settings()) as here:
        stored = await _find(here, position)
    if payload_only:
        try:
            body = replayed(stored.letter).body
            # a terminal would obey what a stranger wrote
            sys.stdout.buffer.write(safe(body.decode("utf-8", "replace")).encode() if sys.stdout.isatty() else body)
        except UnplayableError as error:
            raise CommandError(f"There is no payload: {error}.", ExitCode.FOUND) from error
        return ExitCode.FINE
    letter = stored.letter
    fields = msgspec.json.decode(msgspec.json.encode(letter))
    del fields["payload"]  # it stands below, as it is
    text = msgspec.json.format(msgspec.json.encode(fields)).decode()
    sys.stdout.write(safe_json(f"{stored.position}\n{text}\n"))
    if letter.payload_encoding is PayloadEncoding.UTF_8:
        sys.stdout.write(f"payload, {len(letter.payload):,} characters:\n{safe(letter.payload)}\n")
    else:
        sys.stdout.write(f"payload, base64, {len(letter.payload):,} characters; --payload writes its bytes\n")
    return ExitCode.FINE


async def _replay(
    positions: list[str], stage: StageName | None, codes: list[DeadLetterCode] | None, force: bool
) -> ExitCode:
    async with session(load_settings()) as here:
        topics = await here.topics(Topic.RAW, Topic.DEAD_LETTER, Topic.ENRICHED)
        named = await _all_of(here, dict.fromkeys(positions))
        partitions = topics[here.naming.topic(Topic.RAW)].partitions
        # before anything is read: of two calls at a time the later one sees what the earlier has published
        async with Republisher(
            here.connection,
            here.naming,
            partitions=partitions,
            timeout_seconds=here.settings.transaction_timeout_seconds,
        ) as republisher:
            out = _Outbox(here, republisher, partitions)
            if positions:
                for stored in named:
                    await out.send(stored)
            else:
                await _replay_due(here, out, lambda letter: _is_wanted(letter, stage, codes), force)
            await republisher.flush()
    sys.stderr.write(
        f"{republisher.published:,} replayed" + (f", {out.unplayable:,} not" if out.unplayable else "") + ".\n"
    )
    return ExitCode.FOUND if out.unplayable else ExitCode.FINE


async def _all_of(here: Session, positions: Iterable[str]) -> list[Stored]:
    """The letters at these positions, before any is published: ends the command where one is not there."""
    found, missing = [], []
    for position in positions:
        try:
            found.append(await _find(here, position))
        except CommandError as error:
            if error.code is not ExitCode.FOUND:
                raise
            missing.append(error.message)
    if missing:
        raise CommandError(" ".join([*missing, "Nothing was replayed."]), ExitCode.FOUND)
    return found


class _Outbox:
    """Makes raw records of letters and hands them on; counts those that are none."""

    def __init__(self, here: Session, republisher: Republisher, partitions: int) -> None:
        self._topic = here.naming.topic(Topic.RAW)
        self._republisher = republisher
        self._partitions = partitions
        self.unplayable = 0

    async def send(self, stored: Stored) -> None:
        try:
            record = replayed(stored.letter)
        except UnplayableError as error:
            self.unplayable += 1
            sys.stderr.write(safe_line(f"{stored.position} is not replayed: {error}.") + "\n")
            return
        key = record_key(record)
        partition = partition_of(Topic.RAW, key, stored.letter.source.partition % self._partitions, self._partitions)
        await self._republisher.send(Outgoing(self._topic, partition, key, record.body, tuple(record.headers())))


async def _replay_due(here: Session, out: _Outbox, wanted: Callable[[Outline], bool], force: bool) -> None:
    """Replay all letters that are wanted and due; say how many are left out, and why."""
    left_out = Counter[Fate]()
    read = 0

    def progress(records: int) -> None:
        nonlocal read
        read += records
        status.update(f"{read:,} records read")

    with console(stderr=True).status("reading the topics") as status:
        review = Review(here.admin, here.connection, here.naming, force=force, progress=progress)
        async for verdict in review.rounds(wanted):
            left_out += verdict.left_out
            async for stored in _at(here, verdict.due):
                await out.send(stored)
    for fate, why in _LEFT_OUT.items():
        if left_out[fate]:
            sys.stderr.write(f"Left out, {left_out[fate]:,}: {why}.\n")
    if left_out[Fate.COME_OUT] or left_out[Fate.UNDER_WAY]:
        sys.stderr.write("`--force` replays what came out or is on its way once more.\n")


async def _at(here: Session, letters: Sequence[Letter]) -> AsyncIterator[Stored]:
    """These letters whole, in the order of their topic."""
    name = here.naming.topic(Topic.DEAD_LETTER)
    wanted = {(letter.partition, letter.offset) for letter in letters}
    spans: dict[At, Span] = {}
    for partition, offset in sorted(wanted):
        spans[name, partition] = (spans.get((name, partition), (offset, 0))[0], offset + 1)
    async with Reader(here.connection) as reader:
        async for batch in reader.read(spans):
            for record in batch:
                if (record.partition, record.offset) in wanted:
                    position = Position(name, record.partition, record.offset)
                    yield Stored(position, _letters.decode(record.value or b""))


async def _find(here: Session, text: str) -> Stored:
    """A dead letter by its own position, or by that of its source."""
    position = Position.parse(text)
    if position is None:
        raise CommandError(f"'{text}' is no position: write topic/partition/offset, as `dead-letters list` prints it.")
    topics = await here.topics(Topic.DEAD_LETTER)
    name = here.naming.topic(Topic.DEAD_LETTER)
    if position.topic == name:
        if position.partition < topics[name].partitions:
            async with Reader(here.connection) as reader:
                at = (name, position.partition)
                begin, end = (await reader.bounds([at]))[at]
                wanted = (max(begin, position.offset), min(end, position.offset + 1))
                async for batch in reader.read({at: wanted}):
                    for record in batch:
                        return Stored(position, _letters.decode(record.value or b""))
    else:
        async for stored in _stored(here):
            if stored.letter.source.position == position:
                return stored
    raise CommandError(f"There is no dead letter at {position}.", ExitCode.FOUND)


async def _stored(here: Session) -> AsyncIterator[Stored]:
    """Every dead letter that the topic holds, in order by partition. What is none is passed over with a word."""
    topics = await here.topics(Topic.DEAD_LETTER)
    name = here.naming.topic(Topic.DEAD_LETTER)
    async with Reader(here.connection) as reader:
        bounds = await reader.bounds([(name, partition) for partition in range(topics[name].partitions)])
        async for batch in reader.read(bounds):
            for record in batch:
                position = Position(name, record.partition, record.offset)
                try:
                    yield Stored(position, _letters.decode(record.value or b""))
                except (msgspec.DecodeError, RecursionError) as error:
                    sys.stderr.write(safe_line(f"{position} is no dead letter: {error}") + "\n")


def _is_wanted(letter: Outline, stage: StageName | None, codes: list[DeadLetterCode] | None) -> bool:
    # a document without entries is no fault that could be gone by now; it is replayed where it is named
    return _matches(letter, stage, codes) and (bool(codes) or letter.code is not DeadLetterCode.NO_ENTRIES)


def _matches(letter: DeadLetter | Outline, stage: StageName | None, codes: list[DeadLetterCode] | None) -> bool:
    return (stage is None or letter.stage is stage) and (not codes or letter.code in codes)


def _age(stored: Stored) -> tuple[float, Position]:
    return stored.letter.failed_at.timestamp(), stored.position


def _line(stored: Stored) -> str:
    letter = stored.letter
    failed = letter.failed_at.strftime("%Y-%m-%d %H:%M:%S")
    ref = f" ({safe_line(letter.source.ref)})" if letter.source.ref else ""
    what = f"{letter.stage.value}  {letter.code.value}  {safe(str(letter.source.position))}{ref}"
    return f"{failed}  {stored.position}  {what}: {safe_line(letter.message)}"
