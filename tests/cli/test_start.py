"""Ctrl-C while the libraries are loaded."""

from __future__ import annotations

import subprocess
import sys

_INTERRUPTED_WHILE_LOADING = """
import os, signal, sys
from importlib.abc import MetaPathFinder
from agents.cli.start import main

class Interrupting(MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name == "typer":
            os.kill(os.getpid(), signal.SIGINT)
        return None

signal.signal(signal.SIGINT, signal.default_int_handler)
sys.meta_path.insert(0, Interrupting())
sys.argv = ["feedmill", "schema"]
main()
"""


def test_it_is_a_word_and_130() -> None:
    """It was a traceback, and -2."""
    done = subprocess.run(
        [sys.executable, "-c", _INTERRUPTED_WHILE_LOADING], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "feedmill: Stopped.\n")


def test_otherwise_the_command_runs() -> None:
    started = "import sys; from agents.cli.start import main; sys.argv = ['feedmill', 'schema']; main()"
    done = subprocess.run([sys.executable, "-c", started], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0
    assert done.stdout.startswith("item ")
