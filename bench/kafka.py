"""Through Kafka: what workers get done of a backlog, and how long an item is on its way when there is none."""

from __future__ import annotations

import asyncio
import itertools
import signal
import time
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec
from aiokafka import AIOKafkaProducer
from msgspec import Struct

from agents.sources.files import Documents
from agents.sources.records import RawRecord
from agents.stage import Topic
from bench.documents import FEED_ENTRIES, feed, markdown, markdowns
from bench.mill import Mill
from bench.process import CORPUS, corpus
from bench.report import Cell, Table, percentile

PARTITIONS = 4
WORKERS = (1, 2)
NEW = 4000
FEEDS, POLLS = 40, 10
RATE, LATENCY_DOCUMENTS = 20, 400
KILLED = 2000
WITHIN = 120.0

_LATENCY_FIRST = 1_000_000  # numbers of articles that no other part of this bench uses


class Passage(Struct, frozen=True):
    """Milliseconds from the broker's time of a raw record: to its item's own time, and to a consumer that had it."""

    written: float
    read: float


def main() -> Iterator[Table]:
    backlogs: list[list[Cell]] = []
    latencies: list[list[Cell]] = []
    for workers in WORKERS:
        with Mill(partitions=PARTITIONS, workers=workers) as mill:
            mill.wait_until_ready()
            asyncio.run(_warm(mill))
            passages = asyncio.run(_latency(mill))
            latencies.append([f"{workers} worker{'s' * (workers > 1)}", *_latency_row(passages)])
            backlogs.append(asyncio.run(_backlog(mill, f"{NEW:,} new articles", markdowns(NEW), NEW)))
            first = [feed(number + workers * 100) for number in range(FEEDS)]
            entries = FEEDS * FEED_ENTRIES
            asyncio.run(_backlog(mill, "the same feeds for the first time", first, entries))
            real = _real()
            if real:
                backlogs.append(asyncio.run(_backlog(mill, f"{len(real):,} real articles", real, len(real))))
            polled = itertools.chain.from_iterable([first] * POLLS)
            name = f"{FEEDS} feeds of {FEED_ENTRIES}, all seen, polled {POLLS} times"
            backlogs.append(asyncio.run(_backlog(mill, name, polled, entries * POLLS)))
    yield Table(
        f"A backlog through Kafka, {PARTITIONS} partitions",
        ("backlog", "workers", "entries", "s", "entries/s", "worker CPU µs", "broker CPU µs", "RSS MiB a worker"),
        backlogs,
        "From the commit of the whole backlog to the last result's own time. CPU is a result's share, of all workers. "
        "All new articles are Chinese: one partition of the last stage has them all.",
    )
    yield Table(
        f"Latency at {RATE} documents a second, milliseconds from the raw record's time",
        ("", "to the item's time, p50", "p99", "most", "to a read_committed reader, p50", "p99", "most"),
        latencies,
        f"{LATENCY_DOCUMENTS} documents, one new item each.",
    )
    yield _after_a_kill()


def _real() -> list[RawRecord]:
    """The corpus, each document one entry; nothing where there is none."""
    found = corpus()
    if found is None:
        print("\nThere is no corpus (FEEDMILL_CORPUS): no figures of real documents.")
        return []
    return [record for record in Documents([str(found / CORPUS)]) if isinstance(record, RawRecord)]


async def _warm(mill: Mill) -> None:
    """Load models and caches, and let the broker's compiler have its look."""
    async with mill.outcomes() as outcomes:
        released = await mill.release(markdowns(300, 2_000_000))
        await outcomes.take(released, within=WITHIN)
    await asyncio.sleep(1.0)


async def _backlog(mill: Mill, name: str, records: Iterable[RawRecord], entries: int) -> list[Cell]:
    async with mill.outcomes() as outcomes:
        await mill.release(records)
        begun = mill.spent()
        taken = await outcomes.take(entries, within=WITHIN)
        done = mill.spent()
    seconds = max(one.written for one in taken) - begun.at
    spent = done.since(begun)
    return [
        name,
        len(mill.all),
        entries,
        seconds,
        entries / seconds,
        spent.workers / entries * 1e6,
        spent.broker / entries * 1e6,
        max(mill.memory()),
    ]


async def _latency(mill: Mill) -> list[Passage]:
    sent: dict[tuple[int, int], float] = {}
    async with mill.outcomes(Topic.ENRICHED) as outcomes:
        taking = asyncio.create_task(outcomes.take(LATENCY_DOCUMENTS, within=WITHIN, values=True))
        producer = AIOKafkaProducer(**mill.connection, acks="all", linger_ms=0)
        await producer.start()
        try:
            begun = time.monotonic()
            for number in range(LATENCY_DOCUMENTS):
                await asyncio.sleep(max(0.0, begun + number / RATE - time.monotonic()))
                made = await (await mill.send(producer, markdown(_LATENCY_FIRST + number)))
                sent[made.partition, made.offset] = made.timestamp / 1000
        finally:
            await producer.stop()
        taken = await taking
    passages = []
    for one in taken:
        source: dict[str, Any] = msgspec.json.decode(one.value)["source"]
        at = sent[source["partition"], source["offset"]]
        passages.append(Passage((one.written - at) * 1000, (one.read - at) * 1000))
    return passages


def _latency_row(passages: list[Passage]) -> list[Cell]:
    written = [passage.written for passage in passages]
    read = [passage.read for passage in passages]
    return [cell for values in (written, read) for cell in (*_percentiles(values), max(values))]


def _percentiles(values: list[float]) -> tuple[float, float]:
    return percentile(values, 0.5), percentile(values, 0.99)


def _after_a_kill() -> Table:
    """One worker, killed at work and started again at once, with the settings as they are by default."""
    with Mill(partitions=PARTITIONS, workers=1) as mill:
        mill.wait_until_ready()
        asyncio.run(_warm(mill))
        return asyncio.run(_killed(mill))


async def _killed(mill: Mill) -> Table:
    [worker] = mill.all
    async with mill.outcomes(Topic.ENRICHED) as outcomes:
        released = await mill.release(markdowns(KILLED, 3_000_000))
        before = await outcomes.take(KILLED // 10, within=WITHIN)
        worker.signal(signal.SIGKILL)
        killed = time.time()
        worker.wait(5.0)
        worker.start()
        # What was committed before the kill may still be on its way to this reader.
        taken = await outcomes.take(released - len(before), within=WITHIN)
    after = [one.written - killed for one in taken if one.written > killed]
    return Table(
        "A worker killed at work (kill -9) and started again at once, its state folder kept",
        ("", "s"),
        [("from the kill to the first item", min(after)), ("to the last of the backlog", max(after))],
        "Most of it is the session timeout (10 s): the group waits for the dead member. One run.",
    )
