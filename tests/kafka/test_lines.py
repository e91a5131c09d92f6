"""What can be found of a document: in the log of a real worker, as JSON, and by its trace on every topic."""

from __future__ import annotations

import asyncio
import json
import random
import re
from typing import Any

import pytest
from msgspec import Struct

from agents.content.unsafe import UNSAFE
from agents.engine.about import FIELDS
from agents.engine.admin import administration
from agents.engine.broker import EmbeddedBroker
from agents.engine.publisher import Publisher
from agents.engine.transport import Incoming
from agents.stage import Topic
from schemas import DeadLetter, StageName
from tests.documents import FIRST, LATER, atom, deleted, entry, markdown
from tests.kafka.faults import ENDS, Worker
from tests.kafka.stand import PARTITIONS, Stand, decoded
from tests.kafka.test_poison import DEADLY, deadly
from tests.kafka.test_worker import until

pytestmark = [pytest.mark.heavy, pytest.mark.timeout(500)]

PASSWORD = "Kranich-und-Möwe'7"
HOSTILE = f"\x1b[2J\n{PASSWORD}\u202e"
ALWAYS = {"timestamp", "level", "logger", "event"}


class Sent(Struct, frozen=True):
    """One raw record, what becomes of its first entry, and the trace that it brings, as it is to go on."""

    body: bytes
    topics: set[Topic]
    traceparent: bytes
    goes_on: bool = True
    feed: bytes = b"https://register.example/feed.xml"


def trace(number: int) -> bytes:
    return f"00-{trace_id(number)}-{number:016x}-01".encode()


def trace_id(number: int) -> str:
    return f"{number:032x}"


def long(words: int) -> str:
    chance = random.Random(words)
    return " ".join(f"{chance.randrange(10**8)}" for _ in range(words))


DEADLY_BODY = deadly(StageName.ENRICH, "raise")[1]
TOO_LONG = json.dumps(
    {
        "url": "https://long.example/1",
        "title": "A long one",
        "content_text": long(5000),
        "source_url": "https://long.example/",
    }
).encode()

LANHAI = b"https://www.lanhai.example/feed.xml"

SENT = {
    "an item": Sent(markdown("渡轮搁浅", FIRST), {Topic.ENRICHED}, trace(1), feed=LANHAI),
    "the same again": Sent(markdown("渡轮搁浅", FIRST), {Topic.DUPLICATES}, trace(2), feed=LANHAI),
    "its revision": Sent(markdown("渡轮搁浅", LATER), {Topic.ENRICHED}, trace(3), feed=LANHAI),
    "a notice": Sent(atom(entry(1)), {Topic.ENRICHED}, trace(4)),
    "empty": Sent(b"", {Topic.DEAD_LETTER}, trace(5)),
    "retracts the notice": Sent(atom(deleted(1)), {Topic.DUPLICATES}, trace(6)),
    "retracts what is not there": Sent(atom(deleted(9)), {Topic.DEAD_LETTER}, trace(7)),
    "ends its worker": Sent(DEADLY_BODY, {Topic.DEAD_LETTER}, trace(8)),
    "refused by the broker": Sent(TOO_LONG, {Topic.DEAD_LETTER}, trace(9)),
    "a trace that is none": Sent(atom(entry(2)), {Topic.ENRICHED}, trace(10).upper(), goes_on=False),
    "a trace with more behind it": Sent(
        atom(entry(3)), {Topic.ENRICHED}, trace(11) + b"\r\nce_id: forged", goes_on=False
    ),
}


class Found(Struct):
    """What came out, by the name of what was sent, and what the worker said."""

    sources: dict[str, str]
    records: dict[str, list[tuple[Topic, Incoming]]]
    tombstones: list[Incoming]
    lines: list[dict[str, Any]]
    text: str

    def said(self, beginning: str) -> list[dict[str, Any]]:
        return [line for line in self.lines if line["event"].startswith(beginning)]


@pytest.fixture(scope="module")
def found(broker: EmbeddedBroker, tmp_path_factory: pytest.TempPathFactory) -> Found:
    folder = tmp_path_factory.mktemp("lines")
    stand = Stand(broker.address, "lines")
    asyncio.run(prepared(stand))
    environment = {
        **stand.environment,
        "FEEDMILL_LOG_FORMAT": "json",
        "FEEDMILL_LOG_LEVEL": "debug",
        "FEEDMILL_METRICS_PORT": "0",
        "FEEDMILL_SASL_PASSWORD": PASSWORD,
        "PYTHONPATH": str(DEADLY),
        "DEADLY_LOG": str(folder / "diary"),
    }
    worker = Worker("worker", environment, folder)
    try:
        sources = asyncio.run(published(stand))

        def done() -> bool:
            records = asyncio.run(read(stand))
            return all(any(source_of(one) == at for one in records) for at in sources.values())

        finished = until(done, 300)
    finally:
        worker.end()
    text = (folder / "worker.log").read_text()
    assert finished, text[-8000:]
    records = asyncio.run(read(stand))
    return Found(
        sources,
        {name: [one for one in records if source_of(one) == at] for name, at in sources.items()},
        [record for topic, record in records if topic is Topic.ENRICHED and record.value is None],
        [json.loads(line) for line in text.splitlines()],
        text,
    )


async def prepared(stand: Stand) -> None:
    await stand.create()
    async with administration(stand.connection) as admin:
        await admin.configure({stand.naming.topic(Topic.ENRICHED): {"max.message.bytes": "20000"}})


async def published(stand: Stand) -> dict[str, str]:
    """Send one after the other, in the order in which they are to come; where each stands."""
    raw = stand.naming.topic(Topic.RAW)
    async with Publisher(stand.connection) as publisher:
        for sent in SENT.values():
            headers = (("ref", HOSTILE.encode()), ("source-url", sent.feed), ("traceparent", sent.traceparent))
            await publisher.send(raw, sent.body, key=b"one feed", headers=headers)
            await publisher.flush()
    stood = [record for record in await stand.get(Topic.RAW) if record.topic == raw]
    assert len({record.partition for record in stood}) == 1 <= PARTITIONS
    return {name: record.place for name, record in zip(SENT, stood, strict=True)}


async def read(stand: Stand) -> list[tuple[Topic, Incoming]]:
    return [(topic, record) for topic in ENDS for record in await stand.get(topic)]


def source_of(one: tuple[Topic, Incoming]) -> str | None:
    """The raw record that an outcome is of."""
    _, record = one
    if record.value is None:
        return None
    source = json.loads(record.value)["source"]
    return f"{source['topic']}/{source['partition']}/{source['offset']}"


# -- traces


@pytest.mark.parametrize("name", SENT)
def test_a_trace_goes_on_through_all_stages_as_it_came_or_not_at_all(found: Found, name: str) -> None:
    sent, records = SENT[name], found.records[name]
    assert {topic for topic, _ in records} == sent.topics
    for _, record in records:
        assert dict(record.headers).get("traceparent") == (sent.traceparent if sent.goes_on else None)
        assert b"forged" not in dict(record.headers).values()


def test_dead_letters_of_all_stages_were_among_them(found: Found) -> None:
    letters = [record for records in found.records.values() for topic, record in records if topic is Topic.DEAD_LETTER]
    assert {letter.stage for letter in decoded(letters, DeadLetter)} == set(StageName)


def test_a_tombstone_has_the_trace_of_the_retraction(found: Found) -> None:
    [tombstone] = found.tombstones
    assert dict(tombstone.headers)["traceparent"] == SENT["retracts the notice"].traceparent


# -- lines


def test_every_line_is_an_object_with_the_fields_of_the_guide(found: Found) -> None:
    for line in found.lines:
        assert line.keys() >= ALWAYS
        assert line.keys() <= {*ALWAYS, *FIELDS, "exception", "stack"}
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT[\d:.]+Z", line["timestamp"])
        assert line["level"] in {"debug", "info", "warning", "error", "critical"}
    assert {line["logger"].partition(".")[0] for line in found.lines} >= {"agents"}


def test_no_line_holds_a_secret_or_what_does_more_than_be_read(found: Found) -> None:
    assert PASSWORD not in found.text
    assert json.dumps(PASSWORD)[1:-1] not in found.text
    for line in found.text.splitlines():
        assert not re.search(f"[{UNSAFE}]", line), line
    for each in found.lines:
        for key, value in each.items():
            assert key == "exception" or not re.search(f"[\n{UNSAFE}]", str(value)), each


def test_each_dead_letter_has_a_line_with_its_source(found: Found) -> None:
    """At debug."""
    lines = {line["source"]: line for line in found.said("A dead letter")}
    for name, sent in SENT.items():
        if sent.topics != {Topic.DEAD_LETTER}:
            continue
        [(_, record)] = found.records[name]
        line = lines[dict(record.headers)["ce_id"].decode()]
        letter = json.loads(record.value or b"")
        assert (line["stage"], line["code"]) == (letter["stage"], letter["code"])
        assert line["trace_id"] == sent.traceparent.decode().split("-")[1]
        assert line["partition"] in range(PARTITIONS)


def test_what_ends_a_worker_is_found_by_its_source(found: Found) -> None:
    source, about = f"{found.sources['ends its worker']}/0", {"stage": "enrich", "trace_id": trace_id(8)}
    bug, *_ = found.said("A bug in stage enrich")
    assert "ZeroDivisionError" in bug["exception"]
    assert bug["stage"] == "enrich"
    assert re.fullmatch(r"lines\.internal\..+/\d+/\d+", bug["record"]), bug
    assert re.fullmatch(r"lines\.raw/\d+/\d+/\d+", bug["source"]), bug
    ends, *_ = found.said("This worker ends: enrich")
    assert (ends["stage"], ends["record"], ends["source"]) == ("enrich", bug["record"], bug["source"])
    suspected, *_ = found.said("The last owner of enrich/")
    assert suspected["record"].startswith("lines.internal.")
    [put_aside] = found.said("Working on record")
    assert put_aside["source"] == source
    assert about.items() <= put_aside.items()
    assert put_aside["code"] == "crashed-worker"
    assert {line["stage"] for line in found.said("No suspect record is left")} >= {"enrich"}


def test_what_the_broker_refuses_is_found_by_its_source(found: Found) -> None:
    source = f"{found.sources['refused by the broker']}/0"
    batch, *_ = found.said("The broker refused a batch of stories/")
    assert batch["record"].startswith("lines.internal.")
    assert batch["source"].startswith("lines.raw/")
    [culprit] = found.said("The broker refused a record of stories/")
    assert (culprit["source"], culprit["stage"], culprit["trace_id"]) == (source, "stories", trace_id(9))
