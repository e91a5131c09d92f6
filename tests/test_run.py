"""Runs over many documents: the same bytes with any number of processes, and from one run to the next."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from agents import run as runs
from agents import samples
from agents.pipeline import Pipeline, Result
from agents.run import run
from agents.runstate import RunState, open_state
from agents.sources.records import RawRecord, Read, Refused
from schemas import DeadLetterCode

NOW = datetime(2026, 11, 23, tzinfo=UTC)
BAD = Refused(RawRecord(body=b"line", ref="in.jsonl"), DeadLetterCode.BAD_RECORD, "Line 3 is no raw record.")


@pytest.fixture(scope="module")
def records() -> list[Read]:
    documents: list[Read] = [*samples.records()]
    return [*documents[:50], BAD, *documents[50:]]


def worked(records: list[Read], state: RunState | None = None, jobs: int = 1) -> list[Result]:
    batches = run(records, Pipeline(), state or RunState(), NOW, jobs=jobs)
    return [result for done in batches for result in done.results]


@pytest.fixture(scope="module")
def singly(records: list[Read]) -> list[Result]:
    return worked(records)


def test_jobs_give_the_same_bytes(records: list[Read], singly: list[Result], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs, "BATCH_DOCUMENTS", 5)  # many batches under way at once
    assert worked(records, jobs=2) == singly


def test_two_runs_on_one_state_are_one_run(records: list[Read], singly: list[Result], tmp_path: Path) -> None:
    results: list[Result] = []
    for part in (records[:70], records[70:71], [], records[71:]):
        state = open_state(tmp_path / "state")
        results.extend(worked(part, state))
        state.close()
    assert results == singly


def test_jobs_go_on_where_one_process_left_off(records: list[Read], singly: list[Result], tmp_path: Path) -> None:
    state = open_state(tmp_path / "state")
    results = worked(records[:60], state)
    assert state.next == 60
    results += worked(records[60:], state, jobs=2)
    assert results == singly
    assert state.next == len(records)
    state.close()


@pytest.mark.parametrize("jobs", [1, 2])
def test_what_was_not_written_out_comes_again(
    records: list[Read], singly: list[Result], jobs: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run that is interrupted while it writes: its last batch counts as not done."""
    monkeypatch.setattr(runs, "BATCH_DOCUMENTS", 7)
    state = RunState()
    batches = run(records, Pipeline(), state, NOW, jobs=jobs)
    written: list[Result] = []
    for _ in range(5):
        written.extend(next(batches).results)
    interrupted = next(batches)
    batches.close()
    assert state.next == interrupted.first
    assert written == singly[: len(written)]
    assert written + worked(records[state.next :], state) == singly


def test_a_source_that_fails_ends_the_run(records: list[Read]) -> None:
    def failing() -> Iterator[Read]:
        yield records[0]
        raise OSError("the disk is gone")

    state = RunState()
    with pytest.raises(OSError, match="the disk is gone"):
        list(run(failing(), Pipeline(), state, NOW))
    assert state.next == 1
