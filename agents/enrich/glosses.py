"""Names that a Chinese or Japanese text explains in brackets: 安东尼·布林肯(Antony Blinken), 世界卫生组织（WHO）.

Where a name ends is plain: at the bracket, or at the quotation mark before it. Where it begins nothing says, so each
kind of gloss has its reader: by sound for people (sounds.py), by the words in front for organisations. Precision over
recall: a gloss whose name has no sure beginning gives nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import accumulate

from msgspec import Struct

from agents.content.chinese import tag
from agents.enrich.name_words import rows, words
from agents.enrich.prose import Prose
from agents.enrich.sounds import LONGEST, fit

MOST_BRACKETS = 500
"""Brackets looked at: with it a text full of them costs no more than a long article."""

_WINDOW = 30
"""Characters before a bracket in which its name begins."""

DOTS = "·‧•・．･∙●⋅"
_HAN = "\u3400-\u9fff"
_BRACKET = re.compile(r"[（(]\s?\s?(?P<gloss>[A-Za-zÀ-ž][^（）()\n]{1,90})[)）]")
_NAME = re.compile(
    rf"(?:[{_HAN}A-Z{DOTS}\-－—–]|(?<=[{_HAN}]) ?[{DOTS}] ?(?=[{_HAN}A-Z])|(?<=[{_HAN}])\.(?=[{_HAN}]))+\Z"
)
_DOT = re.compile(rf" ?[{DOTS}.] ?")
_KATAKANA = re.compile(r"[ァ-ヺー]+(?:[・＝=･][ァ-ヺー]+)*\Z")
_QUOTES = {"”": "“", "』": "『", "」": "「", "》": "《", "〉": "〈", "’": "‘", "＂": "＂", '"': '"'}
_INSIDE_QUOTES = re.compile(rf"[{_HAN}\u30a0-\u30ffA-Za-z0-9{DOTS}\- &＆+.!！:：、，’']{{2,30}}\Z")

_CUT_OFF = re.compile(
    rf"\s*(?:[;；:：/／=＝|[【<《「“]|[,，、]\s*(?![A-Z]{{2,9}}\b|Jr\b|Sr\b|Inc\b|Ltd\b|LLC\b)|[{_HAN}]|\s\d{{2,}}\s*$).*\Z",
    re.DOTALL,
)
_ACRONYM = re.compile(r"(?=[^a-z]*[A-Z][^a-z]*[A-Z])[A-Z][A-Za-z0-9&＆.\-/]{1,10}\Z")
_WORD = re.compile(r"[^\W\d_](?:[^\W_]|['’ʼ‘`.\-‐‑])*")
_TITLE = re.compile(
    r"(?:(?:Cardinal|President|Prime Minister|Minister|Senator|Sen\.|Rep\.|Gov\.|Governor|Dr\.?|Prof\.?|Professor|Mr\.?"
    r"|Mrs\.?|Ms\.?|Sir|Lord|Lady|Dame|King|Queen|Prince|Princess|General|Gen\.|Captain|Pope|Judge|Justice) )+(?=[A-Z])"
)
_SMALL = frozenset(
    {
        "of",
        "the",
        "and",
        "for",
        "de",
        "des",
        "du",
        "la",
        "le",
        "les",
        "del",
        "di",
        "da",
        "do",
        "dos",
        "von",
        "van",
        "der",
        "den",
        "zu",
        "bin",
        "ibn",
        "bint",
        "al",
        "el",
        "ul",
        "y",
        "e",
        "et",
        "und",
        "für",
        "in",
        "on",
        "at",
        "to",
        "a",
        "an",
        "with",
        "pour",
        "sur",
        "am",
        "im",
        "ter",
        "ten",
        "af",
        "av",
        "abu",
        "ben",
        "d",
        "l",
        "’n’",
        "n",
        "o",
        "dan",
        "per",
        "i",
        "san",
        "della",
        "dello",
        "delle",
        "degli",
        "dei",
        "das",
        "auf",
        "no",
        "na",
        "ao",
    }
)
_PARTICLES = frozenset(
    {
        "de",
        "des",
        "du",
        "la",
        "le",
        "del",
        "della",
        "di",
        "da",
        "do",
        "dos",
        "von",
        "van",
        "der",
        "den",
        "zu",
        "bin",
        "ibn",
        "bint",
        "al",
        "el",
        "ul",
        "ter",
        "ten",
        "af",
        "abu",
        "ben",
        "y",
        "e",
        "st.",
        "saint",
        "san",
        "mac",
        "o",
        "ould",
        "ag",
    }
)
_CAMEL = re.compile(r"(?<=[a-zà-ž]{3})(?=[A-Z][a-z]{2})")
_BETWEEN = re.compile(r"以及|[和与及、的]")
_KIN = re.compile(r".*(?:之[子女妻夫]|[儿女]子|女儿|妻子|丈夫|[父母]亲|兄弟|[弟妹哥姐]{2}|[的和与及])(?=..)")
_COLOURED = re.compile(
    r"[A-Z][a-z]+ (?:[A-Z]\. )?(?:Green|Park|West|East|North|Young|Street|Hall|House|Day|Lake|Bridge|Church|Post|Law|White|Force|Page|Power|Banks|Price|Field|Rice)"
)
_COMPANY = re.compile(r",? (?:Inc|Ltd|LLC|Corp|Corporation|Company|Co|Group|Holdings|Limited|PLC|plc)\b\.?.*\Z")
_GENERATIONS = frozenset({"jr", "jr.", "sr", "sr.", "ii", "iii", "iv", "esq", "phd", "md"})

_VERY_GOOD, _GOOD, _POOR = 0.8, 0.55, 0.4
"""What a character must render on average where a name begins inside a word, between words, or behind an office."""


_LEADS_IN = frozenset("及和与向对据由在被将但并是的而从给为让跟靠过了着")


class Glossed(Struct, frozen=True):
    """A name with its gloss; `short` is a later form (布林肯 of 安东尼·布林肯). Places are in `Prose.text`."""

    begin: int
    end: int
    gloss: str
    short: str | None = None


class _Cuts:
    """Where words of the text begin, looked up by place."""

    def __init__(self, prose: Prose) -> None:
        self.words = prose.words
        self.begins = {0: 0}
        self.begins.update(zip(accumulate(map(len, prose.words)), range(1, len(prose.words) + 1), strict=True))

    def word_before(self, place: int) -> str:
        number = self.begins.get(place)
        return self.words[number - 1] if number else ""

    def word_at(self, place: int) -> str:
        number = self.begins.get(place)
        return self.words[number] if number is not None and number < len(self.words) else ""


def read_glosses(prose: Prose) -> Iterator[Glossed]:
    """The glossed names of a text, in order, as often as they are glossed."""
    cuts: _Cuts | None = None
    for number, match in enumerate(_BRACKET.finditer(prose.simple)):
        if number >= MOST_BRACKETS:
            return
        gloss = clean_gloss(prose.text[match.start("gloss") : match.end("gloss")])
        if gloss is None:
            continue
        if cuts is None:
            cuts = _Cuts(prose)
        if found := _name_before(prose.simple, match.start(), gloss, cuts):
            yield found


def clean_gloss(printed: str) -> str | None:
    """The other-language form alone, without age, office or explanation behind it; None where it is no name."""
    gloss = _CUT_OFF.sub("", printed).strip(" ,，.。'‘’\"“”") if _CUT_OFF.search(printed) else printed.strip(" ,，")
    gloss = _TITLE.sub("", gloss)
    parts = _WORD.findall(gloss)
    if not parts or len(gloss) < 2 or gloss.lower() in words("english stops"):
        return None
    if any(mark in gloss for mark in ("@", "://", "www.", "_", "#", "$", "€", "£", "%", "?", "…", "...")):
        return None
    if (
        re.search(r"[A-Z]\.[A-Z]{1,3}$|\.(?:com|org|net|HK|SS|SZ|TW|US|UK|L|N|O|T|PA|DE)$", gloss)
        and " " not in gloss
        and gloss.count(".") == 1
    ):
        return None
    lower = [
        part
        for part in parts
        if part.islower() and part.lower() not in _SMALL and "-" not in part and "’" not in part and "'" not in part
    ]
    if lower or not any(part[0].isupper() for part in parts):
        return None
    if (
        any(
            part.lower() in ("photo", "photos", "images", "getty", "gettyimages", "afp", "screenshot") for part in parts
        )
        and len(parts) > 1
    ):
        return None
    return gloss


def _name_before(simple: str, bracket: int, gloss: str, cuts: _Cuts) -> Glossed | None:
    end = bracket
    while end and bracket - end < 2 and simple[end - 1] in " \u3000\xa0":
        end -= 1
    if not end:
        return None
    last = simple[end - 1]
    if last in _QUOTES:
        return _quoted(simple, end - 1, gloss)
    if "\u30a0" <= last <= "\u30ff":
        if match := _KATAKANA.search(simple[max(0, end - _WINDOW) : end]):
            name = match[0]
            return Glossed(end - len(name), end, gloss, _last_part(name)) if len(name) > 1 else None
        return None
    if not "\u3400" <= last <= "\u9fff":
        return None
    start = max(0, end - _WINDOW)
    match = _NAME.search(simple[start:end])
    if not match:
        return None
    start += match.start()
    if (known := rows("known").get(gloss.lower())) and (found := _known(simple, start, end, gloss, known)):
        return found
    if _ACRONYM.match(gloss) or _organisation(gloss):
        if _COLOURED.fullmatch(gloss) and not _head(simple, start, end):
            return _person(simple, start, end, gloss, cuts)
        if (
            (found := _body(simple, start, end, gloss, cuts))
            or not (company := _COMPANY.sub("", gloss))
            or company == gloss
        ):
            return found
        gloss = company if not _organisation(company) else ""
        found = _person(simple, start, end, gloss, cuts)
        return found
    return _person(simple, start, end, gloss, cuts)


def _known(simple: str, start: int, end: int, gloss: str, names: frozenset[str]) -> Glossed | None:
    fitting = [name for name in names if simple.endswith(name, start, end)]
    return Glossed(end - len(max(fitting, key=len)), end, gloss) if fitting else None


def _quoted(simple: str, closing: int, gloss: str) -> Glossed | None:
    """「大西洋理事会」（Atlantic Council）: the name is what is quoted."""
    opening = simple.rfind(_QUOTES[simple[closing]], max(0, closing - _WINDOW - 2), closing)
    if opening < 0 or not _INSIDE_QUOTES.match(inside := simple[opening + 1 : closing]):
        return None
    begin, end = opening + 1 + len(inside) - len(inside.lstrip()), closing - len(inside) + len(inside.rstrip())
    if end - begin < 2 or not any("\u3400" <= character <= "\u9fff" for character in inside):
        return None
    return Glossed(begin, end, gloss)


def _organisation(gloss: str) -> bool:
    english = words("english organisations")
    return any(
        part.lower().strip(".'’") in english for part in _WORD.findall(gloss) if part not in ("of", "the", "and", "for")
    )


# People


def _person(simple: str, start: int, end: int, gloss: str, cuts: _Cuts) -> Glossed | None:
    tokens = _tokens(gloss)
    if not tokens or all(len(token) > 4 and token.isupper() for token in tokens):
        return None
    if _head(simple, start, end) > 1:
        return _body(simple, start, end, gloss, cuts)
    if (title := _title_behind(simple, start, end)) and (
        found := _named(simple, start, end - title, gloss, tokens, cuts)
    ):
        return found
    return _named(simple, start, end, gloss, tokens, cuts) or _body(simple, start, end, gloss, cuts)


def _named(simple: str, start: int, end: int, gloss: str, tokens: list[str], cuts: _Cuts) -> Glossed | None:
    dots = [dot for dot in _DOT.finditer(simple, start, end) if start < dot.start() and dot.end() < end]
    if dots and (son := _KIN.match(simple, dots[-1].end(), end)):
        start, dots = son.end(), []
    if not dots and len(tokens) == 1 and tokens[0].lower() in words("english organisations"):
        return None
    if not dots:
        begin = _sounding(simple, max(start, end - LONGEST), end, tokens, cuts)
        return Glossed(begin, end, gloss) if begin is not None else None
    # 小约瑟夫·R·拜登: all parts between dots belong to it, of the first one what sounds like a given name
    first = max(0, len(dots) - _most_dots(gloss))
    for number in range(len(dots) - 1, first, -1):
        middle = simple[dots[number - 1].end() : dots[number].start()]
        if _BETWEEN.search(middle) or any(
            middle[place : place + 2] in words("offices") for place in range(1, len(middle) - 1)
        ):
            first = number
            break
    begin = _given(simple, max(start, dots[first].start() - LONGEST), dots[first].start(), tokens, cuts)
    short = simple[dots[-1].end() : end]
    return Glossed(begin, end, gloss, short if len(short) > 1 else None) if begin is not None else None


def _most_dots(gloss: str) -> int:
    return len(re.findall(r"[\s.\-‐]+(?=\w)", gloss)) + 1


def _given(simple: str, start: int, end: int, tokens: list[str], cuts: _Cuts) -> int | None:
    """Where the first part of a name with dots begins."""
    if start == end:
        return None
    if "A" <= simple[end - 1] <= "Z":
        return start + len(simple[start:end].rstrip("ABCDEFGHIJKLMNOPQRSTUVWXYZ"))
    tries = [(tokens[0], 0.0), *((token, -0.5) for token in tokens[1:3])]
    begin = _best(simple, start, end, tries, cuts, least=1)
    if begin is None:
        return _behind_office(simple, start, end, cuts, longest=6, least=1)
    if begin > start and simple[begin - 1] in "小老" and _edge(simple, start, begin - 1, cuts) == 2:
        begin -= 1
    return begin


def _sounding(simple: str, start: int, end: int, tokens: list[str], cuts: _Cuts) -> int | None:
    """Where a name without dots begins: the family name by sound, or all of it behind an office or a mark."""
    family = tokens[-1]
    tries = [(family, 0.0)]
    if len(tokens) > 1:
        whole = "".join(tokens)
        tries += [(whole, -1.0), (family + "".join(tokens[:-1]), -1.0), (tokens[0], -0.4)]
        if len(tokens) > 2:
            tries += [("".join(tokens[1:]), -0.1), (tokens[-2], -0.4), (tokens[0] + tokens[1], -0.3)]
    if "-" in family:
        tries += [(part, -0.1) for part in family.split("-") if part]
    begin = _best(simple, start, end, tries, cuts, least=2)
    if begin is not None and _edge(simple, start, begin, cuts):
        return _with_surname(simple, start, begin, cuts)
    office = _behind_office(simple, start, end, cuts, longest=5)
    if begin is None:
        return office
    if office is not None and begin - 2 <= office < begin:
        return office  # 康明凯 (Michael Kovrig): the family name is in it, and more
    return begin


def _with_surname(simple: str, start: int, begin: int, cuts: _Cuts) -> int:
    """习安东 (Antonio Spadaro): only what sounds like the given name was found, behind a surname of one character."""
    before = cuts.word_before(begin)
    if len(before) != 1 or begin - 1 <= start or before in words("stops") or before in "老小大名":
        return begin
    return begin - 1 if any(simple[begin - 1 - n : begin - 1] in words("offices") for n in range(2, 7)) else begin


def _best(simple: str, start: int, end: int, tries: list[tuple[str, float]], cuts: _Cuts, least: int) -> int | None:
    """Where the characters begin that fit one of the tokens best, and where a name can begin."""
    text = simple[start:end]
    han = text.replace("-", "").replace("－", "")
    best, where, edges = 0.0, None, 0
    for token, handicap in tries:
        for number, score in enumerate(fit(han, token), 1):
            if number < least or score < _POOR * number:
                continue
            begin = end - _with_dashes(text, number)
            edge = _edge(simple, start, begin, cuts)
            if score < (_VERY_GOOD, _GOOD, _POOR)[edge] * number + (0.25 if number == 2 else 0):
                continue
            if _holds_office(simple[begin:end]) or _splits_office(simple, begin):
                continue
            if text[begin - start] in DOTS or (number > 4 and _holds_verb(begin, end, cuts)):
                continue
            total = score + handicap + (0.0, 0.4, 0.9)[edge] - (1.0 if simple[begin] in _LEADS_IN else 0.0)
            if total > best:
                best, where, edges = total, begin, edge
        if where is not None and edges == 2 and best >= 0.8 * (end - where) + 0.9:
            break
    return where


def _holds_office(name: str) -> bool:
    return any(
        name[place : place + length] in words("offices")
        for place in range(len(name) - 3)
        for length in (2, 3, 4)
        if place + length < len(name) - 1
    ) or any(mark in name for mark in "的了")


def _holds_verb(begin: int, end: int, cuts: _Cuts) -> bool:
    place = begin
    while place < end - 2 and (word := cuts.word_at(place)):
        if len(word) > 1 and (word in words("stops") or word in words("verbs before")):
            return True
        place += len(word)
    return False


def _splits_office(simple: str, begin: int) -> bool:
    return any(
        simple[begin - before : begin + behind] in words("offices")
        for before, behind in ((1, 1), (2, 1), (1, 2), (2, 2), (3, 1))
    )


def _with_dashes(text: str, number: int) -> int:
    """How many characters at the end of `text` so many without dashes are."""
    length = 0
    for character in reversed(text):
        if character not in "-－":
            if not number:
                break
            number -= 1
        length += 1
    return length - 1 if text[len(text) - length] in "-－" else length


def _edge(simple: str, start: int, begin: int, cuts: _Cuts) -> int:
    """How sure a name can begin here: 2 behind a mark, an office or a word that joins, 1 between words, 0 inside one."""
    before = simple[begin - 1 : begin]
    if begin <= start and not "\u3400" <= before <= "\u9fff":
        return 0 if before.isdigit() else 2
    for length in range(2, 7):
        piece = simple[begin - length : begin]
        if piece in words("offices") or (length > 2 and piece in words("generic")):
            return 2
    if begin not in cuts.begins:
        return 0
    word = cuts.word_before(begin)
    if (
        word in words("stops")
        or word in words("generic")
        or word in words("countries")
        or word in words("verbs before")
    ):
        return 2
    return 2 if len(word) > 1 and word[-1] in "长员官卿席授者家师手人" else 1


def _behind_office(simple: str, start: int, end: int, cuts: _Cuts, longest: int, least: int = 2) -> int | None:
    """吴若兰 of 驻华大使吴若兰: no sound tells, but what stands before it does."""
    for begin in range(end - least, max(start, end - longest) - 1, -1):
        if _edge(simple, start, begin, cuts) == 2:
            name = simple[begin:end]
            if name[0] in _LEADS_IN or name[0] in "人者员长":
                continue
            if name[0] in DOTS:
                return None
            pieces = tag(name)
            if any(
                word in words("stops") or word in words("heads") or word in words("verbs before") for word, _ in pieces
            ):
                return None
            if _splits_office(simple, begin):
                continue
            if len(pieces) == 1 and pieces[0][1] in ("n", "vn", "a", "an", "ad", "d", "m", "t", "r", "b", "f"):
                return None  # a word of the language
            return begin
    return None


def _title_behind(simple: str, start: int, end: int) -> int:
    """How long the title is that stands between name and gloss, if one does."""
    for length in (4, 3, 2):
        if end - length > start and simple[end - length : end] in words("titles behind"):
            return length
    return 0


def _tokens(gloss: str) -> list[str]:
    """The parts of a person's name, particles with the part that they lead, without initials and generation."""
    plain = re.sub(r"[“\"‘'][^“”\"]{1,20}[”\"’']\s", "", gloss)
    tokens: list[str] = []
    particle = ""
    for part in _WORD.findall(_CAMEL.sub(" ", plain)):
        lower = part.lower()
        if lower in _GENERATIONS or len(part.rstrip(".")) < 2:
            continue
        if lower in _PARTICLES and (tokens or part[0].islower()):
            particle += lower
        else:
            tokens.append(particle + part)
            particle = ""
    return tokens[:6]


def _last_part(name: str) -> str | None:
    last = re.split(r"[・＝=･]", name)[-1]
    return last if 1 < len(last) < len(name) else None


# Organisations


def _head(simple: str, start: int, end: int) -> int:
    """The length of the word that names the kind of body, 0 where none ends the name."""
    for length in (5, 4, 3, 2, 1):
        if end - length >= start and simple[end - length : end] in words("heads"):
            return length
    return 0


def _body(simple: str, start: int, end: int, gloss: str, cuts: _Cuts) -> Glossed | None:
    """Back from the kind of body (委员会) word by word, until one stands there that cannot belong to the name."""
    head = _head(simple, start, end)
    if not head:
        return None
    acronym = bool(_ACRONYM.match(gloss))
    parts = [part for part in _WORD.findall(gloss) if part.lower() not in _SMALL]
    most = len(gloss) + 3 if acronym else max(len(parts), 2) + 4
    kind_of_body = simple[end - head : end]
    pieces = tag(simple[start:end])
    begin = end
    taken = 0
    while pieces:
        word, kind = pieces.pop()
        if begin <= end - head:
            if word in _JOINING and pieces and _joins(pieces[-1][0], gloss, acronym, taken):
                begin -= len(word)
                continue
            if word == kind_of_body or _stops(word, kind):
                if begin < end - head or word in words("stops") or word in words("verbs before"):
                    break
        begin -= len(word)
        taken += word not in _JOINING and word not in words("countries")
        if taken > most:
            return None
    else:
        if simple[begin - 1 : begin].isdigit():
            return None
    begin = _inside(simple, begin, end - head, gloss, acronym)
    begin = _without_country(simple, begin, end, head, gloss, acronym)
    name = simple[begin:end]
    if len(name) <= head and (head < 3 or acronym) or name in words("generic"):
        return None
    if len(name) < 3 and (acronym or name[-1] not in "党报"):
        return None
    if not acronym and (dot := _DOT.search(simple, begin, end)) and (tokens := _tokens(gloss)):
        given = _given(simple, begin, dot.start(), tokens, cuts)  # 贴有博·拜登基金会 (Beau Biden Foundation)
        begin = begin if given is None else given
    return Glossed(begin, end, gloss)


def _inside(simple: str, begin: int, end: int, gloss: str, acronym: bool) -> int:
    """Past what the cut into words has hidden before the name: 据皮尤研究中心, the dash of a list."""
    while begin < end and simple[begin] in "-－—–·":
        begin += 1
    if simple[begin] in _LEADS_IN and simple[begin : begin + 2] not in _LED_IN and end - begin > 1:
        begin += 1
    for mark in "的是" if acronym or " and " in gloss or "&" in gloss else "的是和与及":
        place = simple.rfind(mark, begin, end)
        if place >= begin and simple[place - 1 : place + 1] not in ("参与", "共和", "协和", "和平", "调和"):
            if simple[place : place + 2] not in ("和平", "和解", "与会"):
                begin = place + 1
    return begin


_WHOLE_BODY = re.compile(r"(?:[部署局院司厅处会党社]|公司|大学|组织|机构|中心|集团|银行|基金|欧盟|联合国)\Z")
_LED_IN = frozenset({"对外", "对华", "对台", "和平", "和解", "向前", "在线", "与会"})
_JOINING = frozenset({"和", "与", "及", "暨", "以及"})


def _stops(word: str, kind: str) -> bool:
    if word in words("verbs inside"):
        return False
    if any(word in words(section) for section in ("stops", "verbs before", "offices", "generic")) or word[1:].endswith(
        "商"
    ):
        return True
    return (
        len(word) > 1 and kind[0] in "pcurzymtq" and not word.startswith("第") and not word.endswith(("大", "国", "处"))
    )


def _joins(before: str, gloss: str, acronym: bool, taken: int) -> bool:
    """Whether 和 stands inside the name (战略与国际研究中心) or before it (司法部和联邦贸易委员会)."""
    if before in words("stops") or before in words("countries"):
        return False
    if acronym:
        return not _WHOLE_BODY.search(before) and taken < sum(letter.isupper() for letter in gloss)
    return re.search(r" (?:and|&|und|et|y|e|en) ", gloss) is not None


def _without_country(simple: str, begin: int, end: int, head: int, gloss: str, acronym: bool) -> int:
    """美国 of 美国联邦通信委员会 stays only if the gloss says it too."""
    for length in range(7, 1, -1):
        country = simple[begin : begin + length]
        if country in words("countries"):
            if any(simple.startswith(other, begin + length) for other in ("欧洲", "美国", "中国")):
                return begin + length
            rest = end - begin - length
            if (
                rest < max(3, head + 1)
                or simple[begin + length : end - head] in words("heads")
                or _says(gloss, country, acronym)
            ):
                return begin
            if (
                acronym
                and (letter := _FIRST_WORDS.get(simple[begin + length : begin + length + 2]))
                and letter not in gloss
            ):
                return begin  # 芬兰国家广播公司 (YLE): without the country it would be anybody's
            return begin + length
    return begin


_FIRST_WORDS = {"国家": "N", "全国": "N", "国立": "N", "联邦": "F", "公共": "P", "皇家": "R"}


def _says(gloss: str, country: str, acronym: bool) -> bool:
    letters = next(iter(rows("country letters").get(country, ())), "")
    if acronym:
        return any(letter in gloss for letter in letters)
    return any(stem in gloss for stem in rows("country stems").get(country, ()))
