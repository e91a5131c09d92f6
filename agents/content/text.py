"""Plain text: counting, cleaning and cutting, for Chinese and spaced languages alike."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from schemas import ScriptFamily

CHARACTERS_PER_MINUTE = 400
"""Han and kana characters that a reader takes in; a convention of reading apps, as is the next one."""

WORDS_PER_MINUTE = 240
"""Words of a spaced language."""

_SIZE = 0x20000  # tables end here; of the letters above, nearly all are Han

# Classes of characters. The first five are the families in the order of ScriptFamily.
_HAN, _LATIN, _CYRILLIC, _ARABIC, _OTHER, _DIGIT, _MARK, _JOINER, _NONE = range(9)
_FAMILIES = tuple(ScriptFamily)

# Ranges of code points; only the letters in them count. Kana and bopomofo go with Han: Chinese and Japanese
# headlines share their characters.
_SCRIPTS = (
    (_LATIN, "41-5A 61-7A AA-AA BA-BA C0-2AF 1D00-1DBF 1E00-1EFF 2071-209C 212A-212B 2C60-2C7F A722-A7FF"),
    (_LATIN, "AB30-AB64 FB00-FB06 FF21-FF3A FF41-FF5A"),
    (_CYRILLIC, "400-52F 1C80-1C88 1D2B-1D2B 2DE0-2DFF A640-A69F"),
    (_ARABIC, "620-6FF 750-77F 870-8FF FB50-FDFF FE70-FEFC 1EE00-1EEFF"),
    (_HAN, "2E80-2FD5 3005-3007 3021-3029 3038-303C 3041-3096 309D-30FA 30FC-312F 31A0-31BF 31F0-31FF 3400-4DBF"),
    (_HAN, "4E00-9FFF F900-FAFF FF66-FF9F 1AFF0-1B16F"),
)

# What a reader does not see, or must not meet on a terminal: controls, soft hyphens, zero-width and bidi
# characters, tags, interlinear marks, Hangul fillers, lone surrogates, noncharacters. Tab and line feed stay.
_UNSEEN = (
    "\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f"
    "\u3164\ufeff\uffa0\ufff0-\ufffb\ufdd0-\ufdef\ufffe\uffff\ud800-\udfff\U000e0000-\U000e0fff"
)
# Joiners are spelling in Persian and the scripts of India, and glue in emoji; anywhere else they are debris.
_JOINED = "\u0620-\u08ff\u0900-\u0dff\u1000-\u109f\u1780-\u17ff\ufe0f\u2600-\u27bf\U0001f000-\U0001faff"
_DEBRIS = re.compile(f"[{_UNSEEN}]|(?<![{_JOINED}])[\u200c\u200d]")
_SUSPECT = re.compile(f"[{_UNSEEN}\u200c\u200d]")  # ten times as fast where there is nothing to find

# Letters whose accents, voicing marks or jamo are characters of their own: Latin, Greek, Cyrillic, kana, Hangul.
_MARKS = "\u0300-\u036f\u3099\u309a"
_SEPARATE = re.compile(f"[{_MARKS}\u1161-\u1175]")
_LETTER = re.compile(f"[^{_MARKS}][{_MARKS}]{{1,8}}|[\u1100-\u1112][\u1161-\u1175][\u11a8-\u11c2]?")

_SENTENCE_END = re.compile(r"[。！？!?…][”’」』）)]*|\.(?=\s)")


class Count(Struct, frozen=True):
    """How much there is to read: `characters` of Han and kana, and `words` of everything that uses spaces."""

    characters: int
    words: int

    @property
    def total(self) -> int:
        """Words in all; each Han or kana character counts as one."""
        return self.characters + self.words

    @property
    def seconds(self) -> int:
        """Reading time in whole seconds, rounded up; 0 only where there is nothing to read."""
        minutes = self.characters / CHARACTERS_PER_MINUTE + self.words / WORDS_PER_MINUTE
        return -int(-minutes * 60 // 1)


def script_family(text: str) -> ScriptFamily:
    """The family that most letters of `text` belong to; `other` where there are no letters.

    Kana and bopomofo count as Han, so that Chinese and Japanese are one family; Hangul, Greek, Thai, the
    scripts of India and the rest are `other`. Digits and punctuation have no say. A draw goes to the family
    that stands first in the list.
    """
    counts = np.bincount(_classes(text), minlength=_NONE + 1)[: _OTHER + 1]
    return _FAMILIES[int(counts.argmax())] if counts.any() else ScriptFamily.OTHER


def count(text: str) -> Count:
    """Count Han and kana characters one by one and other words by their gaps; `don't` and `e-mail` are one word."""
    spelling = _spelling_table().take(_codes(text), mode="clip").tobytes()
    # a word begins with a letter or digit that has none, and no mark, before it
    parted = spelling.translate(_PARTED)
    words = parted.count(b" a") + parted.startswith(b"a")
    if b"-" in spelling:
        # those between two of them join; a letter between two joiners belongs to both, so it is doubled
        words -= spelling.replace(b"m", b"a").replace(b"-a", b"-aa").count(b"a-a")
    return Count(spelling.count(b"c"), words)


def without_debris(text: str) -> str:
    """Take out what a reader cannot see (see `_UNSEEN`); tabs, line feeds and visible spaces stay as they are."""
    return _DEBRIS.sub("", text) if _SUSPECT.search(text) else text


def composed(text: str) -> str:
    """Put letters and their accents into one character each (NFC), as nearly all text has them.

    Letter by letter: `unicodedata.normalize` takes three seconds for 64,000 marks in a row, and four times that for
    twice as many.
    """
    return _LETTER.sub(_one_character, text) if _SEPARATE.search(text) else text


def _one_character(match: re.Match[str]) -> str:
    return unicodedata.normalize("NFC", match[0])


def one_line(text: str) -> str:
    """One line with its spaces as published (U+3000 parts the halves of a headline): nothing unseen, no line breaks."""
    text = text.replace("\t", " ")
    lines = text.splitlines()
    if len(lines) > 1:
        text = " ".join(line.strip() for line in lines)
    return without_debris(text).strip()


def clean_line(text: str) -> str:
    """One line for people: nothing unseen, white space collapsed, none at the ends."""
    return " ".join(without_debris(" ".join(text.split())).split())


def first_words(text: str, limit: int = 80) -> str:
    """The beginning of `text` as a title of at most `limit` characters: its first line, or the first sentences of it.

    Cut between words, with `…`, only where the first sentence is longer than that. "" for empty text.
    """
    line = clean_line(text.lstrip().partition("\n")[0])
    if len(line) <= limit:
        return line
    ends = [match.end() for match in _SENTENCE_END.finditer(line, 0, limit)]
    if ends and ends[-1] * 4 >= limit:
        return line[: ends[-1]]
    cut = line[: limit - 1]
    if line[limit - 1] != " " and (gap := cut.rfind(" ")) * 2 >= limit:
        cut = cut[:gap]
    return cut.rstrip(" ,;:，、；：—-") + "…"


def cut_at_paragraph(text: str, max_bytes: int) -> str:
    """The longest run of whole paragraphs that fits into `max_bytes` of UTF-8.

    A first paragraph that alone is too long is cut at a line, else between two characters.
    """
    if len(text) * 4 <= max_bytes:
        return text
    data = text.encode("utf-8", "replace")
    if len(data) <= max_bytes:
        return text
    head = data[:max_bytes]
    # a break that begins just at the limit still ends the paragraph before it
    for gap in (b"\n\n", b"\n"):
        if (end := data.rfind(gap, 0, max_bytes + len(gap))) > 0:
            return data[:end].decode("utf-8").rstrip()
    return head.decode("utf-8", "ignore").rstrip()


_PARTED = bytes.maketrans(b"c-", b"  ")


def _codes(text: str) -> NDArray[np.uint32]:
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)


def _classes(text: str) -> NDArray[np.uint8]:
    return _class_table().take(_codes(text), mode="clip")


@lru_cache(maxsize=1)
def _spelling_table() -> NDArray[np.uint8]:
    """`c` for characters of Han and kana, `a` for other letters and digits, `m` for marks on them, `-` for joiners and
    a space for the rest: what parts words is looked for in bytes, three times as fast as in arrays."""
    letters = bytes.maketrans(bytes(range(_NONE + 1)), b"caaaaam- ")
    return np.frombuffer(_class_table().tobytes().translate(letters), np.uint8)


@lru_cache(maxsize=1)
def _class_table() -> NDArray[np.uint8]:
    table = np.full(_SIZE + 1, _NONE, np.uint8)
    for code in range(_SIZE):
        if (character := chr(code)).isalnum():
            table[code] = _OTHER if character.isalpha() else _DIGIT
        elif unicodedata.category(character)[0] == "M":
            table[code] = _MARK  # accents and the vowel signs of India do not part a word
    for family, ranges in _SCRIPTS:
        for span in ranges.split():
            first, last = (int(edge, 16) for edge in span.split("-"))
            part = table[first : last + 1]
            part[(part == _OTHER) | ((part == _DIGIT) & (family == _HAN))] = family
    table[[ord(mark) for mark in "'’-‐‑"]] = _JOINER
    table[_SIZE] = _HAN
    return table
