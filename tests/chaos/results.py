"""What pieces found, one JSON object a line: a piece that is there is not run again."""

from __future__ import annotations

import subprocess
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec
from msgspec import Struct

ROOT = Path(__file__).parent.parent.parent


class Result(Struct, frozen=True, kw_only=True):
    """One finished piece. `exits` are the workers' exit codes, a signal as its negative number."""

    seed: int
    entries: int
    documents: int
    outcomes: dict[str, int]
    faults: dict[str, int]
    partitions: int
    workers: int
    starts: int
    exits: dict[str, int]
    broken_off: int
    seconds: int
    peak_rss_mb: int
    result: str
    commit: str


def read(file: Path) -> list[Result]:
    if not file.exists():
        return []
    decoder = msgspec.json.Decoder(Result)
    return [decoder.decode(line) for line in file.read_bytes().splitlines() if line]


def append(file: Path, result: Result) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("ab") as out:
        out.write(msgspec.json.encode(result) + b"\n")


def commit() -> str:
    """The commit that is checked out; with a plus sign where something was changed since."""
    done = subprocess.run(
        ["git", "describe", "--always", "--dirty=+", "--abbrev=10"],
        cwd=ROOT,
        capture_output=True,
        check=False,
        text=True,
    )
    return done.stdout.strip() or "unknown"


def report(results: Sequence[Result]) -> str:
    """The sum of all pieces, as a table for docs/reliability.md."""
    if not results:
        return "No piece has been run yet."
    faults = _sum(result.faults for result in results)
    outcomes = _sum(result.outcomes for result in results)
    ends = Counter[str]()
    for kind, count in outcomes.items():
        ends[kind.split()[0]] += count
    partitions = Counter(result.partitions for result in results)
    whole = sum(result.result == "whole" for result in results)
    lines = [
        "| | |",
        "|---|---|",
        f"| pieces | {len(results)}, of which {whole} whole (seeds {_ranges(result.seed for result in results)}) |",
        f"| partitions | {', '.join(f'{many} pieces with {number}' for number, many in sorted(partitions.items()))} |",
        f"| documents | {sum(result.documents for result in results):,} |",
        f"| entries | {sum(result.entries for result in results):,} |",
        *(f"| … on {topic} | {count:,} |" for topic, count in sorted(ends.items())),
        f"| faults | {sum(faults.values()):,} |",
        *(f"| … {kind} | {count:,} |" for kind, count in sorted(faults.items(), key=lambda one: -one[1])),
        f"| requests broken off | {sum(result.broken_off for result in results):,} |",
        f"| starts of workers | {sum(result.starts for result in results):,} |",
        f"| most memory of a worker | {max(result.peak_rss_mb for result in results)} MB |",
        f"| time | {sum(result.seconds for result in results) / 60:.0f} min |",
        f"| commits | {', '.join(dict.fromkeys(result.commit for result in results))} |",
    ]
    return "\n".join(lines)


def _sum(counts: Iterable[dict[str, int]]) -> Counter[str]:
    total = Counter[str]()
    for one in counts:
        total.update(one)
    return total


def _ranges(numbers: Iterable[int]) -> str:
    """`1-3, 7`."""
    found: list[list[int]] = []
    for number in sorted(set(numbers)):
        if found and found[-1][-1] == number - 1:
            found[-1].append(number)
        else:
            found.append([number])
    return ", ".join(str(run[0]) if len(run) == 1 else f"{run[0]}-{run[-1]}" for run in found)
