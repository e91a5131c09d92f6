"""`python -m tests.engine.model`: print what the histories consist of, or one history."""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import fields, replace
from typing import Any

from agents.engine.loop import StageLoop
from tests.engine.model.check import Ref, violations
from tests.engine.model.faults import Faults
from tests.engine.model.history import failures, play
from tests.engine.model.planted import PLANTED, Planted
from tests.engine.model.report import report, timeline


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.engine.model", description=__doc__)
    parser.add_argument("--seeds", type=int, default=1000, help="play so many histories and count (default 1000)")
    parser.add_argument("--seed", type=int, help="play this one and tell it")
    parser.add_argument("--entry", metavar="P/O/I", help="of it only the way of this entry: partition/offset/index")
    parser.add_argument("--planted", choices=[planted.id for planted in PLANTED], help="with this fault, in its world")
    parser.add_argument("--faults", metavar="KIND=RATE,…", help="in a world with these rates, see model/faults.py")
    given = parser.parse_args(arguments)
    if given.seed is None:
        return _count(given.seeds)
    planted = next((one for one in PLANTED if one.id == given.planted), Planted(StageLoop, "nothing"))
    faults = _harsher(planted.faults, given.faults) if given.faults else planted.faults
    with planted.in_place() as make_loop:
        world = play(given.seed, make_loop, faults, diary=True)
    broken = violations(world)
    entries = [_entry(given.entry)] if given.entry else []
    print(report(world, broken) if broken and not entries else "\n".join(timeline(world, entries)))
    return int(bool(broken))


def _count(seeds: int) -> int:
    tally: Counter[str] = Counter()
    started = time.process_time()
    found = failures(range(seeds), tally)
    seconds = time.process_time() - started
    print("\n\n".join(found[:3]))
    print(f"{seeds:,} histories, {seconds:.0f} s of CPU, {seconds / seeds * 1000:.1f} ms each; for 1,000 of them:\n")
    for title, kinds in _sections(tally):
        print(title)
        for kind in kinds:
            print(f"  {kind:32} {tally[kind] * 1000 / seeds:>9,.0f}")
    return int(bool(found))


def _sections(tally: Counter[str]) -> Iterator[tuple[str, list[str]]]:
    faults = [field.name for field in fields(Faults) if field.name in tally and field.name != "steps"]
    sizes = ["steps", "calls", "transactions", "commits", "commits among faults", "assignments", "restores"]
    yield "size", sizes
    yield "faults", faults
    yield (
        "what came of them",
        sorted(
            kind for kind in tally if kind.startswith(("ended", "rebuilt", "session", "refus")) and kind not in faults
        ),
    )
    yield (
        "records",
        [
            "raw records",
            "entries",
            *sorted(kind for kind in tally if kind.startswith("raw ") and kind != "raw records"),
        ],
    )
    yield "outcomes", sorted(kind for kind in tally if kind.startswith("outcome"))


def _harsher(faults: Faults, rates: str) -> Faults:
    given = (part.split("=") for part in rates.split(","))
    changes: dict[str, Any] = {kind: float(rate) for kind, rate in given}
    return replace(faults, **changes)


def _entry(text: str) -> Ref:
    partition, offset, index = (int(part) for part in text.split("/"))
    return partition, offset, index


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
