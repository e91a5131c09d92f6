from __future__ import annotations

import msgspec
import pytest

from agents.cli.ledger import lines
from agents.engine.audit import Horizon
from agents.engine.ledger import Account, Faults
from agents.engine.topics import Naming

NOON = 1_795_176_000_000
NONE = Faults(0, [])
WHOLE = Account(
    raw=1200,
    entries=3000,
    items=1000,
    duplicates=1900,
    dead_letters=100,
    waiting=0,
    in_flight=0,
    missing=NONE,
    doubled=NONE,
    contradicting=NONE,
    elsewhere=0,
)


@pytest.mark.parametrize(
    ("changes", "said", "unsaid"),
    [
        pytest.param(
            {},
            [
                "3,000 entries = 1,000 items + 1,900 duplicates + 100 dead letters",
                "nothing is doubled. Nothing is altered.",
            ],
            [],
            id="whole",
        ),
        pytest.param(
            {"waiting": 5, "in_flight": 7},
            ["Not yet taken by the mill: 5 documents.", "between the stages: 7 entries.", "So far nothing is missing."],
            ["nothing is doubled."],
            id="on its way",
        ),
        pytest.param(
            {"items": 998, "missing": Faults(2, ["feeds.raw/0/1/2", "feeds.raw/0/1/3"])},
            ["3,000 entries ≠ 998 items", "Missing: 2", "  feeds.raw/0/1/3", "Doubled: 0"],
            ["othing is missing"],
            id="missing",
        ),
        pytest.param(
            {"doubled": Faults(90, ["one", "two"])},
            ["Doubled: 90", "  one", "  and 88 more"],
            ["nothing"],
            id="many doubled",
        ),
        pytest.param(
            {"contradicting": Faults(1, ["so and so"])}, ["Contradicting: 1", "  so and so"], [], id="contradicting"
        ),
        pytest.param({"altered": Faults(1, ["this one"])}, ["Altered: 1", "  this one"], ["othing"], id="altered"),
        pytest.param({"elsewhere": 4}, ["that `ingest` refused, never on the topic: 4."], [], id="refused by ingest"),
    ],
)
def test_what_is_said(changes: dict[str, object], said: list[str], unsaid: list[str]) -> None:
    text = "\n".join(lines(msgspec.structs.replace(WHOLE, **changes), Naming("news"), Horizon((0, 1), None, NOON)))
    assert text.startswith("The ledger of news.raw (partitions 0, 1), from the beginning to 2026-11-20T12:00:00Z.\n")
    for part in said:
        assert part in text
    for part in unsaid:
        assert part not in text


def test_the_window_is_named() -> None:
    horizon = Horizon((3,), NOON, NOON + 3_600_000, "feeds.duplicates/7 holds nothing older any more.")
    first, second, *_ = lines(WHOLE, Naming(), horizon)
    assert first == "The ledger of feeds.raw (partition 3), from 2026-11-20T12:00:00Z to 2026-11-20T13:00:00Z."
    assert second == "Earlier documents cannot be judged: feeds.duplicates/7 holds nothing older any more."
