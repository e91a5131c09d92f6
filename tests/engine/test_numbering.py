"""Revision numbers: what is wrong is found, whatever else stands between, and nothing else is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.engine.numbering import Numbers, Source

ID = "00112233445566778899aabbccddeeff"


class Given:
    """Numbers of one item, each of an entry of its own."""

    def __init__(self) -> None:
        self.numbers = Numbers("feeds.raw")
        self.count = 0

    def note(self, revision: int, *, item: bool = True, replayed: bool = False, judged: bool = True) -> None:
        place = Source(3, self.count, 0)
        assert self.numbers.note(ID, revision, place, item=item, replayed=replayed, judged=judged)
        self.count += 1


@pytest.mark.parametrize(
    ("notes", "wrong"),
    [
        pytest.param([(1, ""), (2, ""), (3, "")], [], id="in order"),
        pytest.param([(7, ""), (8, "")], [], id="the first ones are long gone"),
        pytest.param([(1, ""), (2, "letter"), (3, "")], [], id="a dead letter in the row"),
        pytest.param([(1, ""), (3, ""), (2, "letter")], [], id="a dead letter stands on another topic"),
        pytest.param([(1, ""), (1, "replay"), (2, ""), (2, "replay")], [], id="read anew"),
        pytest.param([(1, ""), (2, "letter"), (2, "replay"), (3, "")], [], id="replayed"),
        pytest.param([(1, "old"), (3, "old"), (4, "")], [], id="old ones are compacted"),
        pytest.param([(1, "old"), (3, "")], [], id="what lay before the first that is judged"),
        pytest.param([(1, ""), (2, "old"), (3, "")], [], id="in between one of a document that is not judged"),
        pytest.param([(7, "old"), (1, "old"), (1, ""), (2, "")], [], id="an earlier generation, not asked about"),
        pytest.param([(1, ""), (1, "")], ["1/0: revision 1 of its item, as feeds.raw/3/0/0 is"], id="twice"),
        pytest.param([(1, ""), (1, "letter")], ["1/0: revision 1 of its item, as feeds.raw/3/0/0 is"], id="and failed"),
        pytest.param([(2, ""), (1, "")], ["1/0: revision 1 of its item stands behind revision 2"], id="out of order"),
        pytest.param([(1, ""), (4, "")], ["1/0: revision 4 of its item, and the one before is revision 1"], id="gap"),
        pytest.param(
            [(1, ""), (2, "old"), (4, "")], ["2/0: revision 4 of its item, and the one before is revision 2"],
            id="a gap behind one that is not judged",
        ),
    ],
)  # fmt: skip
def test_of_one_item(notes: list[tuple[int, str]], wrong: list[str]) -> None:
    given = Given()
    for revision, kind in notes:
        given.note(revision, item=kind != "letter", replayed=kind == "replay", judged=kind != "old")
    assert list(given.numbers.wrong()) == ["feeds.raw/3/" + sentence for sentence in wrong]


@pytest.mark.parametrize(
    ("id", "revision"), [("", 1), ("0" * 31, 1), ("g" * 32, 1), (ID, 0), (ID, -1), (ID, 1 << 60), ("-" + ID[1:], 1)]
)
def test_no_id_and_no_number(id: str, revision: int) -> None:
    numbers = Numbers("feeds.raw")
    assert not numbers.note(id, revision, Source(0, 0, 0), item=True, replayed=False, judged=True)
    assert list(numbers.wrong()) == []


@pytest.mark.parametrize(
    "source",
    [
        Source(-1, 0, 0),
        Source(1 << 10, 0, 0),
        Source(0, -1, 0),
        Source(0, 1 << 38, 0),
        Source(0, 0, -1),
        Source(0, 0, 1 << 16),
    ],
)
def test_no_place_of_an_entry(source: Source) -> None:
    numbers = Numbers("feeds.raw")
    assert not numbers.note(ID, 1, source, item=True, replayed=False, judged=False)
    assert len(numbers) == 0


def test_what_counts_twice_is_the_number_not_the_record() -> None:
    """One entry with two outcomes is doubled, and the ledger says so elsewhere."""
    numbers = Numbers("feeds.raw")
    for _ in range(2):
        numbers.note(ID, 1, Source(0, 0, 0), item=True, replayed=False, judged=True)
    assert list(numbers.wrong()) == []


@given(st.lists(st.integers(0, 5), max_size=60), st.data())
def test_any_mill_is_right_and_any_one_loss_inside_is_found(items: list[int], data: st.DataObject) -> None:
    """Entries of several items, in any order; one outcome is taken away that has others before and behind it."""
    latest = dict.fromkeys(items, 0)
    written = []
    for number, item in enumerate(items):
        latest[item] += 1
        written.append((f"{item:016x}" + "0" * 16, latest[item], Source(0, number, 0)))
    inner = [at for at, (id, revision, _) in enumerate(written) if 1 < revision < latest[int(id[:16], 16)]]
    lost = data.draw(st.sampled_from(inner)) if inner else None
    for missing in {None, lost}:
        numbers = Numbers("feeds.raw")
        for at, (id, revision, source) in enumerate(written):
            if at != missing:
                numbers.note(id, revision, source, item=True, replayed=False, judged=True)
        assert len(list(numbers.wrong())) == (missing is not None)
