"""RSS, RDF and Atom. Strictly first, then with the text mended, then as what it looks like.

Everything before the root goes, and with a DOCTYPE every entity bomb. The strict reader is expat with our own names.
feedparser-rs is some 25 µs an entry faster, and loses without a word the entries of prefixed Atom, `xml:base` and
`xml:lang` of RSS items, captions and tombstones. feedparser reads less of broken feeds than `soup.py` does, takes
0.5-4 ms an entry, and opens what looks like a file or an address.
"""

from __future__ import annotations

from xml.parsers import expat

from agents.parse.elements import Collector, Unclosed
from agents.parse.found import Document
from agents.parse.mapping import feed_authors, read_entry, read_feed
from agents.parse.rejection import Rejection, too_deep
from agents.parse.repair import mended, with_declared, with_meant_characters
from agents.parse.sniff import find_root
from agents.parse.soup import read_loosely
from schemas import DeadLetterCode, Flag, Format

JUNK_AFTER_ROOT = 9  # expat: XML_ERROR_JUNK_AFTER_DOC_ELEMENT


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
    if not _read_strictly(text, collector):
        repaired = True
        text = mended(text)
        collector = Collector(format, address)
        if not _read_strictly(text, collector):
            collector = Collector(format, address)
            read_loosely(text, collector)
    return _document(collector, repaired)


def _read_strictly(text: str, collector: Collector) -> bool:
    """False where the text is no well-formed XML; what stands behind the root does not count.

    Raises Rejection: `too-many-entries`, and `too-deep` only where the elements are closed too. A feed that forgets
    to close them is no deep one.
    """
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.buffer_size = 65_536
    parser.StartElementHandler = collector.start
    parser.CharacterDataHandler = collector.text
    parser.EndElementHandler = collector.end
    try:
        parser.Parse(text.encode("utf-8", "replace"), True)
    except expat.ExpatError as error:
        if error.code != JUNK_AFTER_ROOT:
            return False
    except Unclosed:
        return False
    if collector.is_too_deep:
        raise too_deep(collector.format)
    return True


def _document(collector: Collector, repaired: bool) -> Document:
    document = read_feed(collector.format, collector.feed, collector.feed_attributes, collector.language)
    entries = [read_entry(entry) for entry in collector.entries]
    document.entries.extend(entries)
    if collector.format is Format.ATOM and (authors := feed_authors(collector.feed)):
        for entry in entries:
            if not entry.authors and not entry.retraction:
                entry.authors = authors
    if repaired:
        document.flags = [Flag.REPAIRED]
    return document
