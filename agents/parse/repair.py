"""What is wrong with a feed's XML and can be put right in its text: characters and references unknown to XML."""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from html.entities import html5

MAX_PROLOG = 65_536  # characters of a DOCTYPE in which entities are looked for
MAX_DECLARED = 100  # entities; the lists of HTML's own that RSS 0.91 had are known anyway
MAX_VALUE = 1024  # characters
MAX_GROWTH = 1_048_576  # characters

CDATA, CDATA_END = "<![CDATA[", "]]>"

_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
# A reference, once every `&` has become one. Eight million stray ones cost half a second more if looked for one by one.
_KEPT = re.compile(r"&amp;(?=[A-Za-z][A-Za-z0-9]{1,31};|#\d{1,9};|#[xX][0-9A-Fa-f]{1,8};)")
_REFERENCE = re.compile(
    r"&(?!(?:amp|lt|gt|quot|apos);)(?:([A-Za-z][A-Za-z0-9]{1,31})|#(\d{1,9})|#[xX]([0-9A-Fa-f]{1,8}));"
)
_NUMERIC = re.compile(r"&#(?:(\d{1,9})|[xX]([0-9A-Fa-f]{1,8}));")
# A declaration of plain text: a value with references, markup or parameters of its own stays unknown.
_ENTITY = re.compile(r"<!ENTITY\s+([A-Za-z_][\w.-]{0,63})\s+([\"'])((?:(?!\2)(?:[^&%<]|&#))*)\2\s*>")
_KNOWN = html5.keys()
_XML_NAMES = (("&lt;", "<"), ("&gt;", ">"), ("&quot;", '"'), ("&apos;", "'"))
# An emoji as its two halves of UTF-16; in a body often escaped once more.
_HALVES = re.compile(
    r"&(?:amp;)?#(?:(5[56]\d{3})|[xX]0{0,3}([dD][89abAB][0-9a-fA-F]{2}));"
    r"&(?:amp;)?#(?:(5[67]\d{3})|[xX]0{0,3}([dD][c-fC-F][0-9a-fA-F]{2}));"
)
_C1_REFERENCE = re.compile(r"&#(?:(1[2-5]\d)|[xX]0{0,4}([89][0-9A-Fa-f]));")


def with_meant_characters(text: str) -> str:
    """Numeric references to the C1 controls are Windows-1252 (`&#146;` is an apostrophe); browsers agree. Two that
    name the halves of one character are that character."""
    if "&#" in text:
        text = _C1_REFERENCE.sub(lambda match: html.unescape(match[0]), text)
    return _HALVES.sub(_whole, text) if "#" in text else text


def _whole(match: re.Match[str]) -> str:
    high, low = _number(match[1], match[2]), _number(match[3], match[4])
    if not (0xD800 <= high <= 0xDBFF and 0xDC00 <= low <= 0xDFFF):
        return match[0]
    return chr(0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00))


def with_declared(text: str, prolog: str) -> str:
    """The text with the entities that its DOCTYPE declares, those that are plain text, in their place.

    Values are taken once and never read again, and the text grows by MAX_GROWTH at most: no bomb goes off.
    """
    declared = {
        name: html.unescape(value)
        for name, _, value in _ENTITY.findall(prolog[:MAX_PROLOG])
        if len(value) <= MAX_VALUE and f"{name};" not in _KNOWN
    }
    names = list(declared)
    if not names or len(names) > MAX_DECLARED:
        return text
    reference = re.compile(f"&({'|'.join(map(re.escape, names))});")
    room = MAX_GROWTH

    def value_of(match: re.Match[str]) -> str:
        nonlocal room
        room -= len(declared[match[1]])
        return html.escape(declared[match[1]]) if room >= 0 else match[0]

    return _outside_cdata(text, lambda piece: reference.sub(value_of, piece))


def mended(text: str) -> str:
    """The text without forbidden characters, and with every `&` the beginning of a reference that XML knows."""
    text = _FORBIDDEN.sub("", text)
    return _outside_cdata(text, _mended) if "&" in text else text


def _outside_cdata(text: str, change: Callable[[str], str]) -> str:
    pieces = []
    position = 0
    while True:
        start = text.find(CDATA, position)
        end = text.find(CDATA_END, start) if start >= 0 else -1
        if end < 0:
            pieces.append(change(text[position:]))
            return "".join(pieces)
        pieces.append(change(text[position:start]))
        pieces.append(text[start : end + len(CDATA_END)])
        position = end + len(CDATA_END)


def unescaped(text: str) -> str:
    """The references of mended text as characters; there are no other names than XML's five."""
    if "&" not in text:
        return text
    if "&#" in text:
        text = _NUMERIC.sub(_character, text)
    for reference, character in _XML_NAMES:
        text = text.replace(reference, character)
    return text.replace("&amp;", "&")


def _mended(text: str) -> str:
    return _REFERENCE.sub(_reference, _KEPT.sub("&", text.replace("&", "&amp;"))) if "&" in text else text


def _reference(match: re.Match[str]) -> str:
    name, decimal, hexadecimal = match.groups()
    if name:
        characters = html5.get(f"{name};")
        return html.escape(characters) if characters else f"&amp;{name};"
    number = _number(decimal, hexadecimal)
    if number in (9, 10, 13) or 32 <= number < 127 or (number > 0x9F and _is_character(number)):
        return match[0]
    if number < 32 or number == 127:
        return ""  # a control character was never a letter that is missed
    return html.unescape(match[0]) if 0x80 <= number <= 0x9F else "\ufffd"


def _character(match: re.Match[str]) -> str:
    number = _number(match[1], match[2])
    if number == ord("&"):
        return "&amp;"
    return chr(number) if _is_character(number) else "\ufffd"


def _number(decimal: str | None, hexadecimal: str | None) -> int:
    return int(decimal) if decimal else int(hexadecimal or "0", 16)


def _is_character(number: int) -> bool:
    return number <= 0xD7FF or 0xE000 <= number <= 0xFFFD or 0x10000 <= number <= 0x10FFFF
