"""A Prometheus of our own on a free loopback port: its configuration, and questions to it."""

from __future__ import annotations

import json
import shutil
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from msgspec import Struct

from agents.engine.loopback import LOOPBACK, free_port
from tools.observe.process import Program

RULES = Path(__file__).parent.parent.parent / "deploy" / "prometheus"
MISSING = "Prometheus is not installed. On Debian and Ubuntu: tools/debian.sh prometheus"
START_SECONDS = 60.0
_TIMEOUT = 30.0


class PrometheusMissingError(Exception):
    pass


class Target(Struct, frozen=True):
    """One thing to scrape, `127.0.0.1:port`, under a name that people can read."""

    job: str
    instance: str
    address: str


class RefusedError(Exception):
    """Prometheus did not take a query; the message is its own."""


class Prometheus:
    """`every`: seconds between two scrapes. `labels` come onto every target, as Kubernetes puts its own."""

    def __init__(self, folder: Path, *, every: int = 5, labels: Mapping[str, str] | None = None) -> None:
        program = shutil.which("prometheus")
        if program is None:
            raise PrometheusMissingError(MISSING)
        self._program = program
        self._folder = folder
        self._every = every
        self._labels = dict(labels or {})
        self._targets: tuple[Target, ...] = ()
        self.address = f"http://{LOOPBACK}:{free_port()}"

    def start(self, environment: Mapping[str, str]) -> Program:
        """Its process; it answers when this returns."""
        config = self._folder / "prometheus.yml"
        config.write_text(yaml.safe_dump(self._config()))
        host = self.address.removeprefix("http://")
        command = [
            self._program,
            f"--config.file={config}",
            f"--storage.tsdb.path={self._folder / 'tsdb'}",
            f"--web.listen-address={host}",
            "--log.level=warn",
        ]
        process = Program("prometheus", command, self._folder, environment)
        deadline = time.monotonic() + START_SECONDS
        while not self._answers():
            process.check()
            if time.monotonic() > deadline:
                process.stop(0)
                raise TimeoutError(f"Prometheus did not answer within {START_SECONDS:.0f} s")
            time.sleep(0.1)
        return process

    def scrape(self, targets: Sequence[Target]) -> None:
        """From now on it scrapes these. Twice the same is nothing."""
        if tuple(targets) == self._targets:
            return
        self._targets = tuple(targets)
        for job in _JOBS:
            listed = [
                {"targets": [target.address], "labels": {**self._labels, "instance": target.instance}}
                for target in targets
                if target.job == job
            ]
            path = self._folder / f"{job}.json"
            fresh = path.with_suffix(".new")
            fresh.write_text(json.dumps(listed))
            fresh.replace(path)

    def ask(self, path: str, **parameters: str) -> Any:
        """The data of an answer of its API. Raises RefusedError where it says no."""
        address = f"{self.address}/api/v1/{path}?{urllib.parse.urlencode(parameters)}"
        try:
            with urllib.request.urlopen(address, timeout=_TIMEOUT) as answer:
                return json.load(answer)["data"]
        except urllib.error.HTTPError as error:
            raise RefusedError(json.load(error)["error"]) from None

    def query(self, expression: str) -> list[dict[str, Any]]:
        """The series of an instant query, now."""
        found: list[dict[str, Any]] = self.ask("query", query=expression)["result"]
        return found

    def graph(self, expression: str, minutes: int = 15) -> str:
        """The address of its own page that draws a query."""
        parameters = {"g0.expr": expression, "g0.tab": "0", "g0.range_input": f"{minutes}m"}
        return f"{self.address}/graph?{urllib.parse.urlencode(parameters)}"

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.address}/-/ready", timeout=1):
                return True
        except OSError:
            return False

    def _config(self) -> dict[str, Any]:
        """Jobs by the names that alerts and dashboards have, the rules of deploy/prometheus."""
        for job in _JOBS:
            (self._folder / f"{job}.json").write_text("[]")
        return {
            "global": {"scrape_interval": f"{self._every}s", "evaluation_interval": f"{self._every}s"},
            "rule_files": [str(path) for path in sorted(RULES.glob("rules*.yml")) if "_test" not in path.name],
            "scrape_configs": [
                {"job_name": job, "file_sd_configs": [{"files": [f"{job}.json"], "refresh_interval": "2s"}]}
                for job in _JOBS
            ],
        }


_JOBS = ("feedmill-worker", "feedmill-lag-exporter", "feedmill-ledger")
