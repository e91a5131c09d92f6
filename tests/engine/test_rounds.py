"""Rounds of a process that watches: what fails is counted and tried again, and its supervisor is told the truth."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Sequence

import pytest
from prometheus_client import Counter

from agents.engine.access import ForbiddenError
from agents.engine.rounds import LEAST_PATIENCE, Rounds
from agents.engine.transport import UnavailableError


class Stage:
    """Work that ends as it is told, and a clock that stands until it is set."""

    def __init__(self, *ends: BaseException | None) -> None:
        self.ends: list[BaseException | None] = list(ends)
        self.now = 0.0
        self.failures = Counter("failures", "", registry=None)
        self.rounds = Rounds("reading", 5.0, self.work, self.failures, timer=lambda: self.now)

    async def work(self) -> None:
        end = self.ends.pop(0)
        if end is not None:
            raise end

    def do(self, count: int = 1) -> None:
        for _ in range(count):
            asyncio.run(self.rounds.once())

    @property
    def failed(self) -> float:
        return next(iter(self.failures.collect())).samples[0].value


AWAY = UnavailableError("The broker is away.")


def test_ready_is_of_now() -> None:
    stage = Stage(None, AWAY, None)
    assert not stage.rounds.ready().ok
    stage.do()
    assert stage.rounds.ready().ok
    stage.now = LEAST_PATIENCE + 0.1
    stage.do()
    assert stage.rounds.ready().why == "The last reading that came through was 15 s ago. The broker is away."
    assert not stage.rounds.ready().ok
    stage.do()
    assert stage.rounds.ready().ok
    assert stage.failed == 1


@pytest.mark.parametrize("error", [AWAY, OSError("gone"), TimeoutError(), ValueError("a bug"), ForbiddenError("No.")])
def test_no_failure_ends_it_later(error: Exception) -> None:
    stage = Stage(None, error, None)
    stage.do(3)
    assert stage.failed == 1
    assert stage.rounds.ready().ok


def test_a_missing_permission_ends_it_at_the_start() -> None:
    stage = Stage(ForbiddenError("No."))
    with pytest.raises(ForbiddenError):
        stage.do()


def warned(records: Sequence[logging.LogRecord]) -> list[str]:
    return [record.getMessage() for record in records if record.levelno >= logging.INFO]


def test_what_goes_on_failing_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    Stage(None, AWAY, AWAY, AWAY, UnavailableError("Nobody leads."), None, None, AWAY).do(8)
    assert warned(caplog.records) == [
        "A reading failed: The broker is away.",
        "A reading failed: Nobody leads.",
        "Another reading came through.",
        "A reading failed: The broker is away.",
    ]


async def test_it_is_dead_when_its_event_loop_stands() -> None:
    stage = Stage(None)
    running = asyncio.create_task(stage.rounds.run())
    await asyncio.sleep(0.05)
    assert stage.rounds.alive().ok
    stage.now = 31
    assert stage.rounds.alive().why == "The event loop has not turned for 31 s."
    assert not stage.rounds.alive().ok
    await asyncio.sleep(1.2)
    assert stage.rounds.alive().ok
    running.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running


async def test_it_is_alive_while_it_waits_for_a_broker_before_its_first_round() -> None:
    stage = Stage()
    running = asyncio.create_task(stage.rounds.run(asyncio.Event().wait))
    stage.now = 31
    await asyncio.sleep(1.2)
    assert stage.rounds.alive().ok
    assert stage.rounds.ready().why == "No reading has come through yet, for 31 s."
    running.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running
