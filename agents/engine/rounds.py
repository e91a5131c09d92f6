"""One piece of work done again and again by a process that does nothing else, and what its supervisor is told of it.

A round that fails is counted, and the next is tried as if nothing had been: the broker may be away, and comes back.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, GCCollector, PlatformCollector, ProcessCollector

from agents import __version__
from agents.engine.access import ForbiddenError
from agents.engine.health import BEAT_SECONDS, State
from agents.engine.transport import EngineError

log = logging.getLogger(__name__)

BEAT_EVERY_SECONDS = 1.0

LEAST_PATIENCE = 15.0
"""Without a round that came through for so long, and for three rounds: not ready."""


class Rounds:
    """Runs `work` every so many seconds; any thread may ask `ready` and `alive`.

    `name` is what one of them is called in sentences: `reading`. `work` raises EngineError, OSError or TimeoutError
    where it did not come through; that is logged when it begins and when it ends, not each time.
    """

    def __init__(
        self,
        name: str,
        every: float,
        work: Callable[[], Awaitable[None]],
        failures: Counter,
        *,
        timer: Callable[[], float] = time.monotonic,
    ) -> None:
        self._name = name
        self._every = every
        self._work = work
        self._failures = failures
        self._timer = timer
        self._began = timer()
        self._done: float | None = None
        self._took = 0.0
        self._beat = timer()
        self._why = ""

    async def run(self, first: Callable[[], Awaitable[object]] | None = None) -> None:
        """Never returns. Raises ForbiddenError where permissions are missing from the beginning.

        `first` is done before the rounds, and may take its time: what it raises ends this.
        """
        beating = asyncio.create_task(self._turn())
        try:
            if first is not None:
                await first()
            while True:
                began = self._timer()
                await self.once()
                await asyncio.sleep(max(0.0, self._every - (self._timer() - began)))
        finally:
            beating.cancel()

    async def once(self) -> None:
        """One round."""
        began = self._timer()
        try:
            await self._work()
        except ForbiddenError as error:
            if self._done is None:
                raise
            self._fail(str(error))
        except (EngineError, OSError, TimeoutError) as error:
            self._fail(str(error) or type(error).__name__)
        except Exception as error:
            log.exception("A bug in this %s", self._name)
            self._fail(f"a bug ({type(error).__name__})")
        else:
            if self._why:
                log.info("Another %s came through.", self._name)
            self._why = ""
            self._done = self._timer()
            self._took = self._done - began

    def ready(self) -> State:
        """Whether what is shown is of now."""
        now = self._timer()
        why = f" {self._why}" if self._why else ""
        if self._done is None:
            return State(False, f"No {self._name} has come through yet, for {now - self._began:.0f} s.{why}")
        since = now - self._done
        if since > max(LEAST_PATIENCE, 3 * (self._every + self._took)):
            return State(False, f"The last {self._name} that came through was {since:.0f} s ago.{why}")
        return State(True, f"The last {self._name} came through {since:.0f} s ago.")

    def alive(self) -> State:
        """Whether a restart would not help. A broker that is away is no reason for one."""
        silence = self._timer() - self._beat
        if silence > BEAT_SECONDS:
            return State(False, f"The event loop has not turned for {silence:.0f} s.")
        return State(True, "The event loop turns.")

    async def _turn(self) -> None:
        while True:
            self._beat = self._timer()
            await asyncio.sleep(BEAT_EVERY_SECONDS)

    def _fail(self, why: str) -> None:
        self._failures.inc()
        if why != self._why:
            log.warning("A %s failed: %s", self._name, why)
        self._why = why


def watch_process(registry: CollectorRegistry) -> None:
    """The version, and CPU, memory and open files under their customary names."""
    info = Gauge("feedmill_build_info", "1; the version is in the label.", ["version"], registry=registry)
    info.labels(__version__).set(1)
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    GCCollector(registry=registry)
