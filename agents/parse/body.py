"""Which of the texts that an entry brings is its body, and what was done to it on its way."""

from __future__ import annotations

import html
import re
from collections.abc import Sequence

from msgspec import Struct

from agents.parse.repair import CDATA, CDATA_END, unescaped

# Elements that articles are made of. A text that names others (`<canvas>`, `<script>`) may be one about HTML.
_NAMES = (
    "a abbr b blockquote br center cite code dd del div dl dt em figcaption figure font h1 h2 h3 h4 h5 h6 hr i img ins"
    " li ol p pre q s section small span strong sub sup table tbody td th thead tr u ul"
)
_ELEMENTS = frozenset(_NAMES.split())
_VOID = frozenset({"br", "hr", "img"})
_TAG = re.compile(r"<(/?)([A-Za-z][A-Za-z0-9]*)(?:\s[^<>]*)?/?>")
_MARKUP = re.compile(r"<[/A-Za-z!?]")
# Markup that shows no text. What is never closed goes on to the end, as in browsers. No group may capture in a
# possessive repeat: Python 3.11 raises SystemError.
_UNSEEN = "|".join(rf"<{name}\b.*?(?:</{name}\s*>|\Z)" for name in ("script", "style", "iframe", "noscript"))
_NO_TEXT = re.compile(
    rf"(?:\s++|<!--.*?(?:-->|\Z)|{_UNSEEN}|</?[A-Za-z][^<>]*+>"
    r"|&(?:nbsp|ensp|emsp|thinsp|#160|#8203|#[xX](?:[aA]0|200[bB]));)*+",
    re.DOTALL | re.IGNORECASE,
)
_PICTURE = re.compile(r"<img\b", re.IGNORECASE)


class Body(Struct, frozen=True):
    """A text as it came. `is_html`: it is markup, or text in which nobody escaped anything."""

    text: str
    is_html: bool


def choose(bodies: Sequence[Body]) -> tuple[int, Body]:
    """The place of the first body that shows any text, and the body; of none, the first.

    Bodies before it that hold pictures stay, behind the text: some publishers put the picture into the content and
    the text into the description. `bodies` must not be empty.
    """
    if len(bodies) == 1 or shows(bodies[0]):
        return 0, bodies[0]
    place = next((place for place, body in enumerate(bodies) if place and shows(body)), 0)
    found = bodies[place]
    pictures = [body.text for body in bodies[:place] if body.is_html and _PICTURE.search(body.text)]
    if not pictures:
        return place, found
    shown = found.text if found.is_html else "<br>".join(html.escape(found.text, quote=False).split("\n"))
    return place, Body("\n".join([f"<div>{shown}</div>", *pictures]), is_html=True)


def unescaped_twice(text: str) -> str:
    """HTML that was escaped once more than its format asks for, as what it was.

    Only where it holds no markup as it stands, and all of it is markup when undone: begun and ended by tags, each
    opened one closed, and none that an article about HTML would speak of.
    """
    if "&lt;" not in text or _MARKUP.search(text):
        return text
    undone = unescaped(text.strip())
    if not (undone.startswith("<") and undone.endswith(">")):
        return text
    open_tags: list[str] = []
    found = 0
    for match in _TAG.finditer(undone):
        closing, name = match[1], match[2].lower()
        if name not in _ELEMENTS:
            return text
        found += 1
        if name in _VOID:
            continue
        if not closing:
            open_tags.append(name)
        elif not open_tags or open_tags.pop() != name:
            return text
    whole = found and not open_tags and undone.count("<") == found
    return undone if whole else text


def without_cdata(text: str) -> str:
    """A text in the marks of CDATA that its feed escaped (`&lt;![CDATA[…]]&gt;`), without them."""
    bare = text.strip()
    if not (bare.startswith(CDATA) and bare.endswith(CDATA_END)):
        return text
    return bare.replace(CDATA, "").replace(CDATA_END, "")


def shows(body: Body) -> bool:
    """Whether any text is seen. Cheaper than a parser, which is not asked what hides something by its style."""
    if not body.is_html:
        return bool(body.text.strip())
    match = _NO_TEXT.match(body.text)
    return match is None or match.end() < len(body.text)
