"""Real documents: every one is read, and read as an independent reader reads it."""

from __future__ import annotations

import gzip
import html
import io
import json
import re
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path

import feedparser

from agents.parse.stage import read_document
from schemas import DateOrigin, Entry
from tests.parse.reading import raw, results

SEED = re.compile(
    r"(?:---\n(?P<front>.*?)\n---\n)?<!--(?P<comment>\d+|NaN)-->\n\[(?P<title>.*)\]\((?P<link>\S*)\)\n------\n\n(?P<body>.*)",
    re.DOTALL,
)
DATED = re.compile(r"<div>\n<div><i>([^<]*)</i></div>")

# A namespaced RSS without declarations: feedparser finds none of its two entries.
MORE_THAN_FEEDPARSER = {"malformed_rss_namespaced.xml": 2}


def seeds(corpus: Path) -> Iterator[str]:
    with gzip.open(corpus / "waimei-sample.jsonl.gz", "rt", encoding="utf-8") as lines:
        for line in lines:
            yield json.loads(line)["body"]


def stated(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00")) if text.endswith("Z") else parsedate_to_datetime(text)


def test_every_document_of_the_sample(corpus: Path) -> None:
    wrong: Counter[str] = Counter()
    count = 0
    for document in seeds(corpus):
        count += 1
        (found,) = results(raw(document, source_url=None))
        assert isinstance(found, Entry), found
        match = SEED.fullmatch(document)
        assert match is not None
        seen = datetime.fromtimestamp(int(match["comment"]) / 1000, UTC)
        dated = DATED.match(match["body"])
        body = match["body"] if dated is None else "<div>\n" + match["body"][dated.end() :]
        expected = {
            "title": html.unescape(match["title"]).strip(),
            "original_url": match["link"],
            "seen": seen,
            "published": (seen, DateOrigin.COMMENT) if dated is None else (stated(dated[1]), DateOrigin.BODY),
            "body": body.strip(),
            "author": match["front"] is not None,
        }
        assert found.published is not None
        actual = {
            "title": found.title,
            "original_url": found.original_url,
            "seen": found.seen.at,
            "published": (found.published.at, found.published.origin),
            "body": found.body.strip(),
            "author": bool(found.authors),
        }
        wrong.update(name for name in expected if expected[name] != actual[name])
    assert count > 0
    assert not wrong, f"of {count} documents: {wrong}"


def test_every_feed_against_feedparser(corpus: Path) -> None:
    feeds = sorted(path for path in (corpus / "feeds").iterdir() if path.suffix != ".json")
    differing = {}
    for path in feeds:
        body = path.read_bytes()
        ours = [found.title for found in read_document(body).entries if hasattr(found, "title")]
        theirs = feedparser.parse(io.BytesIO(body)).entries
        if len(ours) != len(theirs):
            differing[path.name] = len(ours)
        else:
            pairs = zip(ours, theirs, strict=True)
            assert [_loosely(a) for a, _ in pairs] == [_loosely(each.get("title", "")) for each in theirs], path.name
    assert feeds
    assert differing == MORE_THAN_FEEDPARSER


def _loosely(title: str) -> str:
    """feedparser keeps references that were escaped twice, and all white space."""
    return " ".join(html.unescape(title).split())
