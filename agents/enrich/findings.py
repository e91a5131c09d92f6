"""What is found in items, step by step over a whole batch.

Each step has tables of its own. One step over fifty items, then the next, finds them in the processor's caches; all
steps over one item, then the next item, takes two fifths more time.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from msgspec import Struct

from agents.content.boilerplate import Boilerplate
from agents.content.html import Page
from agents.content.language import Language, detect
from agents.content.text import Count, count
from agents.enrich.dateline import Dateline, read_dateline
from agents.enrich.images import Gallery, gallery
from agents.enrich.keywords import find_keywords
from agents.enrich.names import FoundNames, find_names
from agents.enrich.places import FoundPlaces, find_places
from agents.enrich.prose import Prose, read_prose
from agents.enrich.summary import summarize
from agents.enrich.traits import read_traits
from schemas import Entry, Keyword, Name, Place
from schemas.internal import Traits

MAX_CAPTIONS = 20
"""Images whose captions the summary keeps clear of."""


class Readable(Struct, frozen=True):
    """An entry as it was read. `title` is one line, "" where it has none."""

    entry: Entry
    page: Page
    title: str
    boilerplate: Boilerplate


class Findings(Struct, frozen=True):
    """All that is found in one item."""

    language: Language
    pictures: Gallery
    counted: Count
    dateline: Dateline | None
    names: list[Name]
    places: list[Place]
    keywords: list[Keyword]
    summary: str
    traits: Traits


def load_tables() -> None:
    """Read every table once, so that no item waits for them: half a second and some forty megabytes."""
    for language, text in (("zh-Hans", "渡轮在巴黎搁浅（Paris）。"), ("en", "The ferry of Paris ran aground.")):
        prose = read_prose("", text, Language(language, 1.0))
        find_keywords(prose, find_places(prose, find_names(prose).spans).places)
        read_dateline(text)
        count(text)
    detect("The ferry ran aground in thick fog.")


def find(batch: Sequence[Readable]) -> list[Findings]:
    """The findings of each, in order. The same whatever stands beside it in the batch."""
    languages = [detect(one.page.text, one.title, one.entry.declared_language) for one in batch]
    pictures = [gallery(one.page.images, one.entry.images, one.entry.base_url) for one in batch]
    counted = [count(one.page.text) for one in batch]
    said = [
        read_prose(*one.boilerplate.without(one.title, one.page.text), language)
        for one, language in zip(batch, languages, strict=True)
    ]
    datelines = [read_dateline(prose.body) for prose in said]
    names = [find_names(prose) for prose in said]
    places = [find_places(prose, found.spans) for prose, found in zip(said, names, strict=True)]
    keywords = [
        _keywords(*found)
        for found in zip(said, names, places, datelines, [one.boilerplate for one in batch], strict=True)
    ]
    summaries = [_summary(*found) for found in zip(said, datelines, keywords, pictures, strict=True)]
    traits = [read_traits(*found) for found in zip(said, datelines, strict=True)]
    return [
        Findings(language, gallery_, size, dateline, people.names, where.places, terms, summary, compared)
        for language, gallery_, size, dateline, people, where, terms, summary, compared in zip(
            languages, pictures, counted, datelines, names, places, keywords, summaries, traits, strict=True
        )
    ]


def _keywords(
    prose: Prose, names: FoundNames, places: FoundPlaces, dateline: Dateline | None, boilerplate: Boilerplate
) -> list[Keyword]:
    named: list[Name | Place] = [*names.names, *_beyond_dateline(places.places, dateline)]
    taken = [*names.spans, *places.spans]
    if dateline:
        taken.append((prose.title_end, prose.title_end + 2 + dateline.end))
    return find_keywords(prose, named, taken, boilerplate.own)


def _beyond_dateline(places: Iterable[Place], dateline: Dateline | None) -> Iterable[Place]:
    """The places without the mention in the dateline: where a report was filed is not what it is about."""
    for place in places:
        if dateline is None or place.name not in dateline.place:
            yield place
        elif place.count > 1:
            yield Place(place.name, place.country, place.count - 1)


def _summary(prose: Prose, dateline: Dateline | None, keywords: list[Keyword], pictures: Gallery) -> str:
    captions = [image.caption for image in pictures.images[:MAX_CAPTIONS]]
    return summarize(prose.body, dateline.end if dateline else 0, prose.title, keywords, captions)
