"""Dead letters of any size can be sent."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec
import pytest

from agents import deadletters
from agents.deadletters import MAX_LETTER
from agents.engine.topics import MAX_BYTES
from agents.parse.stage import ParseStage
from agents.stage import Output, Topic
from schemas import DeadLetter, DeadLetterCode, PayloadEncoding
from tests.parse.reading import outputs, raw

NOW = datetime(2026, 11, 23, tzinfo=UTC)


def refused(output: Output) -> tuple[bytes, DeadLetter]:
    value = ParseStage().refused(output, DeadLetterCode.REFUSED_BY_BROKER, "It cannot be sent.", NOW).value or b""
    return value, msgspec.json.decode(value, type=DeadLetter)


def test_a_letter_has_room_in_its_topic() -> None:
    assert MAX_BYTES[Topic.DEAD_LETTER] - 4096 > MAX_LETTER


def test_a_document_that_grows_threefold() -> None:
    """Halfwidth katakana: a byte each in Shift-JIS, three in UTF-8. 8 MiB of them once made a letter of 24 MiB, which
    no topic took: every worker that met it ended, and the next one after it."""
    head = '<?xml version="1.0" encoding="shift_jis"?><rss><channel><item><title>x</title><description>'
    body = head.encode() + b"\xb1\xb2" * ((8 << 19) - 200) + b"</description></item></channel></rss>"
    [output] = outputs(raw(body))
    assert output.topic is Topic.ENTRIES
    assert len(output.value or b"") > MAX_BYTES[Topic.ENTRIES]
    value, letter = refused(output)
    assert len(value) < 2000
    assert (letter.code, letter.payload) == (DeadLetterCode.TOO_LARGE, "")
    assert letter.message.startswith("It cannot be sent. The payload is left out: the letter would have 2")


@pytest.mark.parametrize(
    ("body", "encoding"),
    [
        pytest.param("<p>渡轮</p>" * 50, PayloadEncoding.UTF_8, id="as text"),
        pytest.param('"\\' * 300, PayloadEncoding.BASE64, id="in base64 where escapes are longer"),
    ],
)
def test_up_to_the_limit_it_keeps_its_payload(
    body: str, encoding: PayloadEncoding, monkeypatch: pytest.MonkeyPatch
) -> None:
    [output] = outputs(raw(f"<!--1-->\n[x](https://lanhai.example/1)\n------\n{body}"))
    value, letter = refused(output)
    assert (letter.payload_encoding, letter.code) == (encoding, DeadLetterCode.REFUSED_BY_BROKER)
    monkeypatch.setattr(deadletters, "MAX_LETTER", len(value))
    assert refused(output)[0] == value
    monkeypatch.setattr(deadletters, "MAX_LETTER", len(value) - 1)
    assert refused(output)[1].payload == ""
