"""What an item is compared by in `stories`: the signature of its text, how its title is numbered, what it is about.

The terms are the words of title and beginning, by how much each says (`content/terms.py`): two reports of one event
share its names and its rare words, whatever their sentences.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from math import log

import xxhash

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

_IN_TITLE = 2.0
"""A word of the title counts as so many of the text."""
_POWER = 0.7
"""The rarest words would be all that counts, where weights were not levelled."""
_UNKNOWN = {"zh": 11.0}
_UNKNOWN_ELSEWHERE = 12.0
_KIND = {Kind.THING: 1.0, Kind.DOING: 0.7, Kind.PERSON: 1.0, Kind.PHRASE: 1.0}
_SINGLE = 0.4
"""What a Chinese word of one character says, of its weight."""

_SPACED_WORD = re.compile(r"[^\W_]+(?:[.'’&-][^\W_]+)*")
_RUN = re.compile(r"[\u30a1-\u30fa\u30fc]{2,}|[\u3400-\u9fff々]{2,8}|[가-힣]{2,}|[A-Za-z][A-Za-z0-9]+")
_BY_RUNS = frozenset({"ja", "ko"})


def read_traits(prose: Prose, dateline: Dateline | None) -> Traits:
    """Linear; the text is read to the end for its signature, and to LEAD for its terms."""
    body = prose.body[dateline.end :] if dateline else prose.body
    numbers, form = read_title(simplified(prose.title))
    return Traits(sign(body), numbers, form, _terms(prose, dateline), len(body) < BRIEF)


def _terms(prose: Prose, dateline: Dateline | None) -> list[tuple[int, float, str]]:
    begin = prose.title_end + 2
    behind = begin + (dateline.end if dateline else 0)
    language = prose.language.partition("-")[0]
    if language == "und":
        language = "en"  # a headline too short to tell is an English one more often than any other
    counts: dict[str, float] = {}
    forms: dict[str, str] = {}  # a term's first form: the table knows words, not their stems
    for word, place in _words(prose, begin + LEAD):
        if place >= prose.title_end and place < behind:
            continue
        term = _stem(word) if language == "en" else word
        counts[term] = counts.get(term, 0.0) + (_IN_TITLE if place < prose.title_end else 1.0)
        forms.setdefault(term, word)
    weighed = [
        (term, round((value * (1.0 + log(count))) ** _POWER, 3))
        for (term, count), value in zip(counts.items(), _values(language, list(forms.values())), strict=True)
        if value > 0.0
    ]
    weighed.sort(key=lambda term: (-term[1], term[0]))
    return [(xxhash.xxh32_intdigest(term.encode()), weight, forms[term]) for term, weight in weighed[:MAX_TERMS]]


def _words(prose: Prose, end: int) -> Iterator[tuple[str, int]]:
    """Words and where they begin, to a place in the text."""
    if prose.chinese:
        place = 0
        for word in prose.words:
            if place >= end:
                return
            if word[0].isalnum() and not word.isdecimal():
                yield word.lower(), place
            place += len(word)
        return
    pattern = _RUN if prose.language in _BY_RUNS else _SPACED_WORD
    for match in pattern.finditer(prose.text, 0, min(end, len(prose.text))):
        word = match[0]
        if not (word.isdecimal() and len(word) < 3):
            yield word.lower().replace("’", "'").removesuffix("'s"), match.start()


def _values(language: str, words: Sequence[str]) -> Iterable[float]:
    unknown = _UNKNOWN.get(language, _UNKNOWN_ELSEWHERE)
    for word, known in zip(words, weights(language, words), strict=True):
        yield _value(word, known, unknown, language)


def _value(word: str, known: Weight | None, unknown: float, language: str) -> float:
    if known is None:
        return unknown
    single = _SINGLE if language == "zh" and len(word) == 1 else 1.0
    return known.value * _KIND[known.kind] * single


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
