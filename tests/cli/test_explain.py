"""`feedmill explain`: every verdict with its why, in 80 columns, and nothing that commands a terminal."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from rich.cells import cell_len
from typer.testing import CliRunner

from agents.cli.exits import CommandError, ExitCode
from agents.cli.main import build
from agents.cli.portrait import GROUPINGS, RULES
from agents.cli.terminal import safe
from schemas import DedupeRule, GroupingRule
from tests.documents import FIRST, LATER, atom, deleted, entry, markdown

runner = CliRunner()


def explain(*arguments: str, stdin: bytes = b"") -> str:
    done = runner.invoke(build("explain"), ["explain", "--now", "2026-11-23T00:00:00Z", *arguments], input=stdin)
    assert done.exit_code == 0, done.output
    return done.stdout


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_an_item_its_revision_and_its_repetition(folder: Path) -> None:
    (folder / "1.md").write_bytes(markdown("渡轮搁浅 214人安全", FIRST))
    (folder / "2.md").write_bytes(markdown("渡轮搁浅 241人安全", LATER))
    (folder / "3.md").write_bytes(markdown("渡轮搁浅 241人安全", LATER))
    shown = explain("1.md", "2.md", "3.md")
    first, second, third, end = re.split(r"\n(?=▌|3 documents)", shown)
    id = re.findall(r"id +([0-9a-f]{32})", first)[0]
    assert first.startswith("▌ 1.md  markdown · 1 entry · 2026-11-23 00:00 UTC\n  NEW  渡轮搁浅 214人安全\n")
    assert "first-sighting: no earlier item has any of its addresses" in first
    assert "published 2026-11-20 08:07 UTC  comment, exact: 1795162020000" in first
    assert "\n  REVISION 2  渡轮搁浅 241人安全\n" in second
    assert "content-changed: the publisher changed it" in second
    assert re.search(r"changed +title, text\n", second)
    assert re.search(r"was +渡轮搁浅 214人安全\n", second)
    assert "\n  DUPLICATE  渡轮搁浅 241人安全\n" in third
    assert f"{id}, revision 2\n            first seen in 1.md" in third
    assert end == "3 documents: 2 items, 1 duplicate, 0 dead letters\n"


def test_entries_of_a_feed_and_what_is_taken_back(folder: Path) -> None:
    (folder / "1.xml").write_bytes(atom(entry(1), entry(2)))
    (folder / "2.xml").write_bytes(atom(entry(2), deleted(1)))
    shown = explain("1.xml", "2.xml")
    assert "  1/2  NEW  Notice 1\n" in shown
    assert "  TAKEN BACK  Notice 1\n" in shown
    assert "first seen in 1.xml, entry 1" in shown


def test_a_dead_letter(folder: Path) -> None:
    shown = explain("-", stdin=b"\x89PNG\r\n\x1a\n")
    assert "  DEAD LETTER\n  why       unsupported-format, in parse\n" in shown
    assert "payload   8 bytes, base64" in shown


def test_flags_are_named(folder: Path) -> None:
    assert "flags     no-date" in explain("-", stdin=markdown("渡轮", FIRST, stamp="NaN"))


def test_why_an_item_stands_in_its_story(folder: Path) -> None:
    shown = re.split(r"\n(?=▌|\d+ documents)", explain("samples"))
    told = {part.split()[1]: part for part in shown if part.startswith("▌")}
    first = re.findall(r"id +([0-9a-f]{32})", told["157-elephant"])[0]
    assert "grouped   first-report: nothing seen before is near enough, a story of its own" in told["157-elephant"]
    assert "\n  story " not in told["157-elephant"], "it is its own"
    report = told["158-elephant-haitang"]
    assert re.search(r"grouped   same-event 0\.\d\d: .*\n +- shares 电车, ", report)
    assert re.search(
        rf"near      卡斯佩里亚一头大象.*\n +{first}\n +first seen in 157-elephant\n  story     {first}", report
    )
    excerpt = told["160-elephant-excerpt"]
    assert "  REPRINT  大象离开动物园" in excerpt
    assert re.search(r"grouped   excerpt 0\.94: .*\n +- 94 % of the shorter text stands in the longer one", excerpt)
    assert "copy of   卡斯佩里亚一头大象" in excerpt
    assert "- kept apart from Reservoir levels, week 46: Upper Wenlow at 74 per cent" in " ".join(
        told["165-reservoir"].split()
    )
    assert "grouped   kept: given before, as first-report" in told["029-ferry-number"]


def test_a_story_in_time_order_with_its_links(folder: Path) -> None:
    first = re.findall(r"▌ 157-elephant .*?id +([0-9a-f]{32})", explain("samples"), re.DOTALL)[0]
    shown = explain("samples", "--story", first[:8])
    assert shown.startswith(f"▌ story {first}\n  5 items, 2 of them copies · 5 sites · 2026-11-22 23:24 UTC to ")
    titles = re.findall(r"^( +)(↳ )?2026-11-22 \d\d:\d\d  (\S+)", shown, re.MULTILINE)
    assert titles == [
        ("  ", "", "卡斯佩里亚一头大象夜离动物园"),
        ("      ", "↳ ", "大象离开动物园"),
        ("      ", "↳ ", "卡斯佩里亞一頭大象夜離動物園"),
        ("  ", "", "大象「鈕扣」夜遊羅森堡"),
        ("  ", "", "大象睡在电车总站"),
    ]
    links = re.findall(r"joined    (\S+)(?: 0\.\d\d)?: ", shown)
    assert links == ["first-report", "excerpt", "near-copy", "same-event", "same-event"]
    assert shown.count("copy of   卡斯佩里亚一头大象") == 2
    assert shown.count("near      卡斯佩里亚一头大象") == 2
    assert max(map(cell_len, shown.splitlines())) <= 80
    assert not [line for line in shown.splitlines() if line != line.rstrip()]


def test_a_story_that_is_not_there(folder: Path) -> None:
    (folder / "1.md").write_bytes(markdown("渡轮搁浅 214人安全", FIRST))
    done = runner.invoke(build("explain"), ["explain", "1.md", "--story", "0" * 32])
    assert isinstance(done.exception, CommandError)
    assert done.exception.code is ExitCode.FOUND
    assert done.exception.message.startswith(f"There is no story {'0' * 32} in 1.md.")


def test_80_columns_and_no_trailing_blanks_for_all_samples(folder: Path) -> None:
    shown = explain("samples")
    assert max(map(cell_len, shown.splitlines())) <= 80
    assert not [line for line in shown.splitlines() if line != line.rstrip()]
    assert safe(shown) == shown


def test_hostile_text_is_shown_as_what_it_is(folder: Path) -> None:
    title = "渡轮\x9b31m\u202e搁浅[bold]:boom:"
    (folder / "a\x1b[2J\u202e.md").write_bytes(markdown(title, FIRST, link="https://a.example/\u202egnp.exe"))
    shown = explain(".")
    assert safe(shown) == shown
    assert "[bold]:boom:" in shown, "no markup of ours, no picture"
    assert "a\\x1b[2J\\u202e.md" in shown


def test_a_very_long_address_is_cut_in_the_middle(folder: Path) -> None:
    link = "https://www.lanhai.example/a?" + "&".join(f"field{number}=渡轮" for number in range(100))
    shown = explain("-", stdin=markdown("渡轮", FIRST, link=link))
    assert re.search(r"\(\d,\d{3} characters\)", shown)
    assert len(shown.splitlines()) < 25


def test_every_rule_has_its_few_words() -> None:
    assert RULES.keys() == set(DedupeRule)
    assert GROUPINGS.keys() == set(GroupingRule)
