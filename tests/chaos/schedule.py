"""What befalls a piece, and when: drawn from its seed alone."""

from __future__ import annotations

import random
from collections.abc import Sequence
from enum import StrEnum

from msgspec import Struct


class Kind(StrEnum):
    """A kind of fault. The order is that in which short pieces take them."""

    KILL = "kill -9"
    PAUSE = "SIGSTOP, SIGCONT"
    BROKER_KILL = "broker kill -9"
    WIPE = "state folder deleted"
    CUT = "network cut"
    FULL_DISK = "full disk"
    STOP = "SIGTERM"
    JOIN = "worker joins"
    SLOW = "slow broker"
    BREAK = "requests broken off"
    LEAVE = "worker leaves"
    CLOCK = "clock jumps"
    ISOLATE = "one worker cut off"
    REFUSE = "records refused"


LASTING: dict[Kind, tuple[float, float]] = {
    Kind.PAUSE: (5, 60),
    Kind.BROKER_KILL: (0.2, 4),
    Kind.CUT: (3, 30),
    Kind.FULL_DISK: (5, 15),
    Kind.SLOW: (5, 15),
    Kind.BREAK: (5, 15),
    Kind.CLOCK: (10, 25),
    Kind.ISOLATE: (5, 30),
    Kind.REFUSE: (5, 8),
}
"""Seconds that a fault lasts, least and most; those that are not here are over at once."""

GAP = (1.0, 6.0)
"""Seconds from one fault to the next; those that last overlap."""


class Fault(Struct, frozen=True):
    """`choice`, from 0 to 1, says whom it hits and how, of what is there when it comes."""

    at: float
    kind: Kind
    seconds: float
    choice: float


class Plan(Struct, frozen=True):
    """One piece: `workers` to begin with, and what befalls it."""

    seed: int
    partitions: int
    workers: int
    faults: Sequence[Fault]

    @property
    def seconds(self) -> float:
        """From the first worker's start to the end of the last fault."""
        return max((fault.at + fault.seconds for fault in self.faults), default=0.0)


def plan(
    seed: int,
    count: int,
    *,
    partitions: int | None = None,
    longest: float = 60.0,
    among: Sequence[Kind] = tuple(Kind),
) -> Plan:
    """The plan of a piece with so many faults. All kinds come equally often, also over consecutive pieces."""
    rng = random.Random(f"faults {seed}")
    kinds = [among[(seed * count + number) % len(among)] for number in range(count)]
    rng.shuffle(kinds)
    at = 2.0
    faults = []
    for kind in kinds:
        at += rng.uniform(*GAP)
        least, most = LASTING.get(kind, (0.0, 0.0))
        # mostly short, sometimes the longest
        seconds = min(least + (most - least) * rng.random() ** 2, max(least, longest))
        faults.append(Fault(round(at, 2), kind, round(seconds, 2), rng.random()))
    return Plan(seed, partitions or (1, 4, 8)[seed % 3], rng.randint(1, 4), faults)
