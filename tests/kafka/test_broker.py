from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError, KafkaTimeoutError, UnknownTopicOrPartitionError

from agents.engine.broker import BrokerFailedError, EmbeddedBroker, new_cluster_id
from agents.engine.loopback import free_port, live_nodes


@pytest.fixture
def mine() -> Iterator[EmbeddedBroker]:
    """A broker of one's own, to hurt."""
    with EmbeddedBroker() as broker:
        yield broker


async def new_topic(address: str, *, replicas: int = 1) -> str:
    topic = f"test-{uuid.uuid4().hex[:8]}"
    admin = AIOKafkaAdminClient(bootstrap_servers=address)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(topic, num_partitions=1, replication_factor=replicas)])
    finally:
        await admin.close()
    return topic


async def publish(address: str, topic: str, *values: bytes, commit: bool = True) -> None:
    """Send values in one transaction."""
    producer = AIOKafkaProducer(bootstrap_servers=address, transactional_id=f"{topic}-writer")
    await producer.start()
    try:
        await producer.begin_transaction()
        for value in values:
            await producer.send_and_wait(topic, value)
        await (producer.commit_transaction() if commit else producer.abort_transaction())
    finally:
        await producer.stop()


async def read(address: str, topic: str) -> list[bytes | None]:
    """Everything that a read_committed reader sees, to the end."""
    consumer = AIOKafkaConsumer(bootstrap_servers=address, isolation_level="read_committed", enable_auto_commit=False)
    await consumer.start()
    try:
        partition = TopicPartition(topic, 0)
        consumer.assign([partition])
        await consumer.seek_to_beginning(partition)
        end = (await consumer.end_offsets([partition]))[partition]
        values: list[bytes | None] = []
        while await consumer.position(partition) < end:
            batches = await consumer.getmany(timeout_ms=200)
            values += [record.value for batch in batches.values() for record in batch]
        return values
    finally:
        await consumer.stop()


async def readable(address: str, topic: str, expected: list[bytes]) -> None:
    """Wait until a reader sees it: a commit is answered before its markers are written (see `kill`)."""
    for _ in range(100):
        if await read(address, topic) == expected:
            return
        await asyncio.sleep(0.05)
    assert await read(address, topic) == expected


def until(condition: Callable[[], bool], seconds: float = 15.0) -> bool:
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.05)
    return condition()


async def test_a_reader_sees_committed_transactions_only(broker: EmbeddedBroker) -> None:
    topic = await new_topic(broker.address)
    await publish(broker.address, topic, b"one", b"two")
    await publish(broker.address, topic, b"taken back", commit=False)
    await publish(broker.address, topic, b"three")
    await readable(broker.address, topic, [b"one", b"two", b"three"])


async def test_a_record_of_16_mb_goes_through(broker: EmbeddedBroker) -> None:
    topic = await new_topic(broker.address)
    size = 16 * 1024 * 1024 - 1024
    producer = AIOKafkaProducer(bootstrap_servers=broker.address, max_request_size=size + 512)
    await producer.start()
    await producer.send_and_wait(topic, bytes(size))
    await producer.stop()
    assert [len(value or b"") for value in await read(broker.address, topic)] == [size]


async def test_a_misspelt_topic_is_not_created(broker: EmbeddedBroker) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=broker.address, request_timeout_ms=1000)
    await producer.start()
    with pytest.raises((UnknownTopicOrPartitionError, KafkaTimeoutError)):
        await producer.send_and_wait("feeds.enrichd", b"to nobody")
    await producer.stop()
    admin = AIOKafkaAdminClient(bootstrap_servers=broker.address)
    await admin.start()
    topics = await admin.list_topics()
    await admin.close()
    assert "feeds.enrichd" not in topics


def test_it_listens_on_loopback_only(broker: EmbeddedBroker) -> None:
    listening = [c.laddr.ip for c in psutil.Process(broker.pid).net_connections() if c.status == psutil.CONN_LISTEN]
    assert {ip.removeprefix("::ffff:") for ip in listening} == {"127.0.0.1"}


async def test_kill_and_restart_keep_the_data_and_the_address(mine: EmbeddedBroker) -> None:
    address, before = mine.address, mine.pid
    topic = await new_topic(address)
    await publish(address, topic, b"before")
    await readable(address, topic, [b"before"])
    mine.kill()
    assert not mine.running
    assert mine.restart() == address
    assert mine.pid != before
    await publish(address, topic, b"after")
    await readable(address, topic, [b"before", b"after"])


def test_paused_it_answers_nobody_and_resumed_it_does(mine: EmbeddedBroker) -> None:
    assert mine.port
    mine.pause()
    assert live_nodes(mine.port, timeout=0.5) == ("", set())
    assert mine.running
    mine.resume()
    assert until(lambda: live_nodes(mine.port or 0) == (mine.cluster_id, {1}))


def test_stop_leaves_no_process_and_no_temporary_folder() -> None:
    before = {child.pid for child in psutil.Process().children(recursive=True)}
    broker = EmbeddedBroker()
    broker.start()
    folder = broker.folder
    started = {child.pid for child in psutil.Process().children(recursive=True)} - before
    assert broker.pid in started
    assert len(started) == 2  # Kafka and its guard
    assert folder
    broker.pause()  # a frozen one must stop too
    broker.stop()
    broker.stop()
    assert not broker.running
    assert not any(psutil.pid_exists(pid) for pid in started)
    assert not folder.exists()


@pytest.mark.heavy
async def test_a_given_folder_stays_and_is_used_again(tmp_path: Path) -> None:
    folder = tmp_path / "数据 and more"  # Java reads its properties as Latin-1
    first = EmbeddedBroker()
    first.start(folder)
    topic = await new_topic(first.address)
    await publish(first.address, topic, b"kept")
    first.stop()
    port = free_port()
    with EmbeddedBroker() as second:
        second.stop()
        assert second.start(folder, port) == f"127.0.0.1:{port}"
        await readable(second.address, topic, [b"kept"])
    assert (folder / "data" / "meta.properties").exists()


@pytest.mark.heavy
@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM])
def test_it_dies_with_its_parent(end: signal.Signals) -> None:
    # Started in a thread that ends at once, as asyncio.to_thread may: the broker must outlive the thread.
    program = """
import sys, threading, time
from agents.engine.broker import EmbeddedBroker
broker = EmbeddedBroker()
thread = threading.Thread(target=broker.start)
thread.start(); thread.join()
time.sleep(0.5)
print(broker.running, broker.pid, broker.folder, flush=True)
time.sleep(600)
"""
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout
        running, pid, folder = parent.stdout.readline().split()
        assert running == "True"
        assert os.getsid(int(pid)) == int(pid)  # Ctrl-C at the parent's terminal does not reach it
        os.kill(parent.pid, end)
    # Its new parent may be a long time in collecting it: dead is dead.
    assert until(lambda: not psutil.pid_exists(int(pid)) or psutil.Process(int(pid)).status() == "zombie")
    assert until(lambda: not Path(folder).exists())


def test_a_start_that_fails_says_why_and_leaves_nothing() -> None:
    broker = EmbeddedBroker(settings={"num.io.threads": "none"})
    with pytest.raises(BrokerFailedError, match=r"num\.io\.threads"):
        broker.start()
    assert not broker.running
    assert broker.folder is None


def test_a_port_that_is_taken_is_an_error_where_it_was_asked_for(broker: EmbeddedBroker) -> None:
    with pytest.raises(BrokerFailedError) as raised:
        EmbeddedBroker().start(port=broker.port)
    assert str(raised.value) == f"Port {broker.port} of 127.0.0.1 is taken (Address already in use)."


def test_a_start_in_no_time_is_given_up() -> None:
    broker = EmbeddedBroker()
    with pytest.raises(BrokerFailedError, match="did not answer within 0 s"):
        broker.start(within=0.0)
    assert not broker.running


@pytest.mark.parametrize("misuse", ["restart", "pause", "resume"])
def test_what_needs_a_running_broker_says_so(misuse: str) -> None:
    with pytest.raises(RuntimeError, match=r"never started|not running"):
        getattr(EmbeddedBroker(), misuse)()


def test_nobody_answers_on_a_port_that_is_no_broker() -> None:
    assert live_nodes(free_port(), timeout=0.2) == ("", set())


@pytest.mark.soak
@pytest.mark.timeout(600)
async def test_six_kills_lose_nothing_that_was_seen_and_show_nothing_half_done(mine: EmbeddedBroker) -> None:
    topic = await new_topic(mine.address)
    sent: list[bytes] = []
    for cut in range(6):
        values = [f"{cut}-{n}".encode() for n in range(200)]
        await publish(mine.address, topic, *values)
        sent += values
        await readable(mine.address, topic, sent)
        producer = AIOKafkaProducer(bootstrap_servers=mine.address, transactional_id="never-done")
        await producer.start()
        await producer.begin_transaction()
        await producer.send_and_wait(topic, b"half done")
        mine.kill()
        mine.restart()
        with contextlib.suppress(KafkaError):
            await producer.abort_transaction()
        await producer.stop()
        await readable(mine.address, topic, sent)


@pytest.mark.heavy
@pytest.mark.timeout(600)
async def test_three_nodes_go_on_with_two() -> None:
    ports: dict[int, int] = {}
    while len(set(ports.values())) < 3:
        ports = {node: free_port() for node in (1, 2, 3)}
    cluster_id = new_cluster_id()
    nodes = {node: EmbeddedBroker(node=node, voters=ports, cluster_id=cluster_id) for node in ports}
    try:
        with ThreadPoolExecutor(3) as pool:  # none is ready before a majority is up
            addresses = list(pool.map(lambda node: node.start(), nodes.values()))
        assert until(lambda: live_nodes(nodes[1].port or 0) == (cluster_id, {1, 2, 3}))
        bootstrap = ",".join(addresses)
        topic = await new_topic(bootstrap, replicas=3)
        await publish(bootstrap, topic, b"three")
        nodes[2].kill()
        assert until(lambda: live_nodes(nodes[1].port or 0) == (cluster_id, {1, 3}))
        await publish(bootstrap, topic, b"two")
        await readable(bootstrap, topic, [b"three", b"two"])
    finally:
        for node in nodes.values():
            node.stop(5.0)


@pytest.mark.soak
@pytest.mark.timeout(600)
def test_from_nothing_the_jars_come_by_maven(tmp_path: Path) -> None:
    told: list[str] = []
    with EmbeddedBroker(cache=tmp_path, tell=told.append) as broker:
        assert live_nodes(broker.port or 0) == (broker.cluster_id, {1})
    assert [line.split()[0] for line in told] == ["fetching", "preparing"]
    with EmbeddedBroker(cache=tmp_path, tell=told.append):
        assert len(told) == 2


def test_its_last_words_leave_out_its_narration(tmp_path: Path) -> None:
    """Wide lines of INFO pushed the cause off the screen."""
    broker = EmbeddedBroker()
    broker.folder = tmp_path
    said = ["11:00:00.000 INFO Log: loaded", "11:00:00.001 ERROR Server: Port taken " + "x" * 400, "\tat kafka.Kafka"]
    broker.log_file.write_text("\n".join(said * 20))
    first, *words = str(broker.failure()).splitlines()
    assert first.startswith("Kafka ended by itself.")
    assert first.endswith("Its last words:")
    assert 0 < len(words) < 10
    assert all(word.startswith("11:00:00.001 ERROR Server: Port taken") and len(word) <= 200 for word in words)
    broker.log_file.write_text(said[0])
    assert "last words" not in str(broker.failure())
