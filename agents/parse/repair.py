"""What is wrong with a feed's XML and can be put right in its text: characters and references unknown to XML."""

from __future__ import annotations

import html
import re
from html.entities import html5

CDATA, CDATA_END = "<![CDATA[", "]]>"

_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_STRAY = re.compile(r"&(?![A-Za-z][A-Za-z0-9]{1,31};|#\d{1,9};|#[xX][0-9A-Fa-f]{1,8};)")
_REFERENCE = re.compile(
    r"&(?!(?:amp|lt|gt|quot|apos);)(?:([A-Za-z][A-Za-z0-9]{1,31})|#(\d{1,9})|#[xX]([0-9A-Fa-f]{1,8}));"
)
_NUMERIC = re.compile(r"&#(?:(\d{1,9})|[xX]([0-9A-Fa-f]{1,8}));")
_XML_NAMES = (("&lt;", "<"), ("&gt;", ">"), ("&quot;", '"'), ("&apos;", "'"))
_C1_REFERENCE = re.compile(r"&#(?:(1[2-5]\d)|[xX]0{0,4}([89][0-9A-Fa-f]));")


def with_meant_characters(text: str) -> str:
    """Numeric references to the C1 controls are Windows-1252 (`&#146;` is an apostrophe); browsers agree."""
    if "&#" in text:
        return _C1_REFERENCE.sub(lambda match: html.unescape(match[0]), text)
    return text


def mended(text: str) -> str:
    """The text without forbidden characters, and with every `&` the beginning of a reference that XML knows."""
    text = _FORBIDDEN.sub("", text)
    if "&" not in text:
        return text
    pieces = []
    position = 0
    while True:
        start = text.find(CDATA, position)
        end = text.find(CDATA_END, start) if start >= 0 else -1
        if end < 0:
            pieces.append(_mended(text[position:]))
            return "".join(pieces)
        pieces.append(_mended(text[position:start]))
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
    return _REFERENCE.sub(_reference, _STRAY.sub("&amp;", text)) if "&" in text else text


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
