"""What the engine changes in Faust and aiokafka, in the installed releases."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from types import SimpleNamespace
from typing import Any

import faust
from faust.transport.consumer import Consumer
from faust.transport.drivers.aiokafka import AIOKafkaConsumerThread
from faust.types import TP
from intervaltree import IntervalTree  # type: ignore[import-untyped]

from agents.engine.guard import FETCH_BYTES, FETCH_WAIT_MS, change_faust, check_libraries, digest

AT = TP("feeds.internal.news.g1", 0)


def test_the_installed_libraries_are_the_tested_ones_also_when_changed() -> None:
    before = digest()
    check_libraries()
    change_faust()
    change_faust()
    check_libraries()
    assert digest() == before


def test_faust_keeps_no_list_of_what_was_acknowledged() -> None:
    """With its commits off and a marker after each record, its own lists grew by three numbers a record, for ever."""
    change_faust()
    consumer: Any = SimpleNamespace(
        _acked=defaultdict(list), _acked_index=defaultdict(set), _gap=defaultdict(IntervalTree)
    )

    async def work() -> None:
        for offset in range(0, 1000, 2):
            await Consumer._add_gap(consumer, AT, offset - 1, offset)
            consumer._acked[AT].append(offset)
            consumer._acked_index[AT].add(offset)
        assert await Consumer.force_commit(consumer) is False

    asyncio.run(work())
    assert not consumer._acked[AT]
    assert not consumer._acked_index[AT]
    assert not consumer._gap[AT]


def test_a_rebalance_that_ends_during_a_stop_leaves_the_connections_to_their_thread() -> None:
    """Faust closes them on the main thread's event loop; uvloop took one process in some forty down for it."""
    change_faust()
    consumer = SimpleNamespace(_closed=False, _client=None, _coordinator=None)
    thread: Any = SimpleNamespace(_consumer=consumer, app=SimpleNamespace(loop=None))
    AIOKafkaConsumerThread.close(thread)
    assert not consumer._closed, "on_thread_stop would leave the group no more"


async def test_a_consumer_reads_committed_records_and_asks_again_soon() -> None:
    """It asks each broker one thing at a time: what was handed out waits for the answer about what stays empty."""
    change_faust()
    app: Any = faust.App("guard", broker="kafka://broker.example:9092")
    thread: Any = SimpleNamespace(app=app, consumer=SimpleNamespace(in_transaction=False), _assignor=None)
    made = AIOKafkaConsumerThread._create_worker_consumer(thread, app.transport)
    assert made._isolation_level == "read_committed"
    assert made._fetch_max_wait_ms == FETCH_WAIT_MS
    assert made._fetch_max_bytes == FETCH_BYTES
    await made.stop()
