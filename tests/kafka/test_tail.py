from __future__ import annotations

import asyncio
import json
import signal
import sys
import uuid

import pytest

from agents.engine.broker import EmbeddedBroker
from agents.stage import Topic
from tests.kafka.stand import Stand, item


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
