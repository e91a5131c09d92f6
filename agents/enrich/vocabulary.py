"""Chinese words as keywords, kept at hand from item to item: how much each says, and which can be none."""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import suppress

from msgspec import Struct

from agents.content.terms import Kind, Weight, weights

MAX_WORDS = 20_000
"""Words kept: some five megabytes."""

COMMON = 1.0
"""Weight from which on a word says something."""
_SAYS_LEAST = 0.2
_UNKNOWN = 8.0
"""Weight of a word that only the model behind the cut took for one."""
_SHARE = {Kind.THING: 0.5, Kind.DOING: 0.3, Kind.PERSON: 0.8, Kind.PHRASE: 0.5}
"""Of what a word says by its rarity, by kind: a verb says less of what a text is about than a noun, a noun less than a
name. Chosen, as the numbers of keywords.py, on the labels of the second reader (docs/accuracy.md)."""

DOTS = frozenset("·‧•・．")
"""What stands between the parts of a foreign name."""
LOOSE = frozenset(
    "的了若至已仍每在是和与及或对向从于以为被把将就也都又还再很最不没有无上下中内外里前后等这那"
    "其该本此各每某说称到去来给让使由因而但并则之者所个名位年月日时次"
)
"""Characters that are words of their own: never a piece of the word beside them."""

_HAN = re.compile(r"[\u3400-\u9fff]{2,}")
_COUNTED = re.compile(
    r"[一二三四五六七八九十百千万两几数多第][一二三四五六七八九十百千万大小月日年个名位项种次份家条张辆艘架]"
)
"""九月份, 四大主题: how something that is counted begins."""


class Word(Struct, frozen=True, gc=False):
    """A Chinese word that may be a term."""

    text: str
    says: float
    """By its rarity and its kind."""
    doing: bool
    """A verb or an adjective."""
    listed: bool
    """A dictionary has it."""
    once: bool
    """It may be a term though it stands once."""


_known: dict[str, Word | None] = {}


def look_up(words: Sequence[str]) -> list[Word | None]:
    """What each word is, None for one that can be no term. The same whatever was asked before."""
    with suppress(KeyError):
        return list(map(_known.__getitem__, words))
    if len(_known) > MAX_WORDS:
        _known.clear()
    new = [word for word in words if word not in _known]
    _known.update(zip(new, map(_word, new, weights("zh", new)), strict=True))
    return list(map(_known.__getitem__, words))


def telling(weight: float, common: float) -> float:
    """What a word says beyond the commonest of its language."""
    return max(weight - common, _SAYS_LEAST)


def _word(text: str, weight: Weight | None) -> Word | None:
    if len(text) < 2 or not "\u3400" <= text[0] <= "\u9fff":
        return None
    if weight is None:
        # what the cut's model took for a word is often the end of one and the beginning of another
        if text[0] in LOOSE or text[-1] in LOOSE or _COUNTED.match(text):
            return None
        return Word(text, telling(_UNKNOWN, COMMON) * _SHARE[Kind.THING], doing=False, listed=False, once=False)
    if not weight.value:
        return None
    once = weight.kind is Kind.THING and _HAN.fullmatch(text) is not None
    says = telling(weight.value, COMMON) * _SHARE[weight.kind]
    return Word(text, says, doing=weight.kind is Kind.DOING, listed=True, once=once)
