"""`feedmill schema [NAME]`: the JSON Schema of what others may read."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from agents.cli.exits import CommandError


def register(app: typer.Typer) -> None:
    app.command("schema")(schema)


def schema(
    name: Annotated[
        str | None,
        typer.Argument(help="item, duplicate or dead-letter, or the schema's whole name; without it they are listed."),
    ] = None,
) -> None:
    """Print the JSON Schema of a record."""
    from schemas.generate import PUBLIC, render

    if name is None:
        for short, (full, _) in PUBLIC.items():
            sys.stdout.write(f"{short:<12} {full}\n")
        return
    for short, (full, _) in PUBLIC.items():
        if name in (short, full):
            sys.stdout.write(render(short))
            return
    known = ", ".join(PUBLIC)
    raise CommandError(f"There is no schema called '{name}'. Known are: {known}. `feedmill schema` lists them.")
