"""Whether a value fits a JSON Schema, moments included: without help jsonschema takes any text for a date-time."""

from __future__ import annotations

from typing import Any

from jsonschema import Draft202012Validator, FormatChecker  # type: ignore[import-untyped]

from agents.engine.intake import read_moment

_formats = FormatChecker(formats=())


@_formats.checks("date-time")  # type: ignore[untyped-decorator]
def _is_moment(value: object) -> bool:
    return not isinstance(value, str) or read_moment(value) is not None


def problems(schema: dict[str, Any], value: Any) -> list[str]:
    """What is wrong with a value; empty where it fits."""
    validator = Draft202012Validator(schema, format_checker=_formats)
    return [error.message for error in validator.iter_errors(value)]
