"""The words that tell what is a name and where it begins: data/name_words.txt, read once."""

from __future__ import annotations

from functools import cache
from importlib.resources import files


@cache
def words(section: str) -> frozenset[str]:
    """The words of a section; parted by white space."""
    return frozenset(word for line in _sections()[section] for word in line.split())


@cache
def rows(section: str) -> dict[str, frozenset[str]]:
    """A section of rows: what stands before the first Han word, or else the first word, and the words behind it."""
    read = {}
    for line in _sections()[section]:
        parts = line.split()
        cut = next((place for place, part in enumerate(parts) if place and _is_han(part)), 1)
        read[" ".join(parts[:cut])] = frozenset(parts[cut:])
    return read


def _is_han(word: str) -> bool:
    return "\u3400" <= word[0] <= "\u9fff"


@cache
def _sections() -> dict[str, list[str]]:
    sections: dict[str, list[str]] = {}
    text = files("agents.content").joinpath("data", "name_words.txt").read_text(encoding="utf-8")
    section: list[str] = []
    for line in text.splitlines():
        if line.startswith("["):
            section = sections.setdefault(line.strip("[]"), [])
        elif line and not line.startswith("#"):
            section.append(line)
    return sections
