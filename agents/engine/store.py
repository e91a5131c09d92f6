"""The state of one stage and partition on disk: a copy of its changelog that can be thrown away at any time.

The changelog is the truth. The store keeps, beside the stage's keys, how far it has read the changelog and the
last position record that it applied; at take-over it proves with that record that it is a copy of this very log.
Lost, foreign, damaged, of a newer format or ahead of the log: it is rebuilt, never trusted.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Protocol

import msgspec
from msgspec import Struct
from rocksdict import BlockBasedOptions, Cache, Options, Rdict, WriteBatch, WriteBufferManager

from agents.engine.transport import EngineError

FORMAT = 2
"""Of the store itself: what it notes of itself. What the values of a stage look like is the stage's own affair."""

STATE_PREFIX = b"k"
POSITION_KEY = b"\x00position"
"""Changelog key of the position record; keys of state begin with STATE_PREFIX."""

MEMORY_TABLES = 32 * 1024 * 1024
"""Bytes of all the worker's memory tables. Eight MiB for each store would be half a gigabyte with 16 partitions."""

_META_KEY = b"\x00meta"


class Position(Struct, frozen=True, array_like=True):
    """What a position record says: the next input offset, by which worker, in its how-manieth transaction."""

    next: int
    writer: bytes
    count: int


class Meta(Struct, frozen=True, array_like=True):
    """What the store knows of itself. `read_to` is the changelog offset to go on from.

    `copy_of` names changelog and partition: the first records of two partitions can be alike, byte for byte. `proof` is
    the changelog offset and value of the last position record that was applied.
    """

    format: int
    copy_of: str
    read_to: int
    proof: tuple[int, bytes] | None


Change = tuple[bytes, bytes | None]
"""A changelog key and its value; None deletes."""


Pair = tuple[bytes, bytes]
"""A key and its value."""


class StateSize(Struct, frozen=True):
    """How much a table holds: `keys` as it estimates them, `bytes` on disk and in memory tables."""

    keys: int
    bytes: int


class Table(Protocol):
    """A durable map of bytes: RocksDB, or a dict in the model test.

    `lost` says why what was there before could not be used, None where it could, or where there was nothing.
    """

    @property
    def lost(self) -> str | None: ...

    def size(self) -> StateSize: ...

    def get(self, key: bytes, /) -> bytes | None: ...

    def scan(self, prefix: bytes, start: bytes, /) -> Iterator[Pair]:
        """Keys with a prefix and their values, in order, from `start` on."""
        ...

    def write(self, changes: Iterable[Change], /) -> None:
        """Apply all changes or none."""
        ...

    def close(self) -> None: ...


class Tables(Protocol):
    """Opens and destroys tables by name, within one worker's state folder."""

    def open(self, name: str) -> Table: ...

    def destroy(self, name: str) -> None: ...


class Store:
    """The state of one partition. Reading is open to the stage; writing goes through `apply` only."""

    def __init__(self, tables: Tables, changelog: str, partition: int) -> None:
        self._tables = tables
        self._name = f"{changelog}-{partition}"
        self._table = tables.open(self._name)
        self.rebuilt_because = self._table.lost
        self.derived: object = None
        self.version = 0
        self._meta = self._read_meta()
        self.next = self._read_position()

    @property
    def read_to(self) -> int:
        return self._meta.read_to

    @property
    def proof(self) -> tuple[int, bytes] | None:
        return self._meta.proof

    def get(self, key: bytes) -> bytes | None:
        return self._table.get(STATE_PREFIX + key)

    def scan(self, prefix: bytes, start: bytes) -> Iterator[Pair]:
        for key, value in self._table.scan(STATE_PREFIX + prefix, STATE_PREFIX + start):
            yield key[len(STATE_PREFIX) :], value

    def size(self) -> StateSize:
        return self._table.size()

    def restored(self, records: Iterable[tuple[int, bytes, bytes | None]], read_to: int) -> None:
        """Apply changelog records as they were read: (offset, key, value). `read_to` is where to go on."""
        changes: list[Change] = []
        proof = self._meta.proof
        for offset, key, value in records:
            if key == POSITION_KEY and value is not None:
                proof = (offset, value)
            else:
                changes.append((key, value))
        if changes:
            self.derived = None  # another owner's work
        self._write(changes, proof, read_to)

    def committed(self, changes: Iterable[Change], position: Position, offset: int) -> None:
        """Apply what a committed transaction wrote; `offset` is the changelog offset of its position record.

        A crash before this only makes the next restore longer.
        """
        self._write(changes, (offset, encode_position(position)), offset + 1)
        self.version += 1

    def caught_up(self, end: int) -> None:
        """The changelog has nothing but markers between what was read and `end`.

        Without a proof nothing is noted: a store that has read something and proves nothing was left half restored.
        """
        if end > self._meta.read_to and self._meta.proof is not None:
            self._write((), self._meta.proof, end)

    def rebuild(self, why: str) -> None:
        """Throw the copy away and begin with an empty one."""
        self._table.close()
        self._tables.destroy(self._name)
        self._table = self._tables.open(self._name)
        self.rebuilt_because = why
        self.derived = None
        self._meta = Meta(FORMAT, self._name, 0, None)
        self.next = 0

    def close(self) -> None:
        self._table.close()

    def _write(self, changes: Iterable[Change], proof: tuple[int, bytes] | None, read_to: int) -> None:
        meta = Meta(FORMAT, self._name, read_to, proof)
        self._table.write([*changes, (_META_KEY, msgspec.msgpack.encode(meta))])
        self._meta = meta
        self.next = self._read_position()

    def _read_position(self) -> int:
        return 0 if self._meta.proof is None else decode_position(self._meta.proof[1]).next

    def _read_meta(self) -> Meta:
        empty = Meta(FORMAT, self._name, 0, None)
        raw = self._table.get(_META_KEY)
        if raw is None:
            return empty
        try:
            meta = msgspec.msgpack.decode(raw, type=Meta)
            if meta.format == FORMAT and meta.copy_of == self._name:
                if meta.proof is not None:
                    decode_position(meta.proof[1])
                return meta
            why = f"it is a copy of {meta.copy_of}, in format {meta.format}"
        except msgspec.DecodeError as error:
            why = f"its own record cannot be read ({error})"
        self.rebuild(why)
        return empty


def encode_position(position: Position) -> bytes:
    return msgspec.msgpack.encode(position)


def decode_position(value: bytes) -> Position:
    return msgspec.msgpack.decode(value, type=Position)


class Overlay:
    """The state as a batch sees it: the store, with the batch's own changes over it."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._changes: dict[bytes, bytes | None] = {}

    def get(self, key: bytes) -> bytes | None:
        if key in self._changes:
            return self._changes[key]
        return self._store.get(key)

    def put(self, key: bytes, value: bytes) -> None:
        self._changes[key] = value

    def delete(self, key: bytes) -> None:
        self._changes[key] = None

    def scan(self, prefix: bytes, start: bytes) -> Iterator[Pair]:
        return self._store.scan(prefix, start)

    @property
    def version(self) -> int:
        return self._store.version

    @property
    def derived(self) -> object:
        return self._store.derived

    @derived.setter
    def derived(self, made: object) -> None:
        self._store.derived = made

    def changes(self) -> list[Change]:
        """What is to be written, in changelog keys, each key once with its last value."""
        return [(STATE_PREFIX + key, value) for key, value in self._changes.items()]


ASIDE = ".damaged"
"""Added to the name of a table's folder in which damage was found while it was in use."""


class RocksTables:
    """RocksDB tables in one worker's folder. One block cache is for all, and pays for their memory tables too.

    All of them are copies: what cannot be opened is thrown away and made anew.
    """

    def __init__(self, folder: Path, *, cache_bytes: int) -> None:
        self._folder = folder
        self._cache = Cache(cache_bytes)
        self._writing = WriteBufferManager.new_write_buffer_manager_with_cache(MEMORY_TABLES, False, self._cache)
        folder.mkdir(parents=True, exist_ok=True)

    def open(self, name: str) -> RocksTable:
        path, aside = self._folder / name, self._folder / (name + ASIDE)
        lost = None
        if aside.exists():
            lost = "damage was found in it while it was in use"
            shutil.rmtree(aside, ignore_errors=True)
        try:
            database = Rdict(str(path), self._options())
        except Exception as error:
            if "lock" in str(error).lower():
                raise  # another worker's folder: to destroy it would be to destroy a living store
            lost = f"it could not be opened ({_told(error)})"
            self.destroy(name)
            database = Rdict(str(path), self._options())
        return RocksTable(database, partial(self._failed, path), lost)

    def _failed(self, path: Path, error: Exception) -> EngineError:
        """What to raise where a table in use fails. A damaged one is put aside first, or each start would end here."""
        if "Corruption" not in str(error):
            return EngineError(f"The state in {path} cannot be used: {_told(error)}. Has its disk room, is it there?")
        aside = path.with_name(path.name + ASIDE)
        shutil.rmtree(aside, ignore_errors=True)
        try:
            path.rename(aside)  # the name only: it needs no room, and what is open stays so
        except OSError as failure:
            return EngineError(
                f"The state in {path} is damaged ({_told(error)}) and cannot be put aside "
                f"({failure.strerror or failure}). Delete that folder: the next start makes it anew from its changelog."
            )
        return EngineError(
            f"The state in {path} is damaged ({_told(error)}). It was put aside, and the next start makes it anew "
            "from its changelog."
        )

    def destroy(self, name: str) -> None:
        shutil.rmtree(self._folder / name, ignore_errors=True)

    def _options(self) -> Options:
        options = Options(raw_mode=True)
        options.create_if_missing(True)
        options.set_write_buffer_size(8 << 20)
        options.set_write_buffer_manager(self._writing)
        options.set_arena_block_size(64 << 10)  # an eighth of the table else, and most stores hold a few positions
        options.set_keep_log_file_num(2)
        blocks = BlockBasedOptions()
        blocks.set_block_cache(self._cache)
        blocks.set_bloom_filter(10, False)
        options.set_block_based_table_factory(blocks)
        return options


class RocksTable:
    """One RocksDB. Writes go through its own log, so that a killed process leaves whole batches behind.

    Damage inside of its files is found when they are read, not when they are opened; `failed` makes what is raised
    then.
    """

    def __init__(self, database: Rdict, failed: Callable[[Exception], Exception], lost: str | None = None) -> None:
        self._database = database
        self._failed = failed
        self.lost = lost

    def size(self) -> StateSize:
        def ask(*names: str) -> int:
            return sum(self._database.property_int_value(f"rocksdb.{name}") or 0 for name in names)

        return StateSize(ask("estimate-num-keys"), ask("total-sst-files-size", "cur-size-all-mem-tables"))

    def get(self, key: bytes) -> bytes | None:
        try:
            value = self._database.get(key)
        except Exception as error:  # the library has no other
            raise self._failed(error) from error
        return None if value is None else bytes(value)

    def scan(self, prefix: bytes, start: bytes) -> Iterator[Pair]:
        at = self._database.iter()
        at.seek(start)
        while at.valid() and (key := bytes(at.key())).startswith(prefix):
            yield key, bytes(at.value())
            at.next()
        try:
            at.status()  # an iterator that meets damage ends, as if nothing followed
        except Exception as error:
            raise self._failed(error) from error

    def write(self, changes: Iterable[Change]) -> None:
        batch = WriteBatch(raw_mode=True)
        for key, value in changes:
            if value is None:
                batch.delete(key)
            else:
                batch.put(key, value)
        try:
            self._database.write(batch)
        except Exception as error:
            raise self._failed(error) from error

    def close(self) -> None:
        self._database.close()


def _told(error: Exception) -> str:
    """What RocksDB says, in one line and without its last full stop."""
    return " ".join(str(error).split()).rstrip(".")


class MemoryTables:
    """Tables in dicts, for `process` without a state folder and for the model test (where they are the disk)."""

    def __init__(self) -> None:
        self.content: dict[str, dict[bytes, bytes]] = {}

    def open(self, name: str) -> MemoryTable:
        return MemoryTable(self.content.setdefault(name, {}))

    def destroy(self, name: str) -> None:
        self.content.pop(name, None)


class MemoryTable:
    lost: str | None = None

    def __init__(self, content: dict[bytes, bytes]) -> None:
        self._content = content

    def size(self) -> StateSize:
        return StateSize(len(self._content), sum(len(key) + len(value) for key, value in self._content.items()))

    def get(self, key: bytes) -> bytes | None:
        return self._content.get(key)

    def scan(self, prefix: bytes, start: bytes) -> Iterator[Pair]:
        for key in sorted(key for key in self._content if key.startswith(prefix) and key >= start):
            yield key, self._content[key]

    def write(self, changes: Iterable[Change]) -> None:
        for key, value in changes:
            if value is None:
                self._content.pop(key, None)
            else:
                self._content[key] = value

    def close(self) -> None:
        return None
