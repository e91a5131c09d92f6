"""How this command was started, so that a hint can be typed as it is printed."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

NAME = "feedmill"

_HINT = re.compile(r"`feedmill(?=[ `])")


def command(arguments: Sequence[str] | None = None) -> str:
    """What to type for `feedmill` in this folder: its name where PATH finds it, else the way to it."""
    given = (arguments or sys.argv)[0]
    if Path(given).name != NAME:  # another program's doing, such as a test's
        return NAME
    found = shutil.which(NAME)
    return NAME if found and os.path.realpath(found) == os.path.realpath(given) else _way(given)


def typed(text: str) -> str:
    """The text with its hints, such as `feedmill tail`, as they can be typed here."""
    return _HINT.sub(lambda _: f"`{command()}", text)


def _way(program: str) -> str:
    """Relative within the present folder, else absolute."""
    path = Path(os.path.abspath(program))
    here = Path.cwd()
    return shlex.quote(str(path.relative_to(here) if path.is_relative_to(here) else path))
