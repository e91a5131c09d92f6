"""A recording as a file for `promtool test rules`, and promtool run on it."""

from __future__ import annotations

import subprocess
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from tests.deploy.recording.mill import RULES
from tests.deploy.recording.scenes import Scene
from tests.deploy.recording.timeline import LEAD, STRETCH, Value, lengthened, notation, unrolled

RECORDINGS = Path(__file__).parent.parent / "recordings"
LAST = 40
"""Steps at the end that are repeated after a recording: ten minutes."""

FIRING = 'group by (alertname) (ALERTS{alertstate="firing"})'


def load(name: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.load((RECORDINGS / f"{name}.yml").read_text(), Loader=yaml.CSafeLoader)
    return found


def as_test(scene: Scene, recording: dict[str, Any]) -> dict[str, Any]:
    """What promtool is given: nothing fires before the fault; the scene's alerts and no others fire at some time; at
    the end none but those that last."""
    steps = _steps(recording)
    longer: dict[str, list[Value]] = {}
    for name, values in _values(recording):
        if scene.again:
            begin, end = recording["marks"]["again"], recording["marks"]["cured"] - 1
            values = lengthened(name, values, begin, end, _times(scene.again, end - begin))
        if scene.after:
            count = len(values)
            values = lengthened(name, values, count - LAST, count - 1, _times(scene.after, LAST - 1))
        longer[name] = values
        steps = len(values)
    end_time = (LEAD + steps - 1) * STRETCH
    tests = [_expects(end_time, _ever(steps), scene.alerts), _expects(end_time, FIRING, scene.lasting)]
    if "fault" in recording["marks"]:
        tests.append(_expects((LEAD + recording["marks"]["fault"]) * STRETCH, FIRING, ()))
    return _file(longer, tests, "5m" if scene.again > 10 else "1m")


def as_short_test(scene: Scene, recording: dict[str, Any]) -> dict[str, Any]:
    """The recorded minutes alone: the scene's alerts, and no others, fire at some time."""
    steps = _steps(recording)
    tests = [_expects((LEAD + steps - 1) * STRETCH, _ever(steps), scene.alerts)]
    return _file(dict(_values(recording)), tests, "1m")


def _steps(recording: dict[str, Any]) -> int:
    return int(recording["seconds"]) - 2  # the last scrape may have been under way


def _values(recording: dict[str, Any]) -> Iterator[tuple[str, list[Value]]]:
    for one in recording["series"]:
        yield one["series"], unrolled(one["values"])[: _steps(recording)]


def _file(series: Mapping[str, Sequence[Value]], tests: list[dict[str, Any]], interval: str) -> dict[str, Any]:
    written = [{"series": name, "values": f"_x{LEAD} {notation(values)}"} for name, values in series.items()]
    return {
        "rule_files": ["rules.yml"],
        "evaluation_interval": interval,
        # Else in any order: an alert before what it is made of.
        "group_eval_order": [group["name"] for group in yaml.safe_load(RULES.read_text())["groups"]],
        "tests": [{"interval": f"{STRETCH}s", "input_series": written, "promql_expr_test": tests}],
    }


def _ever(steps: int) -> str:
    return f"group by (alertname) (count_over_time(ALERTS{{alertstate='firing'}}[{(steps - 2) * STRETCH}s]))"


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
