"""What the topics hold of one story or one item: read from their start, committed records only."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TypeVar

import msgspec
from msgspec import Struct

from agents.cli.exits import CommandError, ExitCode
from agents.cli.portrait import others
from agents.cli.session import Session
from agents.cli.storyline import Stories, Story
from agents.cli.terminal import console
from agents.content.urls import canonicalize
from agents.engine.reader import At, Reader
from agents.engine.topics import partition_of
from agents.engine.transport import Incoming
from agents.stage import Topic
from schemas import DeadLetter, Duplicate, Item, Position, Source

T = TypeVar("T")

WHOLE_ID = 32  # digits

_NAMED = 5  # items that share the beginning of an id or an address

Progress = Callable[[int], None]
"""Is told how many more records were read."""


class Tombstone(Struct, frozen=True):
    """An item was taken back."""

    id: str


class History(Struct, frozen=True):
    """All that became of the entries of one item, in the order in which they came; `titles` are of other items."""

    id: str
    outcomes: list[Item | Duplicate | DeadLetter | Tombstone]
    titles: Mapping[str, str]


class _Addressed(Struct, frozen=True):
    id: str
    url: str | None = None
    original_url: str | None = None


class _Titled(Struct, frozen=True):
    title: str


class _Identified(Struct, frozen=True):
    id: str | None = None


async def story(here: Session, wanted: str) -> Story:
    """The story whose id begins so, as the topic tells it now."""
    enriched = here.naming.topic(Topic.ENRICHED)
    places = _places(here, Topic.ENRICHED, (await here.topics(Topic.ENRICHED))[enriched].partitions)
    stories = Stories(wanted)
    async with Reader(here.connection) as reader:
        with _counted() as progress:
            async for batch in reader.read(await reader.bounds(places)):
                for record in batch:
                    stories.take(_key(record), record.value)
                progress(len(batch))
            stories.name(await _titles(reader, places, stories.strangers(), progress))
    return stories.story(enriched)


async def history(here: Session, asked: str) -> History:
    """The item that an id, the beginning of one or an address names, with all that became of its entries."""
    topics = await here.topics(Topic.ENRICHED, Topic.DUPLICATES, Topic.DEAD_LETTER)
    enriched, duplicates, letters = (
        _places(here, topic, topics[here.naming.topic(topic)].partitions)
        for topic in (Topic.ENRICHED, Topic.DUPLICATES, Topic.DEAD_LETTER)
    )
    async with Reader(here.connection) as reader:
        with _counted() as progress:
            id = (
                asked
                if re.fullmatch(f"[0-9a-f]{{{WHOLE_ID}}}", asked)
                else await _id(reader, enriched, asked, progress)
            )
            found = await _outcomes(reader, [*_of(enriched, id), *_of(duplicates, id), *letters], id, progress)
            if not found:
                raise CommandError(
                    f"Nothing of an item {id} stands on {here.naming.topic(Topic.ENRICHED)}, "
                    f"{here.naming.topic(Topic.DUPLICATES)} or {here.naming.topic(Topic.DEAD_LETTER)}.",
                    ExitCode.FOUND,
                )
            named = {other for outcome in found for other in _others(outcome)} - {id}
            return History(id, found, await _titles(reader, enriched, named, progress))


@contextmanager
def _counted() -> Iterator[Progress]:
    """A counter on stderr where that is a terminal."""
    read = 0

    def progress(records: int) -> None:
        nonlocal read
        read += records
        status.update(f"{read:,} records read")

    with console(stderr=True).status("reading the topics") as status:
        yield progress


async def _id(reader: Reader, enriched: list[At], asked: str, progress: Progress) -> str:
    """The id of the one item that an address or the beginning of an id names."""
    fits = _at_address(asked) if "/" in asked else _beginning_with(asked)
    ids: set[str] = set()
    async for batch in reader.read(await reader.bounds(enriched)):
        ids.update(id for record in batch if (id := fits(record)) is not None)
        progress(len(batch))
    what = f"of the address {asked}" if "/" in asked else f"whose id begins with {asked}"
    if not ids:
        raise CommandError(f"There is no item {what} on {enriched[0][0]}.", ExitCode.FOUND)
    if len(ids) > 1:
        shown = ", ".join(sorted(ids)[:_NAMED])
        rest = f" and {len(ids) - _NAMED} more" if len(ids) > _NAMED else ""
        raise CommandError(f"There are several items {what}: {shown}{rest}. Name one of them.")
    return ids.pop()


def _beginning_with(asked: str) -> Callable[[Incoming], str | None]:
    def fits(record: Incoming) -> str | None:
        key = _key(record)
        return key if key.startswith(asked) and re.fullmatch("[0-9a-f]{32}", key) else None

    return fits


def _at_address(asked: str) -> Callable[[Incoming], str | None]:
    wanted = canonicalize(asked)
    if wanted is None:
        raise CommandError(f"{asked} is no address that an item could have.")
    host = wanted.host.removeprefix("www.").encode()

    def fits(record: Incoming) -> str | None:
        if record.value is None or host not in record.value:
            return None
        item = _decoded(record, _Addressed)
        for address in (item.url, item.original_url) if item else ():
            own = canonicalize(address) if address else None
            if own is not None and item is not None and own.identity == wanted.identity:
                return item.id
        return None

    return fits


async def _outcomes(
    reader: Reader, places: Iterable[At], id: str, progress: Progress
) -> list[Item | Duplicate | DeadLetter | Tombstone]:
    """By when their documents were received: topics and stages are ahead of each other, documents are not."""
    found: list[tuple[tuple[float, Position], Item | Duplicate | DeadLetter | Tombstone]] = []
    key, latest = id.encode(), (0.0, Position("", 0, 0))
    async for batch in reader.read(await reader.bounds(places)):
        for record in batch:
            if record.value is None and record.key == key:
                found.append((latest, Tombstone(id)))
            elif record.value is not None and key in record.value and (outcome := _outcome(record, id)) is not None:
                place = _place(outcome.source)
                latest = max(latest, place) if isinstance(outcome, Item) else latest
                found.append((place, outcome))
        progress(len(batch))
    return [outcome for _, outcome in sorted(found, key=lambda one: one[0])]


def _outcome(record: Incoming, id: str) -> Item | Duplicate | DeadLetter | None:
    known = _decoded(record, _Identified)
    if known is None or known.id != id:
        return None  # another's, which names this one
    kinds: dict[str, type[Item | Duplicate | DeadLetter]] = {
        Topic.ENRICHED: Item,
        Topic.DUPLICATES: Duplicate,
        Topic.DEAD_LETTER: DeadLetter,
    }
    return _decoded(record, kinds[record.topic.rpartition(".")[2]])


def _others(outcome: Item | Duplicate | DeadLetter | Tombstone) -> set[str]:
    if not isinstance(outcome, Item):
        return set()
    return {*others(outcome.grouping), *([outcome.reprint_of] if outcome.reprint_of else [])}


async def _titles(reader: Reader, enriched: Collection[At], ids: Collection[str], progress: Progress) -> dict[str, str]:
    """What items are called now."""
    titles: dict[str, str] = {}
    places = {place for id in ids for place in _of(enriched, id)}
    async for batch in reader.read(await reader.bounds(places)):
        for record in batch:
            if (id := _key(record)) in ids:
                titled = _decoded(record, _Titled)
                titles.pop(id, None)
                if titled is not None:
                    titles[id] = titled.title
        progress(len(batch))
    return titles


def _places(here: Session, topic: Topic, partitions: int) -> list[At]:
    return [(here.naming.topic(topic), partition) for partition in range(partitions)]


def _of(places: Collection[At], id: str) -> list[At]:
    """The partition of a topic that an item's records stand in."""
    partition = partition_of(Topic.ENRICHED, id.encode(), 0, len(places))
    return [place for place in places if place[1] == partition]


def _place(source: Source) -> tuple[float, Position]:
    return source.received_at.timestamp(), source.position.entry(-1 if source.index is None else source.index)


def _key(record: Incoming) -> str:
    return (record.key or b"").decode("utf-8", "replace")


def _decoded(record: Incoming, kind: type[T]) -> T | None:
    """What a record says; None where it is no such thing."""
    try:
        return msgspec.json.decode(record.value or b"", type=kind)
    except (msgspec.DecodeError, RecursionError):
        return None
