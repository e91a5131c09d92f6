"""`feedmill worker`: one worker, all stages."""

from __future__ import annotations

import faulthandler
import signal

import typer

from agents.cli.exits import end_on_sigterm


def register(app: typer.Typer) -> None:
    app.command("worker")(worker)


def worker() -> None:
    """Run one worker until SIGTERM. Settings come from FEEDMILL_* in the environment."""
    # While libraries load or the broker is waited for, nothing was begun. Faust puts its own handlers in the place of
    # this one when it starts.
    end_on_sigterm()
    # Where each thread stands, on stderr: of a process that crashes in C, and of one that is asked before
    # Faust has started; then agents.app answers.
    faulthandler.enable()
    faulthandler.register(signal.SIGUSR1)

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
