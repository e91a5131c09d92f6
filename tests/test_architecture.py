"""Which part of the mill may import which: cli, app -> engine -> stages -> content -> schemas."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import ROOT

STAGES = ("agents.parse", "agents.dedupe", "agents.enrich", "agents.stories")
INTERFACE = ("agents.stage", "agents.deadletters")
BELOW = (*INTERFACE, "agents.content", "schemas")

MAY_IMPORT: dict[str, tuple[str, ...]] = {
    "schemas": (),
    "agents.content": ("schemas",),
    "agents.stage": ("schemas",),
    "agents.deadletters": ("agents.stage", "schemas"),
    **dict.fromkeys(STAGES, BELOW),
    # The engine drives whatever stage it is given: it knows none.
    "agents.engine": (*BELOW, "agents.settings"),
    "agents.settings": ("agents.content", "schemas"),
    "agents.settings_page": ("agents.settings",),
    "agents.sources": (*BELOW, "agents.engine", "agents.samples"),
    "agents.samples": ("agents.sources",),
    "agents.runstate": (*BELOW, "agents.engine"),
    "agents.stages": (*BELOW, *STAGES),
    "agents.pipeline": (*BELOW, "agents.stages", "agents.engine", "agents.runstate", "agents.sources"),
    "agents.run": (*BELOW, "agents.engine", "agents.runstate", "agents.sources", "agents.pipeline"),
    "agents.tried": (*BELOW, "agents.stages", "agents.engine", "agents.settings"),
    "agents.app": (*BELOW, "agents.stages", "agents.engine", "agents.settings", "agents.tried"),
    "agents.demo": (*BELOW, "agents.engine"),
    "agents.cli": ("agents", "schemas"),
}
"""For each part what it may import besides itself. `agents` alone is everything."""

FOREIGN = ("aiokafka", "faust", "mode", "rocksdict", "socket", "asyncio", "os", "pathlib", "time", "random", "logging")
"""What pure modules have no business with: clocks, files, networks, environments."""

PURE = ("schemas.internal", "agents.content", "agents.deadletters", *STAGES)

EFFECTS = {
    "agents.content.chinese": {"pathlib"},  # own data files
    "agents.content.gazetteer": {"pathlib"},
    "agents.content.language": {"pathlib"},
    "agents.content.sites": {"pathlib"},
    "agents.content.sketch": {"pathlib"},
    "agents.content.terms": {"pathlib"},
    "agents.content.text": {"pathlib"},
}


def modules() -> list[str]:
    files = [*(ROOT / "agents").rglob("*.py"), *(ROOT / "schemas").rglob("*.py")]
    return sorted(".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__") for file in files)


def source(module: str) -> Path:
    path = ROOT.joinpath(*module.split("."))
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def imported(module: str) -> Iterator[tuple[str, int]]:
    """Every module that one imports, anywhere in it, and the line."""
    for node in ast.walk(ast.parse(source(module).read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module}:{node.lineno}: imports are absolute"
            assert node.module
            for alias in node.names:
                name = f"{node.module}.{alias.name}"
                yield (name if node.module == "agents" and source(name).exists() else node.module), node.lineno


def within(module: str, package: str) -> bool:
    return module == package or module.startswith(f"{package}.")


def part_of(module: str) -> str | None:
    return next((part for part in MAY_IMPORT if within(module, part)), None)


@pytest.mark.parametrize("module", modules())
def test_arrows(module: str) -> None:
    part = "agents" if module == "agents" else part_of(module)
    assert part, f"{module} has no place yet: say in MAY_IMPORT what it may import"
    allowed = () if part == "agents" else (part, *MAY_IMPORT[part])
    for name, line in imported(module):
        if name != "agents" and (within(name, "agents") or within(name, "schemas")):
            assert any(within(name, each) for each in allowed), f"{module}:{line} imports {name}"


@pytest.mark.parametrize("module", [each for each in modules() if any(within(each, part) for part in PURE)])
def test_pure_modules_have_no_effects(module: str) -> None:
    for name, line in imported(module):
        top = name.partition(".")[0]
        if top not in EFFECTS.get(module, ()):
            assert top not in FOREIGN, f"{module}:{line} imports {name}"
    for node in ast.walk(ast.parse(source(module).read_text("utf-8"))):
        match node:
            case ast.Call(func=ast.Name(id=called)):
                assert called not in {"open", "print", "input"}, f"{module}:{node.lineno} calls {called}()"
            case ast.Call(func=ast.Attribute(attr=called)):
                assert called not in {"now", "utcnow", "today"}, f"{module}:{node.lineno} asks the clock"


def test_every_part_is_there() -> None:
    """A part that was renamed would no longer be looked at."""
    assert [part for part in MAY_IMPORT if not source(part).exists()] == []
