"""How long work pauses when a worker joins, leaves, dies, sleeps or is restarted: two workers under a steady load.

Each partition gets small documents at an even rate, and they are all repetitions, so that what becomes of them stands
on `feeds.duplicates` after two hops, by parse and dedupe. A pause is the longest time between two of them.
"""

from __future__ import annotations

import asyncio
import itertools
import signal
import statistics
import time
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
from aiokafka import AIOKafkaProducer
from msgspec import Struct

from agents.demo.workers import Worker
from agents.engine.topics import partition_of
from agents.sources.records import RawRecord
from agents.stage import Topic
from bench.mill import Mill, answers, metrics
from bench.report import Cell, Table

PARTITIONS = 4
RATE = 10
"""Documents a second for each partition."""

REPETITIONS = 3
SESSION_SECONDS = 6
STATIC_SESSION_SECONDS = 30
BEFORE_SECONDS = 3.0
QUIET_SECONDS = 2.0
"""All is over when each partition has had a result in each of so many last seconds."""

WITHIN = 90.0


class Pause(Struct, frozen=True):
    """Seconds without a result around one event, by partition; and how often partitions were handed out anew."""

    written: dict[int, float]
    read: dict[int, float]
    rebalances: int

    @property
    def worst(self) -> float:
        return max(self.written.values())

    @property
    def others(self) -> float:
        """Of the partition that was least concerned."""
        return min(self.written.values())

    @property
    def seen(self) -> float:
        """Worst for a read_committed reader, who also waits for transactions that a worker left open."""
        return max(self.read.values())


def main() -> Iterator[Table]:
    yield dynamic()
    yield static()


def dynamic() -> Table:
    """Members as they are without a setting: each start is a new one."""
    rows: list[list[Cell]] = []
    with Mill(partitions=PARTITIONS, workers=2, settings=_session(SESSION_SECONDS)) as mill:
        mill.wait_until_ready()
        stay, goes = mill.all
        rows.append(_row("SIGTERM", _repeat(mill, stay, lambda: _end(goes, signal.SIGTERM), goes)))
        rows.append(_row("join", _joins(mill, stay, goes)))
        rows.append(_row("kill -9", _repeat(mill, stay, lambda: _end(goes, signal.SIGKILL), goes)))
        restart = _repeat(mill, stay, lambda: _restart(mill, goes, signal.SIGKILL), goes)
        rows.append(_row("kill -9, started again at once", restart))
        rows.append(_row("SIGSTOP for twice the session, SIGCONT", _repeat(mill, stay, lambda: _sleep(goes), goes)))
    return _table(f"Pauses, seconds; session timeout {SESSION_SECONDS} s", rows)


def static() -> Table:
    """Members with fixed names, whose session is longer than a restart takes."""
    rows: list[list[Cell]] = []
    with Mill(partitions=PARTITIONS, workers=2, settings=_session(STATIC_SESSION_SECONDS), static=True) as mill:
        mill.wait_until_ready()
        stay, goes = mill.all
        for name, number in (("SIGTERM", signal.SIGTERM), ("kill -9", signal.SIGKILL)):
            restart = _repeat(mill, stay, lambda number=number: _restart(mill, goes, number), goes)  # type: ignore[misc]
            rows.append(_row(f"{name}, started again at once", restart))
    return _table(f"Pauses with fixed names, seconds; session timeout {STATIC_SESSION_SECONDS} s", rows)


def _session(seconds: int) -> dict[str, str]:
    return {"FEEDMILL_SESSION_TIMEOUT_SECONDS": str(seconds), "FEEDMILL_HEARTBEAT_SECONDS": "1"}


def _table(title: str, rows: list[list[Cell]]) -> Table:
    return Table(
        f"{title}; 2 workers, {PARTITIONS} partitions",
        ("event", "worst partition", "most of all runs", "least concerned", "worst for a reader", "rebalances"),
        rows,
        f"Medians of {REPETITIONS} runs. {RATE} documents a second for each partition: 0.1 s is no pause at all.",
    )


def measure(mill: Mill, stay: Worker, act: Callable[[], None]) -> Pause:
    """The pauses around `act`, which runs in a thread. `stay` is a worker that lives on, and counts rebalances."""
    return asyncio.run(_measure(mill, stay, act))


def _repeat(mill: Mill, stay: Worker, act: Callable[[], None], goes: Worker) -> list[Pause]:
    pauses = []
    for _ in range(REPETITIONS):
        pauses.append(measure(mill, stay, act))
        _bring_back(mill, goes)
    return pauses


def _joins(mill: Mill, stay: Worker, goes: Worker) -> list[Pause]:
    pauses = []
    for _ in range(REPETITIONS):
        _end(goes, signal.SIGTERM)
        time.sleep(5.0)
        pauses.append(measure(mill, stay, lambda: _start_and_wait(mill, goes)))
    return pauses


def _start_and_wait(mill: Mill, worker: Worker) -> None:
    mill.start_again(worker)
    mill.wait_until_ready()


def _bring_back(mill: Mill, goes: Worker) -> None:
    """Have both at work again. One that was woken after its session may live on, or end a moment later."""
    deadline = time.monotonic() + WITHIN
    ready = 0
    while ready < 20:
        if not goes.running:
            goes.ended()
            mill.start_again(goes)
        if time.monotonic() > deadline:
            raise RuntimeError(f"the worker was not back within {WITHIN:.0f} s")
        ready = ready + 1 if all(answers(worker, ready=True) for worker in mill.all) else 0
        time.sleep(0.1)


def _end(worker: Worker, number: signal.Signals) -> None:
    worker.signal(number)
    worker.wait(30.0)


def _restart(mill: Mill, worker: Worker, number: signal.Signals) -> None:
    _end(worker, number)
    mill.start_again(worker)


def _sleep(worker: Worker) -> None:
    worker.signal(signal.SIGSTOP)
    time.sleep(2.0 * SESSION_SECONDS)
    worker.signal(signal.SIGCONT)


async def _measure(mill: Mill, stay: Worker, act: Callable[[], None]) -> Pause:
    times: dict[int, list[tuple[float, float]]] = {number: [] for number in range(mill.partitions)}
    async with mill.outcomes(Topic.DUPLICATES) as outcomes:
        producer = AIOKafkaProducer(**mill.connection, acks="all", linger_ms=0)
        await producer.start()
        load = asyncio.create_task(_load(mill, producer))
        try:
            await _follow(outcomes, times, until=time.time() + BEFORE_SECONDS)
            before = _rebalances(stay)
            begun = time.time()
            acting = asyncio.create_task(asyncio.to_thread(act))
            deadline = begun + WITHIN
            while not acting.done() or not _steady(times, max(begun, time.time() - QUIET_SECONDS)):
                if time.time() > deadline:
                    raise RuntimeError(f"after {WITHIN:.0f} s not every partition had results again")
                await _follow(outcomes, times, until=time.time() + 0.5)
            await acting
        finally:
            load.cancel()
            await asyncio.gather(load, return_exceptions=True)
            await producer.stop()
    since = begun - 1.0
    return Pause(
        {number: _longest([written for written, _ in found], since) for number, found in times.items()},
        {number: _longest([read for _, read in found], since) for number, found in times.items()},
        _rebalances(stay) - before,
    )


async def _load(mill: Mill, producer: AIOKafkaProducer) -> None:
    """The same small document again and again for each partition, until it is cancelled."""
    records = [_document(mill, number) for number in range(mill.partitions)]
    begun = time.monotonic()
    count = 0
    while True:
        for number, record in enumerate(records):
            await producer.send(
                mill.naming.topic(Topic.RAW), record.body, partition=number, headers=record.headers(), key=b"key"
            )
        count += 1
        await asyncio.sleep(max(0.0, begun + count / RATE - time.monotonic()))


def _document(mill: Mill, number: int) -> RawRecord:
    """One whose entry goes to the partition of dedupe with the same number as its own."""
    sites = (f"site{candidate}.example" for candidate in range(10_000))
    site = next(one for one in sites if partition_of(Topic.ENTRIES, one.encode(), 0, mill.partitions) == number)
    body = {"url": f"https://{site}/news", "title": f"The bridge of {site} is open", "content_text": "Since noon."}
    return RawRecord(body=msgspec.json.encode(body), source_url=f"https://{site}/feed.json")


async def _follow(outcomes: Any, times: dict[int, list[tuple[float, float]]], *, until: float) -> None:
    while time.time() < until:
        for one in await outcomes.look(values=True):
            times[msgspec.json.decode(one.value)["source"]["partition"]].append((one.written, one.read))


def _steady(times: dict[int, list[tuple[float, float]]], since: float) -> bool:
    """Whether each partition has had results all the time `since`, and that is long enough ago to tell."""
    now = time.time()
    if now - since < QUIET_SECONDS * 0.9:
        return False
    return all(
        found and _longest([read for _, read in found], since, now) < QUIET_SECONDS / 2 for found in times.values()
    )


def _longest(moments: list[float], since: float, until: float | None = None) -> float:
    """The longest time between two neighbours, of those after `since`; `until` counts as the last of them."""
    late = sorted(moment for moment in moments if moment >= since)
    edges = [since, *late, until] if until is not None else late
    return max((after - before for before, after in itertools.pairwise(edges)), default=0.0)


def _rebalances(worker: Worker) -> int:
    return int(metrics(worker)["feedmill_rebalances_total"])


def _row(name: str, pauses: list[Pause]) -> list[Cell]:
    return [
        name,
        statistics.median(pause.worst for pause in pauses),
        max(pause.worst for pause in pauses),
        statistics.median(pause.others for pause in pauses),
        statistics.median(pause.seen for pause in pauses),
        statistics.median(pause.rebalances for pause in pauses),
    ]
