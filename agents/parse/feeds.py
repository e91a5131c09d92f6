"""RSS, RDF and Atom. Strictly first, then with the text mended, then as what it looks like.

Everything before the root goes, and with a DOCTYPE every entity bomb. The strict reader is expat with our own names.
feedparser-rs is some 25 µs an entry faster, and loses without a word the entries of prefixed Atom, `xml:base` and
`xml:lang` of RSS items, captions and tombstones. feedparser reads less of broken feeds than `soup.py` does, takes
0.5-4 ms an entry, and opens what looks like a file or an address.
"""

from __future__ import annotations

import re
from xml.parsers import expat

from agents.parse.elements import Collector, Element, Unclosed
from agents.parse.found import Document
from agents.parse.mapping import feed_authors, read_entry, read_feed
from agents.parse.rejection import Rejection, too_deep
from agents.parse.repair import mended, with_declared, with_meant_characters
from agents.parse.sniff import find_root
from agents.parse.soup import read_loosely
from schemas import DeadLetterCode, Flag, Format

JUNK_AFTER_ROOT = 9  # expat: XML_ERROR_JUNK_AFTER_DOC_ELEMENT

_PROLOG = re.compile(r"<\?xml\b[^<>]*>|<!DOCTYPE\b[^<>\[]*>", re.IGNORECASE)


def read(text: str, format: Format, address: str | None = None) -> Document:
    """Read a feed. `address` is where it came from, where that is known.

    Raises Rejection: `malformed-feed` where no root can be found, `too-deep`, `too-many-entries`.
    """
    if not (root := find_root(text)):
        raise Rejection(DeadLetterCode.MALFORMED_FEED, "The feed has no root element.", format)
    prolog, text = text[: root.start()], with_meant_characters(text[root.start() :])
    if "<!ENTITY" in prolog:
        text = with_declared(text, prolog)
    repaired = False
    collector = Collector(format, address)
    behind = _read_strictly(text, collector)
    if behind is None:
        repaired = True
        text = mended(text)
        collector = Collector(format, address)
        behind = _read_strictly(text, collector)
    if behind and (another := find_root(behind)):
        # `<rss>…</rss><item>…</item>`, and feeds one behind the other, each with its declaration
        behind = behind[another.start() :]
        if not repaired:
            repaired, text, behind = True, mended(text), mended(behind)
        behind = _read_strictly(_PROLOG.sub("", behind), collector, several=True)
    if behind is None:
        collector = Collector(format, address)
        read_loosely(text, collector)
    return _document(collector, repaired)


def _read_strictly(text: str, collector: Collector, *, several: bool = False) -> str | None:
    """What stands behind the root (or the roots, if there are `several`); None where the text is no well-formed XML.

    Raises Rejection: `too-many-entries`, and `too-deep` only where the elements are closed too. A feed that forgets
    to close them is no deep one.
    """
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.buffer_size = 65_536
    data = text.encode("utf-8", "replace")
    if several:
        parser.Parse("<feeds>")
    parser.StartElementHandler = collector.start
    parser.CharacterDataHandler = collector.text
    parser.EndElementHandler = collector.end
    try:
        parser.Parse(data, not several)
        if several:
            parser.EndElementHandler = None
            parser.Parse("</feeds>", True)
        behind = ""
    except expat.ExpatError as error:
        if error.code != JUNK_AFTER_ROOT or several:
            return None
        behind = data[parser.ErrorByteIndex :].decode("utf-8", "replace")
    except Unclosed:
        return None
    if collector.is_too_deep:
        raise too_deep(collector.format)
    return behind


def _document(collector: Collector, repaired: bool) -> Document:
    document = read_feed(collector.format, collector.feed, collector.feed_attributes, collector.language)
    feed: list[Element] | None = None
    authors: list[str] = []
    for elements in collector.entries:
        entry = read_entry(elements)
        document.entries.append(entry)
        if collector.format is Format.ATOM and not entry.authors and not entry.retraction:
            if elements.feed is not feed:
                feed, authors = elements.feed, feed_authors(elements.feed)
            entry.authors = authors
    if repaired:
        document.flags = [Flag.REPAIRED]
    return document
