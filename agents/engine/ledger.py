"""The ledger: does every entry of `feeds.raw` have exactly one outcome, by `source`?

A pure account, fed with what was read from the topics in any order. It keeps three bytes for each raw offset, 24 for
each item and, only while a document is incomplete, one bit for each of its entries.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Mapping

from msgspec import Struct

from agents.engine.numbering import Numbers, Source
from agents.stage import EntryRef, Topic

SHOWN = 20
"""How many positions of each kind of fault are named; all are counted."""

MAX_ENTRIES = 0xFFFF
"""Entries of one document that the account has room for; parse refuses documents of more than 10,000."""

OUTCOMES = (Topic.ENRICHED, Topic.DUPLICATES, Topic.DEAD_LETTER)

_PRESENT = 1  # the raw record was read
_DONE = 2  # all its entries have their outcome, or it failed as a whole
_WHOLE = 4  # it failed as a whole


class Origin(Struct, frozen=True):
    """As much of a record's `source` as the account needs; decoding the rest would cost ten times as much."""

    topic: str
    partition: int
    offset: int
    index: int | None
    count: int | None

    @property
    def position(self) -> str:
        """As `ce_id` has it."""
        tail = "" if self.index is None else f"/{self.index}"
        return f"{self.topic}/{self.partition}/{self.offset}{tail}"


class Faults(Struct, frozen=True):
    """How many there are of one kind, and the first of them in words."""

    count: int
    shown: list[str]


class Account(Struct, frozen=True, kw_only=True):
    """What the ledger says. `entries` counts a document that failed as a whole as one.

    `waiting`: raw records that parse has not taken yet. `in_flight`: entries between two stages, or in documents
    just being read. `missing` counts a raw record without any outcome as one: how many entries it holds nobody
    knows. `contradicting`: outcomes that cannot both be true, or of no raw record. `altered`: outcomes that are not as
    the mill writes them: a key or a header that is not theirs, revisions numbered wrongly. `elsewhere`: outcomes of
    what never was a raw record (documents that `ingest` refused).
    """

    raw: int
    entries: int
    items: int
    duplicates: int
    dead_letters: int
    waiting: int
    in_flight: int
    missing: Faults
    doubled: Faults
    contradicting: Faults
    altered: Faults = Faults(0, [])
    elsewhere: int

    @property
    def outcomes(self) -> int:
        return self.items + self.duplicates + self.dead_letters

    @property
    def whole(self) -> bool:
        """Nothing is missing, doubled, contradicting or altered; what is on its way is none of these."""
        return not any(faults.count for faults in (self.missing, self.doubled, self.contradicting, self.altered))

    @property
    def settled(self) -> bool:
        """Nothing is on its way any more."""
        return not (self.waiting or self.in_flight)


class Ledger:
    """Audits the offsets [begin, end) of each partition of one raw topic."""

    def __init__(self, topic: str, windows: Mapping[int, tuple[int, int]]) -> None:
        self._topic = topic
        self._pages = {partition: Page(begin, end) for partition, (begin, end) in windows.items()}
        self._outcomes = dict.fromkeys(OUTCOMES, 0)
        self._doubled = Noted()
        self._contradicting = Noted()
        self._altered = Noted()
        self._numbers = Numbers(topic)
        self._elsewhere = 0

    @property
    def complete(self) -> bool:
        """Whether every raw record read so far is done. Quick, for asking often."""
        return all(page.open == 0 for page in self._pages.values())

    def raw(self, partition: int, offset: int) -> None:
        """A raw record stands here."""
        if page := self._page(partition, offset):
            page.appear(offset)

    def outcome(self, kind: Topic, origin: Origin, stands_at: str) -> None:
        """An outcome was read; `stands_at` says where, for the message about a double."""
        if origin.topic != self._topic:
            self._elsewhere += 1
            return
        if not (page := self._page(origin.partition, origin.offset)):
            return
        self._outcomes[kind] += 1
        where = position_of(self._topic, origin.partition, origin.offset, origin.index)
        if origin.index is None:
            if page.fail(origin.offset):
                self._doubled.note(f"{where} as a whole: has other outcomes, and the one at {stands_at}", origin)
        elif origin.count is None or not 0 <= origin.index < origin.count <= MAX_ENTRIES:
            self._contradicting.note(f"{where} of {origin.count}, at {stands_at}: no such entry can be", origin)
        elif (known := page.counts[origin.offset - page.begin] or origin.count) != origin.count:
            self._contradicting.note(
                f"{where}: of {known} entries by one outcome, of {origin.count} by {stands_at}", origin
            )
        elif page.settle(origin.offset, origin.index, origin.count):
            self._doubled.note(f"{where}: has another outcome, and the one at {stands_at}", origin)

    def altered(self, sentence: str, origin: Origin) -> None:
        """An outcome is not as the mill writes it."""
        self._altered.note(sentence, origin)

    def numbered(self, origin: Origin, id: str, revision: int, stands_at: str, *, item: bool, replayed: bool) -> None:
        """An item has this revision number, or a dead letter that stands in the place of one."""
        if origin.topic != self._topic or origin.index is None:
            return
        judged = self._page(origin.partition, origin.offset) is not None
        source = Source(origin.partition, origin.offset, origin.index)
        if not self._numbers.note(id, revision, source, item=item, replayed=replayed, judged=judged):
            self.altered(f"{stands_at}: {id!r:.40} and {revision} are no item's id and revision", origin)

    def in_flight(self, ref: EntryRef) -> None:
        """An entry was found between two stages."""
        if page := self._page(ref.partition, ref.offset):
            page.move(ref.offset, ref.index)

    def forget_in_flight(self) -> None:
        """Before they are looked for again: what was on its way may be lost by now."""
        for page in self._pages.values():
            page.moving.clear()

    def account(self, taken: Mapping[int, int | None]) -> Account:
        """Sum up. `taken`: the offset up to which parse has surely worked, by partition; None: nothing yet.

        `taken` must be older than everything read of the topics, or what is on its way looks missing.
        """
        missing, contradicting, altered = Noted(), self._contradicting.copy(), self._altered.copy()
        for sentence in self._numbers.wrong():
            altered.note(sentence)
        raw = entries = waiting = in_flight = 0
        for partition, page in sorted(self._pages.items()):
            done_by_parse = taken.get(partition) or 0
            raw += page.present
            entries += page.entries()
            for offset in page.strays():
                contradicting.note(f"{self._topic}/{partition}/{offset}: has outcomes, but is no raw record")
            for offset in page.unfinished():
                moving, lost = page.unaccounted(offset)
                in_flight += moving
                if offset >= done_by_parse:
                    waiting += 0 if moving or page.begun(offset) else 1
                    in_flight += len(lost) if page.begun(offset) else 0
                    continue
                if not lost and not moving:
                    missing.note(f"{self._topic}/{partition}/{offset}: no outcome at all")
                for index in lost:
                    missing.note(position_of(self._topic, partition, offset, index))
        return Account(
            raw=raw,
            entries=entries,
            items=self._outcomes[Topic.ENRICHED],
            duplicates=self._outcomes[Topic.DUPLICATES],
            dead_letters=self._outcomes[Topic.DEAD_LETTER],
            waiting=waiting,
            in_flight=in_flight,
            missing=missing.faults(),
            doubled=self._doubled.faults(),
            contradicting=contradicting.faults(),
            altered=altered.faults(),
            elsewhere=self._elsewhere,
        )

    def _page(self, partition: int, offset: int) -> Page | None:
        page = self._pages.get(partition)
        return page if page is not None and page.begin <= offset < page.end else None


class Page:
    """The account of one raw partition, by offset."""

    def __init__(self, begin: int, end: int) -> None:
        self.begin = begin
        self.end = max(begin, end)
        self.present = 0
        self.open = 0
        self.counts = array("H", bytes(2 * (self.end - begin)))
        self._marks = bytearray(self.end - begin)
        self._seen: dict[int, int] = {}  # offset -> bits of the entries that have their outcome
        self.moving: dict[int, int] = {}

    def grow(self, end: int) -> None:
        """Take in offsets up to a later end."""
        if (more := end - self.end) > 0:
            self.counts.extend(array("H", bytes(2 * more)))
            self._marks.extend(bytes(more))
            self.end = end

    def shed(self, begin: int) -> None:
        """Let go of what stands before a later begin."""
        begin = min(begin, self.end)
        if (less := begin - self.begin) <= 0:
            return
        gone = self._marks[:less]
        self.present -= sum(1 for mark in gone if mark & _PRESENT)
        self.open -= sum(1 for mark in gone if mark & (_PRESENT | _DONE) == _PRESENT)
        del self.counts[:less], self._marks[:less]
        for offsets in (self._seen, self.moving):
            for offset in [one for one in offsets if one < begin]:
                del offsets[offset]
        self.begin = begin

    def appear(self, offset: int) -> None:
        at = offset - self.begin
        if not self._marks[at] & _PRESENT:
            self._marks[at] |= _PRESENT
            self.present += 1
            self.open += not self._marks[at] & _DONE

    def fail(self, offset: int) -> bool:
        """The document failed as a whole; True where that, or an outcome of its entries, was known already."""
        doubled = self.begun(offset)
        if not doubled:
            self._finish(offset, _WHOLE)
        return doubled

    def awaited(self, offset: int) -> int:
        """Entries of an unfinished document that have no outcome yet; 1 where nobody knows how many there are."""
        return self.counts[offset - self.begin] - self._seen.get(offset, 0).bit_count() or 1

    def settle(self, offset: int, index: int, count: int) -> bool:
        """One entry has its outcome; True where it had one before."""
        at = offset - self.begin
        if self._marks[at] & _DONE:
            return True
        self.counts[at] = count
        seen = self._seen.get(offset, 0)
        if seen >> index & 1:
            return True
        seen |= 1 << index
        if seen.bit_count() == count:
            self._finish(offset, 0)
        else:
            self._seen[offset] = seen
        return False

    def move(self, offset: int, index: int) -> None:
        if index >= 0 and not self._marks[offset - self.begin] & _DONE:
            self.moving[offset] = self.moving.get(offset, 0) | 1 << index

    def begun(self, offset: int) -> bool:
        return bool(self._marks[offset - self.begin] & _DONE) or offset in self._seen

    def entries(self, until: int | None = None) -> int:
        """Entries of all documents whose count is known; of those before `until`."""
        size = None if until is None else max(0, until - self.begin)
        return sum(self.counts[:size]) + sum(1 for mark in self._marks[:size] if mark & _WHOLE)

    def unfinished(self) -> Iterator[int]:
        if not self.open:
            return
        for at, mark in enumerate(self._marks):
            if mark & (_PRESENT | _DONE) == _PRESENT:
                yield self.begin + at

    def strays(self) -> Iterator[int]:
        for at, mark in enumerate(self._marks):
            if not mark & _PRESENT and (mark & _DONE or self.begin + at in self._seen):
                yield self.begin + at

    def unaccounted(self, offset: int) -> tuple[int, list[int]]:
        """Of an unfinished document: how many entries are on their way, and which are nowhere."""
        seen, moving = self._seen.get(offset, 0), self.moving.get(offset, 0)
        count = self.counts[offset - self.begin]
        return (moving & ~seen).bit_count(), [index for index in range(count) if not (seen | moving) >> index & 1]

    def _finish(self, offset: int, mark: int) -> None:
        at = offset - self.begin
        self._marks[at] |= _DONE | mark
        self._seen.pop(offset, None)
        self.moving.pop(offset, None)
        self.open -= self._marks[at] & _PRESENT


class Noted:
    """Counts faults and remembers the first."""

    def __init__(self, count: int = 0, shown: Iterable[str] = ()) -> None:
        self._count = count
        self._shown = list(shown)

    def note(self, sentence: str, origin: Origin | None = None) -> None:
        """`origin`: whose outcome it is about."""
        self._count += 1
        if len(self._shown) < SHOWN:
            self._shown.append(sentence)

    def copy(self) -> Noted:
        return Noted(self._count, self._shown)

    def faults(self) -> Faults:
        return Faults(self._count, list(self._shown))


def position_of(topic: str, partition: int, offset: int, index: int | None) -> str:
    tail = "" if index is None else f"/{index}"
    return f"{topic}/{partition}/{offset}{tail}"
