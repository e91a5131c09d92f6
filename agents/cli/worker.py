"""`feedmill worker`: one worker, all stages."""

from __future__ import annotations

import os
import signal
import sys
from typing import Any

import typer

from agents.cli.exits import ExitCode


def register(app: typer.Typer) -> None:
    app.command("worker")(worker)


def worker() -> None:
    """Run one worker until SIGTERM. Settings come from FEEDMILL_* in the environment."""
    signal.signal(signal.SIGTERM, _end_before_the_start)

    from agents.engine.memory import bound_malloc

    bound_malloc()  # before the libraries start threads

    from agents.app import run_worker
    from agents.engine.logs import configure_logs
    from agents.settings import load_settings

    settings = load_settings()
    password = settings.sasl_password
    configure_logs(
        settings.log_level, settings.log_format, secrets=[password.get_secret_value()] if password is not None else []
    )
    raise typer.Exit(run_worker(settings))


def _end_before_the_start(*_: Any) -> None:
    """SIGTERM while libraries load or the broker is waited for. Nothing was begun, so the stop is in order.

    Faust puts its own handlers in the place of this one when it starts. Ended at once: an exception raised here could
    be swallowed by whatever code is interrupted.
    """
    sys.stderr.flush()
    os._exit(ExitCode.FINE)
