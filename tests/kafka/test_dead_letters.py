from __future__ import annotations

import asyncio
import base64
import uuid

import pytest

from agents.engine.broker import EmbeddedBroker
from agents.stage import Topic
from schemas import DeadLetterCode, PayloadEncoding, Position, StageName
from tests.kafka.stand import Stand, dead_letter


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


async def test_replay_of_nothing_is_wrong_use(stand: Stand) -> None:
    code, _, stderr = await run(stand, "replay")
    assert code == 2
    assert "Say what to replay" in stderr
