"""Would a program that keeps to an older schema go on working with a newer one, or the other way round?

It knows the part of JSON Schema that the schemas of this project are written in, and refuses any other keyword: a
keyword that is passed over is a break that nobody hears of.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

Schema = dict[str, Any]

_SAID = {"$schema", "$id", "$defs", "title", "description", "default"}
"""What says nothing about which values fit."""

_OBJECT = {"properties", "required"}
_ARRAY = {"items"}
_EXACT = ("format", "pattern")
_LEAST = ("minimum", "minLength")
_MOST = ("maximum", "maxLength")
_KNOWN = {*_SAID, *_OBJECT, *_ARRAY, *_EXACT, *_LEAST, *_MOST, "$ref", "anyOf", "type", "enum"}

_KINDS = {str: "string", bool: "boolean", int: "integer", float: "number", type(None): "null"}


class UnknownKeywordError(Exception):
    """A schema says something that this module cannot compare."""


def output_breaks(old: Schema, new: Schema) -> list[str]:
    """What would break for readers of a record; each is a sentence that begins with the field. Empty where nothing.

    Two kinds of readers: those made for the old schema, which meet new records; and those made for the new one, which
    meet old records, because the topics hold them for as long as ninety days.
    """
    return _unique(
        *_names(old, new),
        *_lost(old, new),
        *_refused(old, new, "written", "readers of the old schema"),
        *_refused(new, old, "written by the last release", "readers of the new schema, and the topic still holds it"),
    )


def input_breaks(old: Schema, new: Schema) -> list[str]:
    """The same for those who write a record: what they wrote by the old schema must be read as before."""
    return _unique(
        *_names(old, new),
        *_lost(old, new),
        *_refused(new, old, "sent by programs of the old schema", "the mill"),
    )


def _unique(*sentences: str) -> list[str]:
    return list(dict.fromkeys(sentences))


def _names(old: Schema, new: Schema) -> Iterator[str]:
    for keyword in ("$id", "title"):
        if old.get(keyword) != new.get(keyword):
            yield f"{keyword}: was {old.get(keyword)!r}, is {new.get(keyword)!r}"


def _lost(old: Schema, new: Schema) -> Iterator[str]:
    """Fields, values and defaults of the old schema that the new one does not have."""
    yield from _lost_at(old, new, _Whole(old), _Whole(new), "")


def _lost_at(old: Schema, new: Schema, in_old: _Whole, in_new: _Whole, path: str) -> Iterator[str]:
    before, after = in_old.by_kind(old), in_new.by_kind(new)
    for kind in sorted(before.keys() & after.keys()):
        was, now = before[kind], after[kind]
        if kind == "object":
            fields, others = was.get("properties", {}), now.get("properties", {})
            for name in fields:
                at = _join(path, name)
                if name not in others:
                    yield f"{at}: is gone"
                    continue
                if _default(fields[name]) != _default(others[name]):
                    yield f"{at}: where it is left out it meant {_default(fields[name])}, now {_default(others[name])}"
                yield from _lost_at(fields[name], others[name], in_old, in_new, at)
        if kind == "array":
            yield from _lost_at(was.get("items", {}), now.get("items", {}), in_old, in_new, f"{path}[]")


def _default(schema: Schema) -> str:
    return json.dumps(schema["default"]) if "default" in schema else "nothing"


def _refused(reader: Schema, writer: Schema, written: str, by: str) -> Iterator[str]:
    """What fits the writer's schema and not the reader's. `written` and `by` say it in sentences."""
    yield from _Reading(_Whole(reader), _Whole(writer), written, by).differences(reader, writer, "")


class _Reading:
    def __init__(self, reader: _Whole, writer: _Whole, written: str, by: str) -> None:
        self._reader = reader
        self._writer = writer
        self._written = written
        self._by = by

    def differences(self, reader: Schema, writer: Schema, path: str) -> Iterator[str]:
        expected, found = self._reader.by_kind(reader), self._writer.by_kind(writer)
        if not expected:
            return  # the reader takes anything
        if not found:
            yield self._say(path, "anything")
            return
        for kind, one in found.items():
            other = expected.get(kind) or (expected.get("number") if kind == "integer" else None)
            if other is None:
                yield self._say(path, kind)
                continue
            yield from self._values(other, one, path)
            if kind == "object":
                yield from self._fields(other, one, path)
            if kind == "array":
                yield from self.differences(other.get("items", {}), one.get("items", {}), f"{path}[]")

    def _values(self, reader: Schema, writer: Schema, path: str) -> Iterator[str]:
        """Lists and limits."""
        if "enum" in reader:
            for value in writer.get("enum", ["any value"]):
                if value not in reader["enum"]:
                    yield self._say(path, json.dumps(value))
        for keyword in _EXACT:
            if keyword in reader and reader[keyword] != writer.get(keyword):
                yield self._say(path, f"another {keyword} than {reader[keyword]}")
        for keyword in _LEAST:
            if keyword in reader and (keyword not in writer or writer[keyword] < reader[keyword]):
                yield self._say(path, f"less than {keyword} {reader[keyword]}")
        for keyword in _MOST:
            if keyword in reader and (keyword not in writer or writer[keyword] > reader[keyword]):
                yield self._say(path, f"more than {keyword} {reader[keyword]}")

    def _fields(self, reader: Schema, writer: Schema, path: str) -> Iterator[str]:
        properties, others = reader.get("properties", {}), writer.get("properties", {})
        for name in reader.get("required", []):
            if name not in writer.get("required", []):
                yield self._say(_join(path, name), "nothing at all")
        for name in sorted(properties.keys() & others.keys()):
            yield from self.differences(properties[name], others[name], _join(path, name))

    def _say(self, path: str, what: str) -> str:
        return f"{path or 'the record'}: {what} may be {self._written}, which {self._by} would not expect"


class _Whole:
    """A schema with the definitions that its references name."""

    def __init__(self, schema: Schema) -> None:
        self._definitions: dict[str, Schema] = schema.get("$defs", {})

    def by_kind(self, schema: Schema) -> dict[str, Schema]:
        """The alternatives of a schema by JSON type; empty where it says nothing, and anything fits."""
        if unknown := schema.keys() - _KNOWN:
            raise UnknownKeywordError(f"{', '.join(sorted(unknown))}: teach schemas/compatibility.py to compare it")
        if "$ref" in schema:
            return self.by_kind(self._definitions[schema["$ref"].removeprefix("#/$defs/")])
        if "anyOf" in schema:
            found: dict[str, Schema] = {}
            for alternative in schema["anyOf"]:
                for kind, one in self.by_kind(alternative).items():
                    if kind in found:
                        raise UnknownKeywordError(f"two alternatives of type {kind}: they cannot be told apart")
                    found[kind] = one
            return found
        if "type" in schema:
            return {schema["type"]: schema}
        return {_KINDS[type(value)]: schema for value in schema.get("enum", [])}


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name
