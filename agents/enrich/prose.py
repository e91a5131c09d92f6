"""Title and text as keywords, names, places and the summary read them: once in one script, once cut into words."""

from __future__ import annotations

from itertools import accumulate

from msgspec import Struct

from agents.content.chinese import cut, simplified
from agents.content.language import Language

Span = tuple[int, int]
"""Begin and end (not included) in `Prose.text`."""


class Prose(Struct, frozen=True):
    """What an item says, as the enriching steps read it.

    `text` is the title, a blank line and the text, both without the boilerplate of the site. `simple` is the same in
    Simplified characters, each in its place. `words` are the words, punctuation and white space of `simple` in order
    (joined they are `simple`) where the language is Chinese; elsewhere there are none. `ends` say where each ends.
    """

    text: str
    title_end: int
    simple: str
    words: list[str]
    ends: list[int]
    language: str

    @property
    def title(self) -> str:
        return self.text[: self.title_end]

    @property
    def body(self) -> str:
        """The text without the title."""
        return self.text[self.title_end + 2 :]

    @property
    def chinese(self) -> bool:
        return self.language.startswith("zh")


def read_prose(title: str, text: str, language: Language) -> Prose:
    """Make ready what the steps share. Linear in the length of the text."""
    whole = f"{title}\n\n{text}"
    if not language.tag.startswith("zh"):
        return Prose(whole, len(title), whole, [], [], language.tag)
    simple = simplified(whole)
    words = cut(simple)
    return Prose(whole, len(title), simple, words, list(accumulate(map(len, words))), language.tag)
