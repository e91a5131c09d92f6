"""People in English text: runs of capitalised words that the text itself shows to be a person.

A run counts with evidence only: an office before it (President, Dr), a given name that is commonly known and a
family name that comes again alone, or a verb of speaking behind it. Words that begin a sentence, headlines in title
case, bodies and places look the same and give nothing.
"""

from __future__ import annotations

import re
from collections import Counter

from msgspec import Struct

from agents.enrich.name_words import words

MOST_RUNS = 2000
"""Runs looked at; a text of capitals only costs no more than a long article."""

_PART = r"(?:(?:Mc|Mac|O['’]|D['’]|De|Di|Le|La|Van|Fitz)?[A-ZÀ-Þ][a-zß-ÿ]+(?:-[A-ZÀ-Þ][a-zß-ÿ]+)?)"
_RUN = re.compile(
    rf"(?<![\w’'.-]){_PART}(?: (?:{_PART}|[A-Z]\.(?: [A-Z]\.)?|(?:de|da|del|van|von|bin|al|el|der|du|di|dos)(?: la| der| den)?(?= [A-ZÀ-Þ])|al-{_PART}|(?:Jr|Sr)\.))"
    rf"{{1,4}}(?![\w-])"
)
_SPEAKS_BEHIND = re.compile(
    r"(?:,? (?:who |also |later |then )?(?:said|says|told|tweeted|added|wrote|warned|argued|insisted|explained|testified|acknowledged)\b|, \d{2},| \(\d{2}\))"
)
_SPEAKS_BEFORE = re.compile(r"(?:\b(?:said|says|added|wrote|warned|argued) )\Z")


class Person(Struct, frozen=True):
    """`forms`: the name as the text has it, and its family name where that stands alone."""

    name: str
    forms: tuple[str, ...]


def read_people(text: str, title_end: int) -> list[Person]:
    """The people of an English text in the order of their first full mention. Linear in the length of the text."""
    people: dict[str, Person] = {}
    seen = Counter[str]()
    for number, match in enumerate(_RUN.finditer(text, title_end)):
        if number >= MOST_RUNS:
            break
        name = _person(text, match)
        if name is None or name in people:
            continue
        family = name.rsplit(" ", 1)[1] if not name.endswith(".") else name.split(" ")[-2]
        seen[family] += 1
        people[name] = Person(name, (name, family))
    return list(people.values())


def _person(text: str, match: re.Match[str]) -> str | None:
    parts = match[0].split(" ")
    begin = match.start()
    titled = False
    while len(parts) > 1 and parts[0].rstrip(".") in words("english titles"):
        begin += len(parts[0]) + 1
        parts.pop(0)
        titled = True
    if not titled:
        before = text[max(0, begin - 24) : begin].rstrip().rsplit(" ", 1)[-1].strip("(,")
        titled = before.rstrip(".") in words("english titles")
    if (
        len(parts) < 2
        or len(parts) > 4
        or any(
            part.lower().strip(".") in words("english organisations") or part in words("english no names")
            for part in parts
        )
    ):
        return None
    given = parts[0] in words("given names")
    name = " ".join(parts)
    end = begin + len(name)
    family = parts[-1] if not parts[-1].endswith(".") else parts[-2]
    speaks = bool(_SPEAKS_BEHIND.match(text, end)) or bool(_SPEAKS_BEFORE.search(text[max(0, begin - 12) : begin]))
    again = re.search(rf"(?<!{re.escape(parts[-2])} )\b{re.escape(family)}\b", text[end : end + 20_000]) is not None
    evidence = 2 * given + 2 * titled + speaks + again
    return name if evidence >= 3 else None
