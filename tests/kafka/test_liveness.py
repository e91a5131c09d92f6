"""What a worker's supervisor is told in each state of a real worker, and the worker that ends itself.

docs/guide/health.md has the table; the states that need no Kafka stand in tests/engine/test_health.py.
"""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from agents.engine.broker import EmbeddedBroker
from tests.kafka.lone import finished, flood, lone, outcomes, small, until
from tests.kafka.stand import Stand

pytestmark = [pytest.mark.soak, pytest.mark.timeout(600)]

STALL = 10
COUNT = 50
NO_PROGRESS = "has made no progress"

COMMIT_NEVER_ENDS = """
import asyncio
from agents.engine.loop import StageLoop
commit = StageLoop._commit
async def never(self, *arguments):
    if self.stage.name == "dedupe":
        await asyncio.Event().wait()
    return await commit(self, *arguments)
StageLoop._commit = never
"""

ONE_TOPIC_IS_NEVER_FETCHED = """
from faust.transport.consumer import Consumer
active = Consumer._get_active_partitions
Consumer._get_active_partitions = lambda self: {at for at in active(self) if ".news." not in at.topic}
"""


@pytest.fixture
def own_broker() -> Iterator[EmbeddedBroker]:
    with EmbeddedBroker() as broker:
        yield broker


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        pytest.param(COMMIT_NEVER_ENDS, "dedupe/", id="a batch that never ends"),
        pytest.param(ONE_TOPIC_IS_NEVER_FETCHED, "records wait", id="records that are never fetched"),
    ],
)
def test_a_worker_that_gets_nothing_done_ends_and_the_next_one_does_it(
    broker: EmbeddedBroker, tmp_path: Path, fault: str, says: str
) -> None:
    stand = Stand(broker.address, f"stuck-{len(says)}")
    asyncio.run(stand.create())
    with lone(stand, tmp_path / "stuck", {"FEEDMILL_STALL_SECONDS": str(STALL)}, fault=fault) as worker:
        asyncio.run(flood(stand, small(0, COUNT)))
        assert worker.wait_for_end(180) == 70
        ended = next(line for line in worker.said.splitlines() if "This worker ends" in line)
        assert NO_PROGRESS in ended
        assert says in ended
    found = finished(stand, tmp_path / "next", COUNT)
    assert len(found) == len(set(found)) == COUNT


def test_a_worker_with_nothing_to_do_does_not_end(broker: EmbeddedBroker, tmp_path: Path) -> None:
    """Nothing but transaction markers is before it then, and before its partitions of internal topics."""
    stand = Stand(broker.address, "idle")
    asyncio.run(stand.create())
    with lone(stand, tmp_path, {"FEEDMILL_STALL_SECONDS": "5"}) as worker:
        asyncio.run(flood(stand, small(0, COUNT)))
        assert until(lambda: len(asyncio.run(outcomes(stand))) == COUNT, 120, every=1.0)
        time.sleep(45)  # more than five times as long, and more than a lag counts as fresh
        assert worker.process.poll() is None, worker.said[-2000:]
        assert worker.probe("healthz")[0] == worker.probe("readyz")[0] == 200


def test_while_it_waits_for_a_broker_it_lives_and_is_not_ready(tmp_path: Path) -> None:
    stand = Stand("127.0.0.1:1", "none")
    with lone(stand, tmp_path, ready=False) as worker:
        assert until(lambda: worker.probe("readyz")[0] == 503, 60)
        assert "No partitions are assigned" in worker.probe("readyz")[1]
        assert worker.probe("healthz")[0] == 200
        assert worker.wait_for_end(60) == 3


def test_a_broker_that_is_away_makes_it_unready_but_not_dead(own_broker: EmbeddedBroker, tmp_path: Path) -> None:
    """Also with a batch in hand, and for longer than a worker may get nothing done."""
    stand = Stand(own_broker.address, "away")
    asyncio.run(stand.create())
    settings = {"FEEDMILL_STALL_SECONDS": str(STALL), "FEEDMILL_BROKER_LOST_SECONDS": "300"}
    with lone(stand, tmp_path / "first", settings) as worker:
        asyncio.run(flood(stand, small(0, 1000)))
        assert until(lambda: worker.inputs("parse") > 0, 60)
        own_broker.pause()  # a frozen one: a killed one breaks connections, and ends what is at work sooner
        try:
            unready = until(lambda: worker.probe("readyz")[0] == 503 or worker.process.poll() is not None, 120)
            assert unready
            if worker.process.poll() is None:
                assert "The broker has not answered" in worker.probe("readyz")[1]
                assert worker.probe("healthz")[0] == 200
            until(lambda: worker.process.poll() is not None, STALL * 2)
            assert NO_PROGRESS not in worker.said
        finally:
            own_broker.resume()
        if worker.process.poll() is None:
            until(lambda: worker.probe("readyz")[0] == 200 or worker.process.poll() is not None, 120)
        assert NO_PROGRESS not in worker.said
    found = finished(stand, tmp_path / "next", 1000)
    assert len(found) == len(set(found)) == 1000


def test_while_it_stops_it_is_alive_and_not_ready(broker: EmbeddedBroker, tmp_path: Path) -> None:
    stand = Stand(broker.address, "draining")
    asyncio.run(stand.create())
    with lone(stand, tmp_path) as worker:
        worker.process.send_signal(signal.SIGTERM)
        seen: set[tuple[int, str]] = set()
        alive: set[int] = set()
        while worker.process.poll() is None:
            seen.add(worker.probe("readyz"))
            alive.add(worker.probe("healthz")[0])
        assert worker.process.returncode == 0
    assert (503, "The worker is stopping.") in seen
    assert 503 not in alive


def test_a_worker_that_was_paused_is_given_its_time_again(broker: EmbeddedBroker, tmp_path: Path) -> None:
    """Longer than its session and than it may get nothing done, with records in hand: no reason to end by itself."""
    stand = Stand(broker.address, "paused")
    asyncio.run(stand.create())
    settings = {"FEEDMILL_STALL_SECONDS": str(STALL), "FEEDMILL_SESSION_TIMEOUT_SECONDS": "6"}
    with lone(stand, tmp_path / "first", settings) as worker:
        asyncio.run(flood(stand, small(0, 1000)))
        assert until(lambda: worker.inputs("parse") > 0, 60)
        worker.process.send_signal(signal.SIGSTOP)
        time.sleep(STALL * 3)
        worker.process.send_signal(signal.SIGCONT)
        until(lambda: len(asyncio.run(outcomes(stand))) == 1000 or worker.process.poll() is not None, 120, every=1.0)
        assert NO_PROGRESS not in worker.said
    found = finished(stand, tmp_path / "next", 1000)
    assert len(found) == len(set(found)) == 1000
