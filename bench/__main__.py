"""`python -m bench [NAME ...] [--json FILE]`: print the figures of docs/performance.md, all of them or those named."""

from __future__ import annotations

import argparse
import importlib
import sys
import time
from pathlib import Path

import msgspec

from bench.machine import machine
from bench.report import show_all

BENCHES = (
    "pure",
    "process",
    "index",
    "startup",
    "sizes",
    "kafka",
    "rebalance",
    "ledger",
    "watchers",
    "broker",
    "hostile",
    "accuracy",
    "nearcopies",
    "mutations",
)
"""Modules of this folder; each has a `main()` that yields tables."""


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"one of {', '.join(BENCHES)}; without any, all")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the same figures here as JSON")
    given = parser.parse_args(arguments)
    if unknown := [name for name in given.names if name not in BENCHES]:
        parser.error(f"no such bench: {', '.join(unknown)}; there are {', '.join(BENCHES)}")
    tables = show_all([machine()])
    for name in given.names or BENCHES:
        started = time.monotonic()
        tables += show_all(importlib.import_module(f"bench.{name}").main())
        print(f"\n({name}: {time.monotonic() - started:.0f} s)")
    if given.json:
        given.json.write_bytes(msgspec.json.format(msgspec.json.encode(tables)))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
