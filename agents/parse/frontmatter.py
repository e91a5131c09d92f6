"""The few lines of YAML that static site generators put before a page. Read as text: nothing is executed or expanded.

Only the names that an entry has a use for are read; anchors, tags, nesting and multi-line values stay text.
"""

from __future__ import annotations

import re

from msgspec import Struct

MAX_LENGTH = 65_536  # characters; what is longer is no front matter
MAX_VALUE = 4096  # characters of a value that are read

_FIELD = re.compile(r"([A-Za-z_][\w-]{0,40})[ \t]*:(?:[ \t]+(.*))?$")
_ITEM = re.compile(r"[ \t]*-[ \t]+(.*)$")
_LISTED = re.compile(r"\s*(?:\"((?:[^\"\\]|\\.)*)\"|'((?:[^']|'')*)'|([^,]*))\s*(?:,|$)")
_ESCAPE = re.compile(r"\\(.)")
_ESCAPES = {"n": "\n", "t": " ", '"': '"', "\\": "\\", "/": "/"}
_NULLS = frozenset({"", "~", "null", "Null", "NULL"})


class FrontMatter(Struct, frozen=True):
    """What a front matter says that is asked for, each as it stood. `date` is a spelling, not read yet."""

    title: str | None = None
    link: str | None = None
    date: str | None = None
    authors: list[str] = []
    categories: list[str] = []


def split(text: str) -> tuple[FrontMatter | None, str]:
    """Front matter and the rest of a document whose line ends are `\\n`; None where it has none."""
    start = text.lstrip("\ufeff \n\t")
    if not start.startswith("---"):
        return None, text
    first, _, rest = start.partition("\n")
    if first.strip() != "---":
        return None, text
    lines = rest[:MAX_LENGTH].split("\n")
    for number, line in enumerate(lines):
        if line.rstrip() in ("---", "..."):
            return _read(lines[:number]), rest[sum(len(each) + 1 for each in lines[: number + 1]) :]
    return None, text


def _read(lines: list[str]) -> FrontMatter:
    fields: dict[str, list[str]] = {}
    listing: list[str] | None = None
    for line in lines:
        if match := _FIELD.match(line):
            name, value = match[1].lower(), (match[2] or "")[:MAX_VALUE].strip()
            listing = fields.setdefault(name, [])
            listing.extend(_values(value))
        elif listing is not None and (item := _ITEM.match(line)):
            listing.extend(_values(item[1][:MAX_VALUE].strip(), listed=True))
    return FrontMatter(
        title=_first(fields, "title"),
        link=_first(fields, "link", "url", "from", "permalink"),
        date=_first(fields, "date"),
        authors=fields.get("author", []) or fields.get("authors", []),
        categories=fields.get("categories", []) or fields.get("category", []),
    )


def _first(fields: dict[str, list[str]], *names: str) -> str | None:
    return next((fields[name][0] for name in names if fields.get(name)), None)


def _values(text: str, *, listed: bool = False) -> list[str]:
    """A scalar or a list in brackets; nothing for null."""
    if text.startswith("[") and text.endswith("]") and not listed:
        values, position, inner = [], 0, text[1:-1]
        while position < len(inner) and (match := _LISTED.match(inner, position)):
            values.append(_unquoted(match))
            position = match.end()
        return [value for value in values if value not in _NULLS]
    match = re.fullmatch(r"\"((?:[^\"\\]|\\.)*)\"|'((?:[^']|'')*)'|(.*)", text)
    value = _unquoted(match) if match else text
    return [] if value in _NULLS else [value]


def _unquoted(match: re.Match[str]) -> str:
    double, single, bare = match.groups()
    if double is not None:
        return _ESCAPE.sub(lambda found: _ESCAPES.get(found[1], found[0]), double)
    if single is not None:
        return single.replace("''", "'")
    return re.sub(r"\s+#.*$", "", bare or "").strip()
