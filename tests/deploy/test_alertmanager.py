"""Where alerts go, by amtool; and what is held back, by a live Alertmanager."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from agents.engine.loopback import LOOPBACK, free_port
from tests.conftest import IN_CI, ROOT

pytestmark = pytest.mark.heavy

CONFIG = ROOT / "deploy" / "alertmanager" / "alertmanager.yml"
RULES = ROOT / "deploy" / "prometheus" / "rules.yml"

ALERTS = {
    rule["alert"]: rule["labels"]["severity"]
    for group in yaml.safe_load(RULES.read_text())["groups"]
    for rule in group["rules"]
    if "alert" in rule
}
DATA = {"FeedmillLedgerMissing", "FeedmillLedgerDoubled", "FeedmillLedgerContradicting", "FeedmillRawNearlyLost"}


def program(name: str) -> str:
    found = shutil.which(name) or shutil.which(f"prometheus-{name}")
    if found is None:
        why = (
            f"tests of Alertmanager DID NOT RUN: {name} is not there (Debian: apt-get install prometheus-alertmanager)"
        )
        if IN_CI:
            pytest.fail(why)
        pytest.skip(why)
    return found


def amtool(*words: str | Path) -> str:
    done = subprocess.run([program("amtool"), *words], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_configuration_is_one() -> None:
    assert "SUCCESS" in amtool("check-config", CONFIG)


def test_no_secret_stands_in_it() -> None:
    keys = {key for _, key, _ in _walk(yaml.safe_load(CONFIG.read_text()))}
    secret = {key for key in keys if any(word in key for word in ("key", "url", "password", "token", "secret"))}
    assert secret == {"routing_key_file", "api_url_file"}


@pytest.mark.parametrize(("alert", "severity"), ALERTS.items())
def test_an_alert_goes_where_its_severity_says(alert: str, severity: str) -> None:
    way = amtool("config", "routes", "test", f"--config.file={CONFIG}", f"alertname={alert}", f"severity={severity}")
    assert way.strip() == severity


def test_what_is_held_back_exists_and_a_promise_is_never_held_back() -> None:
    import re

    for rule in yaml.safe_load(CONFIG.read_text())["inhibit_rules"]:
        for matcher in rule["source_matchers"] + rule["target_matchers"]:
            name, _, pattern = matcher.partition("=")
            assert name.strip() == "alertname"
            matched = {alert for alert in ALERTS if re.fullmatch(pattern.lstrip("~ "), alert)}
            assert matched, matcher
            if matcher in rule["target_matchers"]:
                assert not matched & DATA
                for part in re.findall(r"\w+(?:\.\*)?", pattern.partition("(")[2]):
                    assert any(re.fullmatch(f"Feedmill.*{part}", alert) for alert in ALERTS), part


class Alertmanager:
    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self.process = subprocess.Popen(
            [
                program("alertmanager"),
                f"--config.file={CONFIG}",
                f"--storage.path={folder}",
                f"--web.listen-address={LOOPBACK}:{self.port}",
                "--cluster.listen-address=",
            ],
            stdout=(folder / "log").open("wb"),
            stderr=subprocess.STDOUT,
        )

    def post(self, *alerts: tuple[str, dict[str, str]]) -> None:
        now = datetime.now(UTC)
        body = [
            {
                "labels": {"alertname": name, "severity": ALERTS[name], **labels},
                "startsAt": now.isoformat(),
                "endsAt": (now + timedelta(minutes=10)).isoformat(),
            }
            for name, labels in alerts
        ]
        self._ask("alerts", json.dumps(body).encode())

    def states(self) -> dict[tuple[str, str], str]:
        """Of each alert, by name and stage or instance: active or suppressed."""
        return {
            (
                alert["labels"]["alertname"],
                alert["labels"].get("stage") or alert["labels"].get("instance") or "",
            ): alert["status"]["state"]
            for alert in self._ask("alerts")
        }

    def _ask(self, path: str, body: bytes | None = None) -> Any:
        request = urllib.request.Request(
            f"http://{LOOPBACK}:{self.port}/api/v2/{path}", body, {"Content-Type": "application/json"}
        )
        deadline = time.monotonic() + 30
        while True:
            try:
                with urllib.request.urlopen(request, timeout=5) as answer:
                    return json.loads(answer.read() or b"null")
            except OSError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.1)


@pytest.fixture
def alertmanager(tmp_path: Path) -> Iterator[Alertmanager]:
    running = Alertmanager(tmp_path)
    yield running
    running.process.kill()
    running.process.wait()


PARSE, ENRICH = {"stage": "parse"}, {"stage": "enrich"}
ONE, TWO = {"instance": "a"}, {"instance": "b"}


@pytest.mark.parametrize(
    ("posted", "held"),
    [
        pytest.param([("Absent", {}), ("LagGrowing", PARSE), ("LatencyFast", {}), ("SourceSilent", {})],
                     ["LagGrowing", "LatencyFast", "SourceSilent"], id="no worker"),
        pytest.param([("Absent", {}), ("RawNearlyLost", PARSE), ("LedgerMissing", {}), ("LagExporterAbsent", {})],
                     [], id="no worker, and data at stake"),
        pytest.param([("BrokerSilent", {}), ("Absent", {}), ("NotReady", {}), ("LedgerStale", {}), ("NoInput", {})],
                     ["Absent", "NotReady", "LedgerStale", "NoInput"], id="no broker"),
        pytest.param([("Stalled", ENRICH), ("LagGrowing", ENRICH), ("PartitionStalled", PARSE)],
                     ["LagGrowing"], id="one stage stands still, another's partition too"),
        pytest.param([("LatencyFast", {}), ("LatencySlow", {}), ("DeadLettersBudget", {})],
                     ["LatencySlow"], id="the faster window, of one objective"),
        pytest.param([("DiskNearlyFull", ONE), ("DiskFilling", TWO), ("DiskFilling", ONE)],
                     ["DiskFilling a"], id="one disk of two"),
        pytest.param([("LagGrowing", PARSE), ("SourceSilent", {})], [], id="nothing else fires"),
    ],
)  # fmt: skip
def test_what_only_follows_is_held_back(
    alertmanager: Alertmanager, posted: list[tuple[str, dict[str, str]]], held: list[str]
) -> None:
    alertmanager.post(*((f"Feedmill{name}", labels) for name, labels in posted))
    wanted = {
        (f"Feedmill{name}", labels.get("stage") or labels.get("instance") or ""): "suppressed"
        if name in held or f"{name} {labels.get('instance')}" in held
        else "active"
        for name, labels in posted
    }
    deadline = time.monotonic() + 20
    while (found := alertmanager.states()) != wanted and time.monotonic() < deadline:
        time.sleep(0.1)
    assert found == wanted


def _walk(value: Any, path: str = "") -> Iterator[tuple[str, str, Any]]:
    if isinstance(value, dict):
        for key, below in value.items():
            yield path, key, below
            yield from _walk(below, f"{path}/{key}")
    elif isinstance(value, list):
        for below in value:
            yield from _walk(below, path)
