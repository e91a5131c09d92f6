"""Reading: what the mill reads out of documents, against readers that have nothing in common with it."""

from __future__ import annotations

import html
import io
from collections import Counter
from datetime import datetime
from difflib import SequenceMatcher
from pathlib import Path
from typing import Any

import feedparser

from agents.parse.decode import decode
from agents.parse.found import Found
from agents.parse.repair import mended
from agents.parse.stage import read_document
from bench.accuracy.measure import Measure
from bench.accuracy.sample import Known, milled, read_independently, shown, solid

ALIKE = 0.995
FIELDS = ("title", "original_url", "seen_at", "published_at")

EXPLAINED = {
    "malformed_rss_namespaced.xml": "its prefix `rss:` is declared nowhere: feedparser finds none of its two entries",
}
"""Feeds in which we find another number of entries than feedparser, and why."""


def measures(corpus: Path) -> list[Measure]:
    sample = milled(corpus)
    read = [one for one in sample if len(one.results) == 1 and "code" not in one.result]
    items = [one for one in read if one.result["schema"] == "feedmill.item.v1"]
    agreed: Counter[str] = Counter()
    for one in items:
        agreed.update(_agreeing(one))
    other = [one.ref for one in items if not _text_alike(one)]
    return [
        Measure("documents of the sample that are read", len(read) / len(sample), 1.0, len(sample)),
        *(
            Measure(f"{name} as an independent reader has it", agreed[name] / len(items), 1.0, len(items))
            for name in FIELDS
        ),
        Measure(
            f"items whose text and captions are {ALIKE} alike to all that is visible",
            1 - len(other) / len(items),
            0.995,
            len(items),
            detail=f"{len(other)} are not",
        ),
        *_feeds(corpus),
    ]


def _agreeing(one: Known) -> list[str]:
    theirs, ours = read_independently(one.body), one.result
    expected: dict[str, Any] = {
        "title": theirs.title,
        "original_url": theirs.link,
        "seen_at": theirs.seen_at,
        "published_at": theirs.published_at,
    }
    if not theirs.title and "title-from-text" in ours["flags"]:
        expected["title"] = ours["title"]
    found = {name: datetime.fromisoformat(ours[name]) if name.endswith("_at") else ours[name] for name in FIELDS}
    return [name for name in FIELDS if found[name] == expected[name]]


def _text_alike(one: Known) -> bool:
    theirs = solid(shown(read_independently(one.body).body))
    for image in one.result["images"]:
        if image["caption"]:
            theirs = theirs.replace(solid(image["caption"]), "", 1)
    ours = solid(one.result["text"])
    return ours == theirs or SequenceMatcher(None, ours, theirs, autojunk=False).ratio() >= ALIKE


def _feeds(corpus: Path) -> list[Measure]:
    """Entries and their titles, against feedparser on the text decoded and mended."""
    found = wanted = titled = 0
    unexplained = []
    for path in sorted((corpus / "feeds").iterdir()):
        if path.suffix == ".json":
            continue
        body = path.read_bytes()
        ours = [entry.title for entry in read_document(body).entries if isinstance(entry, Found)]
        text = mended(decode(body))
        theirs = [entry.get("title", "") for entry in feedparser.parse(io.BytesIO(text.encode())).entries]
        wanted += len(theirs)
        found += min(len(ours), len(theirs))
        if len(ours) == len(theirs):
            titled += sum(_line(one) == _line(other) for one, other in zip(ours, theirs, strict=True))
        elif path.name not in EXPLAINED:
            unexplained.append(f"{path.name}: {len(ours)} and {len(theirs)}")
    return [
        Measure("entries of the feeds that feedparser finds", found / wanted, 0.995, wanted),
        Measure("their titles, the same", titled / found, 0.995, found),
        Measure(
            "feeds with another number of entries, unexplained",
            len(unexplained),
            0,
            wanted,
            "at most",
            share=False,
            detail="; ".join(unexplained),
        ),
    ]


def _line(title: str) -> str:
    """feedparser keeps references that were escaped twice, and all white space."""
    return " ".join(html.unescape(title).split())
