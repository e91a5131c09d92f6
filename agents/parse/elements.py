"""From the events of an XML reader to the elements of a feed and of each of its entries.

The strict reader (expat) and the tolerant one drive the same object. It knows where entries begin, which elements
hold markup, and what is relative to what; what the elements mean is decided in `mapping.py`.
"""

from __future__ import annotations

import re
from html import escape
from itertools import islice

from msgspec import Struct

from agents.content.urls import resolve
from agents.parse.found import MAX_BASE
from agents.parse.rejection import MAX_DEPTH, MAX_ENTRIES, too_many_entries
from agents.parse.vocabulary import Scope, declared, root_scope, short_name
from schemas import Format

MAX_ELEMENTS = 2000  # of one entry or feed; the rest is not read
MAX_ATTRIBUTES = 1000  # of one element
MAX_OPEN = 10_000  # elements at one place, those of markup too; more are opened only by who forgets to close them

ENTRIES = frozenset({"item", "atom:entry", "at:deleted-entry"})
ROOTS = frozenset({"rss", "rdf:RDF", "atom:feed", "channel"})

# Elements that may hold markup, escaped or (XHTML, and broken feeds of all kinds) as elements.
MARKUP = frozenset(
    {
        "title",
        "description",
        "content:encoded",
        "fulltext",
        "fullitem",
        "content",
        "summary",
        "body",
        "atom:title",
        "atom:subtitle",
        "atom:tagline",
        "atom:summary",
        "atom:content",
        "atom:description",
        "xhtml:body",
        "xhtml:div",
        "itunes:summary",
        "itunes:subtitle",
        "media:title",
        "media:description",
        "dc:title",
        "dc:description",
    }
)
# Elements whose children belong to the entry too: as `atom:author/atom:name`, or (the plain ones) under their own name.
_CONTAINERS = frozenset(
    {"atom:author", "atom:contributor", "at:by", "author", "image", "media:group", "media:content", "itunes:category"}
)
_PLAIN_CONTAINERS = frozenset({"media:group", "media:content", "itunes:category"})

_UNDECLARED = "?"  # no prefix means this
_VOID = frozenset(
    {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source", "track", "wbr"}
)
_TAG = re.compile(r"</?[A-Za-z][^<>]*>")


class Element(Struct, gc=False):
    """One element of a feed or an entry. `markup`: its text was put together from child elements, so it is HTML.

    `language` is None where nothing was declared, "" where a declaration was taken back.
    """

    name: str
    attributes: dict[str, str]
    base: str | None
    language: str | None
    text: str = ""
    markup: bool = False


class EntryElements(Struct, gc=False):
    """One entry: which element it is, its attributes, and what stands in it, in order. `feed`: what it stands in."""

    name: str
    attributes: dict[str, str]
    base: str | None
    language: str | None
    elements: list[Element]
    feed: list[Element]


class _Before(Struct, gc=False):
    """What an element changed, as it was outside. `scope`: only the prefixes that it declares, and which were none.

    A copy of the whole scope for each took 140 s where many prefixes are declared.
    """

    scope: Scope
    new: list[str | None]
    names: dict[str, str]
    base: str | None
    language: str | None


class _Open(Struct, gc=False):
    """An element that is not closed yet. `restore` is what it changed."""

    name: str
    element: Element | None
    listed: list[Element] | None
    restore: _Before | None


class Unclosed(Exception):  # noqa: N818 - what the document is
    """More than MAX_OPEN elements are open."""


class Collector:
    """Receives start tags, text and end tags, in order and balanced; fills `feed` and `entries`.

    There can be several roots, one behind the other: `feed`, its attributes and `language` are the first one's.
    `address` is where the document came from, for a relative `xml:base`. `is_too_deep`: elements beyond MAX_DEPTH were
    left out. Markup has a depth of its own: it is for enrich to judge, and of that entry alone. `start` raises
    Unclosed, and Rejection `too-many-entries`.
    """

    def __init__(self, format: Format, address: str | None = None) -> None:
        self.format = format
        self.feed: list[Element] = []
        self.feed_attributes: dict[str, str] = {}
        self.entries: list[EntryElements] = []
        self.language: str | None = None
        self.is_too_deep = False
        self._address = address
        self._in_entry = False
        self._root = self.feed
        self._roots = 0
        self._open: list[_Open] = []
        self._parts: list[str] = []
        self._markup: Element | None = None
        self._nested = 0
        self._beyond = 0
        self._closing: list[str] = []
        self._escaping = False
        self._scope: Scope = {}
        self._names: dict[str, str] = {}
        self._base: str | None = None
        self._language: str | None = None
        self._default = ""

    @property
    def in_entry(self) -> bool:
        return self._in_entry

    def name_of(self, tag: str) -> str:
        """The short name that a tag has here."""
        name = self._names.get(tag)
        if name is None:
            name = short_name(tag, self._scope)
            # a default namespace of their own on `<description xmlns="http://www.w3.org/1999/xhtml">`
            if ":" not in tag and name.startswith(("?:", "xhtml:")) and name not in MARKUP and self._open:
                name = short_name(tag, {None: self._default})
            self._names[tag] = name
        return name

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        if self._markup is not None:
            self._start_markup(self._markup, tag, attributes)
            return
        opened = self._open
        if len(opened) >= MAX_DEPTH:
            self._start_beyond()
            return
        if len(attributes) > MAX_ATTRIBUTES:
            attributes = dict(islice(attributes.items(), MAX_ATTRIBUTES))
        restore = None
        if attributes:
            for attribute in attributes:
                if attribute[:3] == "xml":
                    restore = self._enter(attributes)
                    break
        if not opened:
            self._begin(tag, attributes)
        name = self._names.get(tag) or self.name_of(tag)
        if name in ENTRIES and not self._in_entry:
            self._begin_entry(name, attributes)
            opened.append(_Open(name, None, self.entries[-1].elements, restore))
            return
        element = listed = None
        if opened:
            parent = opened[-1]
            listed = parent.listed
            if parent.element is not None and self._parts:
                parent.element.text = "".join(self._parts)
            if listed is not None and len(listed) < MAX_ELEMENTS and name[:2] != "?:" and name not in ROOTS:
                full = name
                if parent.element is not None and parent.name not in _PLAIN_CONTAINERS:
                    full = f"{parent.name}/{name}"
                element = Element(full, attributes, self._base, self._language)
                listed.append(element)
                if full in MARKUP:
                    self._begin_markup(element)
        if element is not None and name not in _CONTAINERS:
            listed = None
        elif element is None:
            listed = self._root if name in ROOTS and not self._in_entry else None
        opened.append(_Open(name, element, listed, restore))
        self._parts = []

    def text(self, data: str) -> None:
        self._parts.append(data if not self._escaping else self._escaped(data))

    def end(self, tag: str = "") -> None:
        """Close the innermost element; its name is not asked, for tags come balanced."""
        if self._nested:
            self._end_markup()
            return
        if self._beyond:
            self._beyond -= 1
            return
        closed = self._open.pop()
        element = closed.element
        if element is not None:
            if self._parts and (text := "".join(self._parts)).strip():
                element.text = text
            if self._markup is not None:
                if self._is_xhtml(element) and not element.markup:
                    element.text, element.markup = escape(element.text, quote=False), True
                self._markup, self._escaping = None, False
            self._parts = []
        elif closed.name in ENTRIES and closed.listed is not None:
            self._in_entry = False
        if closed.restore is not None:
            self._leave(closed.restore)
        if not self._open:
            self._scope, self._names = {}, {}

    def end_with_markup(self, html: str) -> None:
        """Close the open markup element, whose text is this HTML."""
        element = self._markup
        self.end()
        if element is not None:
            element.text, element.markup = html, True

    def drop_text(self) -> None:
        """Forget the text of the open element: the document ends in the middle of it."""
        self._parts = []

    @property
    def markup(self) -> Element | None:
        """The open element, if it is one that may hold markup."""
        return self._markup

    def _begin(self, tag: str, attributes: dict[str, str]) -> None:
        """The root decides what unprefixed names mean, whatever default namespace it declares."""
        self._scope, self._default = root_scope(tag, self._scope)
        self._names = {}
        if not self._roots:
            self.feed_attributes, self.language = attributes, self._language
        elif self.name_of(tag) in ROOTS:
            self._root = []  # another feed; an entry alone, behind its root, is still the last one's
        self._roots += 1

    def _begin_entry(self, name: str, attributes: dict[str, str]) -> None:
        if len(self.entries) >= MAX_ENTRIES:
            raise too_many_entries(self.format)
        self.entries.append(EntryElements(name, attributes, self._base, self._language, [], self._root))
        self._in_entry = True

    def _enter(self, attributes: dict[str, str]) -> _Before | None:
        scope = self._scope
        changed = {
            prefix: short for prefix, short in declared(attributes).items() if scope.get(prefix, _UNDECLARED) != short
        }
        base, language = attributes.get("xml:base"), attributes.get("xml:lang")
        if not changed and base is None and language is None:
            return None
        known = {prefix: scope[prefix] for prefix in changed if prefix in scope}
        before = _Before(
            known, [prefix for prefix in changed if prefix not in scope], self._names, self._base, self._language
        )
        if changed:
            scope.update(changed)
            self._names = {}
        if base is not None:
            absolute = resolve(base, self._base or self._address)
            if absolute and len(absolute) <= MAX_BASE:
                self._base = absolute
        if language is not None:
            self._language = language.strip()  # "" takes back what was declared further out
        return before

    def _leave(self, before: _Before) -> None:
        self._scope.update(before.scope)
        for prefix in before.new:
            del self._scope[prefix]
        self._names, self._base, self._language = before.names, before.base, before.language

    def _start_beyond(self) -> None:
        self.is_too_deep = True
        self._beyond += 1
        if self._beyond > MAX_OPEN:
            raise Unclosed

    def _begin_markup(self, element: Element) -> None:
        self._markup, self._nested, self._escaping = element, 0, False

    def _start_markup(self, element: Element, tag: str, attributes: dict[str, str]) -> None:
        if self._nested > MAX_OPEN:
            raise Unclosed
        if not element.markup:
            element.markup = True
            self._parts = [self._escaped("".join(self._parts))]
            self._escaping = True
        local = tag.rpartition(":")[2]
        self._parts.append(_start_tag(local, attributes))
        self._nested += 1
        self._closing.append("" if local.lower() in _VOID else f"</{local}>")

    def _end_markup(self) -> None:
        self._nested -= 1
        self._parts.append(self._closing.pop())

    def _escaped(self, data: str) -> str:
        """Text between child elements as HTML. Broken feeds put escaped HTML and elements side by side."""
        element = self._markup
        if element is not None and not self._is_xhtml(element) and _TAG.search(data):
            return data
        return escape(data, quote=False)

    def _is_xhtml(self, element: Element) -> bool:
        if element.name.startswith("xhtml:"):
            return True
        kind = element.attributes.get("type", "").lower()
        return element.name.startswith("atom:") and ("xhtml" in kind or element.attributes.get("mode") == "xml")


def _start_tag(name: str, attributes: dict[str, str]) -> str:
    shown = [f' {key}="{escape(value)}"' for key, value in attributes.items() if not key.startswith("xmlns")]
    return f"<{name}{''.join(shown)}>"
