"""Keywords: the terms that say most about an item, by frequency in it against frequency in the language.

Chinese is cut into words, and words that always stand side by side are put together again (`布` `林肯`, `人权`
`委员会`); spaced languages are read word by word and two by two; of Japanese and Korean, which need dictionaries we do
not carry, only what the script itself sets apart. A name or a place that was found is one term, and nothing inside
of it is another.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence, Set
from itertools import accumulate
from math import sqrt
from operator import itemgetter

from msgspec import Struct

from agents.content.chinese import simplified
from agents.content.terms import Kind, Weight, weights
from agents.enrich.prose import Prose, Span
from schemas import Keyword, Name, Place

MAX_KEYWORDS = 12
MAX_TERM = 40
"""Characters."""

READ = 20_000
"""Characters of a text that are looked at; a report says what it is about long before."""

_NAMED = 9.0
"""What a name says that no table knows."""
_UNKNOWN = 8.0
"""Weight of a word that only the model behind the cut took for one."""
_RARE = 11.0
"""Weight of a word of a spaced language that is not among its commonest."""
_IN_TITLE = 1.3
_LEAST = 0.12
"""A keyword weighs at least so much of the best one."""
_SHARE = {Kind.THING: 0.5, Kind.DOING: 0.3, Kind.PERSON: 0.8, Kind.PHRASE: 0.5}
"""Of what a word says by its rarity, by kind: a verb says less of what a text is about than a noun, a noun less than a
name. Chosen, as the numbers around it, on the labels of the second reader (docs/accuracy.md)."""
_CHINESE_COMMON = 1.0
_SPACED_COMMON = 6.0
"""Weights from which on a word says something."""
_SAYS_LEAST = 0.2
_ONCE = 0.4
"""A word of the title that the text never takes up."""
_ONCE_MORE = 1.5
"""A part of a chosen term is a term of its own when it stands so many times as often."""
_CONSIDERED = 15
"""Words of which the neighbours are looked at."""
_FEW = 120
"""Words of a text so short that a term may stand in it once."""
_BESIDE = 0.7
"""Share of a word's occurrences that must stand beside one other word for the two to be one term."""

_HAN_PIECE = re.compile(r"[\u3400-\u9fff]+")
_LATIN_NAME = re.compile(r"[A-Z][A-Za-z]{1,20}(?:[ -][A-Z0-9][A-Za-z0-9]{0,20}){0,3}")
_SPACED_WORD = re.compile(r"[^\W\d_]+(?:['’\-‐‑][^\W_]+)*")
_POSSESSIVE = re.compile(r"['’][sS]$")
_JAPANESE_RUN = re.compile(r"[\u30a1-\u30fa\u30fc]{3,}|[\u3400-\u9fff々]{2,8}|[A-Z][A-Za-z]{1,20}")
_KOREAN_WORD = re.compile(r"[가-힣]{2,}|[A-Z][A-Za-z]{1,20}")
_PARTICLES = re.compile(
    r"(?<=[가-힣]{2})(?:에서는|에서|에게|으로|까지|부터|이라고|라고|은|는|이|가|을|를|의|에|로|와|과|도|만)$"
)
_LOOSE = frozenset(
    "的了若至已仍每在是和与及或对向从于以为被把将就也都又还再很最不没有无上下中内外里前后等这那"
    "其该本此各每某说称到去来给让使由因而但并则之者所个名位年月日时次"
)
"""Characters that are words of their own: never a piece of the word beside them."""

_PERSONS = frozenset("长理统席员官家者人士相卿总")
"""How words for offices and kinds of people end."""
_LOOSE_NAMES = frozenset("时于向和那来")
_LONGEST_JOINT = 4
"""Words of a term."""
_COUNTED = re.compile(
    r"[一二三四五六七八九十百千万两几数多第][一二三四五六七八九十百千万大小月日年个名位项种次份家条张辆艘架]"
)
"""九月份, 四大主题: how something that is counted begins."""
_DOTS = frozenset("·‧•・．")
_UNSPACED = frozenset({"th", "lo", "km", "my", "bo", "dz"})


class _Candidate(Struct, frozen=True):
    term: str
    score: float
    count: int


class _Word(Struct, frozen=True):
    """A Chinese word that may become a term. `guessed`: no dictionary has it."""

    weight: float
    kind: Kind
    guessed: bool
    count: int
    titled: bool

    def score(self, count: int) -> float:
        once = _ONCE if count == 1 else 1.0
        telling = max(self.weight - _CHINESE_COMMON, _SAYS_LEAST)
        return telling * sqrt(count) * _SHARE[self.kind] * once * (_IN_TITLE if self.titled else 1.0)


def find_keywords(
    prose: Prose, named: Sequence[Name | Place] = (), taken: Iterable[Span] = (), own: Set[str] = frozenset()
) -> list[Keyword]:
    """The best terms first, at most MAX_KEYWORDS; `weight` is relative to the best, which has 1.0.

    `named` are names and places found in the item, `taken` where they stand: what is in there is no other term. `own`
    are names of the site itself, which are none either.
    Deterministic; linear in READ.
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


def _telling(weight: float, common: float) -> float:
    """What a word says beyond the commonest of its language."""
    return max(weight - common, _SAYS_LEAST)


def _title(titled: bool) -> float:
    return _IN_TITLE if titled else 1.0


def _best(candidates: list[_Candidate]) -> list[Keyword]:
    candidates.sort(key=lambda candidate: (-candidate.score, candidate.term))
    chosen: list[_Candidate] = []
    for candidate in candidates:
        if len(chosen) == MAX_KEYWORDS or candidate.score < _LEAST * candidates[0].score:
            break
        folded = candidate.term.lower()
        if any(_says_the_same(folded, candidate.count, other) for other in chosen):
            continue
        chosen.append(candidate)
    return [Keyword(one.term, round(one.score / chosen[0].score, 3)) for one in chosen]


def _says_the_same(folded: str, count: int, other: _Candidate) -> bool:
    """Whether a term is a chosen one again, or only ever stands inside of it."""
    chosen = other.term.lower()
    return folded == chosen or (folded in chosen and count <= _ONCE_MORE * other.count)


def _names(prose: Prose, named: Sequence[Name | Place]) -> Iterable[_Candidate]:
    if not named:
        return
    title = prose.title
    known = weights("zh", [simplified(one.name) for one in named]) if prose.chinese else [None] * len(named)
    for one, weight in zip(named, known, strict=True):
        if len(one.name) <= MAX_TERM:
            common = _CHINESE_COMMON if weight and weight.value else 0.0
            value = _telling(weight.value if weight and weight.value else _NAMED, common)
            yield _Candidate(one.name, _title(one.name in title) * sqrt(one.count) * value, one.count)


# Chinese


def _chinese(prose: Prose, spans: Sequence[Span]) -> list[_Candidate]:
    words = prose.words
    ends = list(accumulate(map(len, words)))
    if ends and ends[-1] > READ:
        words = words[: bisect_left(ends, READ)]
    words = _without(words, ends, spans)
    in_title = set(words[: bisect_left(ends, prose.title_end + 1)])
    counts = Counter(words)
    for dot in _DOTS & counts.keys():
        for place in [place for place, word in enumerate(words) if word == dot]:
            for piece in words[max(place - 1, 0) : place + 2]:
                counts[piece] -= 1  # 唐纳德·特朗普: half a name is no term
    few = len(words) < _FEW
    possible = [
        word
        for word, count in counts.items()
        if len(word) > 1
        and (count > 1 or (count == 1 and (few or word in in_title)))
        and "\u3400" <= word[0] <= "\u9fff"
    ]
    known: dict[str, _Word] = {}
    for word, weight in zip(possible, weights("zh", possible), strict=True):
        count, titled = counts[word], word in in_title
        if weight is None:
            # what the cut's model took for a word, twice; once it is often the end of one and the beginning of another
            if count > 1 and word[0] not in _LOOSE and word[-1] not in _LOOSE and not _COUNTED.match(word):
                known[word] = _Word(_UNKNOWN, Kind.THING, True, count, titled)
        elif weight.value and (count > 1 or weight.kind is Kind.THING):
            known[word] = _Word(weight.value, weight.kind, False, count, titled)
    scored = sorted((-one.score(one.count), word) for word, one in known.items())
    found = _joined([word for _, word in scored[:_CONSIDERED]], known, words, counts)
    names = [candidate.term for candidate in found]
    stopped = {term for term, weight in zip(names, weights("zh", names), strict=True) if weight and not weight.value}
    return [_as_written(one, prose) for one in found if one.term not in stopped] + _latin_words(prose, spans)


def _without(words: list[str], ends: Sequence[int], spans: Sequence[Span]) -> list[str]:
    """The words with a gap for each span: what stands in a name is no word of its own."""
    if not spans:
        return words
    free = words.copy()
    for begin, end in spans:
        first = bisect_left(ends, begin + 1)
        last = min(bisect_left(ends, end), len(free) - 1)
        for place in range(first, last + 1):
            free[place] = "\x00"
    return free


def _joined(
    best: Sequence[str], known: Mapping[str, _Word], words: Sequence[str], counts: Mapping[str, int]
) -> list[_Candidate]:
    """Each of the best words as it is, or grown by the words that (nearly) always stand beside it."""
    places: dict[str, list[int]] = {word: [] for word in best if known[word].count > 1}
    for place in [place for place, word in enumerate(words) if word in places]:
        places[words[place]].append(place)
    found: dict[str, _Candidate] = {}
    for word in best:
        pieces, count = _grown(word, places.get(word, []), words, known, counts)
        term = "".join(pieces)
        if term not in found:
            strongest = max((known[piece] for piece in pieces if piece in known), key=lambda each: each.weight)
            found[term] = _Candidate(term, strongest.score(count), count)
    return list(found.values())


def _grown(
    word: str, places: Sequence[int], words: Sequence[str], known: Mapping[str, _Word], counts: Mapping[str, int]
) -> tuple[list[str], int]:
    """The pieces of the term that a word belongs to, itself among them, and how often that stands in the text."""
    this = known[word]
    pieces, count = [word], this.count
    if this.kind is Kind.DOING:
        return pieces, count
    least = max(2 if this.titled else 3, _BESIDE * this.count)
    before, behind = 1, 1  # how far from the word the next neighbours are
    while places and len(pieces) < _LONGEST_JOINT:
        for step in (-before, behind):
            beside = [words[place + step] for place in places if 0 <= place + step < len(words)]
            neighbour, together = _mostly(beside)
            if together >= least and _are_one(neighbour, together, word, known, counts):
                break
        else:
            break
        places = [place for place in places if 0 <= place + step < len(words) and words[place + step] == neighbour]
        count = together
        if step < 0:
            pieces, before = [neighbour, *pieces], before + 1
        else:
            pieces, behind = [*pieces, neighbour], behind + 1
    return pieces, count


def _mostly(words: Sequence[str]) -> tuple[str, int]:
    """One that most are, where there is one, and how many are: it stands in the middle or at an end."""
    if not words:
        return "", 0
    return max(((word, words.count(word)) for word in (words[0], words[len(words) // 2], words[-1])), key=itemgetter(1))


def _are_one(neighbour: str, together: int, word: str, known: Mapping[str, _Word], counts: Mapping[str, int]) -> bool:
    """Whether a word and the one that stands beside it so often are one term."""
    if not _HAN_PIECE.fullmatch(neighbour):
        return False
    this, other = known[word], known.get(neighbour)
    if len(neighbour) == 1:
        if neighbour in _LOOSE:
            # 时殷弘: some words of one character are family names as well
            return this.guessed and len(word) == 2 and neighbour in _LOOSE_NAMES and together == this.count
        # `布` `林肯`: a single character that hardly stands elsewhere is a piece of the same word
        return together >= _BESIDE * counts[neighbour]
    if other is None or Kind.DOING in (this.kind, other.kind):
        return False
    # a name and an office stand side by side and are two
    if any(part[-1] in _PERSONS for part in (word, neighbour)):
        return False
    # halves of a name that is cut in two never stand alone
    return not (this.guessed or other.guessed) or together >= _BESIDE * max(this.count, other.count)


def _as_written(candidate: _Candidate, prose: Prose) -> _Candidate:
    """The term in the item's own characters, as it first stands there."""
    if (place := prose.simple.find(candidate.term)) < 0:
        return candidate
    return _Candidate(prose.text[place : place + len(candidate.term)], candidate.score, candidate.count)


def _latin_words(prose: Prose, spans: Sequence[Span]) -> list[_Candidate]:
    """Acronyms and foreign names in a Chinese text: more than once, or in the title."""
    text, title_end = _free(prose, spans)
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
    keys = list(dict.fromkeys(token.key for token in tokens))
    known = dict(zip(keys, weights(language, keys), strict=True))
    said = {key: _saying(key, weight) for key, weight in known.items()}
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
    for key, shown_as in forms.items():
        count = shown_as.total()
        if count > 1 or (key in titled and " " not in key):
            score = said[key] * sqrt(count) * _title(key in titled) * (_ONCE if count == 1 else 1.0)
            candidates.append(_Candidate(_form(shown_as), score, count))
    return candidates


def _saying(key: str, weight: Weight | None) -> float:
    """How much a word of a spaced language says; 0.0 for one that cannot be part of a term."""
    if len(key) < 3 or not key.isalpha():
        return 0.0 if not ("-" in key and len(key) > 5) else 0.7 * _telling(_RARE, _SPACED_COMMON)
    if weight is None:
        return _telling(_RARE, _SPACED_COMMON)
    return _telling(weight.value, _SPACED_COMMON) if weight.value else 0.0


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
            value = _telling(_RARE if known is None else min(known.value, _RARE), _SPACED_COMMON)
            candidates.append(_Candidate(word, _title(word in titled) * sqrt(counts[word]) * value, counts[word]))
    return candidates
