"""The account of a piece can fail: each kind of wrong is planted into what came out, and told."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache
from typing import Any

import msgspec
import pytest

from agents.engine.intake import raw_document
from agents.engine.transport import Incoming
from agents.pipeline import Pipeline
from agents.runstate import RunState
from agents.stage import Topic
from tests.chaos.check import Outcomes, compare
from tests.chaos.documents import documents

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)

Written = list[tuple[Topic, dict[str, Any]]]


@cache
def _alone() -> tuple[tuple[Topic, bytes], ...]:
    """What one process makes of some feeds, in the order of its topics."""
    pipeline, state = Pipeline(), RunState()
    results = [
        result
        for offset, raw in enumerate(documents(700, seed=3))
        for result in pipeline.process(
            raw_document(Incoming("feeds.raw", 0, offset, int(NOW.timestamp() * 1000), raw.key, raw.body, raw.headers)),
            state,
            NOW,
        )
    ]
    return tuple((result.role, result.value) for result in results if result.value is not None)


def made() -> Written:
    return [(topic, msgspec.json.decode(value)) for topic, value in _alone()]


def told(written: Written, *, grouped: bool = True, refusing: bool = False) -> list[str]:
    outcomes = Outcomes(grouped=grouped, refusing=refusing)
    for offset, (topic, value) in enumerate(written):
        outcomes.note(topic, f"{topic.value}/0/{offset}", msgspec.json.encode(value))
    return [violation.what for violation in compare(outcomes, _alone())]


def first(written: Written, **fields: Any) -> int:
    """The first outcome with such fields."""
    return next(at for at, (_, value) in enumerate(written) if fields.items() <= value.items())


def test_what_one_process_gives_is_whole() -> None:
    written = made()
    kinds = {value.get("verdict") or value.get("code") or "duplicate" for _, value in written}
    assert kinds >= {"new", "revision", "reprint", "duplicate", "empty-entry"}
    assert told(written) == []


# --- what is planted, each into what was read


def lose(written: Written) -> None:
    del written[first(written, verdict="new")]


def lose_a_duplicate(written: Written) -> None:
    del written[next(at for at, (topic, _) in enumerate(written) if topic is Topic.DUPLICATES)]


def lose_a_document(written: Written) -> None:
    offset = written[50][1]["source"]["offset"]
    written[:] = [one for one in written if one[1]["source"]["offset"] != offset]


def double(written: Written) -> None:
    written.append(copy.deepcopy(written[first(written, verdict="new")]))


def double_as_a_duplicate(written: Written) -> None:
    value = copy.deepcopy(next(value for topic, value in written if topic is Topic.DUPLICATES))
    value["source"] = written[first(written, verdict="new")][1]["source"]
    written.append((Topic.DUPLICATES, value))


def alter(written: Written) -> None:
    written[first(written, verdict="new")][1]["keywords"] = []


def alter_the_story(written: Written) -> None:
    written[first(written, verdict="new")][1]["grouping"]["rule"] = "same-event"


def alter_the_rule(written: Written) -> None:
    next(value for topic, value in written if topic is Topic.DUPLICATES)["decision"]["rule"] = "older-copy"


def alter_a_dead_letter(written: Written) -> None:
    written[first(written, code="empty-entry")][1]["message"] = "Something else."


def take_for_a_dead_letter(written: Written) -> None:
    at = first(written, verdict="new")
    value = {**written[at][1], "code": "refused-by-broker", "stage": "stories", "failed_at": "2026-11-20T12:00:00Z"}
    written[at] = Topic.DEAD_LETTER, value


def leave_a_gap(written: Written) -> None:
    written[first(written, verdict="revision")][1]["revision"] += 1


def number_twice(written: Written) -> None:
    written[first(written, verdict="revision")][1]["revision"] = 1


def turn_round(written: Written) -> None:
    at = first(written, verdict="revision")
    id = written[at][1]["id"]
    before = next(one for one, (topic, value) in enumerate(written) if topic is Topic.ENRICHED and value["id"] == id)
    written[at], written[before] = written[before], written[at]


def move_to_another_story(written: Written) -> None:
    written[first(written, verdict="revision")][1]["story_id"] = "f" * 32


def forget_the_original(written: Written) -> None:
    at = first(written, verdict="revision")
    id = written[at][1]["id"]
    written[first(written, id=id)][1]["reprint_of"] = "a" * 32


def add_of_nothing(written: Written) -> None:
    value = copy.deepcopy(written[first(written, code="empty-entry")][1])
    value["source"]["offset"] += 1_000_000
    written.append((Topic.DEAD_LETTER, value))


@pytest.mark.heavy
@pytest.mark.parametrize(
    ("plant", "says"),
    [
        pytest.param(lose, r"has no outcome; one process gives enriched, new", id="a loss"),
        pytest.param(lose_a_duplicate, r"has no outcome; one process gives duplicates", id="a duplicate lost"),
        pytest.param(lose_a_document, r"has no outcome", id="a document lost"),
        pytest.param(double, r"has an outcome at enriched/0/\d+, and the same one at enriched", id="a double"),
        pytest.param(
            double_as_a_duplicate, r"at enriched/0/\d+, and another one at duplicates", id="two outcomes of two kinds"
        ),
        pytest.param(alter, r"differs from what one process gives", id="an item altered"),
        pytest.param(alter_the_story, r"differs from what one process gives", id="a grouping altered"),
        pytest.param(alter_the_rule, r"differs from what one process gives", id="a duplicate's rule altered"),
        pytest.param(alter_a_dead_letter, r"differs from what one process gives", id="a dead letter altered"),
        pytest.param(take_for_a_dead_letter, r"differs from what one process gives", id="refused, and nobody refused"),
        pytest.param(leave_a_gap, r"has the revisions \[1, 3\]", id="a gap in revisions"),
        pytest.param(number_twice, r"revision 1 of \w+ has two contents", id="a revision with two contents"),
        pytest.param(turn_round, r"revision 1, at .*, stands behind 2", id="revisions out of order"),
        pytest.param(move_to_another_story, r"has moved to another story", id="a revision in another story"),
        pytest.param(forget_the_original, r"moved to another story or original", id="a reprint that is none any more"),
        pytest.param(add_of_nothing, r"1 outcomes are of entries that one process does not find", id="one of nothing"),
    ],
)
def test_what_is_planted_is_told(plant: Callable[[Written], None], says: str) -> None:
    written = made()
    plant(written)
    found = told(written)
    assert any(re.search(says, one) for one in found), found[:5]


def test_a_tombstone_that_nobody_asked_for_is_told() -> None:
    outcomes = Outcomes(grouped=True)
    outcomes.note(Topic.ENRICHED, "enriched/0/7", None)
    assert "enriched/0/7 is a tombstone" in outcomes.violations()[0].what


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        pytest.param({}, None, id="its own revision"),
        pytest.param({"revision": 7}, r"was refused as \w+ r7: it is enriched, new, revision 1", id="another"),
        pytest.param({"id": None, "revision": None}, r"was refused as None rNone", id="of no item"),
    ],
)
def test_an_item_that_the_broker_refused_keeps_its_number(fields: dict[str, Any], says: str | None) -> None:
    written = made()
    take_for_a_dead_letter(written)
    at = first(written, code="refused-by-broker")
    written[at][1].update(fields)
    found = told(written, refusing=True)
    assert (found == []) if says is None else any(re.search(says, one) for one in found)


def test_a_revision_may_be_found_to_be_a_copy() -> None:
    written = made()
    written[first(written, verdict="revision")][1]["reprint_of"] = "a" * 32
    assert not any("moved" in one for one in told(written))


def test_with_several_partitions_the_grouping_is_left_out() -> None:
    written = made()
    value = written[first(written, verdict="reprint")][1]
    value.update(verdict="new", reprint_of=None, story_id="e" * 32, grouping={"rule": "first-report"})
    assert told(written, grouped=False) == []
    assert told(written, grouped=True)
