"""Batches wait while a transaction has been open for long, and only then."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from agents.engine.turns import LARGE_BYTES, MOST_BYTES, MOST_SECONDS, Turns


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize(
    ("open_for", "waits"),
    [
        pytest.param(None, False, id="nothing open"),
        pytest.param(0.1, False, id="just begun"),
        pytest.param(MOST_SECONDS + 0.1, True, id="open for long"),
    ],
)
async def test_a_batch_waits_for_what_has_been_open_for_long(open_for: float | None, waits: bool) -> None:
    clock = Clock()
    turns = Turns(clock)
    if open_for is None:
        await asyncio.wait_for(turns.come(), 1)
        return
    with turns.open():
        clock.now += open_for
        batch = asyncio.ensure_future(turns.come())
        await asyncio.sleep(0.01)
        assert batch.done() is not waits
    await asyncio.wait_for(batch, 1)


async def test_the_oldest_counts() -> None:
    clock = Clock()
    turns = Turns(clock)
    with turns.open():
        clock.now += MOST_SECONDS + 1
        with turns.open():
            batch = asyncio.ensure_future(turns.come())
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.01)
        assert not batch.done(), "the younger one was closed, the older one was not"
    await asyncio.wait_for(batch, 1)


@pytest.mark.parametrize(
    ("sizes", "then", "waits"),
    [
        pytest.param([MOST_BYTES], LARGE_BYTES, True, id="large behind large"),
        pytest.param([MOST_BYTES], LARGE_BYTES - 1, False, id="small beside large"),
        pytest.param([LARGE_BYTES], MOST_BYTES - LARGE_BYTES, False, id="two that are not too much together"),
        pytest.param([LARGE_BYTES - 1] * 100, MOST_BYTES, False, id="large beside small ones"),
        pytest.param([], 3 * MOST_BYTES, False, id="one that alone is too large goes all the same"),
    ],
)
async def test_large_batches_wait_for_each_other(sizes: list[int], then: int, waits: bool) -> None:
    turns = Turns(Clock())
    with contextlib.ExitStack() as opened:
        for size in sizes:
            opened.enter_context(turns.open(size))
        batch = asyncio.ensure_future(turns.come(then))
        await asyncio.sleep(0.01)
        assert batch.done() is not waits
    await asyncio.wait_for(batch, 1)
