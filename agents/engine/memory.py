"""How much memory there may be, what malloc keeps of what was freed, and when it gives it back.

A backlog passes through a worker in fetches, frames and batches of some hundred kilobytes, each for a moment. glibc
keeps what they took, in an arena for each thread, full of holes: after 8,000 articles 170 of 390 MiB were free, and
still resident. Only glibc is asked; with another malloc nothing happens.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from pathlib import Path, PurePosixPath

_ARENA_MAX, _MMAP_THRESHOLD, _TRIM_THRESHOLD = -8, -3, -1  # M_… of malloc.h

MAPPED_FROM = 256 * 1024
"""Bytes from which a block is mapped alone, and gone when it is freed. Left alone, glibc raises this to 32 MiB."""

TOP_KEPT = 8 * 1024 * 1024
"""Bytes free at the end of the heap that are not given back at once."""

WORKED_SECONDS = 0.5
"""Of CPU, after which it is looked for what can be given back; that takes 2 or 3 ms."""


def bound_malloc() -> None:
    """One arena, large blocks apart. To be called before threads are started."""
    if mallopt := _glibc("mallopt"):
        for option, value in ((_ARENA_MAX, 1), (_MMAP_THRESHOLD, MAPPED_FROM), (_TRIM_THRESHOLD, TOP_KEPT)):
            mallopt(option, value)


class Spare:
    """Gives back what is free, where the process has worked since the last time. `timer` counts seconds of CPU."""

    def __init__(self, timer: Callable[[], float]) -> None:
        self._timer = timer
        self._trim = _glibc("malloc_trim")
        self._last = timer()

    def give_back(self) -> None:
        if self._trim is not None and (now := self._timer()) - self._last > WORKED_SECONDS:
            self._trim(0)
            self._last = now


def _glibc(name: str) -> Callable[..., int] | None:
    libc = ctypes.CDLL(None)
    return libc[name] if hasattr(libc, "gnu_get_libc_version") else None


UNLIMITED = 1 << 62
"""A limit from this size on is none: version 1 says so by the largest number of pages that there is."""


def memory_limit(of: Path = Path("/proc/self/cgroup"), groups: Path = Path("/sys/fs/cgroup")) -> int | None:
    """Bytes that the control group of this process may take, by either version; None where nothing limits it.

    A group may take no more than those above it. In a container the kernel may name the group as the host sees it,
    while only what is below it is mounted: then the mount's own root is the group. Raises OSError, ValueError.
    """
    try:
        lines = of.read_text().splitlines()
    except FileNotFoundError:
        return None
    limits: list[int] = []
    for _, controllers, path in (line.split(":", 2) for line in lines):
        if controllers and "memory" not in controllers.split(","):
            continue
        mounted, name = (groups / "memory", "memory.limit_in_bytes") if controllers else (groups, "memory.max")
        group = PurePosixPath(path.lstrip("/"))
        for one in (group, *group.parents):
            try:
                said = (mounted / one / name).read_text().strip()
            except FileNotFoundError:
                continue
            if said != "max" and int(said) < UNLIMITED:
                limits.append(int(said))
    return min(limits, default=None)
