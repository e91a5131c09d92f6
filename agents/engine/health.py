"""Is the worker alive, is it ready: judged from what its loops did. `probes.py` tells it to who asks.

A worker is dead when there is work and no progress, never because a broker is away: a restart would not bring the
broker back, and a hundred workers restarting at once would not help it. (One that is away for long ends the worker by
the mill's own doing, `contact.py`: its clients may know addresses that are no broker's any more.)
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

from msgspec import Struct

from agents.engine.lag import Lag
from agents.stage import Output
from schemas import StageName

STALL_SECONDS = 180.0
"""Work at hand and none of it done in its whole stage for so long: dead. Longer than a transaction's time-out, a
rebalance, and what the largest batch takes on a slow machine."""

PATIENCE = 5
"""So many times as long for one partition of a stage that does get on: its records may wait behind those of others."""

RESTORE_SECONDS = 900.0
"""The same while partitions are restored; 50 million keys take some four minutes."""

BEAT_SECONDS = 30.0
"""An event loop that has not turned for so long is stuck, whatever work there is."""

PAUSED_SECONDS = 10.0
"""Between two turns of the event loop: the process was paused, and what it did not do meanwhile proves nothing."""

FRESH_SECONDS = 30.0
"""A lag that was read longer ago, and longer than half of a stall, proves nothing."""

ANSWER_SECONDS = 20.0
"""No lag could be read from the broker for so long: not ready."""

UNANSWERED_SECONDS = 5.0
"""Of the time since a broker's last answer, so much counts as time to get something done in; the rest is its own."""

Place = tuple[StageName, int]


class State(Struct, frozen=True):
    """One verdict: `ok`, and why in a sentence."""

    ok: bool
    why: str


class _Work(Struct):
    """One owned partition. Times are the timer's, in seconds."""

    since: float  # the last progress, or the assignment
    restored: bool = False
    in_hand: bool = False
    lag: int = 0
    lag_at: float = 0.0


class Health:
    """What is known of a worker, told of what its loops do by `Watchers`. Any thread may call any method.

    `timer` counts seconds without jumps. The worker calls `assigned` (before it restores) and `revoked` at rebalances,
    `settled` when all of that is taken over, `at_work` while a stage has records in hand, `lags` after each reading,
    `heard` when a broker has answered, `beat` about once a second from a task that waits for nothing else, and
    `draining` when it begins to stop. It must take every assigned partition over at once, idle ones too: a partition
    is ready when its state was restored, not when its first record comes.
    """

    def __init__(
        self,
        *,
        timer: Callable[[], float] = time.monotonic,
        stall_seconds: float = STALL_SECONDS,
        restore_seconds: float = RESTORE_SECONDS,
        beat_seconds: float = BEAT_SECONDS,
        answer_seconds: float = ANSWER_SECONDS,
    ) -> None:
        self._timer = timer
        self._stall_seconds = stall_seconds
        self._restore_seconds = restore_seconds
        self._beat_seconds = beat_seconds
        self._answer_seconds = answer_seconds
        self._lock = threading.Lock()
        self._work: dict[Place, _Work] | None = None
        self._settled = False
        self._revoked: float | None = None
        self._done: dict[StageName, float] = {}  # when a stage last got something done, on any partition
        self._beat: float | None = None
        self._answered: float | None = None
        self._draining = False

    # -- told by the worker

    def assigned(self, partitions: Mapping[StageName, Collection[int]]) -> None:
        """The group has decided: all that is owned now. Each partition is yet to be restored."""
        now = self._timer()
        with self._lock:
            self._work = {(stage, number): _Work(now) for stage, owned in partitions.items() for number in owned}
            self._settled, self._revoked = False, None

    def settled(self) -> None:
        """All that was assigned is taken over, with what the stages make of their state."""
        with self._lock:
            self._settled = True
            self._restart_clocks()

    def revoked(self) -> None:
        """A rebalance has begun; nothing is owned until `assigned`."""
        with self._lock:
            self._work, self._revoked = None, self._timer()

    def draining(self) -> None:
        """The worker is stopping in order: no more work is wanted."""
        with self._lock:
            self._draining = True

    def beat(self) -> None:
        """The event loop has turned. Not for a task that asks a broker: one that is away would look like death."""
        now = self._timer()
        with self._lock:
            if self._beat is not None and now - self._beat > PAUSED_SECONDS:
                self._restart_clocks()
            self._beat = now

    def heard(self) -> None:
        """A broker has answered."""
        with self._lock:
            self._hear()

    @contextlib.contextmanager
    def at_work(self, stage: StageName, partitions: Collection[int]) -> Iterator[None]:
        """Records of these partitions are in hand."""
        now = self._timer()
        with self._lock:
            held = [work for number in set(partitions) if (work := self._owned(stage, number))]
            for work in held:
                work.since, work.in_hand = now, True
        try:
            yield
        finally:
            with self._lock:
                for work in held:
                    work.in_hand = False

    def progressed(self, stage: StageName, partition: int) -> None:
        """Something of a long piece of work is done."""
        now = self._timer()
        with self._lock:
            if work := self._owned(stage, partition):
                work.since = self._done[stage] = now

    def lags(self, lags: Mapping[Place, Lag]) -> None:
        """Lags just read from the broker. One that is old proves nothing: the broker may be away."""
        now = self._timer()
        with self._lock:
            self._hear()
            for place, lag in lags.items():
                if work := self._owned(*place):
                    if work.lag == 0 or not self._is_fresh(work, now):
                        work.since = now  # the work came just now, or the broker came back
                    # Where no record was seen there may be none: only markers and what was aborted.
                    work.lag, work.lag_at = 0 if lag.oldest is None else lag.records, now

    # -- told of the loops

    def handled(self, stage: StageName, partition: int, entries: int, outputs: Sequence[Output], size: int) -> None:
        self.progressed(stage, partition)

    def took(self, stage: StageName, seconds: float, committing: float) -> None:
        return None

    def restored(self, stage: StageName, partition: int, records: int, seconds: float, rebuilt: str | None) -> None:
        now = self._timer()
        with self._lock:
            for (name, number), work in (self._work or {}).items():
                if name is stage:
                    work.since = now  # the others were waiting for the one reader
                    work.restored = work.restored or number == partition

    def refused(self, stage: StageName, partition: int, why: str) -> None:
        self.progressed(stage, partition)

    # -- asked by the server

    def ready(self) -> State:
        """Whether work sent here would be done now."""
        now = self._timer()
        with self._lock:
            if self._draining:
                return State(False, "The worker is stopping.")
            if self._work is None:
                return State(False, "No partitions are assigned: the worker is starting, or a rebalance goes on.")
            if self._is_silent(now):
                return State(False, f"The broker has not answered for {now - (self._answered or now):.0f} s.")
            waiting = [place for place, work in self._work.items() if not work.restored]
            owned, settled = len(self._work), self._settled
        if waiting:
            return State(False, f"{len(waiting)} of {owned} partitions are still to be restored: {_named(waiting)}.")
        if not settled:
            return State(False, f"All {owned} partitions are restored; what the stages make of them is not ready yet.")
        if not owned:
            return State(True, "No partition fell to this worker, others have them all; it stands by.")
        return State(True, f"All {owned} assigned partitions are restored and worked on.")

    def alive(self) -> State:
        """Whether a restart would not help."""
        now = self._timer()
        with self._lock:
            if self._beat is not None and now - self._beat > self._beat_seconds:
                return State(False, f"The event loop has not turned for {now - self._beat:.0f} s.")
        if why := self.stalled():
            return State(False, why)
        return State(True, "Every partition with work to do makes progress.")

    def stalled(self) -> str | None:
        """Why the worker should end, as a sentence: there is work, the broker answers, and nothing gets done."""
        now = self._timer()
        with self._lock:
            if self._answered is not None:
                now = min(now, self._answered + UNANSWERED_SECONDS)
            if self._revoked is not None and (gone := now - self._revoked) > self._restore_seconds:
                return f"The rebalance has gone on for {gone:.0f} s."
            stuck = [
                (now - work.since, place, work)
                for place, work in (self._work or {}).items()
                if self._has_work(work, now) and now - work.since > self._limit(place, work, now)
            ]
            if not stuck:
                return None
            seconds, (stage, number), work = max(stuck, key=lambda found: (found[0], not found[2].restored))
            what = (
                "its state is not restored"
                if not work.restored
                else "what the stage makes of its state is not ready"
                if not self._settled
                else "records are in hand"
                if work.in_hand
                else f"{work.lag:,} records wait"
            )
        more = f" {len(stuck) - 1} more partitions are stuck." if len(stuck) > 1 else ""
        return f"{stage}/{number} has made no progress for {seconds:.0f} s and {what}.{more}"

    def _has_work(self, work: _Work, now: float) -> bool:
        return not work.restored or not self._settled or work.in_hand or (work.lag > 0 and self._is_fresh(work, now))

    def _is_fresh(self, work: _Work, now: float) -> bool:
        return now - work.lag_at <= max(self._stall_seconds / 2, FRESH_SECONDS)

    def _limit(self, place: Place, work: _Work, now: float) -> float:
        if not work.restored or not self._settled:
            return self._restore_seconds
        done = self._done.get(place[0])
        gets_on = done is not None and now - done <= self._stall_seconds
        return self._stall_seconds * (PATIENCE if gets_on else 1)

    def _is_silent(self, now: float) -> bool:
        """Whether the broker is away: then nobody gets anything done, and no restart helps."""
        return self._answered is not None and now - self._answered > self._answer_seconds

    def _hear(self) -> None:
        now = self._timer()
        away = 0.0 if self._answered is None else now - self._answered - UNANSWERED_SECONDS
        if away > 0:
            for work in (self._work or {}).values():
                work.since = min(now, work.since + away)
            if self._revoked is not None:
                self._revoked = min(now, self._revoked + away)
        self._answered = now

    def _restart_clocks(self) -> None:
        now = self._timer()
        for work in (self._work or {}).values():
            work.since = now
        if self._revoked is not None:
            self._revoked = now

    def _owned(self, stage: StageName, partition: int) -> _Work | None:
        return None if self._work is None else self._work.get((stage, partition))


def _named(places: Sequence[Place]) -> str:
    named = ", ".join(f"{stage}/{number}" for stage, number in sorted(places)[:5])
    return f"{named} …" if len(places) > 5 else named
