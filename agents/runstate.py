"""The state of `feedmill process`: for the run, or in a folder from one run to the next.

There is no changelog here: the folder is the only copy, so that what it cannot read is said and never thrown
away. Both stages' changes and the number of documents read are written together.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from itertools import count
from pathlib import Path

import msgspec
from msgspec import Struct

from agents.engine.store import MemoryTables, Table
from agents.stage import State
from schemas import StageName

FORMAT = 1

Changes = dict[bytes, bytes | None]
"""What a part of the run changes: keys with the stage's prefix; None deletes."""

_PREFIX = {StageName.PARSE: b"p", StageName.DEDUPE: b"d", StageName.ENRICH: b"e", StageName.STORIES: b"s"}
_META_KEY = b"\x00meta"

_versions = count()


class StateError(Exception):
    """A state folder that cannot be used; the message is whole sentences."""


class _Meta(Struct, frozen=True, array_like=True):
    format: int
    next: int


class RunState:
    """State of the stages with what was handled but not yet written down over it.

    `next` is the number of the next document. Parts of a run may be ahead of each other (dedupe runs before
    stories); each has its own `Changes`, and they are written in the order of the documents.
    """

    def __init__(self, table: Table | None = None) -> None:
        self._table = MemoryTables().open("run") if table is None else table
        self._pending: Changes = {}
        self._derived: dict[StageName, object] = {}
        raw = self._table.get(_META_KEY)
        self.next = 0 if raw is None else _read_meta(raw).next

    def of(self, stage: StageName, changes: Changes) -> State:
        """The stage's view. Writes go to `changes`, and are seen by every view at once."""
        return _View(self._table, self._pending, changes, stage, self._derived)

    def commit(self, changes: Changes, next: int) -> None:
        """Write down changes and the number of the next document: all or nothing."""
        meta = msgspec.msgpack.encode(_Meta(FORMAT, next))
        self._table.write([*changes.items(), (_META_KEY, meta)])
        self.next = next
        for key, value in changes.items():
            if key in self._pending and self._pending[key] == value:
                del self._pending[key]

    def forget_pending(self) -> None:
        """Take back what was handled and not written down: an interrupted run's."""
        self._pending.clear()
        self._derived.clear()

    def close(self) -> None:
        self._table.close()


class _View:
    def __init__(
        self, table: Table, pending: Changes, changes: Changes, stage: StageName, derived: dict[StageName, object]
    ) -> None:
        self._table = table
        self._pending = pending
        self._changes = changes
        self._stage = stage
        self._prefix = _PREFIX[stage]
        self._derived = derived

    @property
    def version(self) -> int:
        """Always another: what a run has handled is never taken back but as a whole."""
        return next(_versions)

    @property
    def derived(self) -> object:
        return self._derived.get(self._stage)

    @derived.setter
    def derived(self, made: object) -> None:
        self._derived[self._stage] = made

    def scan(self, prefix: bytes, start: bytes) -> Iterator[tuple[bytes, bytes]]:
        for key, value in self._table.scan(self._prefix + prefix, self._prefix + start):
            yield key[len(self._prefix) :], value

    def get(self, key: bytes) -> bytes | None:
        key = self._prefix + key
        if key in self._pending:
            return self._pending[key]
        return self._table.get(key)

    def put(self, key: bytes, value: bytes) -> None:
        key = self._prefix + key
        self._pending[key] = self._changes[key] = value

    def delete(self, key: bytes) -> None:
        key = self._prefix + key
        self._pending[key] = self._changes[key] = None


def open_state(folder: Path) -> RunState:
    """The state in a folder, made where there is none. Raises StateError with what to do."""
    from rocksdict import Options, Rdict

    from agents.engine.store import RocksTable

    try:
        if folder.exists() and not (folder / "CURRENT").exists() and any(folder.iterdir()):
            raise StateError(
                f"{folder} holds files, but no state of `feedmill process`. Name an empty or a new folder."
            )
        folder.mkdir(parents=True, exist_ok=True)
        options = Options(raw_mode=True)
        options.create_if_missing(True)
        options.set_keep_log_file_num(2)
        database = Rdict(str(folder), options)
    except OSError as error:
        raise StateError(f"The state folder {folder} cannot be used: {error.strerror or error}.") from error
    except Exception as error:
        if isinstance(error, StateError):
            raise
        if "lock" in str(error).lower():
            raise StateError(
                f"The state folder {folder} is in use by another run. Wait for its end, or name another folder."
            ) from error
        raise StateError(
            f"The state folder {folder} cannot be opened: {error}. Nothing in it was changed. Without it the mill "
            "begins anew: move it away and run again."
        ) from error
    return RunState(RocksTable(database, partial(_failed, folder)))


def _failed(folder: Path, error: Exception) -> StateError:
    return StateError(
        f"The state folder {folder} cannot be read or written: {' '.join(str(error).split())}. Where it is damaged, "
        "move it away: without it the mill begins anew."
    )


def _read_meta(raw: bytes) -> _Meta:
    try:
        meta = msgspec.msgpack.decode(raw, type=_Meta)
    except msgspec.DecodeError as error:
        raise StateError(f"The state folder's own record cannot be read: {error}. It is damaged.") from error
    if meta.format != FORMAT:
        raise StateError(
            f"The state folder is of format {meta.format}; this version of the mill reads format {FORMAT}. "
            "Run the version that wrote it, or begin with a new folder."
        )
    return meta
