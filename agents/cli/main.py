"""`feedmill`: the commands and where each one lives.

A command is one module of this package with `register(app)`, which adds it (or a group of commands) to the
typer application, and one line of COMMANDS. Only the module of the command that was asked for is imported, so
that `feedmill --help` and `feedmill process` start at once and never load Faust or aiokafka.
"""

from __future__ import annotations

import errno
import re
import sys
from importlib import import_module
from typing import Annotated, Any

import typer
from msgspec import Struct
from typer.core import TyperGroup

from agents import __version__
from agents.cli.exits import CommandError, ExitCode, drop_output
from agents.cli.invocation import command, typed

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO})


# How typer's validator says what is wrong with a value, and how a person would.
_PLAIN = (
    (re.compile(r"^Value error, "), ""),
    (re.compile(r"^Input should be greater than or equal to (\S+)$"), r"it must be \1 or more"),
    (re.compile(r"^Input should be less than or equal to (\S+)$"), r"it must be \1 or less"),
    (re.compile(r"^Input should be a valid integer.*"), "it is no whole number"),
    (re.compile(r"^Input should be a valid number.*"), "it is no number"),
)


class _Commands(TyperGroup):
    """The commands; what is wrong with a value is said in plain words."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except typer.BadParameter as error:
            for pattern, words in _PLAIN:
                error.message = pattern.sub(words, error.message)
            raise


class Command(Struct, frozen=True):
    """A command's name, its module in this package, and the line that `feedmill --help` shows."""

    name: str
    module: str
    summary: str


COMMANDS = (
    Command("demo", "demo", "Start a broker and workers, mill the samples, and show the ledger."),
    Command("broker", "broker", "Run the embedded broker alone, for development and tests."),
    Command("worker", "worker", "Run one worker: all stages, one member of the group."),
    Command("lag-exporter", "lag_exporter", "Show how far behind the mill is as metrics, also with no worker alive."),
    Command("health", "health", "Ask the worker on this machine whether it lives, or is ready."),
    Command("topics", "topics", "Create what is missing among the topics, or say what differs."),
    Command("ingest", "ingest", "Publish documents to the mill."),
    Command("process", "process", "Run the whole pipeline over documents, without a broker: JSON Lines on stdout."),
    Command("explain", "explain", "Show each entry's verdict and why, for people."),
    Command("tail", "tail", "Follow the items as they come out, readable, or show the last ones."),
    Command("ledger", "ledger", "Audit the topics: is anything missing or doubled?"),
    Command("dead-letters", "dead_letters", "List, show or replay what could not be processed."),
    Command("reprocess", "reprocess", "Send raw records through a newer mill again: items are updated in place."),
    Command("retract", "retract", "Take an item back."),
    Command("schema", "schema", "Print the JSON Schema of a record."),
    Command(
        "check", "check", "Say what is wrong with settings, state folder, models, broker or topics, and what to do."
    ),
)


def build(wanted: str | None = None) -> typer.Typer:
    """The application with the command `wanted` whole and of the others only name and summary; None: all whole."""
    feedmill = command()
    app = typer.Typer(
        name="feedmill",
        cls=_Commands,
        help="Raw feed documents in, clean, deduplicated, enriched items out.",
        epilog=f"To see it work: {feedmill} demo, or without Java: {feedmill} explain samples",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_root)
    for one in COMMANDS:
        if wanted in (None, one.name):
            import_module(f"agents.cli.{one.module}").register(app)
        else:
            app.command(one.name, help=one.summary)(_not_loaded)
    return app


def main() -> None:
    """The console script. Every failure that has a sentence ends with it on stderr and the contract's exit code."""
    try:
        _run()
    except CommandError as error:
        _end(error.message, error.code)
    except KeyboardInterrupt:
        _end("Stopped.", ExitCode.INTERRUPTED)
    except BrokenPipeError:
        drop_output()
        sys.exit(ExitCode.PIPE_CLOSED)
    except OSError as error:
        if error.errno not in _FULL:
            raise
        drop_output()
        _end(f"The output cannot be written: {error.strerror}.", ExitCode.NOT_WRITTEN)
    except Exception as error:
        from agents.settings import SettingsError  # here, because pydantic takes longer to load than `--help` to run

        if not isinstance(error, SettingsError):
            raise
        _end(str(error), ExitCode.WRONG_USE)


def _run() -> None:
    """Run the command that was asked for, to the last byte of its output."""
    try:
        build(_wanted(sys.argv[1:]))()
    except SystemExit:
        sys.stdout.flush()
        raise


def _wanted(arguments: list[str]) -> str:
    """The command that the arguments name: the first that is no option; "" where there is none."""
    return next((argument for argument in arguments if not argument.startswith("-")), "")


def _end(message: str, code: ExitCode) -> None:
    from agents.cli.terminal import safe

    sys.stderr.write(f"feedmill: {safe(typed(message))}\n")
    sys.exit(code)


def _show_version(asked: bool) -> None:
    if asked:
        typer.echo(f"feedmill {__version__}")
        raise typer.Exit


def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version and end.")
    ] = False,
) -> None:
    pass


def _not_loaded() -> None:
    raise AssertionError("the command line named another command than the one that runs")


if __name__ == "__main__":
    main()
