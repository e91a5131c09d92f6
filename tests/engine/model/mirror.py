"""A stage that keeps something beside its state, as an index is kept: here a plain copy, that shows every error."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from agents.stage import Output, Stage, State
from schemas import DeadLetterCode

Changes = dict[bytes, bytes | None]


class Mirror:
    """All keys and values of a state, as it was settled, with the last batch's changes beside them."""

    def __init__(self) -> None:
        self.settled: dict[bytes, bytes] = {}
        self.changes: Changes = {}
        self.version = -1
        self.derived: object = None
        """What the stage inside derives."""

    def begin(self, version: int) -> None:
        """Settle the last batch, or take it back where it comes again."""
        if version != self.version:
            _apply(self.changes, self.settled)
            self.version = version
        self.changes = {}

    def differs(self, state: State) -> str | None:
        """What is wrong with it, measured by the state."""
        copy = dict(self.settled)
        if state.version != self.version:
            _apply(self.changes, copy)
        there = dict(state.scan(b"", b""))
        if copy == there:
            return None
        keys = [key.hex() for key in sorted(copy.keys() | there.keys()) if copy.get(key) != there.get(key)]
        return f"what was derived of the state is not what the state says: {', '.join(keys)}"


def _apply(changes: Changes, settled: dict[bytes, bytes]) -> None:
    for key, value in changes.items():
        if value is None:
            settled.pop(key, None)
        else:
            settled[key] = value


class Mirrored:
    """The state with the mirror in front of it."""

    def __init__(self, state: State, mirror: Mirror) -> None:
        self._state = state
        self._mirror = mirror

    @property
    def version(self) -> int:
        return self._state.version

    @property
    def derived(self) -> object:
        return self._mirror.derived

    @derived.setter
    def derived(self, made: object) -> None:
        self._mirror.derived = made

    def get(self, key: bytes) -> bytes | None:
        return self._state.get(key)

    def scan(self, prefix: bytes, start: bytes) -> Iterator[tuple[bytes, bytes]]:
        return self._state.scan(prefix, start)

    def put(self, key: bytes, value: bytes) -> None:
        self._mirror.changes[key] = value
        self._state.put(key, value)

    def delete(self, key: bytes) -> None:
        self._mirror.changes[key] = None
        self._state.delete(key)


class Mirroring:
    """A stage around a stage."""

    def __init__(self, stage: Stage[Any]) -> None:
        self.name = stage.name
        self.stage = stage

    def prepare(self, state: State) -> Iterator[None]:
        mirror = Mirror()
        for key, value in state.scan(b"", b""):
            mirror.settled[key] = value
            yield
        yield from self.stage.prepare(Mirrored(state, mirror))
        state.derived = mirror

    def handle(self, batch: Sequence[Any], state: State, now: datetime) -> list[Output]:
        mirror = state.derived
        if not isinstance(mirror, Mirror):
            raise RuntimeError("the stage was given a batch before it was prepared")
        mirror.begin(state.version)
        if why := mirror.differs(state):
            raise RuntimeError(why)
        return self.stage.handle(batch, Mirrored(state, mirror), now)

    def refused(self, output: Output, code: DeadLetterCode, message: str, now: datetime) -> Output:
        return self.stage.refused(output, code, message, now)

    def condemned(self, one: Any, code: DeadLetterCode, message: str, now: datetime) -> Output:
        return self.stage.condemned(one, code, message, now)
