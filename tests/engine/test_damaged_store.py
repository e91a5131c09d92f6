"""A store whose files were damaged is told as such and made anew; nothing of it is believed."""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from agents.engine.store import ASIDE, POSITION_KEY, STATE_PREFIX, MemoryTables, Position, RocksTables, Store
from agents.engine.store import encode_position as encoded
from agents.engine.transport import EngineError

POSITION = Position(7, b"writer", 1)
KEYS = 4000
CACHE = 1 << 20


def filled(folder: Path, changelog: str = "changelog", partition: int = 0) -> Path:
    """A store of some blocks, settled in files; its folder."""
    chance = random.Random(1)
    for _ in range(2):  # what was in the log of the first is written to a file when it is opened again
        store = Store(RocksTables(folder, cache_bytes=CACHE), changelog, partition)
        changes = [(STATE_PREFIX + b"%06d" % number, chance.randbytes(100)) for number in range(KEYS)]
        store.committed(changes, POSITION, 3)
        store.close()
    path = folder / f"{changelog}-{partition}"
    assert list(path.glob("*.sst"))
    return path


def flip(path: Path) -> None:
    """Bad bytes in the data blocks of every file; what is read first, at the end, stays."""
    for file in path.glob("*.sst"):
        content = bytearray(file.read_bytes())
        for at in range(len(content) // 4, len(content) // 2, 500):
            content[at] ^= 0xFF
        file.write_bytes(content)


def cut(path: Path) -> None:
    for file in path.glob("*.sst"):
        os.truncate(file, file.stat().st_size // 2)


def emptied(pattern: str) -> Callable[[Path], None]:
    def act(path: Path) -> None:
        for file in path.glob(pattern):
            os.truncate(file, 0)

    return act


def without(pattern: str) -> Callable[[Path], None]:
    def act(path: Path) -> None:
        for file in path.glob(pattern):
            file.unlink()

    return act


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(cut, id="cut files"),
        pytest.param(emptied("*.sst"), id="empty files"),
        pytest.param(without("*.sst"), id="no files"),
        pytest.param(emptied("MANIFEST*"), id="empty manifest"),
        pytest.param(without("MANIFEST*"), id="no manifest"),
        pytest.param(emptied("CURRENT"), id="empty CURRENT"),
    ],
)
def test_what_cannot_be_opened_is_made_anew_and_says_so(tmp_path: Path, damage: Callable[[Path], None]) -> None:
    damage(filled(tmp_path))
    store = Store(RocksTables(tmp_path, cache_bytes=CACHE), "changelog", 0)
    assert store.rebuilt_because is not None
    assert store.rebuilt_because.startswith("it could not be opened (")
    assert (store.proof, store.read_to, list(store.scan(b"", b""))) == (None, 0, [])
    store.close()


def test_without_its_first_file_it_is_as_if_it_had_never_been(tmp_path: Path) -> None:
    without("CURRENT")(filled(tmp_path))
    store = Store(RocksTables(tmp_path, cache_bytes=CACHE), "changelog", 0)
    assert (store.proof, list(store.scan(b"", b""))) == (None, [])
    store.close()


@pytest.mark.parametrize("how", ["get", "scan"])
def test_damage_that_shows_later_ends_the_worker_and_the_next_begins_anew(tmp_path: Path, how: str) -> None:
    """RocksDB opens such a table, and its iterators end at a bad block as if nothing followed."""
    flip(filled(tmp_path))
    store = Store(RocksTables(tmp_path, cache_bytes=CACHE), "changelog", 0)
    assert store.rebuilt_because is None
    with pytest.raises(EngineError, match=r"is damaged \(Corruption.*put aside"):
        _read(store, how)
    store.close()
    assert (tmp_path / f"changelog-0{ASIDE}").exists()
    again = Store(RocksTables(tmp_path, cache_bytes=CACHE), "changelog", 0)
    assert again.rebuilt_because == "damage was found in it while it was in use"
    assert (again.proof, list(again.scan(b"", b""))) == (None, [])
    again.close()
    assert not (tmp_path / f"changelog-0{ASIDE}").exists()


def _read(store: Store, how: str) -> None:
    if how == "scan":
        list(store.scan(b"", b""))
    else:
        for number in range(KEYS):
            store.get(b"%06d" % number)


def test_the_folder_of_another_partition_is_not_taken_for_its_own(tmp_path: Path) -> None:
    """Two partitions may begin with the very same records: only the name tells their copies apart."""
    filled(tmp_path, partition=0).rename(tmp_path / "changelog-1")
    store = Store(RocksTables(tmp_path, cache_bytes=CACHE), "changelog", 1)
    assert store.rebuilt_because == "it is a copy of changelog-0, in format 2"
    assert (store.proof, list(store.scan(b"", b""))) == (None, [])
    store.close()


def test_of_another_mill(tmp_path: Path) -> None:
    filled(tmp_path, changelog="theirs").rename(tmp_path / "ours-0")
    store = Store(RocksTables(tmp_path, cache_bytes=CACHE), "ours", 0)
    assert store.rebuilt_because == "it is a copy of theirs-0, in format 2"
    store.close()


@pytest.mark.parametrize("format", [1, 3], ids=["older", "newer"])
def test_of_another_format(format: int) -> None:
    tables = MemoryTables()
    Store(tables, "changelog", 0).restored([(0, STATE_PREFIX + b"a", b"1"), (1, POSITION_KEY, encoded(POSITION))], 2)
    [meta] = [key for key in tables.content["changelog-0"] if not key.startswith(STATE_PREFIX)]
    tables.content["changelog-0"][meta] = tables.content["changelog-0"][meta].replace(b"\x02", bytes([format]), 1)
    store = Store(tables, "changelog", 0)
    assert store.rebuilt_because == f"it is a copy of changelog-0, in format {format}"
    assert store.get(b"a") is None
