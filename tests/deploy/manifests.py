"""The manifests of deploy/k8s as the cluster gets them: rendered by kubectl, put together as the guide says."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import yaml

from tests.conftest import IN_CI, ROOT

K8S = ROOT / "deploy" / "k8s"
TOOLS = ROOT / "build" / "kubernetes"
KUBECTL = TOOLS / "bin" / "kubectl"
VALIDATE = TOOLS / "bin" / "kubernetes-validate"

NAMESPACE = "feedmill"
COMPONENTS = ("login", "monitoring", "keda", "strimzi")
OVERLAYS = ("dev", "prod")
COMBINATIONS = (
    (),
    *((name,) for name in COMPONENTS),
    ("monitoring", "keda"),
    ("strimzi", "monitoring", "keda"),
)
"""Components that go onto each overlay, in their order."""

Manifest = dict[str, Any]


def tools() -> None:
    """kubectl and the schemas are no part of the development environment: `make test-all` brings them."""
    if not (TOOLS / "installed").exists():
        why = f"tests of deploy/k8s DID NOT RUN: {KUBECTL} is not there; `make build/kubernetes/installed` brings it"
        if IN_CI:
            pytest.fail(why)
        pytest.skip(why)


class Rendered:
    """All objects of one rendering, by kind."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.objects: list[Manifest] = [found for found in yaml.safe_load_all(text) if found]

    def kind(self, kind: str) -> list[Manifest]:
        return [found for found in self.objects if found["kind"] == kind]

    def one(self, kind: str, name: str | None = None) -> Manifest:
        (found,) = [one for one in self.kind(kind) if name is None or one["metadata"]["name"] == name]
        return found

    @property
    def workers(self) -> Manifest:
        return self.one("StatefulSet")

    @property
    def pods(self) -> Iterator[tuple[str, Manifest]]:
        """Every pod template with the name of what makes pods of it."""
        for found in self.objects:
            if found["kind"] in ("StatefulSet", "Job", "Deployment", "DaemonSet"):
                yield f"{found['kind']}/{found['metadata']['name']}", found["spec"]["template"]

    @property
    def settings(self) -> dict[str, str]:
        """What the worker's container reads from the ConfigMap that it names."""
        container = self.workers["spec"]["template"]["spec"]["containers"][0]
        (source,) = container["envFrom"]
        return dict(self.one("ConfigMap", source["configMapRef"]["name"])["data"])


@lru_cache
def render(overlay: str, components: tuple[str, ...] = (), *, inside: bool = False) -> Rendered:
    """An overlay with components on top of it, as docs/guide/kubernetes.md has it; `inside`: in the overlay itself.

    `overlay` may be `base`.
    """
    with copied() as k8s:
        return render_in(k8s, overlay, components, inside=inside)


def render_in(k8s: Path, overlay: str, components: Sequence[str] = (), *, inside: bool = False) -> Rendered:
    folder = k8s / "base" if overlay == "base" else k8s / "overlays" / overlay
    if components and inside:
        described = yaml.safe_load((folder / "kustomization.yaml").read_text())
        described["components"] = [
            *described.get("components", []),
            *(f"../../components/{name}" for name in components),
        ]
        (folder / "kustomization.yaml").write_text(yaml.safe_dump(described, sort_keys=False))
    elif components:
        own = k8s / "overlays" / "own"
        own.mkdir()
        (own / "kustomization.yaml").write_text(
            yaml.safe_dump(
                {
                    "apiVersion": "kustomize.config.k8s.io/v1beta1",
                    "kind": "Kustomization",
                    "namespace": NAMESPACE,
                    "resources": [os.path.relpath(folder, own)],
                    "components": [f"../../components/{name}" for name in components],
                }
            )
        )
        folder = own
    ran = subprocess.run([KUBECTL, "kustomize", folder], check=False, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    assert "deprecated" not in ran.stderr, ran.stderr
    return Rendered(ran.stdout)


class copied:  # noqa: N801
    """A copy of deploy/k8s that a test may change, with the dashboards beside it, which it takes from there."""

    def __enter__(self) -> Path:
        self._folder = TemporaryDirectory(prefix="feedmill-k8s-")
        shutil.copytree(K8S.parent / "grafana", Path(self._folder.name) / "grafana")
        return Path(shutil.copytree(K8S, Path(self._folder.name) / "k8s"))

    def __exit__(self, *_: object) -> None:
        self._folder.cleanup()
