"""Each alert fires in its fault and is over after it, and no other does: recordings of real faults, played by promtool.

tests/deploy/recordings/ holds what a real mill showed while the fault was made (`make record-alerts` records anew). The
values are real, the clock is stretched; docs/runbooks/drill.md says how. The table of faults and alerts is `SCENES`.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import yaml

from tests.conftest import IN_CI, ROOT
from tests.deploy.recording.__main__ import wanted
from tests.deploy.recording.mill import RULES
from tests.deploy.recording.playing import RECORDINGS, as_short_test, as_test, load, run
from tests.deploy.recording.scenes import SCENES

pytestmark = pytest.mark.timeout(600)

PAGE = ROOT / "docs" / "runbooks" / "drill.md"


@pytest.fixture(scope="module")
def promtool() -> None:
    if shutil.which("promtool") is None:
        why = "recordings of faults WERE NOT PLAYED: promtool is not there (Debian: apt-get install prometheus)"
        if IN_CI:
            pytest.fail(why)
        pytest.skip(why)


@pytest.fixture(scope="module")
def played(promtool: None, tmp_path_factory: pytest.TempPathFactory) -> dict[str, subprocess.CompletedProcess[str]]:
    """All recordings, at once on all processors."""
    folder = tmp_path_factory.mktemp("played")

    def play(name: str) -> subprocess.CompletedProcess[str]:
        (folder / name).mkdir()
        return run(folder / name, RULES.read_text(), as_test(SCENES[name], load(name)))

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return dict(zip(SCENES, pool.map(play, SCENES), strict=True))


@pytest.mark.heavy
@pytest.mark.parametrize("name", SCENES)
def test_these_alerts_fire_and_no_others(name: str, played: dict[str, subprocess.CompletedProcess[str]]) -> None:
    assert played[name].returncode == 0, played[name].stdout + played[name].stderr


@pytest.mark.heavy
@pytest.mark.usefixtures("promtool")
@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("one-worker-killed", 'up{job="feedmill-worker"} == 0', 'up{job="feedmill-worker"} == 2'),
        ("one-worker-killed", "for: 15m", "for: 3h"),
        ("broker-killed", "absent(time()", "absent(0 * time()"),
        ("broker-killed", 'absent(max_over_time(feedmill_ready{job="feedmill-worker"}[10m])', "absent(vector(1)"),
        ("restore-that-stops", "for: 10m", "for: 3h"),
        ("rebalance-storm", "> 5 + 3", "> 500 + 3"),
        ("limits", "limit_bytes", "limit_byte"),
        ("backlog-of-days", "> 5 * 86400", "> 50 * 86400"),
        ("one-partition-stuck", "max > 1800", "max > 18000"),
        ("unreadable-record", "[30m]) >= 4", "[30m]) >= 400"),
        ("entries-passed-over", "feedmill_ledger_missing", "feedmill_ledger_waiting"),
        ("outcomes-written-twice", "feedmill_ledger_altered", "feedmill_ledger_missing"),
        ("outcomes-written-twice", "feedmill_ledger_doubled", "feedmill_ledger_missing"),
        ("watchers-killed", "for: 10m", "for: 10h"),
        ("watchers-cut-off", "> 3600\n", "> 36000\n"),
        ("normal", "< 0.15", "< 1.5"),
    ],
)  # fmt: skip
def test_other_rules_are_told_apart(name: str, old: str, new: str, tmp_path: Path) -> None:
    rules = RULES.read_text()
    assert old in rules
    file = as_short_test(SCENES[name], load(name))
    assert run(tmp_path, rules, file).returncode == 0
    assert run(tmp_path, rules.replace(old, new), file).returncode != 0


def test_every_alert_fires_in_a_recording() -> None:
    names = {
        rule["alert"]
        for group in yaml.safe_load(RULES.read_text())["groups"]
        for rule in group["rules"]
        if "alert" in rule
    }
    assert names == set().union(*(scene.alerts for scene in SCENES.values()))


def test_every_scene_is_recorded_and_every_recording_a_scene() -> None:
    assert {path.stem for path in RECORDINGS.glob("*.yml")} == set(SCENES)


@pytest.mark.parametrize("name", SCENES)
def test_a_recording_has_the_metrics_that_rules_ask_for(name: str) -> None:
    """One that was made before a rule asked for more is to be made anew."""
    recorded = {one["series"].partition("{")[0] for one in load(name)["series"]}
    assert wanted() - recorded <= {"feedmill_memory_limit_bytes"}  # which not every machine has


def test_the_table_of_the_page_is_that_of_the_scenes() -> None:
    rows = re.findall(r"^\| `([a-z-]+)` \|.*\| ([^|]*) \|$", PAGE.read_text(), re.MULTILINE)
    assert {name: frozenset(re.findall(r"Feedmill\w+", alerts)) for name, alerts in rows} == {
        name: scene.alerts for name, scene in SCENES.items()
    }
