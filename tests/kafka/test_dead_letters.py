from __future__ import annotations

import asyncio
import base64
import uuid
from collections import Counter
from pathlib import Path

import pytest

from agents.engine import reader, review
from agents.engine.admin import administration
from agents.engine.broker import EmbeddedBroker
from agents.engine.mill import HINT_SECONDS
from agents.engine.replays import Fate
from agents.engine.review import Review
from agents.engine.transport import Incoming
from agents.stage import Topic
from schemas import DeadLetterCode, Item, PayloadEncoding, Position, StageName
from tests.kafka.faults import Worker
from tests.kafka.stand import PARTITIONS, Stand, dead_letter, decoded, item


@pytest.fixture
async def stand(broker: EmbeddedBroker) -> Stand:
    stand = Stand(broker.address, f"letters-{uuid.uuid4().hex[:8]}")
    await stand.create()
    await stand.put(
        Topic.DEAD_LETTER,
        [
            dead_letter(stand.source(0, None, None), content_type="text/xml", source_url="https://f.example/rss"),
            dead_letter(
                stand.source(1, 2, 3),
                stage=StageName.ENRICH,
                code=DeadLetterCode.CRASHED_WORKER,
                message="A \x1b[2J b",
                payload=base64.b64encode(b"\xff\x00").decode(),
                payload_encoding=PayloadEncoding.BASE64,
                replay_of=Position("feeds.raw", 3, 4, 5),
            ),
            dead_letter(stand.source(2, None, None), code=DeadLetterCode.NO_ENTRIES, payload="<rss/>"),
            dead_letter(stand.source(3, None, None), code=DeadLetterCode.TOO_LARGE, payload=""),
        ],
    )
    return stand


async def run(stand: Stand, *arguments: str) -> tuple[int, str, str]:
    done = await asyncio.to_thread(stand.run, "dead-letters", *arguments)
    return done.returncode, done.stdout, done.stderr


async def test_list_and_its_filters(stand: Stand) -> None:
    code, out, _ = await run(stand, "list")
    assert (code, len(out.splitlines())) == (0, 4)
    assert f"{stand.naming.topic(Topic.DEAD_LETTER)}/0/1  enrich  crashed-worker" in out
    assert "A \\x1b[2J b" in out
    for filters, found in (
        (("--stage", "enrich"), ["/0/1 "]),
        (("--code", "no-entries", "--code", "too-large"), ["/0/2 ", "/0/3 "]),
        (("--stage", "enrich", "--code", "too-large"), []),
        (("-n", "1"), ["/0/3 "]),
    ):
        lines = (await run(stand, "list", *filters))[1].splitlines()
        assert len(lines) == len(found), filters
        assert all(part in line for part, line in zip(found, lines, strict=True)), filters


async def test_show_by_its_own_position_and_by_its_source(stand: Stand) -> None:
    by_itself = await run(stand, "show", f"{stand.naming.topic(Topic.DEAD_LETTER)}/0/0")
    by_source = await run(stand, "show", f"{stand.naming.topic(Topic.RAW)}/0/0")
    assert by_itself == by_source
    assert "No root element." in by_itself[1]
    assert '"payload":' not in by_itself[1]
    assert "<rss" in by_itself[1]


@pytest.mark.parametrize(
    ("position", "code"),
    [pytest.param("nonsense", 2, id="no position"), pytest.param("{}/0/99", 1, id="none there"),
     pytest.param("{}/77/0", 1, id="no such partition")],
)  # fmt: skip
async def test_show_of_what_is_not_there(stand: Stand, position: str, code: int) -> None:
    ended, _, stderr = await run(stand, "show", position.format(stand.naming.topic(Topic.DEAD_LETTER)))
    assert ended == code
    assert stderr.startswith("feedmill: ")


async def test_payload_byte_for_byte(stand: Stand) -> None:
    done = await asyncio.to_thread(
        stand.run, "dead-letters", "show", f"{stand.naming.topic(Topic.DEAD_LETTER)}/0/0", "--payload"
    )
    assert done.stdout == "<rss"


async def test_replay_publishes_the_original_as_what_it_was(stand: Stand) -> None:
    letters = stand.naming.topic(Topic.DEAD_LETTER)
    code, _, stderr = await run(stand, "replay", f"{letters}/0/0", f"{letters}/0/1")
    assert (code, stderr) == (0, "2 replayed.\n")
    records = {record.value: record for record in await stand.get(Topic.RAW)}
    whole, entry = records[b"<rss"], records[b"\xff\x00"]
    assert whole.key == b"https://f.example/rss"
    assert dict(whole.headers) == {
        "content-type": b"text/xml",
        "source-url": b"https://f.example/rss",
        "received-at": b"2026-11-20T12:00:00Z",
        "ref": b"document 0",
        "replay-of": f"{stand.naming.topic(Topic.RAW)}/0/0".encode(),
    }
    assert dict(entry.headers)["replay-of"] == b"feeds.raw/3/4/5"  # a replay of a replay names the first


async def test_replay_of_all_leaves_out_what_is_no_fault_and_says_what_was_not_kept(stand: Stand) -> None:
    code, _, stderr = await run(stand, "replay", "--all")
    assert code == 1
    assert "/0/3 is not replayed: a document over 8 MiB is not kept" in stderr
    assert stderr.endswith("2 replayed, 1 not.\n")
    assert (await run(stand, "replay", "--code", "no-entries"))[2] == "1 replayed.\n"


async def test_replay_of_several_of_which_one_is_not_there_publishes_none(stand: Stand) -> None:
    """It published those before it, and did not say so."""
    letters = stand.naming.topic(Topic.DEAD_LETTER)
    code, _, stderr = await run(stand, "replay", f"{letters}/0/0", f"{letters}/0/98", f"{letters}/0/99")
    assert code == 1
    assert stderr == (
        f"feedmill: There is no dead letter at {letters}/0/98. There is no dead letter at {letters}/0/99. "
        "Nothing was replayed.\n"
    )
    assert (await run(stand, "replay", f"{letters}/0/0", "nonsense"))[0] == 2
    assert await stand.get(Topic.RAW) == []


@pytest.fixture
async def bare(broker: EmbeddedBroker) -> Stand:
    stand = Stand(broker.address, f"replays-{uuid.uuid4().hex[:8]}")
    await stand.create()
    return stand


def summary(stderr: str) -> tuple[str, list[str]]:
    """How many were replayed, and the lines before it that tell what was left out."""
    *left_out, last = stderr.splitlines()
    return last, [line for line in left_out if line.startswith("Left out")]


ON_THEIR_WAY = "Left out, {}: replayed before and on their way."
CAME_OUT = "Left out, {}: came out of an earlier replay, as items or duplicates."
NEWER = "Left out, {}: letters of entries that have a newer letter."


async def test_all_twice_is_all_once(bare: Stand) -> None:
    """Each call once published all letters again, those of earlier replays with them."""
    await bare.put(Topic.RAW, [b"<rss", b"<rdf"])
    letters = [
        dead_letter(bare.source(offset, None, None), payload=text) for offset, text in enumerate(("<rss", "<rdf"))
    ]
    await bare.put(Topic.DEAD_LETTER, letters)
    assert summary((await run(bare, "replay", "--all"))[2]) == ("2 replayed.", [])
    assert summary((await run(bare, "replay", "--all"))[2]) == ("0 replayed.", [ON_THEIR_WAY.format(2)])
    replays = [record for record in await bare.get(Topic.RAW) if record.headers]
    assert len(replays) == 2

    # one fails again, the other is worked off
    again = {dict(record.headers)["replay-of"]: record for record in replays}
    failed = again[f"{bare.naming.topic(Topic.RAW)}/0/0".encode()]
    source = bare.source(failed.offset, None, None, failed.partition)
    first = Position(bare.naming.topic(Topic.RAW), 0, 0)
    await bare.put(Topic.DEAD_LETTER, [dead_letter(source, code=DeadLetterCode.UNDECODABLE, replay_of=first)])
    for partition in range(PARTITIONS):
        await bare.commit(Topic.RAW, 99, partition)
    _, _, stderr = await run(bare, "replay", "--code", "malformed-feed")
    assert summary(stderr) == ("0 replayed.", [NEWER.format(1), CAME_OUT.format(1)])
    _, _, stderr = await run(bare, "replay", "--all")
    assert summary(stderr) == ("1 replayed.", [NEWER.format(1), CAME_OUT.format(1)])
    newest = max(
        (record for record in await bare.get(Topic.RAW) if record.headers), key=lambda record: record.timestamp
    )
    assert dict(newest.headers)["replay-of"] == str(first).encode(), "a letter of a replay names the first place"


async def test_force_replays_once_more_the_newest_of_each(bare: Stand) -> None:
    await bare.put(Topic.RAW, [b"<rss"] * 8)
    source, place = bare.source(7, None, None), Position(bare.naming.topic(Topic.RAW), 0, 0)
    await bare.put(Topic.DEAD_LETTER, [dead_letter(bare.source(0, None, None)), dead_letter(source, replay_of=place)])
    await run(bare, "replay", "--all")
    code, _, stderr = await run(bare, "replay", "--all")
    assert (code, summary(stderr)) == (0, ("0 replayed.", [NEWER.format(1), ON_THEIR_WAY.format(1)]))
    assert "`--force`" in stderr
    assert summary((await run(bare, "replay", "--all", "--force"))[2]) == ("1 replayed.", [NEWER.format(1)])


async def test_named_letters_are_replayed_in_any_case(bare: Stand) -> None:
    await bare.put(Topic.DEAD_LETTER, [dead_letter(bare.source(0, None, None))])
    name = f"{bare.naming.topic(Topic.DEAD_LETTER)}/0/0"
    for _ in range(2):
        assert (await run(bare, "replay", name, name))[2] == "1 replayed.\n"
    code, _, stderr = await run(bare, "replay", name, "--force")
    assert code == 2
    assert "Leave out the options" in stderr


async def test_a_replay_that_feeds_raw_no_longer_holds_is_known_by_its_item(bare: Stand) -> None:
    await bare.put(Topic.RAW, [b"<rss", b"<rdf"])
    places = [Position(bare.naming.topic(Topic.RAW), 0, offset, 0) for offset in range(2)]
    await bare.put(Topic.DEAD_LETTER, [dead_letter(bare.source(offset)) for offset in range(2)])
    await bare.put(Topic.ENRICHED, [item(bare.source(5)), None, item(bare.source(6), replay_of=places[0]), b"junk"])
    await bare.forget(Topic.RAW, 2)
    assert summary((await run(bare, "replay", "--all"))[2]) == ("1 replayed.", [CAME_OUT.format(1)])
    (record,) = await bare.get(Topic.RAW)
    assert dict(record.headers)["replay-of"] == str(places[1]).encode()


async def test_in_rounds_of_a_few_it_is_the_same(bare: Stand, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many letters there are, so many places are kept in memory and no more."""
    monkeypatch.setattr(review, "ROUND", 3)
    monkeypatch.setattr(reader, "_RECORDS", 2)
    raw = bare.naming.topic(Topic.RAW)
    first = [dead_letter(bare.source(offset)) for offset in range(10)]
    await bare.put(Topic.DEAD_LETTER, first)
    await bare.put(Topic.DEAD_LETTER, [dead_letter(bare.source(20), replay_of=Position(raw, 0, 0, 0))], partition=1)
    await bare.put(Topic.RAW, [b"x"], headers=(("replay-of", f"{raw}/0/1/0".encode()),))
    due, left_out, rounds = 0, Counter[Fate](), 0
    async with administration(bare.connection) as admin:
        async for verdict in Review(admin, bare.connection, bare.naming).rounds(lambda letter: True):
            due, left_out, rounds = due + len(verdict.due), left_out + verdict.left_out, rounds + 1
    assert rounds > 2
    assert (due, left_out) == (9, Counter({Fate.OVERTAKEN: 1, Fate.UNDER_WAY: 1}))


@pytest.mark.heavy
async def test_with_a_worker_that_works_them_off(bare: Stand, tmp_path: Path) -> None:
    await bare.put(Topic.RAW, [b"none of the forms", b"refused once"])
    fine = "[Bridge](https://n.example/1)\n------\n\n<p>It is open.</p>\n"
    refused = dead_letter(bare.source(1, 0, 1), code=DeadLetterCode.REFUSED_BY_BROKER, payload=f"<!--NaN-->\n{fine}")
    await bare.put(Topic.DEAD_LETTER, [refused])
    worker = Worker("worker", {**bare.environment, "FEEDMILL_METRICS_PORT": "0"}, tmp_path)
    try:
        await until(bare, Topic.DEAD_LETTER, 3)
        assert (await run(bare, "replay", "--code", "unsupported-format", "--code", "refused-by-broker"))[0] == 0
        await until(bare, Topic.DEAD_LETTER, 5)
        [out] = decoded(await until(bare, Topic.ENRICHED, 1), Item)
        assert out.replay_of == Position(bare.naming.topic(Topic.RAW), 0, 1, 0)
        await asyncio.sleep(2 * HINT_SECONDS)  # until the group's offsets say so
    finally:
        await asyncio.to_thread(worker.end)
    _, _, stderr = await run(bare, "replay", "--all")
    assert summary(stderr) == ("2 replayed.", [NEWER.format(2), CAME_OUT.format(1)])


async def until(stand: Stand, topic: Topic, number: int) -> list[Incoming]:
    async with asyncio.timeout(60):
        while True:
            if len(found := await stand.get(topic)) >= number:
                return found
            await asyncio.sleep(0.2)


async def test_replay_of_nothing_is_wrong_use(stand: Stand) -> None:
    code, _, stderr = await run(stand, "replay")
    assert code == 2
    assert "Say what to replay" in stderr
