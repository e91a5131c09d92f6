"""The runbooks of docs/runbooks, done step by step on a real broker: what it costs, and what consumers see."""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from aiokafka.errors import CommitFailedError

from agents.engine.admin import administration
from agents.engine.broker import EmbeddedBroker
from agents.stage import Topic
from schemas import StageName
from tests.kafka.single import Single, done, outcomes, worker
from tests.kafka.stand import PARTITIONS, Stand

pytestmark = [pytest.mark.heavy, pytest.mark.timeout(900)]

FEED = b"https://news.example/feed.xml"


@pytest.fixture
def own_broker(tmp_path: Path) -> Iterator[EmbeddedBroker]:
    broker = EmbeddedBroker()
    broker.start(tmp_path / "kafka")
    yield broker
    broker.stop()


class Desk:
    """A feed that shows articles in versions. `place` is the partition of the raw topic that has them all."""

    def __init__(self, stand: Stand) -> None:
        self.stand = stand

    def show(self, *versions: tuple[str, int]) -> None:
        asyncio.run(self._show(versions))

    async def _show(self, versions: tuple[tuple[str, int], ...]) -> None:
        bodies = [
            json.dumps(
                {
                    "url": f"https://news.example/{name}",
                    "title": f"The {name} of the harbour",
                    "content_text": f"What the {name} is about stands here in version {version}. " * 5,
                    "source_url": FEED.decode(),
                }
            ).encode()
            for name, version in versions
        ]
        await self.stand.put(Topic.RAW, bodies, key=FEED, headers=(("source-url", FEED),))

    def seen(self) -> list[tuple[str, int, int, str]]:
        """All items in the order of their topic: name, version, revision, id."""
        return [told(value) for topic, value in asyncio.run(outcomes(self.stand)) if topic is Topic.ENRICHED]

    def upserted(self) -> dict[str, tuple[str, int, int]]:
        """What who upserts by id ends with: name, version and revision."""
        return {id: (name, version, revision) for name, version, revision, id in self.seen()}


def told(value: dict[str, Any]) -> tuple[str, int, int, str]:
    version = int(value["text"].split(" in version ")[1].split(".")[0])
    return value["url"].rpartition("/")[2], version, value["revision"], value["id"]


def feedmill(stand: Stand, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """A command as an operator types it."""
    return subprocess.run(
        [sys.executable, "-m", "agents.cli.main", *arguments],
        env=stand.environment | settings, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


def delete(stand: Stand, topic: str) -> None:
    """`kafka-topics.sh --delete`, until the broker has done it."""

    async def act() -> None:
        async with administration(stand.connection) as admin:
            await admin._client.delete_topics([topic])
            while topic in await admin.topics(topic):  # noqa: ASYNC110  # the broker tells nobody
                await asyncio.sleep(0.2)
        await asyncio.sleep(2.0)  # its partitions go a moment after its name

    asyncio.run(act())


def reset(stand: Stand, partition: int) -> None:
    """`kafka-consumer-groups.sh --reset-offsets --to-earliest`, which needs a group without members, as this does."""
    deadline = time.monotonic() + 120
    while True:
        try:
            asyncio.run(stand.commit(Topic.RAW, 0, partition))
            return
        except CommitFailedError:
            assert time.monotonic() < deadline
            time.sleep(1.0)


def moment() -> str:
    time.sleep(0.01)
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def test_a_lost_changelog(own_broker: EmbeddedBroker, tmp_path: Path) -> None:
    """docs/runbooks/lost-changelog.md."""
    stand = Stand(own_broker.address, "lost")
    asyncio.run(stand.create())
    desk = Desk(stand)
    with worker(stand, tmp_path / "w"):
        desk.show(("bridge", 1), ("ferry", 1))
        done(stand, 2)
        desk.show(("bridge", 2), ("mole", 1))
        done(stand, 4)
    before = desk.upserted()
    ids = {name: id for name, _, _, id in desk.seen()}
    [first] = {value["source"]["partition"] for _, value in asyncio.run(outcomes(stand))}
    asyncio.run(stand.forget(Topic.RAW, 2, partition=first))  # a week later: the first versions are no more there
    changelog = stand.naming.changelog(StageName.DEDUPE)
    delete(stand, changelog)

    checked = feedmill(stand, "topics", "check")
    assert (checked.returncode, changelog in checked.stdout + checked.stderr) == (1, True)
    stopped = Single(stand, tmp_path / "w")
    assert stopped.ended() == 1
    assert f"{changelog} is missing" in stopped.heard()
    assert feedmill(stand, "topics", "apply").returncode == 0
    stopped = Single(stand, tmp_path / "w")
    assert stopped.ended() == 70
    assert "the changelog was lost or restored from an older backup" in stopped.heard()
    assert "lost-changelog.md" in stopped.heard()
    assert "Traceback" not in stopped.heard()

    assert feedmill(stand, "topics", "apply", FEEDMILL_GENERATION="2").returncode == 0
    with worker(stand, tmp_path / "w", FEEDMILL_GENERATION="2"):
        done(stand, 6)  # what the raw topic still holds comes again
        came_again = desk.upserted()
        changed = moment()
        desk.show(("bridge", 3), ("ferry", 1), ("mole", 1))
        found = done(stand, 9)

    # Ids stay. Content stays or is newer; the number of what began before the raw topic begins again.
    assert came_again.keys() == before.keys()
    assert before[ids["bridge"]] == ("bridge", 2, 2)
    assert came_again[ids["bridge"]] == ("bridge", 2, 1)
    assert came_again[ids["mole"]] == before[ids["mole"]] == ("mole", 1, 1)
    assert desk.upserted()[ids["bridge"]] == ("bridge", 3, 2)
    # What the raw topic no longer held is news once more when its feed shows it: the same id, the first revision.
    ferries = [(version, revision, id) for name, version, revision, id in desk.seen() if name == "ferry"]
    assert ferries == [(1, 1, ids["ferry"])] * 2
    assert [topic for topic, value in found if value["source"]["offset"] == 6] == [Topic.DUPLICATES]
    # The ledger sees what the second generation did again, unless it is asked about the time from then on.
    audited = feedmill(stand, "ledger", FEEDMILL_GENERATION="2")
    assert (audited.returncode, "Doubled: 2" in audited.stdout) == (1, True), audited.stdout
    audited = feedmill(stand, "ledger", "--since", changed, FEEDMILL_GENERATION="2")
    assert audited.returncode == 0, audited.stdout
    assert "3 entries = 2 items + 1 duplicates + 0 dead letters" in audited.stdout


def test_an_older_backup(own_broker: EmbeddedBroker, tmp_path: Path) -> None:
    """docs/runbooks/older-backup.md: all topics and offsets of one moment, under a worker whose folder is ahead."""
    stand = Stand(own_broker.address, "backup")
    asyncio.run(stand.create())
    desk = Desk(stand)
    data, backup = tmp_path / "kafka" / "data", tmp_path / "backup"
    with worker(stand, tmp_path / "w"):
        desk.show(("bridge", 1), ("ferry", 1))
        done(stand, 2)
    own_broker.stop()
    shutil.copytree(data, backup)
    own_broker.restart()
    with worker(stand, tmp_path / "w"):
        desk.show(("bridge", 2), ("mole", 1))
        done(stand, 4)
    seen_before = desk.seen()
    own_broker.stop()
    shutil.rmtree(data)
    shutil.copytree(backup, data)
    own_broker.restart()

    with worker(stand, tmp_path / "w") as one:
        heard = one.heard()
        assert len(asyncio.run(outcomes(stand))) == 2
        desk.show(("bridge", 3), ("mole", 1), ("ferry", 1))  # the feed as it is now
        found = done(stand, 5)
    assert "was rebuilt from its changelog: it has read to " in heard
    assert ", its changelog ends at " in heard
    ids = {name: id for name, _, _, id in desk.seen()}
    assert ids == {name: id for name, _, _, id in seen_before}
    # Consumers that kept what they had read have seen another second revision of the bridge before.
    assert ("bridge", 2, 2, ids["bridge"]) in seen_before
    assert desk.upserted() == {
        ids["bridge"]: ("bridge", 3, 2), ids["mole"]: ("mole", 1, 1), ids["ferry"]: ("ferry", 1, 1)
    }  # fmt: skip
    assert sum(topic is Topic.DUPLICATES for topic, _ in found) == 1
    audited = feedmill(stand, "ledger")
    assert audited.returncode == 0, audited.stdout
    assert "5 entries = 4 items + 1 duplicates + 0 dead letters" in audited.stdout


def test_a_raw_topic_that_was_made_again(own_broker: EmbeddedBroker, tmp_path: Path) -> None:
    """docs/runbooks/recreated-raw.md: only the position in it is lost, and nothing that is remembered of items."""
    stand = Stand(own_broker.address, "recreated")
    asyncio.run(stand.create())
    desk = Desk(stand)
    raw = stand.naming.topic(Topic.RAW)
    with worker(stand, tmp_path / "w"):
        desk.show(("bridge", 1), ("ferry", 1), ("mole", 1))
        done(stand, 3)
    ids = {name: id for name, _, _, id in desk.seen()}
    delete(stand, raw)
    applied = feedmill(stand, "topics", "apply")
    assert f"{raw}: created" in applied.stdout
    assert applied.returncode == 1, "it is not the topic that the state is about, and it says so"
    desk.show(("bridge", 1), ("bridge", 2))
    stopped = Single(stand, tmp_path / "w")
    assert stopped.ended() == 70
    assert "ends at 2, but was worked on up to 3: the topic was deleted and made again" in stopped.heard()
    assert "Traceback" not in stopped.heard()
    assert len(asyncio.run(outcomes(stand))) == 3

    delete(stand, stand.naming.changelog(StageName.PARSE))
    assert f"{stand.naming.changelog(StageName.PARSE)}: created" in feedmill(stand, "topics", "apply").stdout
    for partition in range(PARTITIONS):
        reset(stand, partition)
    checked = feedmill(stand, "topics", "check")
    assert checked.returncode == 0, checked.stdout
    with worker(stand, tmp_path / "w"):
        found = done(stand, 5)
        desk.show(("ferry", 2))
        found = done(stand, 6)
    assert desk.upserted() == {
        ids["bridge"]: ("bridge", 2, 2), ids["ferry"]: ("ferry", 2, 2), ids["mole"]: ("mole", 1, 1)
    }  # fmt: skip
    assert sum(topic is Topic.DUPLICATES for topic, _ in found) == 1
