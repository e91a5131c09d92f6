"""Whether one text is a near-copy of another, judged by their signatures, and what tells a series from copies.

A series is what a publisher writes in a fixed form again and again: fixings, weather, counts. Its members share most
sentences and say different things. Copies differ in whole passages, members of a series in small places everywhere;
copies have the same figures, members of a series others. docs/decisions/0010 has the measurements.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np
from msgspec import Struct

from agents.content.signature import KEPT, KEPT_FIGURES, KEPT_LEAD, KEPT_RUNS, numbers
from agents.stories.memory import Sighting
from schemas import GroupingRule
from schemas.internal import Signature

WINDOW = 14 * 86_400
"""Seconds between two copies at most."""

SHARED_ELSEWHERE = 0.57
"""Of the 5-grams of two sites' texts."""
SHARED_AT_ONCE, SHARED_LATER = 0.75, 0.92
"""Of two texts of one site within AT_ONCE, and further apart."""
AT_ONCE = 18 * 3600
"""Less than a day: what comes daily is never so near."""
SURE = 0.80
"""Two texts of one site with other numbers in unlike titles are copies from here on."""

CONTAINED = 0.85
"""Of the shorter text's 5-grams, where it stands in another site's longer one."""
SHORTENED = 0.95
"""The same where the two share so little that what differs can only be what the shorter one leaves out."""
_LEAST_GRAMS = 100
_LEAST_SAMPLE = 24
"""5-grams and hashes that containment is judged by at least."""
_FEW_FIGURES = 3
"""Fewer say nothing of each other."""


class Likeness(Struct, frozen=True, dict=True):
    """How alike two texts are: the share of common 5-grams, and of the shorter text's that the other has.

    The rest is looked at where that is much, for one candidate in ten.
    """

    shared: float
    contained: float
    one: Signature
    other: Signature

    @cached_property
    def runs(self) -> float:
        """Of runs of 25 characters."""
        return _shared(self.one.runs, self.other.runs, KEPT_RUNS)

    @cached_property
    def lead(self) -> float:
        """Of the 5-grams of the beginnings."""
        return _shared(self.one.lead, self.other.lead, KEPT_LEAD)

    @cached_property
    def figures(self) -> float | None:
        """Of figures; None where a text has too few to tell."""
        if min(len(self.one.figures), len(self.other.figures)) < 4 * _FEW_FIGURES:
            return None
        return _shared(self.one.figures, self.other.figures, KEPT_FIGURES)

    @property
    def scattered(self) -> float:
        """How the rest is spread: 1 where whole passages differ, 3 and more where small places everywhere do."""
        return (1.0 - self.runs) / max(1.0 - self.shared, 0.02)


def likeness(one: Signature, other: Signature) -> Likeness:
    """Compare two texts by their signatures."""
    common, left, right = _overlap(one.least, other.least, KEPT)
    contained = 0.0
    if min(one.count, other.count) >= _LEAST_GRAMS:
        shorter = left if one.count <= other.count else right
        contained = common / shorter if shorter >= _LEAST_SAMPLE else 0.0
    return Likeness(common / max(left + right - common, 1), contained, one, other)


class Judgement(Struct, frozen=True):
    """What comes of a comparison: `rule` where the newer is a copy, `series` why it is kept apart though alike."""

    likeness: Likeness
    rule: GroupingRule | None
    series: str | None = None


def judge(newer: Sighting, older: Sighting) -> Judgement | None:
    """Compare two sightings; None where either has no signature of this kind, or the window lies between them."""
    apart = abs(newer.seen - older.seen)
    if newer.signature is None or older.signature is None or apart > WINDOW:
        return None
    if newer.signature.version != older.signature.version:
        return None
    alike = likeness(newer.signature, older.signature)
    at_home = newer.site == older.site
    rule: GroupingRule | None = None
    if at_home:
        if alike.shared >= (SHARED_AT_ONCE if apart <= AT_ONCE else SHARED_LATER):
            rule = GroupingRule.NEAR_COPY
    elif alike.shared >= SHARED_ELSEWHERE:
        rule = GroupingRule.NEAR_COPY
    elif alike.contained >= CONTAINED:
        rule = GroupingRule.EXCERPT
    if rule is None:
        return Judgement(alike, None)
    if at_home:
        why = _renumbered(newer, older, alike) or _other_report(alike, apart)
    else:
        why = _other_facts(alike) if rule is GroupingRule.NEAR_COPY else None
    return Judgement(alike, None if why else rule, why)


def siblings(one: Sighting, other: Sighting) -> str | None:
    """Why two texts of one site are members of a series, whatever else is alike; None where nothing says so."""
    if one.site != other.site or abs(one.seen - other.seen) > WINDOW:
        return None
    if one.signature is None or other.signature is None or one.signature.version != other.signature.version:
        return renumbered(one, other)
    alike = likeness(one.signature, other.signature)
    why = _renumbered(one, other, alike)
    if why is None and alike.shared >= SHARED_ELSEWHERE:
        why = _other_facts(alike)
    return why


def renumbered(one: Sighting, other: Sighting) -> str | None:
    """Whether two titles of one site are the same but for their numbers."""
    numbered = one.title_numbers and other.title_numbers and one.title_numbers != other.title_numbers
    if numbered and one.site == other.site and one.title_form == other.title_form:
        return "the same title with other numbers"
    return None


def _renumbered(one: Sighting, other: Sighting, alike: Likeness) -> str | None:
    numbered = one.title_numbers and other.title_numbers and one.title_numbers != other.title_numbers
    if numbered and (one.title_form == other.title_form or alike.shared < SURE):
        return "other numbers in the title"
    return None


def _other_report(alike: Likeness, apart: int) -> str | None:
    """Whether two texts of one site that share so much tell other things all the same.

    A copy keeps its beginning. A correction changes small places and leaves the figures as they are; an addition leaves
    the runs.
    """
    figures = alike.figures
    if alike.shared >= 0.985 and (figures is None or figures >= 0.8):
        return None
    if apart > AT_ONCE:
        kept = alike.runs >= 0.86 and alike.lead >= 0.85 and (figures is None or figures >= 0.7)
    else:
        kept = alike.runs >= 0.80 and alike.lead >= 0.70 and (alike.lead >= 0.85 if figures is None else figures >= 0.6)
        kept = kept or (alike.lead >= 0.85 and figures is not None and figures >= 0.4)
    if kept:
        return None
    return "another beginning" if alike.lead < 0.5 else "small differences everywhere"


def _other_facts(alike: Likeness) -> str | None:
    """Whether two texts share their form and tell other things: few figures in common, small differences everywhere.

    Who prints another's article converts a figure or rounds it, and keeps the rest; or leaves a table out.
    """
    figures = alike.figures
    if figures is None or (alike.contained >= SHORTENED and alike.shared < 0.8):
        return None
    if figures < 0.25 and alike.shared < 0.97:
        return "other figures"
    most = 0.4
    if alike.shared >= 0.7:
        most = 0.605 if alike.runs >= 0.4 and alike.shared < 0.9 else 0.5
    if alike.scattered > 1.3 and figures <= most:
        return "other figures in the same sentences"
    return None


def _overlap(one: bytes, other: bytes, kept: int) -> tuple[int, int, int]:
    """How many hashes two sets have in common and each of itself, as far as both are wholly known.

    Of a set that filled its list only the least are known, up to the last one kept.
    """
    left, right = numbers(one), numbers(other)
    ends = [int(part[-1]) for part in (left, right) if part.size >= kept]
    if ends:
        end = min(ends)
        left, right = left[: left.searchsorted(end, "right")], right[: right.searchsorted(end, "right")]
    both = np.concatenate((left, right))
    both.sort()
    return int(np.count_nonzero(both[1:] == both[:-1])), left.size, right.size


def _shared(one: bytes, other: bytes, kept: int) -> float:
    common, left, right = _overlap(one, other, kept)
    return common / max(left + right - common, 1)
