"""Which picture an `<img>` shows, and which ones nobody is meant to see."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

Attributes = Mapping[str, str | None]

# Lazy loaders put a blank or a blurred picture into `src` and the real one here.
_LAZY = (
    "data-src",
    "data-original",
    "data-original-src",
    "data-lazy-src",
    "data-lazysrc",
    "data-lazyload",
    "data-actualsrc",
    "data-echo",
    "data-hi-res-src",
)
# Names that Discuz and others use so, and that elsewhere hold something else: believed where they name a picture.
_LAZY_FILES = ("zoomfile", "file", "data-url")
_FILE = re.compile(r"[^?#]*\.(?:jpe?g|png|gif|webp|avif|bmp)(?:[?#!@].*)?", re.IGNORECASE | re.DOTALL)
_LAZY_SETS = ("data-srcset", "data-lazy-srcset", "srcset")
_ELSEWHERE = frozenset({*_LAZY, *_LAZY_FILES, *_LAZY_SETS})
_SIZE = re.compile(r"([0-9]{1,6}(?:\.[0-9]{1,6})?)[wx]", re.ASCII)
_SET_LENGTH = 20_000  # longer than this is no set of addresses

_SMALL = re.compile(r"\s*[012](?:px)?\s*", re.ASCII)
_SMALL_STYLE = re.compile(r"(?:^|[;\s])(?:width|height)\s*:\s*[012](?:px)?\s*(?:;|!|$)", re.IGNORECASE)
_TRACKER = re.compile(
    r"^https?://(?:"
    r"pixel\.|(?:[^/]*\.)?(?:doubleclick\.net|google-analytics\.com|scorecardresearch\.com|quantserve\.com|"
    r"feedsportal\.com|imrworldwide\.com|2o7\.net|chartbeat\.net|webtrekk\.net|xiti\.com|ivwbox\.de|vgwort\.de)/|"
    r"(?:www\.)?facebook\.com/tr[/?]|stats\.wordpress\.com/|feeds\.feedburner\.com/~|"
    r"(?:blogger|[^/]*\.blogger)\.googleusercontent\.com/tracker/|[^?]*/(?:1x1|pixel|spacer|blank|transparent)\.(?:gif|png)(?:\?|$)"
    r")",
    re.IGNORECASE,
)


def sources(attributes: Attributes, picture: Sequence[str] = ()) -> Iterator[str]:
    """Addresses of an `<img>` as they stand, best first; `picture`: the `srcset` of each `<source>` around it."""
    if not picture and _ELSEWHERE.isdisjoint(attributes):  # as most are
        if given := (attributes.get("src") or "").strip():
            yield given
        return
    for listed in (*(attributes.get(name) for name in _LAZY_SETS), *picture):
        if listed and (largest := _largest(listed)):
            yield largest
    for name in (*_LAZY, *_LAZY_FILES, "src"):
        given = (attributes.get(name) or "").strip()
        if given and (name not in _LAZY_FILES or _FILE.fullmatch(given)):
            yield given


def is_pixel(attributes: Attributes) -> bool:
    """Whether the markup gives the picture 0 to 2 pixels of width or height: a counter or a spacer."""
    for name in ("width", "height"):
        if (given := attributes.get(name)) and _SMALL.fullmatch(given):
            return True
    style = attributes.get("style")
    return bool(style and _SMALL_STYLE.search(style))


def is_tracker(url: str) -> bool:
    """Whether an address is known to count readers, not to show anything."""
    return _TRACKER.match(url) is not None


def _largest(srcset: str) -> str | None:
    """The candidate of a `srcset` with the largest width or density; one without either counts as `1x`."""
    best, size, address = None, 0.0, ""
    # an address may hold commas (…/w_200,h_100/…), but it ends with white space or a comma before it
    for word in (*srcset[:_SET_LENGTH].split(), ","):
        behind = ""
        if not address:
            address, ended, given = word.strip(","), word.endswith(","), 1.0
        else:
            described, comma, behind = word.partition(",")
            if match := _SIZE.fullmatch(described):
                given = float(match[1])
            ended = bool(comma)
        if ended and address:
            if given > size and not address.startswith("data:"):
                best, size = address, given
            address, given = behind.strip(","), 1.0
    return best
