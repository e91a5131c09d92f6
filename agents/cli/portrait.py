"""What became of an entry, as a person likes to read it: verdict, why, dates with their provenance, flags.

Everything that came from outside goes through `safe_line`. Nothing is said by colour alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

import msgspec
from msgspec import Struct
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from agents.cli.terminal import safe_line
from schemas import (
    Changed,
    DateProvenance,
    DeadLetter,
    Decision,
    DedupeRule,
    Duplicate,
    Grouping,
    GroupingRule,
    ImageRole,
    Item,
    Name,
    PayloadEncoding,
    Source,
    Verdict,
)

RULES = {
    DedupeRule.FIRST_SIGHTING: "never seen before",
    DedupeRule.REUSED_ADDRESS: "another article at an address that was used before",
    DedupeRule.CONTENT_CHANGED: "the publisher changed it",
    DedupeRule.RETURNED: "seen again after more than 90 days",
    DedupeRule.REPLAYED: "sent again, and let through as the entry that it replays",
    DedupeRule.SAME_ENTRY: "the same entry again",
    DedupeRule.SAME_TEXT: "other markup or details, the same title and text",
    DedupeRule.OLDER_COPY: "an older state of the item",
    DedupeRule.OTHER_FEED: "differs, but this feed may not revise the item",
    DedupeRule.TRUNCATED_COPY: "a shortened copy of the item",
    DedupeRule.REBASED: "only the mill's own reading of the text changed",
    DedupeRule.SUPERSEDED: "replays a revision that a later one has overtaken",
    DedupeRule.RETRACTION: "takes the item back",
    DedupeRule.RETRACTED: "the item was taken back before",
}
"""Each rule of dedupe in a few words."""

GROUPINGS = {
    GroupingRule.NOT_GROUPED: "nothing to compare it by",
    GroupingRule.FIRST_REPORT: "nothing seen before is near enough, a story of its own",
    GroupingRule.SAME_EVENT: "title and beginning are near a story's",
    GroupingRule.NEAR_COPY: "the text is an earlier item's",
    GroupingRule.EXCERPT: "part of an earlier item's text, or all of it and more",
    GroupingRule.KEPT: "its story stays what it was",
}
"""Each rule of stories in a few words."""

_VERDICT_STYLE = {Verdict.NEW: "bold green", Verdict.REVISION: "bold cyan", Verdict.REPRINT: "bold magenta"}
_DUPLICATE_STYLE = "bold yellow"
_DEAD_STYLE = "bold red"
_LABEL_WIDTH = 9
_TERMS = 8  # keywords, names or places shown
_LONGEST = 320  # characters of one line of what is said: five lines of a terminal
_ID = re.compile(r"\b[0-9a-f]{32}\b")

Fact = tuple[str, Sequence[str]]
"""A label and the lines of what it says, already safe."""


class Known(Struct):
    """What the reader has been shown of an item: where it came first, and its latest title."""

    first: str
    title: str


class Gallery:
    """Draws outcomes one after the other, and remembers what it drew so that later ones can be told by it."""

    def __init__(self, titles: Mapping[str, str] = {}) -> None:
        """`titles` are of items that it does not draw."""
        self._known: dict[str, Known] = {}
        self._titles = titles

    def heading(self, source: Source) -> RenderableType:
        """The line over the outcomes of one document."""
        name = safe_line(source.ref or f"document {source.offset}")
        parts = [source.format.value]
        if source.count is not None:
            parts.append("1 entry" if source.count == 1 else f"{source.count:,} entries")
        parts.append(moment(source.received_at))
        return Text.assemble(("▌ ", "blue"), (name, "bold"), ("  " + " · ".join(parts), "dim"))

    def item(self, item: Item) -> RenderableType:
        verdict = item.verdict.value.upper()
        if item.verdict is Verdict.REVISION:
            verdict += f" {item.revision}"
        before = self._known.get(item.id)
        facts = list(self._item_facts(item, before))
        self._known[item.id] = Known(before.first if before else _place(item.source), item.title)
        return portrait(verdict, _VERDICT_STYLE[item.verdict], item.title, facts, entry=_entry(item.source))

    def duplicate(self, duplicate: Duplicate) -> RenderableType:
        facts = [*_why(duplicate.decision), ("of", self._told(duplicate.id, duplicate.revision))]
        if duplicate.url:
            facts.append(("link", [brief(duplicate.url)]))
        return portrait("DUPLICATE", _DUPLICATE_STYLE, duplicate.title, facts, entry=_entry(duplicate.source))

    def dead_letter(self, letter: DeadLetter) -> RenderableType:
        facts: list[Fact] = [("why", [f"{letter.code.value}, in {letter.stage.value}", brief(letter.message)])]
        if letter.id:
            facts.append(("item", self._told(letter.id, letter.revision)))
        facts.append(("payload", [_payload(letter)]))
        return portrait("DEAD LETTER", _DEAD_STYLE, "", facts, entry=_entry(letter.source))

    def tombstone(self, id: str) -> RenderableType:
        return portrait("TAKEN BACK", _DEAD_STYLE, self._title(id), [("item", self._told(id, None))])

    def _item_facts(self, item: Item, before: Known | None) -> Iterator[Fact]:
        yield from _why(item.decision)
        if Changed.TITLE in item.decision.changed and before is not None and before.title != item.title:
            yield "was", [safe_line(before.title)]
        yield "link", [brief(item.url or "none")]
        yield from _dates(item)
        if item.authors:
            yield "by", [safe_line(", ".join(item.authors))]
        if item.dateline:
            yield "dateline", [safe_line(item.dateline)]
        yield "content", [_content(item)]
        if item.summary and (before is None or Changed.TEXT in item.decision.changed):
            yield "summary", [brief(item.summary)]
        if item.keywords:
            yield "about", [brief(", ".join(keyword.term for keyword in item.keywords[:_TERMS]))]
        if item.names:
            yield "names", [brief(", ".join(map(_name, item.names[:_TERMS])))]
        if item.places:
            yield "places", [brief(", ".join(f"{place.name} ({place.country})" for place in item.places[:_TERMS]))]
        if item.flags:
            yield "flags", [", ".join(flag.value for flag in item.flags)]
        yield "grouped", grouped(item.grouping, {id: self._title(id) for id in others(item.grouping)})
        if item.grouping.matched not in (None, item.reprint_of):
            yield "near", self._named(item.grouping.matched)
        if item.reprint_of:
            yield "copy of", self._named(item.reprint_of)
        if item.story_id != item.id:
            yield "story", [item.story_id]
        yield "id", [item.id]

    def _named(self, id: str) -> list[str]:
        """Another item by its title, where it was shown."""
        title = brief(self._title(id))
        return [*([title] if title else []), *self._told(id, None)]

    def _title(self, id: str) -> str:
        return self._known[id].title if id in self._known else self._titles.get(id, "")

    def _told(self, id: str, revision: int | None) -> list[str]:
        lines = [id if revision is None else f"{id}, revision {revision}"]
        if (known := self._known.get(id)) is not None:
            lines.append(f"first seen in {safe_line(known.first)}")
        return lines


def portrait(
    verdict: str, style: str, title: str, facts: Sequence[Fact], *, entry: str = "", indent: int = 2
) -> RenderableType:
    """A head of two parts, `verdict` and `title`, over facts; `indent` columns from the left."""
    head = Table.grid(padding=(0, 2))
    head.add_column(no_wrap=True)
    head.add_column(overflow="fold")
    head.add_row(Text(f"{entry}{verdict}", style), Text(safe_line(title), "bold"))
    body = Table.grid(padding=(0, 1))
    body.add_column(width=_LABEL_WIDTH, no_wrap=True)
    body.add_column(overflow="fold")
    for label, lines in facts:
        body.add_row(Text(label, "dim"), Text("\n".join(lines)))
    return Padding(Group(head, body), (0, 0, 1, indent), expand=False)


def _entry(source: Source) -> str:
    if source.index is None or source.count is None or source.count == 1:
        return ""
    return f"{source.index + 1}/{source.count}  "


def grouped(grouping: Grouping, titles: Mapping[str, str]) -> list[str]:
    """Why an item stands in its story, line by line; ids in the evidence with the titles that are known of them."""
    rule = grouping.rule.value
    if grouping.rule is GroupingRule.KEPT and len(grouping.evidence) == 1:
        return [f"{rule}: {brief(grouping.evidence[0])}"]
    score = "" if grouping.score is None else f" {grouping.score:.2f}"
    lines = [brief(_ID.sub(lambda id: _with_title(id[0], titles), line)) for line in grouping.evidence]
    return [f"{rule}{score}: {GROUPINGS[grouping.rule]}", *(f"- {line}" for line in lines)]


def others(grouping: Grouping) -> Iterator[str]:
    """The ids of the items that a grouping speaks of."""
    if grouping.matched is not None:
        yield grouping.matched
    for line in grouping.evidence:
        yield from _ID.findall(line)


def _with_title(id: str, titles: Mapping[str, str]) -> str:
    return f"{titles[id]} ({id})" if titles.get(id) else id


def _why(decision: Decision) -> list[Fact]:
    rule = decision.rule.value
    evidence = [brief(line) for line in decision.evidence]
    if decision.rule is DedupeRule.FIRST_SIGHTING and len(evidence) == 1:
        return [("why", [f"{rule}: {evidence[0]}"])]
    facts: list[Fact] = [("why", [f"{rule}: {RULES[decision.rule]}", *(f"- {line}" for line in evidence)])]
    if decision.changed:
        facts.append(("changed", [", ".join(change.value for change in decision.changed)]))
    return facts


def _dates(item: Item) -> Iterator[Fact]:
    named: tuple[tuple[str, datetime | None, DateProvenance | None], ...] = (
        ("published", item.published_at, item.dates.published_at),
        ("updated", item.updated_at, item.dates.updated_at),
        ("seen", item.seen_at, item.dates.seen_at),
    )
    for name, at, found in named:
        if at is not None:
            how = f"  {found.origin.value}, {found.confidence.value}: {safe_line(found.raw)}" if found else ""
            yield name, [f"{moment(at)}{how}"]


def _content(item: Item) -> str:
    sure = "" if item.language == "und" else f" ({item.language_confidence:.2f})"
    parts = [f"{safe_line(item.language)}{sure}", some(item.word_count, "word")]
    if item.images:
        lead = ", one leads" if any(image.role is ImageRole.LEAD for image in item.images) else ""
        parts.append(some(len(item.images), "image") + lead)
    if item.links:
        parts.append(some(len(item.links), "link"))
    if item.attachments:
        parts.append(some(len(item.attachments), "attachment"))
    if item.reading_seconds:
        parts.append(f"{item.reading_seconds} s to read")
    return " · ".join(parts)


def _name(name: Name) -> str:
    gloss = f" ({name.gloss})" if name.gloss else ""
    return f"{name.name}{gloss}" + (f" ×{name.count}" if name.count > 1 else "")


def brief(text: str) -> str:
    """One line of text; of a very long one (addresses of 5,000 characters exist) its two ends."""
    if len(text) <= _LONGEST:
        return safe_line(text)
    half = _LONGEST // 2
    return f"{safe_line(text[:half])} … {safe_line(text[-half:])} ({len(text):,} characters)"


def _payload(letter: DeadLetter) -> str:
    size = len(letter.payload.encode("utf-8", "replace"))
    if letter.payload_encoding is PayloadEncoding.BASE64:
        size = len(letter.payload.rstrip("=")) * 3 // 4
    return f"{some(size, 'byte')}, {letter.payload_encoding.value}" if size else "empty"


def _place(source: Source) -> str:
    entry = f", entry {source.index + 1}" if source.index is not None and (source.count or 0) > 1 else ""
    return f"{source.ref or f'document {source.offset}'}{entry}"


def moment(at: datetime) -> str:
    return at.strftime("%Y-%m-%d %H:%M:%S" if at.second else "%Y-%m-%d %H:%M") + " UTC"


def some(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def read_source(value: bytes) -> Source:
    """The source of any public record."""
    return msgspec.json.decode(value, type=_Sourced).source


class _Sourced(Struct):
    source: Source
