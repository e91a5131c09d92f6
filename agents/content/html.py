"""Markup read once: the text that a person sees, safe HTML, links and images.

The parser (turbohtml) builds the tree as browsers do, in linear time whatever the input, and reports it as
events; nothing here recurses, so depth costs nothing. Only the sanitiser is choosy about it: `read_html` refuses
what is nested deeper than MAX_DEPTH, `visible_text` never does.
"""

from __future__ import annotations

import re

from msgspec import Struct

from agents.content.reader import MAX_LISTED, FoundImage, FoundLink, MarkupTooDeep, read
from agents.content.safehtml import SafeWriter, checked
from agents.content.text import clean_line, cut_at_paragraph

__all__ = [
    "MAX_LISTED",
    "FoundImage",
    "FoundLink",
    "MarkupTooDeep",
    "Page",
    "read_html",
    "read_plain",
    "sanitize",
    "visible_text",
]

MAX_TEXT_BYTES = 1 << 20
MAX_HTML_BYTES = 2 << 20


class Page(Struct, frozen=True):
    """What a body holds. `truncated`: something was beyond the limits above and is not here."""

    text: str
    html: str
    links: list[FoundLink]
    images: list[FoundImage]
    truncated: bool = False


def read_html(html: str, base: str | None = None) -> Page:
    """Read a body. `base` is what relative addresses are relative to; without it they are dropped.

    The text has no image captions: they are on the images. A caption is what stands in a `figcaption` beside an
    image, in an element with a caption's class right behind one, or in a `<small>` right behind one; what is not
    surely a caption stays in the text. Raises MarkupTooDeep beyond MAX_DEPTH, and nothing else.
    """
    writer = SafeWriter()
    reader = read(html, base, writer)
    text, truncated = reader.text(), reader.truncated
    written = writer.written()
    safe = checked(written) if len(written) <= MAX_HTML_BYTES else None
    if safe is None or _bytes_over(safe, MAX_HTML_BYTES):
        safe, truncated = _shortened(html, base, text), True
    kept = cut_at_paragraph(text, MAX_TEXT_BYTES)
    return Page(kept, safe, reader.links, reader.found_images(), truncated or len(kept) < len(text))


def read_plain(body: str) -> Page:
    """Read a body without markup: blank lines part paragraphs, and `html` shows the same."""
    text = plain_text(body)
    kept = cut_at_paragraph(text, MAX_TEXT_BYTES)
    html = _paragraphs(kept)
    if _bytes_over(html, MAX_HTML_BYTES):  # a body of nothing but `&` and `<` grows fivefold
        html = _paragraphs(cut_at_paragraph(kept, MAX_HTML_BYTES // 6))
    return Page(kept, html, [], [], len(kept) < len(text))


def visible_text(body: str, is_html: bool) -> str:
    """The `text` of `read_html` or `read_plain` alone. Never raises, linear in the length of the body."""
    text = read(body, None, None).text() if is_html else plain_text(body)
    return cut_at_paragraph(text, MAX_TEXT_BYTES)


def sanitize(html: str, base: str | None = None) -> str:
    """The `html` of `read_html`: safe to show, and the same again when sanitised again. Raises MarkupTooDeep."""
    return read_html(html, base).html


_BLANK_LINES = re.compile(r"\n(?:[^\S\n]*\n)+")


def plain_text(body: str) -> str:
    """Paragraphs of a body without markup: lines kept, white space in them collapsed, nothing unseen."""
    lines = body.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return _BLANK_LINES.sub("\n\n", "\n".join(map(clean_line, lines))).strip("\n")


def _paragraphs(text: str) -> str:
    writer = SafeWriter()
    for paragraph in text.split("\n\n") if text else ():
        writer.open("p", {})
        for number, line in enumerate(paragraph.split("\n")):
            if number:
                writer.void("br")
            writer.text(line)
        writer.close()
    return writer.finish()


def _bytes_over(text: str, limit: int) -> bool:
    return len(text) * 4 > limit and len(text.encode("utf-8", "replace")) > limit


def _shortened(html: str, base: str | None, text: str) -> str:
    writer = SafeWriter(MAX_HTML_BYTES)
    read(html, base, writer)
    # one block longer than all that is allowed: its text, at least
    return writer.finish() or _paragraphs(cut_at_paragraph(text, MAX_HTML_BYTES // 6))
