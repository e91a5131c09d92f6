"""Raw records outside Kafka: a document with what is known of it, as `ingest` publishes and `process` reads it."""

from __future__ import annotations

import binascii
import re
from datetime import UTC, datetime

import msgspec
from msgspec import Struct

from agents.engine.intake import MAX_HEADER, read_moment
from schemas import MAX_DOCUMENT_BYTES, DeadLetterCode, RawDocument, RawLine

TOPIC = "file"
"""`source.topic` of what no broker ever held."""

MAX_LINE = 64 * 1024 * 1024
"""Bytes of one line: 8 MiB in which JSON escapes every byte are 48 MiB."""

_MOMENT = "2024-02-16T21:39:03Z"
_CUT = "Input data was truncated"
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")

_LATEST_ARRIVAL = datetime(9000, 1, 1, tzinfo=UTC)  # no arithmetic of days may run out of the calendar after it


class RawRecord(Struct, frozen=True, kw_only=True):
    """A document as it came from a file, with the headers that it has or would have on `feeds.raw`."""

    body: bytes
    content_type: str | None = None
    source_url: str | None = None
    received_at: str | None = None
    ref: str | None = None
    replay_of: str | None = None

    def headers(self) -> list[tuple[str, bytes]]:
        """The record headers of the contract, for publishing."""
        named = (
            ("content-type", self.content_type),
            ("source-url", self.source_url),
            ("received-at", self.received_at),
            ("ref", self.ref),
            ("replay-of", self.replay_of),
        )
        return [(name, value.encode("utf-8", "replace")) for name, value in named if value]


class Refused(Struct, frozen=True):
    """What stands where a record should be and is none, or is too large. `message` is a sentence for people."""

    record: RawRecord
    code: DeadLetterCode
    message: str


Read = RawRecord | Refused


_lines = msgspec.json.Decoder(RawLine)


def read_line(line: bytes, where: str, ref: str) -> Read:
    """Read one line of a `.jsonl` file; what is no raw record comes back refused (`bad-record`).

    `where` names the line in messages; `ref` is given to records that bring none.
    """
    try:
        fields = _lines.decode(line)
        if fields.body is None and fields.body_base64 is None:
            raise ValueError("it needs either `body` or `body_base64`")
        if fields.body is not None and fields.body_base64 is not None:
            raise ValueError("it has `body` and `body_base64`, and may have only one of them")
        if fields.received_at and read_moment(fields.received_at) is None:
            raise ValueError(f"`received_at` is no moment with its zone, such as {_MOMENT}")
        body = _decoded(fields.body_base64) if fields.body is None else fields.body.encode()
    except (ValueError, RecursionError) as error:
        return _bad(line, f"{where} is no raw record: {_why(line, error)}.", ref)
    record = RawRecord(
        body=body,
        content_type=fields.content_type,
        source_url=fields.source_url,
        received_at=fields.received_at,
        ref=fields.ref or ref,
        replay_of=fields.replay_of,
    )
    return sized(record, where)


def sized(record: RawRecord, where: str) -> Read:
    """The record, or its refusal (`too-large`, without the body) where it is over 8 MiB."""
    if len(record.body) <= MAX_DOCUMENT_BYTES:
        return record
    bodiless = msgspec.structs.replace(record, body=b"")
    return Refused(bodiless, DeadLetterCode.TOO_LARGE, f"{where} has more than 8 MiB.")


def unread(message: str, ref: str, body: bytes = b"") -> Refused:
    """The refusal of what could not be read at all."""
    return Refused(RawRecord(body=body, ref=ref), DeadLetterCode.BAD_RECORD, message)


def raw_document(record: RawRecord, offset: int, now: datetime) -> RawDocument:
    """The document as the stages take it. Its arrival is `received_at` where that is readable, else `now`."""
    received_at = read_moment(record.received_at)
    return RawDocument(
        topic=TOPIC,
        partition=0,
        offset=offset,
        body=record.body,
        arrival=received_at if received_at and received_at < _LATEST_ARRIVAL else now,
        received_at=received_at or now,
        received_from_header=received_at is not None,
        content_type=_header(record.content_type),
        source_url=_header(record.source_url),
        ref=_header(record.ref),
        replay_of=_header(record.replay_of),
    )


def _bad(line: bytes, message: str, ref: str) -> Refused:
    if len(line) > MAX_DOCUMENT_BYTES:
        return Refused(RawRecord(body=b"", ref=ref), DeadLetterCode.TOO_LARGE, f"{message} It has more than 8 MiB.")
    return unread(message, ref, line.rstrip(b"\r\n"))


def _why(line: bytes, error: Exception) -> str:
    if str(error).startswith(_CUT) and _SURROGATE.search(line):
        # msgspec's word for half of a character, as for a line that ends too soon
        return "it holds a lone surrogate (`\\ud800` to `\\udfff`), which is half a character"
    return str(error).rstrip(".")


def _decoded(text: str | None) -> bytes:
    try:
        return binascii.a2b_base64((text or "").encode("ascii"), strict_mode=True)
    except ValueError as error:
        raise ValueError(f"`body_base64` is no base64 ({error})") from error


def _header(text: str | None) -> str | None:
    """A header as it comes back from Kafka: an empty one is none, a long one is cut (see engine/intake.py)."""
    if not text:
        return None
    return text.encode("utf-8", "replace")[:MAX_HEADER].decode("utf-8", "replace")
