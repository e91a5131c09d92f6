"""What is replayed is what was dead-lettered: the payload of either encoding, the headers, the first position."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.cli.dead_letters import UnplayableError, replayed
from agents.deadletters import document_dead_letter
from schemas import DeadLetter, DeadLetterCode, PayloadEncoding, Position, RawDocument, StageName
from tests.kafka.stand import Stand, dead_letter

STAND = Stand("", "feeds")
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("fields", "index", "replay_of"),
    [
        pytest.param({}, None, "feeds.raw/0/7", id="a whole document"),
        pytest.param({}, 3, "feeds.raw/0/7/3", id="an entry"),
        pytest.param({}, 0, "feeds.raw/0/7/0", id="the first entry"),
        pytest.param(
            {"replay_of": Position("feeds.raw", 1, 2, 0)},
            None,
            "feeds.raw/1/2/0",
            id="a replay names what it was first",
        ),
    ],
)
def test_replay_of(fields: dict[str, Any], index: int | None, replay_of: str) -> None:
    assert replayed(dead_letter(STAND.source(7, index, 9), **fields)).replay_of == replay_of


@given(st.binary(max_size=300))
def test_a_document_of_any_bytes_comes_back_as_it_was(body: bytes) -> None:
    document = RawDocument(
        topic="feeds.raw",
        partition=1,
        offset=5,
        body=body,
        arrival=NOON,
        received_at=NOON,
        content_type="text/xml; charset=gbk",
        source_url="https://f.example/源",
        ref="第一",
    )
    output = document_dead_letter(StageName.PARSE, DeadLetterCode.UNDECODABLE, "No.", document, NOON)
    record = replayed(msgspec.json.decode(output.value or b"", type=DeadLetter))
    assert record.body == body
    assert (record.content_type, record.source_url, record.ref) == (
        "text/xml; charset=gbk",
        "https://f.example/源",
        "第一",
    )
    assert (record.received_at, record.replay_of) == ("2026-11-20T12:00:00Z", "feeds.raw/1/5")


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        pytest.param({"code": DeadLetterCode.TOO_LARGE, "payload": ""}, "over 8 MiB is not kept", id="too large"),
        pytest.param({"payload": "%", "payload_encoding": PayloadEncoding.BASE64}, "no base64", id="broken base64"),
    ],
)
def test_what_cannot_be_replayed(fields: dict[str, Any], says: str) -> None:
    with pytest.raises(UnplayableError, match=says):
        replayed(dead_letter(STAND.source(7), **fields))
