"""What one process makes of a raw topic; for speed its stateless stages are in children, and the order is the same."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from datetime import UTC, datetime
from itertools import islice
from multiprocessing import get_context

from agents.engine.intake import raw_document
from agents.engine.topics import Naming
from agents.engine.transport import Incoming
from agents.pipeline import Pipeline
from agents.runstate import Changes, RunState
from agents.stage import Output, Topic
from schemas import StageName

BATCH = 8
"""Documents that travel together."""

_NOW = datetime(2000, 1, 1, tzinfo=UTC)  # stamps dead letters, and is left out of every comparison

_pipeline: Pipeline | None = None


class Alone:
    """One mill in one order. Documents of one partition are to come in order; so much of them is held at a time."""

    def __init__(self, naming: Naming, jobs: int = 2) -> None:
        self._pipeline = Pipeline(naming)
        self._state = RunState()
        self._jobs = jobs
        self._pool = ProcessPoolExecutor(jobs, get_context("spawn"), _begin, (naming,))

    def run(self, records: Iterable[Incoming]) -> Generator[tuple[Topic, bytes], None, None]:
        """Every outcome, by topic."""
        reading: deque[Future[list[Output]]] = deque()
        enriching: deque[tuple[Future[list[Output]], Changes]] = deque()
        batches = _batches(records)
        try:
            while True:
                while len(reading) < 2 * self._jobs and (batch := next(batches, None)):
                    reading.append(self._pool.submit(_read, batch))
                while reading and len(enriching) < 2 * self._jobs:
                    enriching.append(self._judged(reading.popleft().result()))
                if not enriching:
                    return
                future, changes = enriching.popleft()
                settled = self._pipeline.settle(future.result(), self._state.of(StageName.STORIES, changes), _NOW)
                self._state.commit(changes, self._state.next + 1)
                for result in settled:
                    if result.value is not None:
                        yield result.role, result.value
        finally:
            self._pool.shutdown(cancel_futures=True)

    def _judged(self, entries: list[Output]) -> tuple[Future[list[Output]], Changes]:
        changes: Changes = {}
        judged = self._pipeline.judge(entries, self._state.of(StageName.DEDUPE, changes), _NOW)
        return self._pool.submit(_enrich, judged), changes


def _batches(records: Iterable[Incoming]) -> Iterator[list[Incoming]]:
    iterator = iter(records)
    while batch := list(islice(iterator, BATCH)):
        yield batch


# --- in the child processes


def _begin(naming: Naming) -> None:
    global _pipeline
    _pipeline = Pipeline(naming)


def _here() -> Pipeline:
    if _pipeline is None:
        raise RuntimeError("the child process was not made ready")
    return _pipeline


def _read(records: Sequence[Incoming]) -> list[Output]:
    return [output for record in records for output in _here().read(raw_document(record), _NOW)]


def _enrich(outputs: Sequence[Output]) -> list[Output]:
    return _here().enrich(outputs, _NOW)
