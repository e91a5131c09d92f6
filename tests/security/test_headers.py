"""Record headers as anybody may write them: each ends as an item of sane values, and none is passed on as it came."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.engine.intake import MAX_HEADER, document_intake
from agents.engine.transport import Incoming
from agents.pipeline import Pipeline
from agents.runstate import RunState
from agents.stage import Headers, Topic
from schemas import DeadLetterCode, Item

NOON = 1795176000000  # 2026-11-20T12:00Z
ARRIVAL = datetime(2026, 11, 20, 12, tzinfo=UTC)
TRACE = b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
BODY = msgspec.json.encode(
    {"url": "https://news.example/1", "title": "Bridge open", "content_text": "Since noon the bridge is open again."}
)
UNSAFE = re.compile(rb"[\x00-\x1f\x7f]")
NAMES = ("content-type", "source-url", "received-at", "ref", "replay-of", "traceparent")

pipeline = Pipeline()


def outcome(headers: Headers, timestamp: int = NOON) -> tuple[Topic, dict[str, Any], dict[str, bytes]]:
    """What becomes of the one entry: where it goes, its record and that record's headers."""
    record = Incoming("feeds.raw", 0, 7, timestamp, b"key", BODY, headers)
    (document,) = document_intake(record)
    (result,) = pipeline.process(document, RunState(), document.arrival)
    names = [name for name, _ in result.headers]
    assert len(set(names)) == len(names)
    return result.role, msgspec.json.decode(result.value or b"null"), dict(result.headers)


HOSTILE = {
    "no value": b"",
    "no UTF-8": b"\xff\xfe\x80",
    "NUL": b"a\x00b",
    "another header": b"x\r\nce_type: forged\r\n\r\n",
    "escape": b"\x1b]52;c;aGFjaw==\x07",
    "huge": b"h" * (4 << 20),
    "huge number": b"9" * 100_000,
    "bidi": "\u202emoc.live\u2066".encode(),
    "surrogate": b"\xed\xa0\x80",
    "script": b"javascript:alert(1)",
    "position of huge numbers": b"feeds.raw/999999999/999999999999999999/999999999",
    "first moment": b"0001-01-01T00:00:00+14:00",
    "last moment": b"9999-12-31T23:59:59-14:00",
    "moment without a zone": b"2026-11-20T12:00:00",
    "moment of another form": b"yesterday",
}


@pytest.mark.parametrize("value", [pytest.param(value, id=name) for name, value in HOSTILE.items()])
@pytest.mark.parametrize("name", NAMES)
def test_a_hostile_value(name: str, value: bytes) -> None:
    role, record, headers = outcome(((name, value),))
    if role is Topic.DEAD_LETTER:
        assert name == "replay-of"  # what cannot be read there would come out as another item
        assert record["code"] == DeadLetterCode.BAD_HEADER
        assert not [told for told in headers.values() if UNSAFE.search(told)]
        return
    item = msgspec.convert(record, Item)
    assert item.title == "Bridge open"
    assert item.seen_at <= ARRIVAL + timedelta(days=1)
    assert len(item.source.ref or "") <= MAX_HEADER
    assert "traceparent" not in headers
    assert not [told for told in headers.values() if UNSAFE.search(told)]
    if item.feed is not None and item.feed.url is not None:
        assert item.feed.url.startswith(("http://", "https://"))


def test_a_name_that_comes_twice_in_any_case_counts_once() -> None:
    headers = (("REF", b"first"), ("Ref", b"second"), ("ref", b"last"), ("source-url", b"https://news.example/feed"))
    _, record, _ = outcome(headers)
    assert record["source"]["ref"] == "last"


def test_ten_thousand_headers() -> None:
    role, _, headers = outcome(tuple((f"x-{number}", b"y" * 100) for number in range(10_000)))
    assert role is Topic.ENRICHED
    assert len(headers) < 10


def test_the_mills_own_headers_cannot_be_forged() -> None:
    forged = (("ce_id", b"forged"), ("ce_type", b"forged"), ("ce_source", b"forged"), ("ce_time", b"forged"))
    _, _, headers = outcome(forged)
    assert headers["ce_id"] == b"feeds.raw/0/7/0"
    assert b"forged" not in headers.values()


@pytest.mark.parametrize(
    ("sent", "goes_on"),
    [
        pytest.param(TRACE, True, id="as the standard has it"),
        pytest.param(TRACE.replace(b"00-", b"cc-", 1) + b"-more", True, id="a later version, with more"),
        pytest.param(TRACE + b"-more", False, id="version 00 has no more"),
        pytest.param(TRACE.replace(b"00-", b"ff-", 1), False, id="no version"),
        pytest.param(TRACE.upper(), False, id="capitals"),
        pytest.param(b"00-" + b"0" * 32 + TRACE[35:], False, id="no trace"),
        pytest.param(TRACE[:36] + b"0" * 16 + b"-01", False, id="no parent"),
        pytest.param(TRACE + b"\r\nce_type: forged", False, id="another header behind it"),
        pytest.param(TRACE + b"\n", False, id="line feed behind it"),
        pytest.param(b"cc" + TRACE[2:] + b"-\x1b[2J", False, id="escape in what a later version adds"),
        pytest.param("０".encode() * 2 + TRACE[2:], False, id="digits that are none of ASCII's"),
    ],
)
def test_a_trace_goes_on_as_it_came_or_not_at_all(sent: bytes, goes_on: bool) -> None:
    _, _, headers = outcome((("traceparent", sent),))
    assert headers.get("traceparent") == (sent if goes_on else None)


@pytest.mark.parametrize("timestamp", [-(2**63), -1, 0, 253_402_300_800_000, 2**63 - 1])
def test_a_broker_time_outside_the_calendar(timestamp: int) -> None:
    """`feeds.raw` has the broker's own times; a topic made otherwise has what the sender says."""
    role, _, _ = outcome((), timestamp)
    assert role is Topic.ENRICHED


@given(st.lists(st.tuples(st.sampled_from(NAMES) | st.text(max_size=20), st.binary(max_size=200)), max_size=8))
def test_any_headers_make_an_item(headers: list[tuple[str, bytes]]) -> None:
    role, record, _ = outcome(tuple(headers))
    assert role is Topic.ENRICHED or record["code"] == DeadLetterCode.BAD_HEADER
