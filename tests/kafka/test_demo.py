"""The demo as a user runs it: it ends whole, it heals its workers, and it leaves nothing behind."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import psutil
import pytest

DEMO = [sys.executable, "-u", "-m", "agents.cli.main", "demo"]
MARK = "FEEDMILL_TEST_DEMO"
DOCUMENTS = 16_000  # some eight seconds of work, with a line of progress each second or two


@pytest.fixture
def environment(tmp_path: Path) -> Iterator[Mapping[str, str]]:
    """The demo's temporary files here, its processes marked; at the end neither may be left."""
    mark = f"{tmp_path}"
    yield {**os.environ, "TMPDIR": str(tmp_path), MARK: mark, "FEEDMILL_BROKER": "127.0.0.1:1"}
    deadline = time.monotonic() + 10
    while (left := _marked(mark)) and time.monotonic() < deadline:
        time.sleep(0.1)
    for process in left:
        process.kill()
    assert not left
    assert not [path for path in tmp_path.iterdir() if path.name.startswith("feedmill-")]


def _marked(mark: str) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get(MARK) == mark and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except psutil.Error:
            continue
    return found


def test_it_ends_with_a_whole_ledger_and_examples(environment: Mapping[str, str]) -> None:
    done = subprocess.run(DEMO, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Nothing is missing, nothing is doubled." in done.stdout
    assert "Missing: 0\nDoubled: 0\n" in done.stdout
    entries, items, duplicates, letters = map(
        int, re.findall(r"(\d+) entries = (\d+) items \+ (\d+) duplicates \+ (\d+) dead letters", done.stdout)[0]
    )
    assert entries == items + duplicates + letters
    assert min(items, duplicates, letters) > 0
    for shown in ("NEW", "REVISION", "REPRINT", "DUPLICATE", "DEAD LETTER", "feedmill tail -n 5", "read_committed"):
        assert shown in done.stdout
    assert "\x1b" not in done.stdout
    assert done.stderr == ""
    stories, reprints = map(
        int, re.findall(r"The items make (\d+) stories; (\d+) are reprints of others\.", done.stdout)[0]
    )
    assert items > stories > 0
    assert reprints >= 3
    assert re.search(r"^▌ story [0-9a-f]{32}\n  \d items, .* of them .* · [3-5] sites", done.stdout, re.MULTILINE)
    assert "joined    same-event" in done.stdout
    progress = re.findall(r"workers (\d)/2 ready  published (\d+).*  lag (\S+)$", done.stdout, re.MULTILINE)
    assert progress[0] == ("0", "0", "–"), "no lag is known before one was read"
    assert {ready for ready, published, _ in progress if published != "0"} == {"2"}, "published when both are ready"
    assert progress[-1] == ("2", "165", "0")


@pytest.mark.heavy
def test_a_worker_killed_at_work_is_started_again_and_nothing_is_lost(
    environment: Mapping[str, str], tmp_path: Path
) -> None:
    """`--keep`: Ctrl-C ends it, with 0 where the ledger was whole."""
    lines = [
        {"body": json.dumps({"url": f"https://n{number % 40}.example/{number // 3 * 2}", "title": f"Bridge {number}"})}
        for number in range(DOCUMENTS)
    ]
    (tmp_path / "lines.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    command = [*DEMO, "--keep", "--input", str(tmp_path / "lines.jsonl")]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        seen, killed_at = "", 0
        for line in process.stdout:
            seen += line
            done = re.search(r"entries done ([0-9,]+):", line)
            if not killed_at and done and (entries := int(done[1].replace(",", ""))):
                (pid_file,) = tmp_path.glob("feedmill-demo-*/worker-1.pid")
                os.kill(int(pid_file.read_text()), signal.SIGKILL)
                killed_at = entries
            if line.startswith("Your own programs"):
                process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0, seen
    assert 0 < killed_at < DOCUMENTS, seen
    assert "worker 1 ended (exit code -9) and is started again" in seen
    assert "Nothing is missing, nothing is doubled." in seen
    assert f"{DOCUMENTS:,} entries = " in seen
    assert re.search(r"http://127\.0\.0\.1:\d+/metrics", seen)
    assert re.search(r"export FEEDMILL_BROKER=127\.0\.0\.1:\d+ FEEDMILL_PARTITIONS=4", seen)


@pytest.mark.parametrize(
    "number", [pytest.param(signal.SIGTERM, id="stopped"), pytest.param(signal.SIGKILL, id="killed")]
)
def test_ended_half_way_it_leaves_nothing(environment: Mapping[str, str], number: signal.Signals) -> None:
    with subprocess.Popen(DEMO, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if "published" in line:
                process.send_signal(number)
                break
        rest = process.stdout.read()
        assert ("Stopping the workers and Kafka.\n" in rest) == (number is signal.SIGTERM)
        assert process.wait(30) == (130 if number is signal.SIGTERM else -9)


@pytest.mark.heavy
@pytest.mark.parametrize(
    ("arguments", "when"),
    [
        pytest.param([], "workers 0/2 ready", id="while the workers start"),
        pytest.param([], "published 165/165", id="at work"),
        pytest.param(["--keep"], "Everything goes on running", id="left running"),
    ],
)
def test_when_kafka_dies_it_says_so(
    environment: Mapping[str, str], tmp_path: Path, arguments: list[str], when: str
) -> None:
    with subprocess.Popen(
        [*DEMO, *arguments], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if when in line:
                break
        [kafka] = [one for one in _marked(f"{tmp_path}") if "kafka.Kafka" in one.cmdline()]
        kafka.kill()
        began = time.monotonic()
        _, told = process.communicate(timeout=60)
    assert process.returncode == 3
    assert told.startswith("feedmill: Kafka ended by itself (signal 9).\n")
    assert " INFO " not in told
    assert "Worker" not in told
    assert "Traceback" not in told
    assert time.monotonic() - began < 20


@pytest.mark.heavy
def test_own_documents(environment: Mapping[str, str], tmp_path: Path) -> None:
    documents = tmp_path / "documents"
    documents.mkdir()
    (documents / "one.md").write_text(
        "<!--1760000000000-->\n[Bridge](https://n.example/1)\n------\n\n<p>It is open.</p>\n"
    )
    (documents / "two.txt").write_text("no form that is known")
    command = [*DEMO, "--input", str(documents), "--workers", "1", "--partitions", "2"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 entries = 1 items + 0 duplicates + 1 dead letters" in done.stdout


def test_without_java_it_says_what_to_do(environment: Mapping[str, str], tmp_path: Path) -> None:
    bare = {**environment, "FEEDMILL_JAVA": str(tmp_path / "nothing")}
    done = subprocess.run(DEMO, env=bare, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 3
    assert done.stderr.startswith("feedmill: The embedded Kafka needs Java 17")
    assert "`make try`" in done.stderr


def test_a_path_that_is_not_there_is_wrong_use(environment: Mapping[str, str], tmp_path: Path) -> None:
    command = [*DEMO, "--input", str(tmp_path / "nothing")]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2


def test_the_broker_alone(environment: Mapping[str, str]) -> None:
    command = [sys.executable, "-u", "-m", "agents.cli.main"]
    with subprocess.Popen(
        [*command, "broker", "--port", "0"], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        address = process.stdout.readline().strip()
        made = subprocess.run(
            [*command, "topics", "apply"],
            env={**environment, "FEEDMILL_BROKER": address, "FEEDMILL_PARTITIONS": "1"},
            capture_output=True,
            timeout=60,
            check=False,
        )
        process.send_signal(signal.SIGINT)
        _, told = process.communicate(timeout=30)
    assert made.returncode == 0
    assert process.returncode == 0
    assert f"export FEEDMILL_BROKER={address}" in told
