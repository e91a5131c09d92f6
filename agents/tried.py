"""The program of the child process that suspect records are tried in: `python -m agents.tried`.

A worker starts it (`agents/engine/quarantine.py`); nobody else needs to.
"""

from __future__ import annotations

import argparse
import contextlib
import faulthandler
import os
import sys
import traceback
from datetime import UTC, datetime
from pathlib import Path

from agents import __version__
from agents.engine.trial import MIB, OUT_OF_MEMORY, own_pipes, serve
from agents.settings import load_sites
from agents.stages import make_stages
from schemas import RawDocument

_NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)

SAMPLE = RawDocument(
    topic="sample",
    partition=0,
    offset=0,
    arrival=_NOON,
    received_at=_NOON,
    body=(
        "<!--1767268800000-->\n[The ferry is back](https://harbour.example/ferry)\n------\n\n"
        "<p>The ferry runs again since noon, the harbour says. <b>渡轮恢复通航。</b></p>\n"
        '<figure><img src="https://harbour.example/ferry.jpg"><figcaption>At the quay</figcaption></figure>\n'
    ).encode(),
)
"""What a child that is able to work makes one item of."""


def command(*, sites_file: Path | None, seconds: float, memory_mb: int) -> list[str]:
    """How to start it."""
    sites = ["--sites", str(sites_file)] if sites_file else []
    return [sys.executable, "-m", "agents.tried", "--seconds", f"{seconds:g}", "--memory", str(memory_mb), *sites]


def main() -> None:
    parser = argparse.ArgumentParser(prog="agents.tried", description="Tries suspect records; a worker starts it.")
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--memory", type=int, required=True)
    parser.add_argument("--sites", type=Path)
    given = parser.parse_args()
    faulthandler.enable()  # a crash in C says where, on stderr: the worker's log
    requests, answers = own_pipes()
    stages = make_stages(__version__, load_sites(given.sites))
    try:
        with contextlib.suppress(BrokenPipeError):  # the worker is no more
            serve(stages, SAMPLE, requests, answers, seconds=given.seconds, memory_bytes=given.memory * MIB)
    except MemoryError:
        traceback.print_exc()
        os._exit(OUT_OF_MEMORY)


if __name__ == "__main__":
    main()
