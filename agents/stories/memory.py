"""What the stories stage remembers of an item: the story that it was given, and whose copy it is.

Once issued these do not change while the item is remembered (contract, promise 8). One record an item, under the
16 bytes of its id; the first byte is the format's version.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import msgspec
from msgspec import Struct

from agents.stage import State

FORMAT = b"\x01"

FORGET_AFTER = timedelta(days=90)
NOTE_SIGHTING_EVERY = timedelta(days=1)


class UnknownFormatError(Exception):
    """A value of the state that this version of the mill cannot read: written by a newer one, or damaged."""


class Membership(Struct, frozen=True, array_like=True):
    """The story of one item. `reprint_of` is the id of the earliest near-copy, None where it is nobody's copy."""

    story: bytes
    reprint_of: bytes | None
    first_arrival: datetime
    last_arrival: datetime

    def expired(self, arrival: datetime) -> bool:
        return arrival - self.last_arrival > FORGET_AFTER


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Membership)


def recall(state: State, id: bytes, arrival: datetime) -> Membership | None:
    """What is remembered of an item at a moment; None where it is unknown, or unseen for 90 days."""
    if (value := state.get(id)) is None:
        return None
    if value[:1] != FORMAT:
        raise UnknownFormatError(
            f"State record {id.hex()} has format byte {value[:1].hex()}, which this version does not know. "
            "It was written by a newer mill: run that version, or rebuild the state under a new generation."
        )
    try:
        membership = _decoder.decode(value[1:])
    except msgspec.DecodeError as error:
        raise UnknownFormatError(f"State record {id.hex()} cannot be read: {error}.") from error
    return None if membership.expired(arrival) else membership


def remember(state: State, id: bytes, before: Membership | None, after: Membership) -> None:
    """Note a sighting: at once where something is new, else at most once a day."""
    known = before is not None and (before.story, before.reprint_of) == (after.story, after.reprint_of)
    if before is not None and known and after.last_arrival - before.last_arrival < NOTE_SIGHTING_EVERY:
        return
    state.put(id, FORMAT + _encoder.encode(after))
