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
from agents.engine.audit import Audit, Scope
from agents.engine.broker import EmbeddedBroker
from agents.engine.frames import encode_frames
from agents.engine.ledger import Account
from agents.engine.reader import Reader
from agents.stage import EntryRef, Topic
from schemas import Item, Source
from tests.kafka.stand import Stand, dead_letter, duplicate
from tests.kafka.stand import item as same_item


@pytest.fixture
async def stand(broker: EmbeddedBroker) -> Stand:
    stand = Stand(broker.address, f"ledger-{uuid.uuid4().hex[:8]}")
    await stand.create()
    return stand


async def audit(stand: Stand, settle: float = 0.0, **scope: Any) -> Account:
    return (await audited(stand, settle, **scope))[1]


async def audited(stand: Stand, settle: float = 0.0, **scope: Any) -> tuple[Audit, Account]:
    async with administration(stand.connection) as admin, Reader(stand.connection) as reader:
        opened = await Audit.open(admin, reader, stand.naming, Scope(**scope))
        return opened, await opened.run(settle)


def item(source: Source, **fields: Any) -> Item:
    """An item of its own for each entry."""
    own = {"id": f"{source.partition:04x}{source.offset:08x}{source.index:04x}" + "0" * 16}
    return same_item(source, **(own | fields))


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
            source = stand.source(2)  # 0 was aborted, 1 is its marker
            outcome = msgspec.json.encode({"id": "key", "source": source})
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
    opened, account = await audited(stand)
    assert opened.horizon.since_ms == now - 2 * hours + 60_000
    assert opened.horizon.because == f"{duplicates}/0 holds nothing older any more."
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
    opened, account = await audited(stand)
    assert (account.raw, account.items, account.whole) == (1, 1, True)
    assert "keeps every revision for 4 days only" in opened.horizon.because


@pytest.mark.heavy
async def test_a_partition_and_a_time(stand: Stand) -> None:
    """What was lost elsewhere, or before or after, is not asked for; times are those of the raw topic."""
    now = int(time.time() * 1000)
    minutes = 60_000
    raw = stand.naming.topic(Topic.RAW)
    async with administration(stand.connection) as admin:
        await admin.configure({raw: {"message.timestamp.type": "CreateTime"}})
    await put_at(stand, raw, [(now - ago * minutes, b"document") for ago in (120, 90, 60, 30)])  # 0 and 3 are lost
    await stand.put(Topic.RAW, [b"lost"], partition=1)
    await put_at(
        stand,
        stand.naming.topic(Topic.ENRICHED),
        [(now - 90 * minutes, item(stand.source(1))), (now - 60 * minutes, item(stand.source(2)))],
    )
    for partition, offset in ((0, 4), (1, 1)):
        await stand.commit(Topic.RAW, offset, partition)
    assert (await audit(stand)).missing.count == 3
    assert (await audit(stand, partitions=frozenset({1}))).missing.shown == [f"{raw}/1/0: no outcome at all"]
    account = await audit(stand, partitions=frozenset({0}), since_ms=now - 100 * minutes)
    assert (account.raw, account.missing.shown) == (3, [f"{raw}/0/3: no outcome at all"])
    account = await audit(stand, since_ms=now - 100 * minutes, until_ms=now - 45 * minutes)
    assert (account.raw, account.items, account.whole) == (2, 2, True)

    asked = ("ledger", "--settle", "0", "--partition", "0", "--since", "100m", "--until")
    done = await asyncio.to_thread(stand.run, *asked, "45m")
    assert done.returncode == 0
    assert done.stdout.startswith(f"The ledger of {raw} (partition 0), from 20")
    done = await asyncio.to_thread(stand.run, *asked, "10m")
    assert done.returncode == 1
    assert f"  {raw}/0/3: no outcome at all\n" in done.stdout
    for wrong in (("--partition", "9"), ("--since", "yesterday"), ("--since", "1h", "--until", "2h")):
        assert (await asyncio.to_thread(stand.run, "ledger", *wrong)).returncode == 2


@pytest.mark.parametrize(
    ("planted", "says"),
    [
        pytest.param(
            lambda stand: [(item(stand.source(0)), b"another", ())],
            "{enriched}/0: its key is 'another', the id in it '00000000000000000000000000000000'",
            id="the key of another item",
        ),
        pytest.param(
            lambda stand: [(item(stand.source(0)), None, (("ce_id", b"feeds.raw/7/8/9"),))],
            "{enriched}/0: its header ce_id names the entry 'feeds.raw/7/8/9', its value {raw}/0/0/0",
            id="the value of another entry",
        ),
        pytest.param(
            lambda stand: [(item(stand.source(0), id="not hex" + "0" * 25), None, ())],
            "{enriched}/0: 'not hex0000000000000000000000000' and 1 are no item's id and revision",
            id="an id that is none",
        ),
        pytest.param(
            lambda stand: [
                (item(stand.source(0)), None, ()),
                (item(stand.source(1), id="0" * 32, title="Something else"), None, ()),
            ],
            "{raw}/0/1/0: revision 1 of its item, as {raw}/0/0/0 is",
            id="one revision with two contents",
        ),
        pytest.param(
            lambda stand: [
                (item(stand.source(0), revision=3), None, ()),
                (item(stand.source(1), id="0" * 32, revision=5), None, ()),
            ],
            "{raw}/0/1/0: revision 5 of its item, and the one before is revision 3",
            id="a revision that was left out",
        ),
        pytest.param(
            lambda stand: [
                (item(stand.source(0), revision=2), None, ()),
                (item(stand.source(1), id="0" * 32, revision=1), None, ()),
            ],
            "{raw}/0/1/0: revision 1 of its item stands behind revision 2",
            id="an older revision behind a newer one",
        ),
    ],
)
async def test_altered_outcomes_end_with_1(stand: Stand, planted: Any, says: str) -> None:
    records = planted(stand)
    await stand.put(Topic.RAW, [b"document"] * len(records))
    for value, key, headers in records:
        await put_at(
            stand, stand.naming.topic(Topic.ENRICHED), [(int(time.time() * 1000), value)], key=key, headers=headers
        )
    await stand.commit(Topic.RAW, len(records))
    done = await asyncio.to_thread(stand.run, "ledger", "--settle", "0")
    assert done.returncode == 1
    places = {"raw": stand.naming.topic(Topic.RAW), "enriched": stand.naming.topic(Topic.ENRICHED) + "/0"}
    assert "Missing: 0\nDoubled: 0\nAltered: 1\n  " + says.format(**places) + "\n" in done.stdout


async def test_replays_and_dead_letters_are_no_wrong_numbers(stand: Stand) -> None:
    """Revision 2 failed and came again as a replay; 1 was read anew by a newer mill before that."""
    await stand.put(Topic.RAW, [b"document"] * 5)
    one, again = stand.source(0).position, stand.source(1).position
    name = "0" * 32
    await stand.put(Topic.ENRICHED, [item(stand.source(0), id=name)])
    await stand.put(Topic.ENRICHED, [item(stand.source(3), id=name, replay_of=one)])
    await stand.put(Topic.DEAD_LETTER, [dead_letter(stand.source(1), id=name, revision=2)])
    await stand.put(Topic.ENRICHED, [item(stand.source(2), id=name, revision=3)])
    await stand.put(Topic.DEAD_LETTER, [dead_letter(stand.source(4), id=name, revision=2, replay_of=again)])
    await stand.commit(Topic.RAW, 5)
    account = await audit(stand)
    assert account.altered.shown == []
    assert account.whole


async def test_what_compaction_leaves_is_no_gap(stand: Stand) -> None:
    """Of an item's older revisions only the last may stand, and a dead letter from among those that are gone."""
    now = int(time.time() * 1000)
    days = 86_400_000
    async with administration(stand.connection) as admin:
        await admin.configure({stand.naming.topic(Topic.RAW): {"message.timestamp.type": "CreateTime"}})
    old, new = now - 6 * days, now - 1 * days
    await put_at(stand, stand.naming.topic(Topic.RAW), [(old, b"1"), (old, b"2"), (old, b"3"), (new, b"4")])
    name = "0" * 32
    await put_at(
        stand, stand.naming.topic(Topic.DEAD_LETTER), [(old, dead_letter(stand.source(0), id=name, revision=1))]
    )
    enriched = stand.naming.topic(Topic.ENRICHED)
    await put_at(stand, enriched, [(old, item(stand.source(2), id=name, revision=3))])
    await put_at(stand, enriched, [(new, item(stand.source(3), id=name, revision=5))])
    await stand.commit(Topic.RAW, 4)
    account = await audit(stand)
    assert (account.raw, account.altered.shown) == (1, [])


async def test_records_that_are_no_outcomes_are_counted_and_passed_over(stand: Stand) -> None:
    await stand.put(Topic.ENRICHED, [b"hello", b"{}"])
    done = await asyncio.to_thread(stand.run, "ledger", "--settle", "0")
    assert done.returncode == 0
    assert "no outcomes, passed over: 2." in done.stdout


async def put_at(
    stand: Stand, topic: str, records: list[tuple[int, Any]], key: bytes | None = None, headers: Any = ()
) -> None:
    """Write records with their times; LogAppendTime topics would set their own. Keys are the ids, where there are."""
    async with administration(stand.connection) as admin:
        await admin.configure({topic: {"message.timestamp.type": "CreateTime"}})
    producer = AIOKafkaProducer(**stand.connection)
    await producer.start()
    try:
        for time_ms, value in records:
            body = value if isinstance(value, bytes) else msgspec.json.encode(value)
            own = key or (getattr(value, "id", None) or "key").encode()
            await producer.send_and_wait(topic, body, key=own, partition=0, timestamp_ms=time_ms, headers=list(headers))
    finally:
        await producer.stop()
