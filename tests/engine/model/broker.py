"""The broker of the model: logs, transactions with fencing, read_committed, group offsets, compaction.

Everything happens at once here; the steps in between are the clients' (`clients.py`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from functools import lru_cache

from msgspec import Struct

from agents.engine.transport import FencedError, Incoming, Outgoing, RefusedError, UnavailableError

START_MS = 1_790_000_000_000

Place = tuple[str, int]
"""A topic and a partition."""


class Transaction(Struct, eq=False):
    """`outcome` is open, committed, aborted or unmarked: decided, and its markers were lost."""

    number: int
    producer: str
    owner: str
    begun: int
    partitions: dict[Place, None] = {}
    outcome: str = "open"
    decided: int = 0
    """The steps at which it was begun and decided."""
    closing: bool = False
    """Of a take-over: it holds nothing and is aborted."""


class Written(Struct, eq=False, gc=False):
    """One place of a log: a record, a marker (record None), or what compaction left (gone)."""

    record: Outgoing | None
    transaction: Transaction | None
    step: int
    gone: bool = False
    lost: Transaction | None = None
    """The transaction that it was written in, where that one's markers were lost."""

    @property
    def visible(self) -> bool:
        """Whether a read_committed reader gets it, once it comes so far."""
        if self.record is None or self.gone:
            return False
        return self.transaction is None or self.transaction.outcome == "committed"


class Log(Struct, eq=False):
    places: list[Written] = []
    open: dict[int, int] = {}
    """Transactions that are not decided here, with their first offset."""
    begin: int = 0

    @property
    def stable(self) -> int:
        return min(self.open.values()) if self.open else len(self.places)


class Producer(Struct, eq=False):
    """What the broker knows of a transactional id."""

    id: str
    epoch: int = 0
    current: Transaction | None = None
    late: Transaction | None = None
    """Decided, and not all of its markers are written yet."""
    unmarked: list[Transaction] = []
    broken: set[Place] = set()
    """Partitions whose sequence numbers have a hole since a refusal: they take nothing more from this epoch."""


class ModelBroker:
    """`refuses` says why a record is not taken; `diary` is told what happened to a producer, where there is one."""

    def __init__(self, refuses: Callable[[Outgoing], str | None]) -> None:
        self.logs: defaultdict[Place, Log] = defaultdict(Log)
        self.producers: dict[str, Producer] = {}
        self.late: list[Producer] = []
        self.offsets: dict[Place, int] = {}
        self.marks: dict[Place, str] = {}
        self.step = 0
        self.diary: Callable[[str, str], None] | None = None
        self._refuses = refuses
        self._count = 0

    @property
    def transactions(self) -> int:
        return self._count

    # -- plain producers

    def publish(self, record: Outgoing) -> int:
        written = self.logs[record.topic, record.partition].places
        written.append(Written(record, None, self.step))
        return len(written) - 1

    # -- transactional producers

    def init_producer(self, id: str, owner: str) -> int:
        """Begin a new epoch. What the last one left open is aborted, what it decided gets its markers first."""
        producer = self.producers.setdefault(id, Producer(id))
        self.write_markers(producer)
        producer.epoch += 1
        producer.broken.clear()
        if self.diary is not None:
            self.diary(id, f"{owner} fences {id}: epoch {producer.epoch}")
        if producer.current is not None:
            self._decide(producer, "aborted", late=False)
        return producer.epoch

    def begin(self, id: str, epoch: int, owner: str) -> None:
        producer = self._current(id, epoch)
        self.write_markers(producer)
        if producer.broken:
            raise UnavailableError(f"{id}: out of sequence since a refusal")
        self._count += 1
        producer.current = Transaction(self._count, id, owner, self.step)

    def send(self, id: str, epoch: int, records: Iterable[Outgoing]) -> int:
        """Write records to one partition after another; the offset of the last one."""
        producer = self._current(id, epoch)
        current, logs = producer.current, self.logs
        if current is None:
            raise FencedError(f"{id}: its transaction was ended")
        offset = 0
        for record in records:
            place = (record.topic, record.partition)
            if place in producer.broken:
                raise UnavailableError(f"{id}: out of sequence since a refusal")
            if (why := self._refuses(record)) is not None:
                producer.broken.add(place)
                raise RefusedError(record, why)
            log = logs[place]
            offset = len(log.places)
            current.partitions[place] = None
            log.open.setdefault(current.number, offset)
            log.places.append(Written(record, current, self.step))
        return offset

    def touch(self, id: str, epoch: int, owner: str, places: Iterable[Place]) -> None:
        """Begin the transaction of a take-over, and write a record without content to each place."""
        self.begin(id, epoch, owner)
        current = self.producers[id].current
        assert current is not None
        current.closing = True
        self.send(id, epoch, [_touches(place) for place in places])

    def end(self, id: str, epoch: int, outcome: str, *, late: bool = False) -> None:
        """Decide; the answer comes at once, the markers at once or `late`, one partition after the other."""
        self._decide(self._current(id, epoch), outcome, late=late)

    def time_out(self, id: str) -> None:
        """The coordinator aborts a transaction that took too long, and fences its producer."""
        self.init_producer(id, "the coordinator")

    def lose_markers(self, id: str, epoch: int, keep: int = 0) -> None:
        """A coordinator killed after its decision comes back and takes the transaction for complete.

        No partition has a marker, but for the first `keep`: the records stay undecided until the next marker of
        this producer.
        """
        producer = self._current(id, epoch)
        lost = producer.current
        if lost is None:
            raise FencedError(f"{id}: its transaction was ended")
        producer.current = None
        lost.outcome, lost.decided = "unmarked", self.step
        producer.unmarked.append(lost)
        if keep:
            # what got a marker is committed; it is another transaction from now on
            marked = Transaction(lost.number, id, lost.owner, lost.begun, dict.fromkeys(list(lost.partitions)[:keep]))
            marked.outcome, marked.decided = "committed", self.step
            for place in marked.partitions:
                del lost.partitions[place]
                self._adopt(lost, place, marked)
                self._mark(producer, marked, place)
        if self.diary is not None:
            self.diary(id, f"transaction {lost.number} of {id} is complete, and has {keep or 'none'} of its markers")

    def write_markers(self, producer: Producer, most: int | None = None) -> None:
        """Write markers that are late; all of them, or `most`."""
        late = producer.late
        if late is None:
            return
        waiting = [place for place in late.partitions if late.number in self.logs[place].open]
        for place in waiting[:most]:
            self._mark(producer, late, place)
        if most is None or len(waiting) <= most:
            producer.late = None
            self.late.remove(producer)

    def expired(self, id: str, epoch: int) -> bool:
        return self.producers[id].epoch != epoch

    # -- readers

    def end_offset(self, place: Place) -> int:
        return len(self.logs[place].places)

    def stable_offset(self, place: Place) -> int:
        return self.logs[place].stable

    def begin_offset(self, place: Place) -> int:
        return self.logs[place].begin

    def read(self, place: Place, start: int, most: int, committed: bool = True) -> tuple[list[Incoming], int]:
        """Records from an offset on, and where to go on from."""
        log = self.logs[place]
        written = log.places
        end = log.stable if committed else len(written)
        records: list[Incoming] = []
        at = max(start, log.begin)
        while at < end and len(records) < most:
            one = written[at]
            record = one.record
            if (
                record is not None
                and not one.gone
                and (not committed or one.transaction is None or one.transaction.outcome == "committed")
            ):
                time = START_MS + at
                records.append(Incoming(*place, at, time, record.key, record.value, record.headers))
            at += 1
        return records, max(at, start)

    # -- what befalls logs

    def compact(self, at: Place, keep_from: int) -> None:
        """Drop committed records that a later committed one of the same key supersedes, and aborted ones.

        What is gone at the head of the log moves its beginning.
        """
        log = self.logs[at]
        limit = min(keep_from, log.stable)
        latest: dict[bytes | None, int] = {}
        span = [(offset, log.places[offset]) for offset in range(log.begin, limit)]
        for offset, one in span:
            if one.visible and one.record is not None:
                latest[one.record.key] = offset
        for offset, one in span:
            if one.record is not None and latest.get(one.record.key) != offset:
                one.gone = True
        while log.begin < limit and (log.places[log.begin].record is None or log.places[log.begin].gone):
            log.begin += 1

    def recreate(self, place: Place) -> None:
        """The topic was deleted and made anew, or a backup without it was restored."""
        for producer in self.producers.values():
            for transaction in (producer.current, producer.late, *producer.unmarked):
                if transaction is not None:
                    transaction.partitions.pop(place, None)
        self.logs[place] = Log()

    def _decide(self, producer: Producer, outcome: str, *, late: bool) -> None:
        transaction = producer.current
        if transaction is None:
            raise FencedError(f"{producer.id}: its transaction was ended")
        producer.current = None
        transaction.outcome, transaction.decided = outcome, self.step
        if self.diary is not None and not transaction.closing:
            self.diary(producer.id, f"transaction {transaction.number} of {producer.id} is {outcome}")
        if late and transaction.partitions:
            producer.late = transaction
            self.late.append(producer)
            return
        for place in transaction.partitions:
            self._mark(producer, transaction, place)

    def _mark(self, producer: Producer, transaction: Transaction, place: Place) -> None:
        """Write a marker; it also ends what this producer has undecided in that partition."""
        log = self.logs[place]
        log.open.pop(transaction.number, None)
        for lost in producer.unmarked:
            if place in lost.partitions and log.open.pop(lost.number, None) is not None:
                self._adopt(lost, place, transaction)
        log.places.append(Written(None, transaction, self.step))

    def _adopt(self, lost: Transaction, place: Place, by: Transaction) -> None:
        """The records of an unmarked transaction share the fate of the next marker of their producer."""
        for written in self.logs[place].places:
            if written.transaction is lost:
                written.transaction, written.lost = by, lost

    def _current(self, id: str, epoch: int) -> Producer:
        producer = self.producers[id]
        if producer.epoch != epoch:
            raise FencedError(f"{id}: epoch {epoch} was fenced by {producer.epoch}")
        return producer


@lru_cache
def _touches(place: Place) -> Outgoing:
    return Outgoing(*place, b"", b"")
