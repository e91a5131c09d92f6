"""What is remembered of an item: how it is found, how it grows, when it is written."""

from __future__ import annotations

import msgspec
import pytest

from agents.content.identity import link_key
from agents.dedupe import lineage as lineages
from agents.dedupe.fingerprint import HASH_VERSION
from agents.dedupe.lineage import LINEAGE, MAX_ALIASES, POINTER, Lineage, read_lineage
from agents.stage import UnknownFormatError
from schemas import Entry, News
from tests.dedupe.articles import BREAD, BREAD_TITLE, FERRY, FERRY_CORRECTED, FERRY_SUMMARY, FERRY_TITLE, MOON
from tests.dedupe.entries import LINK, Desk, Shelf, entry

HOUR = 1 / 24
OWN = "https://lanhai.example/feed.xml"
FOREIGN = "https://reader.example/best-of.xml"


def ferry(text: str = FERRY, title: str = FERRY_TITLE, **known: object) -> Entry:
    return entry(title, text, **known)  # type: ignore[arg-type]


def only(state: Shelf) -> tuple[bytes, Lineage]:
    """The single lineage of a state."""
    [key] = [key for key, value in state.items() if value[:1] == LINEAGE]
    found = read_lineage(state, key)
    assert found is not None
    return found


def hashed_by_other_rules(desk: Desk) -> None:
    """Put the item back as a mill of another hash version would have left it."""
    id, kept = only(desk.state)
    versions = [msgspec.structs.replace(each, title_hash=b"otherone", text_hash=b"othertoo") for each in kept.versions]
    foreign = msgspec.structs.replace(
        kept,
        hashing=HASH_VERSION + 1,
        versions=versions,
        print=msgspec.structs.replace(kept.print, title_hash=b"otherone", text_hash=b"othertoo", prefixes=b""),
    )
    desk.state[id] = lineages.encode(foreign)


def test_a_duplicate_writes_nothing() -> None:
    desk = Desk()
    assert desk.see(ferry(guid="7")).writes == 2  # the lineage, and the guid's pointer
    assert desk.see(ferry(guid="7", day=2 * HOUR)).writes == 0
    assert desk.see(ferry(guid="7", day=23 * HOUR, markup="div")).writes == 0
    assert desk.see(ferry(FERRY_SUMMARY, guid="7", day=23 * HOUR)).writes == 0


def test_last_seen_is_written_once_a_day() -> None:
    desk = Desk()
    desk.see(ferry())
    writes = [desk.see(ferry(day=hour * HOUR)).writes for hour in range(1, 24 * 10)]
    assert sum(writes) == 9
    assert [hour for hour, written in enumerate(writes, start=1) if written] == [24 * day for day in range(1, 10)]


def test_an_arrival_before_the_last_moves_nothing_back() -> None:
    desk = Desk()
    desk.see(ferry(day=5))
    assert desk.see(ferry(day=1)).writes == 0
    desk.see(ferry(FERRY_CORRECTED, day=2))
    assert only(desk.state)[1].last_seen == entry("", "", day=5).arrival


def test_the_quick_hash_follows_markup_that_changed_for_good() -> None:
    desk = Desk()
    desk.see(ferry())
    changed = [ferry(day=day, markup="div") for day in (0.5, 1.5, 2.0)]
    assert desk.saw(*changed) == ["same-text A1", "same-text A1", "same-entry A1"]


def test_a_generator_that_makes_new_guids_does_not_fill_the_state() -> None:
    desk = Desk()
    writes = [desk.see(ferry(guid=f"build-{number}", day=number * HOUR / 60)).writes for number in range(200)]
    assert sum(writes[MAX_ALIASES:]) == 0
    assert len(desk.state) == MAX_ALIASES
    assert len(only(desk.state)[1].aliases) == MAX_ALIASES
    assert desk.saw(ferry(guid="build-1", link=None, feed=OWN)) == ["same-text A1"]


def test_links_that_change_with_every_fetch_do_not_either() -> None:
    desk = Desk()
    shown = [ferry(link=f"https://lanhai.example/t{number}/ferry", guid="7") for number in range(200)]
    assert set(desk.saw(*shown)) == {"first-sighting A1", "same-text A1"}
    assert len(desk.state) == MAX_ALIASES
    assert desk.saw(ferry(FERRY_CORRECTED, link="https://lanhai.example/t999/ferry", guid="7")) == [
        "content-changed A2"
    ]


def test_articles_that_take_turns_leave_one_lineage_each_and_one_pointer() -> None:
    desk = Desk()
    page = "https://lanhai.example/live"
    for number in range(20):
        text = "".join(chr(0x4E00 + (number * 500 + letter * 7) % 20000) for letter in range(120))
        told = desk.see(entry(text[:12], text, link=page))
        assert str(told).split()[0] == ("first-sighting" if number == 0 else "reused-address")
    assert len(desk.state) == 20 + 1


def test_an_owned_alias_does_not_move() -> None:
    desk = Desk()
    first = desk.see(entry(BREAD_TITLE, BREAD, link="https://lanhai.example/a/1", guid="7")).told
    desk.see(entry("天文台", MOON, link="https://lanhai.example/a/2", guid="7"))
    found = desk.see(entry(BREAD_TITLE, BREAD, link="https://lanhai.example/a/3", guid="7")).told
    assert found.id == first.id


def test_an_alias_is_free_when_its_owner_is_forgotten() -> None:
    desk = Desk()
    desk.see(entry(BREAD_TITLE, BREAD, link="https://lanhai.example/a/1", guid="7"))
    later = desk.see(entry("天文台", MOON, link="https://lanhai.example/a/2", guid="7", day=800)).told
    again = desk.see(entry("天文台", MOON, link="https://lanhai.example/a/3", guid="7", day=801)).told
    assert again.id == later.id


def test_an_alias_is_free_when_the_address_of_its_forgotten_owner_went_to_another() -> None:
    """The owner's record is then a pointer itself: it stopped the worker."""
    desk = Desk()
    other = "https://m.lanhai.example/ferry"
    assert desk.saw(
        ferry(guid="8"),
        ferry(link=other, guid="7", day=200),
        ferry(link=LINK, guid="7", day=900),
        ferry(FERRY_CORRECTED, link=None, feed=OWN, guid="8", day=901),
        ferry(FERRY_CORRECTED, link=LINK, day=901),
    ) == ["first-sighting A1", "first-sighting B1", "returned B2", "first-sighting C1", "content-changed B3"]


def test_the_id_is_the_key_of_the_first_link() -> None:
    desk = Desk()
    assert desk.see(ferry(guid="7")).told.id == link_key("lanhai.example/a/20261102/ferry.html").hex()


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        pytest.param(ferry(updated=1), "rebased A1", id="the same entry: certainly no edit"),
        pytest.param(ferry(markup="div"), "rebased A1", id="something differs: taken for our own doing"),
        pytest.param(ferry(FERRY_CORRECTED, updated=2), "content-changed A2", id="a later update is stated"),
        pytest.param(ferry(FERRY_CORRECTED, updated=0), "older-copy A1", id="older by stated update"),
        pytest.param(ferry(FERRY_SUMMARY, feed=FOREIGN), "other-feed A1", id="another's feed sets no base"),
        pytest.param(
            ferry(FERRY_SUMMARY, feed=OWN), "truncated-copy A1", id="nor does a summary by another feed of the site"
        ),
    ],
)
def test_across_hash_versions(shown: Entry, expected: str) -> None:
    desk = Desk()
    desk.see(ferry(updated=1))
    hashed_by_other_rules(desk)
    seen = desk.see(shown)
    assert str(seen) == expected
    if expected.startswith("rebased"):
        assert only(desk.state)[1].hashing == HASH_VERSION
        assert desk.saw(ferry(FERRY_CORRECTED)) == ["content-changed A2"]
    elif isinstance(seen.told, News):
        assert seen.told.decision.score is None, "sketches of different rules are not compared"
    else:
        assert only(desk.state)[1].hashing == HASH_VERSION + 1, "the base waits for the item's own feed"


def test_an_edit_after_the_upgrade_is_seen() -> None:
    """The first sighting after it was unchanged: that is when the hashes are made anew, not at the edit."""
    desk = Desk()
    desk.see(ferry())
    hashed_by_other_rules(desk)
    assert desk.saw(ferry(), ferry(), ferry(FERRY_CORRECTED)) == ["rebased A1", "same-entry A1", "content-changed A2"]


def test_an_article_in_turn_is_not_rebased_onto_another() -> None:
    desk = Desk()
    desk.see(ferry())
    hashed_by_other_rules(desk)
    first = desk.state.copy()
    desk.state.clear()
    desk.saw(ferry(), entry(BREAD_TITLE, BREAD, link=LINK))
    desk.state.update(first)
    assert desk.saw(entry(BREAD_TITLE, BREAD, link=LINK, markup="div")) == ["same-text B1"]


@pytest.mark.parametrize(
    ("value", "told"),
    [
        pytest.param(b"\x03anything", "has format byte 03", id="a newer format"),
        pytest.param(b"", "has format byte", id="nothing at all"),
        pytest.param(LINEAGE + b"\x93\x01", "cannot be read", id="damaged"),
    ],
)
def test_a_state_that_cannot_be_read_stops_the_stage(value: bytes, told: str) -> None:
    """Going on would announce everything again; the engine ends the worker with nothing committed."""
    desk = Desk()
    desk.state.put(link_key("lanhai.example/a/20261102/ferry.html"), value)
    with pytest.raises(UnknownFormatError, match=told):
        desk.outputs(ferry())


def test_a_pointer_to_nothing_is_no_owner() -> None:
    desk = Desk()
    desk.state.put(link_key("lanhai.example/a/20261102/ferry.html"), POINTER + b"\x00" * 16)
    assert desk.saw(ferry(), ferry()) == ["first-sighting A1", "same-entry A1"]
