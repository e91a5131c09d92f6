"""`feedmill check`: what it finds, and what it says to do."""

from __future__ import annotations

import os
import shutil
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from agents.cli import check
from agents.cli.check import Finding, Level
from agents.cli.exits import ExitCode
from agents.cli.main import build
from agents.settings import Settings, load_settings

runner = CliRunner()


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in os.environ:
        if name.startswith("FEEDMILL_"):
            monkeypatch.delenv(name)
    return tmp_path


def found(findings: Callable[[Settings], Iterator[Finding]], **values: object) -> list[Finding]:
    return list(findings(load_settings(**values)))


def test_all_well() -> None:
    done = runner.invoke(build("check"), ["check", "--no-broker"], env={"FEEDMILL_METRICS_PORT": "0"})
    assert done.exit_code == ExitCode.FINE
    assert [line.split(":")[0] for line in done.stdout.splitlines()] == [
        "ok     settings",
        "ok     state folder",
        "ok     metrics",
        "ok     models",
    ]


def test_a_slip_of_the_pen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FEEDMILL_PARTITION", "4")
    done = runner.invoke(build("check"), ["check", "--no-broker"])
    assert done.exit_code == ExitCode.FOUND
    assert "WRONG  settings: FEEDMILL_PARTITION is set" in done.stdout
    assert "Did you mean FEEDMILL_PARTITIONS?" in done.stdout


def test_a_password_is_not_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FEEDMILL_SASL_PASSWORD", "hunter2")
    done = runner.invoke(build("check"), ["check", "--no-broker"])
    assert "FEEDMILL_SASL_PASSWORD" in done.stdout
    assert "hunter2" not in done.stdout


def test_no_broker_is_code_3(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FEEDMILL_BROKER", "127.0.0.1:1")
    monkeypatch.setenv("FEEDMILL_BROKER_WAIT_SECONDS", "0")
    done = runner.invoke(build("check"), ["check"])
    assert done.exit_code == ExitCode.NO_BROKER
    assert "WRONG  broker: " in done.stdout
    assert "127.0.0.1:1" in done.stdout


@pytest.mark.parametrize(
    ("state_dir", "level"),
    [
        pytest.param(".feedmill", Level.FINE, id="not made yet"),
        pytest.param(".", Level.FINE, id="there"),
        pytest.param("file", Level.WRONG, id="a file"),
        pytest.param("file/deeper", Level.WRONG, id="below a file"),
        pytest.param("/proc/mill", Level.WRONG, id="not writable, even for root"),
    ],
)
def test_state_folder(folder: Path, state_dir: str, level: Level) -> None:
    (folder / "file").write_text("x")
    [finding] = found(check.check_state_folder, state_dir=state_dir)
    assert finding.level is level
    assert bool(finding.advice) == (level is Level.WRONG)
    assert sorted(path.name for path in folder.iterdir()) == ["file"], "a check leaves nothing behind"


def test_a_full_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage(".")._replace(free=10 * 1024 * 1024)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
    [finding] = found(check.check_state_folder)
    assert finding.level is Level.WRONG
    assert "10 MiB" in finding.text


def test_models_that_cannot_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> None:
        raise FileNotFoundError("han.txt")

    monkeypatch.setattr("agents.samples.records", missing)
    [finding] = found(check.check_models)
    assert finding.level is Level.WRONG
    assert "han.txt" in finding.text


def test_the_address_of_the_metrics() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        [taken] = found(check.check_metrics, metrics_port=port)
        assert (taken.level, taken.code) == (Level.NOTE, ExitCode.FINE)
        assert "A second worker on one machine needs" in taken.text
    [free] = found(check.check_metrics, metrics_port=port)
    assert free.level is Level.FINE
    for host in ("bogus..x", "host.invalid", "192.0.2.1"):
        [bogus] = found(check.check_metrics, metrics_host=host)
        assert (bogus.level, bogus.code) == (Level.WRONG, ExitCode.FOUND), host
        assert "FEEDMILL_METRICS_HOST" in bogus.text
