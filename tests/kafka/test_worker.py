"""A worker process as its supervisor sees it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from agents.engine.broker import EmbeddedBroker
from agents.engine.loopback import free_port
from agents.stage import Topic
from tests.kafka.lone import lone
from tests.kafka.stand import Stand


@pytest.fixture(scope="module")
def stand(broker: EmbeddedBroker) -> Stand:
    made = Stand(broker.address, "worker")
    asyncio.run(made.create())
    return made


def _wait_until_it_listens_to_sigterm(worker: subprocess.Popen[bytes]) -> None:
    """Python itself must have started: before, SIGTERM ends it as it ends every process, with nothing begun."""
    status = Path(f"/proc/{worker.pid}/status")
    while status.exists() and worker.poll() is None:
        caught = int(next(line for line in status.read_text().splitlines() if line.startswith("SigCgt")).split()[1], 16)
        if caught >> (signal.SIGTERM - 1) & 1:
            return
        time.sleep(0.02)


@pytest.mark.parametrize("after", [0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.5])
def test_sigterm_at_any_moment_of_its_start_is_a_stop_in_order(stand: Stand, tmp_path: Path, after: float) -> None:
    worker = subprocess.Popen(
        [sys.executable, "-m", "agents.cli.main", "worker"],
        env={**stand.environment, "FEEDMILL_STATE_DIR": str(tmp_path), "FEEDMILL_METRICS_PORT": "0"},
        stderr=subprocess.PIPE,
    )
    _wait_until_it_listens_to_sigterm(worker)
    time.sleep(after)
    worker.send_signal(signal.SIGTERM)
    _, said = worker.communicate(timeout=60)
    assert worker.returncode == os.EX_OK, said.decode()


def test_sigterm_while_it_waits_for_the_broker_is_a_stop_in_order(tmp_path: Path) -> None:
    worker = subprocess.Popen(
        [sys.executable, "-m", "agents.cli.main", "worker"],
        env={
            **os.environ,
            "FEEDMILL_BROKER": "127.0.0.1:1",
            "FEEDMILL_STATE_DIR": str(tmp_path),
            "FEEDMILL_METRICS_PORT": "0",
        },
        stderr=subprocess.PIPE,
    )
    time.sleep(4.0)
    worker.send_signal(signal.SIGTERM)
    _, said = worker.communicate(timeout=10)
    assert worker.returncode == os.EX_OK, said.decode()


@contextlib.contextmanager
def running(stand: Stand, folder: Path, **settings: str) -> Iterator[tuple[subprocess.Popen[bytes], Path]]:
    """A worker that is ready, and its log."""
    log = folder / "worker.log"
    environment = {
        **stand.environment,
        "FEEDMILL_STATE_DIR": str(folder / "state"),
        "FEEDMILL_METRICS_PORT": "0",
        **settings,
    }
    with log.open("wb") as written:
        worker = subprocess.Popen(
            [sys.executable, "-m", "agents.cli.main", "worker"], env=environment, stdout=written, stderr=written
        )
    try:
        assert until(lambda: "Ready, restored" in log.read_text(), 240), log.read_text()
        yield worker, log
    finally:
        worker.kill()
        worker.wait()


def until(condition: Callable[[], bool], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.1)
    return condition()


@pytest.fixture
def own_broker() -> Iterator[EmbeddedBroker]:
    with EmbeddedBroker() as broker:
        yield broker


def documents(first: int, count: int) -> list[bytes]:
    return [
        json.dumps({"url": f"https://n.example/{number}", "title": f"Title {number}", "content_text": "x"}).encode()
        for number in range(first, first + count)
    ]


@pytest.mark.heavy
@pytest.mark.parametrize("at_work", [pytest.param(False, id="idle"), pytest.param(True, id="at work")])
@pytest.mark.parametrize("how", ["kill", "pause"])
def test_a_broker_that_is_gone_for_good_ends_the_worker(
    own_broker: EmbeddedBroker, tmp_path: Path, how: str, at_work: bool
) -> None:
    """aiokafka's transactional producers try for ever: it was still alive after 260 s."""
    stand = Stand(own_broker.address, "gone")
    asyncio.run(stand.create())
    with running(stand, tmp_path, FEEDMILL_BROKER_LOST_SECONDS="5") as (worker, log):
        if at_work:
            asyncio.run(stand.put(Topic.RAW, documents(0, 2000)))
        getattr(own_broker, how)()
        try:
            assert worker.wait(60) == 70
        finally:
            if how == "pause":
                own_broker.resume()
        assert "This worker ends: " in log.read_text()
        assert "Traceback" not in log.read_text()


@pytest.mark.heavy
def test_a_short_outage_leaves_an_idle_worker_alive_and_at_work_again(
    own_broker: EmbeddedBroker, tmp_path: Path
) -> None:
    stand = Stand(own_broker.address, "short")
    asyncio.run(stand.create())
    with running(stand, tmp_path, FEEDMILL_BROKER_LOST_SECONDS="60") as (worker, log):
        own_broker.kill()
        time.sleep(6.0)
        own_broker.restart()
        asyncio.run(stand.put(Topic.RAW, documents(0, 3)))
        arrived = until(lambda: len(asyncio.run(stand.get(Topic.ENRICHED))) == 3 or worker.poll() is not None, 60)
        assert worker.poll() is None, log.read_text()
        assert arrived, log.read_text()


@pytest.mark.heavy
def test_a_second_worker_on_one_machine_needs_its_own_folder_and_port(stand: Stand, tmp_path: Path) -> None:
    """It was a double traceback and code 1."""
    port = str(free_port())
    with running(stand, tmp_path, FEEDMILL_METRICS_PORT=port):
        for settings, says in (
            ({"FEEDMILL_STATE_DIR": str(tmp_path / "state")}, "FEEDMILL_STATE_DIR cannot be used"),
            ({"FEEDMILL_STATE_DIR": str(tmp_path / "other")}, f"port {port}: another program listens there"),
        ):
            second = subprocess.run(
                [sys.executable, "-m", "agents.cli.main", "worker"],
                env={**stand.environment, "FEEDMILL_METRICS_PORT": port, **settings},
                capture_output=True, text=True, timeout=30, check=False,
            )  # fmt: skip
            assert second.returncode == 2
            assert says in second.stderr
            assert len(second.stderr.splitlines()) == 1


def test_a_broker_that_goes_while_the_worker_starts_is_a_sentence(tmp_path: Path) -> None:
    """It was a traceback and code 1."""
    begun = """
import sys, agents.app
from agents.cli.main import main
async def nothing(settings): return []
agents.app._topics_wrong = nothing  # the broker was there when it was asked
sys.argv = ["feedmill", "worker"]
main()
"""
    environment = {"FEEDMILL_BROKER": "127.0.0.1:1", "FEEDMILL_STATE_DIR": str(tmp_path), "FEEDMILL_METRICS_PORT": "0"}
    done = subprocess.run(
        [sys.executable, "-c", begun],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 70, done.stderr
    assert "This worker ends: the broker answered no more while it started" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.heavy
def test_at_work_it_says_where_it_stands_and_goes_on(stand: Stand, tmp_path: Path) -> None:
    """Faust's own answer holds every variable, documents among them."""
    with lone(stand, tmp_path) as worker:
        worker.process.send_signal(signal.SIGUSR1)
        assert until(lambda: "Current thread" in worker.said, 30), worker.said[-3000:]
        tasks = worker.said.partition("Task ")[2].partition("Current thread")[0]
        assert "agents/engine/" in tasks, tasks
        assert "LOCAL VARIABLES" not in worker.said
        assert until(lambda: worker.probe("readyz")[0] == 200, 30)
