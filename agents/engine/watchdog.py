"""Ends a process that is stuck in its work, in C code as well as in Python.

A thread of the interpreter's own counts the time: it needs neither the event loop nor the interpreter's lock, which a
regular expression or a parser in C can keep for ever. It writes where every thread stands to stderr first.
"""

from __future__ import annotations

import contextlib
import faulthandler
import sys
from collections.abc import Iterator


class Watchdog:
    """`seconds` is how long one piece of work may take. One at a time in a process."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    @contextlib.contextmanager
    def over(self, pieces: int = 1) -> Iterator[None]:
        """For the time of so many pieces of work; some 50 us. The process ends with code 1 where it takes longer."""
        faulthandler.dump_traceback_later(self._seconds * pieces, exit=True, file=sys.__stderr__ or 2)
        try:
            yield
        finally:
            faulthandler.cancel_dump_traceback_later()
