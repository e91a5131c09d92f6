"""Promise 7 on a real broker: dead letters of every stage and cause come out as what they were, once, and in order."""

from __future__ import annotations

import asyncio
import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest
from aiokafka import AIOKafkaProducer

from agents.engine.admin import administration
from agents.engine.broker import EmbeddedBroker
from agents.engine.republisher import OvertakenError, Republisher
from agents.engine.topics import MAX_BYTES
from agents.engine.transport import EngineError, Incoming, Outgoing
from agents.stage import Topic
from schemas import DeadLetter, DeadLetterCode, DedupeRule, Duplicate, Item, Position, StageName
from tests.kafka.othermill import MARK, OtherMill
from tests.kafka.stand import PARTITIONS, Stand, dead_letter, decoded

WITHIN = 240.0
SMALL = 40_000
"""Bytes that a topic takes while it refuses; a longer document is LONG words."""

LONG = 9_000


@pytest.fixture
async def stand(broker: EmbeddedBroker) -> Stand:
    stand = Stand(broker.address, f"replay-{uuid.uuid4().hex[:8]}")
    await stand.create()
    return stand


@contextmanager
def mill(stand: Stand, folder: Path, **faults: str) -> Iterator[OtherMill]:
    worker = OtherMill("worker", stand.environment, folder, **faults)
    try:
        yield worker
    finally:
        worker.end()


def document(name: str, said: str, words: int = 60) -> bytes:
    """A document about one item of a site of its own; the same words each time but for what is said."""
    text = " ".join(f"{name}{number * 7919 % 1009}" for number in range(words))
    return msgspec.json.encode(
        {
            "url": f"https://{name}.example/news",
            "title": f"News of {name}",
            "content_html": f"<p>{text}</p><p>{said}</p>",
        }
    )


async def publish(stand: Stand, *documents: bytes) -> None:
    """Each under the key of its site, so that what is said of an item stays in order."""
    for body in documents:
        site = msgspec.json.decode(body)["url"].split("/")[2].encode()
        await stand.put(Topic.RAW, [body], key=site)


async def outcomes(stand: Stand, number: int) -> dict[Topic, list[Incoming]]:
    """What came out, once it is so many."""
    async with asyncio.timeout(WITHIN):
        while True:
            found = {topic: await stand.get(topic) for topic in (Topic.ENRICHED, Topic.DUPLICATES, Topic.DEAD_LETTER)}
            if sum(map(len, found.values())) >= number:
                return found
            await asyncio.sleep(0.3)


async def refuse(stand: Stand, topic: Topic, size: int) -> None:
    async with administration(stand.connection) as admin:
        await admin.configure({stand.naming.topic(topic): {"max.message.bytes": str(size)}})


FAILING = (StageName.PARSE, StageName.DEDUPE, StageName.ENRICH, StageName.STORIES)
REFUSING = {
    StageName.PARSE: Topic.ENTRIES,
    StageName.DEDUPE: Topic.NEWS,
    StageName.ENRICH: Topic.DRAFTS,
    StageName.STORIES: Topic.ENRICHED,
}


@pytest.mark.heavy
@pytest.mark.timeout(900)
async def test_letters_of_every_stage_and_cause(stand: Stand, tmp_path: Path) -> None:
    """The first, a second that is the last, and a second that a third has overtaken: each fails at each stage, by a
    crash and by a broker's refusal; and documents whose form an older version cannot read. After the cure three calls
    at a time replay them."""
    expected = 0
    with mill(stand, tmp_path, fails=",".join(FAILING)):
        for stage in FAILING:
            mark = f"{MARK}{stage}"
            await publish(
                stand,
                document(f"{stage}-first", mark),
                document(f"{stage}-last", "As it was."),
                document(f"{stage}-last", mark),
                document(f"{stage}-passed", "As it was."),
                document(f"{stage}-passed", mark),
                document(f"{stage}-passed", "As it is now."),
            )
            expected += 6
        await publish(
            stand,
            document("sniff-last", "As it was."),
            document("sniff-last", "FAILS-AT-sniff"),
            document("sniff-passed", "FAILS-AT-sniff"),
            document("sniff-passed", "As it is now."),
        )
        expected += 4
        await outcomes(stand, expected)
        for stage, topic in REFUSING.items():
            await publish(stand, document(f"{stage}-refused", "Short."), document(f"{stage}-refused-passed", "Short."))
            await outcomes(stand, expected := expected + 2)
            await refuse(stand, topic, SMALL)
            await publish(
                stand,
                document(f"{stage}-refused", "Long.", LONG),
                document(f"{stage}-refused-passed", "Long.", LONG),
                document(f"{stage}-refused-new", "Long.", LONG),
            )
            await outcomes(stand, expected := expected + 3)
            await refuse(stand, topic, MAX_BYTES[topic])
            await publish(stand, document(f"{stage}-refused-passed", "Long, and longer.", LONG))
            await outcomes(stand, expected := expected + 1)
        before = await outcomes(stand, expected)
    letters = decoded(before[Topic.DEAD_LETTER], DeadLetter)
    counted = Counter((letter.stage, letter.code) for letter in letters)
    assert counted == Counter(
        {(stage, DeadLetterCode.CRASHED_WORKER): 3 for stage in FAILING}
        | {(stage, DeadLetterCode.REFUSED_BY_BROKER): 3 for stage in FAILING}
        | {(StageName.PARSE, DeadLetterCode.UNSUPPORTED_FORMAT): 2}
    )

    with mill(stand, tmp_path):
        called = await asyncio.gather(
            *(asyncio.to_thread(stand.run, "dead-letters", "replay", "--all") for _ in range(3))
        )
        assert any(done.returncode == 0 for done in called), [done.stderr for done in called]
        after = await outcomes(stand, expected + len(letters))
        await asyncio.sleep(2)  # for what should not come
        after = await outcomes(stand, expected + len(letters))
        ledger = await asyncio.to_thread(stand.run, "ledger", "--settle", "30")
    assert ledger.returncode == 0, ledger.stdout
    check_replays(stand, letters, after, await stand.get(Topic.RAW))


def check_replays(
    stand: Stand, letters: list[DeadLetter], after: dict[Topic, list[Incoming]], raw: list[Incoming]
) -> None:
    named = Counter(dict(record.headers)["replay-of"].decode() for record in raw if record.headers)
    assert named == Counter(str(letter.source.position) for letter in letters), "each letter is replayed once"

    items = decoded(after[Topic.ENRICHED], Item)
    standing: dict[str, list[int]] = {}
    for item in items:
        standing.setdefault(item.id, []).append(item.revision)
    lettered: dict[str, set[int]] = {}
    for letter in letters:
        if letter.id is not None:
            lettered.setdefault(letter.id, set()).add(letter.revision or 0)
    for id, revisions in standing.items():
        assert revisions == sorted(set(revisions)), f"{id} stands as {revisions}"
        everything = {*revisions, *lettered.get(id, ())}
        assert everything == set(range(1, max(everything) + 1)), f"{id} has {sorted(everything)}"
    assert len(decoded(after[Topic.DEAD_LETTER], DeadLetter)) == len(letters), "none failed again"

    again = {item.replay_of: item for item in items if item.replay_of}
    duplicates = {one.replay_of: one for one in decoded(after[Topic.DUPLICATES], Duplicate) if one.replay_of}
    texts = {record.offset: record.value for record in raw}
    assert len(texts) > len(letters)
    for letter in letters:
        place = letter.source.position.entry(0)
        if "passed" in (letter.source_url or letter.payload):
            duplicate = duplicates[place]
            assert duplicate.decision.rule is DedupeRule.SUPERSEDED, duplicate
            assert letter.id in (None, duplicate.id)
        else:
            item = again[place]
            assert letter.id in (None, item.id), (letter.stage, letter.code)
            assert letter.revision in (None, item.revision), (letter.stage, letter.code)
            assert item.source.received_at == letter.source.received_at
            assert item.revision == max(standing[item.id])
    assert len(again) + len(duplicates) == len(letters)


async def test_who_begins_later_ends_who_began_before(stand: Stand) -> None:
    """Of two calls at a time each published all that waited, and items came out twice."""
    raw = stand.naming.topic(Topic.RAW)

    def republisher() -> Republisher:
        return Republisher(stand.connection, stand.naming, partitions=PARTITIONS, timeout_seconds=10, most=2)

    def records(*values: bytes) -> list[Outgoing]:
        return [Outgoing(raw, number % PARTITIONS, b"key", value) for number, value in enumerate(values)]

    async with republisher() as first:
        for record in records(b"1", b"2", b"3"):
            await first.send(record)
        assert first.published == 2
        async with republisher() as second:
            assert sorted(record.value or b"" for record in await stand.get(Topic.RAW)) == [b"1", b"2"]
            with pytest.raises(OvertakenError, match=r"began meanwhile.* 2 of its records are published"):
                await first.flush()
            for record in records(b"4"):
                await second.send(record)
            await second.flush()
    assert sorted(record.value or b"" for record in await stand.get(Topic.RAW)) == [b"1", b"2", b"4"]


async def test_what_a_killed_call_left_open_is_gone(stand: Stand) -> None:
    """Readers of the raw topic would wait for it; the next call decides it."""
    left = AIOKafkaProducer(**stand.connection, transactional_id=stand.naming.replaying_id)
    await left.start()
    try:
        await left.begin_transaction()
        await left.send_and_wait(stand.naming.topic(Topic.RAW), b"half", partition=0)
        async with Republisher(stand.connection, stand.naming, partitions=PARTITIONS, timeout_seconds=10) as one:
            await one.send(Outgoing(stand.naming.topic(Topic.RAW), 0, None, b"whole"))
            await one.flush()
        assert [record.value for record in await stand.get(Topic.RAW)] == [b"whole"]
    finally:
        await asyncio.wait_for(left.stop(), 10)


async def test_a_refused_record_is_a_sentence_and_nothing_of_its_batch_is_there(stand: Stand) -> None:
    await refuse(stand, Topic.RAW, 2000)
    raw = stand.naming.topic(Topic.RAW)
    async with Republisher(stand.connection, stand.naming, partitions=PARTITIONS, timeout_seconds=10) as one:
        await one.send(Outgoing(raw, 1, None, b"small"))
        await one.send(Outgoing(raw, 0, None, b"x" * 4000))
        with pytest.raises(EngineError, match=r"refuses one of 2 records .* None of them was published"):
            await one.flush()
    assert await stand.get(Topic.RAW) == []


async def test_calls_at_a_time_replay_each_letter_once(stand: Stand) -> None:
    letters = [dead_letter(stand.source(offset, None, None), payload=f"<rss {offset}") for offset in range(40)]
    await stand.put(Topic.DEAD_LETTER, letters)
    called = await asyncio.gather(*(asyncio.to_thread(stand.run, "dead-letters", "replay", "--all") for _ in range(3)))
    named = Counter(dict(record.headers)["replay-of"].decode() for record in await stand.get(Topic.RAW))
    assert named == Counter(str(Position(stand.naming.topic(Topic.RAW), 0, offset)) for offset in range(40))
    for done in called:
        assert done.returncode == 0 or "began meanwhile and ended this one" in done.stderr, done.stderr
