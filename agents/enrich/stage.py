"""Enrich: news in, items out, whole but for their place among the stories.

Each step reads the entry and nothing else, so the stage has no state: the same news gives the same item, in any
order and on any worker.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

import msgspec

from agents.content.boilerplate import Boilerplate
from agents.content.html import MAX_LISTED, MarkupTooDeep, Page, read_html, read_plain
from agents.content.language import detect
from agents.content.sites import Sites
from agents.content.sketch import fold_codes
from agents.content.text import clean_line, count, first_words, one_line
from agents.deadletters import news_dead_letter
from agents.enrich.dateline import Dateline, read_dateline
from agents.enrich.images import gallery
from agents.enrich.keywords import find_keywords
from agents.enrich.names import find_names
from agents.enrich.places import find_places
from agents.enrich.prose import read_prose
from agents.enrich.summary import summarize
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
    Name,
    News,
    Place,
    StageName,
)

SHORT_TEXT = 80
"""Folded characters; a shorter text gets the flag `short-text`."""

MAX_CAPTIONS = 20
"""Images whose captions the summary keeps clear of."""

TOLERANCE = timedelta(hours=24)
"""Clocks and time zones may be off by so much before a date counts as one in the future."""

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

    def handle(self, batch: Sequence[bytes], state: State, now: datetime) -> list[Output]:
        return [self._enrich(record, now) for record in batch]

    def refused(self, output: Output, code: DeadLetterCode, message: str, now: datetime) -> Output:
        if output.topic is Topic.DRAFTS and output.value is not None:
            draft = _drafts.decode(output.value)
            if draft.item is not None:
                return news_dead_letter(self.name, code, message, _news.decode(draft.news), now)
        raise ValueError(f"a record for {output.topic} cannot be dead-lettered: {message}")

    def _enrich(self, record: bytes, now: datetime) -> Output:
        news = _news.decode(record)
        entry = news.entry
        if news.retraction:
            return _output(Draft(id=news.id, family=news.family, arrival=entry.arrival, item=None), entry, None)
        try:
            page = read_html(entry.body, entry.base_url) if entry.body_is_html else read_plain(entry.body)
        except MarkupTooDeep as error:
            message = f"The body cannot be made safe to show: {error}."
            return news_dead_letter(self.name, DeadLetterCode.TOO_DEEP, message, news, now)
        draft = Draft(
            id=news.id,
            family=news.family,
            arrival=entry.arrival,
            item=_item(news, page, self.pipeline, self._sites.boilerplate(entry.site)),
            news=msgspec.Raw(record),
            first_seen=_first_seen(entry),
            traceparent=entry.traceparent,
        )
        return _output(draft, entry, _ref(entry))


def _item(news: News, page: Page, pipeline: str, boilerplate: Boilerplate) -> Item:
    entry = news.entry
    text = page.text
    given = one_line(entry.title)
    title = given or first_words(text) or entry.url or clean_line(entry.guid or "") or news.id
    language = detect(text, given, entry.declared_language)
    pictures = gallery(page.images, entry.images, entry.base_url)
    published = entry.published or news.earlier_published
    said = read_prose(*boilerplate.without(given, text), language)
    dateline = read_dateline(said.body)
    people = find_names(said)
    where = find_places(said, people.spans)
    named: list[Name | Place] = [*people.names, *_beyond_dateline(where.places, dateline)]
    keywords = find_keywords(said, named, [*people.spans, *where.spans], boilerplate.own)
    counted = count(text)
    flags = {*entry.flags, *news.flags}
    if page.truncated or pictures.truncated or len(entry.attachments) > MAX_LISTED:
        flags.add(Flag.TRUNCATED)
    if not given:
        flags.add(Flag.TITLE_FROM_TEXT)
    flags.update(_marks(entry, text, published))
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
        summary=summarize(
            said.body,
            dateline.end if dateline else 0,
            said.title,
            keywords,
            [image.caption for image in pictures.images[:MAX_CAPTIONS]],
        ),
        dateline=dateline.place if dateline else None,
        images=pictures.images,
        links=[Link(link.url, link.text) for link in page.links],
        attachments=entry.attachments[:MAX_LISTED],
        published_at=published.at if published else None,
        updated_at=entry.updated.at if entry.updated else None,
        seen_at=entry.seen.at,
        dates=Dates(_provenance(published), _provenance(entry.updated), _provenance(entry.seen)),
        language=language.tag,
        language_confidence=language.confidence,
        keywords=keywords,
        names=people.names,
        places=where.places,
        word_count=counted.total,
        reading_seconds=counted.seconds,
        story_id=news.id,
        reprint_of=None,
        flags=sorted(flags),
        source=entry.source,
        replay_of=entry.replay_of,
    )


def _beyond_dateline(places: Iterable[Place], dateline: Dateline | None) -> Iterable[Place]:
    """The places without the mention in the dateline: where a report was filed is not what it is about."""
    for place in places:
        if dateline is None or place.name not in dateline.place:
            yield place
        elif place.count > 1:
            yield Place(place.name, place.country, place.count - 1)


def _marks(entry: Entry, text: str, published: FoundDate | None) -> Iterable[Flag]:
    """The quality marks that can be read off the entry and its text."""
    if published is None:
        yield Flag.NO_DATE
    if _in_future(entry, published):
        yield Flag.DATE_IN_FUTURE
    if not text:
        yield Flag.NO_TEXT
    elif all(fold_codes(part).size < SHORT_TEXT for part in (text[:400], text)):
        yield Flag.SHORT_TEXT
    if entry.url is None:
        yield Flag.BAD_URL if entry.original_url else Flag.NO_LINK


def _in_future(entry: Entry, published: FoundDate | None) -> bool:
    received = entry.source.received_at
    latest = min(received, _first_seen(entry)) + TOLERANCE
    stated = [date.at for date in (published, entry.updated) if date is not None]
    return entry.seen.at > min(received, entry.arrival) + TOLERANCE or any(at > latest for at in stated)


def _first_seen(entry: Entry) -> datetime:
    """When somebody first saw the item; a sender's clock can be ahead by no more than the tolerance."""
    return min(entry.seen.at, entry.arrival + TOLERANCE)


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
