"""An enriched item on its way to `stories`, as the stage before leaves it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec

from schemas import (
    Confidence,
    DateOrigin,
    DateProvenance,
    Dates,
    Decision,
    DedupeRule,
    Draft,
    Format,
    Grouping,
    GroupingRule,
    Item,
    ScriptFamily,
    Source,
    Verdict,
)

ID = "0123456789abcdef0123456789abcdef"
ARRIVAL = datetime(2026, 11, 20, 0, 21, tzinfo=UTC)


def item(**changed: Any) -> Item:
    values: dict[str, Any] = {
        "pipeline": "0.0.0",
        "id": ID,
        "revision": 1,
        "verdict": Verdict.NEW,
        "decision": Decision(DedupeRule.FIRST_SIGHTING),
        "grouping": Grouping(GroupingRule.NOT_GROUPED),
        "url": "https://lanhai.example/a/1",
        "original_url": "https://lanhai.example/a/1",
        "guid": None,
        "site": "lanhai.example",
        "feed": None,
        "title": "渡轮恢复通航",
        "authors": [],
        "categories": [],
        "text": "渡轮今天恢复通航。",
        "html": "<p>渡轮今天恢复通航。</p>",
        "summary": "",
        "dateline": None,
        "images": [],
        "links": [],
        "attachments": [],
        "published_at": None,
        "updated_at": None,
        "seen_at": ARRIVAL,
        "dates": Dates(seen_at=DateProvenance("1795134060000", DateOrigin.COMMENT, Confidence.EXACT)),
        "language": "zh-Hans",
        "language_confidence": 0.9,
        "keywords": [],
        "names": [],
        "places": [],
        "word_count": 9,
        "reading_seconds": 2,
        "story_id": "0" * 32,
        "reprint_of": None,
        "flags": [],
        "source": Source("feeds.raw", 3, 17, 0, 1, Format.MARKDOWN, ARRIVAL),
    }
    return Item(**{**values, **changed})


def draft(item: Item | None, arrival: datetime = ARRIVAL, id: str = ID, traceparent: str | None = None) -> bytes:
    return msgspec.msgpack.encode(
        Draft(id=id, family=ScriptFamily.HAN, arrival=arrival, item=item, traceparent=traceparent)
    )
