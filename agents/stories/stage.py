"""Stories: drafts in, items out, each with the story that it belongs to.

So far every item is a story of its own (`not-grouped`) and nobody's reprint. What is issued is remembered all the
same: the grouping to come must find the stories that were given out before it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import msgspec

from agents.deadletters import news_dead_letter
from agents.stage import EntryRef, Headers, Output, State, Topic
from agents.stories.memory import Membership, recall, remember
from agents.stories.size import encode_item
from schemas import Confidence, DeadLetterCode, Draft, Grouping, GroupingRule, Item, News, StageName
from schemas.cloudevents import event_headers

_drafts = msgspec.msgpack.Decoder(Draft)
_news = msgspec.msgpack.Decoder(News)


class StoriesStage:
    """Gives encoded drafts of one script family their story, and sends them out of the mill."""

    name = StageName.STORIES

    def handle(self, batch: Sequence[bytes], state: State, now: datetime) -> list[Output]:
        return [self._settle(record, state, now) for record in batch]

    def refused(self, output: Output, code: DeadLetterCode, message: str, now: datetime) -> Output:
        if output.topic is Topic.ENRICHED and output.value is not None and output.origin is not None:
            news = _news.decode(_drafts.decode(output.origin).news)
            return news_dead_letter(self.name, code, message, news, now)
        raise ValueError(f"a record for {output.topic} cannot be dead-lettered: {message}")

    def _settle(self, record: bytes, state: State, now: datetime) -> Output:
        draft = _drafts.decode(record)
        if draft.item is None:
            tracing: Headers = (("traceparent", draft.traceparent.encode()),) if draft.traceparent else ()
            return Output(Topic.ENRICHED, draft.id.encode(), None, None, tracing)
        item = _grouped(draft, draft.item, state)
        value = encode_item(item)
        if value is None:
            message = (
                "The item has more than 4 MiB even without its links, images, attachments, categories and authors."
            )
            return news_dead_letter(self.name, DeadLetterCode.TOO_LARGE, message, _news.decode(draft.news), now)
        source = item.source
        entry = EntryRef(source.partition, source.offset, -1 if source.index is None else source.index)
        headers = event_headers(item.schema, source, source.received_at, draft.traceparent)
        return Output(
            Topic.ENRICHED,
            item.id.encode(),
            value,
            entry,
            headers,
            label=item.verdict,
            site=item.site,
            arrival=draft.arrival,
            freshness=_freshness(item),
            origin=record,
        )


def _grouped(draft: Draft, item: Item, state: State) -> Item:
    """The item with its story: the one that it was given before, else its own."""
    id = bytes.fromhex(draft.id)
    before = recall(state, id, draft.arrival)
    if before is None:
        after = Membership(id, None, draft.arrival, draft.arrival)
    else:
        after = msgspec.structs.replace(before, last_arrival=max(before.last_arrival, draft.arrival))
    remember(state, id, before, after)
    return msgspec.structs.replace(
        item,
        story_id=after.story.hex(),
        reprint_of=after.reprint_of.hex() if after.reprint_of else None,
        grouping=Grouping(GroupingRule.NOT_GROUPED),
    )


def _freshness(item: Item) -> float | None:
    """Seconds from publication to first sighting, where both are exact and each was found by itself.

    A revision is seen long after the publication that it still states, which says nothing about feeds.
    """
    published, seen = item.dates.published_at, item.dates.seen_at
    if item.revision > 1 or item.published_at is None or published is None or seen is None:
        return None
    sure = published.confidence is Confidence.EXACT and seen.confidence is Confidence.EXACT
    if not sure or published.origin is seen.origin:
        return None
    return (item.seen_at - item.published_at).total_seconds()
