"""The mill inside a worker: the loops of all four stages, as one Faust service.

It starts before Faust's consumer and agents and stops after them, so that the producers and stores are there as
long as a record can arrive.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
from collections.abc import Callable, Mapping
from typing import Any

from faust.types import TP
from mode import Service

from agents.engine.kafka import KafkaTransport
from agents.engine.loop import StageLoop
from agents.engine.taking import taken
from agents.engine.transport import EngineError
from schemas import StageName

log = logging.getLogger(__name__)

EXIT_ENDED = 70
"""Exit code after which a restart is the cure: nothing was committed, the next owner decides what was open."""

HINT_SECONDS = 1.0


class Mill(Service):
    """Owns the loops. `app` is the Faust application whose consumer they follow."""

    def __init__(
        self,
        app: Any,
        transport: KafkaTransport,
        loops: Mapping[StageName, StageLoop[Any]],
        *,
        on_stopping: Callable[[], None],
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.app = app
        self.loops = loops
        self._transport = transport
        self._on_stopping = on_stopping

    async def on_start(self) -> None:
        await self._transport.start()
        for loop in self.loops.values():
            await loop.start()

    async def on_stop(self) -> None:
        """Also runs when on_start failed; revoke signals are not sent at shutdown, so stores are closed here."""
        for loop in self.loops.values():
            await loop.stop()
        await self._transport.stop()

    def owned(self, topic: str) -> set[int]:
        """Partitions of a topic that the group has given this worker."""
        return {tp.partition for tp in self.app.consumer.assignment() if tp.topic == topic}

    async def unsettle(self) -> None:
        for loop in self.loops.values():
            await loop.unsettle()

    async def work(self, stage: StageName, stream: Any) -> None:
        """The body of a stage's agent. Whatever fails here ends the process with nothing committed."""
        loop = self.loops[stage]
        async for records, events in taken(self.app, stream):
            try:
                await loop.run(records)
            except EngineError as error:
                end_process(f"{stage.value}: {error}", EXIT_ENDED)
            except Exception:
                at = ", ".join(sorted({f"{record.topic}/{record.partition}/{record.offset}" for record in records})[:5])
                log.exception(
                    "A bug in stage %s ended this worker, nothing was committed. In hand: %s", stage.value, at
                )
                end_process(f"{stage.value}: a bug; the records in hand are tried again at the next start", EXIT_ENDED)
            for event in events:
                await stream.ack(event)

    async def settle(self) -> None:
        """Take newly assigned partitions over, before Faust fetches from them: fenced, restored, ready."""
        for stage, loop in self.loops.items():
            try:
                await loop.take_over(self.owned(loop.input))
            except EngineError as error:
                end_process(f"{stage.value}: {error}", EXIT_ENDED)

    @Service.timer(HINT_SECONDS)
    async def hint(self) -> None:
        """Commit the positions as the group's offsets: where a new owner begins to fetch, no more.

        An exception that leaves a timer would end the app by Faust's slow way, so none does.
        """
        try:
            mine = self.app.consumer.assignment()
            offsets = {
                TP(loop.input, partition): position
                for loop in self.loops.values()
                for partition, position in loop.positions().items()
                if TP(loop.input, partition) in mine
            }
            if offsets:
                await self.app.consumer._commit(offsets)
        except Exception as error:
            log.warning("The starting hint was not committed (%s): a restart will skip a few more records.", error)

    def stopping(self) -> None:
        self._on_stopping()


def end_process(why: str, code: int) -> None:
    """End at once: an orderly stop could take a minute with the broker away, and has nothing left to save."""
    log.error("This worker ends: %s", why)
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
