"""Running text as a person sees it: words, lines, paragraphs, cells and rows out of the pieces between tags."""

from __future__ import annotations

from agents.content.text import without_debris

# What parts two pieces of text, weakest first. Boundaries add up to the strongest of them when text follows:
# the `<p>` inside a table cell does not tear the row apart, and the end of the row outweighs the end of its cell.
NOTHING, BREAK, LINE, PARAGRAPH, CELL, ROW, TABLE = range(7)
_SEPARATORS = ("", "\n", "\n", "\n\n", "\t", "\n", "\n\n")


class Flow:
    """Text under construction. `pieces` counts the pieces of visible text so far."""

    __slots__ = ("_held", "_out", "_preformatted", "pending", "pieces")

    def __init__(self) -> None:
        self.pending = NOTHING
        self.pieces = 0
        self._out: list[str] = []
        self._preformatted = 0
        self._held = False

    def text(self, data: str) -> None:
        """Add text as it stands in the markup; white space counts as one space, or none beside a boundary."""
        if self._preformatted:
            self._preformat(data)
            return
        words = " ".join(data.split())
        if not words.isprintable():
            words = " ".join(without_debris(words).split())
        if not words:
            return
        out = self._out
        trimmed = len(words) != len(data)
        if self.pending:
            self._part()
        elif trimmed and data[0].isspace() and out and out[-1] != " ":
            out.append(" ")
        out.append(words)
        self.pieces += 1
        if trimmed and data[-1].isspace():
            out.append(" ")

    def space(self, data: str) -> None:
        """Add white space as it stands in the markup, between two pieces of text or beside a boundary."""
        if self._preformatted:
            self._preformat(data)
        elif not self.pending and (out := self._out) and out[-1] != " ":
            out.append(" ")

    def boundary(self, kind: int) -> None:
        """Note that what follows is parted from what stands here at least by `kind`."""
        if kind > self.pending:
            self.pending = kind

    def line_break(self) -> None:
        """A `<br>`: a new line; the second in a row, a new paragraph."""
        if self._preformatted:
            self._preformat("\n")
        elif self.pending == NOTHING:
            self.pending = BREAK
        elif self.pending == BREAK:
            self.pending = PARAGRAPH

    def begin_preformatted(self) -> None:
        self.boundary(PARAGRAPH)
        self._preformatted += 1

    def end_preformatted(self) -> None:
        self._preformatted -= 1
        out = self._out
        while out and out[-1] and not out[-1].strip():  # "" is the place of something that comes later
            out.pop()
        if out:
            out[-1] = out[-1].rstrip()
        self.boundary(PARAGRAPH)

    def hold(self) -> int:
        """Keep the place of a paragraph that may come later; returns the place for `fill`."""
        self._part()
        self._out.append("")
        self._held = True
        self.pending = PARAGRAPH
        return len(self._out) - 1

    def fill(self, place: int, text: str) -> None:
        self._out[place] = text
        self.pieces += 1

    def place(self) -> int:
        """Where the next piece will stand; for `since`."""
        return len(self._out)

    def since(self, place: int, limit: int) -> str:
        """What was added from `place` on, on one line; beyond `limit` characters cut, with an ellipsis."""
        pieces = []
        room = 2 * limit  # white space counts here, not in the end
        for piece in self._out[place : place + room]:
            pieces.append(piece[:room])
            room -= len(piece)
            if room <= 0:
                break
        line = " ".join("".join(pieces).split())
        return line if len(line) <= limit else f"{line[: limit - 1].rstrip()}…"

    def finish(self) -> str:
        """The whole text; paragraphs parted by one blank line."""
        text = "".join(self._out)
        if self._held:
            text = "\n\n".join(part for part in text.split("\n\n") if part.strip())
        return text.rstrip().lstrip("\n\t")

    def _preformat(self, data: str) -> None:
        data = without_debris(data.replace("\r\n", "\n"))
        if not data:
            return
        if self.pending:
            self._part()
        self._out.append(data)
        self.pieces += 1

    def _part(self) -> None:
        out = self._out
        if out and out[-1] == " ":
            out.pop()
        if out:
            out.append(_SEPARATORS[self.pending])
        self.pending = NOTHING
