"""Addresses: the form that is published, the form that identity hashes, and what proxies hide.

Parsing is WHATWG's (can_ada), so that an address means here what it means to a browser. Left alone on purpose:
`//` in paths (merging it makes 404s at RFI), a raw `?` and queries without names (DW ends headlines so), the order
of parameters, the case of paths.
"""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode
from binascii import Error as Base64Error
from functools import lru_cache
from ipaddress import ip_address

import can_ada
from msgspec import Struct
from publicsuffixlist import PublicSuffixList

from agents.content import url_tables as tables

MAX_LENGTH = 8192  # characters; browsers and servers stop sooner
MAX_PEELS = 32  # two proxies around an address were seen; more than this is made to hurt

SAFE_SCHEMES = ("http:", "https:", "mailto:", "tel:", "ftp:")

_ESCAPE = re.compile(r"%[0-9A-Fa-f]{2}")
_ASCII_ESCAPE = re.compile(r"%([0-7][0-9A-Fa-f])")
_UNRESERVED = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
_SESSION = re.compile(r";jsessionid=[^/;]*", re.IGNORECASE)
_SECOND_QUERY = re.compile(r"\?utm_\w+=[^&?;]*", re.IGNORECASE)
_AMPERSAND = re.compile(r"&(?:amp;|#0*38;)+", re.IGNORECASE)
_NO_TRACKERS: frozenset[str] = frozenset()


class CanonicalUrl(Struct, frozen=True):
    """One address in its two forms.

    `url` is for publishing: scheme kept, known trackers, fragment and empty query gone, proxies unwrapped.
    `identity` is for hashing: in it scheme, `www.`, a trailing slash and the spelling of percent-encoding do not
    distinguish. `host` is lower case, without port. `is_root` says that it is a site's front page.
    """

    url: str
    identity: str
    host: str
    is_root: bool


class _Address(Struct, frozen=True):
    """The parts of an http(s) address; `query` and `fragment` without their mark, `port` with it."""

    scheme: str
    host: str
    port: str
    path: str
    query: str
    fragment: str

    def __str__(self) -> str:
        query = f"?{self.query}" if self.query else ""
        fragment = f"#{self.fragment}" if self.fragment else ""
        return f"{self.scheme}//{self.host}{self.port}{self.path}{query}{fragment}"


def canonicalize(raw: str, base: str | None = None) -> CanonicalUrl | None:
    """Bring an address into its canonical form; `base` is what a relative one is relative to.

    None where `raw` is no http or https address. Never raises. Canonicalising `url` again changes nothing.
    """
    if not (found := _absolute(raw, base)):
        return None
    text = found.href
    for _ in range(MAX_PEELS):
        if not (address := _address(text)):
            return None
        cleaned = _cleaned(address)
        shown = _proxied(cleaned) or str(cleaned)
        if shown == text:
            return CanonicalUrl(shown, _identity(cleaned), cleaned.host, _is_root(cleaned))
        text = shown
    return None


def unwrap_image(raw: str, base: str | None = None) -> str | None:
    """The address that an image has without its proxies: as published, parameters and all.

    None where `raw` is no http or https address. A proxy whose target is none is left as it is. Never raises.
    """
    if not (found := _absolute(raw, base)):
        return None
    text = found.href
    for _ in range(MAX_PEELS):
        if not (address := _address(text)):
            return None
        if not (target := _proxied(address) or _resized(address)):
            return text
        text = target
    return None


def as_given(raw: str, resolved: str) -> str:
    """An absolute http address as a document writes it, for who looks for it there; else what it was resolved to."""
    given = raw.strip()
    return given if _PLAIN.fullmatch(given) else resolved


_PLAIN = re.compile(r"https?://[^\s\x00-\x1f\x7f-\xa0\"'<>\\^`{|}]+", re.IGNORECASE)


def resolve(href: str, base: str | None) -> str | None:
    """Make an address of a document absolute. None where it cannot be, or where its scheme is not a safe one.

    Safe are http, https, mailto, tel and ftp; never `javascript:`, `data:`, `vbscript:`. Never raises.
    """
    found = _parsed(href, base)
    return href if found and (href := found.href).startswith(SAFE_SCHEMES) else None


def is_absolute(raw: str) -> bool:
    """Whether an address says by itself where it leads, whatever document it stands in."""
    return raw.lstrip()[:8].lower().startswith(("http://", "https://"))


_EDGES = re.compile(r"^\s+|[\s.]+$")


@lru_cache(maxsize=16_384)
def site_of(host: str) -> str | None:
    """Registrable domain of a host, by the public suffix list with its private part (blogs of one service differ).

    An IP address is its own site; so are a name without a dot (an intranet) and a host that is a public suffix
    itself (`github.io`). None for an empty host.
    """
    name = _EDGES.sub("", host).lower()
    if not name or _is_ip(name):
        return name or None
    return _suffixes().privatesuffix(name) or name


@lru_cache(maxsize=1)
def _suffixes() -> PublicSuffixList:
    return PublicSuffixList()


def _is_ip(name: str) -> bool:
    try:
        ip_address(name.strip("[]"))
    except ValueError:
        return False
    return True


def _absolute(raw: str, base: str | None) -> can_ada.URL | None:
    text = raw.strip()
    if text[:4].lower() == "www." or (base is not None and _starts_with_host_of(base, text)):
        text = "http://" + text  # feeds forget the scheme, and no site has a folder of this name
    found = _parsed(text, base)
    if not found and text.startswith("//"):
        found = _parsed("https:" + text, None)  # the scheme does not distinguish, so this guess does no harm
    return found if found and found.protocol in ("http:", "https:") else None


def _starts_with_host_of(base: str, text: str) -> bool:
    """Whether a link that looks relative begins with the site's own name: `news.example/a/5` in its own feed."""
    first = text.partition("/")[0].lower()
    if "." not in first or first.startswith("."):
        return False
    found = _parsed(base, None)
    return found is not None and first == found.hostname.removeprefix("www.")


def _parsed(raw: str, base: str | None) -> can_ada.URL | None:
    text = raw.strip()
    if not text or len(text) > MAX_LENGTH:
        return None
    try:
        if base is None or is_absolute(text):
            return can_ada.parse(text)
        return can_ada.parse(base.strip()) + text
    except (ValueError, TypeError):  # can_ada takes a lone surrogate for a wrong argument
        return None


def _address(text: str) -> _Address | None:
    """Parts of an absolute http(s) address. User names and passwords are nobody's news and stay out.

    An ampersand that was escaped once too often is one again: no parameter is called `amp;page`.
    """
    if "&" in text:
        text = _AMPERSAND.sub("&", text)
    found = _parsed(text, None)
    if not found or found.protocol not in ("http:", "https:"):
        return None
    if not (host := found.hostname.rstrip(".")):
        return None
    port = f":{found.port}" if found.port else ""
    return _Address(found.protocol, host, port, found.pathname, found.search[1:], found.hash[1:])


def _cleaned(address: _Address) -> _Address:
    path = address.path
    if ";" in path:
        path = _SESSION.sub("", path) or "/"
    query = _without_trackers(address.query, address.host) if address.query else ""
    # `#!/news/5`, `#/news/5` and `#id=5` are pages of sites that live in one document; every other fragment is a
    # place in a page or a tracker (`#xtor=RSS-1`, `#amp_tf=...`).
    is_page = address.fragment.startswith(("!", "/")) and address.fragment.strip("!/")
    fragment = address.fragment if is_page or tables.ARTICLE_FRAGMENT.fullmatch(address.fragment) else ""
    return _Address(address.scheme, address.host, address.port, path, query, fragment)


def _without_trackers(query: str, host: str) -> str:
    if "?utm_" in query:
        # Some feeds append `?utm_source=...` to an address that has a query already.
        query = _SECOND_QUERY.sub("", query)
    own = _site_trackers(host)
    return "&".join(part for part in query.split("&") if not _is_tracker(part, own))


def _is_tracker(part: str, own: frozenset[str]) -> bool:
    pair = part.lower()
    name, _, value = pair.partition("=")
    known = (
        name in tables.TRACKERS
        or name.startswith(tables.TRACKER_PREFIXES)
        or name in own
        or pair in tables.TRACKER_PAIRS
        or pair.startswith(tables.MEDIUM_FEED)
    )
    # A raw `?` or `;` in the value may start what selects the article: `utm_source=rss?/a-123`, `...;id=5`.
    return known and "?" not in value and not (";" in value and "=" in value)


@lru_cache(maxsize=4096)
def _site_trackers(host: str) -> frozenset[str]:
    labels = host.split(".")
    names = (".".join(labels[start:]) for start in range(len(labels)))
    return _NO_TRACKERS.union(*(tables.SITE_TRACKERS.get(name, _NO_TRACKERS) for name in names))


def _identity(address: _Address) -> str:
    host = address.host
    if host.startswith("www.") and "." in host[4:]:
        host = host[4:]
    path = address.path.removesuffix("/")
    query = f"?{address.query}" if address.query else ""
    fragment = f"#{address.fragment}" if address.fragment else ""
    tail = f"{path}{query}{fragment}"
    if "%" in tail:
        tail = _ESCAPE.sub(_plain_escape, tail)
    return f"{host}{address.port}{tail}"


def _plain_escape(match: re.Match[str]) -> str:
    """RFC 3986, 6.2.2: upper-case hex, and no escape where none is needed."""
    character = chr(int(match[0][1:], 16))
    return character if character in _UNRESERVED else match[0].upper()


def _is_root(address: _Address) -> bool:
    if address.query or address.fragment:
        return False
    return not address.path.strip("/") or address.path.lower() in tables.FRONT_PAGES


def _proxied(address: _Address) -> str | None:
    """The http(s) address that a known proxy was asked for; None where there is no proxy, or no such target."""
    host = address.host.removeprefix("www.")
    if rules := tables.QUERY_PROXIES.get(host):
        for start, names in rules:
            if address.path.startswith(start) and (target := _parameter(address.query, names)):
                return _target(target, schemeless=host in tables.SCHEMELESS)
    for end, start, name in tables.QUERY_PROXY_DOMAINS:
        if host.endswith(end) and address.path.startswith(start):
            return _target(_parameter(address.query, (name,)))
    if host.endswith(tables.AMP_CACHES) or host == "cdn.ampproject.org":
        return _amp(tables.AMP_CACHE.fullmatch(address.path), address.query)
    if host in tables.PHOTON_HOSTS:
        return _photon(address)
    if host == "news.google.com":
        return _google_news(address.path)
    if host == "bing.com" and address.path.startswith("/amp/"):
        return _amp(tables.AMP_VIEWER.fullmatch(address.path), address.query)
    if host.startswith("google.") and tables.GOOGLE_HOST.fullmatch(host):
        if address.path == "/url":
            return _target(_parameter(address.query, ("url", "q")))
        return _amp(tables.AMP_VIEWER.fullmatch(address.path), address.query)
    return None


def _resized(address: _Address) -> str | None:
    """The source of an image that a server resizes; such servers can stand at any site."""
    own = f"{address.scheme}//{address.host}{address.port}"
    if address.path.endswith(tables.IMAGE_QUERY_PATHS) and (source := _parameter(address.query, ("url",))):
        return _target(own + source if source.startswith("/") and not source.startswith("//") else source)
    tail = f"?{address.query}" if address.query else ""
    if match := tables.IMAGE_RESIZE.search(address.path):
        source = match[1] + tail
        return _target(source if re.match(r"https?:/", source) else f"{own}/{source}")
    if address.host in tables.IMAGE_FETCH_HOSTS:
        options_and_source = address.path.partition("/image/fetch")[2]
        if match := tables.IMAGE_SOURCE.search(options_and_source):
            encoded = ":" not in match[1][:6]
            return _target(_decoded(match[1]) if encoded else match[1] + tail)
    return None


def _target(text: str | None, *, schemeless: bool = False) -> str | None:
    """A proxy's target as an absolute http(s) address; None for anything else (`javascript:` was tried)."""
    if not text:
        return None
    if text.startswith("//"):
        text = "https:" + text
    elif schemeless and not re.match(r"https?:", text, re.IGNORECASE):
        bare = text.removeprefix("ssl:")
        if re.match(r"[a-z][a-z0-9+-]*:(?!\d)", bare, re.IGNORECASE):
            return None
        text = ("http://" if bare == text else "https://") + bare
    found = _parsed(text, None)
    if not found or found.protocol not in ("http:", "https:") or "." not in found.hostname:
        return None
    return found.href


def _parameter(query: str, names: tuple[str, ...]) -> str | None:
    """First non-empty value of the first of `names` that is there, decoded once."""
    pairs = [part.partition("=") for part in query.split("&")]
    for name in names:
        for key, _, value in pairs:
            if key == name and value:
                return _decoded(value)
    return None


def _decoded(value: str) -> str:
    """Undo one percent-encoding of ASCII. Other bytes stay escaped: in old Chinese addresses they are GBK."""
    return _ASCII_ESCAPE.sub(lambda match: chr(int(match[1], 16)), value)


def _amp(match: re.Match[str] | None, query: str) -> str | None:
    if not match:
        return None
    scheme = "https" if match[1] else "http"
    return _target(f"{scheme}://{match[2]}" + (f"?{query}" if query else ""))


def _photon(address: _Address) -> str | None:
    """WordPress's image service: its own parameters size the image, `q` holds the source's query."""
    if not (match := tables.PHOTON.fullmatch(address.path)):
        return None
    scheme = "https" if "ssl=1" in address.query.split("&") else "http"
    query = _parameter(address.query, ("q",))
    return _target(f"{scheme}://{match[1]}" + (f"?{query}" if query else ""))


def _google_news(path: str) -> str | None:
    """Older article numbers of Google News are base64 of a message that holds the address; newer ones are opaque."""
    name = path.rpartition("/articles/")[2]
    if not name.startswith("CBMi") or len(name) > 2048:
        return None
    try:
        message = urlsafe_b64decode(name + "=" * (-len(name) % 4))
    except (Base64Error, ValueError):
        return None
    if len(message) < 5:
        return None
    length, start = message[3], 4
    if length & 0x80:  # a varint of two bytes
        length, start = (length & 0x7F) | (message[4] << 7), 5
    address = message[start : start + length]
    if len(address) != length or not address.startswith((b"http://", b"https://")):
        return None
    return _target(address.decode("ascii", "replace"))
