"""The state of a real worker: restored it is what it was, damaged or foreign it is made anew, newer it is left."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer

from agents.engine.broker import EmbeddedBroker
from agents.engine.publisher import Publisher
from agents.engine.store import STATE_PREFIX, RocksTables, Store
from agents.engine.topics import Naming
from agents.stage import Headers, Topic
from agents.stories.index import Index
from agents.stories.stage import StoriesStage
from schemas import StageName
from tests.kafka.faults import documents
from tests.kafka.single import Content, Single, content, done, outcomes, stage_keys, worker
from tests.kafka.stand import Stand
from tests.stories.test_restoring import same_slots

COUNT = 600
pytestmark = [pytest.mark.heavy, pytest.mark.timeout(900)]

Record = tuple[bytes, bytes, Headers]


@pytest.fixture(scope="module")
def own_broker() -> Iterator[EmbeddedBroker]:
    with EmbeddedBroker() as broker:
        yield broker


async def publish(stand: Stand, records: list[Record]) -> None:
    async with Publisher(stand.connection) as publisher:
        for key, body, headers in records:
            await publisher.send(stand.naming.topic(Topic.RAW), body, key=key, headers=headers)
        await publisher.flush()


def sent(seed: int) -> list[Record]:
    """With repetitions, revisions and poison; every eighth is printed by another site, too, and becomes a reprint."""
    found = list(documents(COUNT, seed))
    for key, body, _ in found[::8]:
        if key.startswith(b"https://site"):
            feed = b"https://another.example/feed.xml"
            copy = body.replace(key, feed).replace(b".example/news/", b".another.example/news/")
            found.append((feed, copy, (("source-url", feed),)))
    return found


class Milled:
    """A mill that has worked, and been killed at work; its folder holds the state as it grew."""

    def __init__(self, stand: Stand, folder: Path) -> None:
        self.stand = stand
        self.folder = folder
        self.records = sent(20261129)
        asyncio.run(stand.create())
        half = len(self.records) // 2
        killed = Single(stand, folder)
        killed.ready()
        asyncio.run(publish(stand, self.records[:half]))
        while len(asyncio.run(outcomes(stand))) < half // 4:
            time.sleep(0.1)
        killed.stop(signal.SIGKILL)
        with worker(stand, folder):
            asyncio.run(publish(stand, self.records[half:]))
            done(stand, len(self.records))
        self.content = content(folder)


@pytest.fixture(scope="module")
def milled(own_broker: EmbeddedBroker, tmp_path_factory: pytest.TempPathFactory) -> Milled:
    return Milled(Stand(own_broker.address, "state"), tmp_path_factory.mktemp("milled"))


def same(one: Content, other: Content) -> None:
    assert one.keys() == other.keys()
    for name in one:
        assert one[name] == other[name], f"{name}: {len(one[name][0])} and {len(other[name][0])} keys"


def test_it_worked_on_what_it_should(milled: Milled) -> None:
    found = asyncio.run(outcomes(milled.stand))
    verdicts = {value["verdict"] for topic, value in found if topic is Topic.ENRICHED}
    assert verdicts == {"new", "revision", "reprint"}
    assert len(found) == len(milled.records)
    keys = stage_keys(milled.content)
    assert keys["dedupe"] > 400
    assert keys["stories"] > 400


def test_restored_cold_it_equals_what_it_was(milled: Milled, tmp_path: Path) -> None:
    """Grown batch by batch, through a kill -9 and a warm start; and read from the changelog in one piece."""
    with worker(milled.stand, tmp_path):
        pass
    same(content(tmp_path), milled.content)
    name = f"{milled.stand.naming.changelog(StageName.STORIES)}"
    stores = [Store(RocksTables(at / "state", cache_bytes=1 << 20), name, 0) for at in (milled.folder, tmp_path)]
    one, other = (index_of(store) for store in stores)
    same_slots(one, other)
    for store in stores:
        store.close()


def index_of(store: Store) -> Index:
    from agents.engine.store import Overlay

    state = Overlay(store)
    for _ in StoriesStage().prepare(state):
        pass
    assert isinstance(state.derived, Index)
    return state.derived


def test_damaged_and_foreign_folders_are_made_anew_and_the_worker_says_why(milled: Milled, tmp_path: Path) -> None:
    shutil.copytree(milled.folder / "state", tmp_path / "state")
    naming = milled.stand.naming

    def of(stage: StageName, partition: int) -> Path:
        return tmp_path / "state" / f"{naming.changelog(stage)}-{partition}"

    for file in of(StageName.DEDUPE, 0).glob("MANIFEST*"):
        file.unlink()
    for file in of(StageName.DEDUPE, 1).glob("*.sst"):
        os.truncate(file, file.stat().st_size // 2)
    os.truncate(of(StageName.PARSE, 0) / "CURRENT", 0)
    shutil.rmtree(of(StageName.PARSE, 1))
    of(StageName.ENRICH, 0).rename(tmp_path / "swap")
    of(StageName.ENRICH, 1).rename(of(StageName.ENRICH, 0))
    (tmp_path / "swap").rename(of(StageName.ENRICH, 1))
    theirs = Store(RocksTables(tmp_path / "theirs", cache_bytes=1 << 20), Naming("t").changelog(StageName.STORIES), 0)
    theirs.rebuild("so that it notes whose it is")
    theirs.restored([(0, STATE_PREFIX + b"a", b"theirs")], 1)
    theirs.close()
    shutil.rmtree(of(StageName.STORIES, 0))
    (tmp_path / "theirs" / "t.internal.stories-changelog.g1-0").rename(of(StageName.STORIES, 0))
    with worker(milled.stand, tmp_path) as one:
        heard = one.heard()
    for place, why in (
        ("dedupe/0", "it could not be opened ("),
        ("dedupe/1", "it could not be opened ("),
        ("parse/0", "it could not be opened ("),
        ("enrich/0", "it is a copy of state.internal.enrich-changelog.g1-1, in format 2"),
        ("enrich/1", "it is a copy of state.internal.enrich-changelog.g1-0, in format 2"),
        ("stories/0", "it is a copy of t.internal.stories-changelog.g1-0, in format 2"),
    ):
        assert f"The state of {place} was rebuilt from its changelog: {why}" in heard, heard
    assert "The state of stories/1 was rebuilt" not in heard
    same(content(tmp_path), milled.content)


def test_damage_inside_ends_the_worker_once(milled: Milled, tmp_path: Path) -> None:
    """RocksDB opens it; the index of the stories is made from all of it, and meets the damage."""
    shutil.copytree(milled.folder / "state", tmp_path / "state")
    name = f"{milled.stand.naming.changelog(StageName.STORIES)}-1"
    files = list((tmp_path / "state" / name).glob("*.sst"))
    assert files
    for file in files:
        bad = bytearray(file.read_bytes())
        for at in range(len(bad) // 4, len(bad) // 2, 200):
            bad[at] ^= 0xFF
        file.write_bytes(bad)
    first = Single(milled.stand, tmp_path)
    assert first.ended() == 70, first.heard()
    assert "is damaged (Corruption" in first.heard()
    assert "Traceback" not in first.heard()
    with worker(milled.stand, tmp_path) as second:
        assert "The state of stories/1 was rebuilt from its changelog: damage was found in it" in second.heard()
    same(content(tmp_path), milled.content)


def test_a_record_of_a_newer_format_stops_the_worker_until_it_is_gone(milled: Milled, tmp_path: Path) -> None:
    """Rolled back too far: what the newer mill wrote is neither guessed at nor written over."""
    stand = milled.stand
    changelog = stand.naming.changelog(StageName.DEDUPE)
    at, keys = next(
        (int(name[-1]), keys) for name, (keys, _) in milled.content.items() if name.startswith(changelog) and keys
    )
    lineages = {one: value for one, value in keys.items() if value[:1] == b"\x02"}
    repeated = [record for record in milled.records if record[0].startswith(b"https://site")][:40]

    async def write(values: dict[bytes, bytes]) -> None:
        producer = AIOKafkaProducer(**stand.connection)
        await producer.start()
        try:
            for one, value in values.items():
                await producer.send_and_wait(changelog, value, key=one, partition=at)
        finally:
            await producer.stop()

    before = [value["source"] for _, value in asyncio.run(outcomes(stand))]
    asyncio.run(write({one: b"\x7f" + value[1:] for one, value in lineages.items()}))
    asyncio.run(publish(stand, repeated))
    older = Single(stand, tmp_path)
    assert older.ended() == 70, older.heard()
    assert "has format byte 7f, which this version of the mill does not know: a newer one wrote it" in older.heard()
    assert "Run the version that wrote it" in older.heard()
    assert "Traceback" not in older.heard()
    asyncio.run(write(lineages))
    with worker(stand, tmp_path):
        found = done(stand, len(before) + len(repeated))
    since = [topic for topic, value in found if value["source"] not in before]
    assert since == [Topic.DUPLICATES] * len(repeated), "the newer mill's state was there again, untouched"
