"""The terminal: what may reach it, and the consoles that write to it.

Nothing of `content/unsafe.py` reaches it as itself.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from agents.content.unsafe import UNSAFE, visible

if TYPE_CHECKING:
    from rich.console import Console

_UNSAFE = re.compile(f"[{UNSAFE}]")


def safe(text: str) -> str:
    """Text for a terminal: control, escape and bidi characters as visible `\\x1b`, `\\u202e`. Idempotent."""
    return _UNSAFE.sub(lambda match: visible(match[0]), text)


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


def _json_escape(match: re.Match[str]) -> str:
    code = ord(match[0])
    if code < 0x10000:
        return f"\\u{code:04x}"
    code -= 0x10000
    return f"\\u{0xD800 + (code >> 10):04x}\\u{0xDC00 + (code & 0x3FF):04x}"
