"""Names of people and organisations in an item: those that its text glosses, and in English those of people.

Precision over recall: a wrong name is worse than none.
"""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct

from agents.enrich.english_people import read_people
from agents.enrich.foretext import Cuts
from agents.enrich.glosses import read_glosses
from agents.enrich.mentions import Candidate, find_mentions
from agents.enrich.prose import Prose, Span
from schemas import Name

MOST_NAMES = 50


class FoundNames(Struct, frozen=True):
    """`names` in the order in which the text first gives them in full; `spans` are their mentions, sorted, apart."""

    names: list[Name]
    spans: list[Span]


def find_names(prose: Prose) -> FoundNames:
    """Read the names of title and text, at most `MOST_NAMES`. Linear in the length of the text; never raises.

    `count` is how often title and text have the name in its own script, in full or in its short form (布林肯 of
    安东尼·布林肯, Blinken of Antony Blinken), in either script of Chinese, each place once, the one before the gloss
    among them; where it is part of another name (林肯 of 布林肯, Spike Lee) not. The gloss itself and other words for
    the same (他, 国务卿) do not count.
    """
    cuts = Cuts(prose)
    candidates = list(_candidates(prose, cuts))
    if not candidates:
        return FoundNames([], [])
    mentions = find_mentions(prose, candidates, cuts)
    counts = [0] * len(candidates)
    for _, _, number in mentions:
        counts[number] += 1
    names = [Name(each.name, each.gloss, count) for each, count in zip(candidates, counts, strict=True) if count]
    return FoundNames(names, [(begin, end) for begin, end, _ in mentions])


def _candidates(prose: Prose, cuts: Cuts) -> Iterable[Candidate]:
    if prose.language == "en":
        for person in read_people(prose.text, prose.title_end)[:MOST_NAMES]:
            yield Candidate(person.name, None, person.forms)
        return
    if not prose.language.startswith(("zh", "ja")):
        return
    found: dict[str, Candidate] = {}
    for glossed in read_glosses(prose, cuts):
        simple = prose.simple[glossed.begin : glossed.end]
        if simple in found:
            continue
        forms = (simple,) if glossed.short is None else (simple, glossed.short)
        found[simple] = Candidate(
            prose.text[glossed.begin : glossed.end], glossed.gloss, forms, glossed.begin, glossed.person
        )
        if len(found) == MOST_NAMES:
            break
    yield from found.values()
