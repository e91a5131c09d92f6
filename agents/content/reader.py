"""One walk over the markup: what each element means for the text, the links, the images and the safe HTML.

The hard part is captions; they are read in `captions.py`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from msgspec import Struct
from turbohtml.saxparse import SaxHandler, sax_parse

from agents.content import pictures
from agents.content.captions import MAX_SMALL_CAPTION, Captions, Picture, is_caption
from agents.content.flow import CELL, LINE, NOTHING, PARAGRAPH, ROW, TABLE, Flow
from agents.content.safehtml import MAX_DEPTH, SafeWriter
from agents.content.text import clean_line
from agents.content.urls import as_given, is_absolute, resolve

MAX_LISTED = 1000
"""Links and images kept of one body."""


MAX_LINK_TEXT = 1000
"""Characters. Links can stand in each other, and each has the text of all within: 200 around 6 MB took 2.6 GB."""
MAX_TAGS = 150_000
"""Of one body, each `<` for one; what follows is not read. A tag costs some six microseconds and some hundred bytes,
and 8 MiB hold three million."""


class MarkupTooDeep(ValueError):  # noqa: N818  (it says what the markup is, not what we did)
    """The body is nested deeper than MAX_DEPTH; enrich makes it a dead letter `too-deep`."""


class FoundLink(Struct, frozen=True):
    """A link of the body: absolute, of a safe scheme. `text` is its visible text, "" for a bare picture,
    cut at MAX_LINK_TEXT with an ellipsis."""

    url: str
    text: str


class FoundImage(Struct, frozen=True):
    """An image of the body: absolute, proxies and all. `given`: the address letter by letter as it stands, if that is
    absolute; None where it is the same."""

    url: str
    alt: str | None = None
    caption: str | None = None
    given: str | None = None


_SURROGATES = re.compile("[\ud800-\udfff]+")


def read(html: str, base: str | None, writer: SafeWriter | None) -> Reader:
    """Walk over a body. With a `writer` addresses are made absolute and MarkupTooDeep is possible; without, neither."""
    if "noscript" in html or "NOSCRIPT" in html:
        html = _without_unscripted(html)
    if cut := html.count("<") > MAX_TAGS:
        html = html[: len(html) - len(html.split("<", MAX_TAGS)[-1]) - 1]
    # `<body>` first, so that a <frameset> is ignored and a <title> or <style> does not open a head
    reader = Reader(base, writer)
    try:
        sax_parse("<!DOCTYPE html><body>" + html, reader)
    except UnicodeDecodeError:  # a lone surrogate in a tag or the name of an attribute
        reader = Reader(base, writer and writer.afresh())
        sax_parse("<!DOCTYPE html><body>" + _SURROGATES.sub("", html), reader)
    reader.truncated |= cut
    return reader


_NOSCRIPT_ELEMENT = re.compile(r"<noscript\b[^<>]*>(.*?)</noscript\s*>", re.IGNORECASE | re.DOTALL)
_NOSCRIPT_END = re.compile(r".*</noscript\s*>", re.IGNORECASE | re.DOTALL)
_IMG_TAG = re.compile(r"<img\b[^<>]*>", re.IGNORECASE)


def _without_unscripted(html: str) -> str:
    """A browser that runs scripts takes all up to `</noscript>` for text and shows none of it, whatever is closed in
    between. Of it only pictures are left, for they may stand for a lazy one."""
    if not (closed := _NOSCRIPT_END.match(html)):
        return html
    shown = _NOSCRIPT_ELEMENT.sub(
        lambda match: f"<noscript>{''.join(_IMG_TAG.findall(match[1]))}</noscript>", closed[0]
    )
    return shown + html[closed.end() :]


# What an element is for us. One that only parts text is the boundary itself (PARAGRAPH … TABLE of flow.py).
_INLINE = NOTHING
_BR, _HR, _PRE, _LIST, _LINK, _IMG, _SMALL, _FIGURE, _FIGCAPTION, _SOURCE, _ANNOTATION, _NOSCRIPT, _SKIP = range(10, 23)

_KINDS: Mapping[str, int] = {
    name: kind
    for kind, names in {
        PARAGRAPH: "address article aside blockquote body center details dialog div fieldset footer form h1 h2 h3 h4 h5"
        " h6 header hgroup html legend main nav p search section summary",
        LINE: "li dd dt",
        CELL: "td th mtd",
        ROW: "thead tbody tfoot tr mtr",
        TABLE: "table caption",
        _BR: "br",
        _HR: "hr",
        _PRE: "pre listing xmp plaintext",
        _LIST: "ul ol dl menu dir",
        _LINK: "a",
        _IMG: "img",
        _SMALL: "small",
        _FIGURE: "figure",
        _FIGCAPTION: "figcaption",
        _SOURCE: "source",
        _ANNOTATION: "rp rt rtc",  # pronunciation, set above the text: not part of it
        _NOSCRIPT: "noscript",
        # not shown, or no text: a player's fallback, the choices of a form, a formula once more in TeX
        _SKIP: "annotation annotation-xml mjx-assistive-mml"
        " applet area audio base basefont bgsound canvas col colgroup datalist embed frame frameset head iframe"
        " input link map meta meter noembed noframes object optgroup option param progress script select"
        " style svg template textarea title track video",
    }.items()
    for name in names.split()
}
_NO_ATTRIBUTES: Mapping[str, str | None] = {}

_EMOJI_CLASSES = frozenset({"emoji", "wp-smiley"})
# A formula once more, for screen readers; the style sheets of KaTeX and MathJax hide it.
_ASSISTIVE = frozenset({"katex-mathml", "MJX_Assistive_MathML", "MJX_Assistive_MathML MJX_Assistive_MathML_Block"})
_NOWHERE = "http://invalid/"
_HIDING = re.compile(r"(?:^|[;\s])(?:display\s*:\s*none|visibility\s*:\s*(?:hidden|collapse))\b", re.IGNORECASE)


class Reader(SaxHandler):
    """Follows the events of one parse."""

    def __init__(self, base: str | None, writer: SafeWriter | None) -> None:
        self.base = base
        self.writer = writer
        self.links: list[FoundLink] = []
        self.truncated = False
        self._flow = Flow()
        self._depth = 0
        self._skip = 0
        self._noscript = False
        self._lazy: Mapping[str, str | None] | None = None
        self._lists = 0
        self._anchors: list[tuple[str | None, Flow, int]] = []
        self._captions = Captions()
        self._beside: list[Flow] = []
        self._sources: list[str] = []

    def text(self) -> str:
        return self._flow.finish()

    def found_images(self) -> list[FoundImage]:
        return [
            FoundImage(image.url, image.alt, image.caption, image.given)
            for image in self._captions.pictures
            if image.url
        ]

    def start_element(self, tag: str, attrs: tuple[tuple[str, str | None], ...]) -> None:
        self._depth += 1
        if self._skip:
            self._skip += 1
            if self._noscript and tag == "img":
                self._stand_in(dict(attrs))
            return
        kind = _KINDS.get(tag, _INLINE)
        attributes = _NO_ATTRIBUTES
        if attrs:
            attributes = dict(attrs)
            if (
                "hidden" in attributes
                or attributes.get("class") in _ASSISTIVE
                or ((style := attributes.get("style")) and _HIDING.search(style))
            ):
                kind = _SKIP
        if kind >= _NOSCRIPT:
            self._skip = 1
            self._noscript = kind == _NOSCRIPT
            return
        address = self._link(attributes) if kind == _LINK else None
        if self.writer is not None:
            if self._depth > MAX_DEPTH:
                raise MarkupTooDeep(f"markup is nested deeper than {MAX_DEPTH} elements")
            self.writer.open(tag if address or kind != _LINK else "span", attributes, address)
        if kind > TABLE:
            self._begin(kind, attributes)
        elif kind > self._flow.pending:
            self._flow.pending = kind
        if self._captions.place == self._flow.pieces and (names := attributes.get("class")) and is_caption(names):
            inline = kind in (_INLINE, _LINK, _SMALL)
            self._flow = self._captions.begin_behind_picture(self._flow, self._depth, inline=inline)

    def end_element(self, tag: str) -> None:
        self._depth -= 1
        if self._skip:
            self._skip -= 1
            if not self._skip:
                self._noscript = False
            return
        if self._captions.depth > self._depth:
            self._flow = self._captions.end(self._flow)
        if self.writer is not None:
            self.writer.close()
        kind = _KINDS.get(tag, _INLINE)
        if kind > TABLE:
            self._end(kind)
        elif kind > self._flow.pending:
            self._flow.pending = kind

    def characters(self, data: str) -> None:
        if self._skip:
            return
        if data.isspace():  # half of all pieces: the line feeds between the tags
            self._flow.space(data)
        else:
            if self._captions.is_unsure:
                self._captions.settle(self._flow)
            self._flow.text(data)
        if self.writer is not None:
            self.writer.text(data)

    def _begin(self, kind: int, attributes: Mapping[str, str | None]) -> None:
        flow = self._flow
        if kind == _BR:
            flow.line_break()
            if self.writer is not None:
                self.writer.void("br")
        elif kind == _IMG:
            self._image(attributes)
        elif kind == _LIST:
            # lists inside lists go on with lines; only the outermost is a paragraph of its own
            flow.boundary(LINE if self._lists else PARAGRAPH)
            self._lists += 1
        elif kind == _PRE:
            flow.begin_preformatted()
        elif kind == _SMALL:
            self._flow = self._captions.begin_behind_picture(flow, self._depth, inline=True, limit=MAX_SMALL_CAPTION)
        elif kind == _FIGURE:
            flow.boundary(PARAGRAPH)
            self._captions.begin_figure()
        elif kind == _FIGCAPTION:
            flow.boundary(PARAGRAPH)
            self._flow = self._captions.begin_in_figure(flow, self._depth)
        elif kind == _SOURCE:
            if (given := attributes.get("srcset")) and len(self._sources) < MAX_LISTED:
                self._sources.append(given)
        elif kind == _ANNOTATION:
            self._beside.append(flow)
            self._flow = Flow()
        elif kind == _HR:
            flow.boundary(PARAGRAPH)
            if self.writer is not None:
                self.writer.void("hr")

    def _end(self, kind: int) -> None:
        if kind == _LINK:
            self._end_link(*self._anchors.pop())
        elif kind == _LIST:
            self._lists -= 1
            self._flow.boundary(LINE if self._lists else PARAGRAPH)
        elif kind == _PRE:
            self._flow.end_preformatted()
        elif kind == _FIGURE:
            self._captions.end_figure()
            self._flow.boundary(PARAGRAPH)
        elif kind == _FIGCAPTION:
            self._flow.boundary(PARAGRAPH)
        elif kind == _ANNOTATION:
            self._flow = self._beside.pop()

    # links

    def _link(self, attributes: Mapping[str, str | None]) -> str | None:
        href = attributes.get("href")
        address = resolve(href, self.base) if href and self.writer else None
        self._anchors.append((address, self._flow, self._flow.place()))
        return address

    def _end_link(self, address: str | None, flow: Flow, place: int) -> None:
        if not address:
            return
        if len(self.links) < MAX_LISTED:
            self.links.append(FoundLink(address, flow.since(place, MAX_LINK_TEXT)))
        else:
            self.truncated = True

    # images

    def _image(self, attributes: Mapping[str, str | None]) -> None:
        alt = clean_line(attributes.get("alt") or "")
        names = attributes.get("class")
        if names and len(alt) <= 12 and not _EMOJI_CLASSES.isdisjoint(names.lower().split()):
            self.characters(alt)  # WordPress shows emoji as pictures
            return
        picture, self._sources = self._sources, []
        if pictures.is_pixel(attributes):
            return
        if len(self._captions.pictures) >= MAX_LISTED:
            self.truncated = True
            return
        for given in pictures.sources(attributes, picture):
            if address := _picture_address(given):
                if not pictures.is_tracker(address):
                    self._add_image(given, address, alt, attributes)
                return
        self._lazy = attributes

    def _add_image(self, given: str, nowhere: str, alt: str, attributes: Mapping[str, str | None]) -> None:
        """`nowhere`: the address as `_picture_address` has it."""
        self._lazy = None
        if not self._beside:
            self._flow = self._captions.unwrap(self._flow)
        # "" where it is relative to nothing: its caption is a caption all the same, so that the text does not
        # depend on `base`
        address = ""
        if self.writer:
            address = nowhere if is_absolute(given) else resolve(given, self.base) or ""
        picture = Picture(address, alt or None, as_given(given, address) if address else None)
        self._captions.add(picture, self._flow)
        if self.writer and address:
            self.writer.image(address, attributes)

    def _stand_in(self, attributes: Mapping[str, str | None]) -> None:
        """The picture in a `<noscript>` stands for the lazy one before it that has no address of its own."""
        lazy = self._lazy
        if lazy is not None and len(self._captions.pictures) < MAX_LISTED and not pictures.is_pixel(attributes):
            for given in pictures.sources(attributes):
                if (address := _picture_address(given)) and not pictures.is_tracker(address):
                    both = {**lazy, **attributes}
                    self._add_image(given, address, clean_line(both.get("alt") or ""), both)
                    return


def _picture_address(given: str) -> str | None:
    """The address of a picture on the web, relative ones as if to nowhere; None for `data:` and the like."""
    address = resolve(given, _NOWHERE)
    return address if address and address.startswith(("http:", "https:")) else None
