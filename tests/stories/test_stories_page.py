"""docs/guide/stories.md: every rule has its example there, and the evidence is what the stage really says."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from agents import samples
from agents.pipeline import Pipeline
from agents.run import run
from agents.runstate import RunState
from agents.sources.records import RawRecord
from agents.stories.index import STORY_WINDOW
from agents.stories.kinship import NEAR, NEAR_BRIEF
from agents.stories.nearcopy import AT_ONCE, CONTAINED, SHARED_AT_ONCE, SHARED_ELSEWHERE, SHARED_LATER, WINDOW
from schemas import GroupingRule, Item
from tests.documents import markdown

PAGE = (Path(__file__).parents[2] / "docs" / "guide" / "stories.md").read_text(encoding="utf-8")
NOW = datetime(2026, 11, 23, tzinfo=UTC)

EXAMPLES = {
    GroupingRule.FIRST_REPORT: "165-reservoir",
    GroupingRule.SAME_EVENT: "157-elephant 159-elephant-zaowan",
    GroupingRule.NEAR_COPY: "157-elephant 161-elephant-hant",
    GroupingRule.EXCERPT: "157-elephant 160-elephant-excerpt",
    GroupingRule.KEPT: "020-ferry 029-ferry-number",
}
"""The sample documents that are shown to the stage one after the other; the last one's last new item says it."""


def milled(records: list[RawRecord]) -> list[Item]:
    return [
        msgspec.json.decode(result.value or b"", type=Item)
        for done in run(records, Pipeline(), RunState(), NOW)
        for result in done.results
    ]


@pytest.mark.parametrize("rule", EXAMPLES)
def test_the_example_of_each_rule(rule: GroupingRule) -> None:
    records = {record.ref: record for record in samples.records()}
    items = milled([records[ref] for ref in EXAMPLES[rule].split()])
    found = next(item.grouping for item in items[1:] if item.grouping.rule is rule)
    section = PAGE.partition(f"### `{rule.value}`\n")[2].partition("\n#")[0]
    assert EXAMPLES[rule].split()[-1] in section
    assert found.evidence
    for line in found.evidence:
        assert f"- `{line}`\n" in section


def test_what_has_no_word_is_not_grouped() -> None:
    [item] = milled([RawRecord(body=markdown("♪ ♪", "♪"))])
    assert (item.grouping.rule, item.grouping.evidence, item.story_id) == (GroupingRule.NOT_GROUPED, [], item.id)


def test_every_rule_has_its_section() -> None:
    assert set(re.findall(r"^### `(.*)`$", PAGE, re.MULTILINE)) == set(GroupingRule)


@pytest.mark.parametrize(
    "says",
    [
        f"from {NEAR} on ({NEAR_BRIEF} where there is little but a title)",
        f"at another site from {SHARED_ELSEWHERE} on; at the same site from {SHARED_AT_ONCE}",
        f"within {AT_ONCE // 3600} hours and {SHARED_LATER} later",
        f"groups of five characters, from {CONTAINED} on",
        f"those of the {WINDOW // 86_400} days before",
    ],
)
def test_its_figures_are_those_of_the_code(says: str) -> None:
    assert says in PAGE
    assert STORY_WINDOW == 4 * 86_400, "the page says: the last four"
