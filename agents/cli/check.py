"""`feedmill check`: what is wrong with this installation, and what to do about it.

A check is a function that yields findings, one sentence each; CHECKS names them in the order of what they need.
"""

from __future__ import annotations

import asyncio
import difflib
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer
from msgspec import Struct

from agents.cli.exits import ExitCode
from agents.cli.invocation import typed
from agents.cli.terminal import safe_line

if TYPE_CHECKING:
    from agents.settings import Settings

MIN_FREE_BYTES = 1024**3
"""Less room than this for a state folder is worth a sentence: RocksDB stops when it cannot write."""

MAX_BROKER_WAIT = 5.0  # seconds; a check is for a person who waits


class Level(StrEnum):
    FINE = "ok"
    NOTE = "note"
    WRONG = "WRONG"


class Finding(Struct, frozen=True):
    """One result. `advice` says what to do; `code` is the exit code that the finding asks for."""

    level: Level
    text: str
    advice: str = ""
    code: ExitCode = ExitCode.FINE


def wrong(text: str, advice: str, code: ExitCode = ExitCode.FOUND) -> Finding:
    return Finding(Level.WRONG, text, advice, code)


def register(app: typer.Typer) -> None:
    app.command("check")(check)


def check(
    broker: Annotated[bool, typer.Option(help="Look at the broker and its topics too.")] = True,
) -> None:
    """Say what is wrong with settings, state folder, models, broker or topics, and what to do."""
    from agents.settings import load_settings

    settings = load_settings()
    codes = [ExitCode.FINE]
    for name, findings in CHECKS.items():
        if name == "broker" and not broker:
            continue
        for finding in findings(settings):
            codes.append(finding.code)
            sys.stdout.write(f"{finding.level.value:<6} {name}: {safe_line(typed(finding.text))}\n")
            if finding.advice:
                sys.stdout.write(f"       {safe_line(typed(finding.advice))}\n")
            sys.stdout.flush()
    raise typer.Exit(max(codes))


def check_settings(settings: Settings) -> Iterator[Finding]:
    """The values are valid, or the command would not have come here. What is left are names nobody reads."""
    from agents.settings import unknown_variables, variable

    known = [variable(name) for name in type(settings).model_fields]
    given = [name for name in known if name in os.environ]
    for name in unknown_variables(os.environ):
        near = difflib.get_close_matches(name, known, n=1)
        advice = f"Did you mean {near[0]}?" if near else "docs/guide/settings.md lists the settings."
        yield wrong(f"{name} is set, and is no setting of feedmill.", advice)
    text = f"{len(given)} of {len(known)} are set in the environment" if given else "all are at their defaults"
    yield Finding(Level.FINE, f"{text}: {', '.join(given)}." if given else f"{text}.")


def check_state_folder(settings: Settings) -> Iterator[Finding]:
    """Whether the state folder, or the first folder above it that is there, can be written to and has room."""
    folder = settings.state_dir.absolute()
    try:
        present = next(path for path in (folder, *folder.parents) if path.exists())
        with tempfile.TemporaryFile(dir=present):
            pass
        free = shutil.disk_usage(present).free
    except OSError as error:
        reason = error.strerror or str(error)
        yield wrong(
            f"{folder} cannot be written to: {reason}.", "Make it writable, or name another by FEEDMILL_STATE_DIR."
        )
        return
    if free < MIN_FREE_BYTES:
        advice = "Make room, or name a folder on another disk by FEEDMILL_STATE_DIR."
        yield wrong(f"{folder} has only {free / 1024**2:,.0f} MiB left on its disk.", advice)
    else:
        made = "can be written to" if present == folder else "will be made at the first start"
        yield Finding(Level.FINE, f"{folder} {made}; {free / 1024**3:,.0f} GiB are free.")


def check_metrics(settings: Settings) -> Iterator[Finding]:
    """Whether a worker could serve its metrics. The port of one that runs here is taken, which is no fault."""
    from agents.engine.probes import address_fault

    host, port = settings.metrics_host, settings.metrics_port
    fault = address_fault(host, port)
    if fault is None:
        where = f"{host} port {port}" if port else f"{host}, on a port that is free then"
        yield Finding(Level.FINE, f"can be served on {where}.")
    elif fault.taken:
        yield Finding(Level.NOTE, fault.sentence, "Where it is a worker of yours that runs, all is well.")
    else:
        yield wrong(fault.sentence, "")


def check_models(settings: Settings) -> Iterator[Finding]:
    """One sample document through the whole pipeline: every table and model is read on its way."""
    from agents import samples
    from agents.pipeline import Pipeline
    from agents.runstate import RunState
    from agents.sources.records import raw_document
    from agents.stage import Topic

    try:
        document = raw_document(samples.records()[0], 0, datetime.now(UTC))
        results = Pipeline().process(document, RunState(), document.arrival)
    except Exception as error:
        yield wrong(
            f"a sample document cannot be processed: {type(error).__name__}: {error}",
            "A file of the installation is missing or damaged: install feedmill again.",
        )
        return
    if [result.role for result in results] == [Topic.ENRICHED]:
        yield Finding(Level.FINE, "tables and language model are read; a sample document became an item.")
    else:
        yield wrong("a sample document did not become an item.", "Install feedmill again.")


def check_broker(settings: Settings) -> Iterator[Finding]:
    """Reach the broker as a worker would, and compare the topics with the table."""
    from agents.engine.guard import UntestedLibraryError, check_libraries
    from agents.engine.transport import EngineError, UnavailableError

    try:
        check_libraries()
        yield Finding(Level.FINE, "Faust and aiokafka are the ones that the engine was tested with.")
    except UntestedLibraryError as error:
        yield wrong(str(error), "")
    try:
        yield from asyncio.run(_topics(settings))
    except UnavailableError as error:
        yield wrong(str(error), "", ExitCode.NO_BROKER)
    except EngineError as error:
        yield wrong(str(error), "")


async def _topics(settings: Settings) -> list[Finding]:
    from agents.cli.session import session
    from agents.engine.admin import ADVICE, differences, told
    from agents.engine.topics import topic_table

    wait = min(settings.broker_wait_seconds, MAX_BROKER_WAIT)
    async with session(settings.model_copy(update={"broker_wait_seconds": wait})) as here:
        findings = [Finding(Level.FINE, f"{settings.broker} answers.")]
        specs = topic_table(here.naming, partitions=settings.partitions, replication=settings.replication)
        topics = await here.admin.topics(f"{here.naming.prefix}.")
        hidden = await here.admin.hidden([spec.name for spec in specs if spec.name not in topics])
        found = differences(specs, topics, settings.replication, hidden)
        for kind in dict.fromkeys(one.kind for one in found):
            *sentences, last = told(one for one in found if one.kind is kind)
            findings += [*(wrong(sentence, "") for sentence in sentences), wrong(last, ADVICE[kind])]
        if not found:
            findings.append(Finding(Level.FINE, f"all {len(specs)} topics are as they should be."))
        return findings


CHECKS: dict[str, Callable[[Settings], Iterator[Finding]]] = {
    "settings": check_settings,
    "state folder": check_state_folder,
    "metrics": check_metrics,
    "models": check_models,
    "broker": check_broker,
}
