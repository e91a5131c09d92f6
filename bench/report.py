"""Figures as tables: for people on stdout, for programs as JSON."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence

from msgspec import Struct

Cell = str | int | float | None


class Table(Struct, frozen=True):
    """Some figures. The first column is what was measured; units stand in the other columns' names."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    note: str = ""


def show(table: Table) -> None:
    """Print a table as GitHub's Markdown shows one."""
    lines = [[*table.columns], *([_shown(cell) for cell in row] for row in table.rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    print(f"\n### {table.title}")
    for number, line in enumerate(lines):
        first, *others = zip(line, widths, strict=True)
        print(f"| {first[0]:<{first[1]}} | {' | '.join(f'{text:>{width}}' for text, width in others)} |")
        if number == 0:
            print(f"|{'-' * (first[1] + 2)}|{'|'.join('-' * (width + 1) + ':' for _, width in others)}|")
    if table.note:
        print(table.note)


def show_all(tables: Iterable[Table]) -> list[Table]:
    """Print tables as they come, and keep them."""
    kept = []
    for table in tables:
        show(table)
        kept.append(table)
    return kept


def spread(values: Sequence[float]) -> tuple[float, float, float]:
    """Least, median and greatest."""
    return min(values), statistics.median(values), max(values)


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which `share` (0..1) of the values are."""
    ordered = sorted(values)
    return ordered[min(int(len(ordered) * share), len(ordered) - 1)]


def _shown(cell: Cell) -> str:
    if cell is None:
        return ""
    if isinstance(cell, str):
        return cell
    return f"{cell:,.0f}" if abs(cell) >= 100 or isinstance(cell, int) else f"{cell:,.3g}"
