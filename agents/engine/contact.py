"""Whether a broker still answers, or is gone for good.

aiokafka's transactional producers try for ever, and its clients know only the addresses of the brokers that were
there last: a worker whose brokers are gone, or came back elsewhere, would wait without an end.
"""

from __future__ import annotations

import time
from collections.abc import Callable


class Contact:
    """Counts the time without an answer. `limit` and the timer's values are seconds."""

    def __init__(self, limit: float, timer: Callable[[], float] = time.monotonic) -> None:
        self._limit = limit
        self._timer = timer
        self._heard = timer()

    def heard(self) -> None:
        """A broker has answered."""
        self._heard = self._timer()

    def lost(self) -> str | None:
        """To be asked after a question without an answer: why it is no use to go on, as a sentence; None: not yet."""
        silence = self._timer() - self._heard
        if silence < self._limit:
            return None
        return f"no broker has answered for {silence:.0f} s. Nothing was committed; a restart goes on from there."
