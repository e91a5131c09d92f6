"""What the stories stage remembers. No text: ids, times, hashes.

    m + id       the story and the original of an item (contract, promise 8), for 90 days after it was last seen
    s + number   a sighting: what one revision of an item is compared by, for the 14 days of the window
    g + id       of an original: the sightings of all its copies, for as long as any of them stands
    t            how the index over the sightings is divided, and how far they have been numbered and thrown away

Each value begins with the version of its format.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import TypeVar

import msgspec
from msgspec import Struct

from agents.stage import State
from schemas import GroupingRule
from schemas.internal import Signature

FORMAT = b"\x02"

FORGET_AFTER = timedelta(days=90)
NOTE_SIGHTING_EVERY = timedelta(days=1)

Id = bytes
"""The 16 bytes of an item's id."""

Member = tuple[int, int]
"""The number of a sighting and its site."""

_MEMBERSHIP, _SIGHTING, _GROUP, _SHELF = b"m", b"s", b"g", b"t"


class UnknownFormatError(Exception):
    """A value of the state that this version of the mill cannot read: written by a newer one, or damaged."""


class Membership(Struct, frozen=True, array_like=True):
    """The story of one item. `reprint_of` is the id of the earliest near-copy, None where it is nobody's copy.

    `rule`, `matched` and `score` say why, for the revisions to come. `compared` is the number of the last sighting that
    the index has of it, None where it has none.
    """

    story: Id
    reprint_of: Id | None
    first_arrival: datetime
    last_arrival: datetime
    rule: GroupingRule
    matched: Id | None = None
    score: float | None = None
    compared: int | None = None
    retracted: bool = False

    def expired(self, arrival: datetime) -> bool:
        return arrival - self.last_arrival > FORGET_AFTER


class Sighting(Struct, frozen=True, array_like=True):
    """What one revision of an item is compared by. Times are whole seconds of Unix time.

    `site`, `title_form` and `title_numbers` are hashes, the last 0 for a title without numbers. `terms` are hashes and
    weights as the index holds them, for a first revision only. `rank` says how-manieth of its story the item was,
    `norm` the squared length of the sum of the story's terms from then on.
    """

    id: Id
    arrival: int
    seen: int
    site: int
    title_form: int
    title_numbers: int
    signature: Signature | None
    terms: bytes
    story: Id
    rank: int
    norm: float


class Shelf(Struct, frozen=True, array_like=True):
    """How the index is divided. `segments` are first number and capacity of each, oldest first.

    Sightings before the first segment are of no use any more; those from `kept` on still stand in the state. `latest`
    is the latest arrival of all.
    """

    next: int = 0
    kept: int = 0
    latest: int = 0
    segments: tuple[tuple[int, int], ...] = ()


_encoder = msgspec.msgpack.Encoder()
_T = TypeVar("_T")


class Memory:
    """Reads and writes the records of one partition."""

    def __init__(self, state: State) -> None:
        self._state = state

    def membership(self, id: Id, arrival: datetime) -> Membership | None:
        """What is remembered of an item at a moment; None where it is unknown, or unseen for 90 days."""
        known = self._get(_MEMBERSHIP + id, _memberships)
        return None if known is None or known.expired(arrival) else known

    def remember(self, id: Id, before: Membership | None, after: Membership) -> None:
        """Note a sighting: at once where something is new, else at most once a day."""
        if before is not None:
            same = msgspec.structs.replace(before, last_arrival=after.last_arrival) == after
            if same and after.last_arrival - before.last_arrival < NOTE_SIGHTING_EVERY:
                return
        self._put(_MEMBERSHIP + id, after)

    def sighting(self, number: int) -> Sighting | None:
        return self._get(_sighting_key(number), _sightings)

    def add_sighting(self, number: int, sighting: Sighting) -> None:
        self._put(_sighting_key(number), sighting)

    def forget_sighting(self, number: int) -> None:
        """Throw a sighting away, and what is noted of its copies where it is the last of them."""
        if (sighting := self.sighting(number)) is None:
            return
        self._state.delete(_sighting_key(number))
        original = sighting.id
        known = self._get(_MEMBERSHIP + original, _memberships)
        while known is not None and known.reprint_of is not None:
            original = known.reprint_of
            known = self._get(_MEMBERSHIP + original, _memberships)
        if (copies := self.copies(original)) and any(copy == number for copy, _ in copies):
            self.note_copies(original, [copy for copy in copies if copy[0] > number])

    def sightings(self, first: int) -> Iterator[tuple[int, Sighting]]:
        """All that stand in the state as it was settled, from a number on, in order."""
        for key, value in self._state.scan(_SIGHTING, _sighting_key(first)):
            yield int.from_bytes(key[1:], "big"), _decoded(key, value, _sightings)

    def copies(self, original: Id) -> list[Member]:
        """The sightings of an original and all its copies, in order; empty for an item that has none."""
        return self._get(_GROUP + original, _groups) or []

    def note_copies(self, original: Id, copies: list[Member]) -> None:
        if copies:
            self._put(_GROUP + original, copies)
        else:
            self._state.delete(_GROUP + original)

    def shelf(self) -> Shelf:
        return self._get(_SHELF, _shelves) or Shelf()

    def note_shelf(self, shelf: Shelf) -> None:
        self._put(_SHELF, shelf)

    def _get(self, key: bytes, decoder: msgspec.msgpack.Decoder[_T]) -> _T | None:
        value = self._state.get(key)
        return None if value is None else _decoded(key, value, decoder)

    def _put(self, key: bytes, value: Struct | list[Member]) -> None:
        self._state.put(key, FORMAT + _encoder.encode(value))


def _decoded(key: bytes, value: bytes, decoder: msgspec.msgpack.Decoder[_T]) -> _T:
    if value[:1] != FORMAT:
        raise UnknownFormatError(
            f"State record {key.hex()} has format byte {value[:1].hex()}, which this version does not know. "
            "It was written by another version of the mill: run that one, or begin a new generation of the state."
        )
    try:
        return decoder.decode(value[1:])
    except msgspec.DecodeError as error:
        raise UnknownFormatError(f"State record {key.hex()} cannot be read: {error}.") from error


def _sighting_key(number: int) -> bytes:
    return _SIGHTING + number.to_bytes(8, "big")


_memberships = msgspec.msgpack.Decoder(Membership)
_sightings = msgspec.msgpack.Decoder(Sighting)
_groups = msgspec.msgpack.Decoder(list[Member])
_shelves = msgspec.msgpack.Decoder(Shelf)
