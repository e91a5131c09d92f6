"""The ledger of a window that moves on: what has left it is forgotten, and every fault in it is told of once.

Pure, as ledger.py is: fed with what was read, in any order but this one: no outcome before its raw record.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from agents.engine.ledger import Ledger, Noted, Origin, position_of

LOGGED = 100
"""New faults of one kind that are told of one by one in one round; the rest is a number."""

_INDEX_BITS, _OFFSET_BITS = 16, 38
_NO_INDEX = (1 << _INDEX_BITS) - 1
_ALL_BITS = (1 << 64) - 1

Windows = Mapping[int, tuple[int, int]]
"""By partition, the raw offsets [begin, end) that are judged."""


class Fault(Struct, frozen=True):
    """A fault that was not there at the last round. `source`: whose entry, as far as known; `text`: a sentence."""

    source: str
    text: str


class News(Struct, frozen=True):
    """New faults of one kind: how many there are, and the first of them."""

    count: int
    shown: list[Fault]


class Findings(Struct, frozen=True, kw_only=True):
    """What one round found in the window. Counts of faults are of all that stand, `news` of what came with this round.

    `entries`: of documents old enough to be judged. `waiting` and `in_flight` count the others too: raw records that
    parse has not taken, and entries that have no outcome yet; a document of which nothing came counts as one.
    """

    entries: int
    waiting: int
    in_flight: int
    missing: int
    doubled: int
    contradicting: int
    altered: int
    news: Mapping[str, News]


class RollingLedger(Ledger):
    """Audits what lies between two offsets of each partition, both of which only ever grow.

    What was under way less than `linger` seconds ago stays, however old its document: a backlog may be older than the
    window, and its end is what one wants to know of.
    """

    def __init__(self, topic: str, begins: Mapping[int, int], *, linger: float = 0) -> None:
        super().__init__(topic, {partition: (begin, begin) for partition, begin in begins.items()})
        self._doubled: _Kept = _Kept()
        self._contradicting: _Kept = _Kept()
        self._altered: _Kept = _Kept()
        self._missing = _Told()
        self._strays = _Told()
        self._linger = linger
        self._under_way: deque[tuple[float, Mapping[int, int]]] = deque()  # at a time, by partition, the oldest
        self._wrong = array("Q")  # hashes of sentences, in order: a million of the sentences themselves would be 200 MB

    def grow(self, partition: int, end: int) -> None:
        """Raw records up to this end are about to be read."""
        self._pages[partition].grow(end)

    def altered(self, sentence: str, origin: Origin) -> None:
        """As of a Ledger; of the window's documents alone."""
        if origin.topic == self._topic and self._page(origin.partition, origin.offset) is not None:
            super().altered(sentence, origin)

    def slide(self, windows: Windows, taken: Mapping[int, int], now: float) -> None:
        """Forget what stands before the windows and is done with. `now`: seconds of any clock that never goes back.

        What is in flight must have been looked for, where `open` says so.
        """
        self._under_way.append((now, {partition: self._oldest(partition, taken) for partition in windows}))
        while len(self._under_way) > 2 and self._under_way[1][0] < now - self._linger:
            self._under_way.popleft()  # never the last look's: what it found may be done, or lost, since
        for partition, (begin, _) in windows.items():
            self._pages[partition].shed(min(begin, *(oldest[partition] for _, oldest in self._under_way)))
        begins = {partition: page.begin for partition, page in self._pages.items()}
        for kept in (self._doubled, self._contradicting, self._altered):
            kept.slide(begins)
        self._numbers.slide({partition: (begins[partition], end) for partition, (_, end) in windows.items()})

    def _oldest(self, partition: int, taken: Mapping[int, int]) -> int:
        """The first document that waits or is on its way; the end of what was read where there is none."""
        page = self._pages[partition]
        for offset in page.unfinished():
            if offset >= taken.get(partition, 0) or page.unaccounted(offset)[0]:
                return offset
        return page.end

    def open(self, windows: Windows, taken: Mapping[int, int]) -> bool:
        """Whether a document is to be judged that parse has taken and that is not done with."""
        return any(
            offset < min(windows[partition][1], taken.get(partition, 0))
            for partition, page in self._pages.items()
            for offset in page.unfinished()
        )

    def lost(self, windows: Windows, taken: Mapping[int, int]) -> array[int]:
        """Entries, as numbers of `_packed`, that parse has taken and that are neither done nor on their way."""
        found = array("Q")
        for partition, page in self._pages.items():
            end = min(windows[partition][1], taken.get(partition, 0))
            for offset in page.unfinished():
                if offset < end:
                    moving, lost = page.unaccounted(offset)
                    if not lost and not moving:
                        found.append(_packed(partition, offset, None))
                    found.extend(_packed(partition, offset, index) for index in lost)
        return found

    def knows(self, lost: array[int]) -> bool:
        """Whether all of these were lost at the last round, too."""
        return self._missing.knows(lost)

    def sum_up(self, windows: Windows, taken: Mapping[int, int], lost: array[int]) -> Findings:
        """The findings of a round. `lost` is what stayed lost for as long as one has to wait to be sure."""
        entries = waiting = in_flight = 0
        # Whether documents old enough to be judged are on their way; what is not lost for sure may be.
        old = not _among(self.lost(windows, taken), lost).all()
        strays = array("Q")
        for partition, page in self._pages.items():
            _, end = windows[partition]
            done_by_parse = taken.get(partition, 0)
            entries += page.entries(end)
            strays.extend(_packed(partition, offset, None) for offset in page.strays())
            for offset in page.unfinished():
                if offset >= done_by_parse and not page.begun(offset):
                    waiting += 1
                    old |= offset < end
                elif offset >= min(end, done_by_parse):
                    in_flight += page.awaited(offset)
                    old |= offset < end
                elif moving := page.unaccounted(offset)[0]:
                    in_flight += moving
                    old = True
        if not old:  # a number may be that of an entry on its way
            wrong = self._numbers.wrong()
            fresh = _first(Fault(text.partition(": ")[0], text) for text in self._renewed(wrong))
        else:
            fresh = News(0, [])
        missing = self._missing.renew(lost, self._where, "has no outcome and is not on its way")
        stray = self._strays.renew(strays, self._where, "has outcomes, but is no raw record")
        contradicting, altered = self._contradicting.take(), self._altered.take()
        return Findings(
            entries=entries,
            waiting=waiting,
            in_flight=in_flight,
            missing=len(lost),
            doubled=len(self._doubled.places),
            contradicting=len(self._contradicting.places) + len(strays),
            altered=len(self._altered.places) + len(self._wrong),
            news={
                "Missing": missing,
                "Doubled": self._doubled.take(),
                "Contradicting": _together(contradicting, stray),
                "Altered": _together(altered, fresh),
            },
        )

    def _renewed(self, sentences: Iterable[str]) -> Iterator[str]:
        """Those that did not stand at the last look; once all are taken, these stand."""
        found = array("Q")
        for sentence in sentences:
            mark = hash(sentence) & _ALL_BITS
            found.append(mark)
            at = bisect_left(self._wrong, mark)
            if self._wrong[at : at + 1] != array("Q", [mark]):
                yield sentence
        self._wrong = array("Q")
        self._wrong.frombytes(np.unique(np.frombuffer(found, np.uint64)).tobytes())

    def _where(self, packed: int) -> str:
        index = packed & _NO_INDEX
        return position_of(
            self._topic,
            packed >> _OFFSET_BITS + _INDEX_BITS,
            packed >> _INDEX_BITS & (1 << _OFFSET_BITS) - 1,
            None if index == _NO_INDEX else index,
        )


class _Kept(Noted):
    """Faults that stay, each with the place of its entry, 8 bytes: once seen they do not go but with their document."""

    def __init__(self) -> None:
        super().__init__()
        self.places = array("Q")
        self._news: list[Fault] = []
        self._count = 0

    def note(self, sentence: str, origin: Origin | None = None) -> None:
        if origin is None:
            raise ValueError("a fault of nobody's entry cannot leave the window with it")
        self.places.append(_packed(origin.partition, origin.offset, origin.index))
        self._count += 1
        if len(self._news) < LOGGED:
            self._news.append(Fault(origin.position, sentence))

    def slide(self, begins: Mapping[int, int]) -> None:
        kept = (place for place in self.places if _is_inside(place, begins))
        self.places = array("Q", kept)

    def take(self) -> News:
        """What was noted since this was last asked."""
        news = News(self._count, self._news)
        self._count, self._news = 0, []
        return news


class _Told:
    """Faults that are looked for anew at each round, and may have gone."""

    def __init__(self) -> None:
        self._before = array("Q")

    def knows(self, found: array[int]) -> bool:
        return bool(_among(found, self._before).all())

    def renew(self, found: array[int], where: Callable[[int], str], what: str) -> News:
        fresh = ~_among(found, self._before)
        self._before = found
        names = (where(found[at]) for at in np.flatnonzero(fresh))
        return _first(Fault(name, f"{name} {what}") for name in names)


def both(one: array[int], other: array[int]) -> array[int]:
    """What stands in both."""
    kept = array("Q")
    kept.frombytes(np.frombuffer(other, np.uint64)[_among(other, one)].tobytes())
    return kept


def _among(places: array[int], others: array[int]) -> NDArray[np.bool_]:
    """Of each place, whether it is one of the others. A set of a million would be 60 MB."""
    return np.isin(np.frombuffer(places, np.uint64), np.frombuffer(others, np.uint64))


def _first(faults: Iterable[Fault]) -> News:
    """Count them all and keep the first."""
    shown: list[Fault] = []
    count = 0
    for fault in faults:
        count += 1
        if count <= LOGGED:
            shown.append(fault)
    return News(count, shown)


def _together(one: News, other: News) -> News:
    return News(one.count + other.count, [*one.shown, *other.shown][:LOGGED])


def _packed(partition: int, offset: int, index: int | None) -> int:
    in_room = _NO_INDEX if index is None or not 0 <= index < _NO_INDEX else index
    return partition << _OFFSET_BITS + _INDEX_BITS | offset << _INDEX_BITS | in_room


def _is_inside(place: int, begins: Mapping[int, int]) -> bool:
    offset = place >> _INDEX_BITS & (1 << _OFFSET_BITS) - 1
    return offset >= begins.get(place >> _OFFSET_BITS + _INDEX_BITS, 0)
