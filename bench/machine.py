"""What the figures were measured on: without it they say nothing."""

from __future__ import annotations

import os
import platform
from pathlib import Path

import psutil

from bench.report import Table


def machine() -> Table:
    """Cores, CPU, memory, Python, and how busy the machine is with other things."""
    load = ", ".join(f"{value:.2f}" for value in os.getloadavg())
    return Table(
        "Machine",
        ("", ""),
        (
            ("cores (for all: broker, workers, load)", f"{len(os.sched_getaffinity(0))}"),
            ("CPU", _model()),
            ("memory", f"{psutil.virtual_memory().total / 2**30:.0f} GiB"),
            ("system", f"{platform.system()} {platform.release()}"),
            ("Python", f"{platform.python_implementation()} {platform.python_version()}"),
            ("load average (1, 5, 15 min) at the start", load),
        ),
    )


def _model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or "unknown"
    facts = {name.strip(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    return f"{facts.get('model name', platform.machine())} (model {facts.get('model', '?')})"
