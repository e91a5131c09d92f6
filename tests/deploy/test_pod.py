"""The rendered pods really run: the topics job, then a worker, by podman, on a real Kafka.

podman knows Pods, ConfigMaps and claims. So the test makes a Pod of each template as the controllers would, and changes
what this machine has not: the network is the machine's own, and the broker is on it.
"""

from __future__ import annotations

import copy
import http.client
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

import agents
from agents.engine.broker import EmbeddedBroker
from agents.engine.loopback import free_port
from tests.conftest import ROOT
from tests.deploy.containers import Engine, wait_for
from tests.deploy.manifests import Manifest, Rendered, render, tools

pytestmark = [pytest.mark.heavy, pytest.mark.timeout(900)]

IMAGE = f"docker.io/library/feedmill:{agents.__version__}"
POD, CLAIM = "feedmill-0", "state-feedmill-0"

_STATUS = """
import os, pathlib, sys
for folder in pathlib.Path("/proc").glob("[0-9]*"):
    words = (folder / "cmdline").read_bytes().split(b"\\0")
    if sys.argv[1].encode() in words and folder.name != str(os.getpid()):
        print((folder / "status").read_text())
        print((folder / "environ").read_bytes().replace(b"\\0", b"\\n").decode())
        break
"""


class Pods:
    """The manifests of `dev`, on this machine."""

    def __init__(self, engine: Engine, rendered: Rendered, broker: str, folder: Path) -> None:
        self.engine = engine
        self.rendered = rendered
        self.port = free_port()
        self.settings = {"FEEDMILL_BROKER": broker, "FEEDMILL_METRICS_PORT": str(self.port)}
        self._folder = folder

    def template(self, component: str) -> Manifest:
        return dict(self.rendered.pods)[f"Deployment/feedmill-{component}"]

    def pod(self, template: Manifest, name: str, *more: str) -> list[Manifest]:
        """The pod of a template and what it needs; `more` words for its command."""
        template = copy.deepcopy(template)
        spec: dict[str, Any] = template["spec"]
        (container,) = spec["containers"]
        assert container["image"] == IMAGE.removeprefix("docker.io/library/")
        container |= {"image": IMAGE, "imagePullPolicy": "Never"}
        for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
            container.pop(probe, None)  # podman asks by a curl in the image; asked from outside here
        container.pop("ports", None)
        container["args"] = [*container["args"], *more]
        spec["hostNetwork"] = True
        config = copy.deepcopy(self.rendered.one("ConfigMap"))
        config["data"] |= self.settings
        claims = [
            {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": CLAIM}, "spec": one["spec"]}
            for one in self.rendered.workers["spec"]["volumeClaimTemplates"]
            if any(mount["name"] == one["metadata"]["name"] for mount in container["volumeMounts"])
        ]
        if claims:
            spec["volumes"].append({"name": "state", "persistentVolumeClaim": {"claimName": CLAIM}})
        metadata = {"name": name, "labels": template["metadata"]["labels"]}
        return [config, *claims, {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}]

    def play(self, objects: list[Manifest], name: str) -> None:
        file = self._folder / f"{name}.yaml"
        file.write_text(yaml.safe_dump_all(objects))
        self.engine.podman("play", "kube", str(file))

    def log(self, container: str) -> str:
        done = self.engine.podman("logs", container, check=False)
        return done.stdout + done.stderr

    def asks(self, probe: str) -> int:
        """What a probe of the workers' manifest would be answered."""
        return asked(self.rendered.workers["spec"]["template"], probe, self.port)

    def feedmill(self, *words: str) -> subprocess.CompletedProcess[str]:
        command = (sys.executable, "-m", "agents.cli.main", *words)
        environment = {**os.environ, "FEEDMILL_BROKER": self.settings["FEEDMILL_BROKER"]}
        return subprocess.run(command, env=environment, check=False, capture_output=True, text=True)


def asked(template: Manifest, probe: str, port: int) -> int:
    path = template["spec"]["containers"][0][probe]["httpGet"]["path"]
    return get(port, path)[0]


def get(port: int, path: str) -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    except OSError:
        return 0, ""
    finally:
        connection.close()


@pytest.fixture(scope="module")
def pods(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pods]:
    tools()
    engine.make_python()
    version = f"--build-arg=VERSION={agents.__version__}"
    engine.build(IMAGE, ROOT, "--network=host", version, "--build-arg=REVISION=abc", *engine.secrets())
    with EmbeddedBroker() as broker:
        pods = Pods(engine, render("dev"), broker.address, tmp_path_factory.mktemp("pods"))
        job = pods.rendered.one("Job")["spec"]["template"]
        pods.play(pods.pod(job, "feedmill-topics"), "topics")
        assert engine.podman("wait", "feedmill-topics-topics").stdout.strip() == "0", pods.log("feedmill-topics-topics")
        pods.play(pods.pod(pods.rendered.workers["spec"]["template"], POD), "worker")
        try:
            yield pods
        finally:
            engine.podman("pod", "rm", "--all", "--force", check=False)
            engine.podman("volume", "rm", "--force", CLAIM, check=False)


WORKER = f"{POD}-worker"


def test_the_pod_gets_ready_works_and_drains(pods: Pods) -> None:
    assert wait_for(lambda: pods.asks("readinessProbe") == 200, 120), pods.log(WORKER)
    assert (pods.asks("startupProbe"), pods.asks("livenessProbe")) == (200, 200)
    confined(pods)
    assert pods.feedmill("ingest", "samples").returncode == 0
    assert wait_for(lambda: pods.feedmill("ledger").returncode == 0, 120, 2.0), pods.log(WORKER)

    grace = pods.rendered.workers["spec"]["template"]["spec"]["terminationGracePeriodSeconds"]
    pods.engine.podman("stop", "--time", str(grace), WORKER)
    state = pods.engine.inspect(WORKER)["State"]
    assert (state["ExitCode"], state["OOMKilled"]) == (0, False), pods.log(WORKER)

    before = pods.log(WORKER).count("Ready, restored")
    pods.engine.podman("start", WORKER)
    assert wait_for(lambda: pods.asks("readinessProbe") == 200, 120), pods.log(WORKER)
    assert pods.log(WORKER).count("Ready, restored") == before + 1
    assert "was rebuilt" not in pods.log(WORKER), "the state on its volume was of no use"
    assert pods.feedmill("ledger").returncode == 0


WATCHERS = {"lag-exporter": "feedmill_lag_records{", "auditor": "feedmill_ledger_missing 0.0"}


@pytest.mark.parametrize("component", WATCHERS)
def test_a_watchers_pod_shows_its_figures_and_ends_when_told(pods: Pods, component: str) -> None:
    template, port = pods.template(component), free_port()
    (container,) = template["spec"]["containers"]
    pod, name = f"feedmill-{component}-0", f"feedmill-{component}-0-{container['name']}"
    pods.play(pods.pod(template, pod, "--port", str(port)), component)
    assert wait_for(lambda: asked(template, "readinessProbe", port) == 200, 120), pods.log(name)
    assert asked(template, "livenessProbe", port) == 200
    assert WATCHERS[component] in get(port, "/metrics")[1]
    facts = kernels_view(pods, name, container["args"][0])
    assert facts["Uid"].split() == ["10001"] * 4
    assert_writable(pods, name, {"/": False, "/opt/feedmill": False, "/tmp": True})

    pods.engine.podman("stop", "--time", str(template["spec"]["terminationGracePeriodSeconds"]), name)
    state = pods.engine.inspect(name)["State"]
    assert (state["ExitCode"], state["OOMKilled"]) == (0, False), pods.log(name)


def confined(pods: Pods) -> None:
    facts = kernels_view(pods, WORKER, "worker")
    assert facts["FEEDMILL_GROUP_INSTANCE_ID"] == POD
    assert facts["Uid"].split() == ["10001"] * 4
    assert_writable(pods, WORKER, {"/": False, "/opt/feedmill": False, "/tmp": True, "/var/lib/feedmill": True})


def kernels_view(pods: Pods, container: str, command: str) -> dict[str, str]:
    """What the kernel says of a container's process, not what the manifest asks for, and its environment."""
    told = pods.engine.podman("exec", container, "python3", "-c", _STATUS, command).stdout
    facts = dict(line.split(":\t", 1) for line in told.splitlines() if ":\t" in line)
    assert facts["Gid"].split() == ["10001"] * 4
    assert int(facts["CapBnd"], 16) == int(facts["CapEff"], 16) == 0, "it could gain some"
    assert facts["NoNewPrivs"] == "1"
    assert facts["Seccomp"] == "2"
    return facts | dict(line.split("=", 1) for line in told.splitlines() if line.startswith("FEEDMILL_"))


def assert_writable(pods: Pods, container: str, folders: dict[str, bool]) -> None:
    mounts = pods.engine.podman("exec", container, "cat", "/proc/mounts").stdout.splitlines()
    (root,) = [line.split() for line in mounts if line.split()[1] == "/"]
    assert "ro" in root[3].split(","), "its user may not write there; that nobody may is another matter"
    for folder, writable in folders.items():
        done = pods.engine.podman("exec", container, "sh", "-c", f"touch {folder}/.tried", check=False)
        assert (done.returncode == 0) is writable, f"{folder}: {done.stderr}"
