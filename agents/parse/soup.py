"""Feeds that are no XML, read all the same: what is not closed, closed twice, cut off, or HTML in the wrong place.

The reader goes over mended text once and drives the same collector as the strict one. Elements that hold text are
taken whole, up to what must be behind them; of everything else the tags are balanced.
"""

from __future__ import annotations

import re
from functools import cache

from agents.parse.elements import ENTRIES, MARKUP, ROOTS, Collector
from agents.parse.rejection import MAX_DEPTH, Rejection
from agents.parse.repair import CDATA, CDATA_END, unescaped
from schemas import DeadLetterCode

MAX_TOKENS = 300_000  # tags and stray brackets; elements with text count as one
MAX_TAG = 65_536  # characters

# Possessive: a tag of 8 MiB took 1.5 GB of places to come back to, and a long name was tried in a hundred lengths.
_START = re.compile(r"<([A-Za-z_][^\s<>/\"'=&;]{0,99}+)((?:[^<>\"']++|\"[^\"<]*+\"|'[^'<]*+')*+)>")
_LOOSE_START = re.compile(r"<([A-Za-z_][^\s<>/\"'=&;]{0,99}+)([^<>]*+)>")
_END = re.compile(r"</\s*([A-Za-z_][^\s<>/]{0,99}+)[^<>]*+>?")
_ATTRIBUTE = re.compile(r"([A-Za-z_][\w:.-]{0,99}+)\s*=\s*(?:\"([^\"]*)\"|'([^']*)'|([^\s\"'<>]+))")
_TAG = re.compile(r"</?[A-Za-z][^<>]*>")

# What ends an element that holds text, when its own end tag is missing: names that HTML does not have, and a `<link>`
# with an address in it. Behind the `<`.
_BREAK = (
    r"/?(?:(?:dc|dcterms|media|itunes|content|atom|slash|wfw|feedburner|rss|rdf|at):[\w.-]+"
    r"|(?:item|entry|channel|rss|feed|pubdate|guid|category|enclosure|published|updated|author|description"
    r"|comments|id|issued|modified|lastbuilddate|generator|language|copyright|ttl|webmaster)(?=[\s/>])"
    r"|link>\s{0,99}+(?:<!\[CDATA\[\s{0,99}+)?https?:)"
)
# Short ones end at the next of these too; in a body they are HTML.
_SHORT_BREAK = rf"{_BREAK}|(?:link|title|content|summary|source|image)(?=[\s/>])"
_BOUNDARY = r"/?(?:[\w.-]{1,99}+:)?(?:item|entry|channel|rss|feed|rdf)(?=[\s/>])"
"""No text of an entry goes beyond these, whether its end tag is missing or not."""
_SHORT = frozenset({"title", "atom:title", "dc:title", "media:title", "itunes:subtitle"})
_CHILDREN = frozenset(
    {"atom:author", "atom:contributor", "atom:source", "at:by", "author", "image", "media:group", "media:content"}
)


def read_loosely(text: str, collector: Collector) -> None:
    """Read mended text from its root on into `collector`.

    Raises Rejection: what the collector raises, and `malformed-feed` for what is nothing but brackets.
    """
    _SoupReader(text, collector).read()


class _SoupReader:
    def __init__(self, text: str, collector: Collector) -> None:
        self.text = text
        self.collector = collector
        self.open: list[tuple[str, str]] = []  # tag in lower case, short name
        self.last_cdata_end = text.rfind(CDATA_END)
        self.last_comment_end = text.rfind("-->")

    def read(self) -> None:
        text, position, tokens = self.text, 0, 0
        while (at := text.find("<", position)) >= 0:
            if at > position:
                self.collector.text(unescaped(text[position:at]))
            position = self._token(at)
            tokens += 1
            if tokens > MAX_TOKENS:
                message = "The feed is broken, and has too many tags to be repaired."
                raise Rejection(DeadLetterCode.MALFORMED_FEED, message, self.collector.format)
        if self.open and self.open[-1][1] not in MARKUP:
            self.collector.drop_text()  # cut off in the middle of an address or a date
        self._close_to(0)

    def _token(self, at: int) -> int:
        """Read what begins with the `<` at this place; returns where to go on."""
        text, collector = self.text, self.collector
        if text.startswith(CDATA, at):
            start = at + len(CDATA)
            if start <= self.last_cdata_end:
                end = text.find(CDATA_END, start)
                collector.text(text[start:end])
                return end + len(CDATA_END)
            return start
        if text.startswith("<!--", at) and at < self.last_comment_end:
            return text.find("-->", at) + 3
        if text.startswith(("<!", "<?"), at):
            end = text.find(">", at, at + 4096)
            return end + 1 if end >= 0 else at + 2
        if match := _END.match(text, at):
            self._end(match[1].lower())
            return match.end()
        if match := _START.match(text, at) or _LOOSE_START.match(text, at):
            return self._start(match)
        collector.text("<")
        return at + 1

    def _start(self, match: re.Match[str]) -> int:
        tag, inside = match.groups()
        collector = self.collector
        name = collector.name_of(tag) if self.open else ""
        if name in ENTRIES and collector.in_entry:
            self._close_entry()
        elif self.open and collector.in_entry and name[:2] != "?:" and self._is_leaf():
            self._close_to(len(self.open) - 1)
        if len(self.open) >= MAX_DEPTH // 2:
            # nobody nests so deep but by forgetting to close
            if name not in ENTRIES:
                return match.end()
            self._close_to(sum(1 for _, opened in self.open if opened in ROOTS))
        attributes = {found[1]: unescaped(_value(found)) for found in _ATTRIBUTE.finditer(inside[:MAX_TAG])}
        collector.start(tag, attributes)
        self.open.append((tag.lower(), collector.name_of(tag)))
        if inside.rstrip().endswith("/"):
            self._close_to(len(self.open) - 1)
        elif collector.markup is not None:
            return self._markup(match.end(), tag)
        return match.end()

    def _is_leaf(self) -> bool:
        """The open element is one of an entry's own that has no element children."""
        name = self.open[-1][1]
        return name not in ENTRIES and name not in _CHILDREN and name[:2] != "?:"

    def _markup(self, start: int, tag: str) -> int:
        """Take an element's text whole; returns the place of the tag behind it."""
        text = self.text
        name = self.open[-1][1]
        end, behind = self._markup_end(start, tag, name in _SHORT)
        pieces, plain, html = [], [], False
        position = start
        while position < end:
            opening = text.find(CDATA, position, end)
            piece = text[position : opening if opening >= 0 else end]
            html = html or _TAG.search(piece) is not None
            pieces.append(piece)
            plain.append(unescaped(piece))
            if opening < 0:
                break
            closing = text.find(CDATA_END, opening, end)
            piece = text[opening + len(CDATA) : closing if closing >= 0 else end]
            pieces.append(piece)
            plain.append(piece)
            position = closing + len(CDATA_END) if closing >= 0 else end
        if html:
            source = "".join(pieces)
            self.open.pop()
            # `&lt;p&gt;` beside real tags is HTML that was escaped in part
            self.collector.end_with_markup(unescaped(source) if "&lt;" in source and name in MARKUP_RSS else source)
        else:
            self.collector.text("".join(plain))
            self._close_to(len(self.open) - 1)
        return behind

    def _markup_end(self, start: int, tag: str, short: bool) -> tuple[int, int]:
        """Where an element's text ends, and where to go on.

        With an end tag of its own before the entry is over it ends there: `<id>` and `<author>` stand in prose too.
        """
        text, own = self.text, tag.lower()
        tokens, breaks = _tokens(own.rpartition(":")[2], short), _BREAKS[short]
        position, cut = start, None
        while match := tokens.search(text, position):
            position = match.end()
            if match["cdata"]:
                if position <= self.last_cdata_end:
                    position = text.find(CDATA_END, position)
            elif match["close"] and match["close"].lower() == own:
                return match.start(), match.end()
            elif match["boundary"]:
                break
            else:
                if cut is None and breaks.match(text, match.start() + 1):
                    cut = match.start()
                if match["again"] and cut is not None:
                    break  # to look on would be to look again and again
        at = cut if cut is not None else match.start() if match else len(text)
        return at, at

    def _end(self, tag: str) -> None:
        for index in range(len(self.open) - 1, -1, -1):
            if self.open[index][0] == tag:
                self._close_to(index)
                return

    def _close_entry(self) -> None:
        for index in range(len(self.open) - 1, -1, -1):
            if self.open[index][1] in ENTRIES:
                self._close_to(index)
                return

    def _close_to(self, length: int) -> None:
        while len(self.open) > length:
            self.open.pop()
            self.collector.end()


@cache
def _tokens(local: str, short: bool) -> re.Pattern[str]:
    """What may stand in an element of this name that holds text, or end it. Only the names of MARKUP come here: one
    pattern for each spelling of a tag took 42 s for 1 MB of them."""
    # Looked ahead once, not in each branch: 8 MiB of `<` took 3.3 s.
    return re.compile(
        rf"<(?=[!/a-z])(?:(?P<cdata>!\[CDATA\[)|/\s*+(?P<close>(?:[^\s<>/:]{{1,99}}+:)?{re.escape(local)})\s*+>"
        rf"|(?P<boundary>{_BOUNDARY})|(?P<again>(?:[^\s<>/:]{{1,99}}+:)?{re.escape(local)}(?=[\s/>]))"
        rf"|{_SHORT_BREAK if short else _BREAK})",
        re.IGNORECASE,
    )


_BREAKS = {short: re.compile(_SHORT_BREAK if short else _BREAK, re.IGNORECASE) for short in (False, True)}


MARKUP_RSS = frozenset({"title", "description", "content:encoded", "content", "summary"})


def _value(match: re.Match[str]) -> str:
    return next((value for value in match.groups()[1:] if value is not None), "")
