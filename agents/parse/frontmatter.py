"""The few lines of YAML that static site generators put before a page. Read as text: nothing is executed or expanded.

Only the names that an entry has a use for are read; anchors, tags and nesting stay text. Of a mapping (`{name: …}`,
or lines below) its `name` counts; a value of several lines (`>-`, `|`) is one line.
"""

from __future__ import annotations

import re

from msgspec import Struct

MAX_LENGTH = 65_536  # characters; what is longer is no front matter
MAX_VALUE = 4096  # characters of a value that are read

_FIELD = re.compile(r"([A-Za-z_][\w-]{0,40})[ \t]*:(?:[ \t]+(.*))?$")
_ITEM = re.compile(r"[ \t]*-[ \t]+(.*)$")
_LISTED = re.compile(r"\s*(?:\"((?:[^\"\\]|\\.)*)\"|'((?:[^']|'')*)'|([^,]*))\s*(?:,|$)")
_BLOCK_SCALAR = re.compile(r"[>|](?:[+-]?\d?|\d[+-])(?:\s+#.*)?")
_NAME = re.compile(r"(?:[ \t]+|[ \t]*-[ \t]+)name[ \t]*:[ \t]+(.*)$")
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
    is_folded = False
    for line in lines:
        if match := _FIELD.match(line):
            name, value = match[1].lower(), (match[2] or "")[:MAX_VALUE].strip()
            listing = fields.setdefault(name, [])
            is_folded = _BLOCK_SCALAR.fullmatch(value) is not None
            listing.extend([""] if is_folded else _values(value))
        elif listing is None:
            continue
        elif is_folded:
            listing[-1] = f"{listing[-1]} {line.strip()}".strip()[:MAX_VALUE]
        elif item := _NAME.match(line) or _ITEM.match(line):
            listing.extend(_values(item[1][:MAX_VALUE].strip(), listed=True))
    return FrontMatter(
        title=_first(fields, "title"),
        link=_first(fields, "link", "url", "from", "permalink"),
        date=_first(fields, "date"),
        authors=_all(fields, "author", "authors"),
        categories=_all(fields, "categories", "category"),
    )


def _first(fields: dict[str, list[str]], *names: str) -> str | None:
    return next(iter(_all(fields, *names)), None)


def _all(fields: dict[str, list[str]], *names: str) -> list[str]:
    """The values of the first of the names that has any."""
    return next((values for name in names if (values := list(filter(None, fields.get(name, ()))))), [])


def _values(text: str, *, listed: bool = False) -> list[str]:
    """A scalar, a list in brackets, or the `name` of a mapping in braces; nothing for null."""
    if text.startswith("[") and text.endswith("]") and not listed:
        values, position, inner = [], 0, text[1:-1]
        while position < len(inner) and (match := _LISTED.match(inner, position)):
            values.append(_unquoted(match))
            position = match.end()
        return [value for value in values if value not in _NULLS]
    if text.startswith("{") and text.endswith("}"):
        pairs = [found for part in text[1:-1].split(",") if (found := _FIELD.match(part.strip()))]
        if pairs:
            return next((_scalar((found[2] or "").strip()) for found in pairs if found[1].lower() == "name"), [])
    return _scalar(text)


def _scalar(text: str) -> list[str]:
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
