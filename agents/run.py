"""A run of the pipeline over many documents, in this process or with others for the stateless stages.

Batches of documents go through the four steps in order. With `jobs`, parse and enrich of several batches are
worked on at once in child processes; dedupe and stories stay here, and take the batches in their order: the
results are the same bytes.
"""

from __future__ import annotations

import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from datetime import datetime
from multiprocessing import connection, get_context, parent_process
from typing import Any

from msgspec import Struct

from agents.content.sites import Sites
from agents.engine.topics import Naming
from agents.pipeline import Pipeline, Result
from agents.runstate import Changes, RunState
from agents.sources.records import RawRecord, Read
from agents.stage import Output
from schemas import StageName

BATCH_DOCUMENTS = 32
BATCH_BYTES = 1024 * 1024  # one large document is a batch of its own
AHEAD = 2  # batches a process that wait for their turn: enough that none is idle, few enough to hold in memory

Numbered = tuple[int, Read]


class JobsFailedError(Exception):
    """A child process died; the message is whole sentences."""


class Done(Struct, frozen=True):
    """What became of some documents, in their order. `first` is the number of the first of them."""

    first: int
    documents: int
    results: list[Result]


def run(
    records: Iterable[Read], pipeline: Pipeline, state: RunState, now: datetime, *, jobs: int = 1
) -> Generator[Done, None, None]:
    """Work through records; each `Done` is to be written out before the next is asked for.

    Then only is its state written down: what was interrupted comes again in the next run, whole.
    """
    state.forget_pending()
    if jobs > 1:
        yield from _Crew(records, pipeline, state, now, jobs).run()
        return
    for number, record in enumerate(records, start=state.next):
        changes: Changes = {}
        outputs = pipeline.read_record(record, number, now)
        outputs = pipeline.judge(outputs, state.of(StageName.DEDUPE, changes), now)
        outputs = pipeline.enrich(outputs, now)
        yield Done(number, 1, pipeline.settle(outputs, state.of(StageName.STORIES, changes), now))
        state.commit(changes, number + 1)


class _Batch(Struct):
    numbered: list[Numbered]
    changes: Changes
    step: Future[list[Output]]


class _Crew:
    """The same with child processes: two queues of batches, each in the order of the documents."""

    def __init__(self, records: Iterable[Read], pipeline: Pipeline, state: RunState, now: datetime, jobs: int) -> None:
        self._batches = _batches(enumerate(records, start=state.next))
        self._pipeline = pipeline
        self._state = state
        self._now = now
        self._ahead = jobs * AHEAD
        self._reading: deque[_Batch] = deque()
        self._enriching: deque[_Batch] = deque()
        # spawn: a copy of this process would hold its open store, and its threads' locks
        self._pool = ProcessPoolExecutor(
            jobs,
            mp_context=get_context("spawn"),
            initializer=_begin,
            initargs=(pipeline.naming, pipeline.version, pipeline.sites, now),
        )

    def run(self) -> Iterator[Done]:
        try:
            while self._fill():
                batch = self._enriching.popleft()
                outputs = batch.step.result()
                results = self._pipeline.settle(outputs, self._state.of(StageName.STORIES, batch.changes), self._now)
                first = batch.numbered[0][0]
                yield Done(first, len(batch.numbered), results)
                self._state.commit(batch.changes, first + len(batch.numbered))
        except BrokenProcessPool as error:
            raise JobsFailedError(
                "One of the processes that --jobs started has died; it may have been killed for its memory. "
                "Run again with --jobs 1: the last document named before it dies is the culprit."
            ) from error
        finally:
            self._pool.shutdown(wait=True, cancel_futures=True)

    def _fill(self) -> bool:
        """Keep both queues filled; False when nothing is left."""
        while True:
            while len(self._reading) + len(self._enriching) < 2 * self._ahead:
                if (numbered := next(self._batches, None)) is None:
                    break
                self._reading.append(_Batch(numbered, {}, self._submit(_read, numbered)))
            while self._reading and (self._reading[0].step.done() or not self._enriching):
                self._judge(self._reading.popleft())
            if self._enriching:
                return True
            if not self._reading:
                return False

    def _judge(self, batch: _Batch) -> None:
        outputs = batch.step.result()
        judged = self._pipeline.judge(outputs, self._state.of(StageName.DEDUPE, batch.changes), self._now)
        batch.step = self._submit(_enrich, judged)
        self._enriching.append(batch)

    def _submit(self, work: Callable[[Sequence[Any]], list[Output]], given: Sequence[Any]) -> Future[list[Output]]:
        # A child that is started here must not hear Ctrl-C, from its first instruction on: that is the parent's.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            return self._pool.submit(work, given)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _batches(numbered: Iterable[Numbered]) -> Iterator[list[Numbered]]:
    batch: list[Numbered] = []
    size = 0
    for number, record in numbered:
        body = record.body if isinstance(record, RawRecord) else record.record.body
        if batch and (len(batch) >= BATCH_DOCUMENTS or size + len(body) > BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append((number, record))
        size += len(body)
    if batch:
        yield batch


# --- in the child processes ---

_child: tuple[Pipeline, datetime] | None = None


def _begin(naming: Naming, version: str, sites: Sites | None, now: datetime) -> None:
    """Make this child ready. It ends with its parent, which may be killed and say nothing."""
    global _child
    if parent := parent_process():
        threading.Thread(target=_end_with, args=(parent.sentinel,), daemon=True).start()
    _child = Pipeline(naming, version=version, sites=sites), now


def _end_with(sentinel: int) -> None:
    connection.wait([sentinel])
    os._exit(1)


def _here() -> tuple[Pipeline, datetime]:
    if _child is None:
        raise RuntimeError("the child process was not made ready")
    return _child


def _read(numbered: Sequence[Numbered]) -> list[Output]:
    pipeline, now = _here()
    return [output for number, record in numbered for output in pipeline.read_record(record, number, now)]


def _enrich(outputs: Sequence[Output]) -> list[Output]:
    pipeline, now = _here()
    return pipeline.enrich(outputs, now)
