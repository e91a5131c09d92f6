"""Places that an item names: countries and cities, and provinces and states where the gazetteer has them.

Precision over recall. A place counts where it stands as words of its own, and not where the words around make it part
of another name: the New York Times is not in New York, Paris Hilton not in Paris, 武汉肺炎 is a disease. Chinese is
read by the words of `Prose`, English (inside Chinese, too) and six other languages by their capitals, Japanese by where
its scripts change; in other languages nothing is looked for.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from itertools import zip_longest
from operator import itemgetter

from msgspec import Struct

from agents.content.gazetteer import NOTHING, Kind, Meaning, Site, gazetteer
from agents.enrich.name_words import words as name_words
from agents.enrich.place_tables import (
    BEFORE,
    BEHIND,
    BODIES,
    BRACKETS,
    DOTS,
    JAPANESE_BEHIND,
    PART_OF_CITY_NAME_BEFORE,
    PART_OF_CITY_NAME_BEHIND,
    PART_OF_NAME_BEHIND,
    RULERS,
    SURNAMES,
    SUSPECT_BEFORE,
    SUSPECT_BEHIND,
    SYLLABLES_BEFORE,
    SYLLABLES_BEHIND,
    SYLLABLES_BEHIND_COUNTRY,
    TITLES_TOO,
)
from agents.enrich.prose import Prose, Span
from schemas import Place

MAX_PLACES = 50

_LETTER = r"[A-Za-z\u00c0-\u024f\u1e00-\u1eff]"
_CAPITALISED = re.compile(rf"[A-Z\u00c0-\u00de\u0130](?<!{_LETTER}.){_LETTER}*")
_GOES_ON = re.compile(rf"{_LETTER}|\d")
_FULL_NAME = re.compile(r"\s?[（(]((?:[A-Z][\w.'’-]*\s)+[A-Z][\w'’-]+)")
_WHERE = (" in ", " In ", " to ", " from ", " at ", " near ", " outside ")
"""What stands before a place, not before a person of its name."""
_JAPANESE_RUN = re.compile(r"[\u30a1-\u30fa\u30fc]{2,}|[\u3400-\u9fff々]{2,}")


_JAPANESE_PART_OF_NAME = re.compile(
    r"[人語洋海湾川山島族教石]|協定|条約|議定書|銀行|証券|航空|大学|新聞|通信|料理|革命"
)
"""Behind a place in katakana these make another name of it: インド洋, フランス語, パリ協定."""
_KATAKANA_BEFORE = re.compile(r"([\u30a1-\u30fa\u30fc]+)[・＝]\Z")
_KATAKANA_BEHIND = re.compile(r"[・＝]([\u30a1-\u30fa\u30fc]+)")
_LONGEST_KATAKANA = 20
_JAPANESE_PERSON = re.compile(r"[ぁ-ゖ]{2,4}氏|(?:[ぁ-ゖ]{2,4})?(?:さん|ちゃん|さま)(?=[はがのもをとへ、。」』）]|\Z)")
"""Behind what is also a family name: 福島みずほ氏, 福島さん."""


class FoundPlaces(Struct, frozen=True):
    """`places` in the order of their first mention, each named as it first stands; `spans` are all their mentions."""

    places: list[Place]
    spans: list[Span]


_Mention = tuple[int, int, Meaning]
"""Begin, end and what the name says."""


def find_places(prose: Prose, taken: Sequence[Span] = ()) -> FoundPlaces:
    """Find the places in title and text. Nothing inside of the spans of `taken`, names found before, is one."""
    if prose.chinese:
        mentions = _in_chinese(prose)
        if latin := _in_latin(prose.text, gazetteer().latin["en"]):
            mentions = sorted([*mentions, *latin], key=itemgetter(0))
    elif prose.language == "ja":
        mentions = list(_in_japanese(prose.text))
    elif names := gazetteer().latin.get(prose.language):
        mentions = _in_latin(prose.text, names)
    else:
        mentions = []
    if taken:
        mentions = _outside(taken, mentions)
    return _counted(prose.text, mentions)


def _outside(taken: Sequence[Span], mentions: list[_Mention]) -> list[_Mention]:
    spans = sorted(taken)
    begins = [begin for begin, _ in spans]
    free = []
    for mention in mentions:
        nearest = bisect_right(begins, mention[0]) - 1
        if nearest < 0 or spans[nearest][1] <= mention[0]:
            free.append(mention)
    return free


def _counted(text: str, mentions: list[_Mention]) -> FoundPlaces:
    counts: dict[Site, int] = {}
    named: list[Span] = []
    spans: list[Span] = []
    sure: set[str] | None = None
    for begin, end, meaning in mentions:
        sites = meaning.sites
        if meaning.likely:
            sure = _sure(mentions) if sure is None else sure
            sites = _decided(meaning, sure)
        for site in sites:
            if site in counts:
                counts[site] += 1
                spans.append((begin, end))
            elif len(counts) < MAX_PLACES:
                counts[site] = 1
                named.append((begin, end))
                spans.append((begin, end))
    places = [
        Place(text[begin:end], site.country, count)
        for (begin, end), (site, count) in zip(named, counts.items(), strict=True)
    ]
    return FoundPlaces(places, spans)


def _sure(mentions: list[_Mention]) -> set[str]:
    """Countries of which a place is named for sure."""
    return {site.country for _, _, meaning in mentions if not meaning.likely for site in meaning.sites}


def _decided(meaning: Meaning, sure: set[str]) -> tuple[Site, ...]:
    """Of several places with one name that whose country the item names, if it names just one's."""
    possible = [site for site in (*meaning.sites, *meaning.likely) if site.country in sure]
    return (possible[0],) if len(possible) == 1 else meaning.sites


def _in_chinese(prose: Prose) -> list[_Mention]:
    names, words, simple = gazetteer(), prose.words, prose.simple
    if not (places := names.openings.places(simple)):
        return []
    known, longer, ends = names.chinese, names.longer, prose.ends
    mentions: list[_Mention] = []
    people = set()
    ending = done = 0  # numbers of words
    last = len(words)
    for at in places:
        ending = bisect_left(ends, at, ending)
        if ends[ending] != at and at:
            continue
        begin = ending + 1 if at else 0
        if begin < done or (meaning := known.get(word := words[begin])) is None:
            continue
        end = begin + 1
        behind = words[end] if end < last else ""
        if (seconds := longer.get(word)) and behind in seconds:
            end, meaning = _longest(words, end, seconds[behind], meaning)
            behind = words[end] if end < last else ""
        done = end
        if meaning is NOTHING:
            continue
        stop = ends[end - 1]
        before = words[begin - 1] if begin else ""
        if word in TITLES_TOO and (behind in RULERS or (mentions and mentions[-1][1] == at)):
            people.add(simple[at:stop])
            continue
        if before in SUSPECT_BEFORE or behind in SUSPECT_BEHIND:
            if not _stands_alone(before, words[begin:end], behind, meaning):
                continue
            if behind in BRACKETS and _is_person(simple, stop):
                people.add(simple[at:stop])
        if meaning.parts:
            mentions += _parts(at, meaning)
        else:
            mentions.append((at, stop, meaning))
    if people:
        return [each for each in mentions if simple[each[0] : each[1]] not in people]
    return mentions


def _longest(
    words: list[str], second: int, names: list[tuple[list[str], Meaning]], alone: Meaning
) -> tuple[int, Meaning]:
    for further, meaning in names:
        end = second + 1 + len(further)
        if words[second + 1 : end] == further:
            return end, meaning
    return second, alone


def _parts(begin: int, meaning: Meaning) -> Iterator[_Mention]:
    for length, part in meaning.parts:
        yield begin, begin + length, part
        begin += length


def _stands_alone(before: str, name: list[str], behind: str, meaning: Meaning) -> bool:
    if behind in PART_OF_NAME_BEHIND or behind in DOTS or before in DOTS:
        return False
    short = len(name) == 1 and len(name[0]) == 2
    kind = meaning.sites[-1].kind if meaning.sites else Kind.CITY
    if kind is Kind.COUNTRY:
        return not (short and behind in SYLLABLES_BEHIND_COUNTRY)
    if behind in SYLLABLES_BEHIND or behind in PART_OF_CITY_NAME_BEHIND:
        return False
    if before in SYLLABLES_BEFORE or before in PART_OF_CITY_NAME_BEFORE:
        return False
    return before not in SURNAMES or bool(meaning.parts)


def _is_person(text: str, end: int) -> bool:
    """Whether a gloss of two words or more stands behind it that begins with no place: 伯明翰（Simon Birmingham）."""
    gloss = _FULL_NAME.match(text, end)
    return gloss is not None and gloss[1].split()[0] not in gazetteer().latin["en"]


def _in_latin(text: str, known: dict[str, list[tuple[str, Meaning]]]) -> list[_Mention]:
    words = [(match.start(), match[0]) for match in _CAPITALISED.finditer(text)]
    found: list[tuple[int, int, Meaning]] = []
    done = 0
    for place, (begin, word) in enumerate(words):
        if word in known and begin >= done:
            for name, meaning in known[word]:
                end = begin + len(name)
                if text.startswith(name, begin) and (name[-1] == "." or not _GOES_ON.match(text, end)):
                    found.append((place, end, meaning))
                    done = end
                    break
    return _standing_alone(text, words, found) if found else []


def _standing_alone(text: str, words: list[tuple[int, str]], found: list[tuple[int, int, Meaning]]) -> list[_Mention]:
    """Those of the names found that no capitalised word next to them makes a part of another name."""
    begins = {words[place][0] for place, _, _ in found}
    ends = {end for _, end, _ in found}
    mentions = []
    people = set()
    forenames = name_words("given names")
    bearers = set()  # places that are a person's name in this text, and seldom elsewhere
    for place, end, meaning in found:
        begin = words[place][0]
        if meaning is NOTHING:
            continue
        begin_before, before = words[place - 1] if place else (0, "")
        between = text[begin_before + len(before) : begin]
        if between in (" ", "-") and before.capitalize() not in BEFORE and begin - 1 not in ends:
            people.add(text[begin:end])
            if between == " " and before in forenames:
                bearers.add(text[begin:end])
            continue
        if between in (" of ", " of the ") and before in BODIES:
            continue
        if text[end : end + 1] in (" ", "-") and end + 1 not in begins:
            behind = _CAPITALISED.match(text, end + 1)
            if behind and behind[0] not in BEHIND and behind[0].capitalize() not in BEHIND:
                if text[end] == " " and text[begin:end] in forenames:
                    bearers.add(text[begin:end])
                continue
        mentions.append((begin, end, meaning))
    mentions = [each for each, behind in zip_longest(mentions, mentions[1:]) if not _is_elsewhere(text, each, behind)]
    if people or bearers:
        where = {text[begin:end] for begin, end, _ in mentions if text.endswith(_WHERE, 0, begin)}
        people -= where
        bearers -= where
        return [each for each in mentions if not _is_somebody(each[2], text[each[0] : each[1]], people, bearers)]
    return mentions


def _is_somebody(meaning: Meaning, name: str, people: set[str], bearers: set[str]) -> bool:
    return name in bearers or (meaning.personal and name in people)


def _is_elsewhere(text: str, mention: _Mention, behind: _Mention | None) -> bool:
    """Whether a state behind a city says that it is another of its name: London, Ontario."""
    if behind is None or behind[0] != mention[1] + 2 or text[mention[1] : behind[0]] != ", ":
        return False
    here, state = mention[2].sites, behind[2].sites
    if not here or not state or here[0].kind is not Kind.CITY or state[0].kind is not Kind.REGION:
        return False
    return here[0].country != state[0].country and not mention[2].likely


def _in_japanese(text: str) -> Iterator[_Mention]:
    known = gazetteer().japanese
    for run in _JAPANESE_RUN.finditer(text):
        word = run[0]
        for length in range(min(len(word), 12), 1, -1):
            if word[:length] in known and (length == len(word) or word[length:] in JAPANESE_BEHIND):
                if length < len(word) or _is_japanese_place(text, run.start(), run.end(), known):
                    yield run.start(), run.start() + length, known[word[:length]]
                break


def _is_japanese_place(text: str, begin: int, end: int, known: dict[str, Meaning]) -> bool:
    """Whether a run that is a place's name is no part of another one: ジョージ・ワシントン, ジョージア州."""
    if _JAPANESE_PERSON.match(text, end):
        return False
    if text[begin] > "\u30ff":
        return True
    sites = known[text[begin:end]].sites
    country = bool(sites) and sites[0].kind is Kind.COUNTRY
    if _JAPANESE_PART_OF_NAME.match(text, end) or (text[end : end + 1] == "州" and country):
        return False
    before = _KATAKANA_BEFORE.search(text[max(0, begin - _LONGEST_KATAKANA) : begin])
    if before and before[1] not in known:
        return False
    behind = _KATAKANA_BEHIND.match(text, end)
    return country or behind is None or behind[1] in known
