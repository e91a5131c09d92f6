"""What the elements of RSS, RDF, Atom and their extensions mean."""

from __future__ import annotations

import re
from base64 import b64decode
from collections.abc import Iterable

from agents.content.text import clean_line
from agents.content.urls import canonicalize, resolve
from agents.parse import title as titles
from agents.parse.body import Body, choose, shows, unescaped_twice, without_cdata
from agents.parse.elements import Element, EntryElements
from agents.parse.found import Document, Found, bounded_int, bounded_seconds, inherited
from schemas import Attachment, FeedImage, Format

MAX_KEYWORDS = 4096  # characters of a list of keywords

Elements = dict[str, list[Element]]

# Bare `content`, `published` and the like are Atom's names in RSS; `atom:pubdate` and `atom:description` RSS's in Atom.
_TITLES = ("title", "atom:title", "dc:title", "media:title")
_BODIES = (
    "content:encoded",
    "atom:content",
    "xhtml:body",
    "xhtml:div",
    "fulltext",
    "fullitem",
    "content",
    "body",
    "description",
    "atom:description",
    "atom:summary",
    "summary",
    "itunes:summary",
    "media:description",
    "itunes:subtitle",
    "dc:description",
)
_PLAIN_BODIES = frozenset({"itunes:summary", "itunes:subtitle", "media:description", "dc:description"})
_PUBLISHED = (
    "pubDate",
    "atom:published",
    "atom:issued",
    "dcterms:issued",
    "dc:date",
    "atom:created",
    "dcterms:created",
    "published",
    "date",
    "atom:pubdate",
)
_UPDATED = ("atom:updated", "atom:modified", "dcterms:modified", "updated")
_GUIDS = ("guid", "atom:id", "dc:identifier")
_CATEGORIES = ("category", "atom:category", "dc:subject", "media:category", "itunes:category")
_KEYWORDS = ("itunes:keywords", "media:keywords", "tags")  # several in one element, with commas

_HTML = re.compile(
    r"</(?:p|a|b|i|div|span|em|strong|ul|ol|li|h\d|table|blockquote|figure)\s*>|<(?:br|img|p|hr)\b[^<>]*>", re.I
)
_ADDRESS = re.compile(r"https?://\S+", re.IGNORECASE)
_MAILBOX = re.compile(r"\s*[^\s@()<>]+@[^\s@()<>]+\s*\(([^()]+)\)\s*")
_MAILBOX_BEHIND = re.compile(r"\s*([^()<>@]+?)\s*\(\s*[^\s@()<>]+@[^\s@()<>]+\s*\)\s*")
_NAMED_MAILBOX = re.compile(r"\s*\"?([^\"<>@]+?)\"?\s*<[^<>]*@[^<>]*>\s*")
_IMAGE_FILE = re.compile(r"\.(?:jpe?g|png|gif|webp|avif)(?:[?#]|$)", re.IGNORECASE)


def read_feed(format: Format, elements: list[Element], attributes: dict[str, str], language: str | None) -> Document:
    """What the feed says of itself; its entries come later."""
    by_name = _by_name(elements)
    home = _first_text(by_name, "link") or _linked(by_name, "alternate") or _about(attributes)
    return Document(
        format=format,
        entries=[],
        address=_linked(by_name, "self"),
        home=home,
        base=home if format is not Format.ATOM and home and _ADDRESS.match(home) else None,
        title=_title(by_name) or None,
        language=language or _first_text(by_name, "language") or _first_text(by_name, "dc:language"),
    )


def feed_authors(elements: list[Element]) -> list[str]:
    """Atom: who wrote the entries that name nobody."""
    by_name = _by_name(elements)
    return inherited(_authors({name: found for name, found in by_name.items() if name.startswith("atom:author")}))


def read_entry(entry: EntryElements) -> Found:
    """One entry. Never raises: what has the wrong form is not there."""
    if entry.name == "at:deleted-entry":
        return _deleted(entry)
    by_name = _by_name(entry.elements)
    about = _about(entry.attributes)
    guid = next((text for name in _GUIDS if (text := _first_text(by_name, name))), None) or about
    link, link_base = _link(by_name, entry)
    element, body, rest = _body(by_name)
    published = [text for name in _PUBLISHED if name in by_name for text in _texts(by_name, name)]
    updated = [text for name in _UPDATED if name in by_name for text in _texts(by_name, name)]
    attachments, images = _media(entry)
    return Found(
        title=_title(by_name),
        link=link,
        link_base=link_base,
        guid=guid,
        body=body.text,
        body_is_html=body.is_html,
        base=(element.base if element else None) or entry.base,
        authors=_authors(by_name),
        categories=_categories(by_name),
        attachments=attachments,
        images=images,
        language=_language(by_name, element, entry),
        published=published,
        updated=updated,
        extra=[element.text for element in rest],
    )


def _language(by_name: Elements, body: Element | None, entry: EntryElements) -> str | None:
    declared = entry.language if body is None or body.language is None else body.language
    return declared or _first_text(by_name, "dc:language") or declared


def _deleted(entry: EntryElements) -> Found:
    """An Atom tombstone (RFC 6721): `ref` is the id of the entry that its publisher took back."""
    reference = entry.attributes.get("ref", "").strip() or None
    when = entry.attributes.get("when", "").strip()
    by_name = _by_name(entry.elements)
    link, link_base = _link(by_name, entry)
    return Found(
        guid=reference,
        link=link,
        link_base=link_base,
        base=entry.base,
        updated=[when] if when else [],
        retraction=True,
    )


def _about(attributes: dict[str, str]) -> str | None:
    """RDF's name of a thing, whatever the prefix of RDF is here."""
    for name, value in attributes.items():
        if name.rpartition(":")[2] == "about":
            return value.strip() or None
    return None


def _by_name(elements: list[Element]) -> Elements:
    found: Elements = {}
    for element in elements:
        if "<![CDATA[" in element.text:
            element.text = without_cdata(element.text)
        listed = found.get(element.name)
        if listed is None:
            found[element.name] = [element]
        else:
            listed.append(element)
    return found


def _texts(by_name: Elements, name: str) -> list[str]:
    if name not in by_name:
        return []
    return [text for element in by_name[name] if (text := element.text.strip())]


def _first_text(by_name: Elements, name: str) -> str | None:
    for element in by_name.get(name, ()):
        if text := element.text.strip():
            return text
    return None


def _title(by_name: Elements) -> str:
    for name in _TITLES:
        for element in by_name.get(name, ()):
            if text := _plain_title(element):
                return text
    return ""


def _unpacked(element: Element) -> Element | None:
    """An element of Atom whose text stands in base64 as text; None where it holds something else in it."""
    if not element.name.startswith("atom:") or element.markup:
        return element
    kind = element.attributes.get("type", "").strip().lower()
    if element.attributes.get("mode") != "base64" and (not kind or _is_text(kind)):
        return element
    try:
        text = b64decode("".join(element.text.split()), validate=True).decode()
    except ValueError:
        return None
    if kind and kind != "application/octet-stream" and not _is_text(kind):
        return None
    return Element(element.name, {"type": "html"}, element.base, element.language, text)


def _is_text(kind: str) -> bool:
    return kind in ("text", "html", "xhtml") or kind.startswith("text/") or "xml" in kind


def _plain_title(packed: Element) -> str:
    if (element := _unpacked(packed)) is None:
        return ""
    declared = element.attributes.get("type", "")
    plain = element.name == "atom:title" and not element.markup and "html" not in declared
    return titles.from_text(element.text) if plain else titles.from_html(element.text)


def _link(by_name: Elements, entry: EntryElements) -> tuple[str | None, str | None]:
    """The entry's page as written, and what it is relative to."""
    permalink = _permalink(by_name)
    # FeedBurner counts clicks on its own address and keeps the publisher's here
    for name in ("feedburner:origlink", "link"):
        for element in by_name.get(name, ()):
            if href := (element.text.strip() or element.attributes.get("href", "").strip()):
                if permalink and href != permalink and not _is_page(href) and _is_page(permalink):
                    return permalink, None
                return href, element.base
    for element in _atom_links(by_name, "alternate"):
        return element.attributes["href"].strip(), element.base
    if permalink:
        return permalink, None
    # as a last resort an identifier that looks like a page's address
    for text in (_about(entry.attributes) or "", *_texts(by_name, "atom:id")):
        if _ADDRESS.fullmatch(text):
            return text, None
    return None, None


def _permalink(by_name: Elements) -> str | None:
    """The guid, where it is an address and its feed does not say that it is none."""
    for element in by_name.get("guid", ()):
        is_link = element.attributes.get("isPermaLink", element.attributes.get("ispermalink", "true")).strip().lower()
        if is_link != "false" and _ADDRESS.fullmatch(text := element.text.strip()):
            return text
    return None


def _is_page(href: str) -> bool:
    """Whether a link may lead to one article: no script, no place in its own page, no front page."""
    if href.startswith("#"):
        return href.startswith(("#/", "#!"))
    if not href.strip("/") or href[:11].lower() == "javascript:":
        return False
    if not href[:8].lower().startswith(("http://", "https://")):
        return True
    found = canonicalize(href)
    return found is not None and not found.is_root


def _atom_links(by_name: Elements, rel: str) -> list[Element]:
    """Links of a kind, web pages first."""
    found = [
        element
        for element in by_name.get("atom:link", ())
        if _rel(element) == rel and element.attributes.get("href", "").strip()
    ]
    if len(found) > 1:
        found.sort(key=lambda element: element.attributes.get("type", "text/html") not in _PAGES)
    return found


_PAGES = frozenset({"text/html", "application/xhtml+xml", ""})


def _rel(element: Element) -> str:
    rel = element.attributes.get("rel", "").strip().lower() or "alternate"
    return rel.removeprefix("http://www.iana.org/assignments/relation/")


def _linked(by_name: Elements, rel: str) -> str | None:
    for element in _atom_links(by_name, rel):
        href = element.attributes["href"].strip()
        return (resolve(href, element.base) or href) if element.base else href
    return None


def _body(by_name: Elements) -> tuple[Element | None, Body, list[Element]]:
    """The entry's text: which element it is, what stands there, and the other ones.

    Atom content can be anything: a picture in base64, too.
    """
    found = [
        element
        for name in _BODIES
        for packed in by_name.get(name, ())
        if packed.text.strip() and (element := _unpacked(packed)) is not None
    ]
    if not found:
        return None, Body("", is_html=True), []
    first = _read_body(found[0])
    if len(found) == 1 or shows(first):
        return found[0], first, found[1:]
    place, body = choose([first, *map(_read_body, found[1:])])
    return found[place], body, [*found[:place], *found[place + 1 :]]


def _read_body(element: Element) -> Body:
    is_html = _is_html(element)
    return Body(unescaped_twice(element.text) if is_html and not element.markup else element.text, is_html)


def _is_html(element: Element) -> bool:
    """RSS text is HTML. Atom and the extensions say what theirs is, and are not always right."""
    if element.markup:
        return True
    kind = element.attributes.get("type", "").strip().lower()
    if element.name.startswith("atom:") or element.name in _PLAIN_BODIES:
        return "html" in kind or ("<" in element.text and _HTML.search(element.text) is not None)
    return True


def _authors(by_name: Elements) -> list[str]:
    """Names, each once. RSS's `author` is a mailbox by its rules, and a name in practice."""
    names = _texts(by_name, "dc:creator") or _texts(by_name, "dc:author") or _texts(by_name, "atom:author/atom:name")
    if not names:
        names = [_name_of_mailbox(text) for text in _texts(by_name, "author")] or _texts(by_name, "author/name")
    if not names:
        for name in ("atom:author/atom:email", "atom:author", "itunes:author"):
            if names := _texts(by_name, name):
                break
    return _distinct(titles.from_html(name) for name in names)


def _name_of_mailbox(text: str) -> str:
    if len(text) > 320 or "@" not in text:
        return text
    match = _MAILBOX.fullmatch(text) or _MAILBOX_BEHIND.fullmatch(text) or _NAMED_MAILBOX.fullmatch(text)
    return match[1].strip() if match else text


def _categories(by_name: Elements) -> list[str]:
    names = []
    for name in _CATEGORIES:
        for element in by_name.get(name, ()):
            attributes = element.attributes
            shown = [attributes.get(key, "").strip() for key in ("label", "text", "term")]
            stated = (element.text.strip(), *shown) if name in ("category", "dc:subject") else (*shown, element.text)
            names.append(next(filter(None, stated), ""))
    for name in _KEYWORDS:
        for text in _texts(by_name, name):
            names += re.split(r"[,，、;；]", text[:MAX_KEYWORDS])
    return _distinct(titles.from_html(name) if "<" in name or "&" in name else clean_line(name) for name in names)


def _distinct(names: Iterable[str]) -> list[str]:
    return [name for name in dict.fromkeys(names) if name]


def _media(entry: EntryElements) -> tuple[list[Attachment], list[FeedImage]]:
    """Enclosures and images. A `media:title` or `media:description` captions the image before it."""
    attachments: dict[str, Attachment] = {}
    images: dict[str, FeedImage] = {}
    seconds: float | None = None
    image: FeedImage | None = None
    for element in entry.elements:
        name, attributes = element.name, element.attributes
        if name in ("enclosure", "atom:link"):
            if name == "enclosure" or _rel(element) == "enclosure":
                _add_attachment(attachments, images, element, entry, ("url", "href"), "length")
        elif name == "media:content":
            medium, kind = attributes.get("medium", ""), attributes.get("type", "")
            url = attributes.get("url", "").strip()
            is_image = (
                medium == "image" or kind.startswith("image/") or (not (medium or kind) and _IMAGE_FILE.search(url))
            )
            if is_image:
                image = _add_image(images, element, entry, url)
            else:
                image = None
                _add_attachment(attachments, images, element, entry, ("url",), "fileSize")
        elif name == "media:thumbnail":
            _add_image(images, element, entry, attributes.get("url", ""))
        elif name == "itunes:image":
            _add_image(images, element, entry, attributes.get("href", ""))
        elif name in ("image", "image/url"):
            _add_image(images, element, entry, element.text or attributes.get("href", ""))
        elif name == "itunes:duration":
            seconds = bounded_seconds(element.text)
        elif name in ("media:description", "media:title") and image is not None and element.text.strip():
            text = titles.from_html(element.text)
            if image.caption is None or name == "media:description":
                image = images[image.url] = FeedImage(image.url, text, image.width, image.height)
    found = list(attachments.values())
    if seconds is not None and found and found[0].seconds is None:
        found[0] = Attachment(found[0].url, found[0].type, found[0].bytes, seconds)
    return found, list(images.values())


def _absolute(href: str, element: Element, entry: EntryElements) -> str | None:
    base = element.base or entry.base
    return resolve(href, base) if base else (href.strip() or None)


def _add_attachment(
    attachments: dict[str, Attachment],
    images: dict[str, FeedImage],
    element: Element,
    entry: EntryElements,
    addresses: tuple[str, ...],
    size: str,
) -> None:
    attributes = element.attributes
    href = next((value for name in addresses if (value := attributes.get(name, "").strip())), "")
    if not (url := _absolute(href, element, entry)):
        return
    kind = attributes.get("type", "").strip() or None
    if kind.startswith("image/") if kind else _IMAGE_FILE.search(href):
        _add_image(images, element, entry, href)
    found = Attachment(url, kind, bounded_int(attributes.get(size)), bounded_seconds(attributes.get("duration")))
    known = attachments.get(url)
    if known is not None:
        found = Attachment(
            url,
            known.type or found.type,
            found.bytes if known.bytes is None else known.bytes,
            found.seconds if known.seconds is None else known.seconds,
        )
    attachments[url] = found


def _add_image(images: dict[str, FeedImage], element: Element, entry: EntryElements, href: str) -> FeedImage | None:
    if not (url := _absolute(href, element, entry)):
        return None
    attributes = element.attributes
    if url not in images:
        images[url] = FeedImage(url, None, bounded_int(attributes.get("width")), bounded_int(attributes.get("height")))
    return images[url]
