"""Characters that do more on a terminal than be read, and how to show them instead.

Titles and messages come from strangers. An escape sequence in one can rename the window, hide a line or answer in
the user's name; a bidi override can turn a sentence round.
"""

from __future__ import annotations

UNSAFE = (
    "\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\ud800-\udfff\U000e0000-\U000e007f"
)
"""The inside of a character class: C0 (but for tab and line feed) and C1 controls, DEL; soft hyphen, Arabic letter
mark, Mongolian vowel separator, zero-width space, bidi marks, embeddings, overrides and isolates, line and paragraph
separators, word joiner and its kin, BOM, interlinear annotation, lone surrogates, tags. Zero-width joiner and
non-joiner are not in it: Persian and emoji need them."""


def visible(character: str) -> str:
    """One character as its escape: `\\x1b`, `\\u202e`, `\\U000e0041`."""
    code = ord(character)
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
