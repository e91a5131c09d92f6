"""Each alert fires in its fault and is over after it, and no other does: recordings of real faults, played by promtool.

tests/deploy/recordings/ holds what a real mill showed while the fault was made (`make record-alerts` records anew). The
values are real, the clock is stretched; docs/runbooks/drill.md says how. The table of faults and alerts is `SCENES`.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import yaml

from tests.conftest import IN_CI
from tests.deploy.recording.__main__ import wanted
from tests.deploy.recording.mill import RULES
from tests.deploy.recording.playing import RECORDINGS, as_test, load, run
from tests.deploy.recording.scenes import SCENES, Scene

SPOKEN_ELSEWHERE = frozenset[str]()
"""Alerts that no recording can make fire; tests/deploy/test_rules.py has a made history for each."""

heavy = pytest.mark.heavy


@pytest.fixture(scope="module", autouse=True)
def promtool() -> None:
    if shutil.which("promtool") is None:
        why = "recordings of faults WERE NOT PLAYED: promtool is not there (Debian: apt-get install prometheus)"
        if IN_CI:
            pytest.fail(why)
        pytest.skip(why)


@heavy
@pytest.mark.parametrize("scene", SCENES.values(), ids=lambda scene: scene.name)
def test_these_alerts_fire_and_no_others(scene: Scene, tmp_path: Path) -> None:
    file = as_test(scene, load(scene.name), scene.alerts, scene.lasting)
    played = run(tmp_path, RULES.read_text(), file)
    assert played.returncode == 0, played.stdout + played.stderr


@heavy
@pytest.mark.parametrize(
    ("scene", "old", "new"),
    [
        pytest.param("all-workers-killed", 'up{job="feedmill-worker"}[5m])', 'up{job="feedmill-worker"}[2h])', id="an old answer counts"),
        pytest.param("all-workers-killed", "feedmill-lag-exporter", "lag-exporter", id="the exporter under another name"),
        pytest.param("one-worker-killed", 'up{job="feedmill-worker"} == 0', 'up{job="feedmill-worker"} == 2', id="down"),
        pytest.param("one-worker-killed", "for: 15m", "for: 3h", id="too patient"),
        pytest.param("workers-cut-off", "max_over_time(feedmill_ready", "max_over_time(up", id="answering is being ready"),
        pytest.param("broker-killed", "absent(time()", "absent(0 * time()", id="a reading however old"),
        pytest.param("commits-that-never-end", "_max) > 600".replace("_", ":"), ":max) > 60000", id="a far older record"),
        pytest.param("unreadable-record", "[30m]) >= 4", "[30m]) >= 400", id="a few hundred starts"),
        pytest.param("slow-broker", 'le="60.0"', 'le="60"', id="a bucket that is none"),
        pytest.param("slow-broker", "> 0.144", "> 1.44", id="more than all"),
        pytest.param("poison-flood", 'code!="no-entries"', 'code="no-entries"', id="other dead letters"),
        pytest.param("normal", "increase1h > 20", "increase1h >= 0", id="nothing is many"),
        pytest.param("deadly-document", 'code="crashed-worker"', 'code="crashed"', id="a code that is none"),
        pytest.param("restore-that-stops", "feedmill_restored_records_total", "feedmill_inputs_total", id="inputs are no restore"),
        pytest.param("rebalance-storm", "> 5 + 3", "> 500 + 3", id="hundreds are few"),
        pytest.param("site-falls-silent", "> 86400", "> 864000", id="ten days"),
        pytest.param("senders-stop", "[1h])) == 0", "[1d])) == 0", id="a day"),
        pytest.param("entries-passed-over", "feedmill_ledger_missing", "feedmill_ledger_doubled", id="doubled for missing"),
        pytest.param("outcomes-written-twice", "feedmill_ledger_altered", "feedmill_ledger_missing", id="missing for altered"),
        pytest.param("limits", "< 0.05", "< 0.0005", id="a full disk"),
        pytest.param("limits", "limit_bytes", "limit_byte", id="no limit of memory"),
        pytest.param("backlog-of-days", "> 5 * 86400", "> 50 * 86400", id="fifty days"),
        pytest.param("watchers-cut-off", "> 3600\n", "> 36000\n", id="ten hours"),
        pytest.param("watchers-killed", "for: 10m", "for: 10h", id="too patient with watchers"),
    ],
)  # fmt: skip
def test_other_rules_are_told_apart(scene: str, old: str, new: str, tmp_path: Path) -> None:
    rules = RULES.read_text()
    assert old in rules
    file = as_test(SCENES[scene], load(scene), SCENES[scene].alerts, SCENES[scene].lasting)
    assert run(tmp_path, rules.replace(old, new), file).returncode != 0


def test_every_alert_fires_in_a_recording() -> None:
    names = {
        rule["alert"]
        for group in yaml.safe_load(RULES.read_text())["groups"]
        for rule in group["rules"]
        if "alert" in rule
    }
    assert names == set().union(*(scene.alerts for scene in SCENES.values())) | SPOKEN_ELSEWHERE


def test_every_scene_is_recorded_and_every_recording_a_scene() -> None:
    assert {path.stem for path in RECORDINGS.glob("*.yml")} == set(SCENES)


@pytest.mark.parametrize("name", SCENES)
def test_a_recording_has_the_metrics_that_rules_ask_for(name: str) -> None:
    """One that was made before a rule asked for more is to be made anew."""
    recorded = {one["series"].partition("{")[0] for one in load(name)["series"]}
    assert wanted() - recorded <= ABSENT.get(name, frozenset()) | {"feedmill_memory_limit_bytes"}


ABSENT: dict[str, frozenset[str]] = {}
