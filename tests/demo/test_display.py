from __future__ import annotations

import io
import time
from collections import Counter

import pytest
from rich.console import Console

from agents.demo.display import Display, Progress
from agents.demo.gauges import Sums


def progress(seconds: float, items: int = 0, lag: Counter[str] | None = None) -> Progress:
    grouped = Counter({"first-report": items, "near-copy": 3, "excerpt": 1, "same-event": 5})
    sums = Sums(1, Counter(parse=7), Counter({("stories", "item"): items}), lag, grouped)
    return Progress(seconds, 2, 5, 9, sums)


def test_without_a_terminal_it_is_plain_lines_seldom_and_the_last_one() -> None:
    out = io.StringIO()
    with Display(Console(file=out, width=80)) as display:
        for seconds in (0.0, 0.5, 1.0, 2.5, 3.0):
            display.show(progress(seconds, int(seconds * 10), Counter(dedupe=2) if seconds > 2 else None))
    lines = out.getvalue().splitlines()
    assert [line.split()[0] for line in lines] == ["0.0", "2.5", "3.0"]
    assert "workers 1/2 ready  published 5/9  entries done 30: 30 items (30 stories, 4 reprints), 0 dup" in lines[-1]
    assert lines[0].endswith("lag –"), "not 0: nobody has read it yet"
    assert lines[-1].endswith("lag 2")
    assert "\x1b" not in out.getvalue()


def test_the_rate_begins_with_the_first_outcome(monkeypatch: pytest.MonkeyPatch) -> None:
    out = io.StringIO()
    with Display(Console(file=out, width=80)) as display:
        for seconds, items in ((0.0, 0), (3.0, 0), (4.0, 0), (6.5, 250)):
            monkeypatch.setattr(time, "monotonic", lambda now=seconds: now)
            display.show(progress(seconds, items))
    assert "  100/s  " in out.getvalue().splitlines()[-1]


def test_on_a_terminal_it_is_one_table_of_80_columns() -> None:
    out = io.StringIO()
    with Display(Console(file=out, width=80, force_terminal=True, color_system=None)) as display:
        display.show(progress(3.0, items=1_234_567))
        display.tell("a line that stays")
    text = out.getvalue()
    assert "duplicates  dead letters" in text
    assert "1,234,567" in text
    assert "1,234,567 stories, 4 reprints among the items" in text
    assert "–" in text
    assert "a line that stays" in text
