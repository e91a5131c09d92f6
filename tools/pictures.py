"""`make pictures`: docs/pictures, the dashboards of a real run with faults in it.

A mill under a steady made-up load; one of its two workers is killed and kept dead for some minutes; a flood of broken
documents follows. Prometheus scrapes it all, the page of tools/render-dashboard draws it with Grafana's components,
and headless Chromium takes the pictures. They show what a person will see; they are no screenshots of a Grafana server.
"""

from __future__ import annotations

import argparse
import json
import math
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

from agents.engine.java import EmbeddedKafkaError
from deploy.grafana.dashboards import FOLDER as DASHBOARDS
from tools.observe.load import Load
from tools.observe.page import ROOT, Page, PageMissingError, build
from tools.observe.process import ProgramFailedError
from tools.observe.prometheus import PrometheusMissingError
from tools.observe.stand import Stand

PICTURES = ROOT / "docs" / "pictures"
WIDTH = 1400
HEAD = 64  # pixels of the page above the grid
ROW = 38  # of Grafana's grid

PACE = 4.0
STEADY, DEAD, BACK, FLOOD, CALM = 2.5, 2.0, 1.5, 0.75, 1.75
"""Minutes: before the fault, a worker dead, it is back, broken documents, and after."""

BROKEN = 0.5

_CHROMIUM = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--hide-scrollbars"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync", "--virtual-time-budget=20000"),
)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="make pictures", description=__doc__)
    parser.add_argument("--to", type=Path, default=PICTURES, help="folder of the pictures (docs/pictures)")
    parser.add_argument("--share", type=float, default=1.0, help="of the usual time, to try it out (1)")
    parser.add_argument("--idle", action="store_true", help="a mill that nothing happens to, to see that it looks calm")
    given = parser.parse_args(arguments)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    if _chromium() is None:
        print("Chromium is not installed. On Debian and Ubuntu: tools/debian.sh chromium", file=sys.stderr)
        return 2
    try:
        build()
        _run(given.to, given.share, idle=given.idle)
    except KeyboardInterrupt:
        return 130
    except PrometheusMissingError as error:
        print(error, file=sys.stderr)
        return 2
    except (EmbeddedKafkaError, PageMissingError, ProgramFailedError, TimeoutError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _run(folder: Path, share: float, *, idle: bool) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with Stand(pace=0 if idle else PACE, load=Load(broken=0.005)) as stand, Page() as page:
        began = time.time()

        def picture(name: str, dashboard: str) -> None:
            minutes = math.ceil((time.time() - began) / 60)
            address = page.address(dashboard=dashboard, prometheus=stand.prometheus.address, minutes=minutes)
            _taken(address, folder / f"{name}.png", _height(dashboard))

        waves = threading.Thread(target=_waves, args=(stand, idle), daemon=True)
        waves.start()
        stand.rest(60 * STEADY * share)
        if not idle:
            _faults(stand, share, lambda: picture("mill-worker-dead", "feedmill-mill"))
        for name in ("mill", "worker", "state"):
            picture(name, f"feedmill-{name}")


def _faults(stand: Stand, share: float, in_the_middle: Callable[[], None]) -> None:
    if stand.workers is None:
        raise RuntimeError("this stand was not started")
    stand.workers.all[1].signal(signal.SIGKILL)
    stand.rest(60 * DEAD * share, restart=False)
    in_the_middle()
    stand.rest(60 * BACK * share)
    usual, stand.load.broken = stand.load.broken, BROKEN
    stand.rest(60 * FLOOD * share)
    stand.load.broken = usual
    stand.rest(60 * CALM * share)


def _waves(stand: Stand, idle: bool) -> None:
    """The load of a day in ten minutes."""
    began = time.monotonic()
    while not idle:
        stand.pace = PACE * (1 + 0.4 * math.sin((time.monotonic() - began) / 95))
        time.sleep(1)


def _chromium() -> str | None:
    return next(
        (found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), None
    )


def _height(dashboard: str) -> int:
    panels = json.loads((DASHBOARDS / f"{dashboard}.json").read_text(encoding="utf-8"))["panels"]
    return max(int(panel["gridPos"]["y"]) + int(panel["gridPos"]["h"]) for panel in panels) * ROW + HEAD


def _taken(address: str, path: Path, height: int) -> None:
    """One screenshot. Chromium's profile is new each time and goes afterwards."""
    with tempfile.TemporaryDirectory(prefix="feedmill-chromium-", ignore_cleanup_errors=True) as profile:
        command = [
            _chromium() or "chromium",
            *_CHROMIUM,
            f"--user-data-dir={profile}",
            f"--window-size={WIDTH},{height}",
            f"--screenshot={path}",
            address,
        ]
        path.unlink(missing_ok=True)
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=180)
    if not path.exists():
        raise PageMissingError(f"Chromium took no picture of {address}:\n{done.stderr[-1000:]}")
    if (smaller := shutil.which("pngquant")) is not None:  # a third of the bytes; nobody sees a difference
        subprocess.run([smaller, "--force", "--ext", ".png", "--strip", str(path)], check=True)
    print(f"{path.name}: {path.stat().st_size // 1000} kB", flush=True)


if __name__ == "__main__":
    sys.exit(main())
