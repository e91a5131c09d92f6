"""Record scenes anew: `make record-alerts ARGS="broker-killed"`, or all of them, an hour and a half.

It takes Java (the embedded Kafka), Debian's prometheus, and for `limits` the right to mount and to make control groups.
What is written: tests/deploy/recordings/NAME.yml, the series; and with --diary FOLDER what somebody sees who is woken.
"""

from __future__ import annotations

import argparse
import re
import signal
import sys
import tempfile
import threading
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

from agents import __version__
from tests.deploy.recording.mill import RULES
from tests.deploy.recording.scenes import SCENES, Play, Scene, many_items
from tests.deploy.recording.scraper import Scraper
from tests.deploy.recording.timeline import STRETCH, Value, notation, played

RECORDINGS = Path(__file__).parent.parent / "recordings"
TALL = ("feedmill_dead_letters_total", "feedmill_duplicates_total")
"""Counters with a child for each member of a long list: those that stay 0 are left out, but for one."""


def wanted() -> frozenset[str]:
    """The metrics that the rules ask for, as they stand in a scrape."""
    text = " ".join(rule["expr"] for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"])
    return frozenset(re.findall(r"\b(?:feedmill|process)_\w+", text))


def record(scene: Scene, folder: Path, diary: Path | None) -> dict[str, Any]:
    began = time.monotonic()
    lines: list[str] = []

    def tell(line: str) -> None:
        lines.append(f"[{time.monotonic() - began:6.1f} s] {line}")
        print(f"{scene.name}: {line}", flush=True)

    with scene.setting(folder) as mill:
        mill.run()
        if scene.items:
            many_items(mill, scene.items)
        prometheus = mill.watch()
        scraper = Scraper(mill.targets(), wanted())
        ended = threading.Event()
        follower = threading.Thread(target=_follow, args=(prometheus, ended, tell), daemon=True)
        scraper.start()
        follower.start()
        play = Play(mill, scraper, tell)
        scene.play(play)
        steps = scraper.stop()
        ended.set()
        follower.join(5)
    if diary is not None:
        diary.mkdir(parents=True, exist_ok=True)
        (diary / f"{scene.name}.log").write_text("\n".join(lines) + "\n")
    return content(scene, scraper, play.marks, steps)


def _follow(prometheus: Any, ended: threading.Event, tell: Any) -> None:
    """Tell what the live Prometheus says, as it comes and goes."""
    known: set[str] = set()
    while not ended.wait(0.5):
        firing = prometheus.firing()
        for name in sorted(firing - known):
            for alert in prometheus.told(name)[:1]:
                tell(f"FIRING {name}: {alert['annotations']['summary']} {alert['annotations']['description']}")
        for name in sorted(known - firing):
            tell(f"resolved {name}")
        known = firing


def content(scene: Scene, scraper: Scraper, marks: dict[str, int], steps: int) -> dict[str, Any]:
    names = sorted(name for name in scraper.series if not _is_idle(name, scraper))
    return {
        "scene": scene.name,
        "what": scene.what,
        "recorded": datetime.fromtimestamp(scraper.began, UTC).strftime("%Y-%m-%d"),
        "version": __version__,
        "seconds": steps,
        "stretch": STRETCH,
        "marks": marks,
        "series": [
            {"series": name, "values": notation(_values(name, scraper.series[name], steps, scraper.began))}
            for name in names
        ],
    }


def _values(name: str, found: dict[int, float], steps: int, began: float) -> list[Value]:
    return [played(name, found[step], step, began) if step in found else None for step in range(steps)]


def _is_idle(name: str, scraper: Scraper) -> bool:
    metric, _, labels = name.partition("{")
    if metric not in TALL or any(scraper.series[name].values()) or 'code="crashed-worker"' in name:
        return False
    instance = re.search(r'instance="[^"]*"', labels)
    siblings = [other for other in scraper.series if other.startswith(metric) and instance and instance[0] in other]
    return name != min(siblings)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.deploy.recording")
    parser.add_argument("scene", nargs="*", help=f"of {', '.join(SCENES)}; all where none is named")
    parser.add_argument("--diary", type=Path, help="folder for what was seen and typed in each scene")
    parser.add_argument("--keep", type=Path, help="folder for logs and state, instead of one that is deleted")
    given = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # what was started ends with it
    for name in given.scene or SCENES:
        with tempfile.TemporaryDirectory(prefix="feedmill-recording-") as folder:
            found = record(SCENES[name], (given.keep or Path(folder)) / name, given.diary)
        RECORDINGS.mkdir(exist_ok=True)
        head = (
            "# Written by `make record-alerts`: scrapes of a real mill, the clock stretched (docs/runbooks/drill.md).\n"
        )
        text = yaml.safe_dump(found, sort_keys=False, allow_unicode=True, width=10**6)
        (RECORDINGS / f"{name}.yml").write_text(head + text)
        print(f"{name}: {found['seconds']} s, {len(found['series'])} series, {len(text):,} characters", flush=True)


if __name__ == "__main__":
    main()
