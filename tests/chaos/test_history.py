"""How a broken promise is told: the way of an entry through the topics of a real mill."""

from __future__ import annotations

import asyncio
import re
import time
from pathlib import Path

import pytest

from agents.engine.topics import Naming
from tests.chaos.cluster import Cluster
from tests.chaos.history import history
from tests.chaos.mill import processed
from tests.chaos.schedule import Plan
from tests.chaos.storm import Event, Storm

PARTITIONS = 4
WAY = (
    r"stands at raw/2/0 \(\d+ bytes\)",
    r"is passed by parse, to \d+, writer \w{8}, its transaction \d+",
    r"stands at entries/\d/\d+ \(2 of \d+ in a frame\)",
    r"is passed by dedupe",
    r"stands at news/\d/\d+ ",
    r"is passed by enrich",
    r"stands at drafts/\d/\d+ ",
    r"is passed by stories",
    r"stands at enriched/\d/\d+ \(revision 1 of \w{32}, first-sighting\)",
)


@pytest.mark.heavy
@pytest.mark.timeout(600)
def test_the_way_of_an_entry(tmp_path: Path) -> None:
    with Cluster(tmp_path, Naming("history"), PARTITIONS, seed=1) as cluster:
        storm = Storm(Plan(1, PARTITIONS, 1, ()), cluster, tmp_path)
        try:
            account = asyncio.run(processed(cluster, 300))
        finally:
            storm.dismiss()
        assert account.settled
        events = [Event(time.time(), "a fault"), Event(time.time() - 9999, "another, long ago")]
        lines = asyncio.run(history(cluster.connection, cluster.naming, PARTITIONS, [(2, 0, 1)], events))
    way = [line for line in lines if " > " in line]
    assert len(way) == len(WAY), "\n".join(lines)
    assert way[0].endswith("bytes)")
    for says in WAY:  # a transaction's records have their times in no order
        assert sum(bool(re.search(f"^[0-9:.]+ > 2/0/1 {says}", line)) for line in way) == 1, says
    assert any(line.endswith("   a fault") for line in lines)
    assert not any("long ago" in line for line in lines)
