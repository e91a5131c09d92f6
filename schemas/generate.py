"""Write the JSON Schema files of the public records: `python -m schemas.generate`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec

from schemas.item import ITEM_SCHEMA, Item
from schemas.outcomes import DEAD_LETTER_SCHEMA, DUPLICATE_SCHEMA, DeadLetter, Duplicate

FOLDER = Path(__file__).parent / "generated"

PUBLIC: dict[str, tuple[str, type[msgspec.Struct]]] = {
    "item": (ITEM_SCHEMA, Item),
    "duplicate": (DUPLICATE_SCHEMA, Duplicate),
    "dead-letter": (DEAD_LETTER_SCHEMA, DeadLetter),
}
"""Short name -> schema name and model, of everything that others may read."""


def json_schema(name: str) -> dict[str, Any]:
    """The JSON Schema (2020-12) of one public record by its short name; KeyError where there is none."""
    schema_name, model = PUBLIC[name]
    schema = msgspec.json.schema(model)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:feedmill:{schema_name}",
        "title": schema_name,
        **schema,
    }


def render(name: str) -> str:
    """The file's text, as it is committed."""
    return json.dumps(json_schema(name), ensure_ascii=False, indent=2) + "\n"


def path_of(name: str) -> Path:
    return FOLDER / f"{name}.schema.json"


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    for name in PUBLIC:
        path_of(name).write_text(render(name), encoding="utf-8")


if __name__ == "__main__":
    main()
