"""The workflows and the updates of dependencies: read by the tools that know them, and each tool seen to refuse."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tools.release_check import TOOLS

GITHUB = ROOT / ".github"
WORKFLOWS = sorted((GITHUB / "workflows").glob("*.yml"))

LINTERS = {
    "actionlint": ("actionlint", "-no-color", "-shellcheck=", "-pyflakes="),
    "zizmor": ("zizmor", "--offline", "--persona", "auditor", "--no-progress"),
    "schema": ("check-jsonschema", "--builtin-schema", "vendor.github-workflows"),
    "dependabot": ("check-jsonschema", "--builtin-schema", "vendor.dependabot"),
}


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_every_action_is_pinned_to_a_commit(path: Path) -> None:
    """A tag can be moved to other code; the comment says to people and to Dependabot which release the commit is."""
    used = re.findall(r"uses: (.*)", path.read_text())
    assert used
    for action in used:
        assert re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", action), action


def test_one_action_has_one_pin() -> None:
    pins = {pin for path in WORKFLOWS for pin in re.findall(r"uses: (.*)", path.read_text())}
    assert len({pin.partition("@")[0] for pin in pins}) == len(pins)


def test_updates_are_looked_for_wherever_a_version_is_pinned() -> None:
    text = (GITHUB / "dependabot.yml").read_text()
    found = dict(re.findall(r"package-ecosystem: (\S+)\n    directory: (\S+)", text))
    assert found.keys() == {"pip", "docker", "docker-compose", "github-actions", "maven", "npm"}
    assert (ROOT / found["maven"].lstrip("/") / "pom.xml").exists()
    assert (ROOT / found["npm"].lstrip("/") / "package-lock.json").exists()


@pytest.fixture(scope="module")
def release_tools() -> None:
    subprocess.run(["make", "build/release/installed"], cwd=ROOT, check=True, stdin=subprocess.DEVNULL)


def linted(linter: str, *paths: Path) -> tuple[int, str]:
    program, *options = LINTERS[linter]
    command = [str(TOOLS / program), *options, *map(str, paths)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    return done.returncode, done.stdout + done.stderr


@pytest.mark.heavy
@pytest.mark.parametrize("linter", ["actionlint", "zizmor", "schema"])
def test_the_workflows_are_clean(linter: str, release_tools: None) -> None:
    code, told = linted(linter, *WORKFLOWS)
    assert code == 0, told


@pytest.mark.heavy
@pytest.mark.parametrize("linter", ["zizmor", "dependabot"])
def test_the_updates_are_clean(linter: str, release_tools: None) -> None:
    code, told = linted(linter, GITHUB / "dependabot.yml")
    assert code == 0, told


@pytest.mark.heavy
@pytest.mark.parametrize(
    ("linter", "name", "was", "becomes", "told"),
    [
        pytest.param("actionlint", "workflows/ci.yml", "matrix.python }}", "matrix.pyton }}", "pyton", id="no value"),
        pytest.param("actionlint", "workflows/release.yml", "needs: build", "needs: bild", "bild", id="no such job"),
        pytest.param(
            "zizmor",
            "workflows/release.yml",
            '"$GITHUB_REF_NAME"\n',
            "${{ github.ref_name }}\n",
            "injection",
            id="sh",
        ),
        pytest.param(
            "zizmor", "workflows/ci.yml", "permissions: {}", "permissions: write-all", "permissions", id="all"
        ),
        pytest.param(
            "zizmor", "workflows/ci.yml", "3d3c42e5aac5ba805825da76410c181273ba90b1", "v7", "unpinned", id="a tag"
        ),
        pytest.param(
            "zizmor",
            "workflows/ci.yml",
            "persist-credentials: false",
            "fetch-depth: 1",
            "credential",
            id="login",
        ),
        pytest.param("schema", "workflows/ci.yml", "runs-on: ubuntu-24.04", "", "runs-on", id="nowhere to run"),
        pytest.param("dependabot", "dependabot.yml", "interval: weekly", "interval: often", "often", id="no interval"),
        pytest.param("dependabot", "dependabot.yml", "ecosystem: pip", "ecosystem: pips", "pips", id="no ecosystem"),
        pytest.param(
            "zizmor", "dependabot.yml", "    cooldown:\n      default-days: 7\n", "", "cooldown", id="at once"
        ),
    ],
)
def test_they_can_refuse(
    linter: str, name: str, was: str, becomes: str, told: str, tmp_path: Path, release_tools: None
) -> None:
    shutil.copytree(GITHUB, tmp_path / ".github")
    path = tmp_path / ".github" / name
    text = path.read_text()
    assert was in text
    path.write_text(text.replace(was, becomes))
    code, said = linted(linter, path)
    assert code != 0
    assert told in said
