"""The stacks of a worker that is asked where it stands."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Generator
from pathlib import Path
from typing import Any

from agents.engine.stacks import write_stacks


async def _commit(password: str) -> None:
    await asyncio.Event().wait()
    raise AssertionError(password)


class _Batches:
    """Awaited by `__await__`, and iterated over, as Faust does with its actors."""

    def __await__(self) -> Generator[Any, None, None]:
        return self._all().__await__()

    async def _all(self) -> None:
        async for _ in self._each():
            raise AssertionError

    async def _each(self) -> AsyncIterator[None]:
        await _commit("a secret that is not written")
        yield


async def _work() -> None:
    await _Batches()


def test_each_task_is_followed_to_what_it_waits_for(tmp_path: Path) -> None:
    async def asked() -> None:
        task = asyncio.create_task(_work(), name="dedupe/1")
        await asyncio.sleep(0)
        with (tmp_path / "stacks").open("w") as out:
            write_stacks(asyncio.get_running_loop(), out)
        task.cancel()

    asyncio.run(asked())
    text = (tmp_path / "stacks").read_text()
    task = text[text.index("Task dedupe/1 ") :].partition("\nTask ")[0]
    assert re.findall(r"in (_\w+): ", task) == ["_work", "_all", "_each", "_commit"]
    assert "await asyncio.Event().wait()" in task
    assert "Current thread" in text
    assert "that is not written" not in text.replace('await _commit("a secret that is not written")', "")
