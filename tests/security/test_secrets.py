"""The password is in no output: of any command, at debug level, when all is well and when it fails."""

from __future__ import annotations

import base64
import json
import subprocess
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import quote

import pytest

from agents.cli.main import COMMANDS
from tests.security.mill import SecuredMill

AWAY = {"FEEDMILL_BROKER": "127.0.0.1:1", "FEEDMILL_BROKER_WAIT_SECONDS": "1"}
COMMANDS_THAT_CONNECT = [
    ("topics", "check"),
    ("topics", "acls", "worker"),
    ("check",),
    ("ingest", "samples"),
    ("tail", "-n", "1"),
    ("ledger",),
    ("dead-letters", "list"),
    ("explain", "https://news.example/no-such"),
]
# Passwords that a shell, JSON, a repr, an address or a pattern would write in other ways.
PASSWORDS = ("Kranich-und-Möwe'7", 'a"b\\c$(d)%20/e@f', "plain-and-simple-9")


def forms(password: str) -> set[str]:
    raw = password.encode()
    return {
        password, repr(password)[1:-1], json.dumps(password)[1:-1], quote(password, safe=""),
        base64.b64encode(raw).decode(), raw.hex(), ascii(password)[1:-1],
    }  # fmt: skip


def leaks(password: str, outputs: Iterable[str]) -> list[str]:
    return [line for output in outputs for line in output.splitlines() if any(form in line for form in forms(password))]


def told(done: subprocess.CompletedProcess[str]) -> list[str]:
    assert "Traceback" not in done.stderr, done.stderr[-2000:]
    return [done.stdout, done.stderr]


def test_the_search_finds_what_it_looks_for() -> None:
    for password in PASSWORDS:
        for form in forms(password):
            assert leaks(password, [f"line\nlogin {form} failed\n"])
        assert not leaks(password, ["login failed"])


@pytest.mark.parametrize(
    "format", [pytest.param("console", marks=pytest.mark.soak), pytest.param("json", marks=pytest.mark.heavy)]
)
def test_of_a_worker_and_every_command_at_debug_level(mill: SecuredMill, tmp_path: Path, format: str) -> None:
    kafka = mill.kafka
    loud = {"FEEDMILL_LOG_LEVEL": "debug", "FEEDMILL_LOG_FORMAT": format, "FEEDMILL_STATE_DIR": str(tmp_path)}
    assert mill.run(kafka.login("ingest", **loud), "ingest", "samples").returncode == 0
    log = mill.work(kafka.login("worker", **loud), tmp_path / "worker")
    assert "debug" in log
    assert not leaks(kafka.passwords["worker"], [log])
    for command in COMMANDS_THAT_CONNECT:
        outputs = told(mill.run(kafka.login("operator", **loud), *command))
        assert not leaks(kafka.passwords["operator"], outputs), command


@pytest.mark.heavy
@pytest.mark.parametrize("password", PASSWORDS)
def test_of_what_fails(mill: SecuredMill, tmp_path: Path, password: str) -> None:
    """Wrong passwords, a broker that is away, settings that cannot be used, a command that is none."""
    loud = {
        "FEEDMILL_LOG_LEVEL": "debug",
        "FEEDMILL_STATE_DIR": str(tmp_path),
        "FEEDMILL_SASL_PASSWORD": password,
    }
    wrong = mill.kafka.login("operator", **loud)
    runs = [
        (wrong, ("topics", "check")),
        (wrong, ("worker",)),
        (wrong, ("check",)),
        ({**wrong, **AWAY}, ("ingest", "samples")),
        ({**wrong, **AWAY}, ("worker",)),
        ({**wrong, "FEEDMILL_SASL_MECHANISM": password}, ("ledger",)),
        ({**wrong, "FEEDMILL_SSL_CAFILE": "/nowhere"}, ("tail", "-n", "1")),
        ({**wrong, "FEEDMILL_PARTITIONS": "many"}, ("worker",)),
        (wrong, ("no-such-command",)),
    ]
    for access, command in runs:
        done = mill.run(access, *command)
        assert done.returncode != 0
        found = leaks(password, told(done))
        if access["FEEDMILL_SASL_MECHANISM"] != password:  # whoever puts it into another setting reads it there
            assert not found, command


@pytest.mark.heavy
def test_of_help(mill: SecuredMill) -> None:
    access = mill.kafka.login("operator")
    for command in COMMANDS:
        assert not leaks(mill.kafka.passwords["operator"], told(mill.run(access, command.name, "--help")))


@pytest.mark.heavy
def test_of_a_bug_with_the_settings_in_hand(mill: SecuredMill, tmp_path: Path) -> None:
    """A trace shows code, and no values: Python's own has none, and no other is installed."""
    bug = """
import sys, agents.app
from agents.cli.main import main
def broken(settings, *rest): raise RuntimeError(f"bug with {settings!r} {settings}")
agents.app.build_app = broken
sys.argv = ["feedmill", "worker"]
main()
"""
    access = mill.kafka.login("worker", FEEDMILL_STATE_DIR=str(tmp_path), FEEDMILL_LOG_LEVEL="debug")
    done = subprocess.run(
        [mill.python, "-c", bug], env=mill.environment(access), capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode != 0
    assert "bug with" in done.stderr
    assert not leaks(mill.kafka.passwords["worker"], [done.stdout, done.stderr])
