"""Names of people and organisations in an item: those that its text glosses, and in English those of people.

Precision over recall: a wrong name is worse than none.
"""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct

from agents.enrich.english_people import read_people
from agents.enrich.glosses import read_glosses
from agents.enrich.prose import Prose, Span
from schemas import Name

MOST_NAMES = 50


class FoundNames(Struct, frozen=True):
    """`names` in the order in which the text first gives them in full; `spans` are their mentions, sorted, apart."""

    names: list[Name]
    spans: list[Span]


class _Candidate(Struct, frozen=True):
    name: str
    gloss: str | None
    forms: tuple[str, ...]
    """How the text mentions it, as `Prose.simple` writes it; the full form first."""


def find_names(prose: Prose) -> FoundNames:
    """Read the names of title and text, at most `MOST_NAMES`. Linear in the length of the text; never raises.

    `count` is how often title and text have the name in its own script, in full or in its short form (布林肯 of
    安东尼·布林肯, Blinken of Antony Blinken), in either script of Chinese, each place once, the one before the gloss
    among them. The gloss itself and other words for the same (他, 国务卿) do not count.
    """
    candidates = list(_candidates(prose))
    if not candidates:
        return FoundNames([], [])
    mentions = _mentions(prose, candidates)
    counts = [0] * len(candidates)
    for _, _, number in mentions:
        counts[number] += 1
    names = [Name(each.name, each.gloss, count) for each, count in zip(candidates, counts, strict=True) if count]
    return FoundNames(names, [(begin, end) for begin, end, _ in mentions])


def _candidates(prose: Prose) -> Iterable[_Candidate]:
    if prose.language == "en":
        for person in read_people(prose.text, prose.title_end)[:MOST_NAMES]:
            yield _Candidate(person.name, None, person.forms)
        return
    if not prose.language.startswith(("zh", "ja")):
        return
    found: dict[str, _Candidate] = {}
    for glossed in read_glosses(prose):
        simple = prose.simple[glossed.begin : glossed.end]
        if simple in found:
            continue
        forms = (simple,) if glossed.short is None else (simple, glossed.short)
        found[simple] = _Candidate(prose.text[glossed.begin : glossed.end], glossed.gloss, forms)
        if len(found) == MOST_NAMES:
            break
    yield from found.values()


def _mentions(prose: Prose, candidates: list[_Candidate]) -> list[tuple[int, int, int]]:
    """Where the forms stand: begin, end, whose. The longest first, so that 林肯 is not found inside 布林肯."""
    owners: dict[str, int] = {}
    for number, candidate in enumerate(candidates):
        owners.setdefault(candidate.forms[0], number)
    for number, candidate in enumerate(candidates):
        for form in candidate.forms[1:]:
            owners.setdefault(form, number)
    places = [(begin, -len(form), owner) for form, owner in owners.items() for begin in _places(prose.simple, form)]
    places.sort()
    mentions: list[tuple[int, int, int]] = []
    free = 0
    for begin, negative, owner in places:
        if begin >= free:
            free = begin - negative
            mentions.append((begin, free, owner))
    return mentions


def _places(text: str, form: str) -> Iterable[int]:
    place = text.find(form)
    while place >= 0:
        yield place
        place = text.find(form, place + len(form))
