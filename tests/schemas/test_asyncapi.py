"""schemas/asyncapi.yaml: current, complete, and accepted by AsyncAPI's own parser."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from agents.engine.topics import Naming, topic_table
from schemas.generate import FOLDER
from tests.conftest import IN_CI, ROOT
from tests.schemas.fitting import problems
from tools.asyncapi import PATH, document, render

PROGRAM = ROOT / "tools" / "node"
INSTALLED = ROOT / "build" / "asyncapi"
"""Where npm puts the parser: once, as the lock says."""


def test_the_file_is_current() -> None:
    assert PATH.read_text("utf-8") == render(), "run: make schemas"


def test_every_public_topic_is_a_channel() -> None:
    table = topic_table(Naming("{prefix}"), partitions=1, replication=1)
    addresses = {channel["address"] for channel in document()["channels"].values()}
    assert addresses == {spec.name for spec in table if not spec.internal}


def test_only_raw_documents_are_received() -> None:
    actions = {operation["channel"]["$ref"]: operation["action"] for operation in document()["operations"].values()}
    assert [channel for channel, action in actions.items() if action == "receive"] == ["#/channels/raw"]
    assert len(actions) == 4


@pytest.mark.parametrize("message", document()["components"]["messages"])
def test_the_examples_fit_their_message(message: str) -> None:
    """AsyncAPI's parser does not look at them where the schema is another file."""
    described = document()["components"]["messages"][message]
    examples = described.get("examples", [])
    assert examples or message == "retraction"
    for example in examples:
        for part in ("headers", "payload"):
            if part in example:
                assert problems(_schema(described[part]), example[part]) == []


def _schema(described: dict[str, Any]) -> dict[str, Any]:
    if "$ref" not in described:
        return described
    schema: dict[str, Any] = json.loads((PATH.parent / described["$ref"]).read_text())
    return schema


@pytest.fixture(scope="module")
def parser() -> list[str]:
    """The command that parses a file; it prints what it finds and ends with 1 where that is anything."""
    missing = [program for program in ("node", "npm") if shutil.which(program) is None]
    if missing:
        why = f"AsyncAPI's parser DID NOT RUN: {' and '.join(missing)} not found (apt install nodejs npm)"
        if IN_CI:
            pytest.fail(why)
        pytest.skip(why)
    lock = (PROGRAM / "package-lock.json").read_bytes()
    if not (INSTALLED / "complete").exists() or (INSTALLED / "complete").read_bytes() != lock:
        shutil.rmtree(INSTALLED, ignore_errors=True)
        shutil.copytree(PROGRAM, INSTALLED)
        command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
        fetched = subprocess.run(
            command, cwd=INSTALLED, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
        )
        if fetched.returncode:  # a registry that is away says nothing about this file
            pytest.skip(f"AsyncAPI's parser DID NOT RUN: npm could not fetch it: {fetched.stderr[-500:]}")
        (INSTALLED / "complete").write_bytes(lock)
    return ["node", str(INSTALLED / "parse.mjs")]


def parsed(parser: list[str], path: Path) -> tuple[int, str]:
    done = subprocess.run([*parser, str(path)], capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, done.stdout + done.stderr


@pytest.mark.heavy
def test_the_parser_accepts_it(parser: list[str]) -> None:
    assert parsed(parser, PATH) == (0, "")


@pytest.mark.heavy
@pytest.mark.parametrize(
    ("was", "becomes"),
    [
        pytest.param('action: "receive"', 'action: "swallow"', id="no such action"),
        pytest.param("#/components/messages/item", "#/components/messages/atom", id="no such message"),
        pytest.param("generated/item.schema.json", "generated/atom.schema.json", id="no such schema"),
        pytest.param('  title: "feedmill"\n', "", id="without a title"),
        pytest.param("partitions: 16", 'partitions: "many"', id="a binding of another type"),
        pytest.param('address: "{prefix}.raw"', 'address: "{other}.raw"', id="a parameter that is not explained"),
    ],
)
def test_the_parser_can_refuse(parser: list[str], tmp_path: Path, was: str, becomes: str) -> None:
    shutil.copytree(FOLDER, tmp_path / FOLDER.name)
    spoilt = tmp_path / PATH.name
    assert was in PATH.read_text("utf-8")
    spoilt.write_text(PATH.read_text("utf-8").replace(was, becomes), encoding="utf-8")
    code, told = parsed(parser, spoilt)
    assert code == 1
    assert told


def test_its_lock_names_hashes_and_no_address() -> None:
    lock = json.loads((PROGRAM / "package-lock.json").read_text())
    packages = {name: one for name, one in lock["packages"].items() if name}
    assert len(packages) > 100
    for name, one in packages.items():
        assert "resolved" not in one, name
        assert one["integrity"].startswith("sha512-"), name
