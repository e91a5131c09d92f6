"""The Dockerfile and what it may see say what they must; test_stack.py builds and runs it."""

from __future__ import annotations

import json
import re

import agents
from agents.settings import variable
from tests.conftest import ROOT

TEXT = (ROOT / "Dockerfile").read_text()
LINES = re.sub(r"\\\n\s*", "", re.sub(r"(?m)^#.*\n", "", TEXT)).splitlines()
BUILD, FINAL = re.split(r"(?m)^FROM .*\n", "\n".join(LINES))[1:]
IGNORE = (ROOT / ".dockerignore").read_text().splitlines()


def instructions(name: str, stage: str = FINAL) -> list[str]:
    return re.findall(rf"(?m)^{name} (.*)$", stage)


def test_both_stages_stand_on_one_release_of_python() -> None:
    [base] = re.findall(r"(?m)^ARG BASE=(.*)$", TEXT)
    assert re.fullmatch(r"docker\.io/library/python:3\.11\.\d+-slim-bookworm", base)
    assert re.findall(r"(?m)^FROM (.*)$", TEXT) == ["${BASE} AS build", "${BASE}"]


def test_what_is_installed_is_what_is_locked() -> None:
    installs = re.findall(r"pip(?: --python \S+)? install [^&]*", BUILD)
    assert len(installs) == 3
    for install in installs:
        assert ("--require-hashes" in install and "--only-binary=:all:" in install) or (
            "--no-deps" in install and "--no-index" in install
        ), install
    assert "--requirement requirements.lock" in BUILD
    assert "curl" not in TEXT
    assert not re.findall(r"(?m)^ADD ", TEXT)


def test_only_the_environment_goes_into_the_last_stage() -> None:
    assert instructions("COPY") == ["--from=build /opt/feedmill /opt/feedmill"]


def test_it_runs_as_a_number() -> None:
    assert instructions("USER") == ["10001:10001"]
    assert not re.findall(r"(?m)^(RUN|COPY)", FINAL[FINAL.index("USER ") :])


def test_it_is_started_without_a_shell() -> None:
    assert [json.loads(line) for line in instructions("ENTRYPOINT")] == [["feedmill"]]
    assert [json.loads(line) for line in instructions("CMD")] == [["worker"]]
    [check] = instructions("HEALTHCHECK")
    assert json.loads(check[check.index("[") :]) == ["feedmill", "health"]
    assert "--start-period=60s" in check  # docs/guide/health.md


def test_the_state_is_a_volume_of_that_user() -> None:
    assert instructions("VOLUME") == ["/var/lib/feedmill"]
    assert f"{variable('state_dir')}=/var/lib/feedmill" in FINAL
    assert "--owner=10001 --group=10001" in FINAL
    assert FINAL.index("install --directory") < FINAL.index("VOLUME"), "what is made later is not in the volume"


def test_its_labels_have_our_version() -> None:
    assert re.findall(r"(?m)^ARG VERSION=(.*)$", FINAL) == [agents.__version__]
    assert 'org.opencontainers.image.version="${VERSION}"' in FINAL


def test_a_build_sees_only_what_is_named() -> None:
    """By list of what may, not of what may not: the next folder of documents is out without a thought."""
    rules = [line for line in IGNORE if line and not line.startswith("#")]
    assert rules[0] == "**"
    assert {rule[1:] for rule in rules if rule.startswith("!")} == {
        "LICENSE", "README.md", "pyproject.toml", "requirements.lock", "requirements-build.lock", "agents", "schemas",
    }  # fmt: skip
    last = max(number for number, rule in enumerate(rules) if rule.startswith("!"))
    assert set(rules[last + 1 :]) == {"**/__pycache__", "**/*.pyc"}
