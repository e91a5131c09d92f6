"""The alert rules, played by Prometheus' own tool on made histories: thresholds from both sides, quiet nights, gaps.

`tests/deploy/test_alerts.py` plays recordings of real faults to the same rules.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.conftest import IN_CI, ROOT

pytestmark = [pytest.mark.heavy, pytest.mark.timeout(600)]

FOLDER = ROOT / "deploy" / "prometheus"
RULES = FOLDER / "rules.yml"
HISTORIES = {
    test["name"]: {**file, "tests": [test]}
    for path in ("rules_test.yml", "rules_days_test.yml")
    for file in [yaml.load((FOLDER / path).read_text(), Loader=yaml.CSafeLoader)]
    for test in file["tests"]
}


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
    checked = run(promtool, "check", "rules", "--lint=all", "--lint-fatal", RULES)
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_prometheus_takes_its_configuration(promtool: str) -> None:
    checked = run(promtool, "check", "config", FOLDER / "prometheus.yml")
    assert checked.returncode == 0, checked.stdout + checked.stderr


@pytest.mark.parametrize("path", ["rules_test.yml", "rules_days_test.yml"])
def test_they_speak_when_they_should(promtool: str, path: str) -> None:
    played = run(promtool, "test", "rules", FOLDER / path)
    assert played.returncode == 0, played.stdout + played.stderr


@pytest.mark.parametrize(
    ("history", "old", "new"),
    [
        ("15 of 100 items late, 15 of 100 entries bad", "> 0.144", "> 0.2"),
        ("14 of 100 items late, 14 of 100 entries bad", "> 0.144", "> 0.13"),
        ("15 of 100 items late, 15 of 100 entries bad", 'le="60.0"', 'le="60"'),
        ("14 of 100 items late, 14 of 100 entries bad", "> 0.06", "> 0.15"),
        ("a quiet night: two of three late, and bad", "> 20", "> 1"),
        ("half of all documents without entries", ',code!="no-entries"', ""),
        ("one scrape in three fails, for hours",
         'absent(max_over_time(up{job="feedmill-worker"}[5m]) == 1)\n        for: 2m',
         'absent(up{job="feedmill-worker"} == 1)\n        for: 0m'),
        ("one scrape in three fails, for hours",
         'up{job="feedmill-worker"} == 0\n        for: 15m', 'up{job="feedmill-worker"} == 0\n        for: 0m'),
        ("nobody answers for six minutes, and for eight",
         "[5m]) == 1)\n        for: 2m", "[5m]) == 1)\n        for: 20m"),
        ("an exporter that has read nothing, and workers that know better", " < 300)", " < 9e9)"),
        ("workers that have just come back to a long backlog", "[5m] offset 10m", "[5m]"),
        ("old work in two stages, and one gets on",
         "max) > 600", "max) > 6000"),
        ("a site falls silent; the mill stops; it is listed no longer", "> 86400", "> 300"),
        ("a site falls silent; the mill stops; it is listed no longer",
         'and on () sum(increase(feedmill_items_total{job="feedmill-worker"}[1h])) > 0', ""),
        ("a silent site, and a worker that started anew",
         "or max_over_time(feedmill:site_last_item_timestamp_seconds:max[1d])", ""),
        ("the ledger finds one missing, starts anew, ends", "[1h:1m]", "[1m:1m]"),
        ("a ledger whose first round takes hours", "> 3600\n", "> 36000\n"),
        ("a deadly document, counted before the first scrape", "< 3600\n          ) > 0", "< 36\n          ) > 0"),
        ("a deadly document of yesterday, and an hour ago a Prometheus that scraped nothing",
         "< 3600\n          ) > 0", "< 9e9\n          ) > 0"),
        ("a roll-out of eight workers is no storm", "5 + 3 *", "5 + 1 *"),
        ("the disk from 20 to 10 to 3 percent", "< 0.05", "< 0.02"),
        ("memory and index at 95 of 100", "> 0.9", "> 0.99"),
        ("an index that drops sightings, and one whose window ends", ',reason="limit"', ""),
        ("no documents for an hour, and an exporter that reads nothing", "}) < 300\n", "}) < 9e9\n"),
        ("one partition stands still while its stage gets on", "max > 1800", "max > 18000"),
    ],
)  # fmt: skip
def test_the_histories_tell_other_rules_apart(promtool: str, tmp_path: Path, history: str, old: str, new: str) -> None:
    text = RULES.read_text()
    assert old in text
    (tmp_path / "rules.yml").write_text(text.replace(old, new))
    found: dict[str, Any] = HISTORIES[history]
    (tmp_path / "history.yml").write_text(yaml.safe_dump(found))
    assert run(promtool, "check", "rules", tmp_path / "rules.yml").returncode == 0
    assert run(promtool, "test", "rules", tmp_path / "history.yml").returncode != 0
