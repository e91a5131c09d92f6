from __future__ import annotations

import pytest

from agents.engine import memory


@pytest.mark.parametrize(
    ("seconds", "trims"),
    [
        pytest.param([0.0], 0, id="just started"),
        pytest.param([0.0, 0.1, 0.2], 0, id="idle"),
        pytest.param([0.0, 1.0], 1, id="worked"),
        pytest.param([0.0, 1.0, 1.1], 1, id="worked, then idle"),
        pytest.param([0.0, 1.0, 2.0], 2, id="works on"),
        pytest.param([0.0, 0.3, 0.6], 1, id="worked little by little"),
    ],
)
def test_what_is_free_is_given_back_after_work(
    seconds: list[float], trims: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    monkeypatch.setattr(memory, "_glibc", lambda name: asked.append)
    times = iter(seconds)
    spare = memory.Spare(lambda: next(times))
    for _ in seconds[1:]:
        spare.give_back()
    assert asked == [0] * trims


def test_without_glibc_nothing_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "_glibc", lambda name: None)
    times = iter([0.0, 10.0])
    memory.bound_malloc()
    memory.Spare(lambda: next(times)).give_back()


def test_this_malloc_takes_it() -> None:
    times = iter([0.0, 10.0])
    memory.Spare(lambda: next(times)).give_back()
