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
    Entry,
    Format,
    FoundDate,
    Grouping,
    GroupingRule,
    Item,
    News,
    ScriptFamily,
    Source,
    Verdict,
)

ID = "0123456789abcdef0123456789abcdef"
BODY = "<p class='caption'>渡轮今天恢复通航。</p>"
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
    made = Draft(id=id, family=ScriptFamily.HAN, arrival=arrival, item=item, traceparent=traceparent)
    if item is not None:
        made = msgspec.structs.replace(made, news=msgspec.Raw(msgspec.msgpack.encode(news(item, arrival, traceparent))))
    return msgspec.msgpack.encode(made)


def news(item: Item, arrival: datetime = ARRIVAL, traceparent: str | None = None) -> News:
    """What such an item could have been made of."""
    entry = Entry(
        source=item.source,
        arrival=arrival,
        aliases=[],
        quick=b"q" * 16,
        title=item.title,
        body=BODY,
        original_url=item.original_url,
        seen=FoundDate(ARRIVAL, "1795134060000", DateOrigin.COMMENT, Confidence.EXACT),
        traceparent=traceparent,
    )
    return News(
        entry=entry,
        id=item.id,
        revision=item.revision,
        verdict=item.verdict,
        decision=item.decision,
        family=ScriptFamily.HAN,
    )
