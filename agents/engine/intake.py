"""From a record of `feeds.raw` to a raw document: headers read, times made sure of."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from agents.engine.transport import Incoming
from schemas import RawDocument

RECEIVED_BY = ("received-by", b"broker")
"""Beside the `received-at` of a reprocessed record: it is the broker's time of the first one, and no sender's word."""

MAX_HEADER = 8192  # bytes; what is longer is no address, and would travel with every entry of the document


def document_intake(record: Incoming) -> Sequence[RawDocument]:
    """The one document that a raw record is. A record without a value is an empty document."""
    return [raw_document(record)]


def raw_document(record: Incoming) -> RawDocument:
    """Read a raw record; headers that cannot be read count as absent (`replay-of` is read by parse)."""
    headers = {name.lower(): _text(value) for name, value in record.headers}
    arrival = datetime.fromtimestamp(record.timestamp / 1000, UTC)
    received_at = read_moment(headers.get("received-at"))
    return RawDocument(
        topic=record.topic,
        partition=record.partition,
        offset=record.offset,
        body=record.value or b"",
        arrival=arrival,
        received_at=received_at or arrival,
        received_from_header=received_at is not None and headers.get(RECEIVED_BY[0]) != RECEIVED_BY[1].decode(),
        content_type=headers.get("content-type"),
        source_url=headers.get("source-url"),
        ref=headers.get("ref"),
        replay_of=headers.get("replay-of"),
        traceparent=headers.get("traceparent"),
    )


def read_moment(text: str | None) -> datetime | None:
    """An RFC 3339 moment in UTC; None where there is none or it names no zone."""
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text.strip())
        return None if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _text(value: bytes | None) -> str | None:
    if not value:
        return None
    return value[:MAX_HEADER].decode("utf-8", "replace")
