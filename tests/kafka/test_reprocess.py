"""`feedmill reprocess`: items are updated in place, once each, also while revisions of them arrive."""

from __future__ import annotations

import asyncio
import signal
import sys
import uuid
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest

from agents.engine.broker import EmbeddedBroker
from agents.engine.reprocessing import RUN_HEADER, is_replay
from agents.engine.transport import Incoming
from agents.stage import Headers, Topic
from schemas import DedupeRule, Duplicate, GroupingRule, Item, Position
from tests.kafka.faults import documents
from tests.kafka.othermill import OtherMill
from tests.kafka.stand import Stand, decoded

SEED = 20261129
BEFORE, AFTER = 300, 120
"""Documents that the older mill took, and that arrive while the newer one takes those again."""

WITHIN = 240.0
READS = "A newer reading of the page finds one more sentence at its end than the older one did."
UNTOUCHED = sorted(set(Item.__struct_fields__) - {"pipeline", "source", "decision", "replay_of", "grouping"})
WORDS = {
    "text",
    "html",
    "summary",
    "word_count",
    "reading_seconds",
    "keywords",
    "names",
    "places",
    "language_confidence",
}


@pytest.fixture
async def stand(broker: EmbeddedBroker) -> Stand:
    stand = Stand(broker.address, f"again-{uuid.uuid4().hex[:8]}")
    await stand.create()
    return stand


async def run(stand: Stand, *arguments: str) -> tuple[int, str]:
    done = await asyncio.to_thread(stand.run, "reprocess", *arguments)
    assert done.stdout == ""
    return done.returncode, done.stderr


async def ended(stand: Stand) -> dict[Topic, list[Incoming]]:
    """What came out, once each document of the raw topic has an outcome; a document here has one entry."""
    async with asyncio.timeout(WITHIN):
        while True:
            raw = len(await stand.get(Topic.RAW))
            found = {topic: await stand.get(topic) for topic in (Topic.ENRICHED, Topic.DUPLICATES, Topic.DEAD_LETTER)}
            if sum(map(len, found.values())) >= raw:
                return found
            await asyncio.sleep(1)


async def publish(stand: Stand, made: Sequence[tuple[bytes, bytes, Headers]], rate: float = 0.0) -> None:
    for key, body, headers in made:
        await stand.put(Topic.RAW, [body], key=key, headers=headers)
        if rate:
            await asyncio.sleep(1 / rate)


@pytest.mark.heavy
@pytest.mark.timeout(900)
async def test_through_a_newer_mill_while_revisions_arrive(stand: Stand, tmp_path: Path) -> None:
    made = list(documents(BEFORE + AFTER, SEED))
    older = OtherMill("older", stand.environment, tmp_path, version="1.0")
    try:
        await publish(stand, made[:BEFORE])
        first = await ended(stand)
    finally:
        await asyncio.to_thread(older.end)
    assert {item.pipeline for item in decoded(first[Topic.ENRICHED], Item)} == {"1.0"}
    originals = {(record.partition, record.offset) for record in await stand.get(Topic.RAW)}
    deployed = datetime.now(UTC).isoformat().replace("+00:00", "Z")

    newer = [OtherMill(f"newer-{n}", stand.environment, tmp_path, version="2.0", reads=READS) for n in range(2)]
    try:
        arriving = asyncio.create_task(publish(stand, made[BEFORE:], rate=6))
        await killed_in_the_middle(stand, deployed)
        newer[0].signal(signal.SIGKILL)
        code, said = await run(stand, "--resume", "--rate", "40")
        assert code == 0, said
        await arriving
        last = await ended(stand)
        ledger = await asyncio.to_thread(stand.run, "ledger", "--settle", "60")
        code, said = await run(stand, "--resume", "--yes")
        assert (code, said.split(" published")[0]) == (0, "0 documents"), "the run is complete"
    finally:
        for worker in newer:
            await asyncio.to_thread(worker.end)
    assert ledger.returncode == 0, ledger.stdout
    check(await stand.get(Topic.RAW), originals, first, last)


async def killed_in_the_middle(stand: Stand, until: str) -> None:
    """A run that is killed after some of it was published."""
    command = [sys.executable, "-m", "agents.cli.main", "reprocess", "--until", until, "--rate", "10", "--yes"]
    process = await asyncio.create_subprocess_exec(*command, env=stand.environment)
    try:
        async with asyncio.timeout(WITHIN):
            published = 0
            while published < BEFORE // 10:
                await asyncio.sleep(0.2)
                published = sum(map(is_replay, await stand.get(Topic.RAW)))
    finally:
        process.kill()
        await process.wait()
    published = sum(map(is_replay, await stand.get(Topic.RAW)))
    assert published < BEFORE, "it was killed too late to say anything"


def check(
    raw: list[Incoming],
    originals: set[tuple[int, int]],
    first: dict[Topic, list[Incoming]],
    last: dict[Topic, list[Incoming]],
) -> None:
    replays = [record for record in raw if is_replay(record)]
    named = Counter(dict(record.headers)["replay-of"].decode() for record in replays)
    assert set(named.values()) == {1}, "no record is published again twice"
    places = {Position.parse(text) for text in named}
    assert {(place.partition, place.offset) for place in places if place} == originals, "and each is once"
    assert len({dict(record.headers)[RUN_HEADER] for record in replays}) == 1

    standing: dict[str, list[Item]] = {}
    for item in decoded(last[Topic.ENRICHED], Item):
        standing.setdefault(item.id, []).append(item)
    before = {item.id: item for item in decoded(first[Topic.ENRICHED], Item)}  # the latest of each
    updated = overtaken = 0
    for id, items in standing.items():
        revisions = [item.revision for item in items]
        assert revisions == sorted(revisions), f"{id} stands out of order: {revisions}"
        assert set(revisions) == set(range(1, max(revisions) + 1)), f"{id} has {revisions}"
        stated = Counter((item.revision, item.pipeline) for item in items)
        assert set(stated.values()) == {1}, f"{id} came out twice: {stated}"
        assert len({item.story_id for item in items}) == 1, f"{id} changed its story"
        copies = [item.reprint_of for item in items if item.reprint_of]
        assert len(set(copies)) <= 1, f"{id} changed its original"
        assert not copies or [item.reprint_of for item in items][-len(copies) :] == copies
        assert id not in copies, f"{id} is a copy of itself"
        again = [item for item in items if item.replay_of]
        if (known := before.get(id)) is None:
            assert not again
            continue
        assert items[-1].pipeline == "2.0"
        if not again:
            overtaken += 1
            assert max(revisions) > known.revision
            continue
        updated += 1
        [one] = again
        assert one.revision == known.revision
        assert one.replay_of == known.source.position
        assert (one.decision.rule, one.grouping.rule) == (DedupeRule.REPLAYED, GroupingRule.KEPT)
        assert one.source.received_at == known.source.received_at
        assert READS in one.text
        for name in set(UNTOUCHED) - WORDS - {"reprint_of", "verdict"}:
            assert getattr(one, name) == getattr(known, name), (id, name)
    assert updated > BEFORE / 3
    assert overtaken, "no revision arrived while its item was on the way again: nothing was tried"

    rules = Counter(one.decision.rule for one in decoded(last[Topic.DUPLICATES], Duplicate) if one.replay_of)
    assert rules[DedupeRule.SUPERSEDED] >= overtaken
    assert set(rules) <= {DedupeRule.SUPERSEDED, DedupeRule.SAME_ENTRY, DedupeRule.OLDER_COPY}, rules
    letters = len(last[Topic.DEAD_LETTER]) - len(first[Topic.DEAD_LETTER])
    assert updated + sum(rules.values()) + letters >= len(originals)


@pytest.fixture
async def filled(stand: Stand) -> Stand:
    """Six records, two of them replays; two feeds."""
    for number in range(4):
        feed = f"https://feed{number % 2}.example/rss".encode()
        await stand.put(Topic.RAW, [b"<rss %d" % number], partition=number % 2, headers=(("source-url", feed),))
    raw = stand.naming.topic(Topic.RAW)
    await stand.put(Topic.RAW, [b"<rss 0"], headers=(("replay-of", f"{raw}/0/0".encode()),))
    await stand.put(Topic.RAW, [b"<rss 2"], headers=(("replay-of", f"{raw}/0/1/0".encode()),))
    return stand


async def again(stand: Stand) -> list[bytes]:
    """The values of what was published by `reprocess`."""
    return [
        record.value or b""
        for record in await stand.get(Topic.RAW)
        if any(name == RUN_HEADER for name, _ in record.headers)
    ]


@pytest.mark.heavy
async def test_originals_once_in_order_and_a_complete_run_has_nothing_left(filled: Stand) -> None:
    code, said = await run(filled, "--all", "--dry-run")
    assert code == 0
    assert said.startswith("4 documents would be published again, 24 bytes, received from ")
    assert said.endswith("Left out, 2: replays of other records.\n")
    assert await again(filled) == []
    code, said = await run(filled, "--all")
    assert code == 0
    assert said.startswith("4 documents published again in ")
    assert sorted(await again(filled)) == [b"<rss 0", b"<rss 1", b"<rss 2", b"<rss 3"]
    code, said = await run(filled, "--resume")
    assert (code, said.split(" in ")[0]) == (0, "0 documents published again")
    assert len(await again(filled)) == 4


@pytest.mark.heavy
async def test_of_a_feed_and_of_a_time(filled: Stand) -> None:
    assert (await run(filled, "--all", "--feed", "http://feed1.example/rss"))[0] == 0
    assert await again(filled) == [b"<rss 1", b"<rss 3"]
    assert (await run(filled, "--until", "7d"))[1].startswith("0 documents published again")
    await asyncio.sleep(1.1)
    moment = datetime.now(UTC).isoformat()
    await filled.put(Topic.RAW, [b"late"])
    assert (await run(filled, "--since", moment))[0] == 0
    assert sorted(await again(filled)) == [b"<rss 1", b"<rss 3", b"late"]


@pytest.mark.heavy
async def test_many_are_asked_for(stand: Stand) -> None:
    await stand.put(Topic.RAW, [b"x"] * 1000)
    code, said = await run(stand, "--all")
    assert code == 2
    assert said.startswith("feedmill: Up to 1,000 documents would be published again, and nobody can be asked.")
    assert await again(stand) == []


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        pytest.param([], "Say which records: --since, --until, --all, or --resume.", id="nothing"),
        pytest.param(["--resume", "--all"], "--resume goes on with what the last run covered", id="two wishes"),
        pytest.param(["--since", "noon"], "--since noon is no moment.", id="no moment"),
        pytest.param(["--since", "1h", "--until", "2h"], "--since is not before --until", id="the wrong way round"),
        pytest.param(["--all", "--feed", "::"], "--feed :: is no address", id="no address"),
    ],
)
async def test_wrong_use_is_a_sentence(stand: Stand, arguments: list[str], says: str) -> None:
    code, said = await run(stand, *arguments)
    assert code == 2
    assert said.startswith(f"feedmill: {says}")


@pytest.mark.heavy
async def test_there_is_no_run_to_go_on_with(stand: Stand) -> None:
    code, said = await run(stand, "--resume")
    assert code == 1
    assert said.startswith("feedmill: There is no run to go on with: nothing on ")
