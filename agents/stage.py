"""What a stage is: a plain class that turns a batch of records into outputs, with no Kafka in it.

The Faust agents, `feedmill process` and the tests drive the same four objects. A stage may read and write
`state`; the engine makes its outputs, its state changes and its input position one transaction.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Protocol, TypeVar, runtime_checkable

from msgspec import Struct

from schemas import DeadLetterCode, StageName


class Topic(StrEnum):
    """The topics a record can go to, by role; `engine/topics.py` knows their names and settings."""

    RAW = "raw"
    ENTRIES = "entries"
    NEWS = "news"
    DRAFTS = "drafts"
    ENRICHED = "enriched"
    DUPLICATES = "duplicates"
    DEAD_LETTER = "dead-letter"


INTERNAL = frozenset({Topic.ENTRIES, Topic.NEWS, Topic.DRAFTS})

Headers = tuple[tuple[str, bytes], ...]


class UnknownFormatError(Exception):
    """A value of the state that this version of the mill cannot read: a newer one wrote it, or it is damaged.

    Its text is a sentence; what to do depends on where the state is kept.
    """


class EntryRef(Struct, frozen=True, array_like=True, order=True, gc=False):
    """Which entry of `feeds.raw` a record is about; `index` is -1 for a document as a whole."""

    partition: int
    offset: int
    index: int


class Output(Struct, frozen=True, gc=False):
    """One record that a stage sends.

    `key` chooses the partition (Kafka's murmur2; `drafts` by script family). `entry` is the entry whose
    way this record continues or ends; None for a record that is no entry's outcome (a tombstone).

    The rest is what is counted without decoding `value`; none of it is sent. `label` is a duplicate's rule, a dead
    letter's code, an item's verdict. An item also carries its grouping's rule, its `site`, its `arrival`, and its
    `freshness`: seconds from publication to first sighting, where both are exact. `origin` is the stage's input that
    it was made of, where `refused` needs more than `value` tells.
    """

    topic: Topic
    key: bytes | None
    value: bytes | None
    entry: EntryRef | None
    headers: Headers = ()
    label: str = ""
    grouping: str = ""
    site: str | None = None
    arrival: datetime | None = None
    freshness: float | None = None
    origin: bytes | None = None


class Dropped(StrEnum):
    """Why an index let go of something."""

    WINDOW = "window"
    LIMIT = "limit"


class IndexSize(Struct, frozen=True):
    """How many things can be found in an index, its bytes of memory, and how many things it holds at most."""

    items: int
    bytes: int
    limit: int


@runtime_checkable
class Derived(Protocol):
    """An index that a stage derives from its state, as far as the engine knows it: to show its figures."""

    def size(self) -> IndexSize: ...

    def begin(self, version: int) -> bool:
        """Come into step with the state; False where it has to be made again."""
        ...

    def take_dropped(self) -> Mapping[Dropped, int]:
        """How much was dropped since this was last asked: after each batch, once it is settled."""
        ...


class State(Protocol):
    """Keys and values of one stage and partition, as they are after everything handled so far.

    `derived` is for what the stage makes of this state and would have to make again, an index: it lives as long as this
    copy of the state, and is None where there is none or another owner has written since. `version` changes when what
    was handled before is settled; where it is as it was, the last batch was taken back and comes again.
    """

    derived: object

    @property
    def version(self) -> int: ...

    def get(self, key: bytes, /) -> bytes | None: ...

    def put(self, key: bytes, value: bytes, /) -> None: ...

    def delete(self, key: bytes, /) -> None: ...

    def scan(self, prefix: bytes, start: bytes, /) -> Iterator[tuple[bytes, bytes]]:
        """Keys with a prefix and their values, in order, from `start` on; as settled, without the batch's changes."""
        ...


class NoState:
    """The state of a stage that has none."""

    version = 0
    derived: object = None

    def get(self, key: bytes) -> bytes | None:
        raise RuntimeError("a stateless stage asked for state")

    def put(self, key: bytes, value: bytes) -> None:
        raise RuntimeError("a stateless stage wrote state")

    def delete(self, key: bytes) -> None:
        raise RuntimeError("a stateless stage wrote state")

    def scan(self, prefix: bytes, start: bytes) -> Iterator[tuple[bytes, bytes]]:
        raise RuntimeError("a stateless stage asked for state")


In = TypeVar("In", contravariant=True)


class Stage(Protocol[In]):
    """One stage. `In` is RawDocument for parse, and one encoded internal record (bytes) for the others."""

    name: StageName

    def prepare(self, state: State) -> Iterator[None]:
        """Make ready what the stage derives from a state that was just restored, pausing after each piece of work."""
        ...

    def handle(self, batch: Sequence[In], state: State, now: datetime) -> list[Output]:
        """Turn a batch, in order, into outputs, in order.

        `now` stamps dead letters (`failed_at`) and decides nothing. Bad input becomes a dead letter; an
        exception is a bug, and the engine ends the worker with nothing committed.
        """
        ...

    def refused(self, output: Output, code: DeadLetterCode, message: str, now: datetime) -> Output:
        """Make the dead letter that takes the place of one of this stage's own outputs that cannot be sent."""
        ...

    def condemned(self, one: In, code: DeadLetterCode, message: str, now: datetime) -> Output:
        """Make the dead letter of an input that cannot be worked on. Raises ValueError where it is no entry's."""
        ...
