"""Build agents/content/data/terms.bin: how much a word says, in Chinese and in languages with spaces.

The packages whose data it reads are needed nowhere else; give them to it in an environment of its own:

    uv run --no-project --with jieba==0.42.1 --with wordfreq==3.1.1 --with stopwordsiso==0.7.1 \
        --with textblob==0.20.1 --with numpy --with xxhash tools/build_terms_table.py

Chinese: the inverse document frequency of jieba's idf.txt for words that its dictionary has as nouns, names, verbs or
adjectives; other parts of speech, stop words and the words of tools/data/keyword_stopwords.txt weigh nothing. Other
languages: the COMMONEST words of wordfreq's lists by their frequency; its most frequent words and stop words weigh
nothing, nor do English verbs (by the lexicon of Brill's tagger, in textblob).

The file, zlib-compressed: uint32 number of words; the differences of their sorted xxh32 (`zh 大选`), little-endian
uint32; a byte each: 16 times the inverse frequency in natural logarithms, with a `Kind` of agents/content/terms.py in
the lowest two bits; 0 for a word that is never a keyword.
"""

from __future__ import annotations

import gzip
import math
import zlib
from collections.abc import Iterator
from importlib.resources import files
from importlib.util import find_spec
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
UNIT = 4
RARE = 11.0
"""Weight of words that are not among the commonest."""

THING, DOING, PERSON, PHRASE = range(4)  # as `Kind` in agents/content/terms.py

NOUNS = ("n", "j", "eng", "vn", "an")
SAYING = 5.5
"""Inverse document frequency below which a verb or an adjective says too little."""

LANGUAGES = (
    "ar bg bn ca cs da de el en es fa fi fil fr he hi hu id is it ja ko lt lv mk ms nb nl pl pt ro ru "
    "sk sl sv ta tr uk ur vi"
)
"""Those of the mill of which wordfreq has a list."""
STOPPED = {"nb": "no", "fil": "tl"}
"""Language of the mill: of stopwordsiso, where the two differ."""


def main() -> None:
    weights: dict[int, int] = {}
    ours = own_stopwords()
    for language, words in (
        ("zh", chinese(ours)),
        *((language, spaced(language, ours)) for language in LANGUAGES.split()),
    ):
        before = len(weights)
        for word, weight, kind in words:
            key = xxhash.xxh32_intdigest(f"{language} {word}".encode())
            # of two words with one hash the first, commoner one
            weights.setdefault(key, 4 * min(round(weight * UNIT), 63) + kind if weight else 0)
        print(f"{language}: {len(weights) - before} words")
    keys = np.array(sorted(weights), dtype="<u4")
    values = np.array([weights[key] for key in keys.tolist()], dtype=np.uint8)
    data = (
        np.uint32(keys.size).astype("<u4").tobytes() + np.diff(keys, prepend=np.uint32(0)).tobytes() + values.tobytes()
    )
    TARGET.write_bytes(zlib.compress(data, 9))
    print(f"{TARGET.name}: {TARGET.stat().st_size} bytes, {keys.size} words")


def own_stopwords() -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for line in STOPWORDS.read_text("utf-8").splitlines():
        if not line.startswith("#"):
            language, *words = line.split()
            found.setdefault(language, set()).update(words)
    return found


def chinese(ours: dict[str, set[str]]) -> Iterator[tuple[str, float, int]]:
    jieba = files("jieba")
    stopped = stopwordsiso.stopwords("zh") | ours["zh"]
    yield from ((word, 0.0, THING) for word in sorted(stopped))
    kinds = {}
    for line in (jieba / "dict.txt").read_text("utf-8").splitlines():
        word, times, kind = line.split(" ")
        kinds[word] = (kind, int(times))
    idf = {}
    for line in (jieba / "analyse" / "idf.txt").read_text("utf-8").splitlines():
        word, given = line.split(" ")
        idf[word] = float(given)
    for word in sorted(set(kinds) | set(idf), key=lambda word: -kinds.get(word, ("", 0))[1]):
        if len(word) < 2:
            continue
        kind, count = kinds.get(word, ("n", 0))
        value = idf.get(word) or 15.0 - math.log(count + 1)
        said = part_of_speech(kind) if word not in ours["zh-noun"] else THING
        if said is None or (said == DOING and value < SAYING):
            value = 0.0
        yield word, value, said or THING


def part_of_speech(kind: str) -> int | None:
    """What jieba's tag of a word says; None for words that are no terms."""
    if kind.startswith(("v", "a")) and kind not in {"vn", "an"}:
        return DOING
    if kind.startswith("nr"):
        return PERSON
    if kind == "l":
        return PHRASE
    return THING if kind.startswith(NOUNS) else None


def spaced(language: str, ours: dict[str, set[str]]) -> Iterator[tuple[str, float, int]]:
    stopped = stopwordsiso.stopwords(STOPPED.get(language, language)) | ours.get(language, set())
    yield from ((word, 0.0, THING) for word in sorted(stopped))
    kinds = english_kinds() if language == "en" else {}
    yield from ((word, 0.0, THING) for word, kind in kinds.items() if kind.startswith(("VB", "RB", "MD")))
    seen = 0
    for frequency, words in bins(language):
        for word in words:
            if (seen := seen + 1) > COMMONEST:
                break
            said = DOING if kinds.get(word, "").startswith("JJ") else THING
            yield word, 0.0 if frequency > FREQUENT else -math.log(frequency), said
    yield from ((word, RARE, DOING) for word, kind in kinds.items() if kind.startswith("JJ"))


def english_kinds() -> dict[str, str]:
    """Of each English word in small letters the part of speech that it is most often."""
    spec = find_spec("textblob")
    assert spec
    assert spec.submodule_search_locations
    lines = (Path(spec.submodule_search_locations[0]) / "en" / "en-lexicon.txt").read_text("utf-8").splitlines()
    pairs = (line.split(" ")[:2] for line in lines if " " in line and not line.startswith(";"))
    small: dict[str, str] = {}
    capital: dict[str, str] = {}
    for word, kind in pairs:
        if word.isalpha():
            (small if word.islower() else capital)[word.lower()] = kind
    return {**{word: kind for word, kind in capital.items() if kind.startswith("JJ")}, **small}


def bins(language: str) -> Iterator[tuple[float, list[str]]]:
    """wordfreq's format: a list of words for each hundredth of a decade, from the commonest down."""
    with gzip.open(str(files("wordfreq") / "data" / f"small_{language}.msgpack.gz"), "rb") as file:
        data = msgpack.load(file, raw=False)
    for number, words in enumerate(data[1:]):
        yield 10 ** (-number / 100), words


if __name__ == "__main__":
    main()
