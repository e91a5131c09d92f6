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
    """The text with Traditional characters as Simplified ones; as long as the text, each character in its place.

    A text that has none comes back as it is. So does one with lone surrogates, which no item holds.
    """
    try:
        given = text.encode("utf-16-le")
    except UnicodeEncodeError:
        return text
    # the halves of characters beyond 0xFFFF stand for themselves in the table
    changed = _table().take(np.frombuffer(given, dtype="<u2")).tobytes()
    return text if changed == given else changed.decode("utf-16-le")


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
def _table() -> npt.NDArray[np.uint16]:
    """The Simplified form of each of the first 65,536 characters."""
    return np.frombuffer(zlib.decompress((_DATA / "simplified.bin").read_bytes()), dtype="<u2")
