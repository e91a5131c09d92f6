"""How a command ends: the contract's exit codes, and the exception that carries one with its sentence."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from enum import IntEnum
from typing import Any

import typer


class ExitCode(IntEnum):
    """The contract's exit codes; then what sysexits.h has for output that cannot be written, and what a shell expects
    of a program ended by a signal."""

    FINE = 0
    FOUND = 1
    WRONG_USE = 2
    NO_BROKER = 3
    NOT_WRITTEN = 74
    INTERRUPTED = 130
    PIPE_CLOSED = 141


class CommandError(Exception):
    """Ends the command: `message` is one or more whole sentences for a person, shown on stderr."""

    def __init__(self, message: str, code: ExitCode = ExitCode.WRONG_USE) -> None:
        super().__init__(message)
        self.message = message
        self.code = code


@contextmanager
def pipe_may_close() -> Iterator[None]:
    """Ends the command without a word where the reader of stdout (`head`) has what it wanted."""
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:
        drop_output()
        raise typer.Exit(ExitCode.PIPE_CLOSED) from None


def drop_output() -> None:
    """Nobody takes stdout: Python would complain once more when it flushes it at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def end_on_sigterm() -> None:
    """SIGTERM ends this process at once, with 0: for what has nothing in hand that could be lost."""
    signal.signal(signal.SIGTERM, _end)


def _end(*_: Any) -> None:
    """An exception raised here could be swallowed by whatever code is interrupted."""
    sys.stderr.flush()
    os._exit(ExitCode.FINE)
