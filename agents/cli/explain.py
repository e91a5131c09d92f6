"""`feedmill explain`: what became of entries and why, for people; from documents, or from what the topics hold."""

from __future__ import annotations

import os
import re
import sys
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from agents.cli.exits import CommandError, ExitCode, pipe_may_close
from agents.cli.process import NOW_HELP, PATHS_HELP, Tally, moment_option, settled_paths

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console, RenderableType

    from agents.cli.archive import History
    from agents.cli.portrait import Gallery
    from agents.cli.storyline import Story
    from agents.pipeline import Result
    from agents.run import Done
    from agents.sources.files import Documents

_WIDEST = 100  # columns; longer lines are hard to read
_OF_A_TOPIC = re.compile(r"[0-9a-f]{8,32}|https?://\S+")
_STORY = re.compile(r"[0-9a-f]{6,32}")


def register(app: typer.Typer) -> None:
    app.command("explain")(explain)


def explain(
    paths: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="PATH|ID|URL",
            help=f"{PATHS_HELP} Or one id or address of an item, or the first eight or more digits of an id: what the "
            "topics hold of it.",
            show_default=False,
        ),
    ] = None,
    story: Annotated[
        str | None,
        typer.Option(
            metavar="ID",
            help="Show one story: its items in time order and how each joined, out of the documents, or without any "
            "out of the topics. The first six or more digits of its id will do.",
        ),
    ] = None,
    now: Annotated[str | None, typer.Option(metavar="RFC3339", help=NOW_HELP)] = None,
) -> None:
    """Show each entry's verdict and why, for people."""
    paths = paths or []
    if story is not None and not _STORY.fullmatch(story):
        raise CommandError(f"--story {story} is no id: 32 digits from 0 to f, or the first six or more of them.")
    asked = [path for path in paths if _OF_A_TOPIC.fullmatch(path) and not os.path.exists(path)]
    if asked and (len(paths) > 1 or story is not None):
        raise CommandError(f"{asked[0]} is an id or an address, which is explained from the topics: name it alone.")
    if asked:
        _show_history(asked[0])
    elif paths and story is not None:
        _show_story_of(settled_paths(paths), story, moment_option(now), ", ".join(paths))
    elif paths:
        _show_outcomes(settled_paths(paths), moment_option(now))
    elif story is not None:
        _show_story(story)
    else:
        raise CommandError(
            "There is nothing to explain: name documents, `samples`, the id or address of an item, or a --story."
        )


def _show_outcomes(documents: Documents, moment: datetime) -> None:
    """What becomes of each entry of some documents."""
    from agents.cli.portrait import Gallery, read_source

    gallery, counted, out = Gallery(), Tally(), _console()
    with pipe_may_close():
        try:
            for done in _milled(documents, moment):
                counted.count(done)
                first = next((result.value for result in done.results if result.value is not None), None)
                if first is not None:
                    show(out, gallery.heading(read_source(first)))
                for result in done.results:
                    show(out, _drawn(gallery, result))
            show(out, str(counted))
        except KeyboardInterrupt:
            raise CommandError(f"Stopped after {counted}.", ExitCode.INTERRUPTED) from None


def _show_story_of(documents: Documents, wanted: str, moment: datetime, where: str) -> None:
    """One story of those that some documents make."""
    import msgspec

    from agents.cli.storyline import Stories
    from agents.stage import Topic
    from schemas import Item

    stories, titles, counted = Stories(wanted), dict[str, str](), Tally()
    try:
        for done in _milled(documents, moment):
            counted.count(done)
            for result in done.results:
                if result.role is Topic.ENRICHED:
                    stories.take((result.key or b"").decode(), result.value)
                    if result.value is not None:
                        item = msgspec.json.decode(result.value, type=Item)
                        titles[item.id] = item.title
    except KeyboardInterrupt:
        raise CommandError(f"Stopped after {counted}.", ExitCode.INTERRUPTED) from None
    stories.name(titles)
    with pipe_may_close():
        _show(stories.story(where))


def _show_story(wanted: str) -> None:
    """One story, as the topic tells it."""
    from agents.cli.archive import story
    from agents.cli.session import run, session
    from agents.settings import load_settings

    async def read() -> Story:
        async with session(load_settings()) as here:
            return await story(here, wanted)

    found = run(read())
    with pipe_may_close():
        _show(found)


def _show_history(asked: str) -> None:
    """All that the topics hold of one item."""
    from agents.cli.archive import Tombstone, history
    from agents.cli.portrait import Gallery
    from agents.cli.session import run, session
    from agents.settings import load_settings
    from schemas import Duplicate, Item

    async def read() -> History:
        async with session(load_settings()) as here:
            return await history(here, asked)

    found = run(read())
    gallery, out, document = Gallery(found.titles), _console(), None
    with pipe_may_close():
        for outcome in found.outcomes:
            if isinstance(outcome, Tombstone):
                show(out, gallery.tombstone(outcome.id))
                continue
            source = outcome.source
            if (place := (source.topic, source.partition, source.offset)) != document:
                document = place
                show(out, gallery.heading(source))
            if isinstance(outcome, Item):
                show(out, gallery.item(outcome))
            elif isinstance(outcome, Duplicate):
                show(out, gallery.duplicate(outcome))
            else:
                show(out, gallery.dead_letter(outcome))


def _milled(documents: Documents, moment: datetime) -> Iterator[Done]:
    from agents.pipeline import Pipeline
    from agents.run import run
    from agents.runstate import RunState
    from agents.settings import load_settings, load_sites

    settings = load_settings()
    pipeline = Pipeline(sites=load_sites(settings.sites_file), most_sightings=settings.stories_max_items)
    return run(documents, pipeline, RunState(), moment)


def _console() -> Console:
    from agents.cli.terminal import console

    out = console()
    out.width = min(out.width, _WIDEST)
    return out


def _show(story: Story) -> None:
    from agents.cli.storyline import drawn

    out = _console()
    for piece in drawn(story):
        show(out, piece)


def show(out: Console, drawn: RenderableType) -> None:
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
