"""IncrementalAlterConfigs, which aiokafka does not have.

Its AlterConfigs sets back to their defaults all properties that are not named.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import Array, Boolean, Int8, Int16, Int32, Schema, String

SET = 0
"""The operation that gives a property a value."""


class _Response(Response):  # type: ignore[misc]
    API_KEY = 44
    API_VERSION = 0
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        (
            "resources",
            Array(
                ("error_code", Int16),
                ("error_message", String("utf-8")),
                ("resource_type", Int8),
                ("resource_name", String("utf-8")),
            ),
        ),
    )


class _Request(RequestStruct):  # type: ignore[misc]
    API_KEY = 44
    API_VERSION = 0
    RESPONSE_TYPE = _Response
    SCHEMA = Schema(
        (
            "resources",
            Array(
                ("resource_type", Int8),
                ("resource_name", String("utf-8")),
                (
                    "configs",
                    Array(("name", String("utf-8")), ("config_operation", Int8), ("value", String("utf-8"))),
                ),
            ),
        ),
        ("validate_only", Boolean),
    )


class IncrementalAlterConfigs(Request[_Request]):  # type: ignore[misc]
    """`resources`: type, name and properties of each, a property being (name, SET, value)."""

    API_KEY: ClassVar[int] = 44

    def __init__(self, resources: Sequence[Any]) -> None:
        self._resources = resources

    def build(self, request_struct_class: type[_Request]) -> _Request:
        return request_struct_class(list(self._resources), False)
