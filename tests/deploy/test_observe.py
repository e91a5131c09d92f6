"""`make observe` as a person uses it: it shows a mill at work, and leaves nothing behind."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.conftest import IN_CI
from tools.observe.prometheus import MISSING

pytestmark = [pytest.mark.heavy, pytest.mark.timeout(300)]

OBSERVE = [sys.executable, "-u", "-m", "tools.observe"]
MARK = "OBSERVE_TEST_MARK"
SECONDS = 150


@pytest.fixture
def environment(tmp_path: Path) -> Iterator[Mapping[str, str]]:
    """Its temporary files here, its processes marked; at the end neither may be left."""
    if shutil.which("prometheus") is None:
        why = f"make observe DID NOT RUN: {MISSING}"
        if IN_CI:
            pytest.fail(why)
        pytest.skip(why)
    yield {**os.environ, "TMPDIR": str(tmp_path), MARK: str(tmp_path), "FEEDMILL_BROKER": "127.0.0.1:1"}
    deadline = time.monotonic() + 20
    while (left := _marked(str(tmp_path))) and time.monotonic() < deadline:
        time.sleep(0.2)
    names = [" ".join(process.cmdline()) for process in left if process.is_running()]
    for process in left:
        process.kill()
    assert names == []
    assert not [path.name for path in tmp_path.iterdir() if path.name.startswith("feedmill-")]


def _marked(mark: str) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get(MARK) == mark and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except psutil.Error:
            continue
    return found


def asked(address: str, expression: str) -> list[dict[str, Any]]:
    parameters = urllib.parse.urlencode({"query": expression})
    with urllib.request.urlopen(f"{address}/api/v1/query?{parameters}", timeout=10) as answer:
        found: list[dict[str, Any]] = json.load(answer)["data"]["result"]
        return found


def until(address: str, expression: str) -> list[dict[str, Any]]:
    deadline = time.monotonic() + SECONDS
    while not (found := asked(address, expression)):
        assert time.monotonic() < deadline, (expression, asked(address, "up"))
        time.sleep(1)
    return found


def test_it_shows_a_mill_at_work_and_ends_with_ctrl_c(environment: Mapping[str, str], tmp_path: Path) -> None:
    with subprocess.Popen(OBSERVE, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        told = ""
        for line in process.stdout:
            told += line
            if "until Ctrl-C" in line:
                break
        found = re.search(r"Prometheus, .* (http://127\.0\.0\.1:\d+)\n", told)
        assert found, told
        up = until(found[1], "count(up == 1) by (job) unless on () (count(up == 1) < 4)")
        assert {one["metric"]["job"] for one in up} == {"feedmill-worker", "feedmill-lag-exporter", "feedmill-ledger"}
        assert until(found[1], "sum(rate(feedmill_items_total[30s])) > 0")
        links = re.findall(r"(http://127\.0\.0\.1:\d+)/graph\?g0\.expr=([^&]+)&", told)
        assert len(links) >= 5
        for address, expression in links:
            assert until(address, urllib.parse.unquote_plus(expression)), expression
        assert len(_marked(str(tmp_path))) >= 7, "this one, Kafka, two workers, lag exporter, ledger, Prometheus"
        for line in process.stdout:  # one each ten seconds
            told += line
            if "2 workers ready" in line:
                break
        process.send_signal(signal.SIGINT)
        rest = process.stdout.read()
        assert process.wait(60) == 0, rest
    assert re.search(r"^[\d,]+ documents published; [\d,]+ items, .*; 2 workers ready; ", told, re.MULTILINE)
    assert "Traceback" not in told + rest


def test_killed_it_leaves_nothing_either(environment: Mapping[str, str]) -> None:
    with subprocess.Popen(OBSERVE, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if "until Ctrl-C" in line:
                break
        process.kill()
        assert process.wait(30) == -signal.SIGKILL


def test_without_prometheus_it_says_what_to_install(environment: Mapping[str, str], tmp_path: Path) -> None:
    bare = {**environment, "PATH": str(tmp_path)}
    done = subprocess.run(OBSERVE, env=bare, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert done.stderr.strip() == MISSING
