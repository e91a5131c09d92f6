"""CloudEvents 1.0 in Kafka's binary mode: the `ce_…` headers of `feeds.enriched` and `feeds.dead-letter`."""

from __future__ import annotations

from datetime import datetime

from schemas.source import Source

SPEC_VERSION = b"1.0"
PRODUCER = b"/feedmill"


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
