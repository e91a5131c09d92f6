"""What a worker says when a signal asks where it stands: docs/runbooks/stalled.md tells people to ask so."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from agents.engine.loopback import LOOPBACK, free_port


@pytest.fixture
def worker(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """It waits for a broker that is not there."""
    settings = {
        "FEEDMILL_BROKER": f"{LOOPBACK}:{free_port()}",
        "FEEDMILL_METRICS_PORT": "0",
        "FEEDMILL_STATE_DIR": str(tmp_path),
        "FEEDMILL_BROKER_WAIT_SECONDS": "60",
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "agents.cli.main", "worker"], stderr=subprocess.PIPE, text=True, env=settings
    )
    yield process
    process.kill()
    process.communicate()


def said(worker: subprocess.Popen[str], words: str) -> bool:
    assert worker.stderr is not None
    return any(words in line for line in worker.stderr)


def test_usr1_writes_the_stack_of_each_thread_and_the_worker_goes_on(worker: subprocess.Popen[str]) -> None:
    assert said(worker, "No Kafka broker answers")
    for _ in range(2):
        worker.send_signal(signal.SIGUSR1)
        assert said(worker, "(most recent call first)")
    assert worker.poll() is None


def test_a_crash_in_c_says_where(worker: subprocess.Popen[str]) -> None:
    assert said(worker, "No Kafka broker answers")
    worker.send_signal(signal.SIGABRT)
    assert said(worker, "Fatal Python error: Aborted")
    assert worker.wait(30) == -signal.SIGABRT
