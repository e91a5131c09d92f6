"""The rules of identity: what an entry is to the items that are already known.

Contract, promises 4 to 7, in the order in which they are asked. Pure: an entry, the lineages that it met, the
fingerprint of its content; out comes a judgement with its evidence.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from msgspec import Struct

from agents.dedupe.fingerprint import HASH_VERSION, Fingerprint, Likeness, likeness, only_cuts_short
from agents.dedupe.lineage import Lineage, Match, Version, place
from schemas import Alias, AliasKind, Changed, DedupeRule, Entry, Flag

Content = Callable[[], Fingerprint]
"""The fingerprint of the entry's visible text, made when first asked for: most entries never are."""


class Judgement(Struct, frozen=True):
    """What happens to an entry. `match` is the item that it belongs to; None: it begins a new one.

    `beside` is the item that has the address already where another article takes its turn at it.
    """

    rule: DedupeRule
    match: Match | None = None
    beside: Match | None = None
    score: float | None = None
    changed: tuple[Changed, ...] = ()
    evidence: tuple[str, ...] = ()
    flags: tuple[Flag, ...] = ()


class Meeting(Struct, frozen=True):
    """The lineage that an entry belongs to after all that it met were compared, or none."""

    match: Match | None
    beside: Match | None
    score: float | None
    evidence: tuple[str, ...]


def meet(entry: Entry, found: list[Match], titled: Callable[[], Match | None], content: Content) -> Meeting:
    """Choose among the lineages that the entry's aliases lead to.

    The strongest alias decides, unless its article is another one that only shared the address (a home page,
    a live page, a reused guid): then the next alias, then link and title together.
    """
    if entry.replay_of is not None:
        for named in (*found, titled()):
            if named is not None and _replayed(entry, named) is not None:
                return Meeting(named, None, None, _reached(named))
    strangers: list[tuple[Match, Likeness]] = []
    for match in found:
        stranger = _stranger(entry, match, content)
        if stranger is None:
            others = [other for other in found if other is not match and all(other is not s for s, _ in strangers)]
            return Meeting(match, None, None, (*_reached(match), *(_other(other) for other in others)))
        strangers.append((match, stranger))
    if not strangers:
        return Meeting(None, None, None, ())
    beside, alike = strangers[0]
    score = round(alike.text if alike.text is not None else alike.title, 3)
    if (turn := titled()) is not None:
        return Meeting(turn, None, None, ("address and title together belong to this item",))
    return Meeting(None, beside, score, (f"{_address(beside.alias)} belongs to item {beside.id.hex()}", _told(alike)))


def judge(entry: Entry, meeting: Meeting, content: Content) -> Judgement:
    """Decide what an entry is. `content` is asked only when the quick hash does not settle it."""
    if (match := meeting.match) is None:
        if meeting.beside is not None:
            return Judgement(
                DedupeRule.REUSED_ADDRESS, beside=meeting.beside, score=meeting.score, evidence=meeting.evidence
            )
        return Judgement(DedupeRule.FIRST_SIGHTING, evidence=("no earlier item has any of its addresses",))
    lineage, evidence = match.lineage, meeting.evidence

    def duplicate(rule: DedupeRule, *why: str, score: float | None = None) -> Judgement:
        return Judgement(rule, match, score=score, evidence=(*evidence, *why))

    if lineage.retracted:
        return duplicate(DedupeRule.RETRACTED, "the item was retracted")
    if lineage.expired(entry.arrival):
        days = (entry.arrival - lineage.last_seen).days
        return Judgement(
            DedupeRule.RETURNED,
            match,
            evidence=(*evidence, f"unseen for {days} days: its content is forgotten, its number is not"),
            flags=(Flag.RETURNED,),
        )
    if (replayed := _replayed(entry, match)) is not None:
        return Judgement(replayed[0], match, evidence=(*evidence, replayed[1]))
    if entry.quick == lineage.quick:
        return duplicate(DedupeRule.SAME_ENTRY, "nothing in the entry differs from the last time")

    present = lineage.present
    now = content()
    later = _states_later(entry, present)
    if lineage.hashing != HASH_VERSION:
        if not later:
            return duplicate(DedupeRule.REBASED, "the mill reads text by newer rules: compared from here on")
    elif lineage.print.same_content(now.title_hash, now.text_hash):
        return duplicate(DedupeRule.SAME_TEXT, "title and text are unchanged; other parts of the entry differ")
    elif not later and (again := _earlier(lineage, now)) is not None:
        return duplicate(DedupeRule.OLDER_COPY, f"title and text are those of revision {again}")
    if (older := _older(entry, present)) is not None:
        return duplicate(DedupeRule.OLDER_COPY, older)
    if (foreign := _foreign(entry, lineage)) is not None:
        return duplicate(DedupeRule.OTHER_FEED, foreign)
    alike = likeness(now, lineage.print)
    score = None if alike.text is None else round(alike.text, 3)
    if (cut := _truncated(entry, lineage, now)) is not None:
        return duplicate(DedupeRule.TRUNCATED_COPY, cut, score=score)
    changed = _changed(entry, lineage, now)
    return Judgement(
        DedupeRule.CONTENT_CHANGED,
        match,
        score=score,
        changed=changed,
        evidence=(*evidence, *_differences(entry, lineage, now, alike)),
    )


def _stranger(entry: Entry, match: Match, content: Content) -> Likeness | None:
    """How unlike the entry is to the article at the same address; None where it is the same article."""
    lineage, alias = match.lineage, match.alias
    settled = (
        entry.retraction
        or lineage.retracted
        or lineage.expired(entry.arrival)
        or lineage.hashing != HASH_VERSION
        or entry.quick == lineage.quick
        or (alias is not None and alias.kind is AliasKind.CONTENT)
        or _replayed(entry, match) is not None
    )
    if settled:
        return None
    alike = likeness(content(), lineage.print)
    if alike.related:
        return None
    if alike.text is None and not entry.link_is_root and not _guid_alone(entry, match):
        return None  # too short to tell: the address decides
    return alike


def _guid_alone(entry: Entry, match: Match) -> bool:
    """Whether only a guid connects them while the entry's link is another one.

    Guids lose their host for matching, so that `?p=1` of two blogs of one site is one key: for texts too short
    to compare, their titles must be alike as well.
    """
    if match.alias is None or match.alias.kind is not AliasKind.GUID:
        return False
    links = [alias.key for alias in entry.aliases if alias.kind is AliasKind.LINK]
    return bool(links) and all(key not in match.lineage.aliases for key in links)


def _replayed(entry: Entry, match: Match) -> tuple[DedupeRule, str] | None:
    """Whether the entry is named by `replay-of` as one of this item's revisions."""
    named = entry.replay_of
    if named is None or named.topic != entry.source.topic or not match.lineage.versions:
        return None
    where = place(entry)
    for back, version in enumerate(match.lineage.versions):
        if version.source == where:
            revision = match.lineage.revision - back
            if back == 0:
                return DedupeRule.REPLAYED, f"replays {named}, revision {revision} of the item"
            return DedupeRule.SUPERSEDED, f"replays {named}, which was revision {revision}; a later one is out"
    return None


def _states_later(entry: Entry, present: Version) -> bool:
    """Whether the publisher states an update later than the present revision."""
    if entry.updated is None:
        return False
    than = present.updated or present.sent
    return than is not None and entry.updated.at > than


def _earlier(lineage: Lineage, now: Fingerprint) -> int | None:
    for back, version in enumerate(lineage.versions[1:], start=1):
        if (version.title_hash, version.text_hash) == (now.title_hash, now.text_hash):
            return lineage.revision - back
    return None


def _older(entry: Entry, present: Version) -> str | None:
    """Whether the entry is older than the present revision: by stated update, else by when it was sent."""
    if entry.updated is not None and present.updated is not None:
        if entry.updated.at < present.updated:
            return f"its stated update {_shown(entry.updated.at)} is before {_shown(present.updated)}"
        return None
    if entry.sent_at is not None and present.sent is not None and entry.sent_at < present.sent:
        return f"it was seen {_shown(entry.sent_at)}, the present revision {_shown(present.sent)}"
    return None


def _foreign(entry: Entry, lineage: Lineage) -> str | None:
    """Whether the entry comes by a feed that may not revise this item."""
    if entry.feed_key is None or entry.feed_key == lineage.feed:
        return None
    if entry.feed_site is not None and entry.feed_site == lineage.site:
        return None
    shown = entry.feed.url if entry.feed and entry.feed.url else entry.feed_key.hex()
    return f"feed {shown} neither brought the item first nor is of its site {lineage.site}"


def _truncated(entry: Entry, lineage: Lineage, now: Fingerprint) -> str | None:
    if only_cuts_short(now, lineage.print):
        return f"the same text, cut after {now.length} of {lineage.print.length} letters"
    if entry.feed_key != lineage.present_feed and now.length * 2 < lineage.print.length:
        return f"{now.length} letters by another feed, the present revision has {lineage.print.length}"
    return None


def _changed(entry: Entry, lineage: Lineage, now: Fingerprint) -> tuple[Changed, ...]:
    if lineage.hashing != HASH_VERSION:
        return (Changed.DATES,)
    changed = []
    if now.title_hash != lineage.print.title_hash:
        changed.append(Changed.TITLE)
    if now.text_hash != lineage.print.text_hash:
        changed.append(Changed.TEXT)
    before = lineage.published[0] if lineage.published else None
    published = entry.published is not None and entry.published.at != before
    updated = entry.updated is not None and entry.updated.at != lineage.present.updated
    if published or updated:
        changed.append(Changed.DATES)
    return tuple(changed)


def _differences(entry: Entry, lineage: Lineage, now: Fingerprint, alike: Likeness) -> list[str]:
    if lineage.hashing != HASH_VERSION:
        return ["the publisher states a later update"]
    told = []
    if now.title_hash != lineage.print.title_hash:
        told.append(f"the title changed (alike {alike.title:.2f})")
    if now.text_hash != lineage.print.text_hash:
        how = "" if alike.text is None else f"alike {alike.text:.2f}, "
        told.append(f"the text changed ({how}{lineage.print.length} letters before, {now.length} now)")
    return told


def _shown(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S}"


def _reached(match: Match) -> tuple[str, ...]:
    return () if match.alias is None else (f"{_address(match.alias)} is this item's",)


def _other(match: Match) -> str:
    return f"{_address(match.alias)} belongs to another item, {match.id.hex()}"


def _address(alias: Alias | None) -> str:
    return "address and title" if alias is None else f"{alias.kind.value} {alias.shown}"


def _told(alike: Likeness) -> str:
    text = "texts too short to compare" if alike.text is None else f"texts alike {alike.text:.2f}"
    return f"but this is another article: titles alike {alike.title:.2f}, {text}"
