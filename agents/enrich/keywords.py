"""Keywords: the terms that say most about an item, by frequency in it against frequency in the language.

Chinese is cut into words, and words that always stand side by side are put together again (`布` `林肯`, `人权`
`委员会`); spaced languages are read word by word and two by two; of Japanese and Korean, which need dictionaries we do
not carry, only what the script itself sets apart. A name or a place that was found is one term, and nothing inside
of it is another.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence, Set
from itertools import compress
from math import sqrt

from msgspec import Struct

from agents.content.terms import Kind, Weight, weights
from agents.enrich.prose import Prose, Span
from agents.enrich.vocabulary import COMMON, DOTS, LOOSE, Word, look_up, telling
from schemas import Keyword, Name, Place

MAX_KEYWORDS = 12
MAX_TERM = 40
"""Characters."""

READ = 4_000
"""Characters of a language with spaces that are looked at, the title among them."""
READ_WORDS = 400
"""Chinese words, some seven hundred characters: a report says what it is about at its beginning. Readers accept as many
of the first keywords as they do when whole texts are read, which takes twice the time. Latin letters among them are
read as far."""

_NAMED = 9.0
"""What a name says that no table knows."""
_RARE = 11.0
"""Weight of a word of a spaced language that is not among its commonest."""
_IN_TITLE = 1.3
_LEAST = 0.12
"""A keyword weighs at least so much of the best one."""
_SPACED_COMMON = 6.0
"""Weight from which on a word of a spaced language says something."""
_ONCE = 0.4
"""A word of the title that the text never takes up."""
_ONCE_MORE = 1.5
"""A part of a chosen term is a term of its own when it stands so many times as often."""
_CONSIDERED = 15
"""Words that come into question."""
_GROWN = 9
"""Of these the ones whose neighbours are looked at."""
_FEW = 120
"""Words of a text so short that a term may stand in it once."""
_BESIDE = 0.7
"""Share of a word's occurrences that must stand beside one other word for the two to be one term."""

_BEHIND_HAN = "\ua000"
_LATIN_NAME = re.compile(
    r"[A-Za-z](?<![A-Za-z0-9].)(?:(?<=[a-z])[A-Z]|(?<=[A-Z]))[A-Za-z]{1,20}(?:[ -][A-Z0-9][A-Za-z0-9]{0,20}){0,3}"
)
"""iPhone, Boeing 737; what is looked for first is a letter, which a search comes by soonest."""
_SPACED_WORD = re.compile(r"[^\W\d_]+(?:['’\-‐‑][^\W_]+)*")
_POSSESSIVE = re.compile(r"['’][sS]$")
_JAPANESE_RUN = re.compile(r"[\u30a1-\u30fa\u30fc]{3,}|[\u3400-\u9fff々]{2,8}|[A-Z][A-Za-z]{1,20}")
_KOREAN_WORD = re.compile(r"[가-힣]{2,}|[A-Z][A-Za-z]{1,20}")
_PARTICLES = re.compile(
    r"(?<=[가-힣]{2})(?:에서는|에서|에게|으로|까지|부터|이라고|라고|은|는|이|가|을|를|의|에|로|와|과|도|만)$"
)
_PERSONS = frozenset("长理统席员官家者人士相卿总")
"""How words for offices and kinds of people end."""
_LOOSE_NAMES = frozenset("时于向和那来")
_LONGEST_JOINT = 4
"""Words of a term."""
_PADDING = ("",) * _LONGEST_JOINT
_GAP = "\x00"
_UNSPACED = frozenset({"th", "lo", "km", "my", "bo", "dz"})


class _Candidate(Struct, frozen=True, gc=False):
    term: str
    score: float
    count: int


class _Reading(Struct, frozen=True):
    """A Chinese text as its words, with gaps at both ends and for names; how often each stands; which may be terms."""

    words: Sequence[str]
    counts: Mapping[str, int]
    titled: Set[str]
    terms: Mapping[str, Word]

    def least(self, word: Word) -> int:
        """How often a word must stand in the text to be a part of a longer term."""
        return 2 if word.text in self.titled else 3


def find_keywords(
    prose: Prose, named: Sequence[Name | Place] = (), taken: Iterable[Span] = (), own: Set[str] = frozenset()
) -> list[Keyword]:
    """The best terms first, at most MAX_KEYWORDS; `weight` is relative to the best, which has 1.0.

    `named` are names and places found in the item, `taken` where they stand: what is in there is no other term. `own`
    are names of the site itself, which are none either.
    Deterministic; linear in READ, for Chinese in READ_WORDS.
    """
    spans = sorted(taken)
    if prose.chinese:
        found = _chinese(prose, spans)
    elif prose.language == "ja":
        found = _by_runs(_free(prose, spans), _JAPANESE_RUN, "ja")
    elif prose.language == "ko":
        found = _by_runs(_free(prose, spans), _KOREAN_WORD, "ko")
    elif prose.language in _UNSPACED or prose.language == "und":
        found = []
    else:
        found = _spaced(_free(prose, spans), prose.language.partition("-")[0])
    return _best([one for one in (*_names(prose, named), *found) if one.term not in own])


def _title(titled: bool) -> float:
    return _IN_TITLE if titled else 1.0


def _best(candidates: list[_Candidate]) -> list[Keyword]:
    candidates.sort(key=lambda candidate: (-candidate.score, candidate.term))
    chosen: list[_Candidate] = []
    said = ""
    for candidate in candidates:
        if len(chosen) == MAX_KEYWORDS or candidate.score < _LEAST * candidates[0].score:
            break
        folded = candidate.term.lower()
        if folded in said and any(_says_the_same(folded, candidate.count, other) for other in chosen):
            continue
        chosen.append(candidate)
        said += f"\n{folded}"
    best = chosen[0].score if chosen else 1.0
    return [Keyword(one.term, round(one.score / best, 3)) for one in chosen]


def _says_the_same(folded: str, count: int, other: _Candidate) -> bool:
    """Whether a term is a chosen one again, or only ever stands inside of it."""
    chosen = other.term.lower()
    return folded == chosen or (folded in chosen and count <= _ONCE_MORE * other.count)


def _names(prose: Prose, named: Sequence[Name | Place]) -> Iterable[_Candidate]:
    if not named:
        return
    title = prose.title
    known = weights("zh", _simple(prose, named)) if prose.chinese else [None] * len(named)
    for one, weight in zip(named, known, strict=True):
        name = one.name
        if len(name) <= MAX_TERM:
            value = telling(weight.value, COMMON) if weight and weight.value else _NAMED
            yield _Candidate(name, _title(name in title) * sqrt(one.count) * value, one.count)


def _simple(prose: Prose, named: Sequence[Name | Place]) -> list[str]:
    """Names of the text in Simplified characters."""
    if prose.text == prose.simple:
        return [one.name for one in named]
    places = [prose.text.find(one.name) for one in named]
    return [
        prose.simple[place : place + len(one.name)] if place >= 0 else one.name
        for one, place in zip(named, places, strict=True)
    ]


# Chinese


def _chinese(prose: Prose, spans: Sequence[Span]) -> list[_Candidate]:
    words, in_title = _without(prose, spans)
    reading = _read(words, in_title)
    terms = reading.terms
    found = _joined([(terms[text], -negative) for negative, text in _ranked(reading)[:_CONSIDERED]], reading)
    if joined := [one.term for one in found if one.term not in terms]:
        known = zip(joined, weights("zh", joined), strict=True)
        stopped = {term for term, weight in known if weight and not weight.value}
        found = [one for one in found if one.term not in stopped]
    if prose.text != prose.simple:
        found = [_as_written(one, prose) for one in found]
    with_capitals = [word for word in filter(str.isascii, reading.counts) if word != word.lower()]
    if any(reading.counts[word] > 1 or word in reading.titled for word in with_capitals):
        found += _latin_words("".join(words), len("".join(words[:in_title])))
    return found


def _without(prose: Prose, spans: Sequence[Span]) -> tuple[list[str], int]:
    """The words as far as they are read, with a gap for each span, and how many of them begin in the title.

    What stands in a name is no word of its own.
    """
    words = prose.words[:READ_WORDS]
    ends = prose.ends
    place, read = 0, len(words)
    for begin, end in spans:
        place = bisect_right(ends, begin, place)
        if place >= read:
            break
        words[place] = _GAP
        while ends[place] < end and place + 1 < read:
            place += 1
            words[place] = _GAP
    return words, bisect_left(ends, prose.title_end) + 1 if prose.title_end else 0


def _read(words: list[str], in_title: int) -> _Reading:
    counts = Counter(words)
    for dot in DOTS & counts.keys():
        for place in [place for place, word in enumerate(words) if word == dot]:
            counts.subtract(words[max(place - 1, 0) : place + 2])  # 唐纳德·特朗普: half a name is no term
    titled = set(words[:in_title])
    possible = [word for word, count in counts.items() if count > 1 and "\u3400" <= word < "\ua000" and len(word) > 1]
    possible += [word for word in (counts if len(words) < _FEW else titled) if counts[word] == 1]
    terms = {word.text: word for word in look_up(possible) if word and (word.once or counts[word.text] > 1)}
    return _Reading([*_PADDING, *words, *_PADDING], counts, titled, terms)


def _ranked(reading: _Reading) -> list[tuple[float, str]]:
    """The words that may be terms, each behind its negative score: the best first."""
    counts, titled = reading.counts, reading.titled
    ranked = []
    for text, word in reading.terms.items():
        score = -word.says * sqrt(counts[text])
        if text in titled:
            score *= _IN_TITLE if counts[text] > 1 else _IN_TITLE * _ONCE
        ranked.append((score, text))
    ranked.sort()
    return ranked


def _joined(best: Sequence[tuple[Word, float]], reading: _Reading) -> list[_Candidate]:
    """Each of the best words as it is, or grown by the words that (nearly) always stand beside it."""
    words, counts, titled, terms = reading.words, reading.counts, reading.titled, reading.terms
    growing = [word.text for word, _ in best[:_GROWN] if not word.doing and counts[word.text] >= reading.least(word)]
    places: dict[str, list[int]] = {word: [] for word in growing}
    for place in compress(range(len(words)), map(places.__contains__, words)):
        places[words[place]].append(place)
    found: dict[str, _Candidate] = {}
    for word, score in best:
        term, count = word.text, counts[word.text]
        if term in places and (longer := _grown(word, places[term], reading)):
            pieces, count = longer
            term, root = "".join(pieces), sqrt(count)
            score = max([terms[piece].says * root * _title(piece in titled) for piece in pieces if piece in terms])
        if term not in found:
            found[term] = _Candidate(term, score, count)
    return list(found.values())


def _grown(word: Word, places: list[int], reading: _Reading) -> tuple[list[str], int] | None:
    """The pieces of the term that a word belongs to, itself among them, and how often that stands in the text.

    None where the word is a term of its own.
    """
    words = reading.words
    pieces, count = [word.text], reading.counts[word.text]
    least = max(reading.least(word), _BESIDE * count)
    before, behind = 1, 1  # how far from the word the next neighbours are
    while len(pieces) < _LONGEST_JOINT:
        for step in (-before, behind):
            if neighbour := _mostly(words, places, step):
                beside = [place for place in places if words[place + step] == neighbour]
                if len(beside) >= least and _are_one(neighbour, len(beside), word, reading):
                    break
        else:
            break
        places, count = beside, len(beside)
        if step < 0:
            pieces, before = [neighbour, *pieces], before + 1
        else:
            pieces, behind = [*pieces, neighbour], behind + 1
    return (pieces, count) if len(pieces) > 1 else None


def _mostly(words: Sequence[str], places: Sequence[int], step: int) -> str:
    """The Chinese word that may stand `step` words from most of the places; "" where none does."""
    first, last = words[places[0] + step], words[places[-1] + step]
    if first != last:
        middle = words[places[len(places) // 2] + step]
        if middle not in (first, last) or len(places) == 2:
            return ""
        first = middle
    return first if "\u3400" <= first < "\ua000" else ""


def _are_one(neighbour: str, together: int, word: Word, reading: _Reading) -> bool:
    """Whether a word and the one that stands beside it so often are one term."""
    count = reading.counts[word.text]
    if len(neighbour) == 1:
        if neighbour in LOOSE:
            # 时殷弘: some words of one character are family names as well
            return not word.listed and len(word.text) == 2 and neighbour in _LOOSE_NAMES and together == count
        # `布` `林肯`: a single character that hardly stands elsewhere is a piece of the same word
        return together >= _BESIDE * reading.counts[neighbour]
    other = reading.terms.get(neighbour)
    if other is None or other.doing:
        return False
    # a name and an office stand side by side and are two
    if word.text[-1] in _PERSONS or neighbour[-1] in _PERSONS:
        return False
    # halves of a name that is cut in two never stand alone
    return (word.listed and other.listed) or together >= _BESIDE * max(count, reading.counts[neighbour])


def _as_written(candidate: _Candidate, prose: Prose) -> _Candidate:
    """The term in the item's own characters, as it first stands there."""
    if (place := prose.simple.find(candidate.term)) < 0:
        return candidate
    return _Candidate(prose.text[place : place + len(candidate.term)], candidate.score, candidate.count)


def _latin_words(text: str, title_end: int) -> list[_Candidate]:
    """Acronyms and foreign names in a Chinese text: more than once, or in the title."""
    counts: Counter[str] = Counter()
    titled: set[str] = set()
    for match in _LATIN_NAME.finditer(text):
        counts[match[0]] += 1
        if match.start() < title_end:
            titled.add(match[0])
    possible = [word for word, count in counts.items() if count > 1 or word in titled]
    return [
        _Candidate(word, sqrt(counts[word]) * _NAMED * _title(word in titled), counts[word])
        for word, weight in zip(possible, weights("en", [word.lower() for word in possible]), strict=True)
        if weight is None or weight.value
    ]


# languages with spaces


def _free(prose: Prose, spans: Sequence[Span]) -> tuple[str, int]:
    """The text with a gap for each span, and where its title ends."""
    text = prose.text[:READ]
    pieces, place = [], 0
    for begin, end in spans:
        if begin >= place:
            pieces += [text[place:begin], "\x00" * (end - begin)]
            place = end
    return "".join((*pieces, text[place:])), prose.title_end


class _Token(Struct, frozen=True):
    """A word of a spaced language where it stands; `key` in small letters, without a possessive ending."""

    shown: str
    key: str
    begin: int
    end: int


def _spaced(given: tuple[str, int], language: str) -> list[_Candidate]:
    text, title_end = given
    tokens = []
    for match in _SPACED_WORD.finditer(text):
        shown = _POSSESSIVE.sub("", match[0]) if language == "en" else match[0]
        # what follows a possessive is no pair with it
        tokens.append(_Token(shown, shown.lower(), match.start(), match.start() + len(shown)))
    keys = list(dict.fromkeys(token.key for token in tokens if len(token.key) <= MAX_TERM))
    known = dict(zip(keys, weights(language, keys), strict=True))
    said = {token.key: 0.0 for token in tokens}
    said.update({key: _saying(key, weight) for key, weight in known.items()})
    forms: dict[str, Counter[str]] = {}
    titled: set[str] = set()
    for token in tokens:
        if said[token.key] and not ((weight := known[token.key]) and weight.kind is Kind.DOING):
            forms.setdefault(token.key, Counter())[token.shown] += 1
            if token.begin < title_end:
                titled.add(token.key)
    before: _Token | None = None
    for token in tokens:
        # two words side by side: `nuclear waste`, `trade war`, but not `waste nuclear`
        if before and said[before.key] and said[token.key] and token.key in forms and token.begin == before.end + 1:
            pair = f"{before.key} {token.key}"
            said[pair] = 1.1 * max(said[before.key], said[token.key])
            forms.setdefault(pair, Counter())[f"{before.shown} {token.shown}"] += 1
            if before.begin < title_end:
                titled.add(pair)
        before = token
    candidates = []
    sentence_case = any(token.shown.islower() and len(token.key) > 3 for token in tokens if token.begin < title_end)
    for key, shown_as in forms.items():
        count = shown_as.total()
        # a pair of capitals in a headline is a name (Wall Street), unless all its words have one
        named = sentence_case and all(word[0].isupper() for word in _form(shown_as).split())
        if count > 1 or (key in titled and (" " not in key or named)):
            score = said[key] * sqrt(count) * _title(key in titled) * (_ONCE if count == 1 else 1.0)
            candidates.append(_Candidate(_form(shown_as), score, count))
    return candidates


def _saying(key: str, weight: Weight | None) -> float:
    """How much a word of a spaced language says; 0.0 for one that cannot be part of a term."""
    if len(key) < 3 or not key.isalpha():
        return 0.0 if not ("-" in key and len(key) > 5) else 0.7 * telling(_RARE, _SPACED_COMMON)
    if weight is None:
        return telling(_RARE, _SPACED_COMMON)
    return telling(weight.value, _SPACED_COMMON) if weight.value else 0.0


def _form(shown_as: Counter[str]) -> str:
    """The form to show: in small letters where the text has them so at all, for a sentence begins with a capital."""
    small = [form for form in shown_as if form.islower()]
    return min(small or shown_as, key=lambda form: (-shown_as[form], form))


# Japanese and Korean


def _by_runs(given: tuple[str, int], runs: re.Pattern[str], language: str) -> list[_Candidate]:
    text, title_end = given
    counts: Counter[str] = Counter()
    titled: set[str] = set()
    for match in runs.finditer(text):
        word = _PARTICLES.sub("", match[0]) if language == "ko" else match[0]
        counts[word] += 1
        if match.start() < title_end:
            titled.add(word)
    possible = [word for word, count in counts.items() if count > 1 or word in titled]
    candidates = []
    for word, known in zip(possible, weights(language, [word.lower() for word in possible]), strict=True):
        if known is None or known.value:
            value = telling(_RARE if known is None else min(known.value, _RARE), _SPACED_COMMON)
            candidates.append(_Candidate(word, _title(word in titled) * sqrt(counts[word]) * value, counts[word]))
    return candidates
