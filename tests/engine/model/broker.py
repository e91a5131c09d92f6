"""The broker of the model: logs, transactions with fencing, read_committed, group offsets, compaction."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from agents.engine.transport import FencedError, Incoming, Outgoing, RefusedError, UnavailableError

START_MS = 1_790_000_000_000


@dataclass(slots=True)
class Written:
    """One place of a log: a record of a transaction, a marker (record None), or what compaction left (gone)."""

    record: Incoming | None
    transaction: int | None
    gone: bool = False


@dataclass(slots=True)
class Transaction:
    number: int
    producer: str
    epoch: int
    partitions: set[tuple[str, int]] = field(default_factory=set)
    outcome: str = "open"  # open, committed, aborted, unmarked (decided, and its markers were lost)
    failed: bool = False


@dataclass(slots=True)
class Log:
    places: list[Written] = field(default_factory=list)
    open: dict[int, int] = field(default_factory=dict)
    """Transactions that are not decided here, with their first offset."""


class ModelBroker:
    """Everything happens at once here; the steps in between are the clients'."""

    def __init__(self, refuses: Callable[[Outgoing], bool]) -> None:
        self.logs: dict[tuple[str, int], Log] = {}
        self.epochs: dict[str, int] = {}
        self.current: dict[str, Transaction] = {}
        self.unmarked: dict[str, list[Transaction]] = {}
        self.transactions: dict[int, Transaction] = {}
        self.offsets: dict[tuple[str, int], int] = {}
        self.version = 0
        """Counts what a reader could notice: appends and decisions."""
        self._refuses = refuses
        self._count = 0

    def log(self, topic: str, partition: int) -> Log:
        key = (topic, partition)
        if key not in self.logs:
            self.logs[key] = Log()
        return self.logs[key]

    # -- plain producers

    def publish(self, record: Outgoing) -> int:
        return self._append(record, None)

    # -- transactional producers

    def init_producer(self, producer: str) -> int:
        """Begin a new epoch; whatever the last one left open is aborted."""
        self.epochs[producer] = self.epochs.get(producer, 0) + 1
        if (left := self.current.pop(producer, None)) is not None:
            self._decide(left, "aborted")
        return self.epochs[producer]

    def begin(self, producer: str, epoch: int) -> None:
        self._check_epoch(producer, epoch)
        self._count += 1
        begun = Transaction(self._count, producer, epoch)
        self.transactions[begun.number] = begun
        self.current[producer] = begun

    def send(self, producer: str, epoch: int, record: Outgoing) -> int:
        self._check_epoch(producer, epoch)
        if self._refuses(record):
            raise RefusedError(record, "the model's topic takes no such record")
        current = self.current[producer]
        current.partitions.add((record.topic, record.partition))
        return self._append(record, current)

    def end(self, producer: str, epoch: int, outcome: str) -> None:
        self._check_epoch(producer, epoch)
        self._decide(self.current.pop(producer), outcome)

    def time_out(self, producer: str) -> None:
        """The coordinator aborts a transaction that took too long, and fences its producer."""
        if producer in self.current:
            self.init_producer(producer)

    def lose_markers(self, producer: str, epoch: int) -> None:
        """A coordinator killed after its decision comes back and takes the transaction for complete.

        No partition has a marker: the records stay undecided until the next marker of this producer.
        """
        self._check_epoch(producer, epoch)
        lost = self.current.pop(producer)
        lost.outcome = "unmarked"
        self.unmarked.setdefault(producer, []).append(lost)

    def expired(self, producer: str, epoch: int) -> bool:
        return self.epochs.get(producer) != epoch

    # -- readers

    def end_offset(self, topic: str, partition: int) -> int:
        return len(self.log(topic, partition).places)

    def stable_offset(self, topic: str, partition: int) -> int:
        log = self.log(topic, partition)
        return min(log.open.values(), default=len(log.places))

    def read(
        self, topic: str, partition: int, start: int, most: int, committed: bool = True
    ) -> tuple[list[Incoming], int]:
        """Records from an offset on, and where to go on from."""
        log = self.log(topic, partition)
        end = self.stable_offset(topic, partition) if committed else len(log.places)
        records: list[Incoming] = []
        at = start
        while at < end and len(records) < most:
            place = log.places[at]
            at += 1
            if place.record is None or place.gone:
                continue
            if (
                place.transaction is None
                or not committed
                or self.transactions[place.transaction].outcome == "committed"
            ):
                records.append(place.record)
        return records, max(at, start)

    def compact(self, topic: str, partition: int, keep_from: int) -> None:
        """Drop committed records that a later committed one of the same key supersedes, and aborted ones."""
        log = self.log(topic, partition)
        limit = min(keep_from, self.stable_offset(topic, partition))
        latest: dict[bytes | None, int] = {}
        for at in range(limit):
            if self._visible(log.places[at]):
                record = log.places[at].record
                latest[record.key if record else None] = at
        for at in range(limit):
            place = log.places[at]
            if place.record is not None and latest.get(place.record.key) != at:
                place.gone = True

    def _visible(self, place: Written) -> bool:
        if place.record is None or place.gone:
            return False
        return place.transaction is None or self.transactions[place.transaction].outcome == "committed"

    def _append(self, record: Outgoing, transaction: Transaction | None) -> int:
        log = self.log(record.topic, record.partition)
        offset = len(log.places)
        written = Incoming(
            record.topic, record.partition, offset, START_MS + offset, record.key, record.value, record.headers
        )
        if transaction is not None:
            log.open.setdefault(transaction.number, offset)
        log.places.append(Written(written, transaction.number if transaction else None))
        self.version += 1
        return offset

    def _decide(self, transaction: Transaction, outcome: str) -> None:
        """Write the markers; a marker also ends what this producer has undecided in that partition."""
        transaction.outcome = outcome
        self.version += 1
        for key in transaction.partitions:
            log = self.logs[key]
            log.open.pop(transaction.number, None)
            for lost in self.unmarked.get(transaction.producer, ()):
                if key in lost.partitions and log.open.pop(lost.number, None) is not None:
                    self._adopt(lost, key, transaction)
            log.places.append(Written(None, None))

    def _adopt(self, lost: Transaction, key: tuple[str, int], by: Transaction) -> None:
        """The records of an unmarked transaction share the fate of the next marker of their producer."""
        for place in self.logs[key].places:
            if place.transaction == lost.number:
                place.transaction = by.number

    def _check_epoch(self, producer: str, epoch: int) -> None:
        if self.epochs.get(producer) != epoch:
            raise FencedError(f"{producer}: epoch {epoch} was fenced by {self.epochs.get(producer)}")


__all__ = ["ModelBroker", "UnavailableError"]
