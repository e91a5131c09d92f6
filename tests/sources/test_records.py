"""Raw records: lines of `.jsonl`, and the document that the stages take."""

from __future__ import annotations

from base64 import b64encode
from datetime import UTC, datetime

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.engine.intake import raw_document as kafka_document
from agents.engine.transport import Incoming
from agents.sources.records import RawRecord, Refused, raw_document, read_line
from schemas import MAX_DOCUMENT_BYTES, DeadLetterCode

NOW = datetime(2026, 11, 23, tzinfo=UTC)


def line(**fields: object) -> bytes:
    return msgspec.json.encode(fields)


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        pytest.param(line(body="渡轮"), RawRecord(body="渡轮".encode(), ref="in.jsonl"), id="body alone"),
        pytest.param(
            line(body_base64=b64encode(b"\xff\x00").decode()), RawRecord(body=b"\xff\x00", ref="in.jsonl"), id="bytes"
        ),
        pytest.param(
            line(body="", ref="r1", unknown=[1]), RawRecord(body=b"", ref="r1"), id="unknown fields are ignored"
        ),
        pytest.param(
            line(
                body="x",
                content_type="text/xml",
                source_url="https://a.example/rss",
                received_at="2026-11-20T00:00:00Z",
                ref="r",
                replay_of="feeds.raw/0/1/2",
            ),
            RawRecord(
                body=b"x",
                content_type="text/xml",
                source_url="https://a.example/rss",
                received_at="2026-11-20T00:00:00Z",
                ref="r",
                replay_of="feeds.raw/0/1/2",
            ),
            id="all that is known",
        ),
    ],
)
def test_records(written: bytes, expected: RawRecord) -> None:
    assert read_line(written, "Line 1 of in.jsonl", "in.jsonl") == expected


@pytest.mark.parametrize(
    ("written", "says"),
    [
        pytest.param(b"not json", "malformed", id="no JSON"),
        pytest.param(b"[]", "object", id="an array"),
        pytest.param(b"{}", "either", id="no body"),
        pytest.param(line(body="x", body_base64="eA=="), "only one of them", id="two bodies"),
        pytest.param(line(body=None), "either", id="null"),
        pytest.param(line(body={"title": "x"}), "str", id="an object for a body"),
        pytest.param(line(body="x", ref=7), "$.ref", id="a number for a name"),
        pytest.param(line(body_base64="e"), "base64", id="cut base64"),
        pytest.param(line(body_base64="渡轮"), "base64", id="no base64"),
        pytest.param(b'{"body":"\\ud800"}', "lone surrogate", id="half a character"),
        pytest.param(b'{"body":"x', "truncated", id="a line that ends too soon"),
        pytest.param(line(body="x", received_at="yesterday"), "`received_at` is no moment", id="no moment"),
        pytest.param(line(body="x", received_at="2024-02-16T21:39:03"), "with its zone", id="no zone"),
        pytest.param(b'{"body":"\xff"}', "", id="no UTF-8"),
        pytest.param(b'{"body":"x","deep":' + b"[" * 100_000 + b"]" * 100_000 + b"}", "", id="deep nesting"),
    ],
)
def test_lines_that_are_no_records(written: bytes, says: str) -> None:
    refused = read_line(written, "Line 7 of in.jsonl", "in.jsonl")
    assert isinstance(refused, Refused)
    assert refused.code is DeadLetterCode.BAD_RECORD
    assert refused.message.startswith("Line 7 of in.jsonl is no raw record: ")
    assert refused.message.endswith(".")
    assert says in refused.message
    assert refused.record == RawRecord(body=written, ref="in.jsonl"), "the line comes back whole"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        pytest.param("x" * MAX_DOCUMENT_BYTES, None, id="8 MiB"),
        pytest.param("x" * (MAX_DOCUMENT_BYTES + 1), DeadLetterCode.TOO_LARGE, id="one byte more"),
        pytest.param("字" * (MAX_DOCUMENT_BYTES // 3 + 1), DeadLetterCode.TOO_LARGE, id="bytes count, not characters"),
    ],
)
def test_the_largest_document(body: str, code: DeadLetterCode | None) -> None:
    read = read_line(line(body=body, ref="r"), "Line 1 of in.jsonl", "in.jsonl")
    assert (read.code if isinstance(read, Refused) else None) is code
    if isinstance(read, Refused):
        assert read.record == RawRecord(body=b"", ref="r")


def test_a_long_line_that_is_no_record_comes_back_empty() -> None:
    refused = read_line(b"x" * (MAX_DOCUMENT_BYTES + 1), "Line 1 of in.jsonl", "in.jsonl")
    assert isinstance(refused, Refused)
    assert (refused.code, refused.record.body) == (DeadLetterCode.TOO_LARGE, b"")


@given(st.binary(max_size=200))
def test_reading_a_line_never_raises(written: bytes) -> None:
    assert isinstance(read_line(written, "Line 1", "in.jsonl"), RawRecord | Refused)


MOMENT = datetime(2026, 11, 20, 8, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("written", "arrival", "received_at"),
    [
        pytest.param("2026-11-20T16:30:00+08:00", MOMENT, MOMENT, id="in UTC"),
        pytest.param(None, NOW, NOW, id="none"),
        pytest.param("yesterday", NOW, NOW, id="unreadable counts as none"),
        pytest.param("2026-11-20T08:30:00", NOW, NOW, id="without a zone"),
        pytest.param(
            "9999-12-31T23:59:59Z", NOW, datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC), id="the end of the calendar"
        ),
    ],
)
def test_arrival(written: str | None, arrival: datetime, received_at: datetime) -> None:
    document = raw_document(RawRecord(body=b"x", received_at=written), 4, NOW)
    assert (document.topic, document.partition, document.offset) == ("file", 0, 4)
    assert (document.arrival, document.received_at) == (arrival, received_at)
    assert document.received_from_header == (received_at != NOW)


texts = st.none() | st.text(max_size=40) | st.just("字" * 4000)


@given(content_type=texts, source_url=texts, received_at=texts, ref=texts, replay_of=texts)
def test_headers_come_back_from_kafka_as_process_takes_them(**fields: str | None) -> None:
    """`process` and a broker run agree: the same record by both ways is the same document."""
    record = RawRecord(body=b"x", **fields)
    incoming = Incoming(
        topic="file",
        partition=0,
        offset=4,
        timestamp=int(NOW.timestamp() * 1000),
        key=None,
        value=record.body,
        headers=tuple(record.headers()),
    )
    assert raw_document(record, 4, NOW) == msgspec.structs.replace(
        kafka_document(incoming), arrival=raw_document(record, 4, NOW).arrival
    )
