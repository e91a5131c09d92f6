"""Items that are too large for `feeds.enriched`: what they lose, and in which order."""

from __future__ import annotations

import msgspec

from schemas import Flag, Item

MAX_ITEM_BYTES = 4 * 1024 * 1024
"""Bytes of the largest item, as JSON (contract)."""

LISTS = ("links", "images", "attachments", "categories", "authors")
"""What is cut, in this order, each from its end, until the item fits."""

_json = msgspec.json.Encoder()


def encode_item(item: Item) -> bytes | None:
    """The item as JSON, its lists cut and flagged `truncated` where it would be too large.

    None where it is too large without them: title, text and HTML are never cut here.
    """
    value = _json.encode(item)
    if len(value) <= MAX_ITEM_BYTES:
        return value
    flags = item.flags if Flag.TRUNCATED in item.flags else [*item.flags, Flag.TRUNCATED]
    item = msgspec.structs.replace(item, flags=flags)
    for name in LISTS:
        parts: list[object] = getattr(item, name)
        emptied = msgspec.structs.replace(item, **{name: []})
        room = MAX_ITEM_BYTES - len(_json.encode(emptied))
        kept = _fitting(parts, room)
        item = msgspec.structs.replace(item, **{name: parts[:kept]})
        if room >= 0:
            return _json.encode(item)
    return None


def _fitting(parts: list[object], room: int) -> int:
    """How many of the first parts take no more than `room` bytes as a JSON list, its brackets not counted."""
    for number, part in enumerate(parts):
        room -= len(_json.encode(part)) + (number > 0)
        if room < 0:
            return number
    return len(parts)
