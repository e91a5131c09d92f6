"""HTML that is safe to show: an allow-list, written anew from the parsed tree and checked by nh3.

Nothing of the publisher's markup is copied. The writer puts down allowed elements with allowed attributes, and
only where a second parse would find them at the same place (`_Scope`), so that sanitising twice changes nothing.
nh3 (ammonia) then goes over the result with the same list: two locks, and the second one is not ours.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache

import nh3

from agents.content.text import without_debris

MAX_DEPTH = 512
"""Deepest nesting written. Blink flattens what is deeper; nh3 takes quadratic time in it (2.5 s at 20,000)."""

_RENAMED = {"strike": "s", "tt": "code", "menu": "ul", "dir": "ul", "listing": "pre", "xmp": "pre", "plaintext": "pre"}


def _names(listed: str) -> frozenset[str]:
    return frozenset(listed.split())


_INLINE = _names("a abbr b bdi cite code del dfn em i ins kbd mark q rp rt ruby s samp small strong sub sup time u var")
_HEADINGS = _names("h1 h2 h3 h4 h5 h6")
_TABLE_PARENTS: Mapping[str, frozenset[str]] = {
    "caption": frozenset({"table"}),
    "thead": frozenset({"table"}),
    "tbody": frozenset({"table"}),
    "tfoot": frozenset({"table"}),
    "tr": frozenset({"thead", "tbody", "tfoot"}),
    "td": frozenset({"tr"}),
    "th": frozenset({"tr"}),
    "rt": frozenset({"ruby"}),
    "rp": frozenset({"ruby"}),
}
_SKELETON = _names("table thead tbody tfoot tr")
_BLOCKS = _HEADINGS | _names(
    "article aside blockquote dd div dl dt figcaption figure footer header li ol p pre section table ul"
)
# Blocks that are not on the list still part what stands before and after them.
_AS_DIV = _names("address center details dialog fieldset form hgroup legend main nav search summary")
_CELLS = frozenset({"td", "th", "caption"})
_LISTS = frozenset({"ul", "ol", "dl"})
_ITEMS = {"li": frozenset({"li"}), "dd": frozenset({"dd", "dt"}), "dt": frozenset({"dd", "dt"})}

_WRITTEN = _INLINE | _BLOCKS | _TABLE_PARENTS.keys()
_NUMBER = re.compile(r"[0-9]{1,5}")
_DIRECTION = re.compile(r"(?:ltr|rtl|auto)", re.IGNORECASE)
_LANGUAGE = re.compile(r"[A-Za-z]{1,8}(?:-[A-Za-z0-9]{1,8}){0,7}")
_FREE = re.compile(r"(?s).{0,2000}")

# Attributes besides the addresses, each with what its value must look like.
_EVERYWHERE = {"dir": _DIRECTION, "lang": _LANGUAGE}
_ATTRIBUTES: Mapping[str, Mapping[str, re.Pattern[str]]] = {
    "a": {"title": _FREE},
    "abbr": {"title": _FREE},
    "dfn": {"title": _FREE},
    "ol": {"start": _NUMBER},
    "td": {"colspan": _NUMBER, "rowspan": _NUMBER},
    "th": {"colspan": _NUMBER, "rowspan": _NUMBER},
    "time": {"datetime": re.compile(r"[0-9A-Za-z:.+ -]{1,40}")},
}
_REL = "noopener noreferrer"


class _Scope:
    """What is open since the last table cell began: a parser looks no further when it decides what to close."""

    __slots__ = ("heading", "items", "link", "paragraph")

    def __init__(self) -> None:
        self.paragraph = 0
        self.heading = 0
        self.link = 0
        self.items: list[str] = []

    def admits(self, tag: str) -> bool:
        """Whether `tag` here would stay where it is put: no paragraph in a paragraph, no link in a link…"""
        if tag == "a":
            return not self.link
        if tag not in _BLOCKS:
            return True
        if self.paragraph or (tag in _HEADINGS and self.heading):
            return False
        if rivals := _ITEMS.get(tag):
            for open_item in reversed(self.items):
                if open_item in _LISTS:
                    break
                if open_item in rivals:
                    return False
        return True

    def count(self, tag: str, step: int) -> None:
        if tag == "p":
            self.paragraph += step
        elif tag == "a":
            self.link += step
        elif tag in _HEADINGS:
            self.heading += step
        elif tag in _LISTS or tag in _ITEMS:
            if step > 0:
                self.items.append(tag)
            else:
                self.items.pop()


class SafeWriter:
    """Writes safe HTML from the events of a parse: `open` and `close` for every element, in order."""

    __slots__ = ("_limit", "_mark", "_out", "_scope", "_scopes", "_size", "_stack", "full")

    def __init__(self, limit: int | None = None) -> None:
        """`limit`: bytes of UTF-8 after which nothing more is written; measuring costs time, so None is usual."""
        self._out: list[str] = []
        self._stack: list[str] = []
        self._scope = _Scope()
        self._scopes: list[_Scope] = []
        self._limit = limit
        self._size = 0
        self._mark: tuple[int, list[str]] = (0, [])
        self.full = False

    def open(self, tag: str, attributes: Mapping[str, str | None], address: str | None = None) -> None:
        """Begin an element. `address` is the link of an `<a>`, absolute and of a safe scheme."""
        tag = _RENAMED.get(tag, tag)
        if tag not in _WRITTEN:
            tag = "div" if tag in _AS_DIV else ""
        if not tag or self.full or not self._fits(tag):
            self._stack.append("")
            return
        self._stack.append(tag)
        if tag in _CELLS:
            self._scopes.append(self._scope)
            self._scope = _Scope()
        else:
            self._scope.count(tag, 1)
        if not attributes:
            self._write(f"<{tag}>")
            return
        parts = [f"<{tag}"]
        if address is not None and tag == "a":
            parts.append(f' href="{_quoted(address)}" rel="{_REL}"')
        for rules in (_ATTRIBUTES.get(tag), _EVERYWHERE):
            for name, form in rules.items() if rules else ():
                value = attributes.get(name)
                if value and form.fullmatch(value):
                    parts.append(f' {name}="{_quoted(value)}"')
        parts.append(">")
        self._write("".join(parts))

    def close(self) -> None:
        """End the element that was begun last."""
        tag = self._stack.pop()
        if not tag:
            return
        if tag in _CELLS:
            self._scope = self._scopes.pop()
        else:
            self._scope.count(tag, -1)
        self._write(f"</{tag}>")
        if self._limit is not None and not self.full and tag in _BLOCKS:
            self._mark = (len(self._out), [tag for tag in self._stack if tag])

    def void(self, tag: str) -> None:
        """A `<br>` or `<hr>`."""
        if not self._in_skeleton() and not (tag == "hr" and self._scope.paragraph):
            self._write(f"<{tag}>")

    def image(self, address: str, attributes: Mapping[str, str | None]) -> None:
        if self._in_skeleton():
            return
        parts = [f'<img src="{_quoted(address)}"']
        for name, form in (("alt", _FREE), ("title", _FREE), ("width", _NUMBER), ("height", _NUMBER)):
            value = attributes.get(name)
            if value and form.fullmatch(value):
                parts.append(f' {name}="{_quoted(value)}"')
        parts.append(">")
        self._write("".join(parts))

    def text(self, data: str) -> None:
        if self._in_skeleton() and not data.isspace():
            return
        if "&" in data or "<" in data or ">" in data:
            data = data.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
        if self._out and self._out[-1].startswith("<pre"):
            data = data.lstrip("\n")  # a parser drops the first line feed of a <pre>, each time it reads it
        self._write(data)

    def finish(self) -> str:
        """The whole, checked by nh3. Elements still open are closed."""
        if self.full:
            length, open_tags = self._mark
            del self._out[length:]
            self._out.extend(f"</{tag}>" for tag in reversed(open_tags))
        return str(_cleaner().clean(without_debris("".join(self._out))))

    def _fits(self, tag: str) -> bool:
        parent = next((name for name in reversed(self._stack) if name), "")
        if parents := _TABLE_PARENTS.get(tag):
            return parent in parents
        return parent not in _SKELETON and self._scope.admits(tag)

    def _in_skeleton(self) -> bool:
        return bool(self._stack) and self._stack[-1] in _SKELETON

    def _write(self, piece: str) -> None:
        if self._limit is None:
            self._out.append(piece)
        elif not self.full:
            self._size += len(piece.encode("utf-8", "replace")) + 5 * piece.count("\xa0")
            self._out.append(piece)
            self.full = self._size > self._limit


def _quoted(value: str) -> str:
    return value.replace("&", "&amp;").replace('"', "&quot;").replace("<", "&lt;").replace(">", "&gt;")


@lru_cache(maxsize=1)
def _cleaner() -> nh3.Cleaner:
    attributes = {tag: set(rules) for tag, rules in _ATTRIBUTES.items()}
    attributes["a"] |= {"href"}
    attributes["img"] = {"src", "alt", "title", "width", "height"}
    attributes["*"] = set(_EVERYWHERE)
    return nh3.Cleaner(
        tags=set(_WRITTEN) | {"br", "hr", "img"},
        attributes=attributes,
        url_schemes={"http", "https", "mailto", "tel", "ftp"},
        url_relative="deny",
        link_rel=_REL,
    )
