"""One story as a person likes to read it: its items in time order, copies under their originals, and how each joined.

Everything that came from outside goes through `safe_line`. Nothing is said by colour alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime

import msgspec
from msgspec import Struct
from rich.console import RenderableType
from rich.text import Text

from agents.cli.exits import CommandError, ExitCode
from agents.cli.portrait import Fact, brief, grouped, moment, others, portrait, some
from agents.cli.terminal import safe_line
from schemas import Grouping, GroupingRule
from schemas.item import Id

_NAMED = 5  # stories that share the beginning of an id
_STEP, _DEEPEST = 4, 3  # columns for each copy of a copy, as far as lines stay readable


class _Told(Struct, frozen=True):
    """What a story is told by, of an item as it stands on the topic."""

    id: Id
    revision: int
    grouping: Grouping
    site: str | None
    title: str
    seen_at: datetime
    story_id: Id
    reprint_of: Id | None


class Member(Struct, frozen=True):
    """An item of the story, as its last revision says; `seen_at` is its first sighting's, as far as that is known.

    `links` are the groupings of its revisions. All but the first and those that made it a copy say `kept`.
    """

    told: _Told
    seen_at: datetime
    links: Mapping[int, Grouping]

    def joined(self) -> list[tuple[int, Grouping]]:
        """The link by which it joined, and one that made it a copy later."""
        first = min(self.links)
        return [
            (revision, link)
            for revision, link in sorted(self.links.items())
            if revision == first or link.rule is not GroupingRule.KEPT
        ]


class Story(Struct, frozen=True):
    """`members` in time order, each copy behind its original and one deeper; `titles` of them and of others by id."""

    id: str
    members: Sequence[tuple[int, Member]]
    titles: Mapping[str, str]

    @property
    def sites(self) -> int:
        return len({member.told.site for _, member in self.members})


class Stories:
    """Takes items as they come out, the later record winning, and keeps those of the stories asked for.

    `wanted` is a story's id or the beginning of it.
    """

    def __init__(self, wanted: str) -> None:
        self._wanted = wanted
        self._begins = wanted.encode()
        self._members: dict[str, Member] = {}
        self._titles: dict[str, str] = {}

    def take(self, key: str, value: bytes | None) -> None:
        """Take one record of `feeds.enriched`; None takes the item back. What is no item is passed over."""
        if value is None:
            self._members.pop(key, None)
            return
        if key not in self._members and self._begins not in value:
            return
        try:
            told = _items.decode(value)
        except (msgspec.DecodeError, RecursionError):
            return
        if not told.story_id.startswith(self._wanted):
            self._members.pop(told.id, None)  # forgotten after 90 days, and grouped anew
            return
        before = self._members.get(told.id)
        links = dict(before.links) if before else {}
        if told.grouping.rule is not GroupingRule.KEPT or told.revision not in links:
            links[told.revision] = told.grouping  # a replay says `kept` of what was told before
        self._members[told.id] = Member(told, before.seen_at if before else told.seen_at, links)

    def name(self, titles: Mapping[str, str]) -> None:
        """Learn what other items are called."""
        self._titles.update(titles)

    def strangers(self) -> set[str]:
        """Items outside that a link names: a copy found late keeps the story that it had."""
        named = {id for member in self._members.values() for id in _named(member)}
        return named - self._members.keys()

    def all(self) -> list[Story]:
        """All stories, those with most items first."""
        by_story: dict[str, list[Member]] = {}
        for member in self._members.values():
            by_story.setdefault(member.told.story_id, []).append(member)
        titles = {**self._titles, **{id: member.told.title for id, member in self._members.items()}}
        stories = [Story(id, _ordered(members), titles) for id, members in by_story.items()]
        return sorted(stories, key=lambda story: (-len(story.members), story.id))

    def story(self, where: str) -> Story:
        """The one story. Raises CommandError with a sentence where there is none in `where`, or several."""
        found = self.all()
        if not found:
            which = self._wanted if len(self._wanted) == 32 else f"whose id begins with {self._wanted}"
            raise CommandError(
                f"There is no story {which} in {where}. An item's `story_id` names its story: `feedmill explain` shows "
                "it with the item.",
                ExitCode.FOUND,
            )
        if len(found) > 1:
            shown = ", ".join(sorted(story.id for story in found)[:_NAMED])
            rest = f" and {len(found) - _NAMED} more" if len(found) > _NAMED else ""
            raise CommandError(f"Several stories begin with {self._wanted}: {shown}{rest}. Give more of the id.")
        return found[0]


def drawn(story: Story) -> Iterator[RenderableType]:
    """The story, to be printed piece by piece."""
    summed = f"  {_summed(story)}"
    yield Text.assemble(("▌ ", "blue"), ("story ", "bold"), (story.id, "bold"), "\n", (summed, "dim"), "\n")
    for depth, member in story.members:
        yield portrait(
            f"{member.seen_at:%Y-%m-%d %H:%M}",
            "cyan",
            member.told.title,
            list(_facts(member, story.titles)),
            entry="↳ " if depth else "",
            indent=2 + _STEP * min(depth, _DEEPEST),
        )


def _summed(story: Story) -> str:
    members = [member for _, member in story.members]
    copies = sum(member.told.reprint_of is not None for member in members)
    seen = [member.seen_at for member in members]
    counts = some(len(members), "item") + (f", {copies} of them copies" if copies > 1 else "")
    counts += ", one of them a copy" if copies == 1 else ""
    return f"{counts} · {some(story.sites, 'site')} · {moment(min(seen))} to {moment(max(seen))}"


def _facts(member: Member, titles: Mapping[str, str]) -> Iterator[Fact]:
    told = member.told
    yield "site", [safe_line(told.site or "none") + (f", revision {told.revision}" if told.revision > 1 else "")]
    for place, (revision, link) in enumerate(member.joined()):
        yield "joined" if place == 0 else f"then, {revision}", grouped(link, titles)
        if link.matched is not None:
            yield "near" if link.matched != told.reprint_of else "copy of", _other(link.matched, titles)
    if told.reprint_of is not None and told.reprint_of not in {link.matched for _, link in member.joined()}:
        yield "copy of", _other(told.reprint_of, titles)
    yield "id", [told.id]


def _other(id: str, titles: Mapping[str, str]) -> list[str]:
    return [brief(titles[id])] if id in titles else [f"{id}, which is not there any more"]


def _named(member: Member) -> Iterator[str]:
    for _, link in member.joined():
        yield from others(link)
    if member.told.reprint_of is not None:
        yield member.told.reprint_of


def _ordered(members: Iterable[Member]) -> list[tuple[int, Member]]:
    """In time order, copies behind their originals and how deep below them."""
    by_time = sorted(members, key=lambda member: (member.seen_at, member.told.id))
    here = {member.told.id for member in by_time}
    copies: dict[str | None, list[Member]] = {}
    for member in by_time:
        original = member.told.reprint_of
        copies.setdefault(original if original in here else None, []).append(member)
    ordered: list[tuple[int, Member]] = []
    left = {member.told.id: member for member in by_time}
    waiting = [(0, member) for member in reversed(copies.get(None, []))]
    while left:
        if not waiting:  # copies of each other: nothing of ours, but nothing is left out for it
            waiting.append((0, next(iter(left.values()))))
        depth, member = waiting.pop()
        if left.pop(member.told.id, None) is not None:
            ordered.append((depth, member))
            waiting.extend((depth + 1, copy) for copy in reversed(copies.get(member.told.id, [])))
    return ordered


_items = msgspec.json.Decoder(_Told)
