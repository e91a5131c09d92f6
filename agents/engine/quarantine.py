"""Suspect inputs are tried in a child process before the worker takes what became of them.

The child (`trial.py`) is started for the first suspect input and serves until none is left or it dies. It is a new
program, no fork: this process has threads, a log of its own and open databases.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import selectors
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, BinaryIO, Protocol, cast

import msgspec
from msgspec import Struct

from agents.engine.about import Fields, about_input
from agents.engine.transport import EngineError
from agents.engine.trial import OUT_OF_MEMORY, Answer, Request, receive, send
from agents.stage import Output
from schemas import StageName

log = logging.getLogger(__name__)

START_SECONDS = 60.0
KILL_AFTER_SECONDS = 10.0
"""More than the child's own limit: by that it ends itself, and says where it stood."""

MOST_CHARACTERS = 200
"""Of what a stage raised: the message can hold anything of the document."""

SECRETS = ("FEEDMILL_SASL_PASSWORD",)

_pack = msgspec.msgpack.Encoder()
_answers = msgspec.msgpack.Decoder(Answer)


class Tried(Struct, frozen=True):
    """What became of one input. `fatal` says how it ends its process; None where it does not.

    `outputs` is the stage's result, where that could be had without its state.
    """

    outputs: Sequence[Output] | None = None
    fatal: str | None = None


class Quarantine(Protocol):
    """Where suspect inputs are tried."""

    async def tried(self, stage: StageName, one: Any, now: datetime) -> Tried: ...


class QuarantineError(EngineError):
    """The child cannot work at all: no document is to blame."""


class ChildQuarantine:
    """Tries inputs in a child process. `command` starts one; `seconds` is how long it gives each input.

    An input is condemned when a child does not come to an end with it, or when it ends a child that has tried nothing
    else: one that others have worn out (memory in pieces, a library in a bad state) proves nothing.
    """

    def __init__(self, command: Sequence[str], *, seconds: float) -> None:
        self._command = list(command)
        self._seconds = seconds
        self._turn = threading.Lock()
        self._child: subprocess.Popen[bytes] | None = None
        self._fresh = True
        self.started = 0

    async def tried(self, stage: StageName, one: Any, now: datetime) -> Tried:
        request = _pack.encode(Request(stage, now, msgspec.Raw(_pack.encode(one))))
        return await asyncio.to_thread(self._tried, request, lambda: {"stage": stage.value, **about_input(stage, one)})

    async def rest(self) -> None:
        """End the child, where there is one; the next suspect input starts another."""
        if self._child is not None:
            await asyncio.to_thread(self._rest)

    @property
    def awake(self) -> bool:
        return self._child is not None

    def _tried(self, request: bytes, about: Callable[[], Fields]) -> Tried:
        with self._turn:
            while True:
                if self._child is None:
                    self._start()
                fresh, self._fresh = self._fresh, False
                began = time.monotonic()
                answer = self._ask(request, self._seconds + KILL_AFTER_SECONDS)
                if answer is not None and not answer.error:
                    return Tried(answer.outputs)
                if answer is not None:
                    return Tried(fatal=f"the stage raised {answer.error[:MOST_CHARACTERS]}")
                hung = time.monotonic() - began >= self._seconds
                how = self._end()
                if hung:
                    return Tried(fatal=f"it did not come to an end within {self._seconds:g} s")
                if fresh:
                    return Tried(fatal=f"it ended the process ({how})")
                log.warning(
                    "A child process ended on a suspect input (%s), which is tried again in a new one.",
                    how,
                    extra=about(),
                )

    def _ask(self, request: bytes | None, seconds: float) -> Answer | None:
        """The child's answer; None where it died or gave none in time."""
        child = self._child
        assert child is not None
        assert child.stdin is not None
        assert child.stdout is not None
        answer = b""
        with contextlib.suppress(OSError), selectors.DefaultSelector() as selector:
            if request is not None:
                send(cast(BinaryIO, child.stdin), request)
            selector.register(child.stdout, selectors.EVENT_READ)
            if selector.select(seconds):
                answer = receive(cast(BinaryIO, child.stdout)) or b""
        return _answers.decode(answer) if answer else None

    def _start(self) -> None:
        environment = {name: value for name, value in os.environ.items() if name not in SECRETS}
        self._child = subprocess.Popen(
            self._command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment,
            start_new_session=True,
        )
        self.started += 1
        self._fresh = True
        if self._ask(None, START_SECONDS) is None:
            how = self._end()
            raise QuarantineError(
                f"The child process for suspect records cannot work ({how}); its own words stand above. It needs some "
                "100 MB of memory beside the worker. Without it nobody can say which record ended the last owner, so "
                "nothing was processed. docs/runbooks/crashed-worker.md says what to do."
            )

    def _end(self) -> str:
        """End the child; how it ended, or that it had to be."""
        child, self._child = self._child, None
        assert child is not None
        assert child.stdin is not None
        assert child.stdout is not None
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(1.0)  # its pipe is closed a moment before it can be waited for
        child.kill()
        code = child.wait()
        with contextlib.suppress(OSError):
            child.stdin.close()
        child.stdout.close()
        return _named(code)

    def _rest(self) -> None:
        with self._turn:
            if self._child is not None:
                assert self._child.stdin is not None
                self._child.stdin.close()
                self._end()


def _named(code: int) -> str:
    if code >= 0:
        return "out of memory" if code == OUT_OF_MEMORY else f"exit code {code}"
    try:
        return f"killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"killed by signal {-code}"


__all__ = ["ChildQuarantine", "Quarantine", "QuarantineError", "Tried"]
