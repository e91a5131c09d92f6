"""CPU time of each pure function on documents of the usual size, and of an entry's whole way against its budget."""

from __future__ import annotations

import gc
import itertools
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
from msgspec import Struct

from agents.content.dates import parse_date
from agents.content.html import read_html, sanitize, visible_text
from agents.content.language import Language, detect
from agents.content.signature import sign
from agents.content.sites import Sites
from agents.content.text import count
from agents.content.urls import canonicalize
from agents.dedupe.fingerprint import fingerprint
from agents.dedupe.stage import DedupeStage
from agents.enrich.dateline import read_dateline
from agents.enrich.keywords import find_keywords
from agents.enrich.names import find_names
from agents.enrich.places import find_places
from agents.enrich.prose import read_prose
from agents.enrich.stage import EnrichStage
from agents.enrich.summary import summarize
from agents.parse import feeds, markdown
from agents.parse.decode import decode
from agents.parse.entries import build
from agents.parse.sniff import sniff
from agents.parse.stage import ParseStage
from agents.sources.records import RawRecord, raw_document
from agents.stage import Output, State, Topic
from agents.stories.stage import StoriesStage
from bench.documents import CHARACTERS, FEED_ENTRIES, article, feed, markdowns
from bench.report import Cell, Table, spread
from schemas import DedupeRule, Entry, Format, Item, RawDocument

ARTICLES = 300
FEEDS = 10
ROUNDS = 9
BATCH = 50  # documents; what a worker takes at once of a backlog

DUPLICATE_BUDGET = 120
ENRICH_BUDGET = 600
NEW_BUDGET = 700

_PARSE, _DEDUPE = ParseStage(), DedupeStage()
_NOW = datetime(2026, 11, 23, tzinfo=UTC)
_versions = itertools.count()
_ENGLISH = "The council of the small harbour town voted on Thursday to keep the old lighthouse lit for another winter. "
_DATES = {
    "ISO 8601": "2026-11-20T14:57:39Z",
    "RFC 822": "Fri, 20 Nov 2026 14:57:39 GMT",
    "RFC 822, wrong weekday": "Thu, 20 November 2026 14:57:39 +0100",
    "Chinese": "2026年11月20日 14:57",
    "English in words": "November 20, 2026 at 2:57 PM",
    "numbers": "20.11.2026 14:57",
    "none": "see the archive for more",
}


class Memory(dict[bytes, bytes]):
    """A stage's state, in a dict. Every batch is settled."""

    derived: object = None

    @property
    def version(self) -> int:
        return next(_versions)

    def scan(self, prefix: bytes, start: bytes) -> Iterator[tuple[bytes, bytes]]:
        for key in sorted(key for key in self if key.startswith(prefix) and key >= start):
            yield key, self[key]

    def put(self, key: bytes, value: bytes) -> None:
        self[key] = value

    def delete(self, key: bytes) -> None:
        self.pop(key, None)


class Figure(Struct, frozen=True):
    """Microseconds of CPU for one call, or for one entry of a call: one value a round."""

    name: str
    micros: list[float]

    @property
    def row(self) -> tuple[str, float, float, float]:
        return (self.name, *spread(self.micros))


class Material(Struct, frozen=True):
    """What the functions are given: the same articles at each step of their way."""

    records: list[RawRecord]
    documents: list[RawDocument]
    feeds: list[RawDocument]
    bodies: list[tuple[str, str]]  # HTML and its base
    titles: list[str]
    texts: list[str]
    entries: list[bytes]
    feed_entries: list[list[bytes]]
    news: list[bytes]
    drafts: list[bytes]
    items: list[Item]
    known: Memory
    known_feeds: Memory


def main() -> Iterator[Table]:
    material = prepared()
    yield Table(
        "Functions and stages, microseconds of CPU a call",
        ("", "least", "median", "most"),
        [figure.row for figure in (*_functions(material), *_stages(material))],
        f"{ARTICLES} articles of {CHARACTERS:,} characters, {ROUNDS} rounds over all of them.",
    )
    yield Table(
        "The whole way of an entry against its budget, microseconds of CPU",
        ("", "least", "median", "most", "budget"),
        [
            _way(f"duplicate, alone in a document, {BATCH} at a time", _duplicate(material, BATCH), DUPLICATE_BUDGET),
            _way("duplicate, alone in a document, one at a time", _duplicate(material, 1), DUPLICATE_BUDGET),
            _way(f"duplicate, in a feed of {FEED_ENTRIES}", _feed_duplicate(material), DUPLICATE_BUDGET),
            _way(f"enrichment of a new item, {BATCH} at a time", _enriched(material, BATCH), ENRICH_BUDGET),
            _way("enrichment of a new item, one at a time", _enriched(material, 1), ENRICH_BUDGET),
            _way(f"new item, all stages, {BATCH} at a time", _new_item(material, BATCH), NEW_BUDGET),
            _way("new item, all stages, one at a time", _new_item(material, 1), NEW_BUDGET),
        ],
        "Without Kafka, frames and metrics; the window of stories holds these articles only. "
        "One at a time costs more: each stage finds the processor's caches full of another stage's work.",
    )


def prepared() -> Material:
    records = list(markdowns(ARTICLES))
    documents = [raw_document(record, number, _NOW) for number, record in enumerate(records)]
    feed_documents = [raw_document(feed(number), number, _NOW) for number in range(FEEDS)]
    known, known_feeds, stories = Memory(), Memory(), Memory()
    entries = _values(ParseStage().handle(documents, known, _NOW), Topic.ENTRIES)
    feed_entries = [_values(ParseStage().handle([one], known, _NOW), Topic.ENTRIES) for one in feed_documents]
    news = _values(DedupeStage().handle(entries, known, _NOW), Topic.NEWS)
    for batch in feed_entries:
        DedupeStage().handle(batch, known_feeds, _NOW)
    drafts = _values(EnrichStage("bench").handle(news, known, _NOW), Topic.DRAFTS)
    items = _values(StoriesStage().handle(drafts, stories, _NOW), Topic.ENRICHED)
    articles = [article(number) for number in range(ARTICLES)]
    bodies = [(one.html, one.url) for one in articles]
    if not len(items) == len(news) == ARTICLES or {len(batch) for batch in feed_entries} != {FEED_ENTRIES}:
        raise RuntimeError("the documents did not come out as items: these figures would be of something else")
    return Material(
        records=records,
        documents=documents,
        feeds=feed_documents,
        bodies=bodies,
        titles=[one.title for one in articles],
        texts=[visible_text(html, True) for html, _ in bodies],
        entries=entries,
        feed_entries=feed_entries,
        news=news,
        drafts=drafts,
        items=[msgspec.json.decode(item, type=Item) for item in items],
        known=known,
        known_feeds=known_feeds,
    )


def _functions(given: Material) -> Iterator[Figure]:
    texts = [record.body.decode() for record in given.records]
    feed_texts = [document.body.decode() for document in given.feeds]
    read = [markdown.read(text) for text in texts]
    titled = list(zip(given.titles, given.texts, strict=True))
    decoder, encoder = msgspec.msgpack.Decoder(Entry), msgspec.json.Encoder()
    yield _each("decode", given.records, lambda record: decode(record.body, record.content_type))
    yield _each("sniff", texts, sniff)
    yield _each("read Markdown", texts, markdown.read)
    yield _each(
        f"read RSS of {FEED_ENTRIES}, an entry",
        feed_texts,
        lambda text: feeds.read(text, Format.RSS, None),
        FEED_ENTRIES,
    )
    yield _each(
        "identity of an entry", list(zip(read, given.documents, strict=True)), lambda pair: build(pair[0], pair[1])
    )
    yield _each("canonicalize an address", [f"{base}?utm_source=rss#top" for _, base in given.bodies], canonicalize)
    for name, date in _DATES.items():
        yield _each(f"parse a date: {name}", [date] * ARTICLES, parse_date)
    yield _each("visible text", given.bodies, lambda body: visible_text(body[0], True))
    yield _each("read HTML (text, safe HTML, links)", given.bodies, lambda body: read_html(*body))
    yield _each("sanitize", given.bodies, lambda body: sanitize(*body))
    yield _each("fingerprint", titled, lambda pair: fingerprint(*pair))
    yield _each("language, Chinese", titled, lambda pair: detect(pair[1], pair[0]))
    yield _each("language, by the model", [_ENGLISH * 5] * ARTICLES, detect)
    yield _each("count words", given.texts, count)
    yield _each("dateline", given.texts, read_dateline)
    yield from _found(titled)
    yield _each("decode an entry (msgpack)", given.entries, decoder.decode)
    yield _each("encode an item (JSON)", given.items, encoder.encode)


def _found(titled: list[tuple[str, str]]) -> Iterator[Figure]:
    """What enrichment looks for in a Chinese text, each step with what the steps before it give."""
    boilerplate, chinese = Sites().boilerplate(None), Language("zh-Hans", 1.0)
    prose = [read_prose(title, text, chinese) for title, text in titled]
    names = [find_names(one) for one in prose]
    places = [find_places(one, found.spans) for one, found in zip(prose, names, strict=True)]
    sought: list[Any] = [
        (one, [*people.names, *where.places], [*people.spans, *where.spans])
        for one, people, where in zip(prose, names, places, strict=True)
    ]
    terms = [find_keywords(*one) for one in sought]
    yield _each("boilerplate", titled, lambda pair: boilerplate.without(*pair))
    yield _each("Simplified, cut into words", titled, lambda pair: read_prose(pair[0], pair[1], chinese))
    yield _each("names", prose, find_names)
    yield _each("places", prose, find_places)
    yield _each("keywords", sought, lambda one: find_keywords(*one))
    summed: list[Any] = list(zip(prose, terms, strict=True))
    yield _each("summary", summed, lambda one: summarize(one[0].body, 0, one[0].title, one[1]))
    yield _each("signature", [text for _, text in titled], sign)


def _stages(given: Material) -> Iterator[Figure]:
    parse, dedupe, enrich, stories = ParseStage(), DedupeStage(), EnrichStage("bench"), StoriesStage()
    none = Memory()
    yield _each("stage parse: a document", given.documents, lambda one: parse.handle([one], none, _NOW))
    yield _each(
        "stage parse: an entry of a feed", given.feeds, lambda one: parse.handle([one], none, _NOW), FEED_ENTRIES
    )
    yield _each("stage dedupe: same entry", given.entries, lambda one: dedupe.handle([one], given.known, _NOW))
    yield _fresh("stage dedupe: same text in other markup", *_same_text(given))
    yield _fresh("stage dedupe: new", Memory, given.entries, lambda one, state: dedupe.handle([one], state, _NOW))
    yield _each("stage enrich: new", given.news, lambda one: enrich.handle([one], none, _NOW))
    yield _fresh("stage stories: new", Memory, given.drafts, lambda one, state: stories.handle([one], state, _NOW))


def _same_text(given: Material) -> tuple[Callable[[], Memory], list[bytes], Callable[[bytes, State], object]]:
    """The same articles with one tag more: the quick hash differs, the visible text does not."""
    changed = []
    for record in given.entries:
        entry = msgspec.msgpack.decode(record, type=Entry)
        changed.append(msgspec.structs.replace(entry, body=f"<div>{entry.body}</div>", quick=bytes(len(entry.quick))))
    encoded = [msgspec.msgpack.encode(entry) for entry in changed]
    dedupe = DedupeStage()
    [first] = dedupe.handle(encoded[:1], Memory(given.known), _NOW)
    if first.label != DedupeRule.SAME_TEXT:
        raise RuntimeError(f"changed markup came out as {first.label}")
    return lambda: Memory(given.known), encoded, lambda one, state: dedupe.handle([one], state, _NOW)


Way = tuple[list[list[RawDocument]], Callable[[], Any], Callable[[list[RawDocument], Any], object], int]
"""Batches of documents; a fresh state; what is done with a batch; how many entries a batch has."""


def _duplicate(given: Material, batch: int) -> Way:
    return _batches(given.documents, batch), lambda: given.known, _judged, batch


def _feed_duplicate(given: Material) -> Way:
    return _batches(given.feeds, 1), lambda: given.known_feeds, _judged, FEED_ENTRIES


def _judged(batch: list[RawDocument], state: Memory) -> object:
    return _DEDUPE.handle(_passed(_PARSE.handle(batch, state, _NOW)), state, _NOW)


def _enriched(given: Material, batch: int) -> Any:
    stage = EnrichStage("bench")
    batches = [given.news[first : first + batch] for first in range(0, len(given.news), batch)]
    return batches, Memory, lambda news, state: stage.handle(news, state, _NOW), batch


def _new_item(given: Material, batch: int) -> Way:
    stages: list[Any] = [_DEDUPE, EnrichStage("bench"), StoriesStage()]

    def go(documents: list[RawDocument], states: list[Memory]) -> object:
        outputs = _PARSE.handle(documents, states[0], _NOW)
        for stage, state in zip(stages, states, strict=True):
            outputs = stage.handle(_passed(outputs), state, _NOW)
        return outputs

    return _batches(given.documents, batch), lambda: [Memory() for _ in stages], go, batch


def _passed(outputs: Sequence[Output]) -> list[bytes]:
    return [output.value or b"" for output in outputs]


def _batches(documents: list[RawDocument], size: int) -> list[list[RawDocument]]:
    return [documents[first : first + size] for first in range(0, len(documents), size)]


def _way(name: str, way: Way, budget: int) -> tuple[Cell, ...]:
    batches, fresh, go, entries = way
    return (*_fresh(name, fresh, batches, go, entries).row, budget)


def _each(name: str, inputs: Sequence[Any], call: Callable[[Any], object], each: int = 1) -> Figure:
    return _fresh(name, Memory, inputs, lambda one, _: call(one), each)


def _fresh(
    name: str,
    fresh: Callable[[], Any],
    inputs: Sequence[Any],
    call: Callable[[Any, Any], object],
    each: int = 1,
) -> Figure:
    """Time some rounds over all inputs, each with a fresh state; the first round of all is not counted."""
    idle = statistics.median(_round(lambda one, _: None, inputs, None) for _ in range(3))
    micros = []
    for number in range(ROUNDS + 1):
        state = fresh()
        gc.collect()
        spent = _round(call, inputs, state) - idle
        if number:
            micros.append(max(0.0, spent) / len(inputs) / each * 1e6)
    return Figure(name, micros)


def _round(call: Callable[[Any, Any], object], inputs: Sequence[Any], state: Any) -> float:
    started = time.process_time()
    for one in inputs:
        call(one, state)
    return time.process_time() - started


def _values(outputs: Sequence[Output], topic: Topic) -> list[bytes]:
    return [output.value for output in outputs if output.topic is topic and output.value is not None]
