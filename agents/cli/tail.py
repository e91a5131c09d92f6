"""`feedmill tail`: follows the items as they come out, readable, or shows the last ones."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping, Sequence

import msgspec
import typer
from msgspec import Struct

from agents.cli.exits import CommandError, ExitCode
from agents.cli.session import run, session
from agents.cli.terminal import safe_json, safe_line
from agents.engine.newest import newest
from agents.engine.reader import At, Reader, Span
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
    number: int | None = typer.Option(
        None, "-n", min=1, help="Show the last items, this many, and end; with --from-start the first."
    ),
    follow: bool = typer.Option(False, "--follow", "-f", help="With -n: go on with what comes out after them."),
    from_start: bool = typer.Option(False, "--from-start", help="Begin with the oldest item, not with the next."),
    json: bool = typer.Option(False, "--json", help="One JSON object a line."),
) -> None:
    """Follow the items as they come out, readable; Ctrl-C ends it. With -n show the last ones and end."""
    if follow and from_start and number is not None:
        raise CommandError("The first items and what follows are not one piece: leave out -n, or --follow.")
    raise typer.Exit(run(_tail(load_settings(), _Wanted(number, from_start, follow or number is None), json)))


class _Wanted(Struct, frozen=True):
    """What is shown: the last `number` items, or the first ones, or all from there on where it `follows`."""

    number: int | None
    from_start: bool
    follows: bool


async def _tail(settings: Settings, wanted: _Wanted, as_json: bool) -> ExitCode:
    async with session(settings) as here:
        topics = await here.topics(Topic.ENRICHED)
        name = here.naming.topic(Topic.ENRICHED)
        async with Reader(here.connection) as reader:
            spans = await reader.bounds((name, partition) for partition in range(topics[name].partitions))
            if wanted.number is not None and not wanted.from_start:
                _show(await newest(reader, spans, wanted.number), as_json)
            elif wanted.from_start:
                await _show_first(reader, spans, wanted.number, as_json)
            if wanted.follows:
                _say_what_follows(name, wanted)
                await _follow(reader, {at: end for at, (_, end) in spans.items()}, as_json)
    return ExitCode.FINE


async def _show_first(reader: Reader, spans: Mapping[At, Span], number: int | None, as_json: bool) -> None:
    left = number
    async for batch in reader.read(spans):
        _show(batch if left is None else batch[:left], as_json)
        if left is not None and (left := left - len(batch)) <= 0:
            return


async def _follow(reader: Reader, at: dict[At, int], as_json: bool) -> None:
    """Show what comes after each position, for ever."""
    while True:
        await asyncio.sleep(POLL_SECONDS)
        bounds = await reader.bounds(at)
        spans = {one: (max(at[one], begin), end) for one, (begin, end) in bounds.items()}
        async for batch in reader.read(spans):
            _show(batch, as_json)
        at = {one: max(span) for one, span in spans.items()}


def _say_what_follows(name: str, wanted: _Wanted) -> None:
    """To a person who sees nothing and may wonder."""
    if sys.stderr.isatty() and wanted.number is None and not wanted.from_start:
        sys.stderr.write(f"Following {name} from now on; Ctrl-C ends it. `-n 5` shows the last five items there are.\n")


def _show(records: Sequence[Incoming], as_json: bool) -> None:
    for record in records:
        sys.stdout.write(_line(record, as_json))
    sys.stdout.flush()


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
