from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
import uuid

import msgspec
import pytest
from aiokafka import AIOKafkaProducer

from agents.engine.broker import EmbeddedBroker
from agents.stage import Topic
from tests.kafka.stand import Stand, dead_letter, item


@pytest.fixture
async def stand(broker: EmbeddedBroker) -> Stand:
    stand = Stand(broker.address, f"tail-{uuid.uuid4().hex[:8]}")
    await stand.create()
    return stand


async def test_from_the_start_readable_and_harmless(stand: Stand) -> None:
    nasty = "Bridge \x1b]0;owned\x07 \u202egnp.exe\nsecond line"
    await stand.put(Topic.ENRICHED, [item(stand.source(0), nasty), b"junk", None, item(stand.source(1), "Tide 潮")])
    done = await asyncio.to_thread(stand.run, "tail", "--from-start", "-n", "4")
    assert done.returncode == 0
    assert "Bridge \\x1b]0;owned\\x07 \\u202egnp.exe second line" in done.stdout
    assert "Tide 潮" in done.stdout
    assert "/0/1 is no item" in done.stdout
    assert "retracted" in done.stdout
    assert "\x1b" not in done.stdout
    assert "\u202e" not in done.stdout


async def test_json_keeps_the_value_and_loses_the_danger(stand: Stand) -> None:
    await stand.put(Topic.ENRICHED, [item(stand.source(0), "a \u202e b"), None])
    done = await asyncio.to_thread(stand.run, "tail", "--from-start", "-n", "2", "--json")
    first, second = map(json.loads, done.stdout.splitlines())
    assert first["value"]["title"] == "a \u202e b"
    assert second["value"] is None
    assert "\u202e" not in done.stdout


TITLES = [f"Tide {number}" for number in range(7)]


@pytest.fixture
async def tides(stand: Stand) -> Stand:
    """Seven items over both partitions, each in a transaction that leaves a marker, and an aborted one at each end."""
    producer = AIOKafkaProducer(**stand.connection, transactional_id=f"{stand.naming.prefix}.t")
    await producer.start()
    name = stand.naming.topic(Topic.ENRICHED)
    try:
        for number, title in enumerate(TITLES):
            value = msgspec.json.encode(item(stand.source(number), title))
            async with producer.transaction():
                await producer.send_and_wait(name, value, key=b"key", partition=number // 2 % 2)
        for partition in (0, 1):
            await producer.begin_transaction()
            await producer.send_and_wait(name, b"taken back", key=b"key", partition=partition)
            await producer.abort_transaction()
    finally:
        await producer.stop()
    return stand


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        pytest.param(["-n", "1"], TITLES[-1:], id="the last one"),
        pytest.param(["-n", "3"], TITLES[-3:], id="the last three, in order over partitions"),
        pytest.param(["-n", "99"], TITLES, id="fewer than asked for are all"),
    ],
)
async def test_n_shows_the_last_ones_and_ends(tides: Stand, arguments: list[str], expected: list[str]) -> None:
    done = await asyncio.to_thread(tides.run, "tail", *arguments, "--json")
    assert (done.returncode, done.stderr) == (0, "")
    assert [json.loads(line)["value"]["title"] for line in done.stdout.splitlines()] == expected


async def test_n_of_nothing_is_nothing(stand: Stand) -> None:
    done = await asyncio.to_thread(stand.run, "tail", "-n", "3")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


async def test_n_from_the_start_ends_where_there_are_fewer(tides: Stand) -> None:
    for number in (4, 99):
        done = await asyncio.to_thread(tides.run, "tail", "--from-start", "-n", str(number), "--json")
        assert (done.returncode, len(done.stdout.splitlines())) == (0, min(number, len(TITLES)))


async def test_n_from_the_start_and_on_is_wrong_use(stand: Stand) -> None:
    done = await asyncio.to_thread(stand.run, "tail", "--from-start", "-n", "4", "--follow")
    assert done.returncode == 2
    assert "leave out -n, or --follow" in done.stderr


async def test_n_and_on(tides: Stand) -> None:
    command = [sys.executable, "-m", "agents.cli.main", "tail", "-n", "2", "--follow", "--json"]
    process = await asyncio.create_subprocess_exec(*command, env=tides.environment, stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    titles = []
    try:
        for _ in range(3):
            line = await asyncio.wait_for(process.stdout.readline(), 30)
            titles.append(json.loads(line)["value"]["title"])
            if len(titles) == 2:
                await tides.put(Topic.ENRICHED, [item(tides.source(9), "After")])
    finally:
        process.send_signal(signal.SIGINT)
        await asyncio.wait_for(process.communicate(), 10)
    assert titles == [*TITLES[-2:], "After"]


async def test_a_reader_that_goes_away(stand: Stand) -> None:
    await stand.put(Topic.ENRICHED, [item(stand.source(number), "Tide " * 200) for number in range(300)])
    command = [sys.executable, "-m", "agents.cli.main", "tail", "--from-start"]
    process = await asyncio.create_subprocess_exec(
        *command, env=stand.environment, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, limit=1000
    )
    assert process.stdout is not None
    assert process.stderr is not None
    assert await process.stdout.read(10)
    process.stdout._transport.close()  # type: ignore[attr-defined]  # asyncio has no other way
    assert await asyncio.wait_for(process.stderr.read(), 30) == b""
    assert await process.wait() == 128 + signal.SIGPIPE


async def test_follows_only_what_is_new_and_ends_by_ctrl_c(stand: Stand) -> None:
    await stand.put(Topic.ENRICHED, [item(stand.source(0), "Before")])
    command = [sys.executable, "-m", "agents.cli.main", "tail"]
    environment = {**stand.environment, "PYTHONUNBUFFERED": "1"}
    process = await asyncio.create_subprocess_exec(*command, env=environment, stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    writing = asyncio.create_task(_write_on(stand))
    try:
        assert b"After" in await asyncio.wait_for(process.stdout.readline(), 30)
    finally:
        writing.cancel()
        process.send_signal(signal.SIGINT)
        await asyncio.wait_for(process.communicate(), 10)
    assert process.returncode == 130


async def _write_on(stand: Stand) -> None:
    """Until it is seen: nobody tells when `tail` has found the end."""
    while True:
        await stand.put(Topic.ENRICHED, [item(stand.source(1), "After")])
        await asyncio.sleep(0.5)


@pytest.mark.parametrize("command", ["tail -n 1", "ledger", "dead-letters list", "topics check"])
async def test_a_full_disk_is_a_sentence(broker: EmbeddedBroker, command: str) -> None:
    stand = Stand(broker.address, f"full-{uuid.uuid4().hex[:8]}")
    await stand.create()
    await stand.put(Topic.ENRICHED, [item(stand.source(0))])
    await stand.put(Topic.DEAD_LETTER, [dead_letter(stand.source(0))])

    def run() -> subprocess.CompletedProcess[bytes]:
        with open("/dev/full", "wb") as full:
            return subprocess.run(
                [sys.executable, "-m", "agents.cli.main", *command.split()],
                env=stand.environment, stdout=full, stderr=subprocess.PIPE, timeout=60, check=False,
            )  # fmt: skip

    done = await asyncio.to_thread(run)
    assert done.returncode == 74
    assert done.stderr == b"feedmill: The output cannot be written: No space left on device.\n"
