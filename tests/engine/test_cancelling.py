"""A cancellation that comes with somebody else's result is told from the task's own."""

from __future__ import annotations

import asyncio

from agents.engine.cancelling import is_cancelled


async def _told(hold: asyncio.Future[None], cancel: bool) -> bool:
    told: list[bool] = []

    async def wait() -> None:
        try:
            await hold
        except asyncio.CancelledError:
            told.append(is_cancelled())

    task = asyncio.create_task(wait())
    await asyncio.sleep(0)
    if cancel:
        task.cancel()
    else:
        hold.set_exception(asyncio.CancelledError())
    await task
    return told[0]


def test_the_task_itself() -> None:
    async def told() -> bool:
        return await _told(asyncio.get_running_loop().create_future(), cancel=True)

    assert asyncio.run(told())


def test_what_it_waited_for() -> None:
    async def told() -> bool:
        return await _told(asyncio.get_running_loop().create_future(), cancel=False)

    assert not asyncio.run(told())
