"""What entries of one document share: a link or a guid of different articles is no identity.

A document lists an article once, as a rule. So what it lists under one key is told apart more readily than what
comes one after another: it is one article only where its texts are much alike. Such are two sightings of it in an
array, an updated copy above the old one. Where the publisher gives each a guid or a link of its own, the texts must
be nearly the same.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from msgspec import Struct

from agents.content.identity import plain_title
from agents.content.sketch import Codes, fold_codes, similarity, sketch
from agents.parse.found import Found

SHORT_TEXT = 80
"""Letters. A sketch of fewer says little."""

OPENING = 64
"""Letters that two texts begin with alike: the one is an extract of the other, or it goes on."""

ALIKE = 0.5
NEARLY_THE_SAME = 0.8

_TAG = re.compile(r"<[^<>]*>")


class Keyed(Struct, frozen=True):
    """An entry and the keys of what it could be known by."""

    found: Found
    link: bytes | None
    guids: tuple[bytes, ...]

    @property
    def keys(self) -> tuple[bytes, ...]:
        return (self.link, *self.guids) if self.link else self.guids


def shared_keys(entries: Iterable[Keyed]) -> set[bytes]:
    """Keys that are no identity: several entries have them and are different articles.

    Each entry is compared with the one before it under the same key, so that the time is linear.
    """
    latest: dict[bytes, Keyed] = {}
    shared: set[bytes] = set()
    for entry in entries:
        told: dict[int, bool] = {}
        for key in entry.keys:
            before = latest.get(key)
            latest[key] = entry
            if before is None or key in shared:
                continue
            if id(before) not in told:
                told[id(before)] = _is_one_article(before, entry)
            if not told[id(before)]:
                shared.add(key)
    return shared


def stripped(html: str) -> str:
    """Roughly what is visible: no tags, no white space. Only told apart from nothing, hashed or sketched."""
    text = _TAG.sub("", html) if "<" in html else html
    return "".join(text.replace("&nbsp;", " ").split())


def _is_one_article(a: Keyed, b: Keyed) -> bool:
    if a.found.body == b.found.body and plain_title(a.found.title) == plain_title(b.found.title):
        return True
    title, other_title = fold_codes(a.found.title), fold_codes(b.found.title)
    text, other_text = fold_codes(stripped(a.found.body)), fold_codes(stripped(b.found.body))
    same_title = title.tobytes() == other_title.tobytes()
    same_text = text.tobytes() == other_text.tobytes()
    if same_title and same_text:
        return bool(text.size or title.size)
    parted = _told_apart(a, b)
    if min(text.size, other_text.size) >= SHORT_TEXT:
        if not parted and text[:OPENING].tobytes() == other_text[:OPENING].tobytes():
            return True
        alike = similarity(sketch(text, gram=5, bins=64), sketch(other_text, gram=5, bins=64))
        return alike >= (NEARLY_THE_SAME if parted else ALIKE)
    if parted:
        return False
    if same_title:
        return bool(title.size) and _begins(text, other_text)
    titles = similarity(sketch(title, gram=2, bins=32), sketch(other_title, gram=2, bins=32))
    return same_text and bool(text.size) and titles >= ALIKE


def _told_apart(a: Keyed, b: Keyed) -> bool:
    """Whether the publisher gives each of the two a link or a guid of its own."""
    if a.link and b.link and a.link != b.link:
        return True
    return bool(a.guids and b.guids) and not set(a.guids) & set(b.guids)


def _begins(a: Codes, b: Codes) -> bool:
    length = min(a.size, b.size)
    return a[:length].tobytes() == b[:length].tobytes()
