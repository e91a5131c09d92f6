"""Write docs/guide/settings.md from the settings: `python -m agents.settings_page`."""

from __future__ import annotations

from enum import EnumType
from pathlib import Path
from typing import Any

from pydantic.fields import FieldInfo

from agents.settings import NOT_SETTINGS, Settings, limits, variable

PAGE = Path(__file__).parent.parent / "docs" / "guide" / "settings.md"

HEAD = """\
# Settings

Every setting is an environment variable. They are read and checked when a command starts; one that cannot be used
ends it with code 2 and a sentence that names the variable. Empty variables count as not set. `feedmill check` tells
about variables that begin with `FEEDMILL_` and are no setting, and about what the settings lead to.

This page is written from the code by `python -m agents.settings_page`.

| variable | default | meaning |
|---|---|---|
"""

TAIL = """
Of the embedded broker and the tests, which look at them where they need them:

| variable | meaning |
|---|---|
"""


def render() -> str:
    """The page's text, as it is committed."""
    settings = "".join(_row(name, field) for name, field in Settings.model_fields.items())
    others = "".join(f"| `{name}` | {meaning} |\n" for name, meaning in NOT_SETTINGS.items())
    return HEAD + settings + TAIL + others


def main() -> None:
    PAGE.parent.mkdir(parents=True, exist_ok=True)
    PAGE.write_text(render(), encoding="utf-8")


def _row(name: str, field: FieldInfo) -> str:
    meaning = " ".join(part for part in (field.description, _choices(field), _limits(field)) if part)
    return f"| `{variable(name)}` | {_default(field.default)} | {meaning} |\n"


def _default(value: Any) -> str:
    if value is None or value == ():
        return "not set"
    return f"`{value}`"


def _choices(field: FieldInfo) -> str:
    if isinstance(field.annotation, EnumType):
        return f"One of {', '.join(f'`{choice.value}`' for choice in field.annotation)}."
    return ""


def _limits(field: FieldInfo) -> str:
    between = limits(field)
    return "" if between is None else f"From {between[0]:,} to {between[1]:,}."


if __name__ == "__main__":
    main()
