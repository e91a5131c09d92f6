"""Build agents/content/data/terms.bin: how much a word says, in Chinese and in languages with spaces.

The packages whose data it reads are needed nowhere else; give them to it in an environment of its own:

    uv run --no-project --with jieba==0.42.1 --with wordfreq==3.1.1 --with stopwordsiso==0.7.1 --with numpy \
        --with xxhash tools/build_terms_table.py

Chinese: the inverse document frequency of jieba's idf.txt for words that its dictionary has as nouns, names or verbs;
other parts of speech, stop words and the words of tools/data/keyword_stopwords.txt weigh nothing. Other languages: the
COMMONEST words of wordfreq's lists by their frequency; its most frequent words and stop words weigh nothing.

The file, zlib-compressed: uint32 number of words; their xxh32 (`zh 大选`), sorted, little-endian uint32; a byte each:
16 times the inverse frequency in natural logarithms, 0 for a word that is never a keyword.
"""

from __future__ import annotations

import gzip
import math
import zlib
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

import msgpack
import numpy as np
import stopwordsiso
import xxhash

ROOT = Path(__file__).parent.parent
TARGET = ROOT / "agents/content/data/terms.bin"
STOPWORDS = ROOT / "tools/data/keyword_stopwords.txt"

COMMONEST = 12_000
FREQUENT = 4e-4
"""Of all words of a language; what is commoner says nothing."""
UNIT = 16

NOUNS = ("n", "j", "l", "i", "eng", "vn", "an", "nz", "nt", "ns", "nr")
SAYING = 5.5
"""Inverse document frequency below which a verb or an adjective says too little."""

LANGUAGES = {
    "ar": "ar", "bg": "bg", "bn": "bn", "ca": "ca", "cs": "cs", "da": "da", "de": "de", "el": "el", "en": "en", "es": "es",
    "fa": "fa", "fi": "fi", "fil": "fil", "fr": "fr", "he": "he", "hi": "hi", "hu": "hu", "id": "id", "is": "is", "it": "it",
    "ja": "ja", "ko": "ko", "lt": "lt", "lv": "lv", "mk": "mk", "ms": "ms", "nb": "nb", "nl": "nl", "pl": "pl", "pt": "pt",
    "ro": "ro", "ru": "ru", "sk": "sk", "sl": "sl", "sv": "sv", "ta": "ta", "tr": "tr", "uk": "uk", "ur": "ur", "vi": "vi",
}  # fmt: skip
"""Language of the mill: of wordfreq."""
STOPPED = {"nb": "no", "fil": "tl"}
"""Language of the mill: of stopwordsiso, where the two differ."""


def main() -> None:
    weights: dict[int, int] = {}
    ours = own_stopwords()
    for language, words in (("zh", chinese(ours)), *((language, spaced(language, ours)) for language in LANGUAGES)):
        before = len(weights)
        for word, weight in words:
            key = xxhash.xxh32_intdigest(f"{language} {word}".encode())
            weights.setdefault(key, min(round(weight * UNIT), 255))  # of two words with one hash the first, commoner one
        print(f"{language}: {len(weights) - before} words")
    keys = np.array(sorted(weights), dtype="<u4")
    values = np.array([weights[key] for key in keys.tolist()], dtype=np.uint8)
    data = np.uint32(keys.size).astype("<u4").tobytes() + np.diff(keys, prepend=np.uint32(0)).tobytes() + values.tobytes()
    TARGET.write_bytes(zlib.compress(data, 9))
    print(f"{TARGET.name}: {TARGET.stat().st_size} bytes, {keys.size} words")


def own_stopwords() -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for line in STOPWORDS.read_text("utf-8").splitlines():
        if not line.startswith("#"):
            language, *words = line.split()
            found.setdefault(language, set()).update(words)
    return found


def chinese(ours: dict[str, set[str]]) -> Iterator[tuple[str, float]]:
    jieba = files("jieba")
    stopped = stopwordsiso.stopwords("zh") | ours["zh"]
    yield from ((word, 0.0) for word in sorted(stopped))
    kinds = {}
    for line in (jieba / "dict.txt").read_text("utf-8").splitlines():
        word, count, kind = line.split(" ")
        kinds[word] = (kind, int(count))
    idf = {}
    for line in (jieba / "analyse" / "idf.txt").read_text("utf-8").splitlines():
        word, value = line.split(" ")
        idf[word] = float(value)
    for word in sorted(set(kinds) | set(idf), key=lambda word: -kinds.get(word, ("", 0))[1]):
        if len(word) < 2:
            continue
        kind, count = kinds.get(word, ("n", 0))
        value = idf.get(word) or 15.0 - math.log(count + 1)
        if kind.startswith("v") and kind != "vn":
            value = value * 0.6 if value >= SAYING else 0.0
        elif kind in {"a", "ad"}:
            value = value * 0.4 if value >= SAYING + 1 else 0.0
        elif not kind.startswith(NOUNS):
            value = 0.0
        yield word, value


def spaced(language: str, ours: dict[str, set[str]]) -> Iterator[tuple[str, float]]:
    stopped = stopwordsiso.stopwords(STOPPED.get(language, language)) | ours.get(language, set())
    yield from ((word, 0.0) for word in sorted(stopped))
    seen = 0
    for frequency, words in bins(LANGUAGES[language]):
        for word in words:
            if (seen := seen + 1) > COMMONEST:
                return
            yield word, 0.0 if frequency > FREQUENT else -math.log(frequency)


def bins(language: str) -> Iterator[tuple[float, list[str]]]:
    """wordfreq's format: a list of words for each hundredth of a decade, from the commonest down."""
    with gzip.open(str(files("wordfreq") / "data" / f"small_{language}.msgpack.gz"), "rb") as file:
        data = msgpack.load(file, raw=False)
    for number, words in enumerate(data[1:]):
        yield 10 ** (-number / 100), words


if __name__ == "__main__":
    main()
