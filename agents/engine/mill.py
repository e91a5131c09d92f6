"""The mill inside a worker: the loops of all four stages, as one Faust service.

It starts before Faust's consumer and agents and stops after them, so that the producers and stores are there as
long as a record can arrive.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys
import threading
import time
from collections.abc import Mapping
from typing import Any

from mode import Service

from agents.engine.about import about_record
from agents.engine.access import FORBIDDEN, forbidden
from agents.engine.contact import Contact
from agents.engine.kafka import KafkaTransport
from agents.engine.lag import LagReader
from agents.engine.loop import StageLoop
from agents.engine.marks import Marks
from agents.engine.memory import Spare
from agents.engine.quarantine import ChildQuarantine
from agents.engine.taking import taken
from agents.engine.transport import Committed, EngineError, UnavailableError
from agents.engine.watchers import Watchers
from schemas import StageName

log = logging.getLogger(__name__)

EXIT_ENDED = 70
"""Exit code after which a restart is the cure: nothing was committed, the next owner decides what was open."""

BEAT_SECONDS = 1.0
CONTACT_SECONDS = 2.0
HINT_SECONDS = 1.0
LAG_SECONDS = 5.0
SPARE_SECONDS = 2.0


class Mill(Service):
    """Owns the loops. `app` is the Faust application whose consumer they follow."""

    logger = logging.getLogger("mode.mill")  # what the service framework says of starting and stopping

    def __init__(
        self,
        app: Any,
        transport: KafkaTransport,
        lag_reader: LagReader,
        loops: Mapping[StageName, StageLoop[Any]],
        watchers: Watchers,
        contact: Contact,
        quarantine: ChildQuarantine,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.app = app
        self.loops = loops
        self._transport = transport
        self._lag_reader = lag_reader
        self._watchers = watchers
        self._contact = contact
        self._quarantine = quarantine
        self._marks = Marks(app)
        self._settled = asyncio.Event()
        self._spare = Spare(time.process_time)
        self._running = False

    async def on_start(self) -> None:
        try:
            await self._transport.start()
            await self._lag_reader.start()
            for stage, loop in self.loops.items():
                await loop.start()
                self._watchers.metrics.watch_state(stage, loop.state_size)
                self._watchers.metrics.watch_restore(stage, loop.ready_partitions)
            stories = self.loops[StageName.STORIES]
            self._watchers.metrics.watch_index(stories.index_sizes, stories.dropped)
        except EngineError as error:
            end_process(str(error), EXIT_ENDED, error.about)
        self._contact.heard()
        self._running = True

    async def on_stop(self) -> None:
        """Also runs when on_start failed; revoke signals are not sent at shutdown, so stores are closed here."""
        self._running = False
        for loop in self.loops.values():
            await loop.stop()
        await self._quarantine.rest()
        await self._lag_reader.stop()
        await self._transport.stop()

    def owned(self, topic: str) -> set[int]:
        """Partitions of a topic that the group has given this worker."""
        return {tp.partition for tp in self.app.consumer.assignment() if tp.topic == topic}

    def draining(self) -> None:
        """A stop in order has begun."""
        self._watchers.health.draining()

    async def farewell(self) -> None:
        """What was in hand is done, and nothing new comes: let go, and tell the group so for whoever comes next.

        In this order: the timer that says "at work" must have nothing to say any more.
        """
        self._settled.clear()
        found = self._hints(in_order=True)
        for loop in self.loops.values():
            await loop.unsettle()
        await self._marks.commit(found)

    async def unsettle(self) -> None:
        """A rebalance has begun. What was in hand is done; partitions may move."""
        self._watchers.health.revoked()
        await self.farewell()

    async def settle(self) -> None:
        """Take newly assigned partitions over, before Faust fetches from them: fenced, restored, ready."""
        owned = {stage: self.owned(loop.input) for stage, loop in self.loops.items()}
        self._watchers.metrics.assigned(owned)
        self._watchers.health.assigned(owned)
        started = time.monotonic()
        for stage, loop in self.loops.items():
            try:
                await loop.take_over(owned[stage])
            except EngineError as error:
                end_process(f"{stage.value}: {error}", EXIT_ENDED, {"stage": stage.value, **error.about})
        await self._marks.commit(self._hints())  # before anything is worked on that can end this process
        self._settled.set()
        self._watchers.health.settled()
        shares = ", ".join(f"{stage.value} {len(partitions)}" for stage, partitions in owned.items())
        log.info("Ready, restored in %.1f s. Partitions: %s.", time.monotonic() - started, shares)

    async def work(self, stage: StageName, stream: Any) -> None:
        """The body of a stage's agent. Whatever fails here ends the process with nothing committed."""
        loop, health = self.loops[stage], self._watchers.health
        async for records, events in taken(self.app, stream):
            try:
                await self._settled.wait()  # Faust begins to fetch meanwhile
                with health.at_work(stage, {record.partition for record in records}):
                    await loop.run(records)
                for event in events:
                    await stream.ack(event)
            except EngineError as error:
                about = {"stage": stage.value, **error.about} if error.about else about_record(stage, records[0])
                end_process(f"{stage.value}: {error}", EXIT_ENDED, about)
            except Exception:
                about = about_record(stage, records[0])
                log.exception(
                    "A bug in stage %s, with %d records from %s on in hand.",
                    stage.value,
                    len(records),
                    records[0].place,
                    extra=about,
                )
                why = f"{stage.value}: a bug. Nothing was committed, the records are tried again."
                end_process(why, EXIT_ENDED, about)

    @Service.timer(BEAT_SECONDS)
    async def beat(self) -> None:
        """Tell health that the event loop turns; in a timer of its own, for a broker that is away stops the others.

        Ends this worker where there is work and it gets none done: then another, or its next start, may.
        """
        health = self._watchers.health
        health.beat()
        if why := health.stalled():
            end_process(f"{why} Nothing of it was committed; a restart goes on from there.", EXIT_ENDED)

    @Service.timer(CONTACT_SECONDS)
    async def keep_contact(self) -> None:
        """Ask a broker for an answer; ends this worker where there was none for too long, whatever else waits for it.

        Judged after a question that failed only: a process that was paused has not heard of anybody either.
        """
        try:
            await self._transport.ask()
        except UnavailableError:
            if why := self._contact.lost():
                end_process(why, EXIT_ENDED)
        else:
            self._contact.heard()
            self._watchers.health.heard()

    @Service.timer(HINT_SECONDS)
    async def hint(self) -> None:
        """Verify the last commits, and commit the positions as the group's offsets: where a new owner begins to fetch.

        Ends this worker where the broker has forgotten what it committed. A broker that is away is no reason to end,
        and no exception leaves the timer: that would end the app by Faust's slow way.
        """
        if not self._running:
            return
        try:
            for loop in self.loops.values():
                await loop.verify()
            await self._marks.commit(self._hints())
        except UnavailableError as error:
            log.warning("The last commits could not be verified: %s", error)
        except FORBIDDEN as error:
            end_process(str(forbidden("commit offsets", error)), EXIT_ENDED)
        except EngineError as error:
            end_process(str(error), EXIT_ENDED, error.about)
        except Exception as error:
            log.warning("The starting hint was not committed (%s): a restart will skip a few more records.", error)

    def _hints(self, *, in_order: bool = False) -> dict[tuple[str, int], Committed]:
        """What the group should know of the partitions that are settled, and its member's."""
        mine = {(tp.topic, tp.partition) for tp in self.app.consumer.assignment()}
        return {
            (loop.input, partition): one
            for loop in self.loops.values()
            for partition, one in loop.hints(in_order=in_order).items()
            if (loop.input, partition) in mine
        }

    @Service.timer(SPARE_SECONDS)
    async def give_back(self) -> None:
        """Give the memory back that batches have left behind, and end the child that has nothing more to try."""
        self._spare.give_back()
        if self._quarantine.awake and not any(loop.suspects for loop in self.loops.values()):
            await self._quarantine.rest()

    @Service.timer(LAG_SECONDS)
    async def measure_lag(self) -> None:
        """Read the lag of what this worker owns from the broker. Ends the worker where an input was replaced."""
        if not self._running:
            return
        places = {
            (loop.input, partition): (stage, partition, part.next)
            for stage, loop in self.loops.items()
            for partition, part in loop.parts.items()
            if part.ready
        }
        try:
            for loop in self.loops.values():
                await loop.check_inputs()
        except UnavailableError as error:
            log.warning("The ends of the inputs could not be read: %s", error)
            return
        except EngineError as error:
            end_process(str(error), EXIT_ENDED, error.about)
        try:
            lags = await self._lag_reader.read({place: position for place, (_, _, position) in places.items()})
        except EngineError as error:
            log.warning("%s", error)
            return
        except Exception:
            log.exception("The lag could not be read")
            return
        named = {places[place][:2]: lag for place, lag in lags.items()}
        self._watchers.metrics.lags(named)
        self._watchers.health.lags(named)


def end_process(why: str, code: int, about: Mapping[str, Any] | None = None) -> None:
    """End at once: an orderly stop could take a minute with the broker away, and has nothing left to save."""
    log.error("This worker ends: %s", why, extra=about)
    _flush()
    os._exit(code)


def stop_within(seconds: float) -> None:
    """Bound a stop that has begun: Faust's own takes over a minute while the broker is away."""

    def give_up() -> None:
        log.error("The stop took longer than %g s and was cut short; nothing is lost by it.", seconds)
        _flush()
        os._exit(EXIT_ENDED)

    timer = threading.Timer(seconds, give_up)
    timer.daemon = True
    timer.start()


def _flush() -> None:
    for handler in logging.getLogger().handlers:
        handler.flush()
    sys.stdout.flush()
    sys.stderr.flush()
