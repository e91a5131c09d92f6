"""Which item an entry belongs to, of all that its aliases lead to.

An address says a lot and not everything: home pages, live pages and daily briefings show another article each time,
and some generators give all entries one guid. So the contents have a say where an alias leads.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol

from msgspec import Struct

from agents.dedupe.fingerprint import CLOSE, HASH_VERSION, UNRELATED, Fingerprint, Likeness, are_close, likeness
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
        weakly = _by_weaker_name(entry, match, found)
        alike = _stranger(entry, match, weakly, content)
        if alike is None:
            if _undecided(entry, match, weakly, content) and (turn := _in_turn(entry, [match], found, turns, content)):
                return turn
            others = [other for other in found if other is not match and all(other is not s for s, _ in strangers)]
            return Meeting(match, evidence=(*_reached(match), *map(_other, others)))
        strangers.append((match, alike))
    if not strangers:
        return Meeting(None)
    if (turn := _in_turn(entry, [match for match, _ in strangers], found, turns, content)) is not None:
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


def _by_weaker_name(entry: Entry, match: Match, found: list[Match]) -> bool:
    """Whether the entry has a stronger name, a link of its own say, that leads nowhere yet."""
    if match.alias is None or match.alias == entry.aliases[0]:
        return False
    stronger = entry.aliases[: entry.aliases.index(match.alias)]
    return all(other.alias not in stronger for other in found)


def _stranger(entry: Entry, match: Match, weakly: bool, content: Content) -> Likeness | None:
    """How unlike the entry is to the article at the same address; None where it is the same article."""
    lineage = match.lineage
    if lineage.hashing != HASH_VERSION or entry.quick == lineage.quick:
        return None
    if lineage.expired(entry.arrival) and not weakly:
        return None  # what it said has no say any more, unless a weak name is all that leads there
    same = _is_article(entry, lineage, match.alias, weakly, content)
    if same or (same is None and not entry.link_is_root):
        return None
    return likeness(content(), lineage.print)


def _undecided(entry: Entry, match: Match, weakly: bool, content: Content) -> bool:
    """Whether the address alone decided: the texts are too short, or hashed by other rules."""
    lineage = match.lineage
    if entry.quick == lineage.quick or lineage.expired(entry.arrival):
        return False
    return lineage.hashing != HASH_VERSION or not _is_article(entry, lineage, match.alias, weakly, content)


def _in_turn(
    entry: Entry, holders: Iterable[Match], found: list[Match], turns: Turns, content: Content
) -> Meeting | None:
    """The entry's own article, where it takes turns with others at the addresses of `holders`."""
    if (titled := turns.titled()) is not None:
        return Meeting(titled, evidence=("address and title together belong to this item",))
    for holder in holders:
        if holder.alias is None or (latest := turns.latest(holder.alias)) is None:
            continue
        if _continues(entry, latest.lineage, holder.alias, _by_weaker_name(entry, holder, found), content):
            return Meeting(latest, evidence=(f"this item came last at {_address(holder.alias)}",))
    return None


def _continues(entry: Entry, lineage: Lineage, address: Alias, weakly: bool, content: Content) -> bool:
    if entry.quick == lineage.quick:
        return True
    if lineage.expired(entry.arrival) or lineage.hashing != HASH_VERSION:
        return False
    return _is_article(entry, lineage, address, weakly, content) is True


def _is_article(entry: Entry, lineage: Lineage, address: Alias | None, weakly: bool, content: Content) -> bool | None:
    """Whether the entry is the article of a lineage that `address` led to; None: too short to tell by its content.

    What led there `weakly` is a guid without the entry's link, and guids are counted from 1 in every document, or for
    each blog of a site (`?p=1`). Alike headlines are not enough then: one guest is received by two statesmen. The
    texts must be alike; where they are too short to compare, the titles must be the same, or close above one text.
    """
    if address is not None and address.kind is AliasKind.CONTENT:
        return True
    now, before = content(), lineage.print
    if any(now.same_content(version.title_hash, version.text_hash) for version in lineage.versions):
        return True
    alike = likeness(now, before)
    if alike.opening:
        return True
    if weakly:
        if alike.text is not None:
            return alike.text >= UNRELATED
        return alike.title == 1 or (alike.title >= CLOSE and now.length > 0 and now.text_hash == before.text_hash)
    if alike.text is None and _has_other_guid(entry, lineage, address):
        return are_close(now, before)
    return True if alike.related else None if alike.text is None else False


def _has_other_guid(entry: Entry, lineage: Lineage, address: Alias | None) -> bool:
    """Whether only a link connects them, and the entry's guid is not the item's: on a live page, the next note.

    A generator's new guid for the same note leaves its title much as it was.
    """
    if address is None or address.kind is not AliasKind.LINK:
        return False
    guids = [alias.key for alias in entry.aliases if alias.kind is AliasKind.GUID]
    return bool(guids) and all(key not in lineage.aliases for key in guids)


def _reached(match: Match) -> tuple[str, ...]:
    return () if match.alias is None else (f"{_address(match.alias)} is this item's",)


def _other(match: Match) -> str:
    return f"{_address(match.alias)} belongs to another item, {match.id.hex()}"


def _address(alias: Alias | None) -> str:
    return "address and title" if alias is None else f"{alias.kind.value} {alias.shown}"


def _told(alike: Likeness) -> str:
    text = "texts too short to compare" if alike.text is None else f"texts alike {alike.text:.2f}"
    return f"but this is another article: titles alike {alike.title:.2f}, {text}"
