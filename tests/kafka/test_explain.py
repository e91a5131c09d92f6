"""`feedmill explain` of what the topics hold: a story, and an item by its id or address."""

from __future__ import annotations

import asyncio
import re
import urllib.request
import uuid
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from agents import samples
from agents.engine.broker import EmbeddedBroker
from agents.stage import Topic
from schemas import Changed, Decision, DedupeRule, Grouping, GroupingRule, Item, Source, Verdict
from tests.kafka.stand import NOON, Stand, dead_letter, decoded, duplicate, item
from tests.kafka.test_worker import running

A, B, C, D, E = (f"{letter * 8}{'0' * 24}" for letter in "abcde")
NASTY = "Bridge \x1b]0;owned\x07 \u202egnp.exe\nsecond line"
FIRST = Grouping(GroupingRule.FIRST_REPORT)
EVENT = Grouping(GroupingRule.SAME_EVENT, A, 0.4, ["shares bridge", f"kept apart from {E}: other figures"])
KEPT = Grouping(GroupingRule.KEPT, A, 0.4, ["given before, as same-event"])
COPY = Grouping(GroupingRule.NEAR_COPY, A, 0.9, ["another site"])


def source(stand: Stand, number: int) -> Source:
    """Of the document `number`, received so many minutes after noon."""
    return msgspec.structs.replace(stand.source(number), received_at=NOON + timedelta(minutes=number))


def told(stand: Stand, number: int, id: str, grouping: Grouping = FIRST, **fields: Any) -> Item:
    known = {"story_id": A, "url": f"https://news.example/{id[:4]}", "seen_at": NOON + timedelta(minutes=number)}
    return item(source(stand, number), id=id, grouping=grouping, **{**known, **fields})


@pytest.fixture
async def stand(broker: EmbeddedBroker) -> Stand:
    """A story of four, of whom one was taken back; another story's item; and what else became of B."""
    stand = Stand(broker.address, f"explain-{uuid.uuid4().hex[:8]}")
    await stand.create()
    changed = Decision(DedupeRule.CONTENT_CHANGED, B, 0.9, [Changed.TITLE])
    revised = told(
        stand, 4, B, KEPT, title="Bridge open", revision=2, verdict=Verdict.REVISION, decision=changed
    )  # fmt: skip
    records: dict[str, list[Item | None]] = {
        A: [told(stand, 0, A, title=NASTY)],
        B: [told(stand, 1, B, EVENT, title="Bridge shut"), revised],
        C: [told(stand, 2, C, COPY, title="The bridge", reprint_of=A, verdict=Verdict.REPRINT)],
        D: [told(stand, 3, D, EVENT), None],
        E: [told(stand, 5, E, title="Another bridge", story_id=E, url="https://news.example/cccc/")],
    }
    for id, values in records.items():
        await stand.put(Topic.ENRICHED, values, key=id.encode())
    await stand.put(Topic.ENRICHED, [b"junk", f'{{"story_id":"{A}"}}'.encode()])
    again = msgspec.structs.replace(duplicate(source(stand, 3)), id=B, title="Bridge shut")
    await stand.put(Topic.DUPLICATES, [again], key=B.encode())
    letters = [dead_letter(source(stand, 7), id=B, revision=3), dead_letter(source(stand, 8), message=f"names {B}")]
    await stand.put(Topic.DEAD_LETTER, letters)
    return stand


async def test_a_story(stand: Stand) -> None:
    done = await asyncio.to_thread(stand.run, "explain", "--story", A[:6])
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"▌ story {A}\n  3 items, one of them a copy · 1 site · 2026-11-20 12:00 UTC to ")
    heads = re.findall(r"^( +)(?:↳ )?2026-11-20 (12:\d\d)  (.*)", done.stdout, re.MULTILINE)
    assert heads == [
        ("  ", "12:00", "Bridge \\x1b]0;owned\\x07 \\u202egnp.exe second line"),
        ("      ", "12:02", "The bridge"),
        ("  ", "12:01", "Bridge open"),
    ]
    assert "joined    same-event 0.40: " in done.stdout, "the first revision's link"
    assert f"kept apart from Another bridge ({E})" in " ".join(done.stdout.split())
    assert "\x1b" not in done.stdout
    assert "\u202e" not in done.stdout


@pytest.mark.parametrize(
    "asked",
    [
        pytest.param(B, id="id"),
        pytest.param(B[:8], id="beginning of it"),
        pytest.param("http://www.news.example/bbbb/?utm_source=tail#top", id="address"),
    ],
)
async def test_an_item_with_all_that_became_of_its_entries(stand: Stand, asked: str) -> None:
    done = await asyncio.to_thread(stand.run, "explain", asked)
    assert (done.returncode, done.stderr) == (0, "")
    heads = re.findall(r"^▌ (document \d)|^  ([A-Z]{3}[A-Z0-9 ]*)(?:  |$)", done.stdout, re.MULTILINE)
    assert [first or second for first, second in heads] == [
        *("document 1", "NEW", "document 3", "DUPLICATE", "document 4", "REVISION 2", "document 7", "DEAD LETTER")
    ]
    assert "was       Bridge shut" in done.stdout
    assert "near      Bridge \\x1b]0;owned" in done.stdout


async def test_an_item_that_was_taken_back(stand: Stand) -> None:
    done = await asyncio.to_thread(stand.run, "explain", D)
    assert done.returncode == 0
    assert re.findall(r"^  ([A-Z][A-Z ]+)  ", done.stdout, re.MULTILINE) == ["NEW", "TAKEN BACK"]


async def test_an_address_of_two_items(stand: Stand) -> None:
    done = await asyncio.to_thread(stand.run, "explain", "https://news.example/cccc")
    assert (done.returncode, done.stdout) == (2, "")
    assert f"There are several items of the address https://news.example/cccc: {C}, {E}. " in done.stderr


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        pytest.param(["--story", "f" * 32], f"There is no story {'f' * 32} in ", id="story"),
        pytest.param(["--story", "f" * 6], "There is no story whose id begins with ffffff in ", id="of a beginning"),
        pytest.param(["f" * 32], f"Nothing of an item {'f' * 32} stands on ", id="id"),
        pytest.param(["f" * 8], "There is no item whose id begins with ffffffff on ", id="beginning of an id"),
        pytest.param(["https://news.example/none"], "There is no item of the address https://news", id="address"),
    ],
)
async def test_what_is_not_there_is_a_sentence(stand: Stand, arguments: list[str], says: str) -> None:
    done = await asyncio.to_thread(stand.run, "explain", *arguments)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"feedmill: {says}")


async def test_what_a_worker_makes_of_documents(broker: EmbeddedBroker, tmp_path: Path) -> None:
    """The story and its members are found where a real mill puts them, and the worker shows its index."""
    stand = Stand(broker.address, f"explain-{uuid.uuid4().hex[:8]}")
    await stand.create()
    folder = samples.FOLDER / "documents"
    refs = ("157-elephant", "160-elephant-excerpt", "158-elephant-haitang")
    with running(stand, tmp_path, FEEDMILL_STORIES_MAX_ITEMS="10000") as (_, log):
        for number, ref in enumerate(refs, 1):
            assert (await asyncio.to_thread(stand.run, "ingest", str(folder / f"{ref}.md"))).returncode == 0
            for _ in range(60):
                await asyncio.sleep(0.2)
                if len(made := await stand.get(Topic.ENRICHED)) == number:
                    break
        address = re.findall(r"http://\S+?/metrics", log.read_text())[0]
        page = await asyncio.to_thread(lambda: urllib.request.urlopen(address, timeout=10).read().decode())
    items = {item.source.ref: item for item in decoded(made, Item)}
    first = items[next(ref for ref in items if ref and refs[0] in ref)].id
    done = await asyncio.to_thread(stand.run, "explain", "--story", first)
    assert (done.returncode, done.stderr) == (0, "")
    assert re.findall(r"joined    (\S+)", done.stdout) == ["first-report:", "excerpt", "same-event"]
    done = await asyncio.to_thread(stand.run, "explain", "https://www.beichen.example/brief/88120")
    assert "copy of   卡斯佩里亚一头大象夜离动物园 清晨在电车总站睡着" in done.stdout
    assert re.findall(r"^feedmill_stories_index_items (\S+)", page, re.MULTILINE) == ["3.0"]
    assert re.findall(r'^feedmill_stories_evicted_total\{reason="limit"\} (\S+)', page, re.MULTILINE) == ["0.0"]
    assert re.findall(r'^feedmill_stories_grouped_total\{rule="excerpt"\} (\S+)', page, re.MULTILINE) == ["1.0"]
