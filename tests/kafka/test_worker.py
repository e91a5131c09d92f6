"""A worker process as its supervisor sees it."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from agents.engine.broker import EmbeddedBroker
from tests.kafka.stand import Stand


@pytest.fixture(scope="module")
def stand(broker: EmbeddedBroker) -> Stand:
    made = Stand(broker.address, "worker")
    asyncio.run(made.create())
    return made


@pytest.mark.parametrize("after", [0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 4.0])
def test_sigterm_at_any_moment_of_its_start_is_a_stop_in_order(stand: Stand, tmp_path: Path, after: float) -> None:
    worker = subprocess.Popen(
        [sys.executable, "-m", "agents.cli.main", "worker"],
        env={**stand.environment, "FEEDMILL_STATE_DIR": str(tmp_path), "FEEDMILL_METRICS_PORT": "0"},
        stderr=subprocess.PIPE,
    )
    time.sleep(after)
    worker.send_signal(signal.SIGTERM)
    _, said = worker.communicate(timeout=30)
    assert worker.returncode == os.EX_OK, said.decode()


def test_sigterm_while_it_waits_for_the_broker_is_a_stop_in_order(tmp_path: Path) -> None:
    worker = subprocess.Popen(
        [sys.executable, "-m", "agents.cli.main", "worker"],
        env={**os.environ, "FEEDMILL_BROKER": "127.0.0.1:1", "FEEDMILL_STATE_DIR": str(tmp_path)},
        stderr=subprocess.PIPE,
    )
    time.sleep(4.0)
    worker.send_signal(signal.SIGTERM)
    _, said = worker.communicate(timeout=10)
    assert worker.returncode == os.EX_OK, said.decode()
