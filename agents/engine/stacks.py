"""Where a worker stands: its tasks, each down to what it waits for, and its threads. Never their variables, which hold
documents and may hold the broker's password.
"""

from __future__ import annotations

import asyncio
import faulthandler
import gc
import linecache
from collections.abc import Iterator
from types import AsyncGeneratorType, CoroutineType, GeneratorType
from typing import Any, TextIO


def write_stacks(loop: asyncio.AbstractEventLoop, out: TextIO) -> None:
    """`out` needs a file descriptor: threads are written by the interpreter itself."""
    for task in sorted(asyncio.all_tasks(loop), key=lambda task: task.get_name()):
        out.write(f"Task {task.get_name()} (most recent call last):\n")
        out.writelines(_lines(task.get_coro()))
    out.flush()
    faulthandler.dump_traceback(out)


def _lines(awaited: Any) -> Iterator[str]:
    """Of a coroutine, and of what it waits for, and so on."""
    while awaited is not None:
        if not isinstance(awaited, _WITH_FRAMES):  # a wrapper of the interpreter's own
            awaited = next((one for one in gc.get_referents(awaited) if isinstance(one, _WITH_FRAMES)), None)
            continue
        kind = next(kind for kind in ("cr", "gi", "ag") if hasattr(awaited, f"{kind}_frame"))
        if (frame := getattr(awaited, f"{kind}_frame")) is not None:
            name, line = frame.f_code.co_filename, frame.f_lineno
            yield f'  File "{name}", line {line} in {frame.f_code.co_name}: {linecache.getline(name, line).strip()}\n'
        awaited = getattr(awaited, "gi_yieldfrom" if kind == "gi" else f"{kind}_await")


_WITH_FRAMES = (CoroutineType, GeneratorType, AsyncGeneratorType)
