"""Nothing that a stranger writes does more on a terminal than be read, whichever command shows it."""

from __future__ import annotations

import asyncio
import os
import pty
import re
import subprocess
import sys
from functools import partial
from pathlib import Path

import msgspec
import pytest

from agents.stage import Topic
from tests.kafka.stand import Stand, dead_letter, item
from tests.kafka.test_worker import running, until
from tests.security.kafka import SecuredKafka

WEAPONS = {
    "window title": "\x1b]0;owned\x07",
    "clipboard": "\x1b]52;c;ZWNobyBvd25lZA==\x1b\\",
    "link that lies": "\x1b]8;;https://evil.example\x1b\\bank\x1b]8;;\x1b\\",
    "clear the screen": "\x1b[2J\x1b[H",
    "answer back": "\x1b[c\x1b[6n\x05",
    "eight-bit": "\x9b2J\x9d0;owned\x9c\x90",
    "overwrite": "good\rbad\x08\x08\x7f",
    "bell": "\x07\x00\x0e",
    "bidi": "\u202egnp.exe\u2066x\u2069\u200f\u061c",
    "invisible": "a\u200bb\ufeff\u2028c\U000e0041",
    "markup of rich": "[blink]x[/] [link=https://evil.example]y[/link]",
}
HOSTILE = " ".join(WEAPONS.values())

# The bytes of C0 but for tab and line feed, DEL, and in UTF-8 those of C1 and of the bidi controls.
_CONTROLS = re.compile(
    rb"[\x00-\x08\x0b-\x1f\x7f]|\xc2[\x80-\x9f]|\xe2\x80[\x8b\x8e\x8f\xa8-\xae]|\xe2\x81[\xa0-\xaf]|\xd8\x9c|\xef\xbb\xbf|\xf3\xa0"
)


def found(output: bytes) -> list[bytes]:
    return [output[max(0, hit.start() - 30) : hit.end() + 10] for hit in _CONTROLS.finditer(output)]


def test_the_search_finds_every_weapon() -> None:
    for name, weapon in WEAPONS.items():
        assert name == "markup of rich" or found(weapon.encode()), name
    assert not found("渡轮 “Möwe”\t— 🚢\n می\u200cخواهم".encode())


@pytest.fixture(scope="module")
def stand(kafka: SecuredKafka) -> Stand:
    """A mill whose topics hold nothing but weapons."""
    made = Stand(kafka.plain["bootstrap_servers"], "terminals")
    asyncio.run(made.create())
    asyncio.run(_fill(made))
    return made


async def _fill(stand: Stand) -> None:
    offsets = await stand.put(Topic.RAW, [b"x"] * 2)
    source = msgspec.structs.replace(stand.source(offsets[0]), ref=HOSTILE)
    fields = {
        "url": f"https://news.example/{HOSTILE}", "original_url": HOSTILE, "guid": HOSTILE, "site": HOSTILE,
        "authors": [HOSTILE], "categories": [HOSTILE], "text": HOSTILE, "summary": HOSTILE, "language": HOSTILE,
        "dateline": HOSTILE,
    }  # fmt: skip
    hostile = item(source, title=HOSTILE, **fields)
    await stand.put(Topic.ENRICHED, [hostile, b"\x1b[2J no item", b'{"schema": "\x1b"}'], key=hostile.id.encode())
    other = msgspec.structs.replace(stand.source(offsets[1]), ref=HOSTILE)
    letters = [
        dead_letter(other, message=HOSTILE, payload=HOSTILE, content_type=HOSTILE, source_url=HOSTILE),
        b"\x1b]0;owned\x07 no letter",
    ]
    await stand.put(Topic.DEAD_LETTER, letters)


COMMANDS = [
    ("tail", "-n", "9"),
    ("tail", "-n", "9", "--json"),
    ("tail", "-n", "9", "--from-start"),
    ("explain", "0" * 32),
    ("explain", "--story", "1" * 32),
    ("explain", f"https://news.example/{HOSTILE.replace(chr(0), '')}"),
    ("dead-letters", "list"),
    ("dead-letters", "show", "terminals.dead-letter/0/0"),
    ("dead-letters", "show", f"no/position/{HOSTILE.replace(chr(0), '')}"),
    ("ledger",),
    ("ledger", "--json"),
    ("topics", "check"),
]


@pytest.mark.heavy
@pytest.mark.parametrize(
    "command", COMMANDS, ids=lambda command: " ".join(command)[:30].encode("ascii", "replace").decode()
)
def test_of_a_command(stand: Stand, command: tuple[str, ...]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "agents.cli.main", *command],
        env=stand.environment, capture_output=True, timeout=240, check=False,
    )  # fmt: skip
    assert b"Traceback" not in done.stderr, done.stderr
    assert done.stdout or done.stderr
    assert found(done.stdout + done.stderr) == []


@pytest.mark.heavy
def test_of_documents_and_of_file_names(tmp_path: Path) -> None:
    """`explain` and `process` of files, whose names are strangers' too."""
    name = f"a{WEAPONS['window title']}{WEAPONS['bidi']}{WEAPONS['eight-bit']}".replace("/", "")
    document = {
        "url": "https://news.example/1",
        "title": HOSTILE,
        "content_text": HOSTILE,
        "authors": [{"name": HOSTILE}],
    }
    (tmp_path / f"{name}.json").write_bytes(msgspec.json.encode(document))
    (tmp_path / f"{name}.xml").write_bytes(
        b"<rss><channel><item><title>\x1b[2J</title>" + b"<b>" * 9 + HOSTILE.encode()
    )
    (tmp_path / f"{name}.zip").write_bytes(HOSTILE.encode())
    for command in ("explain", "process"):
        done = subprocess.run(
            [sys.executable, "-m", "agents.cli.main", command, str(tmp_path)],
            capture_output=True, timeout=240, check=False,
        )  # fmt: skip
        assert done.stdout
        assert found(done.stderr) == []
        assert command == "process" or found(done.stdout) == []  # a pipe gets JSON as the topics would hold it
    assert found(_on_a_terminal(dict(os.environ), "process", str(tmp_path)).replace(b"\r\n", b"\n")) == []


@pytest.mark.heavy
def test_of_a_payload_on_a_terminal(stand: Stand) -> None:
    """Byte for byte into a pipe or a file; a terminal would obey it."""
    command = ("dead-letters", "show", "terminals.dead-letter/0/0", "--payload")
    said = _on_a_terminal(stand.environment, *command).replace(b"\r\n", b"\n")
    assert rb"\x1b]52;c;" in said
    assert found(said) == []


@pytest.mark.heavy
def test_of_a_worker_s_log(stand: Stand, tmp_path: Path) -> None:
    documents = [
        msgspec.json.encode({"url": f"https://news.example/{number}", "title": weapon, "content_text": weapon})
        for number, weapon in enumerate(WEAPONS.values())
    ]
    headers = tuple((name, HOSTILE.encode()) for name in ("ref", "source-url", "content-type", "replay-of"))
    for format in ("console", "json"):
        with running(stand, tmp_path, FEEDMILL_LOG_LEVEL="debug", FEEDMILL_LOG_FORMAT=format) as (_, log):
            before = _letters(stand)
            asyncio.run(stand.put(Topic.RAW, documents, headers=headers))
            wanted = before + len(documents)
            assert until(partial(_have_arrived, stand, wanted), 240), log.read_text()
            assert found(log.read_bytes()) == []


def _have_arrived(stand: Stand, wanted: int) -> bool:
    return _letters(stand) >= wanted


def _letters(stand: Stand) -> int:
    return len(asyncio.run(stand.get(Topic.DEAD_LETTER)))


@pytest.mark.heavy
def test_of_ingest_on_a_terminal(stand: Stand, tmp_path: Path) -> None:
    """Its progress bar is drawn by escapes of its own; the names of files are none of them."""
    (tmp_path / "\x1b]0;owned\x07.zip").write_bytes(b"no zip")
    said = _on_a_terminal(stand.environment, "ingest", str(tmp_path))
    assert rb"\x1b]0;owned\x07.zip is no zip archive" in said
    assert b"\x1b]0;" not in said


def _on_a_terminal(environment: dict[str, str], *command: str) -> bytes:
    """What a command writes to a terminal."""
    leader, follower = pty.openpty()
    done = subprocess.Popen(
        [sys.executable, "-m", "agents.cli.main", *command],
        env={**environment, "TERM": "xterm"}, stdout=follower, stderr=follower, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    os.close(follower)
    said = b""
    while True:
        try:
            part = os.read(leader, 65536)
        except OSError:
            break
        if not part:
            break
        said += part
    os.close(leader)
    assert done.wait(240) == 0
    return said
