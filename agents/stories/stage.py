"""Stories: drafts in, items out, each with the story that it belongs to and the item that it is a copy of.

The sightings in the state are the truth; the index over them is made from it, once for each copy of a state.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

import msgspec

from agents.deadletters import news_dead_letter
from agents.stage import EntryRef, Headers, Output, State, Topic
from agents.stories.grouping import Groups
from agents.stories.index import Index
from agents.stories.memory import Memory
from agents.stories.size import encode_item
from agents.stories.tables import MIN_CAPACITY
from schemas import Confidence, DeadLetterCode, Draft, Item, News, StageName, Verdict
from schemas.cloudevents import event_headers

MOST_SIGHTINGS = 1_000_000

_drafts = msgspec.msgpack.Decoder(Draft)
_news = msgspec.msgpack.Decoder(News)


class StoriesStage:
    """Gives encoded drafts of one script family their story, and sends them out of the mill."""

    name = StageName.STORIES

    def __init__(self, most: int = MOST_SIGHTINGS, smallest: int = MIN_CAPACITY) -> None:
        """`most` sightings are kept in the index of a partition, fewer where the window ends before.

        `smallest`: so many of them at least are thrown away at once.
        """
        self._most = most
        self._smallest = smallest

    def prepare(self, state: State) -> Iterator[None]:
        for index in Index.restored(Memory(state), most=self._most, smallest=self._smallest):
            if index is None:
                yield
            else:
                state.derived = index

    def handle(self, batch: Sequence[bytes], state: State, now: datetime) -> list[Output]:
        memory, index = Memory(state), self._index(state)
        before = index.shelf
        groups = Groups(memory, index)
        outputs = [self._settle(record, groups, now) for record in batch]
        groups.sweep(len(batch))
        if index.shelf != before:
            memory.note_shelf(index.shelf)
        return outputs

    def _index(self, state: State) -> Index:
        """The index in step with the state, made again where it is not there or cannot be brought into step."""
        if not (isinstance(state.derived, Index) and state.derived.begin(state.version)):
            for _ in self.prepare(state):
                pass
            self._index(state)
        assert isinstance(state.derived, Index)
        return state.derived

    def refused(self, output: Output, code: DeadLetterCode, message: str, now: datetime) -> Output:
        if output.topic is Topic.ENRICHED and output.value is not None and output.origin is not None:
            news = _news.decode(_drafts.decode(output.origin).news)
            return news_dead_letter(self.name, code, message, news, now)
        raise ValueError(f"a record for {output.topic} cannot be dead-lettered: {message}")

    def condemned(self, one: bytes, code: DeadLetterCode, message: str, now: datetime) -> Output:
        draft = _drafts.decode(one)
        if draft.item is None:
            raise ValueError(f"the retraction of {draft.id} cannot be dead-lettered: {message}")
        return news_dead_letter(self.name, code, message, _news.decode(draft.news), now)

    def _settle(self, record: bytes, groups: Groups, now: datetime) -> Output:
        draft = _drafts.decode(record)
        if draft.item is None:
            groups.retract(bytes.fromhex(draft.id))
            tracing: Headers = (("traceparent", draft.traceparent.encode()),) if draft.traceparent else ()
            return Output(Topic.ENRICHED, draft.id.encode(), None, None, tracing)
        item = _grouped(draft, draft.item, groups)
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
            grouping=item.grouping.rule,
            site=item.site,
            arrival=draft.arrival,
            freshness=_freshness(item),
            origin=record,
        )


def _grouped(draft: Draft, item: Item, groups: Groups) -> Item:
    """The item with its story and its original."""
    membership, grouping = groups.place(draft, item.site)
    reprint = membership.reprint_of is not None and item.revision == 1 and item.verdict is Verdict.NEW
    return msgspec.structs.replace(
        item,
        verdict=Verdict.REPRINT if reprint else item.verdict,
        story_id=membership.story.hex(),
        reprint_of=membership.reprint_of.hex() if membership.reprint_of else None,
        grouping=grouping,
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
