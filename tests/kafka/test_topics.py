from __future__ import annotations

import uuid
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer

from agents.engine.admin import Kind, administration, differences
from agents.engine.broker import EmbeddedBroker
from agents.engine.store import POSITION_KEY, Position, encode_position
from agents.engine.topics import topic_table
from agents.engine.transport import EngineError
from agents.stage import Topic
from schemas import StageName
from tests.kafka.stand import PARTITIONS, Stand


@pytest.fixture
def stand(broker: EmbeddedBroker) -> Stand:
    return Stand(broker.address, f"topics-{uuid.uuid4().hex[:8]}")


def test_apply_creates_check_agrees_and_apply_again_changes_nothing(stand: Stand) -> None:
    missing = stand.run("topics", "check")
    assert missing.returncode == 1
    assert f"11 topics are missing: {stand.naming.prefix}.raw, " in missing.stdout
    assert "`feedmill topics apply`" in missing.stdout

    made = stand.run("topics", "apply")
    assert (made.returncode, made.stdout.count(": created")) == (0, 11)
    for command in ("check", "apply"):
        again = stand.run("topics", command)
        assert (again.returncode, again.stdout) == (0, "All 11 topics are as they should be.\n")


async def test_apply_sets_what_differs_and_keeps_what_is_not_in_the_table(stand: Stand) -> None:
    await stand.create()
    raw = stand.naming.topic(Topic.RAW)
    enriched = stand.naming.topic(Topic.ENRICHED)
    async with administration(stand.connection) as admin:
        await admin.configure(
            {raw: {"retention.ms": "1000", "segment.ms": "777777"}, enriched: {"cleanup.policy": "delete"}}
        )
        checked = stand.run("topics", "check")
        assert checked.returncode == 1
        assert f"{raw}: retention.ms is 1000, should be 604800000." in checked.stdout
        assert f"{enriched}: cleanup.policy is delete, should be compact,delete." in checked.stdout

        assert stand.run("topics", "apply").returncode == 0
        found = await admin.topics(stand.naming.prefix)
    assert found[raw].config["retention.ms"] == "604800000"
    assert found[raw].config["segment.ms"] == "777777"
    assert differences(topic_table(stand.naming, partitions=PARTITIONS, replication=1), found, 1) == []


async def test_another_partition_count_is_refused_and_nothing_is_changed(stand: Stand) -> None:
    specs = topic_table(stand.naming, partitions=1, replication=1)
    async with administration(stand.connection) as admin:
        await admin.create([spec for spec in specs if spec.name == stand.naming.topic(Topic.RAW)], 1)
        applied = stand.run("topics", "apply")
        assert applied.returncode == 1
        assert f"{stand.naming.topic(Topic.RAW)} has 1 partition, should have {PARTITIONS}." in applied.stdout
        assert "cannot be changed in place" in applied.stdout
        found = await admin.topics(stand.naming.prefix)
    assert found[stand.naming.topic(Topic.RAW)].partitions == 1


@pytest.mark.heavy
async def test_a_raw_topic_created_anew_is_told_with_the_way_out(stand: Stand) -> None:
    await stand.create()
    await stand.put(Topic.RAW, [b"a", b"b"])
    await write_position(stand, StageName.PARSE, 2)
    assert stand.run("topics", "check").returncode == 0
    await write_position(stand, StageName.PARSE, 3)
    checked = stand.run("topics", "check")
    assert checked.returncode == 1
    raw = stand.naming.topic(Topic.RAW)
    assert f"{raw}/0 ends at 2, but parse has worked on it up to 3: the topic was created anew." in checked.stdout
    assert "set FEEDMILL_GENERATION=2" in checked.stdout
    assert stand.run("topics", "apply").returncode == 1


async def write_position(stand: Stand, stage: StageName, next_offset: int) -> None:
    producer = AIOKafkaProducer(**stand.connection)
    await producer.start()
    try:
        value = encode_position(Position(next_offset, b"writer", 1))
        await producer.send_and_wait(stand.naming.changelog(stage), value, key=POSITION_KEY, partition=0)
    finally:
        await producer.stop()


async def test_more_copies_than_brokers_are_a_sentence(stand: Stand) -> None:
    async with administration(stand.connection) as admin:
        specs = topic_table(stand.naming, partitions=1, replication=3)
        with pytest.raises(EngineError, match="The broker did not create"):
            await admin.create(specs, 3)
        assert {one.kind for one in differences(specs, await admin.topics(stand.naming.prefix), 3)} == {Kind.MISSING}


async def test_a_value_that_the_broker_refuses_is_a_sentence(stand: Stand) -> None:
    await stand.create()
    async with administration(stand.connection) as admin:
        with pytest.raises(EngineError, match="Invalid value never"):
            await admin.configure({stand.naming.topic(Topic.RAW): {"retention.ms": "never"}})


async def test_a_group_that_nobody_knows_has_committed_nothing(stand: Stand) -> None:
    async with administration(stand.connection) as admin:
        assert await admin.committed(stand.naming.group) == {}


WITHOUT_BROKER = pytest.mark.parametrize(
    "command",
    [
        pytest.param(("topics", "check"), id="topics check"),
        pytest.param(("topics", "apply"), id="topics apply"),
        pytest.param(("ingest", "samples"), id="ingest"),
        pytest.param(("ledger",), id="ledger"),
        pytest.param(("tail", "-n", "1"), id="tail"),
        pytest.param(("dead-letters", "list"), id="dead-letters"),
    ],
)


@WITHOUT_BROKER
def test_without_a_broker_every_command_ends_with_3_and_a_sentence(
    command: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    nowhere = Stand("127.0.0.1:1", "feeds")
    monkeypatch.setattr(Stand, "environment", {**nowhere.environment, "FEEDMILL_BROKER_WAIT_SECONDS": "0.5"})
    ended = nowhere.run(*command)
    assert ended.returncode == 3
    assert ended.stderr.startswith("feedmill: No Kafka broker answers at 127.0.0.1:1 (tried for ")
    assert len(ended.stderr.splitlines()) == 1
    assert "Traceback" not in ended.stderr


@WITHOUT_BROKER
def test_who_waits_for_a_broker_is_told_so_at_once(command: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    nowhere = Stand("127.0.0.1:1", "feeds")
    monkeypatch.setattr(Stand, "environment", {**nowhere.environment, "FEEDMILL_BROKER_WAIT_SECONDS": "2"})
    ended = nowhere.run(*command)
    assert ended.returncode == 3
    waiting, given_up = ended.stderr.splitlines()
    assert waiting == "feedmill: No Kafka broker answers at 127.0.0.1:1 yet; trying for 2 s."
    assert "(tried for 2 s; " in given_up


def test_a_worker_says_in_its_log_whom_it_waits_for(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    nowhere = Stand("127.0.0.1:1", "feeds")
    own = {"FEEDMILL_STATE_DIR": str(tmp_path), "FEEDMILL_METRICS_PORT": "0", "FEEDMILL_BROKER_WAIT_SECONDS": "2"}
    monkeypatch.setattr(Stand, "environment", {**nowhere.environment, **own})
    ended = nowhere.run("worker")
    assert ended.returncode == 3
    metrics, waiting, given_up = ended.stderr.splitlines()
    assert "[info     ] Metrics, health and readiness: " in metrics
    assert "[warning  ] No Kafka broker answers at 127.0.0.1:1 yet; trying for 2 s." in waiting
    assert "[error    ] No Kafka broker answers at 127.0.0.1:1 (tried for 2 s; " in given_up


@pytest.mark.parametrize(
    "command",
    [
        pytest.param(("ingest", "samples"), id="ingest"),
        pytest.param(("ledger",), id="ledger"),
        pytest.param(("tail", "-n", "1"), id="tail"),
        pytest.param(("dead-letters", "list"), id="dead-letters"),
    ],
)
def test_without_topics_commands_say_how_to_make_them(stand: Stand, command: tuple[str, ...]) -> None:
    ended = stand.run(*command)
    assert ended.returncode == 2
    assert "`feedmill topics apply`" in ended.stderr
