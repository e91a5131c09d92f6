"""The image built and the Compose file brought up, with real containers: podman, Compose, Kafka, two workers."""

from __future__ import annotations

import json
import re
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import agents
from agents import samples
from agents.engine.loopback import free_port
from agents.settings import Settings
from tests.conftest import ROOT
from tests.deploy.containers import BASE, Engine, wait_for
from tests.deploy.test_compose import OURS, SERVICES, seconds

pytestmark = [pytest.mark.heavy, pytest.mark.timeout(1500)]

IMAGE = f"docker.io/library/feedmill:{agents.__version__}"
ADDED_MB = 230
"""What we may add to the base image; 188 were measured."""

HARDENED = ("--read-only", "--cap-drop=all", "--security-opt=no-new-privileges", "--tmpfs=/tmp:size=64m")

_PROCESS = """
import os, pathlib
for folder in pathlib.Path("/proc").glob("[0-9]*"):
    if b"/feedmill\\0" in (folder / "cmdline").read_bytes() and int(folder.name) > 1:
        print((folder / "status").read_text())
        break
"""


@pytest.fixture(scope="module")
def image(engine: Engine) -> str:
    """Ours, built from this folder as a developer builds it."""
    engine.make_python()
    began = time.monotonic()
    version = f"--build-arg=VERSION={agents.__version__}"
    engine.build(IMAGE, ROOT, "--network=host", version, "--build-arg=REVISION=abc", *engine.secrets())
    sys.stderr.write(f"\nimage: built in {time.monotonic() - began:.0f} s\n")
    return IMAGE


def inside(engine: Engine, image: str, script: str) -> str:
    return engine.run("--network=none", "--user=0", "--entrypoint=/bin/sh", image, "-c", script).stdout


# -- the image


def test_its_size_is_bounded(engine: Engine, image: str) -> None:
    size, base = (engine.inspect(name)["Size"] / 1e6 for name in (image, BASE))
    sys.stderr.write(f"\nimage: {size:.0f} MB, of which {size - base:.0f} are ours\n")
    assert size - base < ADDED_MB


def test_a_build_sees_no_document_and_no_secret(engine: Engine, image: str, tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text(f"FROM {BASE}\nCOPY . /context\n")
    engine.build("localhost/feedmill-context", ROOT, f"--file={tmp_path / 'Dockerfile'}")
    listed = inside(engine, "localhost/feedmill-context", "cd /context && find . -type f").split("\n")
    engine.podman("rmi", "localhost/feedmill-context")
    files = [Path(line) for line in listed if line]
    assert {file.parts[0] for file in files} == {
        "LICENSE", "README.md", "pyproject.toml", "requirements.lock", "requirements-build.lock", "agents", "schemas",
    }  # fmt: skip
    assert (ROOT / "tests").is_dir()  # so that something was there to be left out
    assert not [file for file in files if file.suffix == ".pyc"]


def test_it_has_nothing_to_build_with(engine: Engine, image: str) -> None:
    found = inside(engine, image, "command -v pip pip3 gcc cc make uv; true")
    assert found == ""
    for module in ("pip", "ensurepip", "setuptools"):
        for python in ("python3", "/opt/feedmill/bin/python"):
            told = inside(engine, image, f"{python} -c 'import {module}' 2>&1; true")
            assert told.endswith(f"ModuleNotFoundError: No module named '{module}'\n")
    assert inside(engine, image, "find / -xdev -type f -perm /6000") == ""
    assert inside(engine, BASE, "find / -xdev -type f -perm /6000"), "there were some to take away"


def test_nobody_can_change_the_program(engine: Engine, image: str) -> None:
    assert inside(engine, image, "find /opt/feedmill ! -user 0 -o -perm /022 ! -type l") == ""
    assert inside(engine, image, "stat --format '%u %g %a' /var/lib/feedmill") == "10001 10001 750\n"


def test_its_files_name_one_date(engine: Engine, image: str) -> None:
    """And no time of the build: the same sources give the same bytes."""
    assert inside(engine, image, "cd /opt/feedmill && find bin lib -printf '%TY\\n' | sort -u") == "1980\n"
    flags = "import sys; print(open(sys.argv[1], 'rb').read(8)[4])"  # bit 0: by hash; bit 1: look at the source
    file = "/opt/feedmill/lib/python3*/site-packages/agents/__pycache__/app.*.pyc"
    assert inside(engine, image, f'python3 -c "{flags}" {file}') == "1\n"


def test_what_it_says_of_itself(engine: Engine, image: str) -> None:
    config = engine.inspect(image)["Config"]
    assert config["User"] == "10001:10001"
    assert config["Labels"]["org.opencontainers.image.version"] == agents.__version__
    assert config["Labels"]["org.opencontainers.image.revision"] == "abc"
    check = engine.inspect(image).get("Healthcheck") or config.get("Healthcheck")  # podman's place, Docker's
    assert check
    assert check["Test"] == ["CMD", "feedmill", "health"]


def test_the_whole_pipeline_under_a_read_only_root(engine: Engine, image: str) -> None:
    done = engine.run(*HARDENED, "--network=none", image, "process", "samples")
    results = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(results) > len(samples.records())
    checked = engine.run(*HARDENED, "--network=none", image, "check", "--no-broker")
    assert "WRONG" not in checked.stdout


# -- the stack


@pytest.fixture(scope="module")
def stack(engine: Engine, image: str) -> Iterator[Engine]:
    engine.make_kafka()
    with engine.healthchecks():
        began = time.monotonic()
        try:
            up(engine)
            sys.stderr.write(f"\nstack: up in {time.monotonic() - began:.0f} s\n")
            yield engine
        finally:
            engine.compose("down", "--volumes", "--timeout", "5", check=False)


PORT = str(free_port())


PROMETHEUS_PORT = str(free_port())


def up(engine: Engine, *arguments: str, profile: str = "") -> None:
    never = ("--no-build", "--pull", "never")
    profiles = ("--profile", profile) if profile else ()
    engine.compose(
        *profiles,
        "up",
        "--detach",
        "--wait",
        *never,
        *arguments,
        KAFKA_PORT=PORT,
        PROMETHEUS_PORT=PROMETHEUS_PORT,
        FEEDMILL_PARTITIONS="4",
    )


def volumes(engine: Engine) -> set[str]:
    mounts = [engine.inspect(worker)["Mounts"] for worker in engine.containers("worker")]
    return {mount["Name"] for found in mounts for mount in found if mount["Destination"] == "/var/lib/feedmill"}


def counted(engine: Engine) -> int:
    """Entries that the ledger found whole; 0 while some are on their way."""
    done = engine.compose("exec", "-T", "worker", "feedmill", "ledger", check=False)
    found = re.search(r"(\d+) entries = ", done.stdout)
    return int(found[1]) if found and done.returncode == 0 else 0


def test_up_gives_a_running_mill(stack: Engine) -> None:
    [topics] = stack.containers("topics")
    assert stack.inspect(topics)["State"]["ExitCode"] == 0
    workers = stack.containers("worker")
    assert len(workers) == 2
    for worker in workers:
        assert stack.inspect(worker)["State"]["Running"]
        assert stack.podman("exec", worker, "feedmill", "health").returncode == 0
    assert len(volumes(stack)) == 2, "each has its own"


@pytest.mark.parametrize("service", ["worker", "lag-exporter", "auditor"])
def test_its_containers_can_do_nothing_else(stack: Engine, service: str) -> None:
    limits = {"worker": 1024, "lag-exporter": 192, "auditor": 384}
    for worker in stack.containers(service):
        status = stack.podman("exec", worker, "python3", "-c", _PROCESS).stdout
        words = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
        assert words["Uid"].split() == ["10001"] * 4
        assert {int(words[name], 16) for name in ("CapEff", "CapPrm", "CapBnd")} == {0}
        assert (words["NoNewPrivs"], words["Seccomp"]) == ("1", "2")
        told = stack.podman("exec", worker, "touch", "/opt/feedmill/x", check=False)
        assert "Read-only file system" in told.stderr
        assert stack.inspect(worker)["HostConfig"]["Memory"] == limits[service] * 1024**2


def test_documents_come_out_and_the_ledger_agrees(stack: Engine) -> None:
    stack.compose("--profile", "demo", "up", "--no-build", "--pull", "never", "--no-deps", "samples", KAFKA_PORT=PORT)
    assert wait_for(lambda: counted(stack), 120), stack.logs()
    assert counted(stack) > len(samples.records())


@pytest.fixture
def prometheus(stack: Engine) -> str:
    """The container of the Compose file's Prometheus."""
    stack.make_prometheus(SERVICES["prometheus"]["image"])
    up(stack, "--no-deps", "prometheus", profile="observability")
    [container] = stack.containers("prometheus")
    return container


def test_what_watches_it_is_scraped_and_agrees(stack: Engine, prometheus: str) -> None:
    """By the committed Prometheus configuration, its names resolved as in Compose."""

    def asked(query: str) -> list[float]:
        done = stack.podman(
            "exec", prometheus, "promtool", "query", "instant", "http://localhost:9090", query, check=False
        )
        return [float(found[1]) for found in re.finditer(r"=> (\S+) @", done.stdout)]

    for job, count in (("feedmill-worker", 2), ("feedmill-lag-exporter", 1), ("feedmill-ledger", 1)):
        assert wait_for(lambda: asked(f'up{{job="{job}"}}') == [1.0] * count, 90), stack.logs()  # noqa: B023
    assert wait_for(lambda: asked("feedmill_group_members") == [2.0], 60)
    assert len(asked('feedmill_lag_records{job="feedmill-lag-exporter"}')) == 16, "four stages of four partitions"
    assert asked('sum(feedmill_lag_records{job="feedmill-lag-exporter"})') == [0.0]
    assert asked("feedmill_ledger_missing") == asked("feedmill_ledger_doubled") == [0.0]
    for service in ("lag-exporter", "auditor"):
        [watcher] = stack.containers(service)
        peak = stack.podman("exec", watcher, "python3", "-c", _PROCESS).stdout
        sys.stderr.write(f"\n{service}: {re.search(r'VmHWM.*', peak)[0]}\n")  # type: ignore[index]


@pytest.mark.soak  # a minute; tests/kafka/test_lag_exporter.py has it without containers
def test_without_a_worker_lag_is_still_shown(stack: Engine) -> None:
    """And a stop of what watches is in order, and at once."""
    stack.compose("stop", "worker")
    stack.compose("exec", "-T", "lag-exporter", "feedmill", "ingest", "samples")
    [exporter] = stack.containers("lag-exporter")

    def figure(name: str) -> float:
        script = "import sys, urllib.request as r; sys.stdout.write(r.urlopen(sys.argv[1]).read().decode())"
        shown = stack.podman("exec", exporter, "python3", "-c", script, "http://localhost:9809/metrics").stdout
        return sum(float(line.split()[-1]) for line in shown.splitlines() if line.startswith(f"feedmill_{name}"))

    assert wait_for(lambda: figure("group_members") == 0, 60)
    assert wait_for(lambda: figure("lag_records") > 0, 60)
    up(stack, "--no-deps", "worker")
    assert wait_for(lambda: figure("lag_records") == 0, 120), stack.logs()
    stack.compose("stop", "lag-exporter", "auditor")
    for service in ("lag-exporter", "auditor"):
        [watcher] = stack.containers(service)
        assert stack.inspect(watcher)["State"]["ExitCode"] == 0, stack.logs()


def test_kafka_is_for_this_machine_alone(stack: Engine) -> None:
    [kafka] = stack.containers("kafka")
    [binding] = stack.inspect(kafka)["HostConfig"]["PortBindings"]["9092/tcp"]
    assert (binding["HostIp"], binding["HostPort"]) == ("127.0.0.1", PORT)
    made = stack.podman("exec", kafka, "cat", "/opt/kafka/config/server.properties").stdout
    assert "auto.create.topics.enable=false" in made
    assert "transaction.state.log.replication.factor=1" in made


def test_an_upgrade_keeps_the_state(stack: Engine) -> None:
    """The containers are made anew, as after `docker compose build`: SIGTERM, and the volumes go to the new ones."""
    before, old = volumes(stack), set(stack.containers("worker"))
    up(stack, "--force-recreate", "--no-deps", "worker")
    assert not old & set(stack.containers("worker"))
    assert volumes(stack) == before
    first = counted(stack)
    stack.compose("exec", "-T", "worker", "feedmill", "ingest", "samples")
    assert wait_for(lambda: counted(stack) > first, 120), stack.logs()


def test_a_stop_is_in_order_and_in_time(stack: Engine) -> None:
    """Last: with documents in hand."""
    stack.compose("exec", "-T", "worker", "feedmill", "ingest", "samples")
    began = time.monotonic()
    stack.compose("stop", "worker")
    took = time.monotonic() - began
    for worker in stack.containers("worker"):
        state = stack.inspect(worker)["State"]
        assert (state["ExitCode"], state["OOMKilled"]) == (0, False), stack.logs()
    assert took < seconds(OURS["worker"]["stop_grace_period"])
    sys.stderr.write(f"\nstack: stopped in {took:.1f} s\n")
    assert Settings.model_fields["stop_deadline_seconds"].default < seconds(OURS["worker"]["stop_grace_period"])
