"""Dedupe: entries in, news and duplicates out.

Most entries are repetition: a polled feed brings its last fifty every time. The quick hash of the entry as received
settles those; only where it differs is the visible text taken out and hashed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from functools import cache

import msgspec

from agents.content.html import visible_text
from agents.content.identity import titled_key
from agents.content.text import script_family
from agents.deadletters import entry_dead_letter
from agents.dedupe import lineage as lineages
from agents.dedupe.fingerprint import Fingerprint, fingerprint
from agents.dedupe.judge import Judgement, judge, may_not_revise
from agents.dedupe.lineage import Lineage, Match
from agents.dedupe.meeting import meet
from agents.dedupe.sweep import sweep
from agents.stage import EntryRef, Headers, Output, State, Topic
from schemas import (
    Alias,
    DeadLetterCode,
    Decision,
    DedupeRule,
    Duplicate,
    Entry,
    News,
    ScriptFamily,
    StageName,
    Verdict,
)

NEW = frozenset({DedupeRule.FIRST_SIGHTING, DedupeRule.REUSED_ADDRESS})
REVISES = frozenset({DedupeRule.CONTENT_CHANGED, DedupeRule.RETURNED})
RESTATES = frozenset({DedupeRule.REPLAYED, DedupeRule.REBASED})
HEADING = 64  # characters of a text without a title that stand for one

SAME_CONTENT = frozenset({DedupeRule.SAME_ENTRY, DedupeRule.SAME_TEXT})

_entries = msgspec.msgpack.Decoder(Entry)
_news = msgspec.msgpack.Decoder(News)
_pack = msgspec.msgpack.Encoder()
_json = msgspec.json.Encoder()


class DedupeStage:
    """Judges encoded entries of one partition against the lineages in its state."""

    name = StageName.DEDUPE

    def __init__(self, *, sweeps: bool = False) -> None:
        """`sweeps`: forgotten lineages are deleted, a few at a time; for a mill that runs for years."""
        self._sweeps = sweeps

    def prepare(self, state: State) -> Iterator[None]:
        yield from ()

    def handle(self, batch: Sequence[bytes], state: State, now: datetime) -> list[Output]:
        outputs: list[Output] = []
        for record in batch:
            entry = _entries.decode(record)
            outputs.extend(_retract(entry, state, now) if entry.retraction else _admit(entry, state))
        if self._sweeps and batch:
            sweep(state, entry)
        return outputs

    def refused(self, output: Output, code: DeadLetterCode, message: str, now: datetime) -> Output:
        if output.topic is Topic.NEWS and output.value is not None:
            news = _news.decode(output.value)
            return entry_dead_letter(self.name, code, message, news.entry, now, id=news.id, revision=news.revision)
        raise ValueError(f"a record for {output.topic} cannot be dead-lettered: {message}")

    def condemned(self, one: bytes, code: DeadLetterCode, message: str, now: datetime) -> Output:
        return entry_dead_letter(self.name, code, message, _entries.decode(one), now)


def _admit(entry: Entry, state: State) -> list[Output]:
    @cache
    def text() -> str:
        return visible_text(entry.body, entry.body_is_html)

    @cache
    def content() -> Fingerprint:
        return fingerprint(entry.title, text())

    @cache
    def heading() -> str:
        return entry.title or text()[:HEADING]

    meeting = meet(entry, lineages.matches(state, entry), _Turns(state, entry, heading), content)
    judgement = judge(entry, meeting, content)

    before: Lineage | None
    if (match := judgement.match) is None:
        before, id = None, _new_id(entry, state, heading)
        after = lineages.begin(entry, id, content(), script_family(f"{entry.title}\n{text()}"))
    else:
        before, id = match.lineage, match.id
        if judgement.rule in REVISES:
            after = lineages.revise(before, entry, content())
        elif judgement.rule in RESTATES:
            after = lineages.restate(before, entry, content())
        else:
            after = lineages.sighted(before, entry, same_content=judgement.rule in SAME_CONTENT)
    takes_turns = match is not None and match.alias is None
    lineages.store(state, id, before, after, entry, heading() if takes_turns else None)
    if judgement.beside is not None and judgement.beside.alias is not None:
        lineages.take_turn(state, judgement.beside.alias, id)

    if judgement.rule in NEW or judgement.rule in REVISES or judgement.rule is DedupeRule.REPLAYED:
        return [_news_output(entry, id, before, after, judgement)]
    return [_duplicate(entry, id, after.revision, judgement)]


class _Turns:
    def __init__(self, state: State, entry: Entry, heading: Callable[[], str]) -> None:
        self._state, self._entry, self._heading = state, entry, heading

    def titled(self) -> Match | None:
        return lineages.titled_match(self._state, self._entry, self._heading())

    def latest(self, address: Alias) -> Match | None:
        return lineages.latest_turn(self._state, address, self._entry)


def _new_id(entry: Entry, state: State, heading: Callable[[], str]) -> bytes:
    """The strongest key that is free; where another article holds the address, address and title together."""
    strongest = entry.aliases[0].key
    owner = lineages.owner_of(state, strongest)
    if owner is None or owner[1].forgotten(entry.arrival):
        return strongest
    return titled_key(strongest, heading())


def _retract(entry: Entry, state: State, now: datetime) -> list[Output]:
    """The publisher takes an item back (Atom's deleted-entry, `feedmill retract`)."""
    found = lineages.matches(state, entry)
    if not found:
        # a guid is looked for in several scopes, and is one name all the same
        known_by = ", ".join(dict.fromkeys(f"{alias.kind.value} {alias.shown}" for alias in entry.aliases))
        message = f"A retraction names {known_by}, but no such item is known here."
        return [entry_dead_letter(StageName.DEDUPE, DeadLetterCode.UNKNOWN_ITEM, message, entry, now)]
    match = found[0]
    before = match.lineage
    if before.retracted:
        judgement = Judgement(DedupeRule.RETRACTED, match, evidence=("it was retracted before",))
        return [_duplicate(entry, match.id, before.revision, judgement)]
    if (foreign := may_not_revise(entry, before)) is not None:
        judgement = Judgement(DedupeRule.OTHER_FEED, match, evidence=(foreign,))
        return [_duplicate(entry, match.id, before.revision, judgement)]
    after = msgspec.structs.replace(before, retracted=True)
    lineages.store(state, match.id, before, after, entry)
    judgement = Judgement(DedupeRule.RETRACTION, match, evidence=("the publisher took the item back",))
    news = News(
        entry=entry,
        id=match.id.hex(),
        revision=before.revision,
        verdict=Verdict.REVISION,
        decision=_decision(judgement),
        family=before.family,
        retraction=True,
    )
    tombstone = Output(Topic.NEWS, match.id, _pack.encode(news), None, _tracing(entry))
    return [tombstone, _duplicate(entry, match.id, before.revision, judgement)]


def _news_output(entry: Entry, id: bytes, before: Lineage | None, after: Lineage, judgement: Judgement) -> Output:
    family: ScriptFamily = after.family
    news = News(
        entry=entry,
        id=id.hex(),
        revision=after.revision,
        verdict=Verdict.NEW if after.revision == 1 else Verdict.REVISION,
        decision=_decision(judgement),
        family=family,
        earlier_published=before.earlier_published() if before else None,
        flags=list(judgement.flags),
    )
    return Output(Topic.NEWS, id, _pack.encode(news), _ref(entry), _tracing(entry))


def _duplicate(entry: Entry, id: bytes, revision: int, judgement: Judgement) -> Output:
    duplicate = Duplicate(
        id=id.hex(),
        revision=revision,
        decision=_decision(judgement),
        title=entry.title,
        url=entry.url,
        site=entry.site,
        source=entry.source,
        replay_of=entry.replay_of,
    )
    return Output(
        Topic.DUPLICATES,
        duplicate.id.encode(),
        _json.encode(duplicate),
        _ref(entry),
        _tracing(entry),
        label=judgement.rule,
    )


def _decision(judgement: Judgement) -> Decision:
    matched = judgement.match or judgement.beside
    return Decision(
        rule=judgement.rule,
        matched=matched.id.hex() if matched else None,
        score=judgement.score,
        changed=list(judgement.changed),
        evidence=list(judgement.evidence),
    )


def _ref(entry: Entry) -> EntryRef:
    source = entry.source
    return EntryRef(source.partition, source.offset, -1 if source.index is None else source.index)


def _tracing(entry: Entry) -> Headers:
    return (("traceparent", entry.traceparent.encode()),) if entry.traceparent else ()
