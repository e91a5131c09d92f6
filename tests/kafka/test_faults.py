"""Nothing lost, nothing doubled, nothing numbered wrongly: real workers and a real broker, killed and paused.

What came out is compared with what one process makes of the same raw topic. A longer form, with more kinds of
fault, is `make chaos` (its own issue).
"""

from __future__ import annotations

import asyncio
import random
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from agents import __version__
from agents.engine.admin import administration
from agents.engine.broker import EmbeddedBroker
from agents.engine.publisher import Publisher
from agents.engine.reader import Reader
from agents.engine.topics import Naming, topic_table
from agents.engine.transport import EngineError, Incoming
from agents.stage import Topic
from tests.kafka.faults import ENDS, Outcomes, Worker, documents, one_process

DOCUMENTS = 5000
PARTITIONS = 4
SEED = 20261123
RATE = 250  # documents a second: the faults shall fall into the work, not behind it
SESSION = 6
DONE_WITHIN = 240.0


@pytest.fixture
def own_broker() -> Iterator[EmbeddedBroker]:
    """A broker of this test's own: it is going to be killed."""
    with EmbeddedBroker() as broker:
        yield broker


@pytest.mark.soak
@pytest.mark.timeout(300)
def test_every_entry_ends_once_under_kills_pauses_and_a_broker_crash(
    own_broker: EmbeddedBroker, tmp_path: Path
) -> None:
    naming = Naming("faults")
    connection = {"bootstrap_servers": own_broker.address}
    environment = {
        "FEEDMILL_BROKER": own_broker.address,
        "FEEDMILL_TOPIC_PREFIX": naming.prefix,
        "FEEDMILL_PARTITIONS": str(PARTITIONS),
        "FEEDMILL_SESSION_TIMEOUT_SECONDS": str(SESSION),
        "FEEDMILL_METRICS_PORT": "0",
    }
    asyncio.run(_create(connection, naming))
    workers = [Worker(f"worker-{number}", environment, tmp_path) for number in range(3)]
    try:
        asyncio.run(_publish_under_faults(connection, naming, workers, own_broker))
        asyncio.run(_wait_until_done(connection, naming))
    except BaseException:
        for log in sorted(tmp_path.glob("*.log")):
            print(f"--- {log.name}\n{log.read_text(errors='replace')[-3000:]}")  # noqa: T201
        raise
    finally:
        for worker in workers:
            worker.end()
    raw, outcomes = asyncio.run(_read_all(connection, naming))

    assert len(raw) == DOCUMENTS
    doubled = {place: len(found) for place, found in outcomes.by_place.items() if len(found) > 1}
    assert not doubled, f"{len(doubled)} entries came out more than once: {list(doubled.items())[:5]}"
    missing = {(record.partition, record.offset) for record in raw} - {place[:2] for place in outcomes.by_place}
    assert not missing, f"{len(missing)} raw records have no outcome: {sorted(missing)[:5]}"
    for id, revisions in outcomes.revisions.items():
        assert revisions == sorted(revisions), f"{id} stands out of order: {revisions}"
        numbers = sorted(revisions + outcomes.lettered.get(id, []))
        assert numbers == list(range(1, len(numbers) + 1)), f"{id} has the revisions {numbers}"
    expected = one_process(raw, naming, __version__)
    different = [place for place, found in outcomes.by_place.items() if found != [expected[place]]]
    assert not different, f"{len(different)} outcomes differ from one process's: {different[:3]}"
    assert len(expected) == len(outcomes.by_place)
    assert sum(worker.starts for worker in workers) > len(workers) + 1, "the faults did not reach the workers"


async def _create(connection: dict[str, str], naming: Naming) -> None:
    async with administration(connection) as admin:
        await admin.create(topic_table(naming, partitions=PARTITIONS, replication=1), 1)


async def _publish_under_faults(
    connection: dict[str, str], naming: Naming, workers: list[Worker], broker: EmbeddedBroker
) -> None:
    publishing = asyncio.create_task(_publish(connection, naming))
    for wait, what in _schedule(workers, broker):
        await asyncio.sleep(wait)
        await asyncio.to_thread(what)
    await publishing


def _schedule(workers: list[Worker], broker: EmbeddedBroker) -> list[tuple[float, Callable[[], None]]]:
    rng = random.Random(SEED)
    killed, stopped, paused = rng.sample(workers, 3)

    def crash() -> None:
        broker.kill()
        time.sleep(0.5)
        broker.restart()

    return [
        (6.0, lambda: killed.signal(signal.SIGKILL)),
        (4.0, lambda: paused.signal(signal.SIGSTOP)),
        (SESSION + 3.0, lambda: paused.signal(signal.SIGCONT)),
        (3.0, lambda: stopped.signal(signal.SIGTERM)),
        (4.0, crash),
        (5.0, lambda: stopped.signal(signal.SIGKILL)),
    ]


async def _publish(connection: dict[str, str], naming: Naming) -> None:
    """Publish at a steady rate, also across the broker's crash; a resend of the client's is the broker's to drop."""
    topic = naming.topic(Topic.RAW)
    async with Publisher(connection) as publisher:
        begun = time.monotonic()
        for number, (key, body, headers) in enumerate(documents(DOCUMENTS, SEED)):
            await publisher.send(topic, body, key=key, headers=headers)
            if (ahead := number / RATE - (time.monotonic() - begun)) > 0:
                await asyncio.sleep(ahead)
        await publisher.flush()


async def _wait_until_done(connection: dict[str, str], naming: Naming) -> None:
    deadline = time.monotonic() + DONE_WITHIN
    places = 0
    while time.monotonic() < deadline:
        try:
            _, outcomes = await _read_all(connection, naming)
        except EngineError:
            await asyncio.sleep(1)
            continue
        places = len({place[:2] for place in outcomes.by_place})
        if places >= DOCUMENTS:
            return
        await asyncio.sleep(2)
    pytest.fail(f"after {DONE_WITHIN:g} s only {places} of {DOCUMENTS} documents have an outcome")


async def _read_all(connection: dict[str, str], naming: Naming) -> tuple[list[Incoming], Outcomes]:
    found: list[tuple[Topic, Incoming]] = []
    raw: list[Incoming] = []
    async with Reader(connection) as reader:
        for topic in (Topic.RAW, *ENDS):
            bounds = await reader.bounds([(naming.topic(topic), number) for number in range(PARTITIONS)])
            async for batch in reader.read(bounds):
                for record in batch:
                    if topic is Topic.RAW:
                        raw.append(record)
                    else:
                        found.append((topic, record))
    raw.sort(key=lambda record: (record.partition, record.offset))
    return raw, Outcomes(found)
