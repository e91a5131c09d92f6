"""Made-up articles in several languages and scripts, as different from each other as real ones are.

Each tells of one of many happenings, which has its own words, names and figures: a few articles share a story,
most do not.
"""

from __future__ import annotations

import random
from functools import lru_cache
from pathlib import Path

import opencc_pyo3
from msgspec import Struct

HAPPENINGS = 4000


def _vocabulary() -> dict[str, list[str]]:
    text = (Path(__file__).parent / "words.txt").read_text(encoding="utf-8")
    return {part.partition("]")[0]: part.partition("]")[2].split() for part in text.split("\n[")[1:]}


_WORDS = _vocabulary()
SYLLABLES = _WORDS["syllables"]
_TO_TRADITIONAL = opencc_pyo3.OpenCC("s2t")


class Tongue(Struct, frozen=True):
    """How a language is put together: its words, what stands between them, and how a sentence ends."""

    words: list[str]
    glue: list[str]
    space: str = " "
    stop: str = ". "
    traditional: bool = False


TONGUES = {
    "en": Tongue(_WORDS["english nouns"], _WORDS["english glue"]),
    "de": Tongue(_WORDS["german nouns"], _WORDS["german glue"]),
    "fr": Tongue(_WORDS["french nouns"], _WORDS["french glue"]),
    "ru": Tongue(_WORDS["russian nouns"], _WORDS["russian glue"]),
    "ar": Tongue(_WORDS["arabic nouns"], _WORDS["arabic glue"]),
    "ja": Tongue(_WORDS["japanese nouns"], _WORDS["japanese glue"], "", "。"),
    "zh-Hans": Tongue(_WORDS["chinese nouns"], _WORDS["chinese glue"], "", "。"),
    "zh-Hant": Tongue(_WORDS["chinese nouns"], _WORDS["chinese glue"], "", "。", traditional=True),
}


class Article(Struct, frozen=True):
    """One article as its author wrote it."""

    title: str
    paragraphs: tuple[str, ...]

    @property
    def html(self) -> str:
        return "".join(f"<p>{paragraph}</p>" for paragraph in self.paragraphs)


class _Happening(Struct, frozen=True):
    words: list[str]
    names: list[str]
    figures: list[str]


def write(rng: random.Random, language: str) -> Article:
    """A new article of 15 to 60 words."""
    tongue = TONGUES[language]
    happening = _happening(language, rng.randrange(HAPPENINGS))
    title = tongue.space.join(
        [*rng.sample(happening.words, 3), *rng.sample(happening.names, 2), rng.choice(tongue.glue)]
    )
    paragraphs = tuple(
        "".join(_sentence(rng, tongue, happening) for _ in range(rng.randint(1, 2))).strip()
        for _ in range(rng.randint(1, 2))
    )
    return _finished(tongue, title, paragraphs)


def long(rng: random.Random, language: str) -> Article:
    """An article of some 40 kB, which a topic with a low limit refuses."""
    article = write(rng, language)
    tongue = TONGUES[language]
    happening = _happening(language, rng.randrange(HAPPENINGS))
    more = tuple("".join(_sentence(rng, tongue, happening) for _ in range(12)).strip() for _ in range(70))
    return _finished(tongue, article.title, (*article.paragraphs, *more))


def revise(rng: random.Random, language: str, article: Article) -> Article:
    """The article as it stands after an edit: another title, or one more paragraph."""
    tongue = TONGUES[language]
    happening = _happening(language, rng.randrange(HAPPENINGS))
    if rng.random() < 0.3:
        title = f"{article.title}{tongue.space}{rng.choice(happening.words)}{tongue.space}{rng.randrange(10_000)}"
        return _finished(tongue, title, article.paragraphs)
    return _finished(tongue, article.title, (*article.paragraphs, _sentence(rng, tongue, happening).strip()))


def _sentence(rng: random.Random, tongue: Tongue, happening: _Happening) -> str:
    said: list[str] = []
    for _ in range(rng.randint(4, 8)):
        chance = rng.random()
        if chance < 0.45:
            said.append(rng.choice(happening.words))
        elif chance < 0.7:
            said.append(rng.choice(happening.names))
        elif chance < 0.82:
            said.append(rng.choice(happening.figures))
        else:
            said.append(rng.choice(tongue.words[:30]))
        said.append(rng.choice(tongue.glue))
    return tongue.space.join(said) + tongue.stop


@lru_cache(maxsize=2 * HAPPENINGS)
def _happening(language: str, number: int) -> _Happening:
    """What articles about one happening have in common."""
    rng = random.Random(f"{language} {number}")
    tongue = TONGUES[language]
    return _Happening(
        # two words in one are rare, as the words are by which a story is known
        words=[*rng.sample(tongue.words, 3), *("".join(rng.sample(tongue.words, 2)) for _ in range(7))],
        names=[_name(rng, language) for _ in range(5)],
        figures=[
            str(rng.choice((rng.randrange(2, 90), rng.randrange(100, 9000), rng.random() * 100)))[:5] for _ in range(6)
        ],
    )


def _name(rng: random.Random, language: str) -> str:
    if language.startswith("zh") and rng.random() < 0.3:
        return (
            rng.choice(_WORDS["chinese surnames"])
            + rng.choice(_WORDS["chinese given"])
            + rng.choice(("", rng.choice(_WORDS["chinese given"])))
        )
    if language.startswith("zh"):
        return "".join(rng.choices(_WORDS["chinese sounds"], k=rng.randint(3, 5)))
    return " ".join("".join(rng.choices(SYLLABLES, k=rng.randint(2, 3))).capitalize() for _ in range(2))


def _finished(tongue: Tongue, title: str, paragraphs: tuple[str, ...]) -> Article:
    if not tongue.traditional:
        return Article(title, paragraphs)
    return Article(_TO_TRADITIONAL.convert(title), tuple(map(_TO_TRADITIONAL.convert, paragraphs)))
