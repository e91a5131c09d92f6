"""The sample of real documents, and readers of it that have nothing in common with the mill's."""

from __future__ import annotations

import gzip
import html
import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from agents.pipeline import Pipeline
from agents.runstate import RunState
from agents.sources.records import RawRecord, raw_document, read_line
from agents.stage import Topic
from schemas import StageName

NOW = datetime(2026, 11, 23, tzinfo=UTC)
SAMPLE = "waimei-sample.jsonl.gz"
STORIES = "stories.jsonl.gz"

_FORM = re.compile(
    r"(?:---\n(?P<front>.*?)\n---\n)?<!--(?P<comment>\d+|NaN)-->\n\[(?P<title>.*)\]\((?P<link>\S*)\)\n------\n\n(?P<body>.*)",
    re.DOTALL,
)
_DATED = re.compile(r"<div>\n<div><i>([^<]*)</i></div>")
_UNSEEN = re.compile(r"[\s\u200b\u200c\u200d\u200e\u200f\u2060\ufeff\xad]+")


class Known(Struct, frozen=True):
    """One raw record of the sample, and what the mill made of it: the results' JSON, in order."""

    ref: str
    body: str
    results: list[dict[str, Any]]

    @property
    def result(self) -> dict[str, Any]:
        return self.results[0]


class Milled(Struct, frozen=True):
    """What became of some records, and what the last stage was given of them."""

    known: list[Known]
    drafts: list[bytes]


class Independent(Struct, frozen=True):
    """A document of the seed's form as a regular expression and the standard library read it."""

    title: str
    link: str
    seen_at: datetime
    published_at: datetime
    body: str


def milled(corpus: Path) -> list[Known]:
    """The whole sample through one mill, in order."""
    return _sample(corpus).known


@lru_cache(maxsize=1)
def milled_stories(corpus: Path) -> list[Known]:
    """The English titles through one mill, in order."""
    return mill(_records(corpus / STORIES)).known


def drafts(corpus: Path) -> list[bytes]:
    """What the last stage is given for the sample, in order."""
    return _sample(corpus).drafts


@lru_cache(maxsize=1)
def _sample(corpus: Path) -> Milled:
    return mill(_records(corpus / SAMPLE))


def mill(records: Iterable[RawRecord]) -> Milled:
    """Records through one mill, in order."""
    pipeline, state, made = Pipeline(), RunState(), Milled([], [])
    for number, record in enumerate(records):
        document, changes = raw_document(record, number, NOW), dict[bytes, bytes | None]()
        judged = pipeline.judge(pipeline.read(document, NOW), state.of(StageName.DEDUPE, changes), NOW)
        enriched = pipeline.enrich(judged, NOW)
        results = pipeline.settle(enriched, state.of(StageName.STORIES, changes), NOW)
        state.commit(changes, number + 1)
        decoded = [msgspec.json.decode(result.value) for result in results if result.value is not None]
        made.known.append(Known(record.ref or "", record.body.decode(), decoded))
        made.drafts.extend(output.value for output in enriched if output.topic is Topic.DRAFTS and output.value)
    return made


def _records(path: Path) -> Iterator[RawRecord]:
    with gzip.open(path, "rb") as lines:
        for line in lines:
            record = read_line(line, path.name, "")
            assert isinstance(record, RawRecord), record
            yield record


def read_independently(document: str) -> Independent:
    match = _FORM.fullmatch(document)
    if match is None:
        raise ValueError("a document of the sample has not the seed's form")
    seen = datetime.fromtimestamp(int(match["comment"]) / 1000, UTC)
    dated = _DATED.match(match["body"])
    return Independent(
        title=html.unescape(match["title"]).strip(),
        link=match["link"],
        seen_at=seen,
        published_at=_stated(dated[1]) if dated else seen,
        body=match["body"][dated.end() :] if dated else match["body"],
    )


def _stated(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00")) if text.endswith("Z") else parsedate_to_datetime(text)


def solid(text: str) -> str:
    """A text without white space and what nobody sees."""
    return _UNSEEN.sub("", text)


def shown(body: str) -> str:
    """All characters of HTML that stand outside of elements which show nothing; captions are among them."""
    reader = _Shown()
    reader.feed(body)
    reader.close()
    return "".join(reader.pieces)


class _Shown(HTMLParser):
    HIDDEN = frozenset(
        "script style template iframe object noscript head title select textarea audio video svg math".split()  # noqa: SIM905
    )

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.pieces: list[str] = []
        self._hidden: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        style = (dict(attrs).get("style") or "").replace(" ", "")
        if tag in self.HIDDEN or "display:none" in style:
            self._hidden.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if self._hidden and self._hidden[-1] == tag:
            self._hidden.pop()

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.pieces.append(data)
