"""`feedmill ledger`: audits the topics by `source`."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from typing import Any

import msgspec
import typer

from agents.cli.exits import ExitCode
from agents.cli.session import Session, run, session
from agents.cli.terminal import console, safe
from agents.engine.audit import Audit
from agents.engine.ledger import Account, Faults
from agents.engine.reader import Reader
from agents.engine.topics import Naming
from agents.settings import Settings, load_settings
from agents.stage import Topic


def register(app: typer.Typer) -> None:
    app.command("ledger")(ledger)


def ledger(
    settle: float = typer.Option(
        10.0, min=0, help="Seconds to wait at most for what is on its way; the audit ends as soon as all has arrived."
    ),
    json: bool = typer.Option(False, "--json", help="Print one JSON object."),
) -> None:
    """Audit the topics: does every entry have exactly one outcome? Ends with 1 where one is missing or doubled."""
    raise typer.Exit(run(_ledger(load_settings(), settle, json)))


async def _ledger(settings: Settings, settle: float, as_json: bool) -> ExitCode:
    async with session(settings) as here:
        await here.topics(*Topic)
        audit, account = await audited(here, settle)
    if as_json:
        content: dict[str, Any] = msgspec.to_builtins(account)
        content |= {
            "since": _moment(audit.window_begins_ms),
            "unreadable": audit.unreadable,
            "whole": account.whole,
            "settled": account.settled,
        }
        sys.stdout.write(msgspec.json.encode(content).decode() + "\n")
    else:
        for line in lines(account, here.naming, audit.window_begins_ms, audit.unreadable):
            sys.stdout.write(safe(line) + "\n")
    return ExitCode.FINE if account.whole else ExitCode.FOUND


async def audited(here: Session, settle: float) -> tuple[Audit, Account]:
    """One whole audit, with a counter on stderr where that is a terminal."""
    shown = console(stderr=True)
    read = 0

    def progress(records: int) -> None:
        nonlocal read
        read += records
        status.update(f"{read:,} records read")

    async with Reader(here.connection) as reader:
        audit = await Audit.open(here.admin, reader, here.naming)
        with shown.status("reading the topics") as status:
            return audit, await audit.run(settle, progress)


def lines(account: Account, naming: Naming, since_ms: int | None, unreadable: int = 0) -> list[str]:
    """The account for people, line by line."""
    since = _moment(since_ms)
    reach = f"since {since}, as far back as all topics reach" if since else "from the beginning"
    sums = (
        (naming.topic(Topic.ENRICHED), account.items, "items"),
        (naming.topic(Topic.DUPLICATES), account.duplicates, "duplicates"),
        (naming.topic(Topic.DEAD_LETTER), account.dead_letters, "dead letters"),
    )
    width = max(len(naming.topic(Topic.RAW)), *(len(name) for name, _, _ in sums))
    found = [f"The ledger of {naming.topic(Topic.RAW)}, {reach}."]
    found += [f"  {naming.topic(Topic.RAW):<{width}}  {account.raw:>10,} documents with {account.entries:,} entries"]
    found += [f"  {name:<{width}}  {count:>10,} {noun}" for name, count, noun in sums]
    sign = "=" if account.entries == account.outcomes else "≠"
    right = f"{account.items:,} items + {account.duplicates:,} duplicates + {account.dead_letters:,} dead letters"
    found.append(f"  {account.entries:,} entries {sign} {right}")
    if account.waiting:
        found.append(f"Not yet taken by the mill: {account.waiting:,} documents.")
    if account.in_flight:
        found.append(f"On their way between the stages: {account.in_flight:,} entries.")
    if account.elsewhere:
        found.append(f"Dead letters of documents that `ingest` refused, never on the topic: {account.elsewhere:,}.")
    if unreadable:
        found.append(f"Records of the outcome topics that are no outcomes, passed over: {unreadable:,}.")
    found += _faults("Missing", account.missing)
    found += _faults("Doubled", account.doubled)
    found += _faults("Contradicting", account.contradicting)
    if account.whole:
        found.append("Nothing is missing, nothing is doubled." if account.settled else "So far nothing is missing.")
    return found


def _faults(name: str, faults: Faults) -> list[str]:
    if not faults.count:
        return [f"{name}: 0"] if name != "Contradicting" else []
    rest = faults.count - len(faults.shown)
    return [
        f"{name}: {faults.count:,}",
        *(f"  {one}" for one in faults.shown),
        *([f"  and {rest:,} more"] if rest else []),
    ]


def _moment(time_ms: int | None) -> str | None:
    return None if time_ms is None else datetime.fromtimestamp(time_ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
