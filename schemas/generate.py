"""Write the JSON Schema files of what crosses the mill's border: `python -m schemas.generate`."""

from __future__ import annotations

import inspect
import json
from pathlib import Path
from typing import Any

import msgspec

from schemas.cloudevents import EVENT_HEADERS_SCHEMA, EventHeaders
from schemas.item import ITEM_SCHEMA, Item
from schemas.outcomes import DEAD_LETTER_SCHEMA, DUPLICATE_SCHEMA, DeadLetter, Duplicate
from schemas.raw import RAW_HEADERS_SCHEMA, RAW_LINE_SCHEMA, RawHeaders, RawLine

HERE = Path(__file__).parent
FOLDER = HERE / "generated"
RELEASED = HERE / "released" / "v1"
"""What the last release promised; `python -m tools.freeze` puts it there."""

Models = dict[str, tuple[str, type[msgspec.Struct]]]

PUBLIC: Models = {
    "item": (ITEM_SCHEMA, Item),
    "duplicate": (DUPLICATE_SCHEMA, Duplicate),
    "dead-letter": (DEAD_LETTER_SCHEMA, DeadLetter),
}
"""Short name -> schema name and model, of every record that others may read."""

HEADERS: Models = {"event-headers": (EVENT_HEADERS_SCHEMA, EventHeaders)}
"""The same of what else they may read: the headers of those records."""

INPUT: Models = {
    "raw-headers": (RAW_HEADERS_SCHEMA, RawHeaders),
    "raw-line": (RAW_LINE_SCHEMA, RawLine),
}
"""The same of what others may write."""

OUTPUT: Models = {**PUBLIC, **HEADERS}
MODELS: Models = {**OUTPUT, **INPUT}


def json_schema(name: str) -> dict[str, Any]:
    """The JSON Schema (2020-12) of one model by its short name; KeyError where there is none."""
    schema_name, model = MODELS[name]
    schema = msgspec.json.schema(model)
    for part in schema["$defs"].values():
        if "description" in part:  # a docstring as it stands in its class
            part["description"] = inspect.cleandoc(part["description"])
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:feedmill:{schema_name}",
        "title": schema_name,
        **schema,
    }


def render(name: str) -> str:
    """The file's text, as it is committed."""
    return json.dumps(json_schema(name), ensure_ascii=False, indent=2) + "\n"


def path_of(name: str, folder: Path = FOLDER) -> Path:
    return folder / f"{name}.schema.json"


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    for name in MODELS:
        path_of(name).write_text(render(name), encoding="utf-8")


if __name__ == "__main__":
    main()
