"""Lineages: what dedupe remembers of an item through all its revisions.

State holds two kinds of values under 16-byte keys: a lineage under the key that is its id, and for each further
alias a pointer to it. The first byte tells them apart and carries the format's version.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec
from msgspec import Struct

from agents.content.identity import titled_key, turn_key
from agents.dedupe.fingerprint import HASH_VERSION, Fingerprint
from agents.stage import State, UnknownFormatError
from schemas import Alias, Confidence, DateOrigin, Entry, FoundDate, ScriptFamily

POINTER = b"\x01"
LINEAGE = b"\x02"

REMEMBERED_VERSIONS = 9  # the present one and eight before it
MAX_ALIASES = 8  # a generator that makes new guids at every build must not grow its lineage for ever

FORGET_CONTENT_AFTER = timedelta(days=90)
FORGET_AFTER = timedelta(days=2 * 365)
NOTE_SIGHTING_EVERY = timedelta(days=1)

CLOCKS_DIFFER = timedelta(hours=24)
"""A stated update may be so far ahead of its receipt by a wrong zone; what is further ahead says nothing. Believed, an
update in the year 2076 would make every later correction an older copy."""

AHEAD = timedelta(minutes=30)
"""The least that zones differ by, more or less; what a clock is fast is less."""


class Version(Struct, frozen=True, array_like=True):
    """One revision's content and dates. `source` is (partition, offset, index) of the entry that brought it.

    `sent` is when the sender saw it, `received` when the record came: the sender's header, else the broker's time.
    `updated` is as stated, so that it can be compared with another of the same wrong zone.
    """

    title_hash: bytes
    text_hash: bytes
    updated: datetime | None
    sent: datetime | None
    source: tuple[int, int, int]
    received: datetime

    @property
    def is_ahead(self) -> bool:
        """Whether the stated update lies after its receipt: local time by the name of UTC."""
        return self.updated is not None and is_ahead(self.updated, self.received)


class Lineage(Struct, frozen=True, array_like=True):
    """One item. `versions` is newest first; after 90 unseen days it counts as empty and the number remains.

    `feed` is the key of the feed of first sighting, `present_feed` of the present revision; None: unknown.
    """

    hashing: int
    aliases: list[bytes]
    revision: int
    versions: list[Version]
    quick: bytes
    print: Fingerprint
    feed: bytes | None
    present_feed: bytes | None
    site: str | None
    family: ScriptFamily
    published: tuple[datetime, str, Confidence] | None
    first_seen: datetime
    last_seen: datetime
    retracted: bool = False

    @property
    def present(self) -> Version:
        return self.versions[0]

    @property
    def stated(self) -> Version | None:
        """The revision that came last with a stated update: the present one or one before it."""
        return next((version for version in self.versions if version.updated is not None), None)

    def expired(self, arrival: datetime) -> bool:
        """Whether only addresses and the revision number count any more."""
        return arrival - self.last_seen > FORGET_CONTENT_AFTER

    def forgotten(self, arrival: datetime) -> bool:
        return arrival - self.last_seen > FORGET_AFTER

    def earlier_published(self) -> FoundDate | None:
        """The publication date that an undated revision keeps."""
        if self.published is None:
            return None
        at, raw, confidence = self.published
        return FoundDate(at, raw, DateOrigin.EARLIER_REVISION, confidence)


class Match(Struct, frozen=True):
    """A lineage that an entry met, and the alias that led there (None: an article of several at one address)."""

    id: bytes
    lineage: Lineage
    alias: Alias | None


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Lineage)


def encode(lineage: Lineage) -> bytes:
    return LINEAGE + _encoder.encode(lineage)


def read_lineage(state: State, key: bytes) -> tuple[bytes, Lineage] | None:
    """The lineage that owns a key, with its id; None where nobody does."""
    value = state.get(key)
    if value is not None and value[:1] == POINTER:
        key = value[1:]
        value = state.get(key)
        if value is not None and value[:1] == POINTER:
            return None  # its owner was forgotten, and the owner's own address belongs to another item now
    if value is None:
        return None
    if value[:1] != LINEAGE:
        raise UnknownFormatError(
            f"State record {key.hex()} has format byte {value[:1].hex()}, which this version of the mill does not "
            "know: a newer one wrote it."
        )
    try:
        return key, _decoder.decode(value[1:])
    except msgspec.DecodeError as error:
        raise UnknownFormatError(f"State record {key.hex()} cannot be read: {error}.") from error


def owner_of(state: State, key: bytes) -> tuple[bytes, Lineage] | None:
    """The lineage that owns an alias, with its id.

    A pointer may be older than the lineage that it leads to, where an item was forgotten and its address belongs to
    another one now: what the new one has not claimed is nobody's, whether the sweep has been there or not.
    """
    owner = read_lineage(state, key)
    return owner if owner is not None and key in owner[1].aliases else None


def matches(state: State, entry: Entry) -> list[Match]:
    """Every lineage that the entry's aliases lead to, strongest alias first, each once."""
    found: list[Match] = []
    for alias in entry.aliases:
        owner = owner_of(state, alias.key)
        if owner is None or owner[1].forgotten(entry.arrival):
            continue
        if all(owner[0] != match.id for match in found):
            found.append(Match(owner[0], owner[1], alias))
    return found


def titled_match(state: State, entry: Entry, heading: str) -> Match | None:
    """The lineage of the article with this heading at an address that several articles take turns at."""
    return _turn(state, titled_key(entry.aliases[0].key, heading), entry)


def latest_turn(state: State, address: Alias, entry: Entry) -> Match | None:
    """The lineage of the article that took its turn last at an address."""
    return _turn(state, turn_key(address.key), entry)


def take_turn(state: State, address: Alias, id: bytes) -> None:
    """Remember which article took its turn last at an address that belongs to another one."""
    state.put(turn_key(address.key), POINTER + id)


def _turn(state: State, key: bytes, entry: Entry) -> Match | None:
    owner = read_lineage(state, key)
    if owner is None or owner[1].forgotten(entry.arrival):
        return None
    return Match(owner[0], owner[1], None)


def stated_update(entry: Entry) -> datetime | None:
    """The last change as the publisher states it; None where there is none, or one that cannot be."""
    if entry.updated is None or entry.updated.at > entry.source.received_at + CLOCKS_DIFFER:
        return None
    return entry.updated.at


def is_ahead(updated: datetime, received: datetime) -> bool:
    """Whether an update is stated for after its receipt."""
    return updated > received + AHEAD


def version_of(entry: Entry, content: Fingerprint, source: tuple[int, int, int]) -> Version:
    return Version(
        title_hash=content.title_hash,
        text_hash=content.text_hash,
        updated=stated_update(entry),
        sent=entry.sent_at,
        source=source,
        received=entry.source.received_at,
    )


def begin(entry: Entry, id: bytes, content: Fingerprint, family: ScriptFamily) -> Lineage:
    """The lineage of an item at its first sighting."""
    return Lineage(
        hashing=HASH_VERSION,
        aliases=[id],
        revision=1,
        versions=[version_of(entry, content, place(entry))],
        quick=entry.quick,
        print=content,
        feed=entry.feed_key,
        present_feed=entry.feed_key,
        site=entry.site,
        family=family,
        published=_published(entry),
        first_seen=entry.arrival,
        last_seen=entry.arrival,
    )


def revise(lineage: Lineage, entry: Entry, content: Fingerprint) -> Lineage:
    """The lineage after one more revision; what came before is forgotten if it had expired."""
    earlier = [] if lineage.expired(entry.arrival) else lineage.versions
    return msgspec.structs.replace(
        lineage,
        hashing=HASH_VERSION,
        revision=lineage.revision + 1,
        versions=[version_of(entry, content, place(entry)), *earlier][:REMEMBERED_VERSIONS],
        quick=entry.quick,
        print=content,
        feed=lineage.feed if earlier else entry.feed_key,
        present_feed=entry.feed_key,
        published=_published(entry) or lineage.published,
        last_seen=max(lineage.last_seen, entry.arrival),
    )


def restate(lineage: Lineage, entry: Entry, content: Fingerprint) -> Lineage:
    """The lineage with its present revision read anew: replayed, or hashed by newer rules."""
    present = msgspec.structs.replace(lineage.present, title_hash=content.title_hash, text_hash=content.text_hash)
    published = lineage.published
    if entry.replay_of:  # a newer mill may read dates that an older one could not
        if (updated := stated_update(entry)) is not None:
            present = msgspec.structs.replace(present, updated=updated, received=entry.source.received_at)
        published = _published(entry) or published
    return msgspec.structs.replace(
        lineage,
        hashing=HASH_VERSION,
        versions=[present, *lineage.versions[1:]],
        quick=entry.quick,
        print=content,
        published=published,
        last_seen=max(lineage.last_seen, entry.arrival),
    )


def sighted(lineage: Lineage, entry: Entry, *, same_content: bool) -> Lineage:
    """The lineage after a duplicate. Mostly the very same object, so that duplicates write no state.

    Last-seen moves at most once a day; the quick hash then follows markup that changed for good.
    """
    if entry.arrival - lineage.last_seen < NOTE_SIGHTING_EVERY:
        return lineage
    quick = entry.quick if same_content and not entry.replay_of else lineage.quick
    return msgspec.structs.replace(lineage, last_seen=entry.arrival, quick=quick)


def store(
    state: State, id: bytes, before: Lineage | None, after: Lineage, entry: Entry, heading: str | None = None
) -> None:
    """Write what changed: the lineage, and pointers from those of the entry's aliases that nobody owns yet.

    `heading` is given for one of several articles at an address: it is found by what it is called now, too.
    """
    names = [alias.key for alias in entry.aliases]
    if heading is not None:
        names.append(titled_key(names[0], heading))
    owned = set(after.aliases)
    added: list[bytes] = []
    for key in names:
        if key in owned or len(owned) >= MAX_ALIASES:
            continue
        owner = owner_of(state, key)
        if owner is not None and owner[0] != id and not owner[1].forgotten(entry.arrival):
            continue  # an owned alias never moves while its owner lives
        owned.add(key)
        added.append(key)
    if added:
        after = msgspec.structs.replace(after, aliases=[*after.aliases, *added])
    if after is not before:
        state.put(id, encode(after))
    for key in added:
        if key != id:
            state.put(key, POINTER + id)


def place(entry: Entry) -> tuple[int, int, int]:
    """Where the entry's content comes from: for a replay the place that it names."""
    position = entry.replay_of
    if position is None or position.topic != entry.source.topic:
        position = entry.source.position
    return position.partition, position.offset, -1 if position.index is None else position.index


def _published(entry: Entry) -> tuple[datetime, str, Confidence] | None:
    if (found := entry.published) is None:
        return None
    return found.at.astimezone(UTC), found.raw, found.confidence
