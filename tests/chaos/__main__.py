"""`python -m tests.chaos`: runs pieces by seed; `python -m tests.chaos report` sums what has been run."""

from __future__ import annotations

import argparse
import logging
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from tests.chaos import results
from tests.chaos.piece import BrokenPromiseError, run_piece
from tests.chaos.schedule import Kind, plan

RESULTS = results.ROOT / "build" / "chaos.jsonl"


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("do", nargs="?", choices=("run", "report"), default="run", help="run pieces, or sum them up")
    parser.add_argument("--seeds", type=_seeds, default=range(1, 2), help="seeds A..B, or one; a seed is a piece")
    parser.add_argument("--entries", type=int, default=50_000, help="entries of a piece (50000)")
    parser.add_argument("--faults", type=int, default=28, help="faults of a piece (28: two of each kind)")
    parser.add_argument("--partitions", type=int, help="else 1, 4 or 8, by the seed")
    parser.add_argument("--longest", type=float, default=60.0, help="most seconds that a fault may last (60)")
    parser.add_argument("--memory", type=int, default=600, help="most MB that a worker may have (600)")
    parser.add_argument("--results", type=Path, default=RESULTS, help="file that finished pieces are added to")
    parser.add_argument("--again", action="store_true", help="run seeds that are in the results too")
    parser.add_argument("--kinds", type=_kinds, default=tuple(Kind), help="only these kinds of faults, with commas")
    parser.add_argument("--keep", action="store_true", help="keep the folder of a piece also where it is whole")
    parser.add_argument("--quiet", action="store_true", help="do not tell each fault")
    chosen = parser.parse_args(arguments)
    logging.basicConfig(level=logging.CRITICAL)  # clients tell each try to reach a broker that was killed
    if chosen.do == "report":
        print(results.report(results.read(chosen.results)))
        return 0
    known = set() if chosen.again else {result.seed for result in results.read(chosen.results)}
    for seed in chosen.seeds:
        if seed in known:
            print(f"seed {seed}: in {chosen.results} already")
            continue
        if not _piece(seed, chosen):
            return 1
    return 0


def _piece(seed: int, chosen: argparse.Namespace) -> bool:
    planned = plan(seed, chosen.faults, partitions=chosen.partitions, longest=chosen.longest, among=chosen.kinds)
    print(
        f"seed {seed}: {chosen.entries:,} entries, {planned.partitions} partitions, {planned.workers} workers, "
        f"{len(planned.faults)} faults in {planned.seconds:.0f} s",
        flush=True,
    )
    begun = time.monotonic()
    folder = Path(tempfile.mkdtemp(prefix=f"feedmill-chaos-{seed}-")) / "piece"
    try:
        result = run_piece(
            planned,
            chosen.entries,
            folder,
            most_mb=chosen.memory,
            keep=chosen.keep,
            tell=_silent
            if chosen.quiet
            else lambda what: print(f"  {time.monotonic() - begun:5.0f} s  {what}", flush=True),
        )
    except BrokenPromiseError as broken:
        print(broken, flush=True)
        return False
    if chosen.keep:
        print(f"  kept: {folder}")
    else:
        folder.parent.rmdir()
    results.append(chosen.results, result)
    print(
        f"  whole: {result.entries:,} entries, {sum(result.faults.values())} faults, {result.starts} starts of "
        f"workers, at most {result.peak_rss_mb} MB, {result.seconds} s",
        flush=True,
    )
    return True


def _silent(_: str) -> None:
    return None


def _kinds(text: str) -> tuple[Kind, ...]:
    return tuple(Kind(part.strip()) for part in text.split(","))


def _seeds(text: str) -> range:
    first, _, last = text.partition("..")
    return range(int(first), int(last or first) + 1)


if __name__ == "__main__":
    sys.exit(main())
