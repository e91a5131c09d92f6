"""Raw records again, through a newer mill: which ones, and as what they are published.

A run says in a header of each record what it covers. So the topic itself tells how far a run came, and one that was
interrupted goes on without a file that could be lost or be another cluster's.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime

import msgspec
from msgspec import Struct

from agents.content.urls import canonicalize, site_of
from agents.engine.intake import RECEIVED_BY, read_moment
from agents.engine.reader import At, Reader, Span
from agents.engine.transport import Incoming, Outgoing
from schemas import Position

RUN_HEADER = "reprocess"

_OURS = frozenset({RUN_HEADER, "replay-of", "received-at", RECEIVED_BY[0]})


class Run(Struct, frozen=True, omit_defaults=True):
    """What is published again: raw records whose broker time is in [`since`, `until`) in ms, of a feed or a site."""

    id: str
    until: int
    since: int = 0
    feed: str | None = None
    site: str | None = None

    def wants(self, record: Incoming) -> bool:
        """By the feed's address as the sender named it: the header `source-url`, else the record's key."""
        if self.feed is None and self.site is None:
            return True
        named = _header(record, "source-url") or (record.key or b"").decode("utf-8", "replace")
        address = canonicalize(named)
        if self.feed is not None:
            wanted = canonicalize(self.feed)
            if address is None or wanted is None or address.identity != wanted.identity:
                return False
        return self.site is None or self.site in (site_of(address.host) if address else None, named)


class Passed(Struct):
    """What was passed over: replays, by what they name, and records that the run does not want."""

    replays: int = 0
    others: int = 0


_runs = msgspec.json.Decoder(Run)
_json = msgspec.json.Encoder()


def is_replay(record: Incoming) -> bool:
    """Whether a record stands for another one of its topic: that one, or its dead letter, was published again."""
    named = Position.parse(_header(record, "replay-of") or "")
    return named is not None and named.topic == record.topic


def again(record: Incoming, run: Run) -> Outgoing:
    """The record under its own headers, as what it was (`replay-of`) and as it was received."""
    received = _header(record, "received-at")
    headers: list[tuple[str, bytes]] = [(name, value) for name, value in record.headers if name.lower() not in _OURS]
    if received is not None and read_moment(received) is not None:
        headers.append(("received-at", received.encode()))
    else:
        arrival = datetime.fromtimestamp(record.timestamp / 1000, UTC)
        headers += [("received-at", arrival.isoformat().replace("+00:00", "Z").encode()), RECEIVED_BY]
    place = Position(record.topic, record.partition, record.offset)
    headers += [("replay-of", str(place).encode()), (RUN_HEADER, _json.encode(run))]
    # in its own partition: order within it is what dedupe goes by
    return Outgoing(record.topic, record.partition, record.key, record.value, tuple(headers))


async def spans_of(reader: Reader, run: Run, partitions: Sequence[At]) -> dict[At, Span]:
    """Where the records of a run stand; what it publishes itself comes after its end."""
    bounds = await reader.bounds(partitions)
    first = await reader.offsets_at(partitions, run.since)
    last = await reader.offsets_at(partitions, run.until)
    spans: dict[At, Span] = {}
    for at, (begin, end) in bounds.items():
        start, stop = first[at], last[at]
        spans[at] = (end if start is None else max(begin, start), end if stop is None else min(end, stop))
    return spans


async def originals(
    reader: Reader, spans: Mapping[At, Span], run: Run, passed: Passed, progress: Callable[[int], None]
) -> AsyncIterator[Incoming]:
    """The records of a run, in order within each partition; what is passed over is counted."""
    async for batch in reader.read(spans):
        for record in batch:
            if is_replay(record):
                passed.replays += 1
            elif not run.wants(record):
                passed.others += 1
            else:
                yield record
        progress(len(batch))


async def latest_run(
    reader: Reader, partitions: Sequence[At], progress: Callable[[int], None]
) -> tuple[Run, dict[At, int]] | None:
    """The run that began last, and of each partition the next offset that it has not published; None without any."""
    run: Run | None = None
    reached: dict[At, int] = {}
    async for batch in reader.read(await reader.bounds(partitions)):
        for found, place in _published(batch):
            if run is None or (found.until, found.id) > (run.until, run.id):
                run, reached = found, {}
            if found == run:
                at = (place.topic, place.partition)
                reached[at] = max(reached.get(at, 0), place.offset + 1)
        progress(len(batch))
    return None if run is None else (run, reached)


def _published(batch: Sequence[Incoming]) -> Iterator[tuple[Run, Position]]:
    for record in batch:
        written = next((value for name, value in record.headers if name == RUN_HEADER), None)
        place = Position.parse(_header(record, "replay-of") or "")
        if written is None or place is None or place.topic != record.topic:
            continue
        try:
            yield _runs.decode(written), place
        except msgspec.DecodeError:
            continue  # somebody else's header of this name


def _header(record: Incoming, wanted: str) -> str | None:
    found = next((value for name, value in record.headers if name.lower() == wanted), None)
    return found.decode("utf-8", "replace") if found else None
