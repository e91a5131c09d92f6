"""CloudEvents 1.0 in Kafka's binary mode: the `ce_…` headers of `feeds.enriched` and `feeds.dead-letter`."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from msgspec import UNSET, Struct, UnsetType, field

from schemas.source import Moment, Source

EVENT_HEADERS_SCHEMA = "feedmill.event-headers.v1"

SPEC_VERSION = b"1.0"
PRODUCER = b"/feedmill"


class EventHeaders(Struct, frozen=True, kw_only=True):
    """The headers of a record, as text. `ce_id` is the entry's position: the same event on every run.

    Tombstones and records of `feeds.duplicates` have none.
    """

    ce_specversion: Literal["1.0"]
    ce_id: str
    ce_type: str
    ce_source: Literal["/feedmill"]
    ce_time: Moment
    content_type: Literal["application/json"] = field(name="content-type")
    traceparent: str | UnsetType = UNSET


def event_headers(
    schema: str, source: Source, time: datetime, traceparent: str | None = None
) -> tuple[tuple[str, bytes], ...]:
    """Headers of one event. `ce_id` is the entry's position: one event an entry, the same on every run."""
    headers = (
        ("ce_specversion", SPEC_VERSION),
        ("ce_id", str(source.position).encode()),
        ("ce_type", schema.encode()),
        ("ce_source", PRODUCER),
        ("ce_time", time.isoformat().replace("+00:00", "Z").encode()),
        ("content-type", b"application/json"),
    )
    return (*headers, ("traceparent", traceparent.encode())) if traceparent else headers
