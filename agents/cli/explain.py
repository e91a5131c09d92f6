"""`feedmill explain PATH…`: what became of each entry and why, for people."""

from __future__ import annotations

import os
import re
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from agents.cli.exits import CommandError, ExitCode, pipe_may_close
from agents.cli.process import NOW_HELP, PATHS_HELP, Tally, moment_option, settled_paths

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

    from agents.cli.portrait import Gallery
    from agents.pipeline import Result

_WIDEST = 100  # columns; longer lines are hard to read
_OF_A_TOPIC = re.compile(r"[0-9a-f]{32}|https?://\S+")


def register(app: typer.Typer) -> None:
    app.command("explain")(explain)


def explain(
    paths: Annotated[list[str], typer.Argument(metavar="PATH", help=PATHS_HELP, show_default=False)],
    now: Annotated[str | None, typer.Option(metavar="RFC3339", help=NOW_HELP)] = None,
) -> None:
    """Show each entry's verdict and why, for people."""
    for path in paths:
        if _OF_A_TOPIC.fullmatch(path) and not os.path.exists(path):
            raise CommandError(
                f"{path} is an id or an address, and this version of `feedmill explain` reads only files. "
                "Give it the documents that the item came in."
            )
    from agents.cli.portrait import Gallery, read_source
    from agents.cli.terminal import console
    from agents.pipeline import Pipeline
    from agents.run import run
    from agents.runstate import RunState
    from agents.settings import load_settings, load_sites

    moment = moment_option(now)
    pipeline = Pipeline(sites=load_sites(load_settings().sites_file))
    documents = settled_paths(paths)
    gallery, counted = Gallery(), Tally()
    out = console()
    out.width = min(out.width, _WIDEST)
    with pipe_may_close():
        try:
            for done in run(documents, pipeline, RunState(), moment):
                counted.count(done)
                first = next((result.value for result in done.results if result.value is not None), None)
                if first is not None:
                    _print(out, gallery.heading(read_source(first)))
                for result in done.results:
                    _print(out, _drawn(gallery, result))
            _print(out, str(counted))
        except KeyboardInterrupt:
            raise CommandError(f"Stopped after {counted}.", ExitCode.INTERRUPTED) from None


def _print(out: Console, drawn: RenderableType) -> None:
    """Print without the blanks that rich fills its columns up with: they are in the way of copying and of diffs."""
    with out.capture() as captured:
        out.print(drawn)
    sys.stdout.write("".join(f"{line.rstrip(' ')}\n" for line in captured.get().splitlines()))


def _drawn(gallery: Gallery, result: Result) -> RenderableType:
    import msgspec

    from agents.stage import Topic
    from schemas import DeadLetter, Duplicate, Item

    if result.value is None:
        return gallery.tombstone((result.key or b"").decode())
    if result.role is Topic.ENRICHED:
        return gallery.item(msgspec.json.decode(result.value, type=Item))
    if result.role is Topic.DUPLICATES:
        return gallery.duplicate(msgspec.json.decode(result.value, type=Duplicate))
    return gallery.dead_letter(msgspec.json.decode(result.value, type=DeadLetter))
