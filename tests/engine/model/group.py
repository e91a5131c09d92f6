"""The consumer group of the model: who is in it, and which partitions each member has."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from tests.engine.model.broker import Place

if TYPE_CHECKING:
    from tests.engine.model.worker import Worker


class Group:
    """A member that leaves, or whose session ends, makes all others join again before anything is assigned anew."""

    def __init__(self, rng: random.Random, places: Sequence[Place], on_assigned: Callable[[], None]) -> None:
        self.members: dict[Worker, set[Place]] = {}
        self.assigned: dict[Worker, list[Place]] = {}
        self.generation = 0
        self.rebalancing = False
        self._rng = rng
        self._places = places
        self._joined: dict[Worker, None] = {}
        self._on_assigned = on_assigned
        self._first = 1

    def expect(self, members: int) -> None:
        """As a broker does, wait with the very first assignment for those who are about to come."""
        self._first = members

    async def join(self, worker: Worker) -> None:
        """Join, or join again; returns at the end of the rebalance."""
        if worker.seated:
            worker.seated = False
            if worker in self.members:
                return
        self.members.setdefault(worker, set())
        self._joined[worker] = None
        self.rebalancing = True
        self._maybe_assign()
        await worker.call(lambda: worker not in self._joined)

    def leave(self, worker: Worker) -> None:
        self._first = 1
        if worker in self.members:
            del self.members[worker]
            self.rebalancing = True
        self._joined.pop(worker, None)
        self._maybe_assign()

    def seat(self, worker: Worker, heir: Worker) -> bool:
        """A member with a fixed name has come back: without a rebalance it gets what it had, if none is under way."""
        if self.rebalancing or worker not in self.members:
            return False
        for held in (self.members, self.assigned):
            items = [(heir if one is worker else one, mine) for one, mine in held.items()]
            held.clear()
            held.update(items)  # type: ignore[arg-type]  # sets in the one, lists in the other
        heir.seated = True
        return True

    def _maybe_assign(self) -> None:
        if not self.rebalancing or not self.members or any(one not in self._joined for one in self.members):
            return
        if self.generation == 0 and len(self.members) < self._first:
            return
        places = list(self._places)
        self._rng.shuffle(places)
        members = list(self.members)
        for number, worker in enumerate(members):
            self.members[worker] = set(places[number :: len(members)])
        self.assigned = {worker: sorted(mine) for worker, mine in self.members.items()}
        self.rebalancing = False
        self.generation += 1
        self._joined.clear()
        self._on_assigned()
