"""Take what is there: the first message at once, and with it all that is queued behind it.

Faust's own `take` waits for its time-out unless the batch is full, which costs every hop of the mill that long.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from agents.engine.transport import Incoming

MAX_BYTES = 4 * 1024 * 1024
"""What is taken is worked off before a rebalance or a stop goes on."""


async def taken(app: Any, stream: Any) -> AsyncIterator[tuple[list[Incoming], list[Any]]]:
    """Batches of a Faust stream: records, and the events to acknowledge when they are done with.

    Messages are read from the stream's queue as its own iterator would: those of an earlier assignment are left
    (they come again to their new owner), the others count as unacknowledged, so that a rebalance waits for them.
    """
    stream.enable_acks = False
    queue = stream.channel.queue
    async for first in stream.events():
        events = [first]
        size = len(first.message.value or b"")
        while size < MAX_BYTES and not queue.empty():
            event = queue.get_nowait()
            message = event.message
            if not app.flow_control.is_active() or message.generation_id != app.consumer_generation_id:
                continue
            if not message.tracked:
                message.tracked = True
                app.consumer._unacked_messages.add(message)
            events.append(event)
            size += len(message.value or b"")
        yield [_record(event.message) for event in events], events


def _record(message: Any) -> Incoming:
    """Faust counts time in seconds; the engine in milliseconds, as Kafka does."""
    return Incoming(
        message.topic,
        message.partition,
        message.offset,
        round(message.timestamp * 1000),
        message.key,
        message.value,
        tuple(message.headers or ()),
    )
