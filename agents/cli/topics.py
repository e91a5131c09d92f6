"""`feedmill topics apply`, `check` and `acls`: the topics as the table says, what differs, and who needs what."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping, Sequence
from typing import Annotated

import typer

from agents.cli.exits import CommandError, ExitCode
from agents.cli.invocation import typed
from agents.cli.session import Session, run, session
from agents.cli.terminal import safe
from agents.engine.acls import ROLES, Grant, Pattern, Role, commands, grants
from agents.engine.admin import ADVICE, APPLIED, Difference, Found, Kind, differences, told
from agents.engine.positions import created_anew
from agents.engine.reader import Reader
from agents.engine.topics import INPUT, Naming, TopicSpec, topic_table
from agents.settings import Settings, load_settings
from schemas import StageName

_PRINCIPAL = re.compile(r"[\w.@=,-]+", re.ASCII)


def register(app: typer.Typer) -> None:
    group = typer.Typer(help="Create what is missing, say what differs, or who needs what.", no_args_is_help=True)
    group.command("apply")(apply)
    group.command("check")(check)
    group.command("acls")(acls)
    app.add_typer(group, name="topics")


def apply() -> None:
    """Create the topics that are missing and set the properties that differ. Deletes nothing; twice is once."""
    settings = load_settings()
    raise typer.Exit(run(_apply(settings)))


def check() -> None:
    """Say what differs from the topics as they should be; ends with 1 where anything does."""
    settings = load_settings()
    raise typer.Exit(run(_check(settings)))


def acls(
    role: Annotated[
        Role | None, typer.Argument(metavar="[ROLE]", help=f"Only this role's: {', '.join(Role)}.", show_default=False)
    ] = None,
    user: str | None = typer.Option(None, help="Write them as commands of kafka-acls.sh that allow them to this user."),
) -> None:
    """Print what each role must be allowed to do on the brokers, and no more. Needs no broker."""
    settings = load_settings()
    naming = Naming(settings.topic_prefix, settings.generation)
    if user is not None and role is None:
        raise CommandError(f"--user needs a role, one of {', '.join(Role)}: each has its own permissions.")
    if user is not None and not _PRINCIPAL.fullmatch(user):
        raise CommandError(f"'{user}' is no user's name for a command line: letters, digits and . _ - @ = , only.")
    for one in Role if role is None else (role,):
        wanted = grants(one, naming)
        lines = _table(wanted) if user is None else commands(user, wanted)
        for line in lines if role else (f"{one.value}: {ROLES[one]}", *(f"  {line}" for line in lines)):
            _say(line)


def _table(wanted: Sequence[Grant]) -> list[str]:
    cells = [
        (grant.resource.value, grant.name + "*" * (grant.pattern is Pattern.PREFIXED), ", ".join(grant.operations))
        for grant in wanted
    ]
    widths = [max(len(row[column]) for row in cells) for column in range(3)]
    return [
        "  ".join((*(cell.ljust(width) for cell, width in zip(row, widths, strict=True)), grant.why))
        for row, grant in zip(cells, wanted, strict=True)
    ]


async def _apply(settings: Settings) -> ExitCode:
    async with session(settings) as here:
        prefix = f"{here.naming.prefix}."
        specs = _specs(settings)
        found = await _differences(here, specs, await here.admin.topics(prefix))
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
        code = _report(await _differences(here, specs, topics), await _created_anew(here))
        if code is ExitCode.FINE:
            _say(f"All {len(specs)} topics are as they should be.")
        wanted = {spec.name for spec in specs}
        if foreign := sorted(name for name in topics if name not in wanted):
            _say(f"Not in the mill's table, and left alone: {', '.join(foreign)}.")
        return code


async def _differences(here: Session, specs: list[TopicSpec], topics: Mapping[str, Found]) -> list[Difference]:
    hidden = await here.admin.hidden([spec.name for spec in specs if spec.name not in topics])
    return differences(specs, topics, here.settings.replication, hidden)


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
