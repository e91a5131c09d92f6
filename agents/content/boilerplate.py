"""What a site puts around every article: not what the article says.

The table is data/boilerplate.toml; an operator's file of sites adds to it. Patterns are lines with `*` for anything
and `#` for a number, `(a|b)` for a choice; there are no other wildcards, so that no pattern takes long.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from msgspec import Struct

LONGEST_PATTERN = 200
MAX_STARS = 4
LONGEST_LINE = 400
"""Characters; a longer line is an article's."""

_GAPS = re.compile(r"\n{3,}")
_SPECIAL = re.compile(r"\\.|[*#()|]|[^\\*#()|]+")


_SIGNS = {"#": r"\d{1,12}", "(": "(?:", ")": ")", "|": "|"}


class PatternError(ValueError):
    """A pattern that cannot be used; the message is a sentence."""


class Around(Struct, frozen=True):
    """The patterns of one site as they are written in a file."""

    title: Sequence[str] = ()
    line: Sequence[str] = ()
    rest: Sequence[str] = ()
    own: Sequence[str] = ()

    def joined(self, other: Around) -> Around:
        """The patterns of both."""
        return Around(
            (*self.title, *other.title), (*self.line, *other.line), (*self.rest, *other.rest), (*self.own, *other.own)
        )


class Boilerplate:
    """The patterns of one site, ready to use."""

    def __init__(self, around: Around) -> None:
        self._title = _any(around.title, r"(?:%s)\s*\Z")
        self._line = _any(around.line, "%s")
        self._rest = _any(around.rest, "%s")
        self._hint = _Hint((*around.line, *around.rest))
        self.own = frozenset(around.own)

    def without(self, title: str, text: str) -> tuple[str, str]:
        """Title and text without what is around the article; a title that is nothing else stays.

        Where the rest begins is looked for in the second half: before it, it is a box in the middle of the article.
        """
        if self._title and (found := self._title.search(title)) and found.start():
            title = title[: found.start()].rstrip()
        lines = text.split("\n")
        kept = []
        read = 0
        may_begin, hinted = self._hint.may_begin, self._hint.is_in(text)
        for line in lines:
            read += len(line) + 1
            if line and len(line) <= LONGEST_LINE:
                stripped = line.strip()
                if not (hinted or stripped[:1] in may_begin or stripped[:1].isdecimal()):
                    kept.append(line)
                    continue
                if 2 * read > len(text) and self._rest and self._rest.fullmatch(stripped):
                    break
                if self._line and self._line.fullmatch(stripped):
                    continue
            kept.append(line)
        if len(kept) == len(lines):
            return title, text
        return title, _GAPS.sub("\n\n", "\n".join(kept)).strip()


class _Hint:
    """What tells most lines from boilerplate without trying a pattern: how one of the patterns can begin.

    `may_begin`: the characters that a line begins with, besides digits. A pattern that begins with a star has a word
    that the text must hold instead.
    """

    def __init__(self, patterns: Iterable[str]) -> None:
        self.may_begin: set[str] = set()
        self._words: list[str] = []
        for written in patterns:
            if (begin := _beginning(written)) is None:
                self._words.append(_word_behind_star(written))
            else:
                self.may_begin |= begin

    def is_in(self, text: str) -> bool:
        """Whether any line of a text may match, whatever it begins with."""
        return any(word in text for word in self._words)


def _beginning(written: str) -> set[str] | None:
    """The characters one of which a line of this pattern begins with, besides digits; None if it may be any."""
    begin: set[str] = set()
    depth = 0
    expected, found = True, False
    for piece in _SPECIAL.findall(written):
        if piece == "(":
            depth += 1
        elif piece == ")":
            if expected:
                return None
            depth -= 1
        elif piece == "|":
            if expected or not depth:
                return None
            expected = not found
        elif expected:
            if piece == "*":
                return None
            begin.add(piece.removeprefix("\\")[0])
            expected = False
        found = found or not (depth or expected)
    return begin


def _word_behind_star(written: str) -> str:
    """What a text must hold for this pattern; "" where that is not plain to see."""
    star, word, *others = [*_SPECIAL.findall(written), ""]
    depth = 0
    for piece in others:
        depth += (piece == "(") - (piece == ")")
        if piece == "|" and not depth:
            return ""
    return word.removeprefix("\\") if star == "*" and word not in "*#()|" else ""


def pattern(written: str) -> str:
    """The regular expression of one pattern. Raises PatternError."""
    if not written.strip() or len(written) > LONGEST_PATTERN:
        raise PatternError(f"a pattern has 1 to {LONGEST_PATTERN} characters")
    if written.count("*") > MAX_STARS:
        raise PatternError(f'"{written}" has more than {MAX_STARS} `*`')
    if len(re.sub(r"[*\s]", "", written)) < 2:
        raise PatternError(f'"{written}" would take out nearly every line: write at least two characters besides `*`')
    parts = [""]
    depth = 0
    for piece in _SPECIAL.findall(written):
        if piece == "*" and depth:
            raise PatternError(f'"{written}" has a `*` within brackets')
        if piece == "*":
            parts.append("")
            continue
        depth += (piece == "(") - (piece == ")")
        parts[-1] += _SIGNS.get(piece) or re.escape(piece.removeprefix("\\"))
    # what follows a star is looked for from left to right and never again, so that a line is read once
    first, *others = parts
    expression = first
    for place, part in enumerate(others, 1):
        expression += f".*{part}" if place == len(others) else f"(?>.*?{part})"
    try:
        re.compile(expression)
    except re.error as error:
        raise PatternError(f'"{written}" is no pattern: {error}') from None
    return expression


def _any(written: Iterable[str], form: str) -> re.Pattern[str] | None:
    expressions = [pattern(one) for one in written]
    return re.compile(form % "|".join(f"(?:{one})" for one in expressions)) if expressions else None
