"""Title and text as keywords, names, places and the summary read them: once in one script, once cut into words."""

from __future__ import annotations

from functools import cached_property
from itertools import accumulate

from msgspec import Struct

from agents.content.chinese import cut, simplified
from agents.content.language import Language

Span = tuple[int, int]
"""Begin and end (not included) in `Prose.text`."""


class Prose(Struct, frozen=True, dict=True):
    """What an item says, as the enriching steps read it.

    `text` is the title, a blank line and the text, both without the boilerplate of the site. `simple` is the same in
    Simplified characters, each in its place. `words` are the words, punctuation and white space of `simple` in order
    (joined they are `simple`) where the language is Chinese; elsewhere there are none.
    """

    text: str
    title_end: int
    simple: str
    words: list[str]
    language: str

    @cached_property
    def ends(self) -> list[int]:
        """Where each of the words ends in `simple`; several steps ask, so it is kept."""
        return list(accumulate(map(len, self.words)))

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
        return Prose(whole, len(title), whole, [], language.tag)
    simple = simplified(whole)
    return Prose(whole, len(title), simple, cut(simple), language.tag)
