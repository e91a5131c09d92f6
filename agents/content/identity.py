"""What an entry can be known by: the hashed keys under which dedupe remembers it.

These functions, the tables of `content/urls.py` and the public suffix list are frozen together under
IDENTITY_VERSION: changing any of them changes ids, so that a mill with another version would announce old news
again. An id is the hash of the strongest key of the first sighting; the same on every replay and in every mill.
"""

from __future__ import annotations

import re
from hashlib import blake2b

from agents.content.text import composed

IDENTITY_VERSION = 1

_SPACE = re.compile(r"\s+")
_URL_HEAD = re.compile(r"^https?://[^/?#]*", re.IGNORECASE)


def link_key(identity_url: str) -> bytes:
    """Key of a canonical address in its identity form (`CanonicalUrl.identity`)."""
    return _key("link", identity_url)


def guid_key(scope: str, guid: str) -> bytes:
    """Key of a guid within its scope: the item's site, and first the feed's address where the entry has no link.

    A guid that looks like an address loses scheme and host: publishers move to https or to another
    sub-domain and every guid moves with them.
    """
    bare = _URL_HEAD.sub("", guid.strip()).rstrip("/") or guid.strip()
    return _key("guid", scope, bare)


def content_key(scope: str, title: str, content: bytes) -> bytes:
    """Key of an entry with neither link nor guid: its feed, its title and a hash of its body."""
    return _key("content", scope, plain_title(title), content.hex())


def titled_key(address: bytes, title: str) -> bytes:
    """Key of one article of several that take turns at one address (`reused-address`); `address` is its key.

    An article without a title goes by the first words of its text.
    """
    return _key("titled", address.hex(), plain_title(title))


def turn_key(address: bytes) -> bytes:
    """Key of the article that took its turn last at such an address. It moves on with each new one."""
    return _key("turn", address.hex())


def plain_title(title: str) -> str:
    """A title as identity sees it: case, white space and composed or separate accents do not distinguish."""
    return _SPACE.sub(" ", composed(title)).strip().casefold()


def _key(*parts: str) -> bytes:
    hashed = blake2b(digest_size=16, person=b"feedmill-id-%04d" % IDENTITY_VERSION)
    for part in parts:
        data = part.encode("utf-8", "surrogatepass")
        hashed.update(b"%d:" % len(data))
        hashed.update(data)
    return hashed.digest()
