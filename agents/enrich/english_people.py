"""People in English text: runs of capitalised words that the text itself shows to be a person.

A run counts with evidence only: an office before it (President, Dr), a given name that is commonly known, a verb of
speaking behind it, its family name again alone. No single one is enough. Words that begin a sentence, headlines,
bodies and places look the same and give nothing.
"""

from __future__ import annotations

import re
from functools import cache

from msgspec import Struct

from agents.enrich.mentions import family_alone
from agents.enrich.name_words import words

MOST_RUNS = 2000
"""Runs looked at; a text of capitals only costs no more than a long article."""

_REACH = 20_000
"""Characters behind a name in which its family name alone is looked for."""

_MOST_LOOKS = 20

_CAPITAL = r"[A-ZÀ-ÖØ-Þ]"
_RUN = re.compile(
    rf"{_CAPITAL}(?<![\w’'.&@#-].)[\w'’-]{{1,30}}(?: (?:{_CAPITAL}[\w'’-]{{1,30}}|[A-Z]\.(?: ?[A-Z]\.)?|Jr\.|Sr\."
    rf"|(?:de|da|del|van|von|bin|al|el|der|du|di|dos)(?: la| der| den)?(?= {_CAPITAL}))){{1,6}}"
)
_PART = re.compile(
    r"(?:(?:Mc|Mac|O['’]|D['’]|De|Di|Le|La|Van|Fitz)?[A-ZÀ-Þ][a-zß-ÿ]+(?:-[A-ZÀ-Þ]?[a-zß-ÿ]+)*"
    r"|[A-Z]\.(?: ?[A-Z]\.)?|Jr\.|Sr\.|de|da|del|van|von|bin|al|el|der|du|di|dos|la|den)(?:['’]s?)?"
)
_SPEAKS = re.compile(
    r",? (?:(?:who|also|later|then) )?(?:said|says|told|tweeted|added|wrote|warned|argued|insisted|explained"
    r"|testified|acknowledged)\b|, \d\d\b| \(\d\d\)"
)
_SPOKE = re.compile(r"\b(?:said|says|added|wrote|warned|argued) \Z")
_POSSESSIVE = re.compile(r"['’]s?\Z")
_SPEAKING_BEFORE = 8
_TITLE_BEFORE = 24
_MOST_PARTS = 4
_MOST_POSSESSED = 2
"""Parts behind a possessive that are fewer belong to a thing: Modi’s Hindu-nationalist."""

_OFFICE = _GIVEN = 2
_ENOUGH = 3


class Person(Struct, frozen=True):
    """`forms`: the name as the text has it, and its family name, which may stand alone."""

    name: str
    forms: tuple[str, ...]


def read_people(text: str, title_end: int) -> list[Person]:
    """The people of an English text in the order of their first full mention. Linear in the length of the text."""
    people: dict[str, Person] = {}
    for number, match in enumerate(_RUN.finditer(text, title_end)):
        if number >= MOST_RUNS:
            break
        if (person := _person(text, match)) and person.name not in people:
            people[person.name] = person
    return list(people.values())


def _person(text: str, match: re.Match[str]) -> Person | None:
    begin = match.start()
    parts = match[0].split(" ")
    if _hints().isdisjoint(parts) and not _behind_title(text, begin):
        return None
    titles, no_names = words("english titles"), words("english no names")
    skipped, office = _skipped(parts, titles, no_names)
    for number, part in enumerate(parts[:-1] if "’" in match[0] or "'" in match[0] else ()):
        if _POSSESSIVE.search(part):  # Brazil’s Jair Bolsonaro, Narendra Modi’s Hindu-nationalist
            if len(parts) - number > _MOST_POSSESSED:
                skipped, office = max(skipped, number + 1), office and number + 1 <= skipped
            else:
                del parts[number + 1 :]
            break
    if skipped:
        begin += sum(len(part) + 1 for part in parts[:skipped])
        parts = parts[skipped:]
    while parts and (parts[-1] in no_names or parts[-1][:1].islower()):
        parts.pop()
    if not 2 <= len(parts) <= _MOST_PARTS or parts[0][:1].islower():
        return None
    given = parts[0] in words("given names")
    if not (office or given or (office := _behind_title(text, begin))):
        return None
    if not (no_names.isdisjoint(parts) and titles.isdisjoint(parts) and all(map(_PART.fullmatch, parts))):
        return None
    bodies = words("english organisations")
    if any(part.lower().strip(".") in bodies for part in parts):
        return None
    end = begin + len(" ".join(parts))
    parts[-1] = _POSSESSIVE.sub("", parts[-1])
    family = parts[-2] if parts[-1].endswith(".") else parts[-1]
    if len(family) < 3:
        return None
    evidence = _OFFICE * office + _GIVEN * given
    if evidence < _ENOUGH:
        evidence += bool(_SPEAKS.match(text, end) or _SPOKE.search(text[max(0, begin - _SPEAKING_BEFORE) : begin]))
    if evidence < _ENOUGH:
        evidence += _alone(text, family, parts, end)
    name = " ".join(parts)
    return Person(name, (name, family)) if evidence >= _ENOUGH else None


@cache
def _hints() -> frozenset[str]:
    """Words of which a run has one, or stands behind a title, if it is to be a person."""
    titles = words("english titles")
    return titles | {f"{title}." for title in titles} | words("given names")


def _behind_title(text: str, begin: int) -> bool:
    before = text[max(0, begin - _TITLE_BEFORE) : begin].rstrip().rpartition(" ")[2]
    return before.strip("(,").rstrip(".") in words("english titles")


def _skipped(parts: list[str], titles: frozenset[str], no_names: frozenset[str]) -> tuple[int, bool]:
    """How many parts stand before the name (When, North Carolina Governor), and whether the last is an office."""
    for number in range(len(parts) - 1, 0, -1):
        if parts[number - 1].rstrip(".") in titles:
            return number, True
    skipped = 0
    while skipped < len(parts) and parts[skipped] in no_names:
        skipped += 1
    return skipped, False


def _alone(text: str, family: str, parts: list[str], end: int) -> bool:
    """Whether the family name comes again without the given one."""
    given = parts[:-1]
    before = given[-1] + " "
    last = min(len(text), end + _REACH)
    place = end
    for _ in range(_MOST_LOOKS):
        if (place := text.find(family, place, last)) < 0:
            return False
        behind = place + len(family)
        if not text.startswith(before, place - len(before)) and family_alone(text, place, behind, given):
            return True
        place = behind
    return False
