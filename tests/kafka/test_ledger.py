"""The ledger on real topics: transactions, holes, retention, and what is on its way."""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from typing import Any

import msgspec
import pytest
from aiokafka import AIOKafkaProducer

from agents.engine.admin import administration
from agents.engine.audit import Audit
from agents.engine.broker import EmbeddedBroker
from agents.engine.frames import encode_frames
from agents.engine.ledger import Account
from agents.engine.reader import Reader
from agents.stage import EntryRef, Topic
from tests.kafka.stand import Stand, dead_letter, duplicate, item


@pytest.fixture
async def stand(broker: EmbeddedBroker) -> Stand:
    stand = Stand(broker.address, f"ledger-{uuid.uuid4().hex[:8]}")
    await stand.create()
    return stand


async def audit(stand: Stand, settle: float = 0.0) -> Account:
    async with administration(stand.connection) as admin, Reader(stand.connection) as reader:
        return await (await Audit.open(admin, reader, stand.naming)).run(settle)


async def test_a_whole_mill(stand: Stand) -> None:
    await stand.put(Topic.RAW, [b"a", b"b"])
    await stand.put(Topic.RAW, [b"c"], partition=1)
    await stand.put(Topic.ENRICHED, [item(stand.source(0, 0, 2)), None, item(stand.source(0, partition=1))])
    await stand.put(Topic.DUPLICATES, [duplicate(stand.source(0, 1, 2))])
    await stand.put(Topic.DEAD_LETTER, [dead_letter(stand.source(1, None, None))])
    await stand.commit(Topic.RAW, 2)

    done = await asyncio.to_thread(stand.run, "ledger", "--settle", "0")
    assert done.returncode == 0
    assert "4 entries = 2 items + 1 duplicates + 1 dead letters" in done.stdout
    assert "Nothing is missing" in done.stdout

    told = json.loads((await asyncio.to_thread(stand.run, "ledger", "--settle", "0", "--json")).stdout)
    assert (told["whole"], told["settled"], told["raw"], told["entries"]) == (True, True, 3, 4)


async def test_missing_and_doubled_end_with_1(stand: Stand) -> None:
    await stand.put(Topic.RAW, [b"a", b"b"])
    await stand.put(Topic.ENRICHED, [item(stand.source(0)), item(stand.source(0))])
    await stand.commit(Topic.RAW, 2)
    done = await asyncio.to_thread(stand.run, "ledger", "--settle", "0")
    assert done.returncode == 1
    raw, enriched = stand.naming.topic(Topic.RAW), stand.naming.topic(Topic.ENRICHED)
    assert f"  {raw}/0/1: no outcome at all\n" in done.stdout
    assert f"  {raw}/0/0/0: has another outcome, and the one at {enriched}/0/1\n" in done.stdout


async def test_aborted_outcomes_and_markers_do_not_count(stand: Stand) -> None:
    producer = AIOKafkaProducer(**stand.connection, transactional_id=f"{stand.naming.prefix}.t")
    await producer.start()
    try:
        for commits in (False, True, False):
            await producer.begin_transaction()
            await producer.send_and_wait(stand.naming.topic(Topic.RAW), b"document", partition=0)
            offset = 2  # 0: aborted, 1: its marker
            outcome = json.dumps({"source": {"topic": stand.naming.topic(Topic.RAW), "partition": 0, "offset": offset,
                                             "index": 0, "count": 1}}).encode()  # fmt: skip
            await producer.send_and_wait(stand.naming.topic(Topic.ENRICHED), outcome, key=b"key", partition=0)
            await (producer.commit_transaction() if commits else producer.abort_transaction())
    finally:
        await producer.stop()
    await stand.commit(Topic.RAW, 100)
    account = await audit(stand)
    assert account.whole
    assert (account.raw, account.items) == (1, 1)


async def test_what_the_mill_has_not_taken_waits(stand: Stand) -> None:
    await stand.put(Topic.RAW, [b"a", b"b", b"c"])
    assert (await audit(stand)).waiting == 3  # no worker was ever there
    await stand.put(Topic.ENRICHED, [item(stand.source(0))])
    await stand.commit(Topic.RAW, 1)
    account = await audit(stand)
    assert (account.waiting, account.whole) == (2, True)


async def test_entries_between_the_stages_are_in_flight_until_their_stage_is_past_them(stand: Stand) -> None:
    await stand.put(Topic.RAW, [b"a"])
    await stand.put(Topic.ENRICHED, [item(stand.source(0, 0, 3))])
    frames = encode_frames([(EntryRef(0, 0, 1), b"entry"), (EntryRef(0, 0, 0), b"entry")])
    (offset,) = await stand.put(Topic.NEWS, [value for value, _ in frames])
    await stand.commit(Topic.RAW, 1)
    account = await audit(stand)
    assert (account.in_flight, account.missing.shown) == (1, [f"{stand.naming.topic(Topic.RAW)}/0/0/2"])
    await stand.commit(Topic.NEWS, offset + 1)
    account = await audit(stand)
    assert (account.in_flight, account.missing.count) == (0, 2)


async def test_settling_waits_for_what_is_on_its_way_and_no_longer(stand: Stand) -> None:
    await stand.put(Topic.RAW, [b"a"])
    started = time.monotonic()
    running = asyncio.create_task(audit(stand, settle=30))
    await asyncio.sleep(1)
    await stand.put(Topic.RAW, [b"later: not part of this audit"])
    await stand.put(Topic.ENRICHED, [item(stand.source(0))])
    await stand.commit(Topic.RAW, 1)
    account = await running
    assert account.settled
    assert account.raw == 1
    assert time.monotonic() - started < 20


async def test_what_retention_has_deleted_is_outside_the_window(stand: Stand) -> None:
    """Outcomes deleted before a time T: raw records of before T cannot be audited any more."""
    now = int(time.time() * 1000)
    hours = 3_600_000
    raw, duplicates = stand.naming.topic(Topic.RAW), stand.naming.topic(Topic.DUPLICATES)
    await put_at(stand, raw, [(now - 10 * hours, b"old"), (now - 1 * hours, b"new")])
    await put_at(
        stand,
        duplicates,
        [(now - 10 * hours, duplicate(stand.source(0))), (now - 2 * hours, duplicate(stand.source(9)))],
    )
    await stand.put(Topic.ENRICHED, [item(stand.source(1))])
    await stand.commit(Topic.RAW, 2)
    assert (await audit(stand)).raw == 2

    await stand.forget(Topic.DUPLICATES, 1)
    async with administration(stand.connection) as admin, Reader(stand.connection) as reader:
        opened = await Audit.open(admin, reader, stand.naming)
        account = await opened.run(0)
    assert opened.window_begins_ms == now - 2 * hours + 60_000
    assert (account.raw, account.items, account.whole) == (1, 1, True)


async def test_items_older_than_the_compaction_lag_are_outside_the_window(stand: Stand) -> None:
    now = int(time.time() * 1000)
    days = 86_400_000
    # its first revision may be compacted away by now: nobody can know whether it ever had its outcome
    await put_at(
        stand, stand.naming.topic(Topic.RAW), [(now - 6 * days, b"old"), (now - 6 * days, b"old"), (now, b"new")]
    )
    await put_at(stand, stand.naming.topic(Topic.ENRICHED), [(now - 6 * days, item(stand.source(1)))])
    await stand.put(Topic.ENRICHED, [item(stand.source(2))])
    await stand.commit(Topic.RAW, 3)
    account = await audit(stand)
    assert (account.raw, account.items, account.whole) == (1, 1, True)


async def test_records_that_are_no_outcomes_are_counted_and_passed_over(stand: Stand) -> None:
    await stand.put(Topic.ENRICHED, [b"hello", b"{}"])
    done = await asyncio.to_thread(stand.run, "ledger", "--settle", "0")
    assert done.returncode == 0
    assert "no outcomes, passed over: 2." in done.stdout


async def put_at(stand: Stand, topic: str, records: list[tuple[int, Any]]) -> None:
    """Write records with their times; LogAppendTime topics would set their own."""
    async with administration(stand.connection) as admin:
        await admin.configure({topic: {"message.timestamp.type": "CreateTime"}})
    producer = AIOKafkaProducer(**stand.connection)
    await producer.start()
    try:
        for time_ms, value in records:
            body = value if isinstance(value, bytes) else msgspec.json.encode(value)
            await producer.send_and_wait(topic, body, key=b"key", partition=0, timestamp_ms=time_ms)
    finally:
        await producer.stop()
