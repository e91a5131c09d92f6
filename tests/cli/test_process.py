"""`feedmill process`: the contract's lines, codes and manners."""

from __future__ import annotations

import gzip
import json
import os
import pty
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import msgspec
import pytest
from typer.testing import CliRunner

from agents import samples
from agents.cli.main import build
from agents.runstate import Changes, open_state
from schemas import DeadLetter, Duplicate, Item, StageName
from tests.documents import FIRST, LATER, markdown

ROOT = Path(__file__).parent.parent.parent
NOW = "2026-11-23T00:00:00Z"
TYPES: dict[str, Any] = {"feeds.enriched": Item, "feeds.duplicates": Duplicate, "feeds.dead-letter": DeadLetter}

runner = CliRunner()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in os.environ:
        if name.startswith("FEEDMILL_"):
            monkeypatch.delenv(name)
    return tmp_path


def process(*arguments: str, stdin: bytes = b"", code: int = 0) -> str:
    done = runner.invoke(build("process"), ["process", "--now", NOW, *arguments], input=stdin)
    assert done.exit_code == code, done.stderr
    assert done.stderr == ""
    return done.stdout


def lines(output: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in output.splitlines()]


def told(output: str) -> list[tuple[str, int, str | None]]:
    """Each result as topic, number and name of its document."""
    return [
        (line["topic"], line["value"]["source"]["offset"], line["value"]["source"]["ref"])
        for line in lines(output)
        if line["value"]
    ]


def test_a_line_a_result_in_input_order(folder: Path) -> None:
    (folder / "in").mkdir()
    (folder / "in" / "1.md").write_bytes(markdown("渡轮搁浅", FIRST))
    (folder / "in" / "2.md").write_bytes(b"")
    (folder / "in" / "3.md").write_bytes(markdown("渡轮搁浅", FIRST))
    output = process("in", "-", stdin=markdown("渡轮搁浅", LATER))
    assert told(output) == [
        ("feeds.enriched", 0, "in/1.md"),
        ("feeds.dead-letter", 1, "in/2.md"),
        ("feeds.duplicates", 2, "in/3.md"),
        ("feeds.enriched", 3, "-"),
    ]
    first = lines(output)[0]
    assert list(first) == ["topic", "key", "value"]
    assert first["key"] == first["value"]["id"]
    assert first["value"]["source"] == {
        "topic": "file",
        "partition": 0,
        "offset": 0,
        "index": 0,
        "count": 1,
        "format": "markdown",
        "received_at": NOW,
        "ref": "in/1.md",
    }
    assert lines(output)[1]["key"] is None
    assert lines(output)[1]["value"]["failed_at"] == NOW


def test_raw_records_and_a_line_that_is_none(folder: Path) -> None:
    document = markdown("渡轮搁浅", FIRST).decode()
    records = [
        {"body": document, "ref": "r1", "received_at": "2026-11-20T08:30:00Z", "source_url": "https://a.example/rss"},
        {"text": "no body"},
        {"body": document},
    ]
    (folder / "in.jsonl.gz").write_bytes(gzip.compress("\n".join(json.dumps(one) for one in records).encode()))
    output = process("in.jsonl.gz")
    assert told(output) == [
        ("feeds.enriched", 0, "r1"),
        ("feeds.dead-letter", 1, "in.jsonl.gz"),
        ("feeds.duplicates", 2, "in.jsonl.gz"),
    ]
    item, letter, _ = (line["value"] for line in lines(output))
    assert item["feed"]["url"] == "https://a.example/rss"
    assert item["source"]["received_at"] == "2026-11-20T08:30:00Z"
    assert (letter["code"], letter["payload"]) == ("bad-record", '{"text": "no body"}')


@pytest.mark.parametrize(
    ("body", "code"),
    [
        pytest.param(b"\x89PNG\r\n", 1, id="a dead letter"),
        pytest.param(b"<rss version='2.0'><channel><title>x</title></channel></rss>", 0, id="no entries is no error"),
        pytest.param(markdown("渡轮搁浅", FIRST), 0, id="an item"),
    ],
)
def test_strict(folder: Path, body: bytes, code: int) -> None:
    assert process("-", stdin=body)
    assert process("--strict", "-", stdin=body, code=code)


def test_two_runs_with_state_are_one_run(folder: Path) -> None:
    for number, text in enumerate([FIRST, FIRST, LATER, FIRST]):
        (folder / f"{number}.md").write_bytes(markdown("渡轮搁浅", text))
    whole = process("0.md", "1.md", "2.md", "3.md")
    assert process("--state", "state", "0.md", "1.md") + process("--state", "state", "2.md", "3.md") == whole
    assert told(whole)[-1] == ("feeds.duplicates", 3, "3.md")


def test_the_prefix_names_the_topics(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FEEDMILL_TOPIC_PREFIX", "mine")
    assert lines(process("-", stdin=markdown("渡轮搁浅", FIRST)))[0]["topic"] == "mine.enriched"


def test_pretty_is_the_same_value(folder: Path) -> None:
    document = markdown("渡轮搁浅", FIRST)
    pretty = process("--pretty", "-", stdin=document)
    assert json.loads(pretty) == json.loads(process("-", stdin=document))
    assert len(pretty.splitlines()) > 40


def test_the_ledger_of_the_samples_is_whole(folder: Path) -> None:
    """Promise 1: every entry of every document is exactly one Item, Duplicate or DeadLetter, by `source`."""
    output = process("samples")
    found: dict[int, list[int | None]] = {}
    counts: dict[int, int | None] = {}
    for line in lines(output):
        if line["value"] is None:
            continue
        source = msgspec.convert(line["value"], TYPES[line["topic"]]).source
        found.setdefault(source.offset, []).append(source.index)
        counts[source.offset] = source.count
    assert sorted(found) == list(range(len(samples.records())))
    for offset, indexes in found.items():
        count = counts[offset]
        assert indexes == ([None] if count is None else list(range(count))), offset
    assert process("--jobs", "2", "samples") == output


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_a_file_of_sites(folder: Path, monkeypatch: pytest.MonkeyPatch, jobs: str) -> None:
    (folder / "sites.toml").write_text('["lanhai.example"]\nzone = "+05:30"\n')
    monkeypatch.setenv("FEEDMILL_SITES_FILE", "sites.toml")
    dated = markdown("渡轮搁浅", FIRST).replace(b"<p>", b"<div><i>2026-11-20 08:07</i></div><p>", 1)
    [line] = lines(process("-", "--jobs", jobs, stdin=dated))
    assert line["value"]["published_at"] == "2026-11-20T02:37:00Z"
    assert line["value"]["dates"]["published_at"]["confidence"] == "assumed-zone"


def started(*arguments: str, **options: Any) -> subprocess.Popen[bytes]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("FEEDMILL_")}
    return subprocess.Popen(
        [sys.executable, "-m", "agents.cli.main", "process", *arguments], cwd=ROOT, env=environment, **options
    )


def many(folder: Path, number: int) -> str:
    """More documents than are done before a reader goes away or a hand reaches Ctrl-C."""
    with gzip.open(folder / "many.jsonl.gz", "wt") as file:
        for one in range(number):
            link = f"https://www.lanhai.example/a/{one}.html"
            file.write(json.dumps({"body": markdown(f"渡轮 {one}", FIRST, link).decode()}) + "\n")
    return str(folder / "many.jsonl.gz")


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_a_reader_that_goes_away(folder: Path, jobs: str) -> None:
    run = started(many(folder, 3000), "--jobs", jobs, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert run.stdout is not None
    assert run.stderr is not None
    assert run.stdout.readline().startswith(b'{"topic":"feeds.enriched"')
    run.stdout.close()
    assert run.stderr.read() == b""
    assert run.wait(30) == 128 + signal.SIGPIPE


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_ctrl_c_and_on_again(folder: Path, jobs: str) -> None:
    """To the whole group, as a terminal sends it. What was written out is not done again, what was not is."""
    path, state = many(folder, 4000), str(folder / "state")
    with (folder / "first.jsonl").open("wb") as out:
        arguments = (path, "--jobs", jobs, "--state", state, "--now", NOW)
        run = started(*arguments, stdout=out, stderr=subprocess.PIPE, start_new_session=True)
        while (folder / "first.jsonl").stat().st_size < 100_000:
            time.sleep(0.02)
            assert run.poll() is None
        os.killpg(run.pid, signal.SIGINT)
        assert run.stderr is not None
        said = run.stderr.read().decode()
        assert run.wait(30) == 128 + signal.SIGINT
    assert said.startswith("feedmill: Stopped after ")
    assert said.count("\n") == 1
    written = lines((folder / "first.jsonl").read_text("utf-8"))
    [again] = lines(process("--state", state, "-", stdin=markdown("渡轮", FIRST, "https://www.lanhai.example/x")))
    assert 0 <= len(written) - again["value"]["source"]["offset"] <= 32, "at most a batch is done again"


@pytest.mark.parametrize(
    ("out", "err", "bar"),
    [
        pytest.param(False, True, True, id="progress on a terminal"),
        pytest.param(True, True, False, id="the results are on the terminal themselves"),
        pytest.param(False, False, False, id="no terminal"),
    ],
)
def test_progress(folder: Path, out: bool, err: bool, bar: bool) -> None:
    name = "\u202e\x9b31m.md"
    (folder / name).write_bytes(markdown("渡轮", FIRST))
    primary, secondary = pty.openpty()
    with (folder / "out").open("wb") as stdout, (folder / "err").open("wb") as stderr:
        run = started(str(folder / name), stdout=secondary if out else stdout, stderr=secondary if err else stderr)
        assert run.wait(30) == 0
    os.close(secondary)
    shown = b""
    try:
        while part := os.read(primary, 65536):
            shown += part
    except OSError:  # Linux's way to say that the terminal's other end is closed
        pass
    os.close(primary)
    assert ("1 document: 1 item, 0 duplicates, 0 dead letters" in shown.decode()) == bar
    assert (folder / "err").read_bytes() == b""
    if out:
        assert not {"\u202e", "\x9b"} & set(shown.decode())
        [line] = lines(shown.decode())
        assert line["value"]["source"]["ref"] == str(folder / name), "the same value, escaped"


def test_no_documents_at_all_are_a_word(folder: Path) -> None:
    (folder / "empty").mkdir()
    done = runner.invoke(build("process"), ["process", "empty"])
    assert (done.exit_code, done.stdout) == (0, "")
    assert done.stderr == "feedmill: There are no documents in empty.\n"


def test_state_of_a_newer_mill_is_a_sentence(folder: Path) -> None:
    """It was a traceback and code 1."""
    (folder / "a.md").write_bytes(markdown("渡轮搁浅", FIRST))
    process("--state", "state", "a.md")
    state = open_state(folder / "state")
    changes: Changes = {}
    kept = state.of(StageName.DEDUPE, changes)
    for key, _ in list(kept.scan(b"", b"")):
        kept.put(key, b"\x7f and more")
    state.commit(changes, state.next)
    state.close()
    done = run("--state", "state", "a.md")
    assert done.returncode == 2
    assert "format byte 7f, which this version of the mill does not know: a newer one wrote it" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_damaged_state_folder_is_a_sentence(folder: Path) -> None:
    """RocksDB opens it, and finds out when it reads: it was a traceback and code 1."""
    chance = random.Random(1)
    for _ in range(2):  # what was in the log is written to a file when it is opened again
        state = open_state(folder / "state")
        changes: Changes = {}
        for _ in range(4000):
            state.of(StageName.STORIES, changes).put(b"s" + chance.randbytes(20), chance.randbytes(100))
        state.commit(changes, 1)
        state.close()
    for file in (folder / "state").glob("*.sst"):
        content = bytearray(file.read_bytes())
        for at in range(len(content) // 4, len(content) * 3 // 4, 500):
            content[at] ^= 0xFF
        file.write_bytes(content)
    (folder / "a.md").write_bytes(markdown("渡轮搁浅", FIRST))
    done = run("--state", "state", "a.md")
    assert done.returncode == 2
    assert "Corruption" in done.stderr
    assert "move it away" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "agents.cli.main", "process", "--now", NOW, *arguments],
        env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
