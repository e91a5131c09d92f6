"""`feedmill lag-exporter` on a real Kafka: right in every state that a mill can be in, workers or none."""

from __future__ import annotations

import asyncio
import signal
import time
import uuid
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions, NewTopic

from agents.engine.admin import administration
from agents.engine.broker import EmbeddedBroker
from agents.engine.lag import NO_LAG
from agents.engine.loopback import free_port
from agents.engine.standing import Standing, StandingReader
from agents.engine.store import POSITION_KEY
from agents.engine.topics import topic_table
from agents.engine.transport import UnavailableError
from agents.stage import Topic
from schemas import StageName
from tests.kafka.cluster import Cluster
from tests.kafka.lone import flood, lone, outcomes, small, until
from tests.kafka.stand import PARTITIONS, Stand
from tests.kafka.watchers import Watcher, watching

PLACES = {(stage, partition) for stage in StageName for partition in range(PARTITIONS)}
PARSE, DEDUPE = (StageName.PARSE, 0), (StageName.DEDUPE, 0)


@pytest.fixture
async def stand(broker: EmbeddedBroker) -> Stand:
    stand = Stand(broker.address, f"standing-{uuid.uuid4().hex[:8]}")
    await stand.create()
    return stand


@pytest.fixture
async def reader(stand: Stand) -> AsyncIterator[StandingReader]:
    reader = await StandingReader(stand.connection, stand.naming).open(10)
    yield reader
    await reader.close()


async def transact(stand: Stand, topic: str, value: bytes, *, key: bytes = b"key", commit: bool = True) -> None:
    """One record in a transaction, as the mill's producers write it, with the marker behind it."""
    producer = AIOKafkaProducer(**stand.connection, transactional_id=f"{stand.naming.prefix}.{uuid.uuid4().hex[:4]}")
    await producer.start()
    try:
        await producer.begin_transaction()
        await producer.send_and_wait(topic, value, key=key, partition=0)
        await (producer.commit_transaction() if commit else producer.abort_transaction())
    finally:
        await producer.stop()


async def recreate(stand: Stand, topic: Topic, partitions: int = PARTITIONS) -> None:
    """Delete a topic and make it again, empty."""
    admin = AIOKafkaAdminClient(**stand.connection)
    await admin.start()
    try:
        await admin.delete_topics([stand.naming.topic(topic)])
        await asyncio.sleep(3)  # the broker would take records of the new one for the old one's, and delete them
        for _ in range(100):
            new = NewTopic(stand.naming.topic(topic), partitions, 1)
            answer = await admin.create_topics([new])
            if not answer.topic_errors[0][1]:
                return
            await asyncio.sleep(0.1)
    finally:
        await admin.close()
    raise AssertionError("the topic was not made again")


async def until_read(reader: StandingReader, place: tuple[StageName, int], records: int) -> Standing:
    """A commit is answered before its markers stand; readers see the records when those do."""
    for _ in range(50):
        standing = await reader.read()
        lag = standing.stands[place].lag
        if lag is not None and lag.records == records:
            return standing
        await asyncio.sleep(0.1)
    raise AssertionError(f"{place}: {standing.stands[place]}, not {records} records")


async def test_with_neither_offsets_nor_state_everything_is_before_the_mill(
    stand: Stand, reader: StandingReader
) -> None:
    await stand.put(Topic.RAW, [b"a", b"b"])
    standing = await reader.read()
    assert set(standing.stands) == PLACES
    assert standing.whole
    assert standing.members == 0
    raw = standing.stands[PARSE]
    assert (raw.end, raw.committed, raw.lag and raw.lag.records) == (2, None, 2)
    assert raw.lag
    assert 0 <= raw.lag.age(time.time()) < 60
    assert {stand.lag for place, stand in standing.stands.items() if place != PARSE} == {NO_LAG}


async def test_the_changelog_goes_before_an_offset_that_is_behind_it(stand: Stand, reader: StandingReader) -> None:
    """A worker that was killed has not told the group of its last second."""
    await stand.put(Topic.RAW, [b"a", b"b", b"c"])
    await stand.commit(Topic.RAW, 1)
    assert (await until_read(reader, PARSE, 2)).stands[PARSE].committed == 1
    await stand.stand_at(StageName.PARSE, 3)
    found = (await until_read(reader, PARSE, 0)).stands[PARSE]
    assert (found.committed, found.end, found.anew) == (3, 3, False)


@pytest.mark.heavy
async def test_after_the_groups_offsets_are_gone_the_changelog_says_where_it_stands(
    stand: Stand, reader: StandingReader
) -> None:
    await stand.put(Topic.RAW, [b"a", b"b", b"c"])
    await stand.stand_at(StageName.PARSE, 1)
    await stand.stand_at(StageName.PARSE, 2)
    await stand.commit(Topic.RAW, 2)
    await until_read(reader, PARSE, 1)
    await stand.lose_offsets()
    found = (await until_read(reader, PARSE, 1)).stands[PARSE]
    assert found.committed == 2
    assert (await until_read(reader, (StageName.PARSE, 1), 0)).stands[StageName.PARSE, 1].committed is None


@pytest.mark.heavy
async def test_a_position_is_found_behind_what_takeovers_aborted(stand: Stand, reader: StandingReader) -> None:
    """Each leaves a record that nobody reads, and a marker."""
    changelog = stand.naming.changelog(StageName.PARSE)
    await stand.put(Topic.RAW, [b"a", b"b"])
    await stand.stand_at(StageName.PARSE, 1)
    for _ in range(6):
        await transact(stand, changelog, b"", key=b"", commit=False)
    assert (await until_read(reader, PARSE, 1)).stands[PARSE].committed == 1
    await transact(stand, changelog, b"\xc1 no position", key=POSITION_KEY)  # what cannot be read is passed over
    assert (await until_read(reader, PARSE, 1)).stands[PARSE].committed == 1


@pytest.mark.heavy
async def test_markers_are_no_lag(stand: Stand, reader: StandingReader) -> None:
    await transact(stand, stand.naming.topic(Topic.ENTRIES), b"a")
    await until_read(reader, DEDUPE, 1)
    await stand.commit(Topic.ENTRIES, 1)
    found = (await until_read(reader, DEDUPE, 0)).stands[DEDUPE]
    assert (found.committed, found.end, found.lag) == (1, 2, NO_LAG)


@pytest.mark.heavy
async def test_what_retention_took_is_not_waited_for(stand: Stand, reader: StandingReader) -> None:
    await stand.put(Topic.RAW, [b"a", b"b", b"c", b"d"])
    await stand.commit(Topic.RAW, 1)
    await until_read(reader, PARSE, 3)
    await stand.forget(Topic.RAW, 3)
    assert (await until_read(reader, PARSE, 1)).stands[PARSE].committed == 1


@pytest.mark.heavy
@pytest.mark.parametrize("by", ["changelog", "offset"])
async def test_a_topic_that_ends_before_the_mills_place_is_all_unworked(
    stand: Stand, reader: StandingReader, by: str
) -> None:
    """It was created anew, and the workers refuse it: to show no lag, for they were further once, would be a lie.

    Kafka deletes the group's offsets with a topic; a cluster restored from different backups has them still.
    """
    await stand.put(Topic.RAW, [b"new"] * 3)
    await (stand.stand_at(StageName.PARSE, 5) if by == "changelog" else stand.commit(Topic.RAW, 5))
    found = (await until_read(reader, PARSE, 3)).stands[PARSE]
    assert (found.committed, found.end, found.anew) == (5, 3, True)


@pytest.mark.heavy
async def test_a_topic_that_is_created_anew_meanwhile(stand: Stand, reader: StandingReader) -> None:
    await stand.put(Topic.RAW, [b"old"] * 5)
    await stand.stand_at(StageName.PARSE, 5)
    await stand.commit(Topic.RAW, 5)
    await until_read(reader, PARSE, 0)
    await recreate(stand, Topic.RAW)
    await stand.put(Topic.RAW, [b"new"] * 3)
    found = (await until_read(reader, PARSE, 3)).stands[PARSE]
    assert (found.committed, found.end, found.anew) == (5, 3, True)


@pytest.mark.heavy
async def test_topics_that_come_later_and_grow(broker: EmbeddedBroker) -> None:
    stand = Stand(broker.address, f"standing-{uuid.uuid4().hex[:8]}")
    reader = await StandingReader(stand.connection, stand.naming).open(10)
    try:
        before = await reader.read()
        assert before.stands == {}
        assert len(before.missing) == 4
        async with administration(stand.connection) as admin:
            assert not await admin.topics(f"{stand.naming.prefix}."), "to ask must create none"
            await admin.create(topic_table(stand.naming, partitions=1, replication=1), 1)
        await stand.put(Topic.RAW, [b"a"])
        assert set((await until_read(reader, PARSE, 1)).stands) == {(stage, 0) for stage in StageName}
        client = AIOKafkaAdminClient(**stand.connection)
        await client.start()
        await client.create_partitions({stand.naming.topic(Topic.RAW): NewPartitions(3)})
        await client.close()
        for _ in range(50):
            standing = await reader.read()
            if (StageName.PARSE, 2) in standing.stands:
                break
            await asyncio.sleep(0.1)
        await stand.put(Topic.RAW, [b"a"], partition=2)
        await until_read(reader, (StageName.PARSE, 2), 1)
    finally:
        await reader.close()


@pytest.mark.heavy
async def test_no_broker_is_an_error_in_time(stand: Stand) -> None:
    reader = StandingReader({"bootstrap_servers": f"127.0.0.1:{free_port()}"}, stand.naming)
    with pytest.raises(UnavailableError, match="No Kafka broker answers"):
        await reader.open(1)
    await reader.close()


def exporter(stand: Stand, folder: Path) -> tuple[dict[str, str], Path, str, str, str]:
    return stand.environment, folder, "lag-exporter", "--every", "0.5"


def lags(watcher: Watcher) -> dict[str, float]:
    return watcher.figures("lag_records")


def at(stage: str, partition: int) -> str:
    return f'partition="{partition}",stage="{stage}"}}'


@pytest.mark.heavy
def test_a_mill_through_its_life(broker: EmbeddedBroker, tmp_path: Path) -> None:
    """Documents before any worker, a worker, idle, killed with work to do, its offsets gone, another worker."""
    stand = Stand(broker.address, f"life-{uuid.uuid4().hex[:8]}")
    asyncio.run(stand.create())
    with watching(*exporter(stand, tmp_path)) as watcher:
        asyncio.run(flood(stand, small(0, 40)))
        assert until(lambda: lags(watcher)[at("parse", 0)] == 20, 30), lags(watcher)
        assert watcher.figure("group_members") == 0
        assert watcher.figure("committed_offset", "parse") is None
        age = watcher.figure("oldest_unprocessed_seconds", "parse") or 0
        time.sleep(1.2)
        assert (watcher.figure("oldest_unprocessed_seconds", "parse") or 0) > age + 1

        with lone(stand, tmp_path / "first") as worker:
            assert until(lambda: len(asyncio.run(outcomes(stand))) == 40, 120, every=1.0), worker.said[-2000:]
            assert until(lambda: set(lags(watcher).values()) == {0}, 30), lags(watcher)
            assert len(lags(watcher)) == len(PLACES)
            assert set(watcher.figures("oldest_unprocessed_seconds").values()) == {0}
            assert watcher.settles(group_members=1)
            own = worker.metrics()
            assert until(
                lambda: all(worker.metrics().get(f"feedmill_lag_records{{{key}") == 0 for key in lags(watcher)), 30
            ), own
            ends, stands = watcher.figures("end_offset"), watcher.figures("committed_offset")
            assert ends[at("parse", 0)] == stands[at("parse", 0)] == 20
            assert all(stands[key] <= ends[key] for key in stands)
            assert any(stands[key] < ends[key] for key in stands), "markers stand behind what was worked on"
            worker.process.send_signal(signal.SIGKILL)
            worker.process.wait()

        asyncio.run(flood(stand, small(40, 10)))
        assert until(lambda: lags(watcher)[at("parse", 1)] == 5, 30), lags(watcher)
        assert watcher.settles(group_members=0), "the session of a killed member times out"
        before = {key: value for key, value in lags(watcher).items() if value}
        assert before == {at("parse", 0): 5, at("parse", 1): 5}
        asyncio.run(stand.lose_offsets())
        time.sleep(2)  # some readings
        assert {key: value for key, value in lags(watcher).items() if value} == before
        assert {key: place for key, place in watcher.figures("committed_offset").items() if place} == {
            key: place for key, place in stands.items() if place
        }

        with lone(stand, tmp_path / "second"):
            assert until(lambda: len(asyncio.run(outcomes(stand))) == 50, 120, every=1.0)
            assert until(lambda: set(lags(watcher).values()) == {0}, 30), lags(watcher)
        assert watcher.end() == 0
        assert "Traceback" not in watcher.said


@pytest.mark.heavy
def test_killed_before_it_told_the_group(broker: EmbeddedBroker, tmp_path: Path) -> None:
    """All is done and the group's offsets say that nothing is."""
    never = "from agents.engine.mill import Mill\nMill._hints = lambda self, in_order=False: {}"
    stand = Stand(broker.address, f"hints-{uuid.uuid4().hex[:8]}")
    asyncio.run(stand.create())
    with watching(*exporter(stand, tmp_path)) as watcher:
        with lone(stand, tmp_path / "first", fault=never) as worker:
            asyncio.run(flood(stand, small(0, 20)))
            assert until(lambda: len(asyncio.run(outcomes(stand))) == 20, 120, every=1.0), worker.said[-2000:]
            worker.process.send_signal(signal.SIGKILL)
            worker.process.wait()
        assert until(lambda: set(lags(watcher).values()) == {0}, 30), lags(watcher)
        assert watcher.figure("committed_offset", "parse") == 10


@pytest.mark.heavy
def test_a_broker_that_is_away_and_comes_back(tmp_path: Path) -> None:
    with EmbeddedBroker() as broker:
        stand = Stand(broker.address, "away")
        asyncio.run(stand.create())
        asyncio.run(stand.put(Topic.RAW, [b"a", b"b"]))
        with watching(*exporter(stand, tmp_path)) as watcher:
            assert until(lambda: lags(watcher).get(at("parse", 0)) == 2, 30)
            broker.kill()
            assert until(lambda: (watcher.figure("lag_failures_total") or 0) >= 2, 60), watcher.said
            seen, age = watcher.figure("lag_timestamp_seconds"), watcher.figure("oldest_unprocessed_seconds", "parse")
            assert until(lambda: watcher.probe("readyz")[0] == 503, 60)
            assert watcher.probe("healthz")[0] == 200
            assert watcher.figure("lag_timestamp_seconds") == seen
            assert (watcher.figure("oldest_unprocessed_seconds", "parse") or 0) > (age or 0) + 5
            assert lags(watcher)[at("parse", 0)] == 2
            broker.restart()
            assert until(lambda: watcher.probe("readyz")[0] == 200, 60), watcher.said
            assert (watcher.figure("lag_timestamp_seconds") or 0) > (seen or 0)
            asyncio.run(stand.put(Topic.RAW, [b"c"]))
            assert until(lambda: lags(watcher)[at("parse", 0)] == 3, 30), watcher.said
            assert "Traceback" not in watcher.said
            assert watcher.said.count("A reading failed") <= 8, watcher.said
            broker.kill()
            assert watcher.end() == 0, "a stop waits for no broker"


@pytest.mark.soak
def test_a_partition_that_nobody_leads(tmp_path: Path) -> None:
    """One copy of everything on three brokers, one of which dies: its partitions keep their last figures."""
    with Cluster() as cluster:
        stand = Stand(cluster.address, "led")
        asyncio.run(create_on(stand, cluster))
        asyncio.run(put_each(stand))
        with watching(*exporter(stand, tmp_path)) as watcher:
            assert until(lambda: [lags(watcher).get(at("parse", one)) for one in range(3)] == [1, 1, 1], 60)
            leaders = asyncio.run(cluster.leaders("led.raw"))
            dead = next(one for one in range(3) if leaders["led.raw", one][0] == 3)
            living = next(one for one in range(3) if leaders["led.raw", one][0] != 3)
            cluster.kill(3)
            assert until(lambda: "No broker leads dedupe/" in watcher.said, 60), watcher.said
            seen = watcher.figure("lag_timestamp_seconds")
            asyncio.run(stand.put(Topic.RAW, [b"more"], partition=living))
            assert until(lambda: lags(watcher)[at("parse", living)] == 2, 60), watcher.said
            assert lags(watcher)[at("parse", dead)] == 1
            assert watcher.figure("lag_timestamp_seconds") == seen, "not all of it is of now"
            assert until(lambda: watcher.probe("readyz")[0] == 503, 60)
            assert "No broker leads" in watcher.probe("readyz")[1]
            cluster.nodes[3].restart()
            assert until(lambda: watcher.probe("readyz")[0] == 200, 60), watcher.said
            assert lags(watcher)[at("parse", dead)] == 1


async def create_on(stand: Stand, cluster: Cluster) -> None:
    """Topics of three partitions, one on each node; the group's coordinator has copies on all of them."""
    specs = topic_table(stand.naming, partitions=3, replication=1)
    admin = AIOKafkaAdminClient(**stand.connection)
    await admin.start()
    try:
        new = [
            NewTopic(spec.name, -1, -1, replica_assignments={0: [1], 1: [2], 2: [3]}, topic_configs=spec.config)
            for spec in specs
        ]
        answer = await admin.create_topics(new)
        assert not [error for error in answer.topic_errors if error[1]], answer
    finally:
        await admin.close()


async def put_each(stand: Stand) -> None:
    for partition in range(3):
        await stand.put(Topic.RAW, [b"a"], partition=partition)


def test_a_stop_at_any_moment_is_at_once_and_in_order(broker: EmbeddedBroker, tmp_path: Path) -> None:
    stand = Stand(broker.address, f"stop-{uuid.uuid4().hex[:8]}")  # no topics: nothing to wait for
    with watching(*exporter(stand, tmp_path)) as watcher:
        assert watcher.end() == 0
    nobody = Stand(f"127.0.0.1:{free_port()}", "stop")
    with watching(*exporter(nobody, tmp_path), ready=False) as watcher:
        assert until(lambda: watcher.probe("readyz")[0] == 503, 30)  # it waits for a broker
        assert watcher.end() == 0


@pytest.mark.heavy
def test_what_it_cannot_begin_with_ends_it_with_a_sentence(broker: EmbeddedBroker, tmp_path: Path) -> None:
    stand = Stand(broker.address, f"stop-{uuid.uuid4().hex[:8]}")
    with watching(*exporter(stand, tmp_path)) as watcher:
        done = stand.run("lag-exporter", "--port", str(watcher.port))
        assert done.returncode == 2
        assert "another program listens there. Give --host" in done.stderr
    nobody = Stand(f"127.0.0.1:{free_port()}", "stop")
    environment = {**nobody.environment, "FEEDMILL_BROKER_WAIT_SECONDS": "1"}
    with watching(environment, tmp_path, "lag-exporter", ready=False) as watcher:
        assert watcher.process.wait(30) == 3
        assert "No Kafka broker answers" in watcher.said
