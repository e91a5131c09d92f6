"""The rules of identity: what an entry is to the item that it belongs to.

Contract, promises 4 to 7, in the order in which they are asked. Pure: an entry, the lineage that it met, the
fingerprint of its content; out comes a judgement with its evidence.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from msgspec import Struct

from agents.dedupe.fingerprint import HASH_VERSION, Fingerprint, Likeness, likeness, only_cuts_short
from agents.dedupe.lineage import Lineage, Match, Version, is_ahead, place, stated_update
from agents.dedupe.meeting import Content, Meeting, replayed
from schemas import Changed, DedupeRule, Entry, Flag

ROUNDED = timedelta(minutes=5)
"""Publishers round the date when they edit: of 95 changes in ten days of real news, four came with a comment date two
to three minutes earlier than before, and hours later. So close together, receipt tells which is the older."""

CUT_TO = 0.9
"""A feed that gave the whole text seldom cuts off less than a tenth of it, and a correction seldom takes more."""

REWRITTEN = 0.2
"""By how much a text may be less alike than its length allows and still be cut, not rewritten: three errors of a
sketch."""

_SPELLING = ", by its sketch only in punctuation, case or script"
"""What folding takes away (`content/sketch.py`), and so the only change where the folded texts are alike throughout."""


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


def judge(entry: Entry, meeting: Meeting, content: Content) -> Judgement:
    """Decide what an entry is. `content` is asked only when the quick hash does not settle it."""
    if (match := meeting.match) is None:
        if meeting.beside is not None:
            return Judgement(
                DedupeRule.REUSED_ADDRESS, beside=meeting.beside, score=meeting.score, evidence=meeting.evidence
            )
        return Judgement(DedupeRule.FIRST_SIGHTING, evidence=("no earlier item has any of its addresses",))
    lineage, evidence = match.lineage, meeting.evidence

    def judged(rule: DedupeRule, *why: str, score: float | None = None) -> Judgement:
        return Judgement(rule, match, score=score, evidence=(*evidence, *why))

    if lineage.retracted:
        return judged(DedupeRule.RETRACTED, "the item was retracted")
    if lineage.expired(entry.arrival):
        days = (entry.arrival - lineage.last_seen).days
        return Judgement(
            DedupeRule.RETURNED,
            match,
            evidence=(*evidence, f"unseen for {days} days: its content is forgotten, its number is not"),
            flags=(Flag.RETURNED,),
        )
    if (back := replayed(entry, lineage)) is not None:
        revision = lineage.revision - back
        if back == 0:
            return judged(DedupeRule.REPLAYED, f"replays {entry.replay_of}, revision {revision} of the item")
        why = f"replays {entry.replay_of}, which was revision {revision}; a later one is out"
        return judged(DedupeRule.SUPERSEDED, why)
    if _stood_before(entry, lineage):
        why = f"replays {entry.replay_of}, which came before revision {lineage.revision}"
        return judged(DedupeRule.SUPERSEDED, why)
    comparable = lineage.hashing == HASH_VERSION
    if entry.quick == lineage.quick:
        if comparable:
            return judged(DedupeRule.SAME_ENTRY, "nothing in the entry differs from the last time")
        return judged(DedupeRule.REBASED, "nothing in the entry differs; the mill reads text by newer rules")

    now = content()
    later = _states_later(entry, lineage)
    if comparable and lineage.print.same_content(now.title_hash, now.text_hash):
        return judged(DedupeRule.SAME_TEXT, "title and text are unchanged; other parts of the entry differ")
    if comparable and now.text_hash == lineage.print.text_hash and now.length and not entry.title.strip():
        return judged(DedupeRule.SAME_TEXT, "the text is unchanged; a copy without a title takes none away")
    if comparable and not later and (again := _earlier(lineage, now)) is not None:
        return judged(DedupeRule.OLDER_COPY, f"title and text are those of revision {again}")
    if (older := _older(entry, lineage)) is not None:
        return judged(DedupeRule.OLDER_COPY, older)
    if (foreign := may_not_revise(entry, lineage)) is not None:
        return judged(DedupeRule.OTHER_FEED, foreign)
    alike = likeness(now, lineage.print) if comparable else None
    score = None if alike is None or alike.text is None else round(alike.text, 3)
    if (cut := _truncated(entry, lineage, now, alike)) is not None:
        return judged(DedupeRule.TRUNCATED_COPY, cut, score=score)
    if alike is None:
        if not later:
            return judged(DedupeRule.REBASED, "the mill reads text by newer rules: compared from here on")
        why = "the publisher states a later update"
        return Judgement(DedupeRule.CONTENT_CHANGED, match, changed=(Changed.DATES,), evidence=(*evidence, why))
    return Judgement(
        DedupeRule.CONTENT_CHANGED,
        match,
        score=score,
        changed=_changed(entry, lineage, now),
        evidence=(*evidence, *_differences(lineage, now, alike)),
    )


def _stood_before(entry: Entry, lineage: Lineage) -> bool:
    """Whether a replay names a place before that of the present revision: a revision too old to be remembered, a
    duplicate, or what failed before it was judged. In another partition receipt tells which came first."""
    named = entry.replay_of
    if named is None or named.topic != entry.source.topic:
        return False
    (partition, *where), (present, *latest) = place(entry), lineage.present.source
    if partition == present:
        return where < latest
    return entry.source.received_at < lineage.present.received


def _states_later(entry: Entry, lineage: Lineage) -> bool:
    """Whether the publisher states an update later than the present revision."""
    if (updated := stated_update(entry)) is None:
        return False
    present, ahead = lineage.present, is_ahead(updated, entry.source.received_at)
    if present.updated is not None:
        if ahead == present.is_ahead:
            return updated > present.updated
        # of two zones only one is wrong; what was received by then was changed by then
        return not ahead and updated > present.received
    than = present.sent or (lineage.stated.updated if lineage.stated else None)
    return than is not None and updated > than


def _earlier(lineage: Lineage, now: Fingerprint) -> int | None:
    for back, version in enumerate(lineage.versions[1:], start=1):
        if now.same_content(version.title_hash, version.text_hash):
            return lineage.revision - back
    return None


def _older(entry: Entry, lineage: Lineage) -> str | None:
    """Whether the entry is older than the present revision: by stated update, else by when it was sent."""
    present, stated, updated = lineage.present, lineage.stated, stated_update(entry)
    if updated is not None and stated is not None and stated.updated is not None:
        if is_ahead(updated, entry.source.received_at) == stated.is_ahead and updated < stated.updated:
            return f"its stated update {_shown(updated)} is before {_shown(stated.updated)}"
        if present.updated is not None and _states_later(entry, lineage):
            return None
    if entry.sent_at is not None and present.sent is not None and _sent_before(entry, entry.sent_at, present):
        return f"it was seen {_shown(entry.sent_at)}, the present revision {_shown(present.sent)}"
    return None


def _sent_before(entry: Entry, sent: datetime, present: Version) -> bool:
    if present.sent is None or sent > present.sent:
        return False
    received = entry.source.received_at
    if present.sent - sent > ROUNDED or received < present.received:
        return True
    return sent < present.sent and received == present.received


def may_not_revise(entry: Entry, lineage: Lineage) -> str | None:
    """Why the feed that the entry comes by may neither revise nor retract this item; None where it may."""
    if entry.feed_key is None or entry.feed_key == lineage.feed:
        return None
    if entry.feed_site is not None and entry.feed_site == lineage.site:
        return None
    shown = entry.feed.url if entry.feed and entry.feed.url else entry.feed_key.hex()
    return f"feed {shown} neither brought the item first nor is of its site {lineage.site}"


def _truncated(entry: Entry, lineage: Lineage, now: Fingerprint, alike: Likeness | None) -> str | None:
    """Whether the entry is the present revision cut short. `alike` is None where their hashes cannot be compared."""
    whole, by_another = lineage.print, entry.feed_key != lineage.present_feed
    if only_cuts_short(now, whole) and (by_another or not _edited(now, whole, alike)):
        return f"the same text, cut after {now.length} of {whole.length} letters"
    if by_another and now.length * 2 < whole.length:
        return f"{now.length} letters by another feed, the present revision has {whole.length}"
    return None


def _edited(now: Fingerprint, whole: Fingerprint, alike: Likeness | None) -> bool:
    """Whether a text that begins alike and is shorter was edited further down, rather than cut.

    Only the beginning can be compared letter by letter. Another feed's edit can wait for the feed of the present
    revision to show it; what that one shows would be lost if it passed for a cut.
    """
    share = now.length / whole.length
    return share > CUT_TO or (alike is not None and alike.text is not None and alike.text < share - REWRITTEN)


def _changed(entry: Entry, lineage: Lineage, now: Fingerprint) -> tuple[Changed, ...]:
    changed = []
    if now.title_hash != lineage.print.title_hash:
        changed.append(Changed.TITLE)
    if now.text_hash != lineage.print.text_hash:
        changed.append(Changed.TEXT)
    before = lineage.published[0] if lineage.published else None
    published = entry.published is not None and entry.published.at != before
    updated = stated_update(entry) not in (None, lineage.present.updated)
    if published or updated:
        changed.append(Changed.DATES)
    return tuple(changed)


def _differences(lineage: Lineage, now: Fingerprint, alike: Likeness) -> list[str]:
    told = []
    if now.title_hash != lineage.print.title_hash:
        told.append("the title changed" + (_SPELLING if alike.title == 1 else f" (alike {alike.title:.2f})"))
    if now.text_hash != lineage.print.text_hash:
        told.append(f"the text changed{_text_difference(lineage.print, now, alike.text)}")
    return told


def _text_difference(before: Fingerprint, now: Fingerprint, alike: float | None) -> str:
    """How the texts differ. Sketches that agree are no proof: a long text hides a few letters from its sketch."""
    lengths = f"{before.length} letters before, {now.length} now"
    if alike is None:
        return f" ({lengths})"
    if alike < 1:
        return f" (alike {alike:.2f}, {lengths})"
    if (before.length, before.prefixes) == (now.length, now.prefixes):
        return f"{_SPELLING} ({now.length} letters)"
    return f" in few places ({lengths})"


def _shown(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"
