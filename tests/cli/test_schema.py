"""`feedmill schema`."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from agents.cli.main import build
from schemas.generate import path_of

runner = CliRunner()


def test_names() -> None:
    done = runner.invoke(build("schema"), ["schema"])
    assert done.stdout.split() == [
        *("item", "feedmill.item.v1"),
        *("duplicate", "feedmill.duplicate.v1"),
        *("dead-letter", "feedmill.dead-letter.v1"),
    ]


@pytest.mark.parametrize("name", ["dead-letter", "feedmill.dead-letter.v1"])
def test_by_either_name(name: str) -> None:
    done = runner.invoke(build("schema"), ["schema", name])
    assert done.stdout == path_of("dead-letter").read_text("utf-8")
    assert json.loads(done.stdout)["title"] == "feedmill.dead-letter.v1"
