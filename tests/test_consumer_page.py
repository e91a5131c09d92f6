"""docs/guide/consume.md and offline.md show what the tests run, and name files that are there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from schemas.generate import RELEASED
from tests.conftest import ROOT
from tests.test_offline import PROXY, SETTINGS
from tools.release_check import PLACES

GUIDE = ROOT / "docs" / "guide"
PAGE = (GUIDE / "consume.md").read_text()


def blocks(language: str, text: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


def test_its_code_is_that_of_the_example() -> None:
    program = (GUIDE / "examples" / "consumer.py").read_text()
    shown = blocks("python", PAGE)
    assert len(shown) >= 3
    for block in shown:
        assert block in program


def test_its_files_are_there() -> None:
    for name in re.findall(r"`((?:generated|examples|released)[\w/*.]*|asyncapi.yaml)`", PAGE):
        assert [*(ROOT / "schemas").glob(name.removesuffix("/")), *GUIDE.glob(name.removesuffix("/"))], name
    assert f"released/{RELEASED.name}/" in PAGE


@pytest.mark.parametrize("name", ["consume.md", "offline.md", "../decisions/0016-contracts-and-release.md"])
def test_its_links_lead_somewhere(name: str) -> None:
    page = GUIDE / name
    for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text()):
        assert (page.parent / target).exists(), target


def test_the_settings_for_maven_are_those_that_were_tried() -> None:
    """The page's two files, line by line, but for addresses."""
    tried = {_plain(line) for line in (SETTINGS + PROXY).splitlines()}
    shown = [line for block in blocks("xml", (GUIDE / "offline.md").read_text()) for line in block.splitlines()]
    assert len(shown) > 15
    assert [line for line in shown if _plain(line) not in tried] == []


def _plain(line: str) -> str:
    return re.sub(r"<(url|host|port)>.*</", r"<\1>…</", line.strip())


def test_what_is_looked_at_for_versions_is_listed() -> None:
    decision = (ROOT / "docs" / "decisions" / "0016-contracts-and-release.md").read_text()
    for place in PLACES:
        assert f"`{place}`" in decision, place


def test_the_page_of_each_example_is_named_in_it() -> None:
    for path in sorted(Path(GUIDE / "examples").iterdir()):
        assert "docs/guide/consume.md" in path.read_text(), path.name
        assert f"examples/{path.name}" in PAGE
