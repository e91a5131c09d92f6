"""The alert rules, played by Prometheus' own tool on histories in which they must and must not speak."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.conftest import IN_CI, ROOT

pytestmark = pytest.mark.heavy

FOLDER = ROOT / "deploy" / "prometheus"


@pytest.fixture(scope="module")
def promtool() -> str:
    found = shutil.which("promtool")
    if found is None:
        why = "tests of the alert rules DID NOT RUN: promtool is not there (Debian: apt-get install prometheus)"
        if IN_CI:
            pytest.fail(why)
        pytest.skip(why)
    return found


def run(*command: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, check=False, capture_output=True, text=True)


def test_the_rules_are_rules(promtool: str) -> None:
    checked = run(promtool, "check", "rules", "--lint=all", "--lint-fatal", FOLDER / "rules.yml")
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_they_speak_when_they_should(promtool: str) -> None:
    played = run(promtool, "test", "rules", FOLDER / "rules_test.yml")
    assert played.returncode == 0, played.stdout + played.stderr


@pytest.mark.parametrize(
    ("old", "new"),
    [
        pytest.param("for: 5m", "for: 30m", id="too patient"),
        pytest.param("for: 5m", "for: 0m", id="at once"),
        pytest.param('up{job="feedmill-worker"} == 1', 'up{job="feedmill-worker"}', id="a target that does not answer"),
        pytest.param("> 600", "> 6000", id="a far older record"),
        pytest.param("[10m])) == 0", "[10m])) >= 0", id="whatever is done"),
        pytest.param(',code!="no-entries"', "", id="documents without entries count"),
        pytest.param("> 20\n", "> 1\n", id="a handful is many"),
        pytest.param("> 0.05 *", "> 0.5 *", id="only one in two"),
    ],
)
def test_the_histories_tell_other_rules_apart(promtool: str, tmp_path: Path, old: str, new: str) -> None:
    text = (FOLDER / "rules.yml").read_text()
    assert old in text
    (tmp_path / "rules.yml").write_text(text.replace(old, new))
    shutil.copy(FOLDER / "rules_test.yml", tmp_path)
    assert run(promtool, "test", "rules", tmp_path / "rules_test.yml").returncode != 0
