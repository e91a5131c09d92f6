"""From a record of `feeds.raw` to a raw document: headers read, times made sure of."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime

from agents.engine.transport import Incoming
from schemas import RawDocument

RECEIVED_BY = ("received-by", b"broker")
"""Beside the `received-at` of a reprocessed record: it is the broker's time of the first one, and no sender's word."""

_EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
_LATEST = datetime(9000, 1, 1, tzinfo=UTC)  # no arithmetic of days may run out of the calendar after it

# Version ff is none; a version after 00 may have more fields, which whoever does not know it leaves as they are.
_TRACEPARENT = re.compile(
    r"(?:00-{ids}|(?!00|ff)[0-9a-f]{{2}}-{ids}(?:-[!-~]{{1,256}})?)".format(
        ids="(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}"
    )
)

MAX_HEADER = 8192  # bytes; what is longer is no address, and would travel with every entry of the document


def document_intake(record: Incoming) -> Sequence[RawDocument]:
    """The one document that a raw record is. A record without a value is an empty document."""
    return [raw_document(record)]


def raw_document(record: Incoming) -> RawDocument:
    """Read a raw record; headers that cannot be read count as absent (`replay-of` is read by parse)."""
    headers = {name.lower(): _text(value) for name, value in record.headers}
    arrival = _arrival(record.timestamp)
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
        traceparent=_trace(headers.get("traceparent")),
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


def _arrival(timestamp: int) -> datetime:
    """The broker's time of a record. Only a topic that takes the sender's for it can hold one outside the calendar."""
    try:
        return min(max(datetime.fromtimestamp(timestamp / 1000, UTC), _EARLIEST), _LATEST)
    except (ValueError, OverflowError, OSError):
        return _EARLIEST if timestamp < 0 else _LATEST


def _trace(header: str | None) -> str | None:
    """A trace context is passed on as it came or, where it is none, not at all (W3C Trace Context, 3.2)."""
    return header if header and _TRACEPARENT.fullmatch(header) else None


def _text(value: bytes | None) -> str | None:
    if not value:
        return None
    return value[:MAX_HEADER].decode("utf-8", "replace")
