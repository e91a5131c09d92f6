"""The store: keys in order, and what becomes of the things that a stage derives of them."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from agents.engine.store import POSITION_KEY, STATE_PREFIX, MemoryTables, Overlay, Position, RocksTables, Store
from agents.engine.store import encode_position as encoded

POSITION = Position(1, b"writer", 1)
RECORD = encoded(POSITION)


def keys(state: Overlay | Store, prefix: bytes, start: bytes) -> list[bytes]:
    return [key for key, _ in state.scan(prefix, start)]


@given(
    st.dictionaries(st.binary(max_size=3), st.binary(max_size=2), max_size=20),
    st.binary(max_size=2),
    st.binary(max_size=2),
)
def test_keys_with_a_prefix_in_order(content: dict[bytes, bytes], prefix: bytes, more: bytes) -> None:
    store = Store(MemoryTables(), "changelog", 0)
    store.committed([(STATE_PREFIX + key, value) for key, value in content.items()], POSITION, 0)
    expected = sorted(key for key in content if key.startswith(prefix) and key >= prefix + more)
    assert list(store.scan(prefix, prefix + more)) == [(key, content[key]) for key in expected]


def test_a_database_gives_them_as_a_dict_does(tmp_path: Path) -> None:
    content = {bytes([one, other]): bytes([other]) for one in (0, 1, 2, 255) for other in (0, 7, 254, 255)}
    stores = [Store(tables, "changelog", 0) for tables in (MemoryTables(), RocksTables(tmp_path, cache_bytes=1 << 20))]
    for store in stores:
        store.committed([(STATE_PREFIX + key, value) for key, value in content.items()], POSITION, 0)
        store.committed([(STATE_PREFIX + b"\x01\x07", None)], POSITION, 1)
    for prefix, start in (
        (b"", b""),
        (b"\x01", b"\x01"),
        (b"\x01", b"\x01\x08"),
        (b"\xff", b"\xff\xff"),
        (b"\x03", b"\x03"),
    ):
        one, other = (list(store.scan(prefix, start)) for store in stores)
        assert one == other
    assert keys(stores[1], b"\x01", b"\x01") == [b"\x01\x00", b"\x01\xfe", b"\x01\xff"]
    for store in stores:
        store.close()


def test_a_scan_shows_what_is_settled() -> None:
    store = Store(MemoryTables(), "changelog", 0)
    store.committed([(STATE_PREFIX + b"a", b"1")], POSITION, 0)
    overlay = Overlay(store)
    overlay.put(b"b", b"2")
    overlay.delete(b"a")
    assert keys(overlay, b"", b"") == [b"a"]
    store.committed(overlay.changes(), POSITION, 1)
    assert keys(overlay, b"", b"") == [b"b"]


def test_a_version_is_a_commit() -> None:
    store = Store(MemoryTables(), "changelog", 0)
    Overlay(store).derived = made = object()
    first = Overlay(store).version
    Overlay(store).put(b"a", b"1")  # and taken back
    assert Overlay(store).version == first
    store.committed([], POSITION, 0)
    assert Overlay(store).version != first
    assert Overlay(store).derived is made


def test_what_was_derived_is_gone_with_what_another_owner_wrote() -> None:
    store = Store(MemoryTables(), "changelog", 0)
    store.derived = made = object()
    store.restored([(0, POSITION_KEY, RECORD)], 1)
    assert store.derived is made, "a position alone changes no state"
    store.restored([(1, STATE_PREFIX + b"a", b"1"), (2, POSITION_KEY, RECORD)], 3)
    assert store.derived is None
    store.derived = made
    store.rebuild("for a test")
    assert store.derived is None
