"""Commits the group's offsets of what the mill has worked off, each with a mark of how it stands with its owner.

By the consumer that is the group's member, so that the broker refuses what a worker says of partitions that were
given to another meanwhile. Faust's own commit knows no marks, and ends the app where one fails.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import Any

from aiokafka import TopicPartition
from aiokafka.structs import OffsetAndMetadata

from agents.engine.cancelling import is_cancelled
from agents.engine.transport import Committed

log = logging.getLogger(__name__)

WITHIN_SECONDS = 5.0


class Marks:
    """`app` is the Faust application whose consumer is the member."""

    def __init__(self, app: Any) -> None:
        self._app = app
        self._turn = asyncio.Lock()  # the last word must arrive last; the consumer's thread works on two calls at once

    async def commit(self, found: Mapping[tuple[str, int], Committed]) -> bool:
        """Commit; False where it did not come to that. Nothing is lost then, the next owner is only less sure."""
        offsets = {
            TopicPartition(topic, partition): OffsetAndMetadata(one.offset, one.mark)
            for (topic, partition), one in found.items()
        }
        if not offsets:
            return True
        thread = self._app.consumer._thread

        async def committed() -> None:
            await thread._ensure_consumer().commit(offsets)

        try:
            async with self._turn, asyncio.timeout(WITHIN_SECONDS):
                await thread.call_thread(committed)
        except asyncio.CancelledError:
            if is_cancelled():
                raise
            return False  # the consumer's thread stops, and did not come to it
        except Exception as error:
            why = str(error) or type(error).__name__
            log.warning("The group's offsets were not committed (%s): a new owner will look more closely.", why)
            return False
        return True


__all__ = ["Marks"]
