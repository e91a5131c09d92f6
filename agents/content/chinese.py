"""Chinese words: a text in one script, cut where a reader would part it.

rjieba cuts as jieba does, with a dictionary in Simplified characters; its hidden Markov model finds most names that no
dictionary has. The cut depends on the text alone: data/words.txt is added to the dictionary before the first cut, and
nothing ever after.
"""

from __future__ import annotations

import zlib
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
import rjieba

_DATA = Path(__file__).parent / "data"


def simplified(text: str) -> str:
    """The text with Traditional characters as Simplified ones; as long as the text, each character in its place."""
    codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype="<u4")
    if codes.size and int(codes.max()) > 0xFFFF:
        changed = np.where(codes > 0xFFFF, codes, _table()[codes & 0xFFFF])
    else:
        changed = _table()[codes]
    return changed.astype("<u4").tobytes().decode("utf-32-le", "surrogatepass")


def cut(simple: str) -> list[str]:
    """Words, punctuation and white space of a text in Simplified characters, in order; joined they are the text.

    The text of an item holds no lone surrogates; here they are a UnicodeEncodeError.
    """
    _learn_words()
    return rjieba.cut(simple)


@cache
def _learn_words() -> None:
    for line in (_DATA / "words.txt").read_text("utf-8").splitlines():
        if not line.startswith("#"):
            tag, *words = line.split()
            for word in words:
                rjieba.add_word(word, None, tag)


def tag(simple: str) -> list[tuple[str, str]]:
    """The words with their part of speech as jieba's dictionary has it: `n…` nouns, `v` verbs, `p` prepositions …"""
    return rjieba.tag(simple)


@cache
def _table() -> npt.NDArray[np.uint32]:
    raw = zlib.decompress((_DATA / "simplified.bin").read_bytes())
    return np.frombuffer(raw, dtype="<u2").astype(np.uint32)
