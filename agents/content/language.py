"""The language of an item as a BCP 47 tag, for Chinese with its script.

Two steps. Texts in Han characters, kana or Hangul are told apart by their characters, because models call most
Japanese headlines in kanji Chinese and none knows `zh-Hans` from `zh-Hant`. Everything else goes to fastText's
lid.176. What a feed declares is evidence for close calls, no more: half of the feeds of one publisher say `en-us`
in every language.
"""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path

import fasttext
import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from agents.content.terms import weights

UNDETERMINED = "und"
MIN_LETTERS = 8
"""Below this only a script that belongs to one language decides."""
SAMPLE = 300
"""Characters looked at: enough for 49 of 49 test languages, and the model's cost grows with length."""

_DATA = Path(__file__).parent / "data"
_NO_LANGUAGE = re.compile(r"(?:https?://|www\.)\S+|\S+@\S+\.\S+")

# What one character says. The first six follow the lists of data/han.txt.
_SIMPLIFIED, _SIMPLIFIED_OR_JAPANESE, _TRADITIONAL, _TRADITIONAL_OR_JAPANESE, _JAPANESE = range(5)
_HAN, _KANA, _HANGUL, _LETTER, _NOTHING = range(5, 10)
_LAST = 0x20000
"""The table ends here; of the letters above, nearly all are Han."""

_CJK_SHARE = 3
"""A Han character, kana or Hangul syllable weighs as much as so many letters of an alphabet."""
_KANA_SHARE = 0.2
_LITTLE_KANA = 0.03
_SURE = 0.8
_LIKELY = 0.5
_POSSIBLE = 0.25

# fastText's labels that are no or no longer good BCP 47
_TAGS = {"als": "gsw", "bh": "bho", "sh": "sr-Latn", "no": "nb", "tl": "fil", "eml": "egl", "iw": "he", "pnb": "ur"}
# Varieties that a few sentences do not tell apart: here the declared one counts.
_CLOSE = (
    frozenset({"hr", "sr", "sr-Latn", "bs", "cnr"}),
    frozenset({"id", "ms"}),
    frozenset({"nb", "nn", "no", "da"}),
    frozenset({"fa", "prs"}),
    frozenset({"pt", "gl"}),
    frozenset({"cs", "sk"}),
    frozenset({"fil", "tl"}),
)
# Varieties that their common words tell apart, where the model is not sure.
_NEIGHBOURS = (
    frozenset({"cs", "sk"}),
    frozenset({"da", "nb", "sv"}),
    frozenset({"id", "ms"}),
    frozenset({"ru", "uk", "bg", "mk"}),
    frozenset({"es", "pt", "ca", "it"}),
)
_NEIGHBOUR_SURE = 0.9
_UNHEARD = 13.0
"""Weight of a word that a language's list does not have; the commonest weigh _COMMON."""
_COMMON = 5.0
_CLEARLY = 0.3
# Letters that only one language of a script has; two of them in a text decide.
_OWN_LETTERS = {"sr": "јљњћђџЈЉЊЋЂЏ", "mk": "ѓќѕЃЌЅ", "ur": "ٹڈڑں", "tr": "ığşİĞŞ"}
_SERBIAN_ONLY = frozenset("ћђЋЂ")
_CYRILLIC = re.compile("[\u0400-\u052f]")
_WORDS = re.compile(r"[^\W\d_]{2,}")
# Scripts that (nearly) one language of the news uses: first code point, last, language.
_OWN_SCRIPTS = (
    (0x370, 0x3FF, "el"), (0x1F00, 0x1FFF, "el"), (0x530, 0x58F, "hy"), (0x590, 0x5FF, "he"), (0xA80, 0xAFF, "gu"),
    (0xA00, 0xA7F, "pa"), (0xB00, 0xB7F, "or"), (0xB80, 0xBFF, "ta"), (0xC00, 0xC7F, "te"), (0xC80, 0xCFF, "kn"),
    (0xD00, 0xD7F, "ml"), (0xD80, 0xDFF, "si"), (0xE00, 0xE7F, "th"), (0xE80, 0xEFF, "lo"), (0xF00, 0xFFF, "bo"),
    (0x1000, 0x109F, "my"), (0x10A0, 0x10FF, "ka"), (0x1780, 0x17FF, "km"), (0x1800, 0x18AF, "mn-Mong"),
)  # fmt: skip


class Language(Struct, frozen=True):
    """`tag` is BCP 47, `und` if unsure; `confidence` 0..1, rounded to two digits."""

    tag: str
    confidence: float


def detect(text: str, title: str = "", declared: str | None = None) -> Language:
    """Name the language that most of the item is in.

    The beginning of the text decides; the title joins it where the text is short. `declared` is what the feed
    or the document says, in any spelling (`zh_TW`, `EN-us`). Deterministic; never raises.
    """
    sample = text if len(text) >= SAMPLE else f"{title} {text}"
    sample = " ".join(sample[: 2 * SAMPLE].split())
    if "://" in sample or "www." in sample or "@" in sample:
        sample = _NO_LANGUAGE.sub(" ", sample)
    sample = sample[:SAMPLE]
    wanted = _normal(declared) if declared else ""
    codes = np.frombuffer(sample.encode("utf-32-le", "surrogatepass"), np.uint32)
    kinds = _kinds_of(codes)
    kana, hangul, alphabetic = kinds.count(_KANA), kinds.count(_HANGUL), kinds.count(_LETTER)
    han = len(kinds) - kana - hangul - alphabetic - kinds.count(_NOTHING)
    if (cjk := han + kana + hangul) * _CJK_SHARE <= alphabetic:
        found = _by_model(sample, wanted) if alphabetic >= MIN_LETTERS else _by_script(codes)
        if found.tag != UNDETERMINED or not cjk:
            return found  # else product names with two words of Chinese between them
    if not cjk:
        return Language(UNDETERMINED, 0.0)
    if hangul > han + kana:
        return _language("ko", 0.5 + hangul / (cjk + alphabetic) / 2)
    distinct = _kinds_of(_distinct(codes))
    return _east_asian([distinct.count(kind) for kind in range(_HAN)], han, kana, wanted)


def _kinds_of(codes: NDArray[np.uint32]) -> bytes:
    """What each character says; counting bytes is faster than numpy is for so few."""
    return _kinds().take(codes, mode="clip").tobytes()


def _distinct(codes: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """Each code once, in order; for the few hundred here in half the time of `np.unique`, which hashes."""
    ordered = np.sort(codes)
    first = np.empty(ordered.size, np.bool_)
    first[:1] = True
    np.not_equal(ordered[1:], ordered[:-1], out=first[1:])
    return ordered[first]


def _east_asian(distinct: list[int], han: int, kana: int, wanted: str) -> Language:
    """Chinese in either script, or Japanese. `distinct`: how many different characters speak for each."""
    simplified, either_simplified, traditional, either_traditional, japanese = distinct
    chinese = simplified + traditional
    share = kana / (han + kana)
    # a stray の or a song's name is common in Chinese; 们 and 這 never stand in Japanese
    if share >= _KANA_SHARE or (share >= _LITTLE_KANA and not chinese):
        return _language("ja", 0.5 + min(share, 0.25) * 2 if han else 0.99)
    if japanese and japanese >= 4 * chinese:
        return _language("ja", _certainty(japanese, chinese + 1))
    if either_simplified and either_traditional and not chinese:
        return _language("ja", 0.7)  # 会談: no Chinese script has both
    hans, hant = simplified + either_simplified, traditional + either_traditional
    if not hans + hant or (not chinese and han + kana < MIN_LETTERS):
        if wanted == "ja" or wanted.startswith("zh-"):
            return _language(wanted, 0.5)
        if not hans + hant:
            return _language("zh", 0.4) if han + kana >= MIN_LETTERS else Language(UNDETERMINED, 0.0)
    if not chinese and wanted == "ja":
        return _language("ja", 0.5)
    if hans == hant:
        return _language(wanted if wanted.startswith("zh-") else "zh-Hans", 0.5)
    certainty = _certainty(max(hans, hant), min(hans, hant))
    # 東京 alone may be either
    return _language("zh-Hans" if hans > hant else "zh-Hant", certainty if chinese else min(certainty, 0.6))


def _by_script(codes: NDArray[np.uint32]) -> Language:
    """Too short for the model: Greek letters are Greek, Latin ones are nobody's."""
    for code in codes.tolist():
        if _kinds()[min(code, _LAST)] == _LETTER:
            for first, last, tag in _OWN_SCRIPTS:
                if first <= code <= last:
                    return _language(tag, 0.7)
            break
    return Language(UNDETERMINED, 0.0)


def _by_model(sample: str, wanted: str) -> Language:
    line = sample.encode("utf-8", "ignore").decode("utf-8")  # a lone surrogate is a TypeError in there
    if line.upper() == line:
        line = line.lower()  # the model has hardly seen headlines in capitals
    labels, shares = _model().predict(line, k=5)
    found = [
        (_TAGS.get(name := label.removeprefix("__label__"), name), float(share))
        for label, share in zip(labels, shares, strict=True)
    ]
    found = [(tag, share) for tag, share in found if tag not in {"zh", "ja", "ko", "wuu", "yue"}]
    if not found:
        return Language(UNDETERMINED, 0.0)
    tag, share = _by_words(sample, found)
    if wanted and wanted != tag:
        if share > _POSSIBLE and any(tag in group and wanted in group for group in _CLOSE):
            return _language(wanted, share)
        second = dict(found).get(wanted, 0.0)
        if (share < _SURE and second >= 0.1) or (share < _LIKELY and second > 0.0):
            return _language(wanted, second)
    if share < (_POSSIBLE if wanted == tag or len(sample) >= 100 else _LIKELY * 0.7):
        return _language(UNDETERMINED, share)
    return _language(tag, share)


def _by_words(sample: str, found: list[tuple[str, float]]) -> tuple[str, float]:
    """The model's first choice, or a neighbour of it whose letters or common words the sample is full of."""
    tag, share = found[0]
    if (own := _by_letters(sample)) and own != tag:
        return own, max(share, _LIKELY)
    if share >= _NEIGHBOUR_SURE:
        return tag, share
    rivals = {tag} | {name for name, part in found if part >= 0.05}
    group = next(
        (group for group in _NEIGHBOURS if not group.isdisjoint(rivals) and (tag in group or share < _POSSIBLE)), None
    )
    words = [word.lower() for word in _WORDS.findall(sample)][:60]
    if group is None or len(words) < 3 or ("ru" in group and not _CYRILLIC.search(sample)):
        return tag, share
    heard = {name: _unheard(name, words) for name in sorted(group)}
    best = min(heard, key=lambda name: (heard[name], name))
    if best == tag or (tag in heard and heard[tag] - heard[best] < _CLEARLY):
        return tag, share
    return best, max(share, _LIKELY)


def _by_letters(sample: str) -> str | None:
    for tag, letters in _OWN_LETTERS.items():
        if sum(map(sample.count, letters)) >= 2:
            if tag == "sr" and _SERBIAN_ONLY.isdisjoint(sample):
                continue  # ј, љ, њ and џ are Macedonian as well
            return tag
    return None


def _unheard(tag: str, words: list[str]) -> float:
    """How strange the words are in a language, on average."""
    known = weights(tag, words)
    return sum(_UNHEARD if weight is None else weight.value or _COMMON for weight in known) / len(words)


@lru_cache(maxsize=1024)
def _normal(declared: str) -> str:
    """A declared language as its plain tag: `en`, `zh-Hant`; "" for none or nonsense."""
    parts = re.split(r"[-_]", declared.strip().lower())
    if not re.fullmatch(r"[a-z]{2,3}", parts[0]) or parts[0] == UNDETERMINED:
        return ""
    if parts[0] in {"zh", "cmn", "yue", "wuu"}:
        if {"hant", "tw", "hk", "mo", "cht"} & set(parts) or parts[0] == "yue":
            return "zh-Hant"
        return "zh-Hans" if {"hans", "cn", "sg", "chs"} & set(parts) else "zh"
    if parts[0] == "sr" and "latn" in parts:
        return "sr-Latn"
    return _TAGS.get(parts[0], parts[0])


def _certainty(for_it: int, against: int) -> float:
    return (for_it + 0.5) / (for_it + against + 1)


def _language(tag: str, confidence: float) -> Language:
    return Language(tag, round(min(max(confidence, 0.0), 0.99), 2))


@lru_cache(maxsize=1)
def _model() -> fasttext.FastText._FastText:
    return fasttext.load_model(str(_DATA / "lid.176.ftz"))


@lru_cache(maxsize=1)
def _kinds() -> NDArray[np.uint8]:
    table = np.full(_LAST + 1, _NOTHING, np.uint8)
    for code in range(_LAST):
        if chr(code).isalpha():
            table[code] = _LETTER
    for first, last in ((0x3005, 0x3007), (0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xF900, 0xFAFF), (_LAST, _LAST)):
        table[first : last + 1] = _HAN
    for first, last in ((0x3041, 0x3096), (0x309D, 0x309F), (0x30A1, 0x30FA), (0x30FD, 0x30FF), (0xFF66, 0xFF9D)):
        table[first : last + 1] = _KANA
    for first, last in ((0x1100, 0x11FF), (0x3131, 0x318E), (0xA960, 0xA97C), (0xAC00, 0xD7FB)):
        table[first : last + 1] = _HANGUL
    lines = (_DATA / "han.txt").read_text(encoding="utf-8").splitlines()
    for kind, line in enumerate(line for line in lines if not line.startswith("#")):
        table[[ord(character) for character in line.split()[1]]] = kind
    return table
