"""`feedmill worker`: one worker, all stages."""

from __future__ import annotations

import typer


def register(app: typer.Typer) -> None:
    app.command("worker")(worker)


def worker() -> None:
    """Run one worker until SIGTERM. Settings come from FEEDMILL_* in the environment."""
    from agents.app import run_worker
    from agents.settings import load_settings

    raise typer.Exit(run_worker(load_settings()))
