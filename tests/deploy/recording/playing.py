"""A recording as a file for `promtool test rules`, and promtool run on it."""

from __future__ import annotations

import subprocess
from collections.abc import Collection
from pathlib import Path
from typing import Any

import yaml

from tests.deploy.recording.scenes import Scene
from tests.deploy.recording.timeline import LEAD, STRETCH, lengthened, notation, unrolled

RECORDINGS = Path(__file__).parent.parent / "recordings"
LAST = 40
"""Steps at the end that are repeated after a recording: ten minutes."""

FIRING = 'group by (alertname) (ALERTS{alertstate="firing"})'


def load(name: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.load((RECORDINGS / f"{name}.yml").read_text(), Loader=yaml.CSafeLoader)
    return found


def as_test(
    scene: Scene, recording: dict[str, Any], expected: Collection[str], lasting: Collection[str]
) -> dict[str, Any]:
    """What promtool is given: silence before the fault; all of `expected`, and no other, at some time; `lasting` at the end."""
    steps = recording["seconds"] - 2  # the last scrape may have been under way
    series = []
    length = steps
    for one in recording["series"]:
        values = unrolled(one["values"])[:steps]
        if scene.again:
            begin, end = recording["marks"]["again"], recording["marks"]["cured"] - 1
            values = lengthened(one["series"], values, begin, end, _times(scene.again, end - begin))
        if scene.after:
            count = len(values)
            values = lengthened(one["series"], values, count - LAST, count - 1, _times(scene.after, LAST - 1))
        length = len(values)
        series.append({"series": one["series"], "values": f"_x{LEAD} {notation(values)}"})
    end_time = (LEAD + length - 1) * STRETCH
    tests = [
        _expects(
            end_time,
            f"group by (alertname) (count_over_time(ALERTS{{alertstate='firing'}}[{(length - 2) * STRETCH}s]))",
            expected,
        ),
        _expects(end_time, FIRING, lasting),
    ]
    if "fault" in recording["marks"]:
        tests.append(_expects((LEAD + recording["marks"]["fault"]) * STRETCH, FIRING, ()))
    return {
        "rule_files": ["rules.yml"],
        "evaluation_interval": f"{STRETCH}s",
        "tests": [{"interval": f"{STRETCH}s", "input_series": series, "promql_expr_test": tests}],
    }


def _expects(seconds: int, expression: str, alerts: Collection[str]) -> dict[str, Any]:
    return {
        "expr": expression,
        "eval_time": f"{seconds}s",
        "exp_samples": [{"labels": f'{{alertname="{name}"}}', "value": 1} for name in sorted(alerts)],
    }


def _times(hours: float, steps: int) -> int:
    return round(hours * 3600 / (steps * STRETCH))


def run(folder: Path, rules: str, file: dict[str, Any]) -> subprocess.CompletedProcess[str]:
    (folder / "rules.yml").write_text(rules)
    (folder / "test.yml").write_text(yaml.dump(file, Dumper=yaml.CSafeDumper, sort_keys=False, width=10**6))
    return subprocess.run(
        ["promtool", "test", "rules", str(folder / "test.yml")], check=False, capture_output=True, text=True
    )
