"""The images of an item: the lead first, each without its proxies, none twice."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct

from agents.content.html import MAX_LISTED, FoundImage
from agents.content.pictures import is_tracker
from agents.content.text import clean_line
from agents.content.urls import as_given, resolve, unwrap_image
from schemas import FeedImage, Image, ImageRole

THUMBNAIL_WIDTH = 200
"""A feed's image known to be narrower is a preview; it leads only where the body shows none."""


class Gallery(Struct, frozen=True):
    """`truncated`: there were more than MAX_LISTED."""

    images: list[Image]
    truncated: bool


def gallery(found: Iterable[FoundImage], named: Iterable[FeedImage], base: str | None) -> Gallery:
    """Put the images of the body (`found`) and those that the feed names beside it (`named`) in order.

    What the feed names comes first, the widest in front, then the body's in reading order; previews come last.
    An image that stands in both is one, with the caption that either gives. The first is the lead.
    """
    listed = [image for image in named if not _is_dot(image)]
    listed.sort(key=lambda image: -(image.width or THUMBNAIL_WIDTH))
    front = [image for image in listed if (image.width or THUMBNAIL_WIDTH) >= THUMBNAIL_WIDTH]
    back = [image for image in listed if (image.width or THUMBNAIL_WIDTH) < THUMBNAIL_WIDTH]
    known: dict[str, Image] = {}
    for image in (*_from_feed(front, base), *map(_from_body, found), *_from_feed(back, base)):
        place = image.url.partition("#")[0]
        if (earlier := known.get(place)) is None:
            known[place] = image
        elif (image.caption and not earlier.caption) or (image.alt and not earlier.alt):
            known[place] = Image(
                earlier.url, earlier.original_url, earlier.caption or image.caption, earlier.alt or image.alt
            )
    images = list(known.values())
    if images:
        lead = images[0]
        images[0] = Image(lead.url, lead.original_url, lead.caption, lead.alt, ImageRole.LEAD)
    return Gallery(images[:MAX_LISTED], len(images) > MAX_LISTED)


def _from_body(image: FoundImage) -> Image:
    return Image(unwrap_image(image.url) or image.url, image.given or image.url, image.caption, image.alt)


def _from_feed(images: Iterable[FeedImage], base: str | None) -> Iterable[Image]:
    for image in images:
        address = resolve(image.url, base)
        if address and address.startswith(("http:", "https:")) and not is_tracker(address):
            caption = clean_line(image.caption or "") or None
            yield Image(unwrap_image(address) or address, as_given(image.url, address), caption)


def _is_dot(image: FeedImage) -> bool:
    return any(size is not None and size <= 2 for size in (image.width, image.height))
