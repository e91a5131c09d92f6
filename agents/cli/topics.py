"""`feedmill topics apply` and `check`: the topics as the table says, or what differs."""

from __future__ import annotations

import sys

import typer

from agents.cli.exits import ExitCode
from agents.cli.invocation import typed
from agents.cli.session import Session, run, session
from agents.cli.terminal import safe
from agents.engine.admin import ADVICE, APPLIED, Difference, Kind, differences, told
from agents.engine.positions import created_anew
from agents.engine.reader import Reader
from agents.engine.topics import INPUT, Naming, TopicSpec, topic_table
from agents.settings import Settings, load_settings
from schemas import StageName


def register(app: typer.Typer) -> None:
    group = typer.Typer(help="Create what is missing, or say what differs.", no_args_is_help=True)
    group.command("apply")(apply)
    group.command("check")(check)
    app.add_typer(group, name="topics")


def apply() -> None:
    """Create the topics that are missing and set the properties that differ. Deletes nothing; twice is once."""
    settings = load_settings()
    raise typer.Exit(run(_apply(settings)))


def check() -> None:
    """Say what differs from the topics as they should be; ends with 1 where anything does."""
    settings = load_settings()
    raise typer.Exit(run(_check(settings)))


async def _apply(settings: Settings) -> ExitCode:
    async with session(settings) as here:
        prefix = f"{here.naming.prefix}."
        specs = _specs(settings)
        found = differences(specs, await here.admin.topics(prefix), settings.replication)
        missing = {one.topic for one in found if one.kind is Kind.MISSING}
        changes: dict[str, dict[str, str]] = {}
        for one in found:
            if one.kind is Kind.PROPERTY:
                changes.setdefault(one.topic, {})[one.key] = one.value
        await here.admin.create([spec for spec in specs if spec.name in missing], settings.replication)
        await here.admin.configure(changes)
        for name in sorted(missing):
            _say(f"{name}: created")
        for name, properties in changes.items():
            for key, value in properties.items():
                _say(f"{name}: {key} set to {value}")
        left = [one for one in found if one.kind not in APPLIED]
        anew = await _created_anew(here)
        if not found and not anew:
            _say(f"All {len(specs)} topics are as they should be.")
        return _report(left, anew)


async def _check(settings: Settings) -> ExitCode:
    async with session(settings) as here:
        topics = await here.admin.topics(f"{here.naming.prefix}.")
        specs = _specs(settings)
        code = _report(differences(specs, topics, settings.replication), await _created_anew(here))
        if code is ExitCode.FINE:
            _say(f"All {len(specs)} topics are as they should be.")
        wanted = {spec.name for spec in specs}
        if foreign := sorted(name for name in topics if name not in wanted):
            _say(f"Not in the mill's table, and left alone: {', '.join(foreign)}.")
        return code


def _specs(settings: Settings) -> list[TopicSpec]:
    naming = Naming(settings.topic_prefix, settings.generation)
    return topic_table(naming, partitions=settings.partitions, replication=settings.replication)


async def _created_anew(here: Session) -> list[str]:
    """Topics that are not those that the mill's state is about, as sentences."""
    topics = await here.admin.topics(f"{here.naming.prefix}.")
    counts: dict[StageName, int] = {}
    for stage in StageName:
        both = (here.naming.changelog(stage), here.naming.topic(INPUT[stage]))
        if all(name in topics for name in both):
            counts[stage] = min(topics[name].partitions for name in both)
    async with Reader(here.connection) as reader:
        return await created_anew(reader, here.naming, counts)


def _report(found: list[Difference], anew: list[str]) -> ExitCode:
    """Each difference, then once what to do about each kind."""
    for sentence in (*told(found), *anew):
        _say(sentence)
    for kind in dict.fromkeys(one.kind for one in found):
        _say(ADVICE[kind])
    return ExitCode.FOUND if found or anew else ExitCode.FINE


def _say(line: str) -> None:
    sys.stdout.write(safe(typed(line)) + "\n")
