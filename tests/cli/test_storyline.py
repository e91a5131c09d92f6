"""A story for people: who is in it, in which order, and by which link."""

from __future__ import annotations

import io
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from rich.console import Console

from agents.cli.exits import CommandError, ExitCode
from agents.cli.storyline import Stories, Story, drawn
from agents.cli.terminal import safe
from schemas import Grouping, GroupingRule
from tests.stories.samples import ARRIVAL, item

A, B, C, D = (f"{letter * 8}{'0' * 24}" for letter in "abcd")


def told(id: str, minute: int = 0, story: str = A, **fields: Any) -> tuple[str, bytes]:
    """A record of `feeds.enriched`, seen so many minutes after the first."""
    fields.setdefault("title", f"Bridge {id[:1]}")
    fields.setdefault("grouping", Grouping(GroupingRule.FIRST_REPORT))
    made = item(id=id, story_id=story, seen_at=ARRIVAL + timedelta(minutes=minute), **fields)
    return id, msgspec.json.encode(made)


def copy_of(id: str) -> dict[str, Any]:
    return {"reprint_of": id, "grouping": Grouping(GroupingRule.NEAR_COPY, id, 0.9, ["another site"])}


def event(id: str) -> Grouping:
    return Grouping(GroupingRule.SAME_EVENT, id, 0.4, ["shares bridge"])


def collected(*records: tuple[str, bytes | None], wanted: str = A) -> Stories:
    stories = Stories(wanted)
    for id, value in records:
        stories.take(id, value)
    return stories


def order(story: Story) -> list[tuple[int, str]]:
    return [(depth, member.told.id) for depth, member in story.members]


def shown(story: Story) -> str:
    out = Console(file=io.StringIO(), width=80)
    for piece in drawn(story):
        out.print(piece)
    assert isinstance(out.file, io.StringIO)
    return "".join(f"{line.rstrip()}\n" for line in out.file.getvalue().splitlines())


def test_time_order_with_copies_under_their_originals() -> None:
    records = [
        told(A),
        told(B, 1, grouping=event(A)),
        told(C, 2, **copy_of(A)),
        told(D, 3, **copy_of(C)),
    ]
    for one in (records, records[::-1]):
        assert order(collected(*one).story("here")) == [(0, A), (1, C), (2, D), (0, B)]


def test_a_copy_whose_original_is_gone_stands_by_itself() -> None:
    story = collected(told(A), told(C, 2, **copy_of(B))).story("here")
    assert order(story) == [(0, A), (0, C)]
    assert f"copy of   {B}, which is not there any more" in shown(story)


def test_copies_of_each_other_are_all_shown() -> None:
    assert {id for _, id in order(collected(told(A, **copy_of(B)), told(B, **copy_of(A))).story("here"))} == {A, B}


def test_the_latest_revision_wins_and_the_first_ones_link_stays() -> None:
    kept = Grouping(GroupingRule.KEPT, A, 0.4, ["given before, as same-event"])
    text = shown(
        collected(
            told(A),
            told(B, 1, grouping=event(A), title="Bridge shut"),
            told(B, 9, revision=2, grouping=kept, title="Bridge open"),
        ).story("here")
    )
    assert "00:22  Bridge open\n  site      lanhai.example, revision 2\n  joined    same-event 0.40: " in text
    assert "shut" not in text


def test_a_replay_of_the_first_revision_does_not_hide_the_link() -> None:
    kept = Grouping(GroupingRule.KEPT, A, 0.4, ["given before, as same-event"])
    assert "joined    same-event" in shown(
        collected(told(A), told(B, 1, grouping=event(A)), told(B, 1, grouping=kept)).story("here")
    )


def test_a_first_revision_that_the_topic_has_lost() -> None:
    kept = Grouping(GroupingRule.KEPT, A, 0.4, ["given before, as same-event"])
    text = shown(collected(told(A), told(B, 9, revision=2, grouping=kept)).story("here"))
    assert "joined    kept: given before, as same-event\n  near      Bridge a\n" in text


def test_a_revision_that_became_a_copy_says_both() -> None:
    stories = collected(told(A), told(B, 1, grouping=event(A)), told(B, 9, revision=2, **copy_of(D)))
    assert stories.strangers() == {D}
    stories.name({D: "The wire's bridge"})
    text = shown(stories.story("here"))
    assert "joined    same-event 0.40" in text
    assert "then, 2   near-copy 0.90" in text
    assert "copy of   The wire's bridge" in text


def test_what_was_taken_back_is_gone_until_it_comes_again() -> None:
    stories = collected(told(A), told(B, 1, grouping=event(A)), (B, None))
    assert order(stories.story("here")) == [(0, A)]
    stories.take(*told(B, 5, revision=2, grouping=event(A)))
    assert order(stories.story("here")) == [(0, A), (0, B)]


def test_an_item_that_was_grouped_anew_leaves_its_old_story() -> None:
    stories = collected(told(A), told(B, 1, grouping=event(A)), told(B, 9, story=B, revision=2))
    assert order(stories.story("here")) == [(0, A)]


def test_what_is_no_item_is_passed_over() -> None:
    junk = f'{{"story_id": "{A}"}}'.encode()
    assert order(collected(("key", junk), ("key", f"{A} [[".encode()), told(A)).story("here")) == [(0, A)]


def test_the_beginning_of_an_id_will_do_where_it_is_one_storys() -> None:
    near = f"{A[:10]}{'f' * 22}"
    records = [told(A), told(near, story=near)]
    assert collected(*records, wanted=near[:11]).story("here").id == near
    with pytest.raises(CommandError, match=rf"Several stories begin with {A[:8]}: {A}, {near}\.") as raised:
        collected(*records, wanted=A[:8]).story("here")
    assert raised.value.code is ExitCode.WRONG_USE
    with pytest.raises(CommandError, match=r"There is no story whose id begins with ffffff in here\.") as raised:
        collected(*records, wanted="ffffff").story("here")
    assert raised.value.code is ExitCode.FOUND


def test_nothing_that_commands_a_terminal() -> None:
    nasty = "Bridge \x1b]0;owned\x07 \u202egnp.exe\nsecond line"
    link = Grouping(GroupingRule.SAME_EVENT, A, 0.4, [f"shares {nasty}"])
    text = shown(collected(told(A, title=nasty), told(B, 1, grouping=link, title=nasty, site=nasty)).story("here"))
    assert safe(text) == text
    assert text.count("\\x1b]0;owned\\x07 \\u202egnp.exe second line") == 5
