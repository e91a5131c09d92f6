"""Which item an entry belongs to, of all that its aliases lead to.

An address says a lot and not everything: home pages, live pages and daily briefings show another article each time,
and some generators give all entries one guid. So the contents have a say where an alias leads.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol

from msgspec import Struct

from agents.dedupe.fingerprint import HASH_VERSION, Fingerprint, Likeness, likeness
from agents.dedupe.lineage import Lineage, Match, place
from schemas import Alias, AliasKind, Entry

Content = Callable[[], Fingerprint]
"""The fingerprint of the entry's visible text, made when first asked for: most entries never are."""


class Turns(Protocol):
    """The articles that take turns at an address. Asked only where the aliases lead to another article."""

    def titled(self) -> Match | None:
        """The one with the entry's title."""
        ...

    def latest(self, address: Alias) -> Match | None:
        """The one that came last."""
        ...


class Meeting(Struct, frozen=True):
    """The item that an entry belongs to; `match` is None where it begins a new one.

    `beside` is then the item that has the address already, if any, and `score` how alike the two are.
    """

    match: Match | None
    beside: Match | None = None
    score: float | None = None
    evidence: tuple[str, ...] = ()


def meet(entry: Entry, found: list[Match], turns: Turns, content: Content) -> Meeting:
    """Choose among the lineages that the entry's aliases lead to, strongest alias first.

    The strongest decides, unless its article is another one that only shares the address: then the next alias, then
    the articles that take turns there. They are asked too where the contents cannot be compared.
    """
    if entry.replay_of is not None:
        addresses = [match.alias for match in found if match.alias is not None]
        for named in (*found, turns.titled(), *map(turns.latest, addresses)):
            if named is not None and replayed(entry, named.lineage) is not None:
                return Meeting(named, evidence=_reached(named))
    strangers: list[tuple[Match, Likeness]] = []
    for match in found:
        alike = _stranger(entry, match, content)
        if alike is None:
            if _undecided(entry, match.lineage, content) and (turn := _in_turn(entry, [match], turns, content)):
                return turn
            others = [other for other in found if other is not match and all(other is not s for s, _ in strangers)]
            return Meeting(match, evidence=(*_reached(match), *map(_other, others)))
        strangers.append((match, alike))
    if not strangers:
        return Meeting(None)
    if (turn := _in_turn(entry, [match for match, _ in strangers], turns, content)) is not None:
        return turn
    beside, alike = strangers[0]
    score = round(alike.text if alike.text is not None else alike.title, 3)
    return Meeting(None, beside, score, (f"{_address(beside.alias)} belongs to item {beside.id.hex()}", _told(alike)))


def replayed(entry: Entry, lineage: Lineage) -> int | None:
    """How many revisions ago the entry that `replay-of` names came (0: the present one); None: not of this item."""
    named = entry.replay_of
    if named is None or named.topic != entry.source.topic:
        return None
    where = place(entry)
    return next((back for back, version in enumerate(lineage.versions) if version.source == where), None)


def _stranger(entry: Entry, match: Match, content: Content) -> Likeness | None:
    """How unlike the entry is to the article at the same address; None where it is the same article."""
    lineage, alias = match.lineage, match.alias
    if lineage.expired(entry.arrival) or lineage.hashing != HASH_VERSION or entry.quick == lineage.quick:
        return None
    if alias is not None and alias.kind is AliasKind.CONTENT:
        return None
    if _alike(lineage, content()):
        return None
    alike = likeness(content(), lineage.print)
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


def _undecided(entry: Entry, lineage: Lineage, content: Content) -> bool:
    """Whether the address alone decided: the texts are too short, or hashed by other rules."""
    if entry.quick == lineage.quick or lineage.expired(entry.arrival):
        return False
    return lineage.hashing != HASH_VERSION or not _alike(lineage, content())


def _in_turn(entry: Entry, holders: Iterable[Match], turns: Turns, content: Content) -> Meeting | None:
    """The entry's own article, where it takes turns with others at the addresses of `holders`."""
    if (titled := turns.titled()) is not None:
        return Meeting(titled, evidence=("address and title together belong to this item",))
    for address in (match.alias for match in holders if match.alias is not None):
        latest = turns.latest(address)
        if latest is not None and _continues(entry, latest.lineage, content):
            return Meeting(latest, evidence=(f"this item came last at {_address(address)}",))
    return None


def _continues(entry: Entry, lineage: Lineage, content: Content) -> bool:
    if entry.quick == lineage.quick:
        return True
    if lineage.expired(entry.arrival) or lineage.hashing != HASH_VERSION:
        return False
    return _alike(lineage, content())


def _alike(lineage: Lineage, now: Fingerprint) -> bool:
    """Whether a content is like the present revision's, or the very one of an earlier revision."""
    if any(now.same_content(version.title_hash, version.text_hash) for version in lineage.versions):
        return True
    return likeness(now, lineage.print).related


def _reached(match: Match) -> tuple[str, ...]:
    return () if match.alias is None else (f"{_address(match.alias)} is this item's",)


def _other(match: Match) -> str:
    return f"{_address(match.alias)} belongs to another item, {match.id.hex()}"


def _address(alias: Alias | None) -> str:
    return "address and title" if alias is None else f"{alias.kind.value} {alias.shown}"


def _told(alike: Likeness) -> str:
    text = "texts too short to compare" if alike.text is None else f"texts alike {alike.text:.2f}"
    return f"but this is another article: titles alike {alike.title:.2f}, {text}"
