"""The terminal: what may reach it, and the consoles that write to it.

Titles and messages come from strangers. An escape sequence in one can rename the window, hide a line or answer in
the user's name; a bidi override can turn a sentence round. None of them reaches a terminal as itself.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

# C0 (but for line break and tab) and C1 controls, DEL; invisible formats: soft hyphen, Arabic letter mark, Mongolian
# vowel separator, zero-width space, bidi marks, embeddings, overrides and isolates, line and paragraph separators,
# word joiner and its kin, BOM, interlinear annotation, lone surrogates, tags.
# Zero-width joiner and non-joiner stay: Persian and emoji need them.
_UNSAFE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff"
    "\ufff9-\ufffb\ud800-\udfff\U000e0000-\U000e007f]"
)


def safe(text: str) -> str:
    """Text for a terminal: control, escape and bidi characters as visible `\\x1b`, `\\u202e`. Idempotent."""
    return _UNSAFE.sub(_visible, text)


def safe_line(text: str) -> str:
    """The same on one line: white space of any kind becomes one space."""
    return safe(" ".join(text.split()))


def safe_json(text: str) -> str:
    """JSON for a terminal: the same value, with such characters as JSON escapes."""
    return _UNSAFE.sub(_json_escape, text)


def console(*, stderr: bool = False, width: int | None = None) -> Console:
    """A console that takes text as it is: no markup, no emoji names, no highlighting. 80 columns where it is piped."""
    from rich.console import Console

    made = Console(stderr=stderr, markup=False, emoji=False, highlight=False, soft_wrap=False, width=width)
    if width is None and not made.is_terminal:
        made.width = 80
    return made


def _visible(match: re.Match[str]) -> str:
    code = ord(match[0])
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _json_escape(match: re.Match[str]) -> str:
    code = ord(match[0])
    if code < 0x10000:
        return f"\\u{code:04x}"
    code -= 0x10000
    return f"\\u{0xD800 + (code >> 10):04x}\\u{0xDC00 + (code & 0x3FF):04x}"
