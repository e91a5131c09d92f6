"""`feedmill retract ID`: takes an item back."""

from __future__ import annotations

import asyncio
import secrets
import sys
import time

import msgspec
import typer
from msgspec import Struct

from agents.cli.archive import Tombstone, history
from agents.cli.exits import CommandError, ExitCode
from agents.cli.session import Session, run, session, tell
from agents.cli.terminal import safe_line
from agents.deadletters import retraction_document
from agents.engine.publisher import Publisher
from agents.engine.reader import At, Reader
from agents.settings import load_settings
from agents.sources.records import RawRecord
from agents.stage import Topic
from schemas import Decision, DedupeRule, Item

LOOK_SECONDS = 0.3


class _Outcome(Struct):
    """What became of the retraction: a duplicate with its rule, or a dead letter with its message."""

    class Source(Struct):
        ref: str | None = None

    source: Source
    decision: Decision | None = None
    message: str | None = None


_outcomes = msgspec.json.Decoder(_Outcome)


def register(app: typer.Typer) -> None:
    app.command("retract")(retract)


def retract(
    id: str = typer.Argument(..., metavar="ID", help="An item's id, the beginning of one, or an address."),
    yes: bool = typer.Option(False, "--yes", "-y", help="Do not ask."),
    wait: float = typer.Option(30.0, min=0, help="Seconds to wait for the mill to do it."),
) -> None:
    """Take an item back: a tombstone goes out, and what comes of it later is a duplicate. It cannot be undone."""
    raise typer.Exit(run(_retract(id, yes, wait)))


async def _retract(asked: str, sure: bool, wait: float) -> ExitCode:
    async with session(load_settings()) as here:
        await here.topics(Topic.RAW)
        item = await _item(here, asked)
        if item is None:
            return ExitCode.FINE
        if not sure:
            _ask(item)
        ref = f"retract {item.id} {secrets.token_hex(4)}"
        since = await _ends(here)
        await _publish(here, item, ref)
        return await _follow(here, item, ref, since, wait)


async def _item(here: Session, asked: str) -> Item | None:
    """The item as it is now; None, with a sentence, where it was taken back before."""
    found = await history(here, asked)
    items = [outcome for outcome in found.outcomes if isinstance(outcome, Item)]
    if any(isinstance(outcome, Tombstone) for outcome in found.outcomes):
        sys.stdout.write(f"The item {found.id} was taken back before. Nothing was published.\n")
        return None
    if not items:
        raise CommandError(
            f"No item {found.id} stands on {here.naming.topic(Topic.ENRICHED)}: its entries came to nothing else than "
            "duplicates and dead letters. There is nothing to take back.",
            ExitCode.FOUND,
        )
    return items[-1]


def _ask(item: Item) -> None:
    if not sys.stdin.isatty():
        raise CommandError("Nothing was published: say --yes where nobody can be asked.")
    about = f"{safe_line(item.title)}\n  {item.id} · revision {item.revision} · {item.site or 'no site'}"
    sys.stderr.write(f"{about}\n  {safe_line(item.url or 'no address')}\n")
    if not typer.confirm("Take this item back, for good?", err=True):
        raise CommandError("Nothing was published.", ExitCode.FOUND)


async def _publish(here: Session, item: Item, ref: str) -> None:
    record = RawRecord(body=retraction_document(item), content_type="application/json", ref=ref)
    async with Publisher(here.connection, tell=tell) as publisher:
        await publisher.send(
            here.naming.topic(Topic.RAW),
            record.body,
            key=(item.site or item.id).encode(),
            headers=tuple(record.headers()),
            what=f"The retraction of {item.id}",
        )
        await publisher.flush()


async def _ends(here: Session) -> dict[At, int]:
    topics = await here.topics(Topic.DUPLICATES, Topic.DEAD_LETTER)
    places = [
        (name, partition)
        for name in (here.naming.topic(Topic.DUPLICATES), here.naming.topic(Topic.DEAD_LETTER))
        for partition in range(topics[name].partitions)
    ]
    async with Reader(here.connection) as reader:
        return {at: end for at, (_, end) in (await reader.bounds(places)).items()}


async def _follow(here: Session, item: Item, ref: str, at: dict[At, int], wait: float) -> ExitCode:
    """Wait until the mill has done it, and say what it did."""
    deadline = time.monotonic() + wait
    async with Reader(here.connection) as reader:
        while (outcome := await _outcome(reader, ref, at)) is None:
            if time.monotonic() > deadline:
                sys.stdout.write(
                    f"Published, and not yet worked off after {wait:g} s: a worker will take {item.id} back. "
                    f"`feedmill explain {item.id}` tells when it has.\n"
                )
                return ExitCode.FINE
            await asyncio.sleep(LOOK_SECONDS)
    if outcome.decision is not None and outcome.decision.rule is DedupeRule.RETRACTION:
        sys.stdout.write(
            f"Taken back: {safe_line(item.title)}\nA tombstone of {item.id} goes out on "
            f"{here.naming.topic(Topic.ENRICHED)}; later sightings are duplicates, `retracted`.\n"
        )
        return ExitCode.FINE
    if outcome.decision is not None and outcome.decision.rule is DedupeRule.RETRACTED:
        sys.stdout.write(f"The item {item.id} was taken back before; this changed nothing.\n")
        return ExitCode.FINE
    why = outcome.message or (outcome.decision.rule.value if outcome.decision else "unknown")
    raise CommandError(f"The mill did not take {item.id} back: {why}", ExitCode.FOUND)


async def _outcome(reader: Reader, ref: str, at: dict[At, int]) -> _Outcome | None:
    """What became of the record with this `ref`, of what came since; the positions are moved on."""
    bounds = await reader.bounds(at)
    spans = {one: (max(at[one], begin), end) for one, (begin, end) in bounds.items()}
    found: _Outcome | None = None
    async for batch in reader.read(spans):
        for record in batch:
            if record.value is not None and ref.encode() in record.value:
                try:
                    outcome = _outcomes.decode(record.value)
                except (msgspec.DecodeError, RecursionError):
                    continue
                found = outcome if outcome.source.ref == ref else found
    at.update({one: max(span) for one, span in spans.items()})
    return found
