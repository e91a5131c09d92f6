"""An event loop without clock, sockets or idling: when nothing can run, the world goes on."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine
from contextvars import Context
from typing import Any, TypeVar

T = TypeVar("T")


class Quiet(asyncio.BaseEventLoop):
    """Has its own of what tasks, futures and locks ask of a loop, and needs no more.

    Many times as quick as asyncio's, which asks the operating system between any two steps. A callback that fails is
    a bug of the model and is raised at once.
    """

    def __init__(self) -> None:
        super().__init__()
        self._waiting: deque[tuple[Callable[..., Any], tuple[Any, ...]]] = deque()
        self._tasks: list[asyncio.Task[Any]] = []
        self._handle = asyncio.Handle(print, (), self)  # nobody cancels one here, so one does for all

    def play(self, begin: Callable[[], None], happen: Callable[[], bool]) -> None:
        """Run what can run; whenever everything waits, let one thing happen, until nothing does any more."""
        asyncio.events._set_running_loop(self)
        try:
            begin()
            self._drain()
            while happen():
                self._drain()
        finally:
            asyncio.events._set_running_loop(None)

    def end(self) -> None:
        """Close what still waits, from the outside in. To cancel it would be to run it."""
        asyncio.events._set_running_loop(self)
        try:
            for task in self._tasks:
                if not task.done():
                    coroutine: Any = task.get_coro()
                    coroutine.close()
        finally:
            asyncio.events._set_running_loop(None)
            self._tasks.clear()
            self._waiting.clear()
            self.close()

    def _drain(self) -> None:
        waiting = self._waiting
        while waiting:
            callback, arguments = waiting.popleft()
            callback(*arguments)

    # -- what asyncio asks

    def call_soon(  # type: ignore[override]  # any callback will do
        self, callback: Callable[..., Any], *arguments: Any, context: Context | None = None
    ) -> asyncio.Handle:
        self._waiting.append((callback, arguments))
        return self._handle

    def create_future(self) -> asyncio.Future[Any]:
        return asyncio.Future(loop=self)

    def create_task(  # type: ignore[override]  # its options differ between Python's versions
        self, coroutine: Coroutine[Any, Any, T], **options: Any
    ) -> asyncio.Task[T]:
        task = asyncio.Task(coroutine, loop=self, **options)
        self._tasks.append(task)
        return task

    def get_debug(self) -> bool:
        return False

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """Tasks of the dead are never asked for their results."""


def answer(future: asyncio.Future[Any], with_: Any) -> None:
    """Give a call its answer, or raise it."""
    if isinstance(with_, Exception):
        future.set_exception(with_)
    else:
        future.set_result(with_)


def answered(loop: Quiet, with_: Any) -> asyncio.Future[Any]:
    """A call that has its answer at once."""
    future: asyncio.Future[Any] = asyncio.Future(loop=loop)
    answer(future, with_)
    return future
