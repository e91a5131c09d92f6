"""A worker whose clock is wrong. What the broker does with a record must not depend on it."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from agents.engine.admin import administration
from agents.engine.audit import audited
from agents.engine.ledger import Account
from agents.engine.publisher import Publisher
from agents.engine.topics import Naming
from agents.stage import Topic
from tests.chaos.cluster import Cluster
from tests.chaos.documents import documents
from tests.chaos.schedule import Plan
from tests.chaos.storm import Storm

ENTRIES = 200
DONE_WITHIN = 120.0
AHEAD = 2 * 3600.0


@pytest.mark.heavy
@pytest.mark.timeout(400)
def test_a_clock_that_runs_ahead_stops_nothing(tmp_path: Path) -> None:
    """Kafka refuses records of more than an hour from now, where a topic goes by its writers' clocks."""
    with Cluster(tmp_path, Naming("clock"), partitions=1, seed=1) as cluster:
        storm = Storm(Plan(1, 1, 1, ()), cluster, tmp_path, wrong_by=AHEAD)
        try:
            account = asyncio.run(_processed(cluster))
        finally:
            storm.dismiss()
        (log,) = tmp_path.glob("*.log")
        assert account.settled, log.read_text()[-3000:]
    assert account.whole
    assert account.outcomes == ENTRIES


async def _processed(cluster: Cluster) -> Account:
    async with Publisher(cluster.connection) as publisher:
        for raw in documents(ENTRIES, seed=1):
            await publisher.send(cluster.naming.topic(Topic.RAW), raw.body, key=raw.key, headers=raw.headers)
        await publisher.flush()
    deadline = time.monotonic() + DONE_WITHIN
    while True:
        account = await _account(cluster)
        if (account.outcomes and account.settled) or time.monotonic() > deadline:
            return account
        await asyncio.sleep(1)


async def _account(cluster: Cluster) -> Account:
    async with administration(dict(cluster.connection)) as admin:
        return await audited(cluster.connection, admin, cluster.naming, 0)
