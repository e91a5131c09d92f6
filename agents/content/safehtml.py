"""HTML that is safe to show: an allow-list, written anew from the parsed tree and checked.

Nothing of the publisher's markup is copied. The writer puts down allowed elements with allowed attributes, and
only where a second parse would find them at the same place (`_Scope`, `_PARENTS`): sanitising twice changes nothing.
The result passes a second lock, which does not ask how it came about: it is of a grammar that can do no harm
(`harmless.py`), or nh3 (ammonia) goes over it with the same list.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import lru_cache

import nh3

from agents.content.harmless import is_harmless
from agents.content.text import without_debris

MAX_DEPTH = 512
"""Deepest nesting written. Blink flattens what is deeper; nh3 takes quadratic time in it (2.5 s at 20,000)."""

_RENAMED = {"strike": "s", "tt": "code", "menu": "ul", "dir": "ul", "listing": "pre", "xmp": "pre", "plaintext": "pre"}


def _names(listed: str) -> frozenset[str]:
    return frozenset(listed.split())


_INLINE = _names("a abbr b bdi cite code del dfn em i ins kbd mark q rp rt ruby s samp small strong sub sup time u var")
_HEADINGS = _names("h1 h2 h3 h4 h5 h6")
_PARENTS: Mapping[str, frozenset[str]] = {
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

_WRITTEN = _INLINE | _BLOCKS | _PARENTS.keys()
_NUMBER = re.compile(r"[0-9]{1,5}")
_DIRECTION = re.compile(r"(?:ltr|rtl|auto)", re.IGNORECASE)
_LANGUAGE = re.compile(r"[A-Za-z]{1,8}(?:-[A-Za-z0-9]{1,8}){0,7}")
_FREE = re.compile(r"(?s).{0,2000}")

# Attributes besides the addresses, each with what its value must look like.
_EVERYWHERE = {"dir": _DIRECTION, "lang": _LANGUAGE}
_ATTRIBUTES = {
    ("a", "title"): _FREE,
    ("abbr", "title"): _FREE,
    ("dfn", "title"): _FREE,
    ("ol", "start"): _NUMBER,
    ("td", "colspan"): _NUMBER,
    ("td", "rowspan"): _NUMBER,
    ("th", "colspan"): _NUMBER,
    ("th", "rowspan"): _NUMBER,
    ("time", "datetime"): re.compile(r"[0-9A-Za-z:.+ -]{1,40}"),
}
_IMAGE_ATTRIBUTES = {"alt": _FREE, "title": _FREE, "width": _NUMBER, "height": _NUMBER}
_REL = "noopener noreferrer"
_AMPERSAND = "\ufdd0"
_NO_BREAK = "\ufdd1"


class _Rule:
    """How an element is written. `parents`: the only ones it has; `counted`: what may stand in it depends on it, and
    it on more than a `<p>` around it; `kept`: names of the attributes that it can have."""

    __slots__ = ("begin", "counted", "end", "is_block", "is_paragraph", "kept", "parents", "tag")

    def __init__(self, tag: str) -> None:
        self.tag = tag
        self.begin = f"<{tag}>"
        self.end = f"</{tag}>"
        self.parents = _PARENTS.get(tag)
        self.is_block = tag in _BLOCKS
        self.is_paragraph = tag == "p"
        self.counted = tag in {"a"} | _HEADINGS | _LISTS | _CELLS | _ITEMS.keys()
        self.kept = frozenset(_EVERYWHERE) | {name for owner, name in _ATTRIBUTES if owner == tag}


_RULES: Mapping[str, _Rule] = {
    **{tag: _Rule(tag) for tag in _WRITTEN},
    **{tag: _Rule("div") for tag in _AS_DIV},
    **{tag: _Rule(renamed) for tag, renamed in _RENAMED.items()},
}


class _Scope:
    """What is open since the last table cell began: a parser looks no further when it decides what to close."""

    __slots__ = ("heading", "items", "link", "paragraph")

    def __init__(self) -> None:
        self.paragraph = 0
        self.heading = 0
        self.link = 0
        self.items: list[str] = []

    def admits(self, tag: str) -> bool:
        """Whether `tag` here would stay where it is put: no link in a link, no item in an item of the same list…"""
        if tag == "a":
            return not self.link
        if self.heading and tag in _HEADINGS:
            return False
        if rivals := _ITEMS.get(tag):
            for open_item in reversed(self.items):
                if open_item in _LISTS:
                    break
                if open_item in rivals:
                    return False
        return True

    def count(self, tag: str, step: int) -> None:
        if tag == "a":
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

    __slots__ = ("_limit", "_mark", "_open", "_out", "_pre", "_scope", "_scopes", "_size", "_stack", "_write", "full")

    def __init__(self, limit: int | None = None) -> None:
        """`limit`: bytes of UTF-8 after which nothing more is written; measuring costs time, so None is usual."""
        self._out: list[str] = []
        self._stack: list[_Rule | None] = []  # one for each element of the tree; None where it is not written
        self._open = [""]  # the tags written and not yet closed
        self._scope = _Scope()
        self._scopes: list[_Scope] = []
        self._pre = False
        self._limit = limit
        self._size = 0
        self._write: Callable[[str], None] = self._out.append if limit is None else self._measured
        self._mark: tuple[int, list[str]] = (0, [])
        self.full = False

    def afresh(self) -> SafeWriter:
        """A new one with the same limit."""
        return SafeWriter(self._limit)

    def open(self, tag: str, attributes: Mapping[str, str | None], address: str | None = None) -> None:
        """Begin an element. `address` is the link of an `<a>`, absolute and of a safe scheme."""
        rule = _RULES.get(tag)
        if rule is None or self.full or not self._fits(rule):
            self._stack.append(None)
            return
        self._stack.append(rule)
        self._open.append(rule.tag)
        if rule.is_paragraph:
            self._scope.paragraph += 1
        elif rule.counted:
            self._count(rule.tag)
        if address is None and rule.kept.isdisjoint(attributes):
            self._write(rule.begin)
        else:
            self._write(_with_attributes(rule, attributes, address))
        self._pre = rule.tag == "pre"

    def close(self) -> None:
        """End the element that was begun last."""
        if (rule := self._stack.pop()) is None:
            return
        self._open.pop()
        self._pre = False
        if rule.is_paragraph:
            self._scope.paragraph -= 1
        elif rule.counted:
            self._discount(rule.tag)
        self._write(rule.end)
        if self._limit is not None and not self.full and rule.tag in _BLOCKS:
            self._mark = (len(self._out), self._open[1:])

    def void(self, tag: str) -> None:
        """A `<br>` or `<hr>`."""
        if self._open[-1] not in _SKELETON and not (tag == "hr" and self._scope.paragraph):
            self._write(f"<{tag}>")
            self._pre = False

    def image(self, address: str, attributes: Mapping[str, str | None]) -> None:
        if self._open[-1] in _SKELETON:
            return
        self._pre = False
        parts = [f'<img src="{_quoted(address)}"']
        for name, form in _IMAGE_ATTRIBUTES.items():
            value = attributes.get(name)
            if value and form.fullmatch(value):
                parts.append(f' {name}="{_quoted(value)}"')
        parts.append(">")
        self._write("".join(parts))

    def text(self, data: str) -> None:
        if self._open[-1] in _SKELETON and not data.isspace():
            return
        if "&" in data or "<" in data or ">" in data:
            data = data.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
        if self._pre:
            data = data.lstrip("\n")  # a parser drops the first line feed of a <pre>, each time it reads it
            self._pre = not data
        self._write(data)

    def written(self) -> str:
        """What was written, not yet checked. What is still open is closed."""
        if self.full:
            length, open_tags = self._mark
            del self._out[length:]
            self._out.extend(f"</{tag}>" for tag in reversed(open_tags))
        return "".join(self._out)

    def finish(self) -> str:
        """The whole, checked."""
        return checked(self.written())

    def _fits(self, rule: _Rule) -> bool:
        parent = self._open[-1]
        if rule.parents is not None:
            return parent in rule.parents
        if parent in _SKELETON or (rule.is_block and self._scope.paragraph):
            return False
        return not rule.counted or self._scope.admits(rule.tag)

    def _count(self, tag: str) -> None:
        if tag in _CELLS:
            self._scopes.append(self._scope)
            self._scope = _Scope()
        else:
            self._scope.count(tag, 1)

    def _discount(self, tag: str) -> None:
        if tag in _CELLS:
            self._scope = self._scopes.pop()
        else:
            self._scope.count(tag, -1)

    def _measured(self, piece: str) -> None:
        if not self.full:
            self._size += len(piece.encode("utf-8", "replace")) + 5 * piece.count("\xa0")
            self._out.append(piece)
            self.full = self._limit is not None and self._size > self._limit


def _with_attributes(rule: _Rule, attributes: Mapping[str, str | None], address: str | None) -> str:
    tag = rule.tag
    text = f"<{tag}"
    if address is not None and tag == "a":
        text += f' href="{_quoted(address)}"'
    for name, value in attributes.items():
        if value and name in rule.kept and (_EVERYWHERE.get(name) or _ATTRIBUTES[tag, name]).fullmatch(value):
            text += f' {name}="{_quoted(value)}"'
    return f'{text} rel="{_REL}">' if tag == "a" else text + ">"


def checked(written: str) -> str:
    """What a SafeWriter wrote, as it may be shown."""
    html = written.replace("\xa0", "&nbsp;")
    return html if is_harmless(html) else cleaned(written)


def cleaned(written: str) -> str:
    """What a SafeWriter wrote, without what cannot be seen and as nh3 leaves it."""
    html = without_debris(written)
    # nh3 takes quadratic time to write `&` and no-break spaces (7 s for 2 MB): noncharacters, of which none is
    # left here, stand for them meanwhile
    safe: str = _cleaner().clean(html.replace("&amp;", _AMPERSAND).replace("\xa0", _NO_BREAK))
    return safe.replace(_AMPERSAND, "&amp;").replace(_NO_BREAK, "&nbsp;")


def _quoted(value: str) -> str:
    return value.replace("&", "&amp;").replace('"', "&quot;").replace("<", "&lt;").replace(">", "&gt;")


@lru_cache(maxsize=1)
def _cleaner() -> nh3.Cleaner:
    attributes: dict[str, set[str]] = {"*": set(_EVERYWHERE), "a": {"href"}, "img": {"src", *_IMAGE_ATTRIBUTES}}
    for tag, name in _ATTRIBUTES:
        attributes.setdefault(tag, set()).add(name)
    return nh3.Cleaner(
        tags=set(_WRITTEN) | {"br", "hr", "img"},
        attributes=attributes,
        url_schemes={"http", "https", "mailto", "tel", "ftp"},
        url_relative="deny",
        link_rel=_REL,
    )
