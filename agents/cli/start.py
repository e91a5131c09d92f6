"""The console script: Ctrl-C is heard from here on, also while the libraries are loaded."""

from __future__ import annotations

import os
import signal
import sys
from typing import Any

_INTERRUPTED = 130  # ExitCode's, which is among what is still to be loaded


def main() -> None:
    """Run `feedmill`."""
    heard = signal.getsignal(signal.SIGINT)
    if heard is signal.default_int_handler:  # else it is ignored: a shell's background job
        signal.signal(signal.SIGINT, _stop)
    from agents.cli.main import main as run

    signal.signal(signal.SIGINT, heard)
    run()


def _stop(*_: Any) -> None:
    """Nothing was begun. Ended at once: an exception could be swallowed by what is being loaded."""
    sys.stderr.write("feedmill: Stopped.\n")
    sys.stderr.flush()
    os._exit(_INTERRUPTED)
