"""Archives and files made to hurt: a sentence or a dead letter, within bounds of memory, and what follows is read."""

from __future__ import annotations

import gzip
import io
import json
import resource
import struct
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

MEMORY = 768 << 20
"""Address space of the process: it takes half of this to read one small document, tables and language model and all."""

GOOD = b'{"url": "https://news.example/1", "title": "Bridge open", "content_text": "Since noon it is open again."}'
MIB = 1 << 20


def zipped(folder: Path, *members: tuple[str, bytes]) -> Path:
    path = folder / "in.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, body in members:
            archive.writestr(name, body)
    return path


def endless_gzip(folder: Path, unpacked: int, *, lines: bool) -> Path:
    """A gzip of zeros or of lines, a thousand times smaller than what it unpacks to."""
    path = folder / "in.jsonl.gz"
    step = (b"x" * 1023 + b"\n") * 1024 if lines else b"\0" * MIB
    with gzip.open(path, "wb", compresslevel=1) as packed:
        for _ in range(unpacked // MIB):
            packed.write(step)
    return path


def zip_bomb(folder: Path) -> Path:
    """64 members of 64 MiB that share 4 MiB on disk."""
    return zipped(folder, *((f"{number}.md", b"\0" * (64 * MIB)) for number in range(8)))


def overlapping_bomb(folder: Path) -> Path:
    """Two thousand names for one member of 16 MiB (the zip bombs of Fifield overlap their members)."""
    path = zipped(folder, ("a.md", b"\0" * (16 * MIB)))
    data = path.read_bytes()
    at = data.index(b"PK\x01\x02")
    (end,) = (data.index(b"PK\x05\x06"),)
    entry = data[at:end]
    names = b"".join(entry.replace(b"a.md", b"%04d" % number) for number in range(200))
    tail = bytearray(data[end:])
    struct.pack_into("<HHII", tail, 8, 200, 200, len(names), at)
    path.write_bytes(data[:at] + names + tail)
    return path


def nested(folder: Path) -> Path:
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("bomb.md", b"\0" * (64 * MIB))
    return zipped(folder, ("inner.zip", inner.getvalue()))


def slip(folder: Path) -> Path:
    return zipped(folder, ("../../outside.md", GOOD), ("/etc/outside.md", GOOD), ("a\\..\\b.md", GOOD))


def many(folder: Path) -> Path:
    return zipped(folder, *((f"{number}.md", b"") for number in range(20_000)))


def lying_size(folder: Path) -> Path:
    """The directory says 5 bytes, there are 32 MiB."""
    path = zipped(folder, ("a.md", b"\0" * (32 * MIB)))
    data = bytearray(path.read_bytes())
    struct.pack_into("<I", data, data.index(b"PK\x01\x02") + 24, 5)
    path.write_bytes(data)
    return path


def names(folder: Path) -> Path:
    return zipped(folder, ("\x1b]0;owned\x07\u202e.md", GOOD), ("x" * 60_000 + ".md", GOOD), ("a\r\nb.md", GOOD))


def gzip_bomb_of_one_line(folder: Path) -> Path:
    return endless_gzip(folder, 2048 * MIB, lines=False)


def gzip_bomb_of_lines(folder: Path) -> Path:
    return endless_gzip(folder, 16 * MIB, lines=True)


def gzip_in_gzip(folder: Path) -> Path:
    path = folder / "in.jsonl.gz"
    path.write_bytes(gzip.compress(gzip.compress(b"\0" * (64 * MIB))))
    return path


def bomb_of_json(folder: Path) -> Path:
    path = folder / "in.jsonl"
    path.write_bytes(b'{"body": "x", "ref": ' + b"[" * (8 * MIB) + b"\n")
    return path


def bomb_of_xml(folder: Path) -> Path:
    entities = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 12))
    path = folder / "in.xml"
    path.write_text(f'<!DOCTYPE rss [<!ENTITY e0 "lol">{entities}]><rss><channel><title>&e11;</title></channel></rss>')
    return path


BOMBS: dict[Callable[[Path], Path], set[str]] = {
    zip_bomb: {"too-large"},
    overlapping_bomb: {"too-large", "bad-record"},
    nested: {"unsupported-format", "undecodable", "bad-record"},
    slip: set(),
    many: {"empty-document"},
    lying_size: {"bad-record", "too-large"},
    names: set(),
    gzip_bomb_of_one_line: {"bad-record"},
    gzip_bomb_of_lines: {"bad-record"},
    gzip_in_gzip: {"bad-record"},
    bomb_of_json: {"bad-record", "too-large"},
    bomb_of_xml: {"no-entries", "malformed-feed"},
}
SLOW = {zip_bomb, overlapping_bomb, many, gzip_bomb_of_one_line, gzip_bomb_of_lines}


@pytest.mark.heavy
@pytest.mark.parametrize("make", BOMBS, ids=lambda make: make.__name__)
def test_a_bomb_is_dead_letters_and_what_follows_is_read(tmp_path: Path, make: Callable[[Path], Path]) -> None:
    (tmp_path / "after.json").write_bytes(GOOD)
    inside = tmp_path / "inside"
    inside.mkdir()
    path = make(inside)
    assert path.stat().st_size < 16 * MIB
    before = everything(tmp_path)

    done = subprocess.run(
        [sys.executable, "-m", "agents.cli.main", "process", str(path), str(tmp_path / "after.json")],
        capture_output=True,
        timeout=100,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY)),
    )

    assert done.returncode == 0, done.stderr.decode()[-2000:]
    assert b"Traceback" not in done.stderr
    results = [json.loads(line) for line in done.stdout.splitlines()]
    codes = {result["value"]["code"] for result in results if result["topic"].endswith("dead-letter")}
    assert codes <= BOMBS[make] or not codes
    assert bool(codes) is bool(BOMBS[make]), codes
    assert results[-1]["value"]["source"]["ref"].endswith("after.json")
    assert results[-1]["topic"] in ("feeds.enriched", "feeds.duplicates")
    assert everything(tmp_path) == before, "something was unpacked"
    assert not (tmp_path.parent / "outside.md").exists()


def everything(folder: Path) -> set[Path]:
    return set(folder.rglob("*"))
