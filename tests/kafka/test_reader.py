"""Reading spans of topics: what a command waits for, and what it does not."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Iterator

import pytest

from agents.engine import reader
from agents.engine.broker import EmbeddedBroker
from agents.engine.reader import Reader
from agents.engine.transport import UnavailableError
from agents.stage import Topic
from tests.kafka.stand import Stand

LARGE = bytes(2 * 1024 * 1024)  # so that one fetch does not bring them all


@pytest.fixture
def mine() -> Iterator[EmbeddedBroker]:
    """A broker of one's own, to hurt."""
    with EmbeddedBroker() as broker:
        yield broker


@pytest.mark.parametrize("hurt", ["kill", "pause"])
async def test_a_broker_that_goes_away_while_it_is_read_from(
    mine: EmbeddedBroker, hurt: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reader, "SILENCE_SECONDS", 2.0)
    stand = Stand(mine.address, f"reader-{uuid.uuid4().hex[:8]}")
    await stand.create()
    await stand.put(Topic.RAW, [LARGE] * 20)
    read = 0

    async def hurt_after_the_first(topics: Reader) -> None:
        nonlocal read
        async for batch in topics.read(await topics.bounds([(stand.naming.topic(Topic.RAW), 0)])):
            read += len(batch)
            if mine.running:
                getattr(mine, hurt)()

    async with asyncio.timeout(60), Reader(stand.connection) as topics:
        with pytest.raises(UnavailableError, match="it has sent nothing for 2 s"):
            await hurt_after_the_first(topics)
    assert 0 < read < 20
