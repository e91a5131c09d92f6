"""Hints can be typed as they are printed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from agents.cli.invocation import command, typed


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "here" / "bin").mkdir(parents=True)
    program = tmp_path / "here" / "bin" / "feedmill"
    program.touch(0o755)
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setenv("PATH", os.devnull)
    return program


def test_by_name_where_path_finds_this_very_one(program: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(program.parent))
    assert command([str(program)]) == "feedmill"


def test_relative_within_the_present_folder(program: Path) -> None:
    assert command([str(program)]) == "bin/feedmill"
    assert command(["bin/feedmill"]) == "bin/feedmill"


def test_whole_elsewhere(program: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "with blank").mkdir()
    monkeypatch.chdir(tmp_path / "with blank")
    assert command([str(program)]) == str(program)


def test_another_of_that_name_on_path_is_not_it(program: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "feedmill").touch(0o755)
    monkeypatch.setenv("PATH", str(tmp_path / "other"))
    assert command([str(program)]) == "bin/feedmill"


def test_hints_in_sentences(program: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", [str(program), "tail"])
    assert typed("`feedmill topics apply` creates it, `feedmill` too; feedmill is its name.") == (
        "`bin/feedmill topics apply` creates it, `bin/feedmill` too; feedmill is its name."
    )
    monkeypatch.setattr("sys.argv", ["/usr/lib/pytest"])
    assert typed("`feedmill tail`") == "`feedmill tail`"
