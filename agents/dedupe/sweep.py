"""The sweep: lineages that are forgotten anyway leave the state, or it would grow for ever.

Nothing that comes out depends on it. A forgotten lineage counts as none wherever one is looked up, and the sweep waits
for longer than any record can be late, so that no entry of before finds it gone. Which few keys a batch looks at is
decided by its last entry: no position is kept, and whoever works a batch off again sweeps the same.
"""

from __future__ import annotations

from datetime import timedelta
from hashlib import blake2b
from itertools import islice

from agents.dedupe.lineage import FORGET_AFTER, LINEAGE, POINTER, read_lineage
from agents.stage import State
from schemas import Entry

LATE = timedelta(days=16)
"""Entries stand in the raw topic for seven days and between the stages for eight: none comes later than this."""

LOOKED_AT = 16
"""Keys of each batch. They are hashes: a place among them that is drawn at random meets all of them in time."""


def sweep(state: State, last: Entry) -> None:
    """Delete what is forgotten of the keys that follow a place drawn from the batch's last entry."""
    start = blake2b(str(last.source.position).encode(), digest_size=16).digest()
    for key, value in list(islice(state.scan(b"", start), LOOKED_AT)):
        if value[:1] != LINEAGE or (found := read_lineage(state, key)) is None:
            continue
        id, lineage = found
        if id != key or last.arrival - lineage.last_seen <= FORGET_AFTER + LATE:
            continue
        for alias in lineage.aliases:
            if alias == id or state.get(alias) == POINTER + id:
                state.delete(alias)
