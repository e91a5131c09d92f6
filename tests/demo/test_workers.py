"""The demo's workers."""

from __future__ import annotations

import os
from pathlib import Path

from agents.demo.workers import Worker


def test_a_worker_keeps_its_port_over_a_restart(tmp_path: Path) -> None:
    """The addresses that `demo --keep` prints went dead."""
    worker = Worker(1, tmp_path, {**os.environ, "FEEDMILL_BROKER": "127.0.0.1:1"})
    addresses = []
    for _ in range(2):
        worker.start()
        addresses.append(worker.metrics)
        worker.wait(0.0)
    assert addresses[0] == addresses[1]
