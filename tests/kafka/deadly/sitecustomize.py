"""Makes documents deadly: Python imports this at its start where its folder is on PYTHONPATH (test_poison.py).

A body that says `deadly-enrich-abort` ends the process that enriches it, and so on for each stage and each way to die.
What dies is written to the file DEADLY_LOG first: the process, whether it was a child, and the words.
"""

from __future__ import annotations

import functools
import os
import re
import signal
import sys
from collections.abc import Callable
from typing import Any

import agents.dedupe.stage
import agents.enrich.stage
import agents.parse.stage
import agents.stories.stage

MOST_MEMORY = 800 << 20
"""What a worker may take before the kernel kills it; the child's own limit comes earlier."""

CHILD = "agents.tried" in sys.orig_argv


def note(what: str) -> None:
    with open(os.environ["DEADLY_LOG"], "a", encoding="utf-8") as log:
        log.write(f"{os.getpid()} {'child' if CHILD else 'worker'} {what}\n")


def exhaust_memory() -> None:
    taken: list[bytearray] = []
    while len(taken) << 24 < MOST_MEMORY:
        taken.append(bytearray(1 << 24))
    os.kill(os.getpid(), signal.SIGKILL)


def hang_in_python() -> None:
    while True:
        pass


WAYS: dict[str, Callable[[], Any]] = {
    "abort": os.abort,
    "memory": exhaust_memory,
    "hang": hang_in_python,
    "lock": lambda: re.match(r"(a+)+b", "a" * 60),  # for ever in C, and the interpreter's lock with it
    "raise": lambda: 1 // 0,
}


def deadly(module: Any, name: str, words: str) -> None:
    """Put the trap before a function: it closes where an argument says the words."""
    original = getattr(module, name)
    trap = re.compile(f"deadly-{words}-({'|'.join(WAYS)})")

    @functools.wraps(original)
    def guarded(*arguments: Any, **named: Any) -> Any:
        if found := trap.search(str(arguments)):
            note(found[0])
            WAYS[found[1]]()
        return original(*arguments, **named)

    setattr(module, name, guarded)


if "DEADLY_LOG" in os.environ:
    note("starts")
    deadly(agents.parse.stage, "read_document", "parse")
    deadly(agents.dedupe.stage, "visible_text", "dedupe")
    deadly(agents.enrich.stage, "read_html", "enrich")
    deadly(agents.stories.stage, "_grouped", "stories")
