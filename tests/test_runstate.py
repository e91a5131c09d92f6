"""State of a run: what is seen before it is written down, and what is found again."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.engine.store import MemoryTables
from agents.runstate import Changes, RunState, StateError, open_state
from schemas import StageName


def test_a_folder_keeps_everything(tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "state"
    state = open_state(folder)
    assert state.next == 0
    changes: Changes = {}
    state.of(StageName.DEDUPE, changes).put(b"k", b"dedupe")
    state.of(StageName.STORIES, changes).put(b"k", b"stories")
    state.commit(changes, 7)
    state.close()
    state = open_state(folder)
    assert state.next == 7
    assert state.of(StageName.DEDUPE, {}).get(b"k") == b"dedupe"
    assert state.of(StageName.STORIES, {}).get(b"k") == b"stories"
    state.of(StageName.DEDUPE, {}).delete(b"k")  # and not committed
    state.close()
    state = open_state(folder)
    assert state.of(StageName.DEDUPE, {}).get(b"k") == b"dedupe"
    state.close()


def test_a_folder_in_use(tmp_path: Path) -> None:
    state = open_state(tmp_path / "state")
    with pytest.raises(StateError, match="in use by another run"):
        open_state(tmp_path / "state")
    state.close()


def test_a_folder_of_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("dear")
    with pytest.raises(StateError, match="holds files"):
        open_state(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["letter.txt"]


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("x")
    with pytest.raises(StateError, match="cannot be used"):
        open_state(tmp_path / "state")


def test_a_damaged_folder_is_said_and_kept(tmp_path: Path) -> None:
    folder = tmp_path / "state"
    open_state(folder).close()
    (folder / "CURRENT").write_text("nonsense")
    before = sorted(path.name for path in folder.iterdir())
    with pytest.raises(StateError, match="cannot be opened"):
        open_state(folder)
    assert set(before) <= {path.name for path in folder.iterdir()}


@pytest.mark.parametrize(
    ("meta", "says"),
    [
        pytest.param(msgspec.msgpack.encode([99, 3]), "format 99", id="a newer format"),
        pytest.param(b"\xc1", "damaged", id="unreadable"),
    ],
)
def test_state_of_another_format(meta: bytes, says: str) -> None:
    table = MemoryTables().open("run")
    table.write([(b"\x00meta", meta)])
    with pytest.raises(StateError, match=says):
        RunState(table)


def test_what_a_stage_derives_is_its_own_until_the_run_is_taken_back() -> None:
    state, changes = RunState(), dict[bytes, bytes | None]()
    stories = state.of(StageName.STORIES, changes)
    stories.derived = made = object()
    assert state.of(StageName.STORIES, {}).derived is made
    assert state.of(StageName.DEDUPE, {}).derived is None
    assert stories.version != stories.version, "nothing of a run is taken back by itself"
    state.forget_pending()
    assert stories.derived is None


def test_a_scan_shows_a_stage_its_own_keys_as_they_were_written_down() -> None:
    state, changes = RunState(), dict[bytes, bytes | None]()
    for stage in (StageName.DEDUPE, StageName.STORIES):
        for key in (b"b", b"a2", b"a1"):
            state.of(stage, changes).put(key, stage.value.encode())
    view = state.of(StageName.STORIES, {})
    assert list(view.scan(b"a", b"a")) == []
    state.commit(changes, 1)
    assert list(view.scan(b"a", b"a")) == [(b"a1", b"stories"), (b"a2", b"stories")]
    assert list(view.scan(b"a", b"a2")) == [(b"a2", b"stories")]


steps = st.lists(
    st.tuples(
        st.sampled_from(["dedupe", "stories", "commit"]),
        st.integers(0, 3),
        st.none() | st.binary(max_size=1),
    ),
    max_size=40,
)


@given(steps)
def test_dedupe_may_be_batches_ahead_of_stories(steps: list[tuple[str, int, bytes | None]]) -> None:
    """Two writers at different batches, batches written down in order: each sees what it wrote, always."""
    state = RunState()
    batches: list[Changes] = [{} for _ in range(len(steps) + 2)]
    at = {"dedupe": 0, "stories": 0}
    committed = 0
    model: dict[tuple[str, bytes], bytes | None] = {}
    for action, number, value in steps:
        if action == "commit":
            if committed < at["stories"]:
                state.commit(batches[committed], committed + 1)
                committed += 1
            else:
                at["dedupe"] += 1
                at["stories"] += at["stories"] < at["dedupe"]
            continue
        view = state.of(StageName(action), batches[at[action]])
        key = bytes([number])
        if value is None:
            view.delete(key)
        else:
            view.put(key, value)
        model[action, key] = value
        for (stage, known), expected in model.items():
            assert state.of(StageName(stage), {}).get(known) == expected
    while committed <= max(at.values()):
        state.commit(batches[committed], committed + 1)
        committed += 1
        for (stage, known), expected in model.items():
            assert state.of(StageName(stage), {}).get(known) == expected
