"""Documents from files, in order, within bounds."""

from __future__ import annotations

import gzip
import io
import os
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from agents import samples
from agents.sources import files
from agents.sources.files import Documents, SourceError
from agents.sources.records import RawRecord, Read, Refused
from schemas import MAX_DOCUMENT_BYTES, DeadLetterCode


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def read(*paths: str, stdin: bytes = b"") -> list[Read]:
    return list(Documents(paths, io.BytesIO(stdin)))


def told(*paths: str, stdin: bytes = b"") -> list[tuple[str | None, bytes | str]]:
    """Each document as its ref and body, or its code where it was refused."""
    return [
        (one.record.ref, one.code.value) if isinstance(one, Refused) else (one.ref, one.body)
        for one in read(*paths, stdin=stdin)
    ]


def messages(*paths: str) -> list[str]:
    return [one.message for one in read(*paths) if isinstance(one, Refused)]


def zipped(path: Path, members: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> None:
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, body in members.items():
            archive.writestr(name, body)


def test_files_in_the_order_given(folder: Path) -> None:
    (folder / "b.md").write_bytes(b"two")
    (folder / "a.xml").write_bytes(b"one")
    assert told("b.md", "./a.xml", "b.md") == [("b.md", b"two"), ("./a.xml", b"one"), ("b.md", b"two")]


def test_a_folder_by_path(folder: Path) -> None:
    for name in ("in/b/1.md", "in/a.md", "in/b.md", "in/a/2.md", "in/.hidden.md", "in/.git/config"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"x")
    os.mkfifo(folder / "in" / "pipe")
    assert [ref for ref, _ in told("in")] == ["in/a.md", "in/a/2.md", "in/b.md", "in/b/1.md"]
    assert [ref for ref, _ in told("./in/b/")] == ["./in/b/1.md"]


def test_standard_input(folder: Path) -> None:
    assert told("-", stdin=b"<rss/>") == [("-", b"<rss/>")]
    with pytest.raises(SourceError, match="only once"):
        Documents(["-", "-"])


def test_raw_records_a_line(folder: Path) -> None:
    lines = b'\xef\xbb\xbf{"body": "one", "ref": "r1"}\n\n  \r\n{"body_base64": "/w=="}\r\nno record\n{"body": "last"}'
    expected = [("r1", b"one"), ("%s", b"\xff"), ("%s", "bad-record"), ("%s", b"last")]
    (folder / "in.jsonl").write_bytes(lines)
    (folder / "in.jsonl.gz").write_bytes(gzip.compress(lines))
    for name in ("in.jsonl", "in.jsonl.gz"):
        assert told(name) == [(ref.replace("%s", name), body) for ref, body in expected]
    assert messages("in.jsonl")[0].startswith("Line 5 of in.jsonl is no raw record: ")


def test_members_of_a_zip(folder: Path) -> None:
    zipped(
        folder / "in.zip",
        {"b.md": b"two", "a/1.md": b"one", ".DS_Store": b"-", "c.jsonl": b'{"body": "three"}\n{}', "d/": b""},
    )
    assert told("in.zip") == [
        ("in.zip/a/1.md", b"one"),
        ("in.zip/b.md", b"two"),
        ("in.zip/c.jsonl", b"three"),
        ("in.zip/c.jsonl", "bad-record"),
    ]


def test_the_samples_by_name(folder: Path) -> None:
    assert read("samples") == samples.records()
    (folder / "samples").write_bytes(b"a file of this name goes first")
    assert told("samples") == [("samples", b"a file of this name goes first")]


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        pytest.param(MAX_DOCUMENT_BYTES, None, id="8 MiB"),
        pytest.param(MAX_DOCUMENT_BYTES + 1, "too-large", id="one byte more"),
    ],
)
@pytest.mark.parametrize("kind", ["file", "stdin", "zip"])
def test_the_largest_document(folder: Path, kind: str, size: int, expected: str | None) -> None:
    body = b"x" * size
    (folder / "in.md").write_bytes(body)
    zipped(folder / "in.zip", {"in.md": body})
    [(_, found)] = told({"file": "in.md", "stdin": "-", "zip": "in.zip"}[kind], stdin=body)
    assert found == (expected or body)


class Endless(io.RawIOBase):
    """A stream without end that counts what was taken of it."""

    def __init__(self) -> None:
        self.taken = 0

    def read(self, size: int = -1) -> bytes:
        assert size > 0, "read without a bound"
        self.taken += size
        return b"x" * size


def test_no_more_is_read_than_the_limit_and_one(folder: Path) -> None:
    endless = Endless()
    [refused] = Documents(["-"], endless)  # type: ignore[arg-type]  # all that is asked of it
    assert isinstance(refused, Refused)
    assert (refused.code, refused.record.body) == (DeadLetterCode.TOO_LARGE, b"")
    assert endless.taken == MAX_DOCUMENT_BYTES + 1


def test_an_endless_line(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A line has its limit; what follows it is read, unless it does not end at all."""
    monkeypatch.setattr(files, "MAX_LINE", 1000)
    monkeypatch.setattr(files, "_SKIP_STEP", 1000)
    lines = b'{"body": "1"}\n' + b"x" * 50_000 + b'\n{"body": "2"}\n'
    (folder / "in.jsonl.gz").write_bytes(gzip.compress(lines))
    assert told("in.jsonl.gz") == [("in.jsonl.gz", b"1"), ("in.jsonl.gz", "too-large"), ("in.jsonl.gz", b"2")]
    monkeypatch.setattr(files, "_MAX_SKIP", 10_000)
    assert told("in.jsonl.gz") == [("in.jsonl.gz", b"1"), ("in.jsonl.gz", "bad-record")]
    assert "the rest of the file was not read" in messages("in.jsonl.gz")[0]


def truncated_gzip(folder: Path) -> str:
    packed = gzip.compress(b'{"body": "1"}\n' + os.urandom(5000).hex().encode())
    (folder / "in.jsonl.gz").write_bytes(packed[:2000])
    return "in.jsonl.gz"


def no_gzip(folder: Path) -> str:
    (folder / "in.jsonl.gz").write_bytes(b'{"body": "1"}\n')
    return "in.jsonl.gz"


def no_zip(folder: Path) -> str:
    (folder / "in.zip").write_bytes(b"no zip")
    return "in.zip"


def damaged_member(folder: Path) -> str:
    zipped(folder / "in.zip", {"a.md": b"hello " * 100}, zipfile.ZIP_STORED)
    data = (folder / "in.zip").read_bytes().replace(b"hello hello", b"hellohellox", 1)
    (folder / "in.zip").write_bytes(data)
    return "in.zip"


def bzip2_member(folder: Path) -> str:
    zipped(folder / "in.zip", {"a.md": b"x" * 100_000}, zipfile.ZIP_BZIP2)
    return "in.zip"


def encrypted_member(folder: Path) -> str:
    zipped(folder / "in.zip", {"a.md": b"hello"}, zipfile.ZIP_STORED)
    data = bytearray((folder / "in.zip").read_bytes())
    data[data.index(b"PK\x03\x04") + 6] |= 1
    data[data.index(b"PK\x01\x02") + 8] |= 1
    (folder / "in.zip").write_bytes(data)
    return "in.zip"


def broken_link(folder: Path) -> str:
    (folder / "in").mkdir()
    (folder / "in" / "gone.md").symlink_to("nowhere.md")
    return "in"


@pytest.mark.parametrize(
    "make", [truncated_gzip, no_gzip, no_zip, damaged_member, bzip2_member, encrypted_member, broken_link]
)
def test_what_cannot_be_read_is_refused_and_the_rest_goes_on(folder: Path, make: Callable[[Path], str]) -> None:
    path = make(folder)
    (folder / "next.md").write_bytes(b"next")
    found = told(path, "next.md")
    assert [body for _, body in found if isinstance(body, str)] == ["bad-record"]
    assert found[-1] == ("next.md", b"next")
    [message] = messages(path)
    assert message.startswith((path, f"Line 1 of {path}", f"Line 2 of {path}"))
    assert message.endswith(".")


@pytest.mark.parametrize("path", ["nowhere.md", "nowhere/", "in.md/deeper"])
def test_a_path_that_is_not_there(folder: Path, path: str) -> None:
    (folder / "in.md").write_bytes(b"x")
    with pytest.raises(SourceError, match="cannot be read"):
        Documents(["in.md", path])


def test_names_that_are_no_utf8(folder: Path) -> None:
    name = os.fsdecode(b"caf\xe9.md")
    (folder / name).write_bytes(b"x")
    assert told(".") == [("./caf\ufffd.md", b"x")]


def test_how_far_the_reading_is(folder: Path) -> None:
    (folder / "a.md").write_bytes(b"x" * 100)
    (folder / "b.jsonl").write_bytes(b'{"body": "1"}\n' * 5000)
    zipped(folder / "c.zip", {"1.md": b"x", "2.md": b"y"})
    documents = Documents(["a.md", "b.jsonl", "c.zip"])
    assert documents.total == sum(path.stat().st_size for path in folder.iterdir())
    steps = [documents.done for _ in documents]
    assert steps == sorted(steps)
    assert len(set(steps)) > 3
    assert documents.done == documents.total
    assert Documents(["-", "a.md"]).total is None


def test_bodies_are_what_the_file_holds(folder: Path) -> None:
    body = bytes(range(256)) * 10
    (folder / "in").write_bytes(body)
    assert read("in") == [RawRecord(body=body, ref="in")]


def test_a_folder_in_a_folder_that_cannot_be_read_is_named_and_the_rest_is_read(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It stopped the whole run, under the outer folder's name. (No mode stops root: so scandir is told to.)"""
    for name in ("in/a.md", "in/m/closed/b.md", "in/z.md"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"x")
    scandir = os.scandir

    def refusing(path: str) -> object:
        if path.endswith("closed"):
            raise PermissionError(13, "Permission denied", path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refusing)
    assert told("in") == [("in/a.md", b"x"), ("in/m/closed", "bad-record"), ("in/z.md", b"x")]
    assert messages("in") == ["The folder in/m/closed cannot be read, nor what is in it: Permission denied."]
    with pytest.raises(SourceError, match="in/m/closed cannot be read"):
        Documents(["in/m/closed"])
