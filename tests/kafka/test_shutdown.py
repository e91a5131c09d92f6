"""SIGTERM to a worker at work: it ends within the time it has, and what it had in hand is done by the next one."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from agents.engine.broker import EmbeddedBroker
from tests.kafka.lone import feed, finished, flood, lone, outcomes, small, until
from tests.kafka.stand import Stand

pytestmark = [pytest.mark.soak, pytest.mark.timeout(600)]

DEADLINE = 20.0  # FEEDMILL_STOP_DEADLINE_SECONDS
GRACE = 30.0
"""What Kubernetes gives a container by default. A stop that is cut short takes the deadline and a moment."""


@pytest.fixture
def own_broker() -> Iterator[EmbeddedBroker]:
    with EmbeddedBroker() as broker:
        yield broker


@pytest.mark.parametrize(
    ("name", "documents", "stage", "done", "entries"),
    [
        pytest.param("load", small(0, 3000), "parse", 200, 3000, id="under full load"),
        pytest.param("feed", [feed(1, 10_000)], "parse", 1, 10_000, id="a feed of 10,000 entries on its way"),
        pytest.param("whole", [feed(1, 10_000)], "", 0, 10_000, id="a feed of 10,000 entries just taken"),
    ],
)
def test_a_stop_at_work_is_in_time_and_loses_nothing(
    broker: EmbeddedBroker, tmp_path: Path, name: str, documents: list[bytes], stage: str, done: int, entries: int
) -> None:
    stand = Stand(broker.address, f"stop-{name}")
    asyncio.run(stand.create())
    asyncio.run(flood(stand, documents))
    with lone(stand, tmp_path / "first") as worker:
        assert not stage or until(lambda: worker.inputs(stage) >= done, 60, every=0.02)
        begun = time.monotonic()
        worker.process.send_signal(signal.SIGTERM)
        code = worker.wait_for_end(GRACE)
        assert time.monotonic() - begun < GRACE
        assert code == os.EX_OK, worker.said[-3000:]
        first = len(asyncio.run(outcomes(stand)))
    assert first < entries, "it had nothing left to do; this proves nothing"
    found = finished(stand, tmp_path / "next", entries)
    assert len(found) == len(set(found)) == entries


@pytest.mark.parametrize("how", ["kill", "pause"])
def test_a_stop_while_the_broker_is_away_is_in_time_and_loses_nothing(
    own_broker: EmbeddedBroker, tmp_path: Path, how: str
) -> None:
    stand = Stand(own_broker.address, "stop-away")
    asyncio.run(stand.create())
    asyncio.run(flood(stand, small(0, 2000)))
    with lone(stand, tmp_path / "first", {"FEEDMILL_BROKER_LOST_SECONDS": "300"}) as worker:
        assert until(lambda: worker.inputs("parse") > 0, 60, every=0.02)
        getattr(own_broker, how)()
        try:
            time.sleep(2.0)
            begun = time.monotonic()
            worker.process.send_signal(signal.SIGTERM)
            code = worker.wait_for_end(GRACE)
            assert time.monotonic() - begun < GRACE
            assert code in (os.EX_OK, 70), worker.said[-3000:]  # 70: cut short, or ended before by what it had begun
        finally:
            own_broker.restart() if how == "kill" else own_broker.resume()
    found = finished(stand, tmp_path / "next", 2000)
    assert len(found) == len(set(found)) == 2000
