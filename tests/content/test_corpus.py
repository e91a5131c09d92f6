"""The visible text of real documents, against a reader that has nothing in common with ours."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from difflib import SequenceMatcher
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import msgspec

from agents.pipeline import Pipeline
from agents.runstate import RunState
from agents.sources.records import RawRecord, raw_document
from agents.stage import Topic

NOW = datetime(2026, 11, 23, tzinfo=UTC)
ALIKE = 0.995
SHARE = 0.995

_BODY = re.compile(r"-->\n\[.*?\]\(\S*\)\n------\n\n(?:<div>\n<div><i>[^<]*</i></div>)?(.*)", re.DOTALL)
_HIDDEN = ("script", "style", "template", "iframe", "object", "noscript", "head", "title", "select", "textarea", "audio", "video")


class Shown(HTMLParser):
    """All characters outside of elements that show nothing, captions and all."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.pieces: list[str] = []
        self.hidden: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        style = (dict(attrs).get("style") or "").replace(" ", "")
        if tag in _HIDDEN or "display:none" in style:
            self.hidden.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if self.hidden and self.hidden[-1] == tag:
            self.hidden.pop()

    def handle_data(self, data: str) -> None:
        if not self.hidden:
            self.pieces.append(data)


def solid(text: str) -> str:
    """Without white space and what nobody sees."""
    return re.sub(r"[\s\u200b\u200c\u200d\u200e\u200f\u2060\ufeff\xad]+", "", text)


def items(corpus: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each document of the sample that became an item, with the item."""
    pipeline, state = Pipeline(), RunState()
    with gzip.open(corpus / "waimei-sample.jsonl.gz", "rt", encoding="utf-8") as lines:
        for number, line in enumerate(lines):
            known = json.loads(line)
            record = RawRecord(body=known["body"].encode(), received_at=known["received_at"], ref=known["ref"])
            for result in pipeline.process(raw_document(record, number, NOW), state, NOW):
                if result.role is Topic.ENRICHED and result.value is not None:
                    yield known["body"], msgspec.json.decode(result.value)


def test_text_and_captions_are_all_that_is_visible(corpus: Path) -> None:
    count, other = 0, []
    for document, item in items(corpus):
        count += 1
        match = _BODY.search(document)
        assert match is not None
        reader = Shown()
        reader.feed(match[1])
        reader.close()
        theirs = solid("".join(reader.pieces))
        for image in item["images"]:
            if image["caption"]:
                theirs = theirs.replace(solid(image["caption"]), "", 1)
        ours = solid(item["text"])
        if ours != theirs and SequenceMatcher(None, ours, theirs, autojunk=False).ratio() < ALIKE:
            other.append(item["source"]["ref"])
    assert count > 0
    assert len(other) <= (1 - SHARE) * count, f"{len(other)} of {count}: {other[:20]}"
