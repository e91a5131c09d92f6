"""The sweep takes away what is forgotten, and nothing that comes out shows that it was there."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.content.identity import guid_key, link_key
from agents.content.urls import canonicalize
from agents.dedupe.stage import DedupeStage
from agents.stage import Topic
from schemas import Entry, News
from tests.dedupe.articles import BREAD, BREAD_TITLE, CHESS, CHESS_TITLE, FERRY, FERRY_TITLE
from tests.dedupe.entries import START, entry
from tests.states import DictState

ARTICLES = ((FERRY_TITLE, FERRY), (BREAD_TITLE, BREAD), (CHESS_TITLE, CHESS))
LINKS = [f"https://www.lanhai.example/{number}.html" for number in range(4)]

shown = st.tuples(
    st.sampled_from(LINKS), st.sampled_from([None, "g1", "g2", "g3"]), st.sampled_from(ARTICLES), st.booleans(),
    st.sampled_from([0.0, 0.5, 3.0, 100.0, 500.0, 760.0]),
)  # fmt: skip


def entries(made: Sequence[tuple[str, str | None, tuple[str, str], bool, float]]) -> list[Entry]:
    """Entries that arrive so many days after each other, at most two weeks out of order; each stands somewhere else."""
    found, day = [], 0.0
    for number, (link, guid, (title, text), late, after) in enumerate(made):
        day += after
        one = entry(title, text, link=link, guid=guid, day=day - 14.0 * late)
        found.append(msgspec.structs.replace(one, source=msgspec.structs.replace(one.source, offset=number)))
    return found


def handled(stage: DedupeStage, state: DictState, batch: Sequence[Entry]) -> list[tuple[Topic, bytes | None]]:
    now: datetime = START
    outputs = stage.handle([msgspec.msgpack.encode(one) for one in batch], state, now)
    return [(output.topic, output.value) for output in outputs]


@settings(max_examples=150)
@given(st.lists(shown, min_size=1, max_size=25), st.data())
def test_nothing_that_comes_out_depends_on_it(
    made: list[tuple[str, str | None, tuple[str, str], bool, float]], data: st.DataObject
) -> None:
    """Nor on where batches end, which decides what is swept when."""
    rest, kept, swept = entries(made), DictState(), DictState()
    while rest:
        size = data.draw(st.integers(1, len(rest)))
        batch, rest = rest[:size], rest[size:]
        assert handled(DedupeStage(), kept, batch) == handled(DedupeStage(sweeps=True), swept, batch)
    assert len(swept) <= len(kept)


def test_what_is_forgotten_goes_with_its_addresses_and_what_is_not_stays() -> None:
    """Whatever others have taken of its addresses is theirs."""
    state = DictState()
    stage = DedupeStage(sweeps=True)
    first = entry(FERRY_TITLE, FERRY, link=LINKS[0], guid="g1")
    link, other, guid = (link_key(_identity(LINKS[0])), link_key(_identity(LINKS[1])), guid_key("lanhai.example", "g1"))
    handled(stage, state, [first])
    assert state.keys() == {link, guid}

    def visit(day: float, count: int) -> None:
        for number in range(count):
            one = entry(BREAD_TITLE, BREAD, link=LINKS[1], day=day)
            place = msgspec.structs.replace(one.source, offset=number)
            handled(stage, state, [msgspec.structs.replace(one, source=place)])

    visit(2 * 365 + 10, 40)
    assert state.keys() == {link, guid, other}, "forgotten, but an entry of before may still be on its way"
    visit(2 * 365 + 17, 40)
    assert state.keys() == {other}


def test_an_address_that_went_to_another_item_is_not_taken_from_it() -> None:
    state = DictState()
    stage = DedupeStage(sweeps=True)
    handled(stage, state, [entry(FERRY_TITLE, FERRY, link=LINKS[0], guid="g1")])
    late = 3 * 365.0
    handled(DedupeStage(), state, [entry(BREAD_TITLE, BREAD, link=LINKS[1], guid="g1", day=late)])
    for number in range(40):
        one = entry(CHESS_TITLE, CHESS, link=LINKS[2], day=late)
        handled(stage, state, [msgspec.structs.replace(one, source=msgspec.structs.replace(one.source, offset=number))])
    assert link_key(_identity(LINKS[0])) not in state
    [(topic, value)] = handled(stage, state, [entry(BREAD_TITLE, BREAD, link=LINKS[3], guid="g1", day=late)])
    assert topic is Topic.DUPLICATES, msgspec.msgpack.decode(value or b"", type=News)


def _identity(link: str) -> str:
    url = canonicalize(link)
    assert url is not None
    return url.identity
