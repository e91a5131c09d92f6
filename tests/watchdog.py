"""No test outlasts its limit, and nothing that a test started outlasts the run.

The limit is `timeout` in pyproject.toml, or a test's own mark (pytest-timeout). It comes by a signal: the test fails
with the stack that it hung in, its fixtures stop what they started, and the run goes on. What no signal can stop, C
code or a teardown that hangs as well, ends the whole process by `faulthandler_timeout`, with the stacks of all threads.
"""

from __future__ import annotations

import faulthandler
import os
import subprocess
import threading
import uuid
from collections.abc import Generator

import pytest

MARK = "MILL_TEST_RUN"
"""Everything that a run starts has this in its environment, with the run's name."""

# Its standard input ends with the run, however that ended: then it kills what is left of it. Looking once is not
# enough: what is killed may just have started something. Without /proc it does nothing.
_GUARD = """
read -r _
for _ in 1 2 3; do
    for file in /proc/[0-9]*/environ; do
        if grep -qz "^$1$" "$file" 2>/dev/null; then
            process=${file#/proc/}
            kill -s KILL "${process%/environ}" 2>/dev/null
        fi
    done
    sleep 0.1
done
"""

_stderr = pytest.StashKey[int]()
_guard = pytest.StashKey[subprocess.Popen[bytes]]()
_naming = pytest.StashKey[threading.Timer]()


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_stderr] = os.dup(2)
    if MARK not in os.environ:  # else this is a worker of pytest-xdist, and the run is its controller's
        name = uuid.uuid4().hex
        config.stash[_guard] = subprocess.Popen(
            ["/bin/sh", "-c", _GUARD, "sh", f"{MARK}={name}"],
            stdin=subprocess.PIPE,  # closed by the end of this process
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        os.environ[MARK] = name


def pytest_unconfigure(config: pytest.Config) -> None:
    os.close(config.stash[_stderr])


@pytest.hookimpl(trylast=True)
def pytest_exception_interact(node: pytest.Item | pytest.Collector) -> None:
    """A test that has failed has its teardown before it: pytest has just called its own watch off, for debuggers.

    The stacks of a teardown do not name the test.
    """
    limit = float(node.config.getini("faulthandler_timeout"))
    if limit and not node.config.getoption("usepdb"):
        stderr = node.config.stash[_stderr]
        faulthandler.dump_traceback_later(limit, exit=True, file=stderr)
        sentence = f"\n{node.nodeid} failed, and its teardown has not ended after {limit:g} s.\n"
        node.stash[_naming] = threading.Timer(limit * 0.99, os.write, (stderr, sentence.encode()))
        node.stash[_naming].daemon = True
        node.stash[_naming].start()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    try:
        return (yield)
    finally:
        if timer := item.stash.get(_naming, None):
            timer.cancel()
