"""Whose cancellation it is: of the task at hand, or of somebody else's work that it waited for."""

from __future__ import annotations

import asyncio


def is_cancelled() -> bool:
    """Whether the running task itself is being cancelled.

    Faust's two threads hand each other's results on, cancellations among them: in the waiting task they look like its
    own, and would end it.
    """
    task = asyncio.current_task()
    return task is None or task.cancelling() > 0
