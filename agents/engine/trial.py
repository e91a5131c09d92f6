"""The child process that suspect inputs are tried in: one at a time, under limits, with no state behind it.

It reads requests from one pipe and writes answers to another. What a stage makes of an input without a look at its
state is the result, and the parent takes it. A stage that asked for state has shown only that it survives the input:
the parent decides. What kills this process would have killed the worker.
"""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import struct
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO

import msgspec
from msgspec import Struct

from agents.engine.watchdog import Watchdog
from agents.stage import Output, Stage
from schemas import RawDocument, StageName

MIB = 1024 * 1024
LEAST_BYTES = 128 * MIB
"""What an input may take at least, however little memory the container has left."""

OUT_OF_MEMORY = 71
"""Exit code where Python itself was refused memory."""

_CPU_GRACE = 5
_LENGTH = struct.Struct(">I")


class Request(Struct, frozen=True, array_like=True):
    """One input of a stage, encoded. `now` stamps dead letters."""

    stage: StageName
    now: datetime
    input: msgspec.Raw


class Answer(Struct, frozen=True, array_like=True):
    """`outputs` is None where the parent must work on the input itself; `error` says what the stage raised."""

    outputs: list[Output] | None = None
    error: str = ""


_requests = msgspec.msgpack.Decoder(Request)
_documents = msgspec.msgpack.Decoder(RawDocument)
_values = msgspec.msgpack.Decoder(bytes)
_pack = msgspec.msgpack.Encoder()


class Scratch:
    """An empty state, which notes whether anybody asked."""

    def __init__(self) -> None:
        self.asked = False
        self._values: dict[bytes, bytes] = {}
        self._derived: object = None

    @property
    def version(self) -> int:
        self.asked = True
        return 0

    @property
    def derived(self) -> object:
        self.asked = True
        return self._derived

    @derived.setter
    def derived(self, made: object) -> None:
        self._derived = made

    def get(self, key: bytes) -> bytes | None:
        self.asked = True
        return self._values.get(key)

    def put(self, key: bytes, value: bytes) -> None:
        self.asked = True
        self._values[key] = value

    def delete(self, key: bytes) -> None:
        self.asked = True
        self._values.pop(key, None)

    def scan(self, prefix: bytes, start: bytes) -> Iterator[tuple[bytes, bytes]]:
        self.asked = True
        for key in sorted(key for key in self._values if key.startswith(prefix) and key >= start):
            yield key, self._values[key]


def attempt(stages: Mapping[StageName, Stage[Any]], request: Request) -> Answer:
    """What a stage makes of one input, alone and on an empty state. Raises MemoryError, and nothing else."""
    one: Any = (_documents if request.stage is StageName.PARSE else _values).decode(request.input)
    scratch = Scratch()
    try:
        outputs = stages[request.stage].handle([one], scratch, request.now)
    except MemoryError:
        raise
    except Exception as error:
        return Answer(error=f"{type(error).__name__}: {error}")
    return Answer(None if scratch.asked else outputs)


def serve(
    stages: Mapping[StageName, Stage[Any]],
    sample: RawDocument,
    requests: BinaryIO,
    answers: BinaryIO,
    *,
    seconds: float,
    memory_bytes: int,
) -> None:
    """Try inputs until the pipe ends. `sample` goes through all stages first: a child that cannot work blames nobody.

    What takes longer than `seconds`, or more than `memory_bytes` beyond what the sample took, ends the process.
    """
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000")  # where memory ends all the same, not the worker
    _try_sample(stages, sample)
    _limit_memory(memory_bytes)
    watchdog = Watchdog(seconds)
    send(answers, _pack.encode(Answer()))
    while (request := receive(requests)) is not None:
        _limit_processor(seconds)
        with watchdog.over():
            answer = attempt(stages, _requests.decode(request))
        send(answers, _pack.encode(answer))


def receive(pipe: BinaryIO) -> bytes | None:
    """The next message; None at the end of the pipe."""
    head = pipe.read(_LENGTH.size)
    if len(head) < _LENGTH.size:
        return None
    (length,) = _LENGTH.unpack(head)
    body = pipe.read(length)
    return body if len(body) == length else None


def send(pipe: BinaryIO, message: bytes) -> None:
    pipe.write(_LENGTH.pack(len(message)))
    pipe.write(message)
    pipe.flush()


def own_pipes() -> tuple[BinaryIO, BinaryIO]:
    """Standard input and output for the messages alone: what anybody prints goes to stderr from here on.

    Signals for the worker's group (Ctrl-C in a terminal) are the worker's: this process ends with its pipe.
    """
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    requests, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    with open(os.devnull, "rb") as nothing:
        os.dup2(nothing.fileno(), 0)
    return requests, answers


def _try_sample(stages: Mapping[StageName, Stage[Any]], sample: RawDocument) -> None:
    """Work a document through all stages, as a worker would: the child is able, and everything is loaded."""
    inputs: list[Any] = [sample]
    for name in StageName:
        outputs = stages[name].handle(inputs, Scratch(), sample.arrival)
        inputs = [output.value for output in outputs]
        if len(inputs) != 1:
            raise RuntimeError(f"{name.value} made {len(inputs)} records of the sample")


def _limit_memory(most: int) -> None:
    """Bound the address space to what there is and `most`, or to what the container has left of its own limit."""
    left = container_memory_left()
    if left is not None:
        most = min(most, max(LEAST_BYTES, left * 4 // 5))
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + most,) * 2)


def _limit_processor(seconds: float) -> None:
    """A bound that holds after the worker's death too, and where the watchdog's thread cannot run."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    most = int(usage.ru_utime + usage.ru_stime + seconds) + _CPU_GRACE
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (most if hard == resource.RLIM_INFINITY else min(most, hard), hard))


def container_memory_left(root: Path = Path("/sys/fs/cgroup")) -> int | None:
    """Bytes until the container's limit (cgroup v2, else v1), its cache of files not counted; None without a limit."""
    for limit, used, cache in (
        ("memory.max", "memory.current", "inactive_file"),
        ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes", "total_inactive_file"),
    ):
        try:
            most, now = int((root / limit).read_text()), int((root / used).read_text())
            stat = (root / limit).with_name("memory.stat").read_text()
        except (OSError, ValueError):  # "max" is no number
            continue
        counted = dict(line.split(" ", 1) for line in stat.splitlines())
        return max(0, most - now + int(counted.get(cache, 0)))
    return None
