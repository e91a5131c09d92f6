"""What an item is compared by in `stories`: the signature of its text, how its title is numbered, what it is about.

The terms are the words of title and beginning, by how much each says (`content/terms.py`): two reports of one event
share its names and its rare words, whatever their sentences.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from math import log

import xxhash
from msgspec import Struct

from agents.content.chinese import simplified
from agents.content.figures import read_title
from agents.content.signature import sign
from agents.content.terms import Kind, Weight, weights
from agents.enrich.dateline import Dateline
from agents.enrich.prose import Prose
from schemas.internal import Traits

MAX_TERMS = 24
LEAD = 600
"""Characters of the text behind the title that terms are taken from."""
BRIEF = 100
"""Characters; who has less text is compared by little more than the title."""

_IN_TITLE = 2
"""A word of the title counts as so many of the text."""
_POWER = 0.7
"""The rarest words would be all that counts, where weights were not levelled."""
_UNKNOWN = {"zh": 11.0}
_UNKNOWN_ELSEWHERE = 12.0
_KIND = {Kind.THING: 1.0, Kind.DOING: 0.7, Kind.PERSON: 1.0, Kind.PHRASE: 1.0}

_SPACED_WORD = re.compile(r"[^\W_]+(?:[.'’&-][^\W_]+)*")
_RUN = re.compile(r"[\u30a1-\u30fa\u30fc]{2,}|[\u3400-\u9fff々]{2,8}|[가-힣]{2,}|[A-Za-z][A-Za-z0-9]+")
_BY_RUNS = frozenset({"ja", "ko"})


def read_traits(prose: Prose, dateline: Dateline | None) -> Traits:
    """Linear; the text is read to the end for its signature, and to LEAD for its terms."""
    body = prose.body[dateline.end :] if dateline else prose.body
    numbers, form = read_title(simplified(prose.title))
    return Traits(sign(body), numbers, form, _terms(prose, dateline), len(body) < BRIEF)


def _terms(prose: Prose, dateline: Dateline | None) -> list[tuple[int, float, str]]:
    language = prose.language.partition("-")[0]
    if language == "und":
        language = "en"  # a headline too short to tell is an English one more often than any other
    title, lead = _words(prose, dateline)
    counts = Counter(lead)
    for word in title:
        counts[word] += _IN_TITLE
    said = _look_up(language, counts)
    often: dict[str, int] = {}
    forms: dict[str, _Said] = {}  # a term's first form
    for word, count in counts.items():
        if one := said[word]:
            term = one.term
            often[term] = often.get(term, 0) + count
            forms.setdefault(term, one)
    weighed = [(-forms[term].weight * _repeated(count), term) for term, count in often.items()]
    weighed.sort()
    return [
        (xxhash.xxh32_intdigest(term.encode()), round(-weight, 3), forms[term].word)
        for weight, term in weighed[:MAX_TERMS]
    ]


def _words(prose: Prose, dateline: Dateline | None) -> tuple[Sequence[str], Sequence[str]]:
    """The words of the title, and those of the beginning behind the dateline."""
    title_end = prose.title_end
    begin = title_end + 2 + (dateline.end if dateline else 0)
    end = title_end + 2 + LEAD
    if prose.chinese:
        # how many words begin before a place
        titled, first, last = (bisect_left(prose.ends, place) + 1 for place in (title_end, begin, end))
        return prose.words[:titled] if title_end else [], prose.words[first:last]
    pattern = _RUN if prose.language in _BY_RUNS else _SPACED_WORD
    return pattern.findall(prose.text, 0, title_end), pattern.findall(prose.text, begin, end)


class _Said(Struct, frozen=True, gc=False):
    """What a word says: the term that it is a form of, its own form as people read it, and its levelled weight."""

    term: str
    word: str
    weight: float


def _look_up(language: str, words: Iterable[str]) -> Mapping[str, _Said | None]:
    """What the words of a language say; None for one that says nothing. Some thousands are kept at hand."""
    seen = _seen.setdefault(language, {})
    if unseen := [word for word in words if word not in seen]:
        if len(seen) > _REMEMBERED:
            seen.clear()
            unseen = list(words)
        plain = [word.lower().replace("’", "'").removesuffix("'s") for word in unseen]
        for word, form, known in zip(unseen, plain, weights(language, plain), strict=True):
            value = _value(known, language)
            term = _stem(form) if language == "en" else form
            seen[word] = _Said(term, form, value**_POWER) if value and _is_word(word, language) else None
    return seen


_REMEMBERED = 20_000
_seen: dict[str, dict[str, _Said | None]] = {}


def _is_word(word: str, language: str) -> bool:
    """Neither a mark nor a number, and no Chinese character by itself."""
    if language == "zh":
        return len(word) > 1 and word[0].isalnum() and not word.isdecimal()
    return not (word.isdecimal() and len(word) < 3)


def _value(known: Weight | None, language: str) -> float:
    if known is None:
        return _UNKNOWN.get(language, _UNKNOWN_ELSEWHERE)
    return known.value * _KIND[known.kind]


@cache
def _repeated(count: int) -> float:
    """What a word gains by standing so many times."""
    return float((1.0 + log(count)) ** _POWER)


def _stem(word: str) -> str:
    """An English word without its commonest endings: those that headlines change most."""
    word = word.replace("'", "").replace(".", "").replace("-", "")
    if len(word) > 4 and word.endswith("ies"):
        return word[:-3] + "y"
    if len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is")):
        word = word[:-1]
    if len(word) > 5 and word.endswith("ing"):
        word = word[:-3]
    elif len(word) > 4 and word.endswith("ed"):
        word = word[:-2]
    return word[:-1] if len(word) > 4 and word.endswith("e") else word
