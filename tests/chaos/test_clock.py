"""A worker whose clock is wrong. What the broker does with a record must not depend on it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from agents.engine.topics import Naming
from tests.chaos.cluster import Cluster
from tests.chaos.mill import processed
from tests.chaos.schedule import Plan
from tests.chaos.storm import Storm

ENTRIES = 200
AHEAD = 2 * 3600.0


@pytest.mark.heavy
@pytest.mark.timeout(600)
def test_a_clock_that_runs_ahead_stops_nothing(tmp_path: Path) -> None:
    """Kafka refuses records of more than an hour from now, where a topic goes by its writers' clocks."""
    with Cluster(tmp_path, Naming("clock"), partitions=1, seed=1) as cluster:
        storm = Storm(Plan(1, 1, 1, ()), cluster, tmp_path, wrong_by=AHEAD)
        try:
            account = asyncio.run(processed(cluster, ENTRIES))
        finally:
            storm.dismiss()
    (log,) = tmp_path.glob("*.log")
    assert account.settled, log.read_text()[-3000:]
    assert account.whole
    assert account.outcomes == ENTRIES
