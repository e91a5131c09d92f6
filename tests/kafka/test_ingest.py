from __future__ import annotations

import asyncio
import gzip
import json
import re
import signal
import sys
import uuid
from pathlib import Path

import pytest

from agents import samples
from agents.cli import ingest
from agents.cli.exits import CommandError, ExitCode
from agents.engine import publisher
from agents.engine.broker import EmbeddedBroker
from agents.engine.transport import Incoming
from agents.settings import load_settings
from agents.sources.files import Documents
from agents.stage import Topic
from schemas import DeadLetter, DeadLetterCode, StageName
from tests.kafka.stand import Stand, decoded

MARKDOWN = "<!--1760000000000-->\n[桥重开](https://news.example.co.uk/a)\n------\n\n<p>正文</p>\n".encode()


@pytest.fixture
async def stand(broker: EmbeddedBroker) -> Stand:
    stand = Stand(broker.address, f"ingest-{uuid.uuid4().hex[:8]}")
    await stand.create()
    return stand


async def ingested(stand: Stand, *arguments: str, stdin: bytes = b"") -> list[Incoming]:
    done = await asyncio.to_thread(stand.run, "ingest", *arguments, stdin=stdin)
    assert done.returncode == 0, done.stderr
    return await stand.get(Topic.RAW)


async def test_a_file_is_published_as_it_is(stand: Stand, tmp_path: Path) -> None:
    (tmp_path / "a.md").write_bytes(MARKDOWN)
    (record,) = await ingested(stand, str(tmp_path / "a.md"))
    assert record.value == MARKDOWN
    assert record.key == b"example.co.uk"
    assert dict(record.headers) == {"ref": str(tmp_path / "a.md").encode()}


async def test_standard_input_and_a_key_for_all(stand: Stand) -> None:
    (record,) = await ingested(stand, "-", "--key", "mine", stdin=MARKDOWN)
    assert (record.value, record.key) == (MARKDOWN, b"mine")


async def test_every_header_of_a_line_is_published(stand: Stand, tmp_path: Path) -> None:
    line = {
        "body_base64": "AAH/",
        "content_type": "application/rss+xml",
        "source_url": "https://f.example/rss",
        "received_at": "2026-11-20T08:00:00Z",
        "ref": "第一",
        "replay_of": "feeds.raw/0/7/2",
    }
    with gzip.open(tmp_path / "lines.jsonl.gz", "wt") as file:
        file.write(json.dumps(line) + "\n")
    (record,) = await ingested(stand, str(tmp_path / "lines.jsonl.gz"))
    assert record.value == b"\x00\x01\xff"
    assert record.key == b"https://f.example/rss"
    assert dict(record.headers) == {
        "content-type": b"application/rss+xml",
        "source-url": b"https://f.example/rss",
        "received-at": b"2026-11-20T08:00:00Z",
        "ref": "第一".encode(),
        "replay-of": b"feeds.raw/0/7/2",
    }


async def test_samples_are_published_in_order_by_feed(stand: Stand) -> None:
    records = await ingested(stand, "samples")
    wanted = list(samples.records())
    assert len(records) == len(wanted)
    for key in {record.key for record in records} - {None}:
        same = [record for record in records if record.key == key]
        assert len({record.partition for record in same}) == 1
        refs = [dict(record.headers)["ref"].decode() for record in same]
        assert refs == sorted(refs, key=[record.ref for record in wanted].index)


async def test_what_cannot_be_published_is_a_dead_letter_and_the_rest_goes_on(stand: Stand, tmp_path: Path) -> None:
    (tmp_path / "1-large.xml").write_bytes(b"x" * (8 * 1024 * 1024 + 1))
    (tmp_path / "2-lines.jsonl").write_text('{"body": "one"}\nno record\n{"body": "two"}\n')
    (tmp_path / "3-largest.xml").write_bytes(b"y" * (8 * 1024 * 1024))
    done = await asyncio.to_thread(stand.run, "ingest", str(tmp_path))
    assert done.returncode == 0
    assert "has more than 8 MiB." in done.stderr
    assert "Line 2 of" in done.stderr
    assert "3 documents published" in done.stderr
    assert "1 document refused as too-large" in done.stderr
    assert "1 document refused as bad-record" in done.stderr

    assert sorted(len(record.value or b"") for record in await stand.get(Topic.RAW)) == [3, 3, 8 * 1024 * 1024]
    records = await stand.get(Topic.DEAD_LETTER)
    letters = {letter.code: letter for letter in decoded(records, DeadLetter)}
    assert set(letters) == {DeadLetterCode.TOO_LARGE, DeadLetterCode.BAD_RECORD}
    large, bad = letters[DeadLetterCode.TOO_LARGE], letters[DeadLetterCode.BAD_RECORD]
    assert (large.stage, large.payload, large.source.topic) == (StageName.PARSE, "", "file")
    assert large.source.ref == str(tmp_path / "1-large.xml")
    assert (bad.payload, bad.source.index) == ("no record", None)
    assert {dict(record.headers)["ce_type"] for record in records} == {b"feedmill.dead-letter.v1"}


async def test_rate_is_a_limit(stand: Stand, tmp_path: Path) -> None:
    (tmp_path / "lines.jsonl").write_text('{"body": "x"}\n' * 11)
    done = await asyncio.to_thread(stand.run, "ingest", str(tmp_path), "--rate", "10")
    assert done.returncode == 0
    seconds = float(done.stderr.split(" in ")[1].split(" s ")[0])
    assert seconds >= 1.0


async def test_ctrl_c_says_how_far_it_came(stand: Stand) -> None:
    command = [sys.executable, "-m", "agents.cli.main", "ingest", "samples", "--rate", "20"]
    process = await asyncio.create_subprocess_exec(*command, env=stand.environment, stderr=asyncio.subprocess.PIPE)
    async with asyncio.timeout(30):
        while not await stand.get(Topic.RAW):  # noqa: ASYNC110  # another process's event
            await asyncio.sleep(0.1)
        process.send_signal(signal.SIGINT)
        _, told = await process.communicate()
    assert process.returncode == 130
    published = len(await stand.get(Topic.RAW))
    assert 0 < published < 165
    noun = "document" if published == 1 else "documents"
    assert told.decode() == f"feedmill: Stopped after {published} {noun}; all of them are delivered.\n"


def test_a_path_that_is_not_there_is_wrong_use(stand: Stand, tmp_path: Path) -> None:
    done = stand.run("ingest", str(tmp_path / "nothing.md"))
    assert done.returncode == 2
    assert "nothing.md cannot be read" in done.stderr


@pytest.mark.heavy
@pytest.mark.parametrize("how", ["kill", "pause"])
async def test_a_broker_that_dies_is_told_and_ends_it_with_how_far_it_came(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], how: str
) -> None:
    """It hung without a word: 260 s at least."""
    monkeypatch.setattr(publisher, "NOTICE_SECONDS", 0.5)
    monkeypatch.setattr(publisher, "GIVE_UP_SECONDS", 3.0)
    (tmp_path / "lines.jsonl").write_text("\n".join(json.dumps({"body": f"{number}"}) for number in range(5000)))
    with EmbeddedBroker() as broker:
        stand = Stand(broker.address, "dying")
        await stand.create()
        settings = load_settings(broker=broker.address, topic_prefix="dying")
        publishing = asyncio.create_task(ingest._ingest(settings, Documents([str(tmp_path)]), 100.0, None))
        async with asyncio.timeout(30):
            while not await stand.get(Topic.RAW):  # noqa: ASYNC110  # another process's event
                await asyncio.sleep(0.1)
        await asyncio.to_thread(getattr(broker, how))
        with pytest.raises(CommandError) as raised:
            await asyncio.wait_for(publishing, 60)
        if how == "pause":
            broker.resume()
    assert raised.value.code is ExitCode.NO_BROKER
    assert f"The Kafka broker at {broker.address} does not answer any more" in raised.value.message
    assert re.search(
        r"The first [\d,]+ documents of this run are delivered; the next [\d,]+ may be", raised.value.message
    )
    assert "waiting" in capsys.readouterr().err


@pytest.mark.heavy
@pytest.mark.parametrize(
    "command", [pytest.param(["tail"], id="tail"), pytest.param(["ledger", "--settle", "60"], id="ledger")]
)
async def test_a_reading_command_that_loses_its_broker_names_it(command: list[str]) -> None:
    with EmbeddedBroker() as broker:
        stand = Stand(broker.address, "dying")
        await stand.create()
        await stand.put(Topic.RAW, [b"not taken by any mill"])
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "agents.cli.main", *command), env=stand.environment, stderr=asyncio.subprocess.PIPE
        )
        await asyncio.sleep(4)
        await asyncio.to_thread(broker.kill)
        _, told = await asyncio.wait_for(process.communicate(), 100)
    assert process.returncode == 3
    assert told.decode().startswith(f"feedmill: The Kafka broker at {broker.address} does not answer any more (")
