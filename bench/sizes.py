"""Bytes on disk of each topic and of a worker's state: what an entry takes until retention takes it back."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

from agents.sources.records import RawRecord
from agents.stage import INTERNAL, Topic
from bench.documents import FEED_ENTRIES, feed, markdowns
from bench.mill import Mill
from bench.report import Table
from schemas import StageName

PARTITIONS = 4
NEW = 3000
FEEDS, POLLS = 40, 10
WITHIN = 600.0


def main() -> Iterator[Table]:
    with Mill(partitions=PARTITIONS, workers=1) as mill:
        mill.wait_until_ready()
        before = on_disk(mill)
        asyncio.run(_through(mill, markdowns(NEW), NEW))
        new = on_disk(mill)
        first = [feed(number) for number in range(FEEDS)]
        asyncio.run(_through(mill, first, FEEDS * FEED_ENTRIES))
        known = on_disk(mill)
        again = itertools.chain.from_iterable([first] * POLLS)
        asyncio.run(_through(mill, again, FEEDS * FEED_ENTRIES * POLLS))
        polled = on_disk(mill)
    items, duplicates = NEW, FEEDS * FEED_ENTRIES * POLLS
    yield Table(
        "Bytes on disk an entry, one copy",
        ("", "a new article in a document of its own", f"a known entry of a feed of {FEED_ENTRIES}"),
        [[name, (new[name] - before[name]) / items, (polled[name] - known[name]) / duplicates] for name in sorted(new)],
        f"{NEW:,} articles of 1,400 Chinese characters; {FEEDS} feeds polled {POLLS} times. Logs as they are written, "
        "before compaction; the state after its last flush, a memory table's worth less than it holds.",
    )


async def _through(mill: Mill, records: Iterable[RawRecord], entries: int) -> None:
    async with mill.outcomes() as outcomes:
        await mill.release(records)
        await outcomes.take(entries, within=WITHIN)
    await asyncio.sleep(3.0)


def on_disk(mill: Mill) -> Counter[str]:
    """Bytes of every topic's records, and of the workers' state folders."""
    time.sleep(1.0)
    found: Counter[str] = Counter()
    topics = {mill.naming.topic(topic): f"{topic.value}{' (internal)' * (topic in INTERNAL)}" for topic in Topic}
    topics |= {mill.naming.changelog(stage): f"changelog of {stage.value}" for stage in StageName}
    folder = mill.broker.folder
    assert folder is not None
    for log in folder.rglob("*.log"):
        topic = log.parent.name.rpartition("-")[0]
        if topic in topics:
            found[topics[topic]] += log.stat().st_size
    for worker in mill.all:
        found["state of the worker"] += sum(_size(path) for path in mill.state_of(worker).rglob("*"))
    return found


def _size(path: Path) -> int:
    try:
        return path.stat().st_size if path.is_file() else 0
    except FileNotFoundError:  # compacted away meanwhile
        return 0
