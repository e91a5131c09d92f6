"""Where an item comes to stand among others, and why."""

from __future__ import annotations

from typing import Any

import pytest

from agents.stories.grouping import MOST_COPIES
from schemas import GroupingRule, Item, Verdict
from tests.stories.desk import DAYS, HOURS, Desk, draft, id_of, name_of, retraction, sentences

HOME, AWAY, FAR = "lanhai.example", "nanyang.example", "beiyuan.example"
FERRY = (
    "灯塔湾的渡轮星期四清晨在浓雾中搁浅，港务局说雷达失灵，两艘拖船中午赶到，渡轮在涨潮以后被拉回航道。船长承认没有减速，"
    "他说雾里什么也看不见，只听得到海豹的叫声。"
)
FERRY_AGAIN = "港务局昨天确认，在灯塔湾搁浅的渡轮已由拖船拖回。船长对记者说，浓雾里雷达没有任何信号。"


@pytest.fixture
def desk() -> Desk:
    return Desk()


def grouped(item: Item) -> tuple[GroupingRule, str | None, str | None, str | None]:
    """Rule, match, story and original, by the names of this file."""
    return item.grouping.rule, name_of(item.grouping.matched), name_of(item.story_id), name_of(item.reprint_of)


def group(desk: Desk, id: bytes) -> list[int]:
    """The numbers of the sightings of an original and its copies."""
    return [number for _, number, _ in desk.memory.copies(id)]


def test_a_story_of_its_own(desk: Desk) -> None:
    one = desk.see("a", "渡轮搁浅", FERRY)
    assert grouped(one) == (GroupingRule.FIRST_REPORT, None, "a", None)
    assert one.verdict is Verdict.NEW


def test_nothing_to_compare_by(desk: Desk) -> None:
    for name in ("a", "b"):
        assert grouped(desk.see(name, "", "")) == (GroupingRule.NOT_GROUPED, None, name, None)


def test_a_reprint_is_one_of_the_earliest(desk: Desk) -> None:
    text = sentences(1)
    desk.see("a", "甲", text)
    second = desk.see("b", "乙", text, site=AWAY, after=HOURS)
    third = desk.see("c", "丙", text, site=FAR, after=3 * DAYS)
    assert grouped(second) == grouped(third) == (GroupingRule.NEAR_COPY, "a", "a", "a")
    assert second.verdict is third.verdict is Verdict.REPRINT
    assert second.grouping.score == 1.0
    assert second.grouping.evidence == [
        "100 % of all their groups of five characters stand in both texts",
        "another site, 1 h apart",
    ]
    assert third.grouping.evidence[1] == "another site, 3 days apart"


def test_another_address_of_the_site(desk: Desk) -> None:
    desk.see("a", "甲", sentences(1))
    again = desk.see("b", "甲", sentences(1), after=HOURS / 2)
    assert grouped(again)[0] is GroupingRule.NEAR_COPY
    assert again.grouping.evidence[1] == "another address of the same site, 30 min apart"


def test_an_excerpt(desk: Desk) -> None:
    desk.see("a", "甲", sentences(1, 30))
    cut = desk.see("b", "乙", sentences(1, 30)[:250], site=AWAY, after=HOURS)
    assert grouped(cut) == (GroupingRule.EXCERPT, "a", "a", "a")
    assert cut.grouping.score is not None
    assert cut.grouping.score > 0.9
    assert cut.grouping.evidence[0].endswith("of the shorter text stands in the longer one")


def test_the_original_is_the_earliest_that_is_alike_itself(desk: Desk) -> None:
    """Not the end of a chain: the third has nothing of the first."""
    desk.see("a", "甲", sentences(1))
    desk.see("b", "乙", sentences(1) + sentences(2), site=AWAY, after=HOURS)
    third = desk.see("c", "丙", sentences(2), site=FAR, after=2 * HOURS)
    assert grouped(third) == (GroupingRule.EXCERPT, "b", "a", "b")
    assert group(desk, id_of("a")) == [0, 1, 2]


def test_a_reprint_shares_the_story_of_its_original(desk: Desk) -> None:
    desk.see("a", "渡轮在灯塔湾搁浅", FERRY)
    text = FERRY_AGAIN + sentences(1)
    report = desk.see("b", "灯塔湾搁浅渡轮拖回", text, site=AWAY, after=HOURS)
    assert grouped(report) == (GroupingRule.SAME_EVENT, "a", "a", None)
    copy = desk.see("c", "别的什么", text, site=FAR, after=2 * HOURS)
    assert grouped(copy) == (GroupingRule.NEAR_COPY, "b", "a", "b")


def test_two_reports_of_one_event(desk: Desk) -> None:
    desk.see("a", "渡轮在灯塔湾搁浅", FERRY)
    other = desk.see("b", "灯塔湾搁浅渡轮拖回", FERRY_AGAIN, site=AWAY, after=5 * HOURS)
    assert grouped(other) == (GroupingRule.SAME_EVENT, "a", "a", None)
    assert other.verdict is Verdict.NEW
    assert other.grouping.evidence[0].startswith("shares ")
    assert "搁浅" in other.grouping.evidence[0]
    assert grouped(desk.see("c", "海豹学会了拉小提琴", sentences(3), after=6 * HOURS))[2] == "c"


def test_two_english_reports_of_one_event(desk: Desk) -> None:
    desk.see("a", "Harbour ferry strikes reef off Talrien", "The captain blamed the fog.", language="en")
    other = desk.see("b", "Talrien ferry struck a reef", "Fog hid the reef.", language="en", site=AWAY, after=HOURS)
    assert grouped(other) == (GroupingRule.SAME_EVENT, "a", "a", None)
    assert "talrien" in other.grouping.evidence[0]


def test_an_event_is_over_after_four_days(desk: Desk) -> None:
    desk.see("a", "渡轮在灯塔湾搁浅", FERRY)
    late = desk.see("b", "灯塔湾搁浅渡轮拖回", FERRY_AGAIN, site=AWAY, after=4 * DAYS + HOURS)
    assert grouped(late) == (GroupingRule.FIRST_REPORT, None, "b", None)


def test_a_series_makes_no_story(desk: Desk) -> None:
    desk.see("a", "灯塔湾雾情第1期", FERRY)
    assert grouped(desk.see("b", "灯塔湾雾情第2期", FERRY_AGAIN, after=HOURS))[2] == "b"
    assert grouped(desk.see("c", "灯塔湾雾情第3期", FERRY, site=AWAY, after=HOURS))[2] == "a", "another site's may"


def test_a_sibling_that_is_alike_is_named(desk: Desk) -> None:
    desk.see("a", "雾（上）", sentences(1))
    part = desk.see("b", "雾（下）", sentences(1), after=HOURS)
    assert grouped(part) == (GroupingRule.FIRST_REPORT, None, "b", None)
    assert part.grouping.evidence == [f"kept apart from {id_of('a').hex()}: other numbers in the title"]


def test_a_group_takes_nobody_whose_sibling_is_in_it(desk: Desk) -> None:
    """The copy of another site is alike enough; the original's own site says that it is another part."""
    text = sentences(1, 30)
    desk.see("a", "雾（上）", text[:-100] + sentences(2, 4))
    desk.see("b", "雾", text, site=AWAY, after=HOURS)
    assert grouped(desk.see("c", "雾（下）", text, site=FAR, after=2 * HOURS))[3] == "a", "of a third site it is a copy"
    part = desk.see("d", "雾（下）", text, after=3 * HOURS)
    assert grouped(part)[3] is None
    assert part.grouping.evidence[-1].endswith("other numbers in the title")


def test_nor_anybody_whose_own_copy_is_a_sibling(desk: Desk) -> None:
    desk.see("a", "雾（上）", sentences(1))
    desk.see("x", "海豹", sentences(2), site=AWAY, after=HOURS)
    desk.see("y", "雾（下）", sentences(2), after=2 * HOURS)
    revised = desk.see("x", "海豹", sentences(1), site=AWAY, after=3 * HOURS, revision=2)
    assert grouped(revised) == (GroupingRule.KEPT, None, "x", None)
    assert desk.memory.copies(id_of("a")) == []


def test_a_later_sighting_keeps_what_was_given(desk: Desk) -> None:
    desk.see("a", "甲", sentences(1))
    desk.see("b", "乙", sentences(1), site=AWAY, after=HOURS)
    again = desk.see("b", "乙", sentences(1), site=AWAY, after=2 * HOURS, revision=2)
    assert grouped(again) == (GroupingRule.KEPT, "a", "a", "a")
    assert (again.grouping.score, again.grouping.evidence) == (1.0, ["given before, as near-copy"])
    assert again.verdict is Verdict.REVISION
    assert len(list(desk.memory.sightings(0))) == 2, "so much like the sighting before, it is none of its own"


def test_a_story_never_changes(desk: Desk) -> None:
    desk.see("a", "甲", sentences(1))
    desk.see("b", "渡轮在灯塔湾搁浅", FERRY, site=AWAY, after=HOURS)
    moved = desk.see("b", "甲", sentences(3), site=AWAY, after=2 * HOURS, revision=2)
    assert grouped(moved) == (GroupingRule.KEPT, None, "b", None)


def test_a_revision_finds_its_original(desk: Desk) -> None:
    """The first version was a line; the story stays the one that was given to it."""
    desk.see("a", "甲", sentences(1))
    desk.see("b", "乙", "快讯。", site=AWAY, after=HOURS)
    whole = desk.see("b", "乙", sentences(1), site=AWAY, after=2 * HOURS, revision=2)
    assert grouped(whole) == (GroupingRule.NEAR_COPY, "a", "b", "a")
    assert whole.verdict is Verdict.REVISION
    kept = desk.see("b", "乙", sentences(4), site=AWAY, after=3 * HOURS, revision=3)
    assert grouped(kept) == (GroupingRule.KEPT, "a", "b", "a"), "and is not looked for again"
    copy = desk.see("c", "丙", sentences(4), site=FAR, after=4 * HOURS)
    assert grouped(copy) == (GroupingRule.NEAR_COPY, "b", "b", "b"), "a revision can be copied too"


def test_a_revision_links_two_groups(desk: Desk) -> None:
    desk.see("a", "甲", sentences(1))
    desk.see("a2", "甲", sentences(1), site=AWAY, after=HOURS)
    desk.see("b", "乙", sentences(2), site=FAR, after=2 * HOURS)
    desk.see("b2", "乙", sentences(2), site=AWAY, after=3 * HOURS)
    assert group(desk, id_of("b")) == [2, 3]
    linked = desk.see("b", "乙", sentences(1), site=FAR, after=4 * HOURS, revision=2)
    assert grouped(linked) == (GroupingRule.NEAR_COPY, "a", "b", "a")
    assert group(desk, id_of("a")) == [0, 1, 4, 3], "each item with its latest, in the order of their first"
    assert desk.memory.copies(id_of("b")) == []
    late = desk.see("c", "丙", sentences(2), site=HOME, after=5 * HOURS)
    assert grouped(late) == (GroupingRule.NEAR_COPY, "b", "b", "b"), "which had that text at first"
    assert group(desk, id_of("a")) == [0, 1, 4, 3, 5]


def test_a_retracted_item_is_nobodys_original(desk: Desk) -> None:
    desk.see("a", "甲", sentences(1))
    desk.show(retraction("a", HOURS), retraction("unknown", HOURS))
    second = desk.see("b", "乙", sentences(1), site=AWAY, after=2 * HOURS)
    assert second.reprint_of is None
    third = desk.see("c", "丙", sentences(1), site=FAR, after=3 * HOURS)
    assert name_of(third.reprint_of) == "b"
    assert desk.membership("unknown") is None


def test_a_retracted_copy_does_not_lead_to_its_original(desk: Desk) -> None:
    desk.see("a", "甲", sentences(1))
    desk.see("b", "乙", sentences(1) + sentences(2), site=AWAY, after=HOURS)
    desk.show(retraction("b", 2 * HOURS))
    assert desk.see("c", "丙", sentences(2), site=FAR, after=3 * HOURS).reprint_of is None


@pytest.mark.parametrize(
    ("given", "reprint"),
    [
        pytest.param({"after": 14 * DAYS}, "a", id="14 days later"),
        pytest.param({"after": 14 * DAYS + HOURS}, None, id="later than the window"),
    ],
)
def test_the_window(given: dict[str, Any], reprint: str | None) -> None:
    desk = Desk(smallest=16)
    desk.see("a", "甲", sentences(1))
    for number in range(20):
        desk.see(f"filler {number}", "", sentences(100 + number))
    assert name_of(desk.see("b", "乙", sentences(1), site=AWAY, **given).reprint_of) == reprint


def test_what_was_given_stays_however_long_nothing_changes(desk: Desk) -> None:
    """Duplicates never come to this stage: an item may be in its feed every day and unknown here for months."""
    desk.see("a", "甲", sentences(1))
    desk.see("b", "乙", sentences(1), site=AWAY, after=HOURS)
    assert grouped(desk.see("b", "乙", sentences(1), site=AWAY, after=89 * DAYS, revision=2))[2:] == ("a", "a")
    assert grouped(desk.see("b", "乙", sentences(2), site=AWAY, after=180 * DAYS, revision=3))[2:] == ("a", "a")


def test_any_revision_of_an_original_can_be_copied(desk: Desk) -> None:
    desk.see("a", "甲", sentences(1))
    desk.see("first", "乙", sentences(1), site=AWAY)
    for number in range(2, 80):
        desk.see("a", "甲", sentences(number), revision=number, after=number * HOURS / 60)
    assert len(group(desk, id_of("a"))) == 2
    late = desk.see("late", "丙", sentences(79), site=FAR, after=2 * HOURS)
    assert grouped(late) == (GroupingRule.NEAR_COPY, "a", "a", "a")
    middle = desk.see("middle", "丁", sentences(40), site="d.example", after=3 * HOURS)
    assert name_of(middle.reprint_of) == "a"


def test_chains_never_close(desk: Desk) -> None:
    """A copy of a copy of an original that becomes like the last of them is nobody's copy: they are its own."""
    desk.see("a", "甲", sentences(1))
    desk.see("e", "乙", sentences(1) + sentences(2), site=AWAY, after=HOURS)
    desk.see("d", "丙", sentences(2), site=FAR, after=2 * HOURS)
    again = desk.see("a", "甲", sentences(2), revision=2, after=3 * HOURS)
    assert again.reprint_of is None


def test_items_of_no_known_site_are_of_different_ones(desk: Desk) -> None:
    desk.see("a", "甲", sentences(1), site=None)
    copy = desk.see("b", "乙", sentences(1), site=None, after=HOURS)
    assert name_of(copy.reprint_of) == "a"
    assert copy.grouping.evidence[1].startswith("another site")


def test_a_group_is_bounded(desk: Desk) -> None:
    for number in range(MOST_COPIES + 6):
        copy = desk.see(f"{number}", "甲", sentences(1), site=f"s{number}.example", after=number * HOURS)
        assert number == 0 or name_of(copy.reprint_of) == "0"
    assert len(desk.memory.copies(id_of("0"))) == MOST_COPIES


def test_what_the_index_has_dropped_is_swept_from_the_state() -> None:
    desk = Desk(smallest=16, most=32)
    for number in range(60):
        desk.see(f"{number}", "甲", sentences(1), site=f"s{number}.example", after=number * HOURS)
    [(first, _, _), *_] = desk.memory.shelf().segments
    assert [number for number, _ in desk.memory.sightings(0)] == list(range(first, 60))
    assert group(desk, id_of("0")) == list(range(first, 60))
    assert first == desk.memory.shelf().kept > 0


def test_the_items_of_a_batch_see_each_other(desk: Desk) -> None:
    first, second = desk.together([draft("a", "甲", sentences(1)), draft("b", "乙", sentences(1), site=AWAY)])
    assert grouped(first)[3] is None
    assert grouped(second)[3] == "a"
