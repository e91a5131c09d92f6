"""`feedmill ledger`: audits the topics by `source`."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any

import msgspec
import typer

from agents.cli.exits import CommandError, ExitCode, end_on_sigterm
from agents.cli.session import Session, run, session
from agents.cli.terminal import console, safe
from agents.cli.timespan import MOMENT, MOMENT_HELP, milliseconds, seconds
from agents.engine.audit import Audit, Horizon, Scope
from agents.engine.ledger import Account, Faults
from agents.engine.reader import Reader
from agents.engine.topics import Naming
from agents.settings import Settings, load_settings
from agents.stage import Topic

PORT = 9810


def register(app: typer.Typer) -> None:
    app.command("ledger")(ledger)


def ledger(
    partition: Annotated[
        list[int] | None,
        typer.Option(min=0, metavar="N", help="Only documents of this partition; may be given several times."),
    ] = None,
    since: Annotated[
        str | None, typer.Option(metavar=MOMENT, help=f"Only documents that came from then on: {MOMENT_HELP}.")
    ] = None,
    until: Annotated[str | None, typer.Option(metavar=MOMENT, help="Only documents that came before then.")] = None,
    settle: float = typer.Option(
        10.0, min=0, help="Seconds to wait at most for what is on its way; the audit ends as soon as all has arrived."
    ),
    json: bool = typer.Option(False, "--json", help="Print one JSON object."),
    follow: bool = typer.Option(
        False, "--follow", help="Go on until SIGTERM, round after round, and show what is found on /metrics."
    ),
    every: float = typer.Option(60.0, min=1, max=86400, metavar="SECONDS", help="With --follow: from round to round."),
    window: str = typer.Option(
        "24h", metavar="SPAN", help="With --follow: how far back documents are judged; 90m, 36h, 2d."
    ),
    grace: str = typer.Option(
        "10m", metavar="SPAN", help="With --follow: how old a document must be before its entries can be missing."
    ),
    host: Annotated[
        str | None,
        typer.Option(metavar="ADDRESS", help="With --follow: address to listen on; without it FEEDMILL_METRICS_HOST."),
    ] = None,
    port: int = typer.Option(PORT, min=0, max=65535, help="With --follow: port to listen on; 0 takes a free one."),
) -> None:
    """Audit the topics: does every entry have exactly one outcome, and is each as the mill wrote it? Ends with 1 where
    one is missing, doubled or altered. With --follow it does so for ever, and the figures are metrics."""
    if follow:
        if partition or since or until or json:
            raise CommandError(
                "--follow judges a window of all partitions: --partition, --since, --until and --json "
                "belong to a single audit."
            )
        _follow(every, seconds("--window", window), seconds("--grace", grace), host, port)
        return
    scope = Scope(
        frozenset(partition) if partition else None, milliseconds("--since", since), milliseconds("--until", until)
    )
    if scope.since_ms is not None and scope.until_ms is not None and scope.since_ms >= scope.until_ms:
        raise CommandError("Nothing lies between --since and --until: the first must be the earlier one.")
    raise typer.Exit(run(_ledger(load_settings(), scope, settle, json)))


def _follow(every: float, window: float, grace: float, host: str | None, port: int) -> None:
    if not grace < window:
        raise CommandError("Nothing would ever be judged: --grace must be shorter than --window.")
    end_on_sigterm()

    from prometheus_client import CollectorRegistry

    from agents.cli.watching import watch
    from agents.engine.auditor import Auditor
    from agents.engine.following import Terms, certainty
    from agents.engine.rounds import Rounds

    settings = load_settings()
    terms = Terms(window, grace, sure=certainty(settings.transaction_timeout_seconds))

    def make(connection: Mapping[str, Any], naming: Naming, registry: CollectorRegistry) -> Rounds:
        auditor = Auditor(connection, naming, terms, registry)
        return Rounds("round", every, auditor.work, auditor.failures)

    watch(settings, host, port, make)


async def _ledger(settings: Settings, scope: Scope, settle: float, as_json: bool) -> ExitCode:
    async with session(settings) as here:
        found = await here.topics(*Topic)
        count = found[here.naming.topic(Topic.RAW)].partitions
        if unknown := sorted(number for number in scope.partitions or () if number >= count):
            raise CommandError(
                f"{here.naming.topic(Topic.RAW)} has no partition {unknown[0]}: its {count} are numbered from 0."
            )
        audit, account = await audited(here, scope, settle)
    if as_json:
        content: dict[str, Any] = msgspec.to_builtins(account)
        content |= {
            "since": _moment(audit.horizon.since_ms),
            "until": _moment(audit.horizon.until_ms),
            "partitions": list(audit.horizon.partitions),
            "because": audit.horizon.because,
            "unreadable": audit.unreadable,
            "whole": account.whole,
            "settled": account.settled,
        }
        sys.stdout.write(msgspec.json.encode(content).decode() + "\n")
    else:
        for line in lines(account, here.naming, audit.horizon, audit.unreadable):
            sys.stdout.write(safe(line) + "\n")
    return ExitCode.FINE if account.whole else ExitCode.FOUND


async def audited(here: Session, scope: Scope, settle: float) -> tuple[Audit, Account]:
    """One whole audit, with a counter on stderr where that is a terminal."""
    shown = console(stderr=True)
    read = 0

    def progress(records: int) -> None:
        nonlocal read
        read += records
        status.update(f"{read:,} records read")

    async with Reader(here.connection) as reader:
        audit = await Audit.open(here.admin, reader, here.naming, scope)
        with shown.status("reading the topics") as status:
            return audit, await audit.run(settle, progress)


def lines(account: Account, naming: Naming, horizon: Horizon, unreadable: int = 0) -> list[str]:
    """The account for people, line by line."""
    since = _moment(horizon.since_ms)
    reach = f"from {since}" if since else "from the beginning"
    numbers = ", ".join(map(str, horizon.partitions))
    where = f" (partition{'s' * (len(horizon.partitions) > 1)} {numbers})" if horizon.partitions else ""
    sums = (
        (naming.topic(Topic.ENRICHED), account.items, "items"),
        (naming.topic(Topic.DUPLICATES), account.duplicates, "duplicates"),
        (naming.topic(Topic.DEAD_LETTER), account.dead_letters, "dead letters"),
    )
    width = max(len(naming.topic(Topic.RAW)), *(len(name) for name, _, _ in sums))
    found = [f"The ledger of {naming.topic(Topic.RAW)}{where}, {reach} to {_moment(horizon.until_ms)}."]
    if horizon.because:
        found.append(f"Earlier documents cannot be judged: {horizon.because}")
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
    found += _faults("Altered", account.altered)
    if account.whole:
        found.append(
            "Nothing is missing, nothing is doubled. Nothing is altered."
            if account.settled
            else "So far nothing is missing."
        )
    return found


def _faults(name: str, faults: Faults) -> list[str]:
    if not faults.count:
        return [f"{name}: 0"] if name in ("Missing", "Doubled") else []
    rest = faults.count - len(faults.shown)
    return [
        f"{name}: {faults.count:,}",
        *(f"  {one}" for one in faults.shown),
        *([f"  and {rest:,} more"] if rest else []),
    ]


def _moment(time_ms: int | None) -> str | None:
    return None if time_ms is None else datetime.fromtimestamp(time_ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
