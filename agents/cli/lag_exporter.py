"""`feedmill lag-exporter`: how far behind the mill is, also with no worker alive."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from agents.cli.exits import end_on_sigterm

PORT = 9809


def register(app: typer.Typer) -> None:
    app.command("lag-exporter")(lag_exporter)


def lag_exporter(
    host: Annotated[
        str | None,
        typer.Option(metavar="ADDRESS", help="Address to listen on; without it FEEDMILL_METRICS_HOST, 127.0.0.1."),
    ] = None,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on; 0 takes a free one.")] = PORT,
    every: Annotated[float, typer.Option(min=0.5, max=3600, metavar="SECONDS", help="From reading to reading.")] = 5.0,
) -> None:
    """Show lag and age of every partition on /metrics, from the broker's own offsets, until SIGTERM. It works without
    any worker, only reads, and belongs to no group. One for each mill is enough."""
    end_on_sigterm()

    from prometheus_client import CollectorRegistry

    from agents.cli.watching import watch
    from agents.engine.exporter import Exporter
    from agents.engine.rounds import Rounds
    from agents.engine.topics import Naming
    from agents.settings import load_settings

    def make(connection: Mapping[str, Any], naming: Naming, registry: CollectorRegistry) -> Rounds:
        exporter = Exporter(connection, naming, registry)
        return Rounds("reading", every, exporter.work, exporter.failures)

    watch(load_settings(), host, port, make)
