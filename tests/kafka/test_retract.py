"""`feedmill retract` with a worker that does it: by id, whatever the item's addresses are."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable
from functools import partial
from pathlib import Path

import msgspec
import pytest

from agents.engine.broker import EmbeddedBroker
from agents.engine.transport import Incoming
from agents.stage import Topic
from schemas import DedupeRule, Duplicate, Item
from tests.kafka.faults import Worker
from tests.kafka.stand import Stand, decoded, item

HOME = "https://news.example/"
LETTERS = [
    "The ferry ran aground at dawn, for the seals would not wake before the tide had come back into the harbour.",
    "A new orchard was planted by the council on the meadow, of trees that nobody has seen in this valley before.",
    "Nobody knows who wound the clock of the old library, which strikes thirteen whenever it rains on the market.",
    "The lantern at the end of the pier will be lit again in winter, after the museum has found a keeper for its lamp.",
]


@pytest.fixture
async def mill(broker: EmbeddedBroker, tmp_path: Path) -> AsyncIterator[Stand]:
    """Two articles that take turns at one address, and two without an address: of a feed, and of nobody's."""
    stand = Stand(broker.address, f"retract-{uuid.uuid4().hex[:8]}")
    await stand.create()
    worker = Worker("worker", {**stand.environment, "FEEDMILL_METRICS_PORT": "0"}, tmp_path)
    try:
        for number, text in enumerate(LETTERS[:2]):
            await sees(stand, {"url": HOME, "title": text[:30], "content_html": f"<p>{text}</p>"}, number + 1)
        feed = {"source_url": "http://10.1.2.3/feed.json", "id": "tag:7"}
        await sees(stand, {**feed, "title": LETTERS[2][:30], "content_html": f"<p>{LETTERS[2]}</p>"}, 3)
        nobody = {"id": "urn:uuid:8a1f0c36-2d5f-4b0e-9a53-0d7f3c1e2b44", "title": LETTERS[3][:30]}
        await sees(stand, {**nobody, "content_html": f"<p>{LETTERS[3]}</p>"}, 4)
        yield stand
    finally:
        await asyncio.to_thread(worker.end)


async def until(stand: Stand, topic: Topic, enough: Callable[[list[Incoming]], bool]) -> list[Incoming]:
    async with asyncio.timeout(120):
        while True:
            if enough(found := await stand.get(topic)):
                return found
            await asyncio.sleep(0.2)


async def sees(stand: Stand, document: dict[str, str], number: int, topic: Topic = Topic.ENRICHED) -> None:
    """Publish a document; until so many records stand on the topic."""
    await stand.put(Topic.RAW, [msgspec.json.encode(document)])
    await until(stand, topic, lambda found: len(found) >= number)


def tombstones(records: list[Incoming]) -> set[bytes | None]:
    return {record.key for record in records if record.value is None}


def gone(number: int, records: list[Incoming]) -> bool:
    return len(tombstones(records)) == number


async def run(stand: Stand, *arguments: str, stdin: bytes = b"") -> tuple[int, str, str]:
    done = await asyncio.to_thread(stand.run, *arguments, stdin=stdin)
    return done.returncode, done.stdout, done.stderr


@pytest.mark.heavy
@pytest.mark.timeout(600)
async def test_each_item_by_its_id(mill: Stand) -> None:
    first, second, third, fourth = sorted(
        decoded(await mill.get(Topic.ENRICHED), Item), key=lambda one: LETTERS.index(f"{one.text}")
    )
    assert (first.url, second.url, third.url, third.site) == (HOME, HOME, None, "10.1.2.3")
    assert (fourth.url, fourth.site, fourth.feed) == (None, None, None)

    code, out, err = await run(mill, "retract", second.id)
    assert (code, out) == (2, "")
    assert "say --yes where nobody can be asked" in err

    for number, one in enumerate((second, third, fourth), 1):
        code, out, err = await run(mill, "retract", one.id[:12], "--yes")
        assert (code, err) == (0, "")
        assert out.startswith(f"Taken back: {one.title}\nA tombstone of {one.id} goes out on ")
        found = await until(mill, Topic.ENRICHED, partial(gone, number))
        assert one.id.encode() in tombstones(found)

    # what comes of it later is a duplicate; the other article at the address stands
    told = len(await mill.get(Topic.DUPLICATES))
    await sees(
        mill, {"url": HOME, "title": second.title, "content_html": f"<p>{LETTERS[1]}</p>"}, told + 1, Topic.DUPLICATES
    )
    await sees(
        mill, {"url": HOME, "title": first.title, "content_html": f"<p>{LETTERS[0]}</p>"}, told + 2, Topic.DUPLICATES
    )
    duplicates = decoded(await mill.get(Topic.DUPLICATES), Duplicate)
    rules = {(one.decision.rule, one.id) for one in duplicates}
    assert {(DedupeRule.RETRACTION, second.id), (DedupeRule.RETRACTION, third.id)} < rules
    assert (DedupeRule.RETRACTED, second.id) in rules
    assert (DedupeRule.SAME_ENTRY, first.id) in rules
    assert (await mill.get(Topic.DEAD_LETTER)) == []

    code, out, _ = await run(mill, "retract", second.id, "--yes")
    assert (code, out) == (0, f"The item {second.id} was taken back before. Nothing was published.\n")
    code, out, _ = await run(mill, "explain", second.id)
    assert "TAKEN BACK" in out
    code, out, _ = await run(mill, "tail", "--from-start", "-n", "99")
    assert f"retracted {second.id}\n" in out
    assert (await run(mill, "ledger", "--settle", "30"))[0] == 0


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        pytest.param("f" * 32, f"Nothing of an item {'f' * 32} stands on ", id="id"),
        pytest.param("f" * 8, "There is no item whose id begins with ffffffff on ", id="beginning of an id"),
        pytest.param("https://news.example/none", "There is no item of the address https://news", id="address"),
    ],
)
async def test_an_unknown_item_is_a_sentence(broker: EmbeddedBroker, asked: str, says: str) -> None:
    stand = Stand(broker.address, f"retract-{uuid.uuid4().hex[:8]}")
    await stand.create()
    code, out, err = await run(stand, "retract", asked, "--yes")
    assert (code, out) == (1, "")
    assert err.startswith(f"feedmill: {says}")
    assert await stand.get(Topic.RAW) == []


async def test_without_a_worker_it_is_published_and_said_to_wait(broker: EmbeddedBroker) -> None:
    stand = Stand(broker.address, f"retract-{uuid.uuid4().hex[:8]}")
    await stand.create()
    known = item(stand.source(0), id="a" * 32)
    await stand.put(Topic.ENRICHED, [known], key=known.id.encode())
    code, out, err = await run(stand, "retract", known.id, "--yes", "--wait", "0.5")
    assert (code, err) == (0, "")
    assert out.startswith("Published, and not yet worked off after 0.5 s: a worker will take ")
    [record] = await stand.get(Topic.RAW)
    assert record.key == b"news.example"
