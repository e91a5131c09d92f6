"""What dedupe remembers of a text instead of the text: hashes, lengths and sketches."""

from __future__ import annotations

from hashlib import blake2b

import xxhash
from msgspec import Struct

from agents.content.sketch import Codes, fold_codes, similarity, sketch
from agents.content.text import composed

HASH_VERSION = 1
"""Of visible text, folding, hashes and sketches together. Lineages with another version are re-based."""

TEXT_GRAM, TEXT_BINS = 5, 64
TITLE_GRAM, TITLE_BINS = 2, 32

PREFIXES = (16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192)
"""Folded characters; the first `n` of them are hashed for each `n` that the text reaches."""

SHORT_TEXT = 80
"""Folded characters. Below this a sketch says little and the address decides."""

UNRELATED = 0.2

CLOSE = 0.5
"""Titles of short notes that are one note although their guids or links are two."""

OPENING = 64
"""Folded characters, one of PREFIXES. Texts that share so long a beginning are one article, however long the rest:
an aggregator's extract of two sentences is hardly alike by sketch."""


class Fingerprint(Struct, frozen=True, array_like=True):
    """One revision's content. `length` counts folded characters; `prefixes` holds 4 bytes for each of PREFIXES."""

    title_hash: bytes
    text_hash: bytes
    title_sketch: bytes
    text_sketch: bytes
    length: int
    prefixes: bytes

    def same_content(self, title_hash: bytes, text_hash: bytes) -> bool:
        return self.title_hash == title_hash and self.text_hash == text_hash


class Likeness(Struct, frozen=True):
    """How alike two contents are, each 0..1. `text` is None where either text is too short to tell.

    Two entries without a title have no title in common: posts of a microblog are not alike for that.
    """

    title: float
    text: float | None
    opening: bool = False

    @property
    def related(self) -> bool:
        return self.opening or self.title >= UNRELATED or (self.text is not None and self.text >= UNRELATED)


def fingerprint(title: str, text: str) -> Fingerprint:
    """Fingerprint the visible title and text of an entry. White space does not count, nor do accents that are
    characters of their own (NFD, as files of a Mac are named) instead of one with their letter; all else does."""
    title, text = composed(title), composed(text)
    codes = fold_codes(text)
    return Fingerprint(
        title_hash=_hash(title),
        text_hash=_hash(text),
        title_sketch=sketch(fold_codes(title), gram=TITLE_GRAM, bins=TITLE_BINS),
        text_sketch=sketch(codes, gram=TEXT_GRAM, bins=TEXT_BINS),
        length=int(codes.size),
        prefixes=_prefixes(codes),
    )


def likeness(a: Fingerprint, b: Fingerprint) -> Likeness:
    short = a.length < SHORT_TEXT or b.length < SHORT_TEXT
    titled = any(a.title_sketch) or any(b.title_sketch)
    return Likeness(
        title=similarity(a.title_sketch, b.title_sketch) if titled else 0.0,
        text=None if short else similarity(a.text_sketch, b.text_sketch),
        opening=_opening(a) is not None and _opening(a) == _opening(b),
    )


def are_close(a: Fingerprint, b: Fingerprint) -> bool:
    """Whether two short notes are one: by their titles, or by their texts where the titles do not contradict.

    Not by the texts alone: "read more" is the text of many.
    """
    title = likeness(a, b).title
    if title >= CLOSE or title < UNRELATED:
        return title >= CLOSE
    return bool(a.length and b.length) and similarity(a.text_sketch, b.text_sketch) >= CLOSE


def only_cuts_short(copy: Fingerprint, whole: Fingerprint) -> bool:
    """Whether `copy` has the title of `whole` and a text that is its beginning.

    The beginning is compared up to the last of PREFIXES that the copy reaches: at least half of it, unless it is
    very long. What follows may be an ellipsis, "read more", or an edit (`judge` tells). A copy without any text is
    the extreme case.
    """
    if copy.title_hash != whole.title_hash or copy.length >= whole.length:
        return False
    if not copy.length:
        return True
    return bool(copy.prefixes) and whole.prefixes.startswith(copy.prefixes[-4:], len(copy.prefixes) - 4)


def _opening(content: Fingerprint) -> bytes | None:
    end = 4 * (PREFIXES.index(OPENING) + 1)
    return content.prefixes[end - 4 : end] if len(content.prefixes) >= end else None


def _hash(text: str) -> bytes:
    return blake2b("".join(text.split()).encode("utf-8", "surrogatepass"), digest_size=8).digest()


def _prefixes(codes: Codes) -> bytes:
    data = codes.tobytes()
    return b"".join(xxhash.xxh32_digest(data[: 4 * reach]) for reach in PREFIXES if reach <= codes.size)
