"""Documents from files: one a file, folders, standard input, lines of `.jsonl`, members of `.zip`.

Files come from strangers too: no more than a document's largest size and one byte is ever read of one, a line has
its limit, and what is compressed is unpacked only as far as that.
"""

from __future__ import annotations

import gzip
import os
import stat
import sys
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, BinaryIO, Protocol

from agents.sources.records import MAX_LINE, RawRecord, Read, Refused, read_line, sized, unread
from schemas import MAX_DOCUMENT_BYTES, DeadLetterCode

STDIN = "-"
SAMPLES = "samples"
"""Stands for the project's own sample documents, where no file has this name."""

_MAX_SKIP = 1024 * 1024 * 1024  # bytes of an endless line that are passed over before its file is given up
_SKIP_STEP = 1024 * 1024

# Others (bzip2, LZMA) unpack a whole block at once, thousands of times its size.
_ZIP_METHODS = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})
_BROKEN = (OSError, EOFError, RuntimeError, zipfile.BadZipFile, zlib.error)


class Readable(Protocol):
    """What is asked of a stream, packed or plain."""

    def read(self, size: int, /) -> bytes: ...

    def readline(self, size: int, /) -> bytes: ...


class SourceError(Exception):
    """Paths that cannot be read from at all; the message is a sentence."""


class Documents:
    """The documents of some paths, in order. Made, it knows that each path is there (else SourceError).

    `total` is the bytes of all files on disk, None where standard input is among them; `done` counts on while
    the documents are read.
    """

    def __init__(self, paths: Sequence[str], stdin: BinaryIO | None = None) -> None:
        self._stdin = stdin
        self._files: list[str] = []
        self._closed: dict[str, str] = {}  # folders that cannot be read, and why
        self.total: int | None = 0
        self.done = 0
        if paths.count(STDIN) > 1:
            raise SourceError("Standard input (`-`) can be read only once; it was named more than once.")
        for path in paths:
            self._add(path)

    def __iter__(self) -> Iterator[Read]:
        for path in self._files:
            before = self.done
            size = _size(path)
            yield from self._read(path)
            self.done = before + size

    def _add(self, path: str) -> None:
        if path == STDIN:
            self._files.append(path)
            self.total = None
            return
        if path == SAMPLES and not os.path.exists(path):
            self._files.append(path)
            return
        try:
            mode = os.stat(path).st_mode
            found = self._walk(path) if stat.S_ISDIR(mode) else [path]
            if not os.access(path, os.R_OK):
                raise PermissionError(13, os.strerror(13))
        except OSError as error:
            raise SourceError(f"{_shown(path)} cannot be read: {_reason(error)}.") from error
        self._files.extend(found)
        if self.total is not None:
            self.total += sum(map(_size, found))

    def _walk(self, folder: str) -> list[str]:
        """Every file under a folder, sorted by path; folders in it that cannot be read stand among them.

        Left out are names that begin with a dot, as by the shell, and links to folders.
        """
        found: list[str] = []

        def closed(error: OSError) -> None:
            path = os.fspath(error.filename or folder)
            if path == folder:
                raise error
            self._closed[path] = _reason(error)
            found.append(path)

        for base, folders, files in os.walk(folder, onerror=closed):
            folders[:] = [name for name in folders if not _hidden(name)]
            for name in files:
                path = os.path.join(base, name)
                if not _hidden(name) and not _special(path):
                    found.append(path)
        return sorted(found)

    def _read(self, path: str) -> Iterator[Read]:
        if path == STDIN:
            yield _one(self._stdin or sys.stdin.buffer, "Standard input", STDIN)
            return
        if path == SAMPLES and not os.path.exists(path):
            yield from _samples()
            return
        shown, name = _shown(path), path.lower()
        if path in self._closed:
            yield unread(f"The folder {shown} cannot be read, nor what is in it: {self._closed[path]}.", shown)
            return
        try:
            with open(path, "rb") as file:
                if name.endswith(".jsonl"):
                    yield from self._lines(file, file, shown)
                elif name.endswith(".jsonl.gz"):
                    with gzip.GzipFile(fileobj=file) as unpacked:
                        yield from self._lines(unpacked, file, shown)
                elif name.endswith(".zip"):
                    yield from self._members(file, shown)
                else:
                    yield _one(file, shown, shown)
        except OSError as error:
            yield unread(f"{shown} cannot be read: {_reason(error)}.", shown)

    def _lines(self, stream: Readable, file: IO[bytes] | None, shown: str) -> Iterator[Read]:
        """Lines of raw records. `file` is what tells how far the reading is: the stream, or what it unpacks."""
        start, number = self.done, 0
        while True:
            number += 1
            where = f"Line {number} of {shown}"
            try:
                line = stream.readline(MAX_LINE + 1)
                if len(line) > MAX_LINE and not _skip_line(stream):
                    yield unread(f"{where} does not end; the rest of the file was not read.", shown)
                    return
            except _BROKEN as error:
                yield unread(f"{where} cannot be read, nor what follows it: {_reason(error)}.", shown)
                return
            if not line:
                return
            if number == 1:
                line = line.removeprefix(b"\xef\xbb\xbf")
            if file is not None and file.seekable():
                self.done = start + file.tell()
            if len(line) > MAX_LINE:
                yield _too_long(where, shown)
            elif not line.isspace() and line:
                yield read_line(line, where, shown)

    def _members(self, file: IO[bytes], shown: str) -> Iterator[Read]:
        try:
            archive = zipfile.ZipFile(file)
        except _BROKEN as error:
            yield unread(f"{shown} is no zip archive, or a damaged one: {_reason(error)}.", shown)
            return
        with archive:
            start = self.done
            for member in sorted(archive.infolist(), key=lambda member: member.filename):
                if member.is_dir() or _hidden(member.filename):
                    continue
                yield from self._member(archive, member, f"{shown}/{_shown(member.filename)}")
                self.done = min(self.done + member.compress_size, start + _size_of(file))

    def _member(self, archive: zipfile.ZipFile, member: zipfile.ZipInfo, shown: str) -> Iterator[Read]:
        if member.compress_type not in _ZIP_METHODS:
            yield unread(f"{shown} is compressed in a way that is not read here; store or deflate it.", shown)
            return
        try:
            with archive.open(member) as stream:
                if member.filename.lower().endswith(".jsonl"):
                    yield from self._lines(stream, None, shown)
                else:
                    yield _one(stream, shown, shown)
        except _BROKEN as error:
            yield unread(f"{shown} cannot be unpacked: {_reason(error)}.", shown)


def _one(stream: Readable, where: str, ref: str) -> Read:
    """The stream as one document; of one that is too large no more than that is read."""
    parts: list[bytes] = []
    room = MAX_DOCUMENT_BYTES + 1
    while room and (part := stream.read(room)):
        parts.append(part)
        room -= len(part)
    return sized(RawRecord(body=b"".join(parts), ref=ref), where)


def _special(path: str) -> bool:
    """Pipes, sockets and devices: to open one could wait for ever."""
    try:
        mode = os.stat(path).st_mode
    except OSError:
        return False  # said when it is read
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))


def _hidden(path: str) -> bool:
    return any(part.startswith(".") and part not in (".", "..") for part in path.split("/"))


def _skip_line(stream: Readable) -> bool:
    """Read on to the end of the line; False where that does not come."""
    skipped = 0
    while part := stream.readline(_SKIP_STEP):
        if part.endswith(b"\n"):
            return True
        skipped += len(part)
        if skipped > _MAX_SKIP:
            return False
    return True


def _too_long(where: str, ref: str) -> Read:
    message = f"{where} has more than {MAX_LINE // (1024 * 1024)} MiB."
    return Refused(RawRecord(body=b"", ref=ref), DeadLetterCode.TOO_LARGE, message)


def _samples() -> Iterator[Read]:
    from agents import samples

    yield from samples.records()


def _size(path: str) -> int:
    try:
        return Path(path).stat().st_size if path != STDIN else 0
    except OSError:
        return 0


def _size_of(file: IO[bytes]) -> int:
    return os.fstat(file.fileno()).st_size


def _shown(path: str) -> str:
    """A path as text: file names are bytes, and need not be UTF-8."""
    return os.fsencode(path).decode("utf-8", "replace")


def _reason(error: BaseException) -> str:
    return getattr(error, "strerror", None) or str(error).rstrip(".") or type(error).__name__
