"""Titles as plain text: what feeds do to a headline before it gets here."""

from __future__ import annotations

import html
import re

from agents.content.text import one_line

MAX_LENGTH = 8192  # characters; a longer title is a body in the wrong place, and regular expressions run over it

_SPACE = re.compile(r"[ \t\r\n\f\v]+")
_LONG_REFERENCE = re.compile(r"&#[xX]?[0-9a-fA-F]{8,}")  # html.unescape raises ValueError on 4,301 digits
_ENTITY = re.compile(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")

_INLINE = (
    "a abbr acronym b bdi bdo big br cite code del dfn div em font h1 h2 h3 h4 i img ins kbd mark nobr p q s samp small"
    " span strike strong sub sup tt u var wbr"
)
_NAMES = "|".join(_INLINE.split())
_TAG = re.compile(rf"</?(?:{_NAMES})(?:\s[^<>]*)?/?>", re.IGNORECASE)
_LINE_BREAK = re.compile(r"<(?:br|/?(?:p|div|h[1-4]))(?:\s[^<>]*)?/?>", re.IGNORECASE)
_CLOSING = re.compile(rf"</({_NAMES})\s*>|<(?:br|img|wbr)\b[^<>]*>", re.IGNORECASE)

# Elements that no browser shows, whatever stands in them; and their end tags.
_UNSEEN = tuple(
    (
        re.compile(rf"<{name}\b[^<>]*>.*?</{name}\s*>", re.IGNORECASE | re.DOTALL),
        re.compile(rf"</{name}\s*>", re.IGNORECASE),
    )
    for name in ("script", "style", "iframe")
)


def plain(text: str) -> str:
    """A title that is text already: entities decoded, one line, white space and spelling as published."""
    return _line(_without_unseen(_decoded(text)[:MAX_LENGTH]))


def from_html(text: str) -> str:
    """A title that may hold HTML. Tags of formatting go; other angle brackets are words (`the <canvas> tag`).

    Titles escaped once too often, markup or entities, are read as what they were. Scripts, style sheets and frames
    go with what stands in them.
    """
    text = text[:MAX_LENGTH]
    if "<" in text:
        text = _without_tags(_without_unseen(text))
    if "&" in text:
        text = _without_pairs(_unescape(text))
        text = _decoded(text)
    if "\n" in text or "\t" in text or "  " in text:
        text = _SPACE.sub(" ", text)
    return _line(text)


def from_text(text: str) -> str:
    """A title that its feed declares to be plain text; feeds declare it and send HTML nevertheless."""
    return _line(_decoded(_without_pairs(text[:MAX_LENGTH])))


def line(text: str) -> str:
    """A title that was read before: one line, nothing decoded a second time. Idempotent."""
    return _line(text)


def _without_pairs(text: str) -> str:
    """Without tags of formatting, but only where some element is closed: a lone `<b>` is what is talked about."""
    text = _without_unseen(text)
    return _without_tags(text) if "<" in text and _CLOSING.search(text) else text


def _without_tags(text: str) -> str:
    """A line break parts words: `Breaking<br>News`."""
    broken, found = _LINE_BREAK.subn(" ", text)
    text = _TAG.sub("", broken)
    return _SPACE.sub(" ", text) if found else text


def _without_unseen(text: str) -> str:
    if "</" not in text:
        return text
    for element, closing in _UNSEEN:
        # behind the last end tag each start tag would look for one in vain
        ends = [match.end() for match in closing.finditer(text)]
        if ends:
            text = element.sub("", text[: ends[-1]]) + text[ends[-1] :]
    return text


def _decoded(text: str) -> str:
    return _unescape(text) if "&" in text and _ENTITY.search(text) else text


def _unescape(text: str) -> str:
    return html.unescape(_LONG_REFERENCE.sub("\ufffd", text))


def _line(text: str) -> str:
    return one_line(text[:MAX_LENGTH])
