"""What becomes of tests that hang, and of what they started: runs of pytest inside a test."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.conftest import ROOT
from tests.watchdog import MARK

LIMIT, LAST = 1, 3  # seconds: `timeout` and `faulthandler_timeout` of the runs

CHILD = "child = subprocess.Popen(['sleep', '600'], env={**os.environ, 'TMPDIR': os.path.dirname(__file__)})"
HANGS = "def test_hangs():\n    {child}\n    time.sleep(60)\n"
HANGS_IN_A_LOOP = "async def test_hangs():\n    {child}\n    await asyncio.Event().wait()\n"
STUBBORN = """
def test_hangs():
    {child}
    while True:
        try:
            time.sleep(60)
        except BaseException:
            pass
"""
HANGS_AT_ITS_END = """
@pytest.fixture
def held():
    yield
    time.sleep(60)

def test_hangs(held):
    {child}
    time.sleep(60)
"""
OTHERS = "".join(f"def test_other_{number}():\n    pass\n\n" for number in range(4))
XDIST = ("-n", "2", "--dist", "loadgroup")


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path
    for process in children(tmp_path):
        process.kill()


def children(folder: Path) -> list[psutil.Process]:
    """What the tests in a folder have started and is still there."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.name() == "sleep" and process.environ().get("TMPDIR") == str(folder):
                found.append(process)
        except psutil.Error:
            continue
    return found


def started(folder: Path, source: str, *options: str) -> subprocess.Popen[str]:
    """A run of pytest over one file, with the project's settings but for the limits, and not as a part of this one."""
    body = source.format(child=CHILD)
    (folder / "test_it.py").write_text(f"import asyncio, os, subprocess, time\nimport pytest\n\n{body}\n{OTHERS}")
    limits = ("-o", f"timeout={LIMIT}", "-o", f"faulthandler_timeout={LAST}")
    command = [sys.executable, "-m", "pytest", "-c", "pyproject.toml", "-p", "tests.watchdog", *limits, *options]
    return subprocess.Popen(
        [*command, str(folder)],
        cwd=ROOT,
        env={name: value for name, value in os.environ.items() if name != MARK and not name.startswith("PYTEST_")},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


@pytest.mark.heavy
@pytest.mark.parametrize("options", [pytest.param((), id="one process"), pytest.param(XDIST, id="two workers")])
@pytest.mark.parametrize(
    ("source", "ends_the_process"),
    [
        pytest.param(HANGS, False, id="asleep"),
        pytest.param(HANGS_IN_A_LOOP, False, id="in an event loop"),
        pytest.param(STUBBORN, True, id="deaf to signals"),
        pytest.param(HANGS_AT_ITS_END, True, id="in its teardown as well"),
    ],
)
def test_one_that_hangs_is_named_and_the_run_ends(
    folder: Path, source: str, ends_the_process: bool, options: tuple[str, ...]
) -> None:
    run = started(folder, source, *options)
    out, _ = run.communicate(timeout=60)
    assert run.returncode != 0
    assert "test_hangs" in out
    assert "test_it.py" in out
    assert ("Timeout (0:00:03)!" in out) == ends_the_process, out
    if not ends_the_process:
        assert "1 failed, 4 passed" in out, out
    assert until_none(folder)


def test_a_run_that_is_killed_takes_everything_along(folder: Path) -> None:
    run = started(folder, HANGS, "-o", "timeout=60", *XDIST)
    deadline = time.monotonic() + 30
    while not children(folder) and time.monotonic() < deadline:
        time.sleep(0.1)
    run.send_signal(signal.SIGKILL)
    run.communicate(timeout=30)
    assert until_none(folder)


def until_none(folder: Path) -> bool:
    deadline = time.monotonic() + 10
    while children(folder) and time.monotonic() < deadline:
        time.sleep(0.1)
    return not children(folder)
