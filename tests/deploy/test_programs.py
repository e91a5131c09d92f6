"""The Compose file and the Dockerfile, judged by Compose itself and by hadolint; and that these do judge."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT
from tests.deploy.programs import program

pytestmark = pytest.mark.heavy

COMPOSE = (ROOT / "docker-compose.yml").read_text()
DOCKERFILE = (ROOT / "Dockerfile").read_text()


def compose(*arguments: str, text: str, folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    (folder / "docker-compose.yml").write_text(text)
    return subprocess.run(
        [program("docker-compose"), *arguments],
        cwd=folder,
        env={"PATH": os.environ["PATH"], "HOME": str(folder), **variables},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("profile", ["", "demo", "observability", "demo,observability"])
def test_compose_takes_the_file(profile: str, tmp_path: Path) -> None:
    done = compose("config", "--quiet", text=COMPOSE, folder=tmp_path, COMPOSE_PROFILES=profile)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        pytest.param("    restart: unless-stopped\n", "    restrat: always\n", id="a key that is none"),
        pytest.param("{condition: service_healthy}", "{condition: service_well}", id="a condition that is none"),
        pytest.param("      topics: {condition", "      topic: {condition", id="waits for nobody"),
        pytest.param("  kafka-data:\n", "", id="a volume that is not declared"),
        pytest.param("${WORKERS:-2}", "${WORKERS:-two}", id="no number, once filled in"),
        pytest.param("stop_grace_period: 45s", "stop_grace_period: soon", id="no duration"),
        pytest.param("127.0.0.1:${KAFKA_PORT", "127.0.0.1:port${KAFKA_PORT", id="no port"),
    ],
)
def test_compose_refuses_what_is_wrong(right: str, wrong: str, tmp_path: Path) -> None:
    assert right in COMPOSE
    done = compose("config", "--quiet", text=COMPOSE.replace(right, wrong), folder=tmp_path)
    assert done.returncode != 0
    assert done.stderr


def test_what_the_variables_change(tmp_path: Path) -> None:
    variables = {"WORKERS": "5", "WORKER_MEMORY": "2g", "KAFKA_PORT": "19092", "FEEDMILL_PARTITIONS": "4"}
    done = compose("config", "--format", "json", text=COMPOSE, folder=tmp_path, **variables)
    services: dict[str, Any] = json.loads(done.stdout)["services"]
    deploy = services["worker"]["deploy"]
    assert (deploy["replicas"], deploy["resources"]["limits"]["memory"]) == (5, str(2 * 1024**3))
    assert services["worker"]["environment"]["FEEDMILL_PARTITIONS"] == "4"
    [port] = services["kafka"]["ports"]
    assert (port["host_ip"], port["published"], port["target"]) == ("127.0.0.1", "19092", 9092)
    assert services["kafka"]["environment"]["KAFKA_ADVERTISED_LISTENERS"].endswith("HOST://127.0.0.1:19092")


def hadolint(text: str, folder: Path) -> subprocess.CompletedProcess[str]:
    (folder / "Dockerfile").write_text(text)
    return subprocess.run(
        [program("hadolint"), "--no-color", "Dockerfile"], cwd=folder, capture_output=True, text=True, check=False
    )


def test_hadolint_finds_nothing(tmp_path: Path) -> None:
    done = hadolint(DOCKERFILE, tmp_path)
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.parametrize(
    ("right", "wrong", "rule"),
    [
        pytest.param('CMD ["worker"]', "CMD worker", "DL3025", id="started by a shell"),
        pytest.param("WORKDIR /src", "WORKDIR src", "DL3000", id="a relative folder"),
        pytest.param("USER 10001:10001", "USER root", "DL3002", id="root"),
        pytest.param("${BASE} AS build", "python:latest AS build", "DL3007", id="the latest image"),
    ],
)
def test_hadolint_finds_what_is_wrong(right: str, wrong: str, rule: str, tmp_path: Path) -> None:
    assert right in DOCKERFILE
    done = hadolint(DOCKERFILE.replace(right, wrong), tmp_path)
    assert done.returncode == 1
    assert rule in done.stdout
