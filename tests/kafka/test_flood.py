"""More than a worker can do at once: its memory stays within bounds, the backlog falls, and nobody starves.

The bounds are those of docs/performance.md. Nothing here is about speed.
"""

from __future__ import annotations

import asyncio
import itertools
import random
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import msgspec
import pytest
from aiokafka import AIOKafkaProducer

from agents.engine.topics import MAX_REQUEST
from agents.sources.records import RawRecord
from agents.stage import Topic
from bench.mill import Mill, Outcomes, metrics
from schemas import StageName
from tests.kafka.lone import feed

pytestmark = [pytest.mark.soak, pytest.mark.timeout(1800)]

PARTITIONS = 8
USUAL_MIB, LARGE_MIB = 350, 750
"""What a worker may take at most, of usual documents and of such as are 8 MiB."""

STANDSTILL = 90.0
"""Seconds without a committed batch, anywhere in the worker, that are no steady work any more on a busy machine."""

BEHIND = 90.0
"""The same for a small document of one partition, while documents of 8 MiB pass in another."""

LARGE = 48
"""Documents of 8 MiB that the small ones share a worker with: the last of those comes out before the last of these."""

WORDS = ["harbour", "council", "ferry", "bridge", "market", "orchard", "library", "museum", "railway", "weather"]


def small(count: int, *, different: int) -> Iterator[RawRecord]:
    """Short documents of 40 sites; each of the `different` ones is said again and again."""
    for number in range(count):
        one = number % different
        site = f"site{one % 40}.example"
        chance = random.Random(one)
        body = {
            "url": f"https://{site}/{one}",
            "title": f"Report {one}: {' '.join(chance.choices(WORDS, k=6))}",
            "content_text": " ".join(f"{chance.choice(WORDS)}{chance.randrange(1000)}" for _ in range(40)),
        }
        yield RawRecord(body=msgspec.json.encode(body), source_url=f"https://{site}/feed.json")


def large(count: int) -> Iterator[RawRecord]:
    """Documents of 8 MiB, one entry each."""
    for number in range(count):
        chance = random.Random(number)
        site = f"large{number % 16}.example"
        head = f"<!--1795100000000-->\n[Large {number} {chance.random()}](https://{site}/{number})\n------\n\n"
        paragraph = f"<p>{' '.join(f'{chance.choice(WORDS)}{chance.randrange(10_000)}' for _ in range(5000))}</p>\n"
        body = head + paragraph * ((8 * 2**20 - 4096 - len(head)) // len(paragraph))
        yield RawRecord(body=body.encode(), source_url=f"https://{site}/feed.xml")


def feeds(count: int) -> Iterator[RawRecord]:
    """Feeds of 10,000 entries. The second half of them are the first ones again."""
    for number in range(count):
        body = feed(number % (count // 2), 10_000)
        yield RawRecord(body=body, source_url=f"https://feed{number % (count // 2)}.example/feed.xml")


def mixed() -> Iterator[RawRecord]:
    return itertools.chain(large(6), feeds(2), small(5000, different=1000))


@pytest.mark.parametrize(
    ("documents", "entries", "limit", "stage"),
    [
        pytest.param(
            lambda: small(100_000, different=3000), 100_000, USUAL_MIB, StageName.PARSE, id="100,000 small documents"
        ),
        pytest.param(lambda: large(20), 20, LARGE_MIB, StageName.PARSE, id="20 of 8 MiB"),
        pytest.param(lambda: feeds(6), 60_000, USUAL_MIB, StageName.DEDUPE, id="three feeds of 10,000 entries, twice"),
        pytest.param(mixed, 25_006, LARGE_MIB, StageName.PARSE, id="all of them"),
    ],
)
def test_a_flood_is_worked_off_within_bounded_memory(
    documents: Callable[[], Iterable[RawRecord]], entries: int, limit: float, stage: StageName
) -> None:
    """`stage` is the first that is long behind: six documents are parsed before anybody has looked."""
    with Mill(partitions=PARTITIONS, workers=1) as mill:
        mill.wait_until_ready()
        asyncio.run(mill.release(documents()))
        lags, peak = watched(mill, entries, stage)
    print(f"at most {peak:.0f} MiB; lag of {stage}: {lags}")  # noqa: T201
    assert peak < limit
    highest = lags.index(max(lags))
    assert lags[highest] > 0
    falling = lags[highest:]
    assert falling == sorted(falling, reverse=True), f"the lag of {stage} rose again: {lags}"


def watched(mill: Mill, entries: int, stage: StageName) -> tuple[list[float], float]:
    """Until all entries have come out: the lags of a stage as its worker tells them, and the most MiB it had."""
    [process] = mill.processes()
    lags: list[float] = []
    inputs, moved, peak = -1.0, time.monotonic(), 0.0
    while True:
        figures = metrics(mill.all[0])
        if figures["feedmill_lag_timestamp_seconds"]:
            lags.append(lag(figures, stage))
        peak = max(peak, high_water(process.pid))
        now = sum(of(figures, "feedmill_inputs_total{"))
        if now > inputs:
            inputs, moved = now, time.monotonic()
        if ended(figures) >= entries and not any(lag(figures, stage) for stage in StageName):
            break
        assert time.monotonic() - moved < STANDSTILL, f"nothing was done for {STANDSTILL:g} s: {figures}"
        time.sleep(1.0)
    assert ended(figures) == entries
    return lags, peak


def of(figures: dict[str, float], name: str) -> list[float]:
    return [value for key, value in figures.items() if key.startswith(name)]


def lag(figures: dict[str, float], stage: StageName) -> float:
    return sum(
        value for key, value in figures.items() if key.startswith("feedmill_lag_records") and f'"{stage.value}"' in key
    )


def ended(figures: dict[str, float]) -> float:
    """Entries that have come out."""
    return sum(
        value
        for key, value in figures.items()
        if key.startswith("feedmill_results_total") and '"passed-on"' not in key and '"retraction"' not in key
    )


def high_water(pid: int) -> float:
    """The most MiB that a process ever had resident."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) / 1024


def test_small_documents_get_through_while_large_ones_pass_in_another_partition() -> None:
    with Mill(partitions=PARTITIONS, workers=1) as mill:
        mill.wait_until_ready()
        delays, left = asyncio.run(between(mill))
    assert left > 0, "the large ones were done before; this proves nothing"
    assert max(delays) < BEHIND, f"{sorted(delays)}"


async def between(mill: Mill) -> tuple[list[float], float]:
    """Seconds from sending each of some small documents to its item; and how many large ones were left after them."""
    producer = AIOKafkaProducer(**mill.connection, max_request_size=MAX_REQUEST)
    await producer.start()
    try:
        topic = mill.naming.topic(Topic.RAW)
        for record in large(LARGE):
            await producer.send_and_wait(topic, record.body, partition=0, key=b"large", headers=record.headers())
        sent: dict[int, float] = {}
        delays: list[float] = []
        async with mill.outcomes() as outcomes:
            for record in small(10, different=10):
                made = await producer.send_and_wait(
                    topic, record.body, partition=1, key=b"small", headers=record.headers()
                )
                sent[made.offset] = time.monotonic()
                until = time.monotonic() + 0.3
                while time.monotonic() < until:
                    delays += await arrived(outcomes, sent)
            while len(delays) < 10:
                assert time.monotonic() - min(sent.values()) < 2 * BEHIND, f"only {len(delays)} small ones came out"
                delays += await arrived(outcomes, sent)
    finally:
        await producer.stop()
    return delays, LARGE - metrics(mill.all[0])['feedmill_inputs_total{stage="parse"}'] + len(delays)


async def arrived(outcomes: Outcomes, sent: dict[int, float]) -> list[float]:
    sources = [msgspec.json.decode(one.value)["source"] for one in await outcomes.look(values=True)]
    now = time.monotonic()
    return [now - sent.pop(one["offset"]) for one in sources if one["partition"] == 1]
