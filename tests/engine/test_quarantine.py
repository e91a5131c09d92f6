"""The child process for suspect inputs: what it makes is what the stage makes, and what ends it is told."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from agents.engine.quarantine import ChildQuarantine, QuarantineError, Tried
from agents.engine.trial import Request, Scratch, attempt, container_memory_left
from agents.stage import Output
from agents.stages import make_stages
from agents.tried import SAMPLE, command
from schemas import DeadLetter, DeadLetterCode, RawDocument, StageName

NOW = datetime(2026, 11, 29, 1, 30, tzinfo=UTC)
DEADLY = Path(__file__).parent.parent / "kafka" / "deadly"


def through_the_stages() -> dict[StageName, tuple[Any, list[Output]]]:
    """An input of each stage and what the stage makes of it."""
    stages = make_stages()
    one: Any = SAMPLE
    found: dict[StageName, tuple[Any, list[Output]]] = {}
    for name in StageName:
        outputs = stages[name].handle([one], Scratch(), NOW)
        found[name] = (one, outputs)
        one = outputs[0].value
    return found


def poison(way: str) -> RawDocument:
    return msgspec.structs.replace(SAMPLE, body=SAMPLE.body + b"<p>deadly-parse-%s</p>" % way.encode())


def test_what_a_stage_makes_without_its_state_is_the_result() -> None:
    stages = make_stages()
    for name, (one, outputs) in through_the_stages().items():
        request = Request(name, NOW, msgspec.Raw(msgspec.msgpack.encode(one)))
        answer = attempt(stages, request)
        stateless = name in (StageName.PARSE, StageName.ENRICH)
        assert answer.outputs == (outputs if stateless else None), name
        assert not answer.error


def test_what_a_stage_raises_is_told() -> None:
    answer = attempt(make_stages(), Request(StageName.ENRICH, NOW, msgspec.Raw(msgspec.msgpack.encode(b"\xc1"))))
    assert answer.error.startswith("DecodeError: ")


@pytest.mark.parametrize("stage", list(StageName))
def test_what_is_condemned_has_a_dead_letter_that_parses_back(stage: StageName) -> None:
    one, _ = through_the_stages()[stage]
    letter = make_stages()[stage].condemned(one, DeadLetterCode.CRASHED_WORKER, "It kills.", NOW)
    value = msgspec.json.decode(letter.value or b"", type=DeadLetter)
    assert (value.stage, value.code, value.source.offset) == (stage, DeadLetterCode.CRASHED_WORKER, SAMPLE.offset)
    assert (value.revision is None) == (stage in (StageName.PARSE, StageName.DEDUPE))
    again = msgspec.structs.replace(SAMPLE, body=value.payload.encode())
    [output] = make_stages()[StageName.PARSE].handle([again], Scratch(), NOW)
    assert b"The ferry is back" in (output.value or b"")


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        pytest.param({}, None, id="no container"),
        pytest.param({"memory.max": "max", "memory.current": "5", "memory.stat": ""}, None, id="no limit"),
        pytest.param(
            {"memory.max": "1000", "memory.current": "900", "memory.stat": "anon 1\ninactive_file 300\n"},
            400,
            id="version 2, files in its cache",
        ),
        pytest.param(
            {
                "memory/memory.limit_in_bytes": "1000",
                "memory/memory.usage_in_bytes": "700",
                "memory/memory.stat": "cache 1\ntotal_inactive_file 100\n",
            },
            400,
            id="version 1",
        ),
    ],
)
def test_memory_that_the_container_has_left(tmp_path: Path, files: dict[str, str], expected: int | None) -> None:
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(content)
    assert container_memory_left(tmp_path) == expected


async def test_a_child_gives_the_very_outputs() -> None:
    quarantine = ChildQuarantine(command(sites_file=None, seconds=60, memory_mb=512), seconds=60)
    for name, (one, outputs) in through_the_stages().items():
        tried = await quarantine.tried(name, one, NOW)
        stateless = name in (StageName.PARSE, StageName.ENRICH)
        assert tried == Tried(outputs if stateless else None)
    assert (quarantine.started, quarantine.awake) == (1, True)
    await quarantine.rest()
    assert not quarantine.awake


async def test_a_child_that_cannot_work_blames_no_document(capfd: pytest.CaptureFixture[str]) -> None:
    quarantine = ChildQuarantine([sys.executable, "-c", "raise SystemExit('no such module')"], seconds=60)
    with pytest.raises(QuarantineError, match=r"cannot work \(exit code 1\)"):
        await quarantine.tried(StageName.PARSE, SAMPLE, NOW)
    assert "no such module" in capfd.readouterr().err


@pytest.mark.heavy
@pytest.mark.parametrize(
    ("way", "fatal", "children"),
    [
        pytest.param("abort", "it ended the process (killed by SIGABRT)", 2, id="abort, sure in a new child"),
        pytest.param("memory", "it ended the process (out of memory)", 2, id="memory, sure in a new child"),
        pytest.param("hang", "it did not come to an end within 5 s", 1, id="hangs in Python"),
        pytest.param("lock", "it did not come to an end within 5 s", 1, id="hangs in C"),
        pytest.param("raise", "the stage raised ZeroDivisionError: integer division or modulo by zero", 1, id="raises"),
    ],
)
async def test_what_ends_the_child(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    way: str,
    fatal: str,
    children: int,
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(DEADLY))
    monkeypatch.setenv("DEADLY_LOG", str(tmp_path / "diary"))
    quarantine = ChildQuarantine(command(sites_file=None, seconds=5, memory_mb=512), seconds=5)
    assert (await quarantine.tried(StageName.PARSE, SAMPLE, NOW)).fatal is None
    assert (await quarantine.tried(StageName.PARSE, poison(way), NOW)).fatal == fatal
    assert quarantine.started == children
    assert (await quarantine.tried(StageName.PARSE, SAMPLE, NOW)).fatal is None, "its neighbour goes on"
    assert ("Fatal Python error: Aborted" in capfd.readouterr().err) == (way == "abort"), "where, for the worker's log"
    await quarantine.rest()


@pytest.mark.heavy
async def test_a_child_does_not_outlive_its_worker_nor_know_its_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FEEDMILL_SASL_PASSWORD", "open sesame")
    quarantine = ChildQuarantine(command(sites_file=None, seconds=60, memory_mb=512), seconds=60)
    await quarantine.tried(StageName.PARSE, SAMPLE, NOW)
    process = quarantine._child
    assert process is not None
    assert process.stdin is not None
    environment = await asyncio.to_thread(Path(f"/proc/{process.pid}/environ").read_bytes)
    assert b"open sesame" not in environment
    process.stdin.close()  # as the kernel does for a worker that is killed
    assert await asyncio.to_thread(process.wait, 30) == 0
    await quarantine.rest()


@pytest.mark.parametrize(
    "hang",
    [
        pytest.param("while True: pass", id="in Python"),
        pytest.param("import re; re.match('(a+)+b', 'a' * 60)", id="in C"),
        pytest.param("import time; time.sleep(60)", id="waiting"),
    ],
)
def test_the_watchdog_ends_what_is_stuck(hang: str) -> None:
    program = f"from agents.engine.watchdog import Watchdog\nwith Watchdog(0.5).over():\n    {hang}\n"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, timeout=60, check=False)
    assert done.returncode == 1
    assert b"Timeout (0:00:00.500000)!" in done.stderr


def test_the_watchdog_lets_go() -> None:
    program = (
        "import time\nfrom agents.engine.watchdog import Watchdog\n"
        "with Watchdog(0.2).over(10):\n    time.sleep(0.5)\ntime.sleep(2.5)\n"
    )
    assert subprocess.run([sys.executable, "-c", program], timeout=60, check=False).returncode == 0
