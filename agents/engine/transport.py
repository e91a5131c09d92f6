"""What the engine asks of a log: transactional producers, and readers of the changelog.

Two implementations: Apache Kafka (`kafka.py`), and the seeded in-memory broker of the model test, which stops,
kills and pauses at every one of these calls.
"""

from __future__ import annotations

from collections.abc import Awaitable, Mapping, Sequence
from typing import Protocol

from msgspec import Struct

from agents.stage import Headers, Output


class Outgoing(Struct, frozen=True, gc=False):
    """One record on its way to a named topic and partition."""

    topic: str
    partition: int
    key: bytes | None
    value: bytes | None
    headers: Headers = ()

    @property
    def size(self) -> int:
        """Bytes of the record as a broker counts them, rounded up."""
        headers = sum(len(name) + len(value) + 10 for name, value in self.headers)
        return len(self.key or b"") + len(self.value or b"") + headers + 70


class Incoming(Struct, frozen=True, gc=False):
    """One record read from a topic. `timestamp` is in milliseconds since the epoch."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Headers = ()

    @property
    def size(self) -> int:
        return len(self.key or b"") + len(self.value or b"") + 70

    @property
    def place(self) -> str:
        """`topic/partition/offset`"""
        return f"{self.topic}/{self.partition}/{self.offset}"


class Committed(Struct, frozen=True):
    """What the group knows of an input partition: where a new owner begins to fetch, and its owner's mark."""

    offset: int
    mark: str = ""


class EngineError(Exception):
    """Something after which the worker must end with nothing committed. Its text is a sentence for people.

    `about` are fields of a log line (`about.py`): the stage, partition or record that it speaks of, where it does.
    """

    def __init__(self, *sentence: object, **about: object) -> None:
        super().__init__(*sentence)
        self.about = about


class FencedError(EngineError):
    """Another worker took the partition over: this one was paused or cut off for too long."""


class UnavailableError(EngineError):
    """The broker could not be reached, or gave up on a transaction."""


class RefusedError(Exception):
    """The broker will not take one record, now or ever (too large for the topic, forbidden by its policy).

    `culprit` is the output that the record was to carry, once the loop has found it.
    """

    culprit: Output | None = None

    def __init__(self, record: Outgoing | None, reason: str) -> None:
        super().__init__(reason)
        self.record = record
        self.reason = reason


class Transactions(Protocol):
    """The producer of one transactional id. Every method raises EngineError; delivery may raise RefusedError."""

    async def fence(self, touch: Sequence[tuple[str, int]]) -> None:
        """Take the id over: decide what its last owner left open, then close every partition in `touch`.

        The closing is one aborted transaction that writes to all of them. A broker killed at the wrong moment
        once declared a transaction complete without its markers; this one makes up for them.
        """
        ...

    async def begin(self) -> None: ...

    async def send(self, record: Outgoing) -> Awaitable[int]:
        """Queue one record; the awaitable gives its offset when the broker has it."""
        ...

    async def send_all(self, records: Sequence[Outgoing]) -> Sequence[Awaitable[int]]:
        """Queue records, at least one, in order within each partition.

        Together the awaitables say that the broker has them all; the last one gives the last record's offset. A
        refusal does not name its record: send them one by one to find it.
        """
        ...

    async def commit(self) -> None: ...

    async def abort(self) -> None: ...

    async def stop(self) -> None: ...


class Changelog(Protocol):
    """Reads changelogs and offsets, read_committed."""

    async def bounds(self, topic: str, partitions: Sequence[int]) -> Mapping[int, tuple[int, int]]:
        """First offset and stable end (exclusive) of each partition.

        Raises EngineError where the stable end stays behind the high watermark after a fence: something on the
        broker holds a transaction open that nobody owns.
        """
        ...

    async def read(self, topic: str, starts: Mapping[int, int]) -> Mapping[int, tuple[Sequence[Incoming], int]]:
        """The next records of each partition from an offset on, with the offset to go on from.

        The latter counts markers and what compaction took away, so that it reaches the end.
        """
        ...

    async def stable_ends(self, topic: str, beyond: Mapping[int, int]) -> Mapping[int, int]:
        """The end of what is decided in each partition: read_committed readers come so far.

        Where it is not beyond the given offset yet, asks again for some seconds: a broker answers a commit before
        it has written the markers.
        """
        ...

    async def ends(self, topic: str, partitions: Sequence[int]) -> Mapping[int, int]:
        """The end of each partition, whatever of it is decided."""
        ...

    async def committed(self, topic: str, partitions: Sequence[int]) -> Mapping[int, Committed]:
        """The group's committed offsets of input partitions, of those that have one, with the marks beside them."""
        ...


class Transport(Protocol):
    """Makes producers and readers for one worker."""

    async def transactions(self, transactional_id: str) -> Transactions: ...

    async def changelog(self) -> Changelog: ...
