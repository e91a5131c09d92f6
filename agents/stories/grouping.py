"""Where an item stands among the others: whose copy it is, which story it belongs to, and why."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np
import xxhash
from msgspec import Struct

from agents.content.signature import numbers
from agents.stories.index import NO_KIN, Index, Kin, pack_terms, story_key
from agents.stories.kinship import NEAR, NEAR_BRIEF, Nearest, nearest
from agents.stories.memory import Id, Member, Membership, Memory, Sighting
from agents.stories.nearcopy import Judgement, judge, likeness, renumbered, siblings
from agents.stories.tables import Floats, Words
from schemas import Draft, Grouping, GroupingRule
from schemas.internal import Traits

MOST_COPIES = 64
"""Sightings of a group that a new copy is held against."""

_ENOUGH = 6
"""Members of a group that a text is compared with before the group itself is looked at."""
_SAME_AGAIN = 0.9
"""A revision that is so much like the sighting before it is not looked for by itself."""
_TRIES = 8
"""Members of a series that are passed over in the search for a story."""
_SHOWN = 5
_SWEPT = 4
"""Sightings that are thrown away for each item that comes."""


class Copy(Struct, frozen=True):
    """Whose copy an item is: the original of the group, the earliest member that is alike itself, and how alike."""

    original: Id
    first: int
    number: int
    matched: Sighting
    judgement: Judgement


class Found(Struct, frozen=True):
    """What the index says: an original or none, and the likes that are kept apart."""

    copy: Copy | None
    apart: list[tuple[int, Sighting, str]]


class Terms(Struct, frozen=True):
    """An item's terms as the index knows them, and their words."""

    hashes: Words
    weights: Floats
    words: list[str]


class Groups:
    """Groups the items of one partition. What it decides is written to the memory and the index at once."""

    def __init__(self, memory: Memory, index: Index) -> None:
        self._memory = memory
        self._index = index

    def place(self, draft: Draft, site: str | None) -> tuple[Membership, Grouping]:
        """The item's membership, and why: remembered where it was given before, else found and remembered."""
        id = bytes.fromhex(draft.id)
        before = self._memory.membership(id)
        self._index.expire(int(draft.arrival.timestamp()))
        probe, terms = _probe(id, draft, site, self._index.shelf.clock)
        if before is None:
            after, grouping = self._placed(id, draft, probe, terms)
        else:
            after, grouping = self._seen_again(probe, before)
        if after != before:
            self._memory.remember(id, after)
        return after, grouping

    def retract(self, id: Id) -> None:
        """Nothing becomes a copy of an item that was taken back, and nothing joins a story for its sake."""
        if (known := self._memory.membership(id)) is not None and not known.retracted:
            self._memory.remember(id, msgspec.structs.replace(known, retracted=True))

    def sweep(self, handled: int) -> None:
        """Throw some sightings away that the index has dropped: a few for each item that came."""
        shelf = self._index.shelf
        last = min(self._index.first, shelf.kept + _SWEPT * handled)
        for number in range(shelf.kept, last):
            self._memory.forget_sighting(number)
        self._index.swept(last)

    def _placed(self, id: Id, draft: Draft, probe: Sighting, terms: Terms) -> tuple[Membership, Grouping]:
        if probe.signature is None and not terms.words:
            grouping = Grouping(GroupingRule.NOT_GROUPED)
            return Membership(id, None, None, grouping.rule), grouping
        found = self._find(probe)
        kin = self._index.kin(terms.hashes, probe.seen) if terms.words else NO_KIN
        if found.copy is not None:
            story = found.copy.matched.story
            near = nearest(kin, terms.weights, probe.seen, only=story_key(story))
            grouping = _as_copy(found.copy, probe)
        else:
            brief = draft.traits is not None and draft.traits.brief
            joined = self._joined(probe, terms, kin, found, NEAR_BRIEF if brief else NEAR)
            if joined is None:
                story, near = id, None
                grouping = Grouping(GroupingRule.FIRST_REPORT, evidence=_kept_apart(found))
            else:
                near, member = joined
                story = member.story
                grouping = _as_report(near, member, terms, found)
        rank, norm = (1, 1.0) if near is None else (near.size + 1, near.norm + 1.0 + 2.0 * near.dot)
        sighting = msgspec.structs.replace(
            probe, terms=pack_terms(terms.hashes, terms.weights), story=story, rank=rank, norm=norm
        )
        number = self._take_in(sighting, found.copy, None)
        matched = bytes.fromhex(grouping.matched) if grouping.matched else None
        after = Membership(story, None, None, grouping.rule, matched, grouping.score, number, number)
        return _copied(after, found.copy), grouping

    def _seen_again(self, probe: Sighting, before: Membership) -> tuple[Membership, Grouping]:
        known = None if before.compared is None else self._sighting(before.compared)
        probe = msgspec.structs.replace(probe, story=before.story)
        again = known is not None and _same_again(probe, known)
        if probe.signature is None or again:
            return before, _as_before(before)
        copy = None if before.reprint_of is not None else self._find(probe).copy
        number = self._take_in(probe, copy, before)
        first = number if before.first is None else before.first
        after = msgspec.structs.replace(before, first=first, compared=number)
        if copy is None:
            return after, _as_before(before)
        grouping = _as_copy(copy, probe)
        after = msgspec.structs.replace(after, rule=grouping.rule, matched=copy.matched.id, score=grouping.score)
        return _copied(after, copy), grouping

    def _find(self, probe: Sighting) -> Found:
        """The earliest item that this is a copy of, in a group none of whose members speaks against it."""
        if probe.signature is None:
            return Found(None, [])
        apart: list[tuple[int, Sighting, str]] = []
        alike: dict[Id, list[Member]] = {}
        for number in self._index.copies(numbers(probe.signature.bands)):
            if (sighting := self._sighting(number)) is None:
                continue
            original = self._memory.original(sighting.id)
            known = alike.get(original, [])
            if original == probe.id or len(known) >= _ENOUGH or (judgement := judge(probe, sighting)) is None:
                continue
            if judgement.series:
                apart.append((number, sighting, judgement.series))
            elif judgement.rule is not None and (standing := self._standing(sighting.id)) is not None:
                alike[original] = [*known, _member(standing, number, sighting)]
        found: list[Copy] = []
        for original, members in alike.items():
            group = sorted({*self._group(original), *members})
            if (against := self._against(probe, group)) is not None:
                apart.append(against)
            elif (copy := self._earliest(probe, original, group)) is not None:
                found.append(copy)
        return Found(min(found, key=lambda copy: copy.first) if found else None, apart)

    def _against(self, probe: Sighting, group: Sequence[Member]) -> tuple[int, Sighting, str] | None:
        """A member of a group that is a sibling in a series of the item, or of one of the item's own copies."""
        own = [(None, probe.site), *((number, site) for _, number, site in self._group(probe.id))]
        sites = {site for _, site in own}
        for _, number, site in group:
            if site not in sites or (member := self._sighting(number)) is None:
                continue
            for mine, at in own:
                one = probe if mine is None else self._sighting(mine)
                if at != site or one is None or one.id == member.id:
                    continue
                if (judged := judge(one, member)) is not None and judged.rule is not None:
                    continue
                if (why := siblings(one, member)) is not None:
                    return number, member, why
        return None

    def _earliest(self, probe: Sighting, original: Id, group: Sequence[Member]) -> Copy | None:
        for first, number, _ in group:
            member = self._sighting(number)
            if member is None or member.id == probe.id or self._standing(member.id) is None:
                continue
            judgement = judge(probe, member)
            if judgement is not None and judgement.rule is not None:
                return Copy(original, first, number, member, judgement)
        return None

    def _joined(
        self, probe: Sighting, terms: Terms, kin: Kin, found: Found, least: float
    ) -> tuple[Nearest, Sighting] | None:
        """The nearest story that is near enough, and its closest member, passing over members of the item's series."""
        without = {number for number, _, _ in found.apart}
        for _ in range(_TRIES):
            near = nearest(kin, terms.weights, probe.seen, without)
            if near is None or near.near < least:
                return None
            member = self._sighting(near.number)
            if member is not None and renumbered(probe, member) is None and self._standing(member.id):
                return near, member
            without.add(near.number)
        return None

    def _take_in(self, sighting: Sighting, copy: Copy | None, before: Membership | None) -> int:
        """Add a sighting to index and memory, and to the group of the copies that it belongs to from now on.

        A group has each item with its latest sighting.
        """
        number = self._index.add(sighting)
        self._memory.add_sighting(number, sighting)
        original = self._memory.original(sighting.id) if copy is None else copy.original
        group = {member[0]: member for member in self._group(original)}
        if copy is not None:
            group.setdefault(copy.first, (copy.first, copy.number, copy.matched.site))
            known = self._memory.membership(original)
            if known is not None and known.compared is not None and (at := self._sighting(known.compared)) is not None:
                group.setdefault(known.first or 0, _member(known, known.compared, at))
            if mine := self._memory.copies(sighting.id):
                group |= {member[0]: member for member in mine if member[1] >= self._index.first}
                self._memory.note_copies(sighting.id, [])
        if group:
            first = number if before is None or before.first is None else before.first
            group[first] = (first, number, sighting.site)
            self._memory.note_copies(original, sorted(group.values())[:MOST_COPIES])
        return number

    def _sighting(self, number: int) -> Sighting | None:
        """A sighting that the index has. When the others are swept away depends on how the items came in batches."""
        return self._memory.sighting(number) if number >= self._index.first else None

    def _group(self, original: Id) -> list[Member]:
        """An original and its copies, as far as the index has them."""
        return [member for member in self._memory.copies(original) if member[1] >= self._index.first]

    def _standing(self, id: Id) -> Membership | None:
        """What is known of an item that was not taken back."""
        known = self._memory.membership(id)
        return None if known is None or known.retracted else known


def _member(membership: Membership, number: int, sighting: Sighting) -> Member:
    return (number if membership.first is None else membership.first), number, sighting.site


def _copied(membership: Membership, copy: Copy | None) -> Membership:
    """The membership of a copy, or as it is."""
    if copy is None:
        return membership
    return msgspec.structs.replace(membership, reprint_of=copy.matched.id, original=copy.original)


def _probe(id: Id, draft: Draft, site: str | None, clock: int) -> tuple[Sighting, Terms]:
    """What an item is compared by; its place in a story is still open."""
    traits = draft.traits or Traits(None, [], "", [], brief=True)
    seen = draft.first_seen or draft.arrival
    terms = _terms(traits)
    probe = Sighting(
        id=id,
        clock=clock,
        seen=int(seen.timestamp()),
        site=_hash(site) if site else _hash(draft.id),  # of an unknown site nothing else is known to be
        title_form=_hash(traits.title_form),
        title_numbers=_hash("\n".join(traits.title_numbers)) or 1 if traits.title_numbers else 0,
        signature=traits.signature,
        terms=b"",
        story=id,
        rank=0,
        norm=0.0,
    )
    return probe, terms


def _terms(traits: Traits) -> Terms:
    """The terms, none twice, as one vector of length 1."""
    terms: dict[int, tuple[float, str]] = {}
    for key, weight, word in traits.terms:
        terms.setdefault(key, (weight, word))
    weights = np.array([weight for weight, _ in terms.values()])
    if weights.size:
        weights /= np.sqrt((weights * weights).sum())
    return Terms(np.array(list(terms), np.uint32), weights, [word for _, word in terms.values()])


def _hash(text: str) -> int:
    return xxhash.xxh64_intdigest(text.encode())


def _same_again(probe: Sighting, known: Sighting) -> bool:
    if probe.signature is None or known.signature is None:
        return probe.signature is None
    return likeness(probe.signature, known.signature).shared >= _SAME_AGAIN


def _as_copy(copy: Copy, probe: Sighting) -> Grouping:
    alike, matched = copy.judgement.likeness, copy.matched
    rule = copy.judgement.rule or GroupingRule.NEAR_COPY
    if rule is GroupingRule.EXCERPT:
        score = alike.contained
        evidence = [f"{_percent(score)} of the shorter text stands in the longer one"]
    else:
        score = alike.shared
        evidence = [f"{_percent(score)} of all their groups of five characters stand in both texts"]
    at_home = probe.site == matched.site
    evidence.append(("another address of the same site" if at_home else "another site") + f", {_apart(probe, matched)}")
    return Grouping(rule, matched.id.hex(), round(min(score, 1.0), 3), evidence)


def _as_report(near: Nearest, member: Sighting, terms: Terms, found: Found) -> Grouping:
    shared = ", ".join(terms.words[at] for at in near.terms[:_SHOWN])
    evidence = [f"shares {shared}", *_kept_apart(found)]
    return Grouping(GroupingRule.SAME_EVENT, member.id.hex(), round(min(near.near, 1.0), 3), evidence)


def _as_before(before: Membership) -> Grouping:
    matched = before.matched.hex() if before.matched else None
    return Grouping(GroupingRule.KEPT, matched, before.score, [f"given before, as {before.rule.value}"])


def _kept_apart(found: Found) -> list[str]:
    return [f"kept apart from {sighting.id.hex()}: {why}" for _, sighting, why in found.apart[:_SHOWN]]


def _percent(share: float) -> str:
    return f"{min(share, 1.0):.0%}".replace("%", " %")


def _apart(one: Sighting, other: Sighting) -> str:
    seconds = abs(one.seen - other.seen)
    if seconds < 3600:
        return f"{seconds // 60} min apart"
    return f"{seconds // 3600} h apart" if seconds < 2 * 86_400 else f"{seconds // 86_400} days apart"
