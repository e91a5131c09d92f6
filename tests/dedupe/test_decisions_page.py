"""docs/guide/decisions.md: every rule has its example there, and the evidence is what the stage really says."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from agents.dedupe import lineage as lineages
from agents.dedupe.fingerprint import HASH_VERSION
from agents.dedupe.lineage import LINEAGE, read_lineage
from schemas import DedupeRule, Entry, Position
from tests.dedupe.articles import BREAD, FERRY, FERRY_CORRECTED, FERRY_SUMMARY, FERRY_TITLE, MOON, MOON_TITLE
from tests.dedupe.entries import Desk, entry, read

PAGE = (Path(__file__).parents[2] / "docs" / "guide" / "decisions.md").read_text(encoding="utf-8")
LINK = "https://lanhai.example/ferry"
FEED = "https://lanhai.example/feed.xml"
SUMMARIES = "https://lanhai.example/summaries.xml"
READER = "https://reader.example/best-of.xml"
LONG = f"{FERRY}\n{BREAD}\n{MOON}"


def ferry(text: str = FERRY, title: str = FERRY_TITLE, **known: object) -> Entry:
    return entry(title, text, link=LINK, **known)  # type: ignore[arg-type]


EXAMPLES = {
    DedupeRule.FIRST_SIGHTING: [ferry()],
    DedupeRule.REUSED_ADDRESS: [
        entry(FERRY_TITLE, FERRY, link="https://lanhai.example/live"),
        entry(MOON_TITLE, MOON, link="https://lanhai.example/live"),
    ],
    DedupeRule.CONTENT_CHANGED: [ferry(title="渡船为避让海豹搁浅"), ferry(FERRY_CORRECTED)],
    DedupeRule.RETURNED: [ferry(), ferry(day=120)],
    DedupeRule.REPLAYED: [ferry(), ferry(replay_of=Position("feeds.raw", 0, 0, 0))],
    DedupeRule.SAME_ENTRY: [ferry(), ferry()],
    DedupeRule.SAME_TEXT: [ferry(), ferry(markup="div")],
    DedupeRule.OLDER_COPY: [ferry(FERRY_CORRECTED, sent=1), ferry(sent=0.5)],
    DedupeRule.OTHER_FEED: [ferry(feed=FEED), ferry(FERRY_CORRECTED, feed=READER)],
    DedupeRule.TRUNCATED_COPY: [ferry(feed=FEED), ferry(FERRY_SUMMARY, feed=SUMMARIES)],
    DedupeRule.REBASED: [ferry(), ferry()],
    DedupeRule.SUPERSEDED: [ferry(), ferry(FERRY_CORRECTED), ferry(replay_of=Position("feeds.raw", 0, 0, 0))],
    DedupeRule.RETRACTION: [ferry(), entry("", "", link=LINK, retraction=True)],
    DedupeRule.RETRACTED: [ferry(), entry("", "", link=LINK, retraction=True), ferry()],
}


CHANGES = [
    pytest.param(
        [ferry(), ferry(FERRY.replace("，", ", "), title=f"{FERRY_TITLE}！")],
        [
            "the title changed, by its sketch only in punctuation, case or script",
            "the text changed, by its sketch only in punctuation, case or script (246 letters)",
        ],
        id="punctuation",
    ),
    pytest.param(
        [ferry(LONG), ferry(LONG.replace("by seven", "by eleven"))],
        ["the text changed in few places (918 letters before, 919 now)"],
        id="too little for a sketch of a long text",
    ),
]
"""What else `content-changed` says, where the sketches of both revisions are the same."""


def other_hashes(desk: Desk) -> None:
    for key in [key for key, value in desk.state.items() if value[:1] == LINEAGE]:
        found = read_lineage(desk.state, key)
        assert found is not None
        desk.state[key] = lineages.encode(msgspec.structs.replace(found[1], hashing=HASH_VERSION + 1))


@pytest.mark.parametrize("rule", list(DedupeRule))
def test_the_example_of_each_rule(rule: DedupeRule) -> None:
    desk = Desk()
    *before, last = EXAMPLES[rule]
    for shown in before:
        desk.outputs(shown)
    if rule is DedupeRule.REBASED:
        other_hashes(desk)
    decision = read(desk.outputs(last)[-1]).decision
    assert decision.rule is rule
    section = PAGE.partition(f"### `{rule.value}`\n")[2].partition("\n#")[0]
    assert section, "the page has a section for the rule"
    assert decision.evidence
    for line in decision.evidence:
        assert line in section


@pytest.mark.parametrize(("sightings", "expected"), CHANGES)
def test_changes_that_a_sketch_does_not_show(sightings: list[Entry], expected: list[str]) -> None:
    desk = Desk()
    *_, evidence = (read(desk.outputs(shown)[-1]).decision.evidence for shown in sightings)
    assert evidence[1:] == expected
    for line in expected:
        assert line in PAGE
