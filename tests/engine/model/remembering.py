"""Stages that remember: the same input on the same state gives the same outputs, so it is worked out once.

A stage is a pure function of an input and of what it reads from its state (contract, promise 3). Most histories
consist of the same few thousand documents. What a real stage asked of the state, and what it made of the answers,
is kept as a tree: the same questions with the same answers lead to the same outputs and changes. Some histories are
played with the bare stages (`history.py`), and one test compares both.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from agents.stage import Output, Stage, State
from schemas import DeadLetterCode, StageName

MOST = 60_000
"""Inputs that are remembered; some 200 MB."""

Change = tuple[bytes, bytes | None]


class Question:
    """A key that the stage asks for, and what follows for each answer."""

    __slots__ = ("answers", "key")

    def __init__(self, key: bytes) -> None:
        self.key = key
        self.answers: dict[bytes | None, Question | Result] = {}


class Result:
    __slots__ = ("changes", "outputs")

    def __init__(self, outputs: list[Output], changes: list[Change]) -> None:
        self.outputs = outputs
        self.changes = changes


class Watched:
    """A state that notes what it was asked, and keeps the changes back."""

    def __init__(self, state: State) -> None:
        self._state = state
        self.derived: object = None
        self.asked: dict[bytes, bytes | None] = {}
        self.changes: dict[bytes, bytes | None] = {}

    def get(self, key: bytes) -> bytes | None:
        if key in self.changes:
            return self.changes[key]
        if key not in self.asked:
            self.asked[key] = self._state.get(key)
        return self.asked[key]

    @property
    def version(self) -> int:
        return self._state.version

    def scan(self, prefix: bytes, start: bytes) -> Iterator[tuple[bytes, bytes]]:
        """What is found so cannot be noted as an answer: nothing may be there."""
        assert not list(self._state.scan(prefix, start))
        return iter(())

    def put(self, key: bytes, value: bytes) -> None:
        self.changes[key] = value

    def delete(self, key: bytes) -> None:
        self.changes[key] = None


class Remembering:
    """A stage around a stage."""

    def __init__(self, stage: Stage[Any]) -> None:
        self.name: StageName = stage.name
        self.stage = stage
        self.worked = 0
        self.remembered = 0
        self._known: dict[Any, Question | Result] = {}

    def prepare(self, state: State) -> Iterator[None]:
        yield from ()

    def handle(self, batch: Sequence[Any], state: State, now: datetime) -> list[Output]:
        outputs: list[Output] = []
        for one in batch:
            result = self._recall(one, state) or self._work(one, state, now)
            for key, value in result.changes:
                if value is None:
                    state.delete(key)
                else:
                    state.put(key, value)
            outputs.extend(result.outputs)
        return outputs

    def refused(self, output: Output, code: DeadLetterCode, message: str, now: datetime) -> Output:
        return self.stage.refused(output, code, message, now)

    def condemned(self, one: Any, code: DeadLetterCode, message: str, now: datetime) -> Output:
        return self.stage.condemned(one, code, message, now)

    def _recall(self, one: Any, state: State) -> Result | None:
        node = self._known.get(one)
        while isinstance(node, Question):
            node = node.answers.get(state.get(node.key))
        if node is not None:
            self.remembered += 1
        return node

    def _work(self, one: Any, state: State, now: datetime) -> Result:
        self.worked += 1
        watched = Watched(state)
        result = Result(self.stage.handle([one], watched, now), list(watched.changes.items()))
        if self.worked % MOST == 0:
            self._known.clear()
        self._learn(one, watched.asked, result)
        return result

    def _learn(self, one: Any, asked: Mapping[bytes, bytes | None], result: Result) -> None:
        if not asked:
            self._known[one] = result
            return
        (first, answer), *rest = asked.items()
        node = self._known.setdefault(one, Question(first))
        for key, following in rest:
            assert isinstance(node, Question)
            node = node.answers.setdefault(answer, Question(key))
            answer = following
        assert isinstance(node, Question)
        node.answers[answer] = result
