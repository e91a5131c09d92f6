"""The names that feeds are written in: namespaces, as publishers spell them, to the short names that parse uses.

RSS names of every version are bare (`item`, `title`), Atom's are `atom:title`; the extensions have the prefix that
everybody knows them by, whatever prefix the document gives them.
"""

from __future__ import annotations

_NAMESPACES = {
    "http://www.w3.org/2005/atom": "atom",
    "http://purl.org/atom/ns": "atom",
    "http://example.com/newformat": "atom",  # drafts of Atom 0.2 and 0.3
    "http://example.com/necho": "atom",
    "http://purl.org/echo": "atom",
    "uri/of/echo/namespace": "atom",
    "http://purl.org/pie": "atom",
    "http://purl.org/atompub/tombstones/1.0": "at",
    "http://www.w3.org/1999/02/22-rdf-syntax-ns": "rdf",
    "http://purl.org/rss/1.0": "",
    "http://my.netscape.com/rdf/simple/0.9": "",
    "http://channel.netscape.com/rdf/simple/0.9": "",
    "http://backend.userland.com/rss": "",
    "http://backend.userland.com/rss2": "",
    "http://backend.userland.com/rss091": "",
    "http://backend.userland.com/rss092": "",
    "http://backend.userland.com/rss093": "",
    "http://blogs.law.harvard.edu/tech/rss": "",
    "http://cyber.law.harvard.edu/rss": "",
    "http://purl.org/net/rss1.1": "",
    "http://www.rssboard.org/rss-specification": "",
    "http://purl.org/rss/1.0/modules/content": "content",
    "http://purl.org/dc/elements/1.1": "dc",
    "http://purl.org/dc/elements/1.0": "dc",
    "http://purl.org/dc/terms": "dcterms",
    "http://search.yahoo.com/mrss": "media",
    "https://search.yahoo.com/mrss": "media",
    "http://search.yahoo.com/rss": "media",
    "http://www.rssboard.org/media-rss": "media",
    "http://www.itunes.com/dtds/podcast-1.0.dtd": "itunes",
    "http://example.com/dtds/podcast-1.0.dtd": "itunes",
    "http://www.itunes.com/dtds/podcast-1.0": "itunes",
    "http://www.w3.org/1999/xhtml": "xhtml",
    "http://rssnamespace.org/feedburner/ext/1.0": "feedburner",
    "http://purl.org/rss/1.0/modules/link": "l",
    "http://www.w3.org/xml/1998/namespace": "xml",
}

# Prefixes that documents use without declaring them.
_PREFIXES = {
    "atom": "atom",
    "atom10": "atom",
    "at": "at",
    "rdf": "rdf",
    "rss": "",
    "content": "content",
    "dc": "dc",
    "dcterms": "dcterms",
    "media": "media",
    "itunes": "itunes",
    "xhtml": "xhtml",
    "feedburner": "feedburner",
    "xml": "xml",
}

# RSS wrote some names in several ways; expat and XML tell upper from lower case, publishers do not.
_RSS_NAMES = {
    "pubdate": "pubDate",
    "lastbuilddate": "lastBuildDate",
    "managingeditor": "managingEditor",
    "rdf": "rdf:RDF",
}

Scope = dict[str | None, str | None]
"""Declared prefixes (None: the default namespace) and the short prefix that each means; None: one not known here."""


def short_prefix(namespace: str) -> str | None:
    """The short prefix of a namespace, "" for RSS, None for one that parse does not read."""
    return _NAMESPACES.get(namespace.strip().lower().rstrip("/#"))


def declared(attributes: dict[str, str]) -> Scope:
    """The namespaces that a start tag declares."""
    found: Scope = {}
    for name, value in attributes.items():
        if name == "xmlns" or name.startswith("xmlns:"):
            prefix = name[6:].lower() or None
            short = short_prefix(value)
            # `xmlns:dc="http://purl.org/dc/whatever"`: a known prefix keeps its meaning where the address has none
            found[prefix] = _PREFIXES.get(prefix) if short is None and prefix else short
    return found


def short_name(tag: str, scope: Scope) -> str:
    """The short name of an element; in a namespace not read here it begins with `?:`."""
    prefix, colon, local = tag.rpartition(":")
    if not colon:
        short = scope.get(None, "")
    else:
        lowered = prefix.lower()
        short = scope[lowered] if lowered in scope else _PREFIXES.get(lowered)
    if short is None:
        return f"?:{local}"
    lowered = local.lower()
    if short == "":
        return _RSS_NAMES.get(lowered, lowered)
    return "rdf:RDF" if short == "rdf" and lowered == "rdf" else f"{short}:{lowered}"


def root_scope(tag: str, scope: Scope) -> tuple[Scope, str]:
    """The scope below a root, and what its unprefixed names are.

    `<feed>` without a namespace is Atom, and `<rss xmlns="http://www.w3.org/2005/Atom">` is RSS: the name of the
    root is never wrong, its namespace often is.
    """
    prefix, _, local = tag.rpartition(":")
    local = local.lower()
    vocabulary = "atom" if local in ("feed", "entry") else ""
    inner = dict(scope)
    inner[prefix.lower() or None] = vocabulary
    if local == "rdf":
        inner[None] = ""
        if prefix:
            inner[prefix.lower()] = "rdf"
    return inner, vocabulary
