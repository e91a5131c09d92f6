"""`feedmill tail`: follows the items as they come out, readable."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence

import msgspec
import typer

from agents.cli.exits import ExitCode
from agents.cli.session import run, session
from agents.cli.terminal import safe_json, safe_line
from agents.engine.reader import Reader, Span
from agents.engine.transport import Incoming
from agents.settings import Settings, load_settings
from agents.stage import Topic
from schemas import Item, Verdict

POLL_SECONDS = 0.3
_SUMMARY = 160  # characters

_items = msgspec.json.Decoder(Item)


def register(app: typer.Typer) -> None:
    app.command("tail")(tail)


def tail(
    from_start: bool = typer.Option(False, "--from-start", help="Begin with the oldest item, not with the next."),
    number: int | None = typer.Option(None, "-n", min=1, help="End after this many items."),
    json: bool = typer.Option(False, "--json", help="One JSON object a line."),
) -> None:
    """Follow the items as they come out, readable. Ctrl-C ends it."""
    raise typer.Exit(run(_tail(load_settings(), from_start, number, json)))


async def _tail(settings: Settings, from_start: bool, number: int | None, as_json: bool) -> ExitCode:
    async with session(settings) as here:
        topics = await here.topics(Topic.ENRICHED)
        name = here.naming.topic(Topic.ENRICHED)
        partitions = [(name, partition) for partition in range(topics[name].partitions)]
        async with Reader(here.connection) as reader:
            bounds = await reader.bounds(partitions)
            at = {one: bounds[one][0] if from_start else bounds[one][1] for one in partitions}
            while True:
                bounds = await reader.bounds(partitions)
                spans: dict[tuple[str, int], Span] = {one: (max(at[one], bounds[one][0]), bounds[one][1]) for one in at}
                async for batch in reader.read(spans):
                    for record in batch if number is None else batch[:number]:
                        sys.stdout.write(_line(record, as_json))
                    sys.stdout.flush()
                    if number is not None and (number := number - len(batch)) <= 0:
                        return ExitCode.FINE
                at = {one: max(span) for one, span in spans.items()}
                await asyncio.sleep(POLL_SECONDS)


def _line(record: Incoming, as_json: bool) -> str:
    key = (record.key or b"").decode("utf-8", "replace")
    if as_json:
        value = b"null" if record.value is None else record.value
        text = f'{{"key": {msgspec.json.encode(key).decode()}, "value": {value.decode("utf-8", "replace")}}}'
        return safe_json(text) + "\n"
    if record.value is None:
        return safe_line(f"retracted  {key}") + "\n"
    try:
        item = _items.decode(record.value)
    except (msgspec.DecodeError, RecursionError) as error:
        return safe_line(f"{record.topic}/{record.partition}/{record.offset} is no item: {error}") + "\n"
    return "\n".join(shown(item)) + "\n"


def shown(item: Item) -> Sequence[str]:
    """An item for people, on three lines; safe for a terminal."""
    moment = (item.published_at or item.seen_at).strftime("%Y-%m-%d %H:%M")
    verdict = item.verdict.value
    if item.verdict is Verdict.REVISION:
        verdict += f" {item.revision} ({', '.join(changed.value for changed in item.decision.changed) or 'returned'})"
    about = [verdict, item.language, item.site or "no site"]
    if item.reprint_of:
        about.append(f"of {item.reprint_of}")
    if item.flags:
        about.append(", ".join(flag.value for flag in item.flags))
    summary = item.summary if len(item.summary) <= _SUMMARY else item.summary[: _SUMMARY - 1] + "…"
    lines = [f"{moment}  {safe_line(item.title)}", f"  {safe_line(' · '.join(about))}  {item.id}"]
    if summary:
        lines.append(f"  {safe_line(summary)}")
    return lines
