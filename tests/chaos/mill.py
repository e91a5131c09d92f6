"""A small mill without faults, for the tests of what surrounds it."""

from __future__ import annotations

import asyncio
import time

from agents.engine.admin import administration
from agents.engine.audit import audited
from agents.engine.ledger import Account
from agents.engine.publisher import Publisher
from agents.stage import Topic
from tests.chaos.cluster import Cluster
from tests.chaos.documents import documents

DONE_WITHIN = 240.0


async def processed(cluster: Cluster, entries: int) -> Account:
    """Publish some documents and wait until all is done; the ledger's account, also where it takes too long."""
    async with Publisher(cluster.connection) as publisher:
        for raw in documents(entries, seed=1):
            await publisher.send(cluster.naming.topic(Topic.RAW), raw.body, key=raw.key, headers=raw.headers)
        await publisher.flush()
    deadline = time.monotonic() + DONE_WITHIN
    while True:
        async with administration(dict(cluster.connection)) as admin:
            account = await audited(cluster.connection, admin, cluster.naming, 0)
        if (account.outcomes and account.settled) or time.monotonic() > deadline:
            return account
        await asyncio.sleep(1)
