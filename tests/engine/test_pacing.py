from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka.client import AIOKafkaClient

from agents.engine import pacing
from agents.engine.guard import change_faust
from agents.engine.loopback import free_port
from agents.engine.pacing import FIRST_SECONDS, LONGEST_SECONDS, Pace, paced


def test_pauses_grow_to_a_bound() -> None:
    pace, now, pauses = Pace(), 0.0, []
    for _ in range(12):
        pace.failed(now)
        pauses.append(pace.wait(now))
        now += pauses[-1]
    assert pauses[0] == pytest.approx(FIRST_SECONDS)
    assert pauses == sorted(pauses)
    assert pauses[-1] == pytest.approx(LONGEST_SECONDS)


def test_after_a_failure_one_goes_first_and_the_others_wait() -> None:
    pace = Pace()
    pace.failed(0.0)
    assert pace.wait(1.0) == 0.0
    assert pace.wait(1.0) > 0.0


async def test_many_who_want_a_broker_that_is_away_do_not_flood_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker's clients tried 240 times a second."""
    attempts: list[float] = []
    clock = 0.0

    async def sleep(seconds: float) -> None:
        nonlocal clock
        clock += seconds

    async def connect(client: Any, node_id: int, **_: Any) -> None:
        attempts.append(clock)

    monkeypatch.setattr(pacing, "time", SimpleNamespace(monotonic=lambda: clock))
    monkeypatch.setattr(pacing, "asyncio", SimpleNamespace(sleep=sleep))
    client, connect_paced = SimpleNamespace(), paced(connect)
    while clock < 60.0:
        assert await connect_paced(client, 1) is None
    assert len(attempts) < 70


async def test_a_broker_that_is_there_is_never_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    luck = [None, None, "connection", "connection", "connection"]
    waited: list[float] = []

    async def sleep(seconds: float) -> None:
        waited.append(seconds)
        await real_sleep(seconds)

    async def connect(client: Any, node_id: int, **_: Any) -> str | None:
        return luck.pop(0)

    real_sleep = asyncio.sleep
    monkeypatch.setattr(pacing, "asyncio", SimpleNamespace(sleep=sleep))
    client, connect_paced = SimpleNamespace(), paced(connect)
    made = [await connect_paced(client, 1) for _ in range(5)]
    assert made == [None, None, "connection", "connection", "connection"]
    assert len(waited) == 2


async def test_aiokafka_takes_it() -> None:
    change_faust()
    client = AIOKafkaClient(bootstrap_servers=f"127.0.0.1:{free_port()}")
    assert await client._get_conn(7) is None
    assert client.__dict__[pacing._PACES][7].failures == 1
    await client.close()
