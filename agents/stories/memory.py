"""What the stories stage remembers. No text: ids, times, hashes.

    m + id       the story and the original of an item (contract, promise 8), as long as dedupe can come back to it
    s + number   a sighting: what one revision of an item is compared by, for the 14 days of the window
    g + id       of an original: the sightings of all its copies, for as long as any of them stands
    t            how the index over the sightings is divided, and how far they have been numbered and thrown away

Each value begins with the version of its format. A mill of the first format kept memberships under the bare id: these
are read still.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeVar

import msgspec
from msgspec import Struct

from agents.stage import State, UnknownFormatError
from schemas import GroupingRule
from schemas.internal import Signature

FORMAT = b"\x02"

Id = bytes
"""The 16 bytes of an item's id."""

Member = tuple[int, int, int]
"""Of an item in a group: the number of its first sighting, that of its last, and its site."""

_MEMBERSHIP, _SIGHTING, _GROUP, _SHELF = b"m", b"s", b"g", b"t"


class Membership(Struct, frozen=True, array_like=True):
    """The story of one item. `reprint_of` is the id of the earliest near-copy, None where it is nobody's copy.

    `original` is the end of the chain of originals at that time; it may have become another's copy since. `rule`,
    `matched` and `score` say why, for the revisions to come. `first` and `compared` are the numbers of its first and
    its last sighting, None where the index was given none.
    """

    story: Id
    reprint_of: Id | None
    original: Id | None
    rule: GroupingRule
    matched: Id | None = None
    score: float | None = None
    first: int | None = None
    compared: int | None = None
    retracted: bool = False


class _FirstFormat(Struct, frozen=True, array_like=True):
    """A membership of the time before anything was grouped."""

    story: Id
    reprint_of: Id | None


class Sighting(Struct, frozen=True, array_like=True):
    """What one revision of an item is compared by. Times are whole seconds of Unix time; `clock` is the index's.

    `site`, `title_form` and `title_numbers` are hashes, the last 0 for a title without numbers. `terms` are hashes and
    weights as the index holds them, for a first revision only. `rank` says how-manieth of its story the item was,
    `norm` the squared length of the sum of the story's terms from then on.
    """

    id: Id
    clock: int
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
    """How the index is divided. `segments` are first number and capacity of each, oldest first, and whether stories are
    found by it no more.

    Sightings before the first segment are of no use any more; those from `kept` on still stand in the state. `clock` is
    what the index takes for the present: it follows the arrivals, by a day for each at most.
    """

    next: int = 0
    kept: int = 0
    clock: int = 0
    segments: tuple[tuple[int, int, bool], ...] = ()


_encoder = msgspec.msgpack.Encoder()
_T = TypeVar("_T")


class Memory:
    """Reads and writes the records of one partition."""

    def __init__(self, state: State) -> None:
        self._state = state

    def membership(self, id: Id) -> Membership | None:
        if (known := self._get(_MEMBERSHIP + id, _memberships)) is not None:
            return known
        if (value := self._state.get(id)) is None or value[:1] != _FIRST_FORMAT:
            return None
        return Membership(_first_format.decode(value[1:]).story, None, None, GroupingRule.NOT_GROUPED)

    def remember(self, id: Id, membership: Membership) -> None:
        self._put(_MEMBERSHIP + id, membership)

    def original(self, id: Id) -> Id:
        """Whose copy an item is in the end; itself where it is nobody's."""
        while (known := self.membership(id)) is not None and known.original is not None:
            id = known.original
        return id

    def sighting(self, number: int) -> Sighting | None:
        return self._get(_sighting_key(number), _sightings)

    def add_sighting(self, number: int, sighting: Sighting) -> None:
        self._put(_sighting_key(number), sighting)

    def forget_sighting(self, number: int) -> None:
        """Throw a sighting away, and what is noted of its copies where it is the last of them."""
        if (sighting := self.sighting(number)) is None:
            return
        self._state.delete(_sighting_key(number))
        original = self.original(sighting.id)
        copies = self.copies(original)
        if left := [copy for copy in copies if copy[1] > number]:
            if left != copies:
                self.note_copies(original, left)
        elif copies:
            self.note_copies(original, [])

    def sightings(self, first: int) -> Iterator[tuple[int, Sighting]]:
        """All that stand in the state as it was settled, from a number on, in order."""
        for key, value in self._state.scan(_SIGHTING, _sighting_key(first)):
            if len(key) != _SIGHTING_KEY:
                continue  # the bare id of the first format
            yield int.from_bytes(key[1:], "big"), _decoded(key, value, _sightings)

    def copies(self, original: Id) -> list[Member]:
        """An original and all its copies, in the order of their first sightings; empty for an item that has none."""
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
            f"State record {key.hex()} has format byte {value[:1].hex()}, which this version of the mill does not "
            "know: a newer one wrote it."
        )
    try:
        return decoder.decode(value[1:])
    except msgspec.DecodeError as error:
        raise UnknownFormatError(f"State record {key.hex()} cannot be read: {error}.") from error


def _sighting_key(number: int) -> bytes:
    return _SIGHTING + number.to_bytes(8, "big")


_SIGHTING_KEY = len(_sighting_key(0))
_FIRST_FORMAT = b"\x01"

_first_format = msgspec.msgpack.Decoder(_FirstFormat)
_memberships = msgspec.msgpack.Decoder(Membership)
_sightings = msgspec.msgpack.Decoder(Sighting)
_groups = msgspec.msgpack.Decoder(list[Member])
_shelves = msgspec.msgpack.Decoder(Shelf)
