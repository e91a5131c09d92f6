"""The manifests of deploy/k8s: rendered in every combination, valid, and such that a mill would run.

Every check has manifests beside it in which it must find the fault: `mutants.py`.
"""

from __future__ import annotations

import http.client
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest
from prometheus_client import CollectorRegistry

from agents.engine.health import Health
from agents.engine.probes import HealthServer
from tests.deploy import checks
from tests.deploy.checks import CHECKS
from tests.deploy.manifests import COMBINATIONS, OVERLAYS, TOOLS, VALIDATE, Rendered, copied, render, render_in, tools
from tests.deploy.mutants import MONITOR, MUTANTS, SCALED, TOPICS, USER, WORKERS

pytestmark = [pytest.mark.heavy, pytest.mark.timeout(300), pytest.mark.usefixtures("_tools")]

CRDS = Path(__file__).parent / "crds"

CASES = [
    pytest.param(
        overlay, components, inside, id=f"{overlay} {'holds' if inside else 'with'} {'+'.join(components) or '-'}"
    )
    for overlay in OVERLAYS
    for components in COMBINATIONS
    for inside in ((False, True) if components else (False,))
    # What stands in an overlay itself goes after its components: one that names the number of workers, or an own
    # broker, would win over KEDA's and Strimzi's.
    if not inside or not {"keda", "strimzi"} & set(components)
]


@pytest.fixture(scope="module", name="_tools")
def _tools_are_here() -> None:
    tools()


@pytest.mark.parametrize(("overlay", "components", "inside"), CASES)
def test_a_mill_would_run(overlay: str, components: tuple[str, ...], inside: bool) -> None:
    rendered = render(overlay, components, inside=inside)
    assert [fault for check in CHECKS for fault in check(rendered)] == []


def test_the_base_alone_renders_and_fits_together() -> None:
    rendered = render("base")
    assert [fault for check in CHECKS if check is not checks.namespaces for fault in check(rendered)] == []


def test_the_api_would_take_them(tmp_path: Path) -> None:
    """Kubernetes' own schemas, and those of the custom resources; a kind that has neither is a fault."""
    every = [render("base"), *(render(*case.values[:2], inside=case.values[2]) for case in CASES)]
    kinds = {one["kind"] for rendered in every for one in rendered.objects}
    assert {"StatefulSet", "Job", "NetworkPolicy", "KafkaTopic", "KafkaUser", "PodMonitor", "PrometheusRule"} <= kinds
    assert "ScaledObject" in kinds
    assert refused(every, tmp_path) == []


def test_the_probes_paths_are_served() -> None:
    """Asked of a real server, which is what answers in the pod."""
    container = checks.container(render("base").workers["spec"]["template"])
    paths = [container[probe]["httpGet"]["path"] for probe in ("startupProbe", "livenessProbe", "readinessProbe")]
    server = HealthServer("127.0.0.1", 0, CollectorRegistry(), Health())
    server.start()
    try:
        answers = {}
        for path in (*paths, "/metrics", "/health"):
            connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=5)
            connection.request("GET", path)
            answers[path] = connection.getresponse().status
            connection.close()
    finally:
        server.stop()
    assert answers == {"/readyz": 503, "/healthz": 200, "/metrics": 200, "/health": 404}


def test_changed_settings_start_the_workers_again() -> None:
    """The ConfigMap's name follows its content: a changed one is another name in the pod's template."""
    before = render("prod").workers["spec"]["template"]["spec"]["containers"][0]["envFrom"]
    with copied() as k8s:
        change(k8s, "overlays/prod/kustomization.yaml", "FEEDMILL_REPLICATION=3", "FEEDMILL_REPLICATION=5")
        after = render_in(k8s, "prod").workers["spec"]["template"]["spec"]["containers"][0]["envFrom"]
    assert before != after


@pytest.mark.parametrize("name", MUTANTS)
def test_what_is_wrong_is_found(name: str) -> None:
    mutant = MUTANTS[name]
    with copied() as k8s:
        change(k8s, mutant.file, mutant.old, mutant.new)
        assert list(mutant.check(render_in(k8s, "prod", mutant.components)))


def test_every_check_has_found_something() -> None:
    assert {mutant.check for mutant in MUTANTS.values()} == set(CHECKS)


@pytest.mark.parametrize(
    ("file", "old", "new", "says"),
    [
        pytest.param(WORKERS, "podManagementPolicy:", "podManagment:", "podManagment", id="unknown field"),
        pytest.param(WORKERS, "Seconds: 40", "Seconds: forty", "forty", id="no number"),
        pytest.param(SCALED, "pollingInterval", "polingInterval", "polingInterval", id="unknown field of KEDA's"),
        pytest.param(SCALED, 'threshold: "60"', "threshold: 60", "threshold", id="a number where KEDA wants a string"),
        pytest.param(USER, "type: simple", "type: simpel", "simpel", id="not in Strimzi's list"),
        pytest.param(MONITOR, "kind: PodMonitor", "kind: PodMonitr", "no schema", id="unknown kind"),
        pytest.param(
            TOPICS, "kafka.strimzi.io/v1\n", "kafka.strimzi.io/v1beta2\n", "no schema", id="a version that is gone"
        ),
    ],
)
def test_the_api_would_refuse(file: str, old: str, new: str, says: str, tmp_path: Path) -> None:
    with copied() as k8s:
        change(k8s, file, old, new)
        rendered = render_in(k8s, "dev", ("strimzi", "monitoring", "keda"))
    faults = refused([rendered], tmp_path)
    assert any(says in fault for fault in faults), faults


def change(k8s: Path, file: str, old: str, new: str) -> None:
    text = (k8s / file).read_text()
    assert old in text, f"{file} does not hold {old!r} any more: the mutant proves nothing"
    (k8s / file).write_text(text.replace(old, new))


def refused(every: Sequence[Rendered], folder: Path) -> list[str]:
    """What an API server with these custom resources would not take."""
    faults: set[str] = set()
    ours: dict[str, Any] = {}
    for rendered in every:
        for one in rendered.objects:
            if "." in one["apiVersion"].partition("/")[0] and not one["apiVersion"].partition("/")[0].endswith(
                ".k8s.io"
            ):
                faults |= set(_custom(one))
            else:
                ours[json.dumps(one, sort_keys=True)] = one
    files = []
    for number, one in enumerate(ours.values()):
        files.append(folder / f"{number}.json")
        files[-1].write_text(json.dumps(one))
    ran = subprocess.run(
        [sys.executable, VALIDATE, "--strict", *files],
        env={**os.environ, "PYTHONPATH": str(TOOLS)},
        check=False, capture_output=True, text=True,
    )  # fmt: skip
    said = (ran.stdout + ran.stderr).splitlines()
    passed = [line for line in said if line.startswith("INFO") and " passed for resource " in line]
    if ran.returncode != 0 or len(passed) != len(files):
        # It says WARN of a kind that it does not know, and ends with 0.
        faults |= {line for line in said if line not in passed} or {"kubernetes-validate did not look at every file"}
    return sorted(faults)


def _custom(one: dict[str, Any]) -> Iterator[str]:
    kind, version = one["kind"], one["apiVersion"].partition("/")[2]
    schema = CRDS / f"{kind.lower()}_{version}.json"
    if not schema.exists():
        yield f"{one['apiVersion']} {kind}: no schema {schema.name}"
        return
    validator = jsonschema.Draft7Validator(json.loads(schema.read_text()))
    for error in validator.iter_errors(one):
        yield f"{kind}/{one['metadata']['name']}: {error.json_path}: {error.message}"
