"""Where a person's name begins that a gloss follows, most of all by how it sounds.

Between dots (安东尼·布林肯) only the first part can have something before it. Without, the name is the family name
(国务卿布林肯), or a name of another making: all of it, the given name, or the one that a Sinologist chose (吴若兰).
"""

from __future__ import annotations

import re

from agents.content.chinese import tag
from agents.enrich.foretext import LEADING_IN, Edge, Foretext
from agents.enrich.gloss import Gloss
from agents.enrich.name_words import words
from agents.enrich.sounds import LONGEST, fit

DOTS = "·‧•・．･∙●⋅"
DOT = re.compile(rf" ?[{DOTS}.] ?")

# What a character must render on average where a name begins so.
_ENOUGH = (0.8, 0.55, 0.4)  # by Edge, as the next
_WORTH = (0.0, 0.4, 0.9)
_LEAST, _MOST = _ENOUGH[Edge.SURE], _WORTH[Edge.SURE]
_TWO_CHARACTERS = 0.25
"""So much more where two characters are all."""

_BETWEEN = re.compile(r"以及|[和与及、的]")
_KIN = re.compile(r".*(?:之[子女妻夫]|[儿女]子|女儿|妻子|丈夫|[父母]亲|兄弟|[弟妹哥姐]{2}|[的和与及])(?=..)")
_DASHES = "-－"
_NO_NAME_HOLDS = frozenset("的了至到在是")
_NO_NAME_BEGINS = LEADING_IN | frozenset("人者员长之当")
_PROPER_KINDS = frozenset({"ns", "nr", "nrt", "nz", "nt"})
_TITLE_LENGTHS = (4, 3, 2)
_ORDINARY = frozenset({"n", "vn", "a", "an", "ad", "d", "m", "t", "r", "b", "f"})
"""jieba's tags of words that are no names."""

Try = tuple[str, float]
"""A token that the characters may render, and a handicap: how much less likely it is than the family name."""

Found = tuple[int, str | None, int]
"""Begin of the name, its short form, its end."""


def find_person(foretext: Foretext, gloss: Gloss) -> Found | None:
    """Where the name begins and ends, and its family name if that may stand alone; None where it is not sure."""
    if not gloss.tokens:
        return None
    if title := _title_behind(foretext):
        within = foretext.upto(foretext.end - title)
        if found := _named(within, gloss):
            return found
    return _named(foretext, gloss)


def _title_behind(foretext: Foretext) -> int:
    """How long the title is that stands between name and gloss, if one does."""
    for length in _TITLE_LENGTHS:
        begin = foretext.end - length
        if begin > foretext.start and foretext.simple[begin : foretext.end] in words("titles behind"):
            return length
    return 0


def _named(foretext: Foretext, gloss: Gloss) -> Found | None:
    simple, end = foretext.simple, foretext.end
    dots = [
        dot for dot in DOT.finditer(simple, foretext.start, end) if foretext.start < dot.start() and dot.end() < end
    ]
    if dots and (kin := _KIN.match(simple, dots[-1].end(), end)):
        foretext, dots = foretext.since(kin.end()), []
    if not dots:
        shouted = len(gloss.tokens) > 2 and all(map(str.isupper, gloss.tokens))
        if shouted or (len(gloss.tokens) == 1 and gloss.body):
            return None
        begin = _undotted(foretext.since(end - LONGEST), gloss.tokens)
        if begin is not None and simple[begin - 1 : begin] == "小" and begin > foretext.start and gloss.junior:
            begin -= 1
        return None if begin is None else (begin, None, end)
    first = _first_dot(simple, dots, gloss)
    begin = given_name(foretext.upto(dots[first].start()), gloss)
    family = simple[dots[-1].end() : end]
    return None if begin is None else (begin, family if len(family) > 1 else None, end)


def _first_dot(simple: str, dots: list[re.Match[str]], gloss: Gloss) -> int:
    """小约瑟夫·R·拜登: all parts between dots belong to the name, if they are no more than the gloss has."""
    first = max(0, len(dots) - len(re.findall(r"[\s.\-‐]+(?=\w)", gloss.text)) - 1)
    for number in range(len(dots) - 1, first, -1):
        part = simple[dots[number - 1].end() : dots[number].start()]
        if _BETWEEN.search(part) or any(
            part[place : place + 2] in words("offices") for place in range(1, len(part) - 1)
        ):
            return number
    return first


def given_name(foretext: Foretext, gloss: Gloss) -> int | None:
    """Where the part of a name begins that a dot follows."""
    start, end = max(foretext.start, foretext.end - LONGEST), foretext.end
    if start == end or not gloss.tokens:
        return None
    if "A" <= foretext.simple[end - 1] <= "Z":
        return start + len(foretext.simple[start:end].rstrip("ABCDEFGHIJKLMNOPQRSTUVWXYZ"))
    stretch = foretext.since(start)
    begin = _best(stretch, [(gloss.tokens[0], 0.0), *((token, -0.5) for token in gloss.tokens[1:3])], least=1)
    if begin is None:
        return _behind_office(stretch, least=1, most=6)
    if begin > start and foretext.simple[begin - 1] in "小老" and stretch.edge(begin - 1) is Edge.SURE:
        return begin - 1
    return begin


def _undotted(foretext: Foretext, tokens: list[str]) -> int | None:
    begin = _best(foretext, _tries(tokens), least=2)
    if begin is not None and foretext.edge(begin) is not Edge.NONE:
        return _with_surname(foretext, begin)
    office = _behind_office(foretext, least=2, most=5)
    if begin is None:
        return office
    # 康明凯 (Michael Kovrig): 明凯 sounds right, but the name is more
    return office if office is not None and begin - 2 <= office < begin else begin


def _tries(tokens: list[str]) -> list[Try]:
    family = tokens[-1]
    tries: list[Try] = [(family, 0.0)]
    if len(tokens) > 1:
        tries += [("".join(tokens), -1.0), (family + "".join(tokens[:-1]), -1.0), (tokens[0], -0.4)]
    if len(tokens) > 2:
        tries += [("".join(tokens[1:]), -0.1), (tokens[-2], -0.4), (tokens[0] + tokens[1], -0.3)]
    if "-" in family:
        tries += [(part, -0.1) for part in family.split("-") if part]
    return tries


def _best(foretext: Foretext, tries: list[Try], least: int) -> int | None:
    """Where the characters begin that fit one of the tokens best, if a name can begin there."""
    text, end = foretext.text, foretext.end
    han = text
    for dash in _DASHES:
        han = han.replace(dash, "")
    best, where, sure = 0.0, None, False
    for token, handicap in tries:
        for number, score in enumerate(fit(han, token), 1):
            if number < least or score < _LEAST * number or score + handicap + _MOST <= best:
                continue
            begin = end - (number if len(han) == len(text) else _with_dashes(text, number))
            edge = foretext.edge(begin)
            if score < _ENOUGH[edge] * number + (_TWO_CHARACTERS if number == least == 2 else 0):
                continue
            total = score + handicap + _WORTH[edge] - (1.0 if foretext.simple[begin] in LEADING_IN else 0.0)
            if total > best and _can_be_name(foretext, begin):
                best, where, sure = total, begin, edge is Edge.SURE
        if where is not None and sure and best >= 0.8 * (end - where) + 0.9:
            break  # no other token can be meant
    return where


def _can_be_name(foretext: Foretext, begin: int) -> bool:
    name = foretext.simple[begin : foretext.end]
    if name[0] in DOTS or name[0] in _DASHES or name[0] == "之":
        return False
    if _holds_no_name(name) or foretext.splits_office(begin):
        return False
    if foretext.simple[begin - 1 : begin].isdigit():
        return False  # 1993年
    if len(name) < 4:
        return True
    offices = words("offices")
    if any(
        name[place : place + length] in offices
        for place in range(len(name) - 3)
        for length in (2, 3, 4)
        if place + length < len(name) - 1
    ):
        return False
    return len(name) < 5 or not any(
        word in "至到在" or (len(word) > 1 and (word in words("stops") or word in words("verbs before")))
        for word in foretext.cuts.within(begin, foretext.end - 2)
    )


def _with_dashes(text: str, number: int) -> int:
    """How many characters at the end of `text` so many without dashes are."""
    length = 0
    for character in reversed(text):
        if character not in _DASHES:
            if not number:
                break
            number -= 1
        length += 1
    return length - 1 if text[len(text) - length] in _DASHES else length


def _with_surname(foretext: Foretext, begin: int) -> int:
    """习安东 (Antonio Spadaro): what sounds like the given name was found, behind a surname of one character."""
    before = foretext.cuts.before(begin)
    if len(before) != 1 or begin - 1 <= foretext.start or before in words("stops") or before in "老小大名":
        return begin
    return begin - 1 if foretext.behind_office(begin - 1) else begin


def _behind_office(foretext: Foretext, least: int, most: int) -> int | None:
    """吴若兰 of 驻华大使吴若兰: no sound tells, but what stands before it does."""
    end = foretext.end
    for begin in range(end - least, max(foretext.start, end - most) - 1, -1):
        if foretext.edge(begin) is not Edge.SURE:
            continue
        name = foretext.simple[begin:end]
        if name[0] in _NO_NAME_BEGINS or _holds_no_name(name):
            continue
        if name[0] in DOTS or name[0] in _DASHES:
            return None
        pieces = tag(name)
        if any(word in words(section) for word, _ in pieces for section in ("heads", "verbs before")):
            return None
        if any(word in words("stops") and (len(word) > 1 or word in "的和与在是了及或也向对中") for word, _ in pieces):
            return None
        if foretext.splits_office(begin) or (_says_where(pieces) and not foretext.behind_office(begin)):
            continue
        return None if len(pieces) == 1 and pieces[0][1] in _ORDINARY else begin
    return None


def _holds_no_name(name: str) -> bool:
    return not _NO_NAME_HOLDS.isdisjoint(name)


def _says_where(pieces: list[tuple[str, str]]) -> bool:
    """Whether a name is not all of it: 造成|甘贾市, 中部|广治省, 或是|艺术周."""
    first = pieces[0][1]
    if len(pieces) < 2 or first[0] in "cpf":
        return len(pieces) > 1
    return first == "v" and len(pieces) == 2 and pieces[1][1] in _PROPER_KINDS
