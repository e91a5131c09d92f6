"""The demo's progress: a live table on a terminal, a line every two seconds elsewhere."""

from __future__ import annotations

import time
from collections import deque
from types import TracebackType
from typing import Self

from msgspec import Struct
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from agents.demo.gauges import DEAD_LETTER, DUPLICATE, ITEM, Sums
from schemas import StageName

PLAIN_SECONDS = 2.0
_RATE_SECONDS = 5.0  # the span that the shown rate is taken over
_PASSED_ON = "passed-on"


class Progress(Struct, frozen=True):
    """One moment of the demo. `documents` is None until all are published."""

    seconds: float
    workers: int
    published: int
    documents: int | None
    sums: Sums


class Display:
    """Shows progress; `tell` writes a line that stays."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live = Live(console=console, auto_refresh=False) if console.is_terminal else None
        self._before: deque[tuple[float, int]] = deque()
        self._said = -PLAIN_SECONDS
        self._last: Progress | None = None

    def __enter__(self) -> Self:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()
        elif self._last is not None:
            self._console.print(self._line(self._last), soft_wrap=True)

    def show(self, progress: Progress) -> None:
        if not progress.sums.outcomes:
            self._before.clear()  # what went before the first outcome is no part of the rate
        self._before.append((time.monotonic(), progress.sums.outcomes))
        while self._before[-1][0] - self._before[0][0] > _RATE_SECONDS:
            self._before.popleft()
        if self._live is not None:
            self._live.update(self._table(progress), refresh=True)
        elif progress.seconds - self._said >= PLAIN_SECONDS:
            self._said = progress.seconds
            self._console.print(self._line(progress), soft_wrap=True)
            self._last = None
        else:
            self._last = progress

    def tell(self, line: str) -> None:
        self._console.print(line, soft_wrap=True)

    def _rate(self) -> float:
        (since, least), (now, most) = self._before[0], self._before[-1]
        return (most - least) / (now - since) if now > since else 0.0

    def _line(self, progress: Progress) -> str:
        sums = progress.sums
        items, duplicates, letters = (sums.ended(outcome) for outcome in (ITEM, DUPLICATE, DEAD_LETTER))
        done = f"{items:,} items ({_grouped(sums)}), {duplicates:,} duplicates, {letters:,} dead letters"
        return (
            f"{progress.seconds:5.1f} s  workers {sums.ready}/{progress.workers} ready  "
            f"published {_of(progress.published, progress.documents)}  entries done {sums.outcomes:,}: {done}  "
            f"{self._rate():,.0f}/s  lag {_known(sums.behind)}"
        )

    def _table(self, progress: Progress) -> RenderableType:
        sums = progress.sums
        table = Table(box=None, padding=(0, 1), header_style="dim", pad_edge=False)
        table.add_column("stage", width=9)
        for name in ("taken", "passed on", "items", "duplicates", "dead letters", "lag"):
            table.add_column(name, justify="right", no_wrap=True, min_width=8)
        for stage in StageName:
            became = [sums.became[stage.value, what] for what in (_PASSED_ON, ITEM, DUPLICATE, DEAD_LETTER)]
            figures = [sums.taken[stage.value], *became, None if sums.lag is None else sums.lag[stage.value]]
            table.add_row(stage.value, *("·" if figure == 0 else _known(figure) for figure in figures))
        head = Text(no_wrap=True, overflow="ellipsis")
        head.append(f"{progress.seconds:.0f} s", "bold")
        head.append(f"  workers {sums.ready}/{progress.workers} ready  ")
        head.append(f"{_of(progress.published, progress.documents)} documents published  ")
        head.append(f"{sums.outcomes:,} entries done, {self._rate():,.0f}/s")
        return Group(head, table, Text(f"{_grouped(sums)} among the items", "dim"))


def _of(published: int, documents: int | None) -> str:
    return f"{published:,}" if documents is None else f"{published:,}/{documents:,}"


def _grouped(sums: Sums) -> str:
    return f"{sums.stories:,} stories, {sums.copies:,} reprints"


def _known(figure: int | None) -> str:
    return "–" if figure is None else f"{figure:,}"
