"""What the engine tells of the indexes that a stage derives from its state."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from agents.engine.holding import Holding
from agents.engine.part import Part
from agents.engine.store import MemoryTables, Store
from agents.engine.topics import Naming
from agents.stage import Dropped, IndexSize
from schemas import StageName


class Shelf:
    def __init__(self, items: int) -> None:
        self.items = items
        self.dropped: dict[Dropped, int] = {}

    def begin(self, version: int) -> bool:
        return True

    def size(self) -> IndexSize:
        return IndexSize(self.items, 700 * self.items, 1000)

    def take_dropped(self) -> Mapping[Dropped, int]:
        dropped, self.dropped = self.dropped, {}
        return dropped


def holding(*derived: object) -> Holding:
    """A worker's partitions of a stage with what was made of their states; nothing is reached."""
    nothing = cast(Any, None)
    made = Holding(
        StageName.STORIES,
        naming=Naming(),
        partitions=len(derived),
        transport=nothing,
        tables=nothing,
        owned=nothing,
        timer=nothing,
        observer=nothing,
    )
    for number, one in enumerate(derived):
        made.parts[number] = Part(number, Store(MemoryTables(), "changelog", number))
        made.parts[number].store.derived = one
    return made


def test_each_partition_with_an_index_says_its_size_and_what_is_no_index_none() -> None:
    assert holding(Shelf(3), Shelf(4), None, "a note").index_sizes() == [
        IndexSize(3, 2100, 1000),
        IndexSize(4, 2800, 1000),
    ]
    assert holding().index_sizes() == []


def test_what_was_dropped_is_counted_once_and_outlives_its_partition() -> None:
    shelf = Shelf(3)
    held = holding(shelf, None)
    shelf.dropped = {Dropped.LIMIT: 5}
    for _ in range(2):
        for part in held.parts.values():
            held.note_dropped(part.store)
    assert held.dropped() == {Dropped.LIMIT: 5}
    del held.parts[0]
    assert held.dropped() == {Dropped.LIMIT: 5}
