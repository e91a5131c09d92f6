"""Enrich: news in, items out, whole but for their place among the stories.

Each step reads the entry and nothing else, so the stage has no state: the same news gives the same item, in any
order and on any worker.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta

import msgspec

from agents.content.html import MAX_LISTED, MarkupTooDeep, read_html, read_plain
from agents.content.signature import SHORTEST
from agents.content.sites import Sites
from agents.content.sketch import fold_codes
from agents.content.text import clean_line, first_words, one_line
from agents.deadletters import news_dead_letter
from agents.enrich.findings import Findings, Readable, find, load_tables
from agents.stage import EntryRef, Headers, Output, State, Topic
from schemas import (
    DateProvenance,
    Dates,
    DeadLetterCode,
    Draft,
    Entry,
    Flag,
    FoundDate,
    Grouping,
    GroupingRule,
    Item,
    Link,
    News,
    StageName,
)

SHORT_TEXT = SHORTEST
"""Folded characters; a shorter text gets the flag `short-text`."""

TOLERANCE = timedelta(hours=24)
"""Clocks and time zones may be off by so much before a date counts as one in the future."""

GROUP = 50
"""Items whose words, pages and names are in memory at once: five hundred take 46 MiB and no less time each."""

_news = msgspec.msgpack.Decoder(News)
_drafts = msgspec.msgpack.Decoder(Draft)
_pack = msgspec.msgpack.Encoder()


class EnrichStage:
    """Turns encoded news into encoded drafts. `pipeline` is the version that the items will name, `sites` what an
    operator's file says."""

    name = StageName.ENRICH

    def __init__(self, pipeline: str, sites: Sites | None = None) -> None:
        self.pipeline = pipeline
        self._sites = sites or Sites()
        load_tables()

    def prepare(self, state: State) -> Iterator[None]:
        yield from ()

    def handle(self, batch: Sequence[bytes], state: State, now: datetime) -> list[Output]:
        groups = (batch[first : first + GROUP] for first in range(0, len(batch), GROUP))
        return [output for group in groups for output in self._enriched(group, now)]

    def _enriched(self, batch: Sequence[bytes], now: datetime) -> list[Output]:
        outputs: dict[int, Output] = {}
        news_of: dict[int, News] = {}
        readable: list[Readable] = []
        for number, record in enumerate(batch):
            news = _news.decode(record)
            if news.retraction:
                outputs[number] = _retracted(news)
                continue
            try:
                readable.append(self._read(news.entry))
                news_of[number] = news
            except MarkupTooDeep as error:
                message = f"The body cannot be made safe to show: {error}."
                outputs[number] = news_dead_letter(self.name, DeadLetterCode.TOO_DEEP, message, news, now)
        for (number, news), one, found in zip(news_of.items(), readable, find(readable), strict=True):
            outputs[number] = self._drafted(batch[number], news, one, found)
        return [outputs[number] for number in range(len(batch))]

    def refused(self, output: Output, code: DeadLetterCode, message: str, now: datetime) -> Output:
        if output.topic is Topic.DRAFTS and output.value is not None:
            draft = _drafts.decode(output.value)
            if draft.item is not None:
                return news_dead_letter(self.name, code, message, _news.decode(draft.news), now)
        raise ValueError(f"a record for {output.topic} cannot be dead-lettered: {message}")

    def condemned(self, one: bytes, code: DeadLetterCode, message: str, now: datetime) -> Output:
        news = _news.decode(one)
        if news.retraction:
            raise ValueError(f"the retraction of {news.id} cannot be dead-lettered: {message}")
        return news_dead_letter(self.name, code, message, news, now)

    def _read(self, entry: Entry) -> Readable:
        page = read_html(entry.body, entry.base_url) if entry.body_is_html else read_plain(entry.body)
        return Readable(entry, page, one_line(entry.title), self._sites.boilerplate(entry.site))

    def _drafted(self, record: bytes, news: News, one: Readable, found: Findings) -> Output:
        entry = news.entry
        draft = Draft(
            id=news.id,
            family=news.family,
            arrival=entry.arrival,
            item=_item(news, one, found, self.pipeline),
            news=msgspec.Raw(record),
            traits=found.traits,
            first_seen=_first_seen(entry),
            traceparent=entry.traceparent,
        )
        return _output(draft, entry, _ref(entry))


def _retracted(news: News) -> Output:
    entry = news.entry
    draft = Draft(id=news.id, family=news.family, arrival=entry.arrival, item=None, traceparent=entry.traceparent)
    return _output(draft, entry, None)


def _item(news: News, one: Readable, found: Findings, pipeline: str) -> Item:
    entry, page = news.entry, one.page
    text = page.text
    title = one.title or first_words(text) or entry.url or clean_line(entry.guid or "") or news.id
    published = entry.published or news.earlier_published
    flags = {*entry.flags, *news.flags}
    if page.truncated or found.pictures.truncated or len(entry.attachments) > MAX_LISTED:
        flags.add(Flag.TRUNCATED)
    if not one.title:
        flags.add(Flag.TITLE_FROM_TEXT)
    flags.update(_marks(entry, text, published, signed=found.traits.signature is not None))
    return Item(
        pipeline=pipeline,
        id=news.id,
        revision=news.revision,
        verdict=news.verdict,
        decision=news.decision,
        grouping=Grouping(GroupingRule.NOT_GROUPED),
        url=entry.url,
        original_url=entry.original_url,
        guid=entry.guid,
        site=entry.site,
        feed=entry.feed,
        title=title,
        authors=_lines(entry.authors),
        categories=_lines(entry.categories),
        text=text,
        html=page.html,
        summary=found.summary,
        dateline=found.dateline.place if found.dateline else None,
        images=found.pictures.images,
        links=[Link(link.url, link.text) for link in page.links],
        attachments=entry.attachments[:MAX_LISTED],
        published_at=published.at if published else None,
        updated_at=entry.updated.at if entry.updated else None,
        seen_at=entry.seen.at,
        dates=Dates(_provenance(published), _provenance(entry.updated), _provenance(entry.seen)),
        language=found.language.tag,
        language_confidence=found.language.confidence,
        keywords=found.keywords,
        names=found.names,
        places=found.places,
        word_count=found.counted.total,
        reading_seconds=found.counted.seconds,
        story_id=news.id,
        reprint_of=None,
        flags=sorted(flags),
        source=entry.source,
        replay_of=entry.replay_of,
    )


def _marks(entry: Entry, text: str, published: FoundDate | None, *, signed: bool) -> Iterable[Flag]:
    """The quality marks that can be read off the entry and its text."""
    if published is None:
        yield Flag.NO_DATE
    if _in_future(entry, published):
        yield Flag.DATE_IN_FUTURE
    if not text:
        yield Flag.NO_TEXT
    elif not signed and fold_codes(text).size < SHORT_TEXT:  # a text too short has no signature
        yield Flag.SHORT_TEXT
    if entry.url is None:
        yield Flag.BAD_URL if entry.original_url else Flag.NO_LINK


def _in_future(entry: Entry, published: FoundDate | None) -> bool:
    received = entry.source.received_at
    latest = min(received, _first_seen(entry)) + TOLERANCE
    stated = [date.at for date in (published, entry.updated) if date is not None]
    return entry.seen.at > min(received, entry.arrival) + TOLERANCE or any(at > latest for at in stated)


def _first_seen(entry: Entry) -> datetime:
    """When somebody first saw the item; a sender's clock can be ahead by no more than the tolerance.

    Ahead of the receipt, where that is known: a worker and `process` then give the same, whenever they run.
    """
    return min(entry.seen.at, min(entry.source.received_at, entry.arrival) + TOLERANCE)


def _provenance(found: FoundDate | None) -> DateProvenance | None:
    return DateProvenance(found.raw, found.origin, found.confidence) if found else None


def _lines(names: Iterable[str]) -> list[str]:
    """Names as lines for people, each once."""
    return list(dict.fromkeys(filter(None, map(clean_line, names))))


def _output(draft: Draft, entry: Entry, ref: EntryRef | None) -> Output:
    headers: Headers = (("traceparent", entry.traceparent.encode()),) if entry.traceparent else ()
    return Output(Topic.DRAFTS, draft.family.value.encode(), _pack.encode(draft), ref, headers)


def _ref(entry: Entry) -> EntryRef:
    source = entry.source
    return EntryRef(source.partition, source.offset, -1 if source.index is None else source.index)
