from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from mode.utils.queues import FlowControlEvent

from agents.engine.inbox import MAX_BYTES, Inbox

MESSAGES = 64


def event(size: int) -> Any:
    return SimpleNamespace(message=SimpleNamespace(value=b"x" * size))


def inbox() -> Inbox:
    return Inbox(MESSAGES, flow_control=FlowControlEvent(initially_suspended=False), clear_on_resume=True)


@pytest.mark.parametrize(
    ("sizes", "full"),
    [
        pytest.param([], False, id="empty"),
        pytest.param([1000] * (MESSAGES - 1), False, id="room for one more"),
        pytest.param([1000] * MESSAGES, True, id="full by number"),
        pytest.param([MAX_BYTES // 4] * 3, False, id="three large ones"),
        pytest.param([MAX_BYTES // 4] * 4, True, id="full by bytes"),
        pytest.param([MAX_BYTES * 2], True, id="one that alone is too large is taken all the same"),
    ],
)
async def test_it_is_full_by_number_or_by_bytes(sizes: list[int], full: bool) -> None:
    waiting = inbox()
    for size in sizes:
        waiting.force_put_nowait(event(size))
    assert waiting.full() is full
    for size in sizes:
        assert len((await waiting.get()).message.value) == size
    assert waiting.empty()
    assert waiting.qsize() == 0


async def test_fetching_stops_under_pressure_and_goes_on_when_it_drops() -> None:
    waiting, told = inbox(), []
    for _ in range(4):
        waiting.put_nowait_enhanced(
            event(MAX_BYTES // 4), on_pressure_high=lambda: told.append("stop"), on_pressure_drop=on_drop(told)
        )
    assert told == []  # what is put is not asked whether it will be too much
    drop = on_drop(told)
    waiting.put_nowait_enhanced(event(1), on_pressure_high=lambda: told.append("stop"), on_pressure_drop=drop)
    assert told == ["stop"]
    for _ in range(5):
        await waiting.get()
    waiting.maybe_endorse_pressure_drop()
    assert told == ["stop", "go on"]


async def test_cleared_at_a_rebalance_it_is_empty() -> None:
    waiting = inbox()
    waiting.force_put_nowait(event(MAX_BYTES))
    waiting.clear()
    assert not waiting.full()
    waiting.force_put_nowait(event(1))
    assert waiting.qsize() == 1


def on_drop(told: list[str]) -> Any:
    return lambda: told.append("go on")
