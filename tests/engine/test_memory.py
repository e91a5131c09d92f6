from __future__ import annotations

from pathlib import Path

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


NONE_V1 = "9223372036854771712"


@pytest.mark.parametrize(
    ("of", "files", "limit"),
    [
        pytest.param("0::/a/b\n", {"a/b/memory.max": "1000"}, 1000, id="version 2"),
        pytest.param("0::/a/b\n", {"a/b/memory.max": "max"}, None, id="version 2, none"),
        pytest.param("0::/a/b\n", {"a/b/memory.max": "max", "a/memory.max": "500"}, 500, id="of the group above"),
        pytest.param("0::/a/b\n", {"a/b/memory.max": "400", "a/memory.max": "500"}, 400, id="the least counts"),
        pytest.param("0::/\n", {"memory.max": "700"}, 700, id="version 2 in a container"),
        pytest.param("0::/pod/c\n", {"memory.max": "700"}, 700, id="named as the host sees it"),
        pytest.param("4:memory:/a\n0::/\n", {"memory/a/memory.limit_in_bytes": "900"}, 900, id="version 1"),
        pytest.param("4:memory:/a\n", {"memory/a/memory.limit_in_bytes": NONE_V1}, None, id="version 1, none"),
        pytest.param("2:cpu:/a\n", {"memory/a/memory.limit_in_bytes": "900"}, None, id="another controller's group"),
        pytest.param("5:cpu,memory:/\n", {"memory/memory.limit_in_bytes": "800"}, 800, id="two controllers in one"),
        pytest.param("0::/a:b\n", {"a:b/memory.max": "600"}, 600, id="a colon in the name"),
        pytest.param("", {}, None, id="no groups"),
    ],
)
def test_the_memory_limit_of_the_control_group(
    tmp_path: Path, of: str, files: dict[str, str], limit: int | None
) -> None:
    (tmp_path / "cgroup").write_text(of)
    for name, said in files.items():
        (tmp_path / "groups" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "groups" / name).write_text(said + "\n")
    assert memory.memory_limit(tmp_path / "cgroup", tmp_path / "groups") == limit


def test_a_machine_without_control_groups_has_no_limit(tmp_path: Path) -> None:
    assert memory.memory_limit(tmp_path / "cgroup", tmp_path) is None


def test_a_limit_that_cannot_be_read_is_not_taken_for_none(tmp_path: Path) -> None:
    (tmp_path / "cgroup").write_text("0::/\n")
    (tmp_path / "memory.max").write_text("plenty\n")
    with pytest.raises(ValueError, match="plenty"):
        memory.memory_limit(tmp_path / "cgroup", tmp_path)


def test_the_limit_of_this_process_can_be_read() -> None:
    limit = memory.memory_limit()
    assert limit is None or limit > 1 << 20
