"""What befalls a mill in the model, and how often."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any


@dataclass(frozen=True, slots=True)
class Faults:
    """One kind a field. Zero is a world without it; `replace(Faults(), lose_markers=0.15)` is a harsher one."""

    # each step, to each living worker
    kill: float = 0.0024
    stop: float = 0.0027
    pause: float = 0.0062
    evict: float = 0.0006  # its session ends while it is at work
    cut_off: float = 0.0002  # its next call fails

    # of the killed
    restart: float = 0.7  # on the same disk
    seat: float = 0.25  # of the restarted: under a fixed name, before the group has noticed
    wipe: float = 0.3  # the disk is lost
    power_cut: float = 0.2  # the disk loses its last writes
    foreign: float = 0.06  # the disk is another mill's
    stale: float = 0.06  # the disk is a copy of another worker's, as it once was
    damage: float = 0.08  # a table on it is a newer mill's, or cannot be read

    # each step, to each paused worker
    wake: float = 0.03  # it goes on, or the group goes on without it

    # each step, to the broker, its logs and the group
    join: float = 0.0055
    time_out: float = 0.004  # of a transaction
    compact: float = 0.011
    forget_hints: float = 0.006  # a group's offset is gone, or moved back
    outage: float = 0.0002  # every worker's next call fails
    slow: float = 0.003  # it takes its time to answer
    garbage: float = 0.0003  # somebody writes to an internal topic

    pass_over: float = 0.03  # of an assignment: a consumer drops what it fetched first, and does not seek back

    # of a call
    fail_delivery: float = 0.008  # of a batch: it is lost, or its answer is
    pause_at_commit: float = 0.06  # everything is sent, nothing is decided
    pause_at_look: float = 0.01  # at the group's offset, after a restore
    lose_markers: float = 0.012  # of a commit or an abort
    lose_some_markers: float = 0.0  # the same, and some partitions have theirs: see test_model.py
    lose_commit: float = 0.004  # it was not done
    lose_answer: float = 0.006  # it was done
    late_markers: float = 0.15  # of a decision: its markers come one by one
    within: float = 0.2  # a call that is several requests, with time between them

    # of a history
    lower_limit: float = 0.1  # an internal topic takes no frame of several entries
    small_batches: float = 0.3  # a producer's batch holds one or two records
    one_item: float = 0.15  # all records are about one item
    lose_changelog: float = 0.0  # with the mill down; see test_model.py

    # of the raw records
    resend: float = 0.14
    replay: float = 0.12
    retraction: float = 0.04
    poison: float = 0.06
    several: float = 0.12  # entries in one document
    outside: float = 0.12  # published in a transaction of their sender
    refused: float = 0.06  # of the revisions: some topic takes no such record
    deadly: float = 0.03  # of the revisions: working on it ends the process

    steps: int = 310
    read_committed: bool = True


@lru_cache
def rates(faults: Faults) -> dict[str, Any]:
    """The same by name."""
    return asdict(faults)
