from __future__ import annotations

from pathlib import Path

import msgspec

from tests.chaos import results
from tests.chaos.__main__ import main
from tests.chaos.results import Result

ONE = Result(
    seed=1,
    entries=50_000,
    documents=1_400,
    outcomes={"enriched new": 36_000, "enriched revision": 2_000, "duplicates same-entry": 12_000},
    faults={"kill -9": 2, "SIGTERM": 1},
    partitions=4,
    workers=3,
    starts=9,
    exits={"-9": 2, "70": 1},
    broken_off=11,
    seconds=200,
    peak_rss_mb=250,
    result="whole",
    commit="abc",
)


def test_pieces_are_added_and_summed(tmp_path: Path) -> None:
    file = tmp_path / "build" / "chaos.jsonl"
    assert results.report(results.read(file)) == "No piece has been run yet."
    for seed, memory in ((1, 250), (2, 300), (3, 200), (7, 100)):
        results.append(file, msgspec.structs.replace(ONE, seed=seed, peak_rss_mb=memory))
    told = results.report(results.read(file))
    for line in (
        "| pieces | 4, of which 4 whole (seeds 1-3, 7) |",
        "| entries | 200,000 |",
        "| … on enriched | 152,000 |",
        "| faults | 12 |",
        "| … kill -9 | 8 |",
        "| most memory of a worker | 300 MB |",
        "| commits | abc |",
    ):
        assert line in told.splitlines()


def test_a_seed_that_is_there_is_not_run_again(tmp_path: Path) -> None:
    file = tmp_path / "chaos.jsonl"
    results.append(file, ONE)
    before = file.read_bytes()
    assert main(["--seeds", "1", "--results", str(file)]) == 0  # at once: no broker is started
    assert file.read_bytes() == before
