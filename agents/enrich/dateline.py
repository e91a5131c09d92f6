"""Datelines: where a report was filed, as the text itself says it in its first words.

Precision over recall: a pattern counts only with an agency, a date or a well-known place in it, since
`BREAKING -` and `UPDATE 1 -` look just like `PARIS -`.
"""

from __future__ import annotations

import re
from functools import lru_cache
from importlib.resources import files

from msgspec import Struct

from agents.content.gazetteer import Kind, gazetteer

_WINDOW = 240
"""Characters of a text in which a dateline must have ended."""

_LONGEST_CITY = 7
"""Han characters: 布宜諾斯艾利斯."""

_HAN = r"[\u3400-\u9fff]"
_DAY = r"(?:(?:\d{4}年)?\d{1,2}月)?\d{1,2}日"
_WIRE = (
    r"(?:中央社|中通社|中新社|中评社|新华社|新華社|法新社|路透社?|美联社|美聯社|彭博社?|共同社|时事社|時事社|韩联社|韓聯社"
    r"|俄新社|塔斯社|国际文传电讯社|德新社|德通社|安莎社|埃菲社|合众国际社|合眾國際社|澳新社|越通社|泰新社|亚通社|俄通社|朝中社)"
)
_FILED = r"(?:[综綜]合)?[外专專]?[电電]?(?:[电電讯訊]|[报報][导導道])"
_PLACES = rf"{_HAN}{{2,9}}?(?:[/、]{_HAN}{{2,9}}?)?"
_BRACKETED = re.compile(
    rf"[（(【\[〔]\s*(?P<wire>{_WIRE})?\s*(?:(?:特[约約派])?[记記]者(?P<reporter>[^（）()【】]{{2,40}}?)|(?P<place>{_PLACES}))"
    rf"\s*(?:{_DAY}{_FILED}|特稿)\s*[）)】\]〕]"
)
_UNBRACKETED = re.compile(rf"(?:Reuters{_DAY} - )?{_WIRE}[,，\s]?(?P<place>{_PLACES})[\s/]?{_DAY}\s*(?:{_FILED}|[-–—])")
_COUNTRIES = (
    "(?:台[湾灣]|中[国國]|美[国國]|日本|[韩韓][国國]|朝[鲜鮮]|印度|泰[国國]|越南|[缅緬]甸|英[国國]|法[国國]|德[国國]|意大利|西班牙"
    "|俄[罗羅]斯|乌克兰|烏克蘭|土耳其|以色列|伊朗|加拿大|墨西哥|巴西|澳大利[亚亞]|澳洲)"
)
_DASHED = re.compile(rf"(?P<place>{_COUNTRIES}?(?P<city>{_HAN}{{2,7}}))\s?[-–—─]{{1,2}}(?=\s?\S)")
_EPOCH = re.compile(r"【(?P<all>大[纪紀]元\d{4}年\d{1,2}月\d{1,2}日[讯訊])】")
_EPOCH_REPORTER = re.compile(
    r"\s*[（(]大[纪紀]元[^（）()]{0,12}?[记記]者(?P<reporter>[^（）()]{2,30}?)[报報][导導道][）)]"
)
_JAPANESE = re.compile(
    r"【(?P<place>[\u30a0-\u30ff\u3400-\u9fff]{2,12}?)\s?"
    r"(?:(?:共同|時事|AFP|ＡＦＰ|ロイター|AP|ＡＰ)[^】]{0,12}|[=＝・][^】]{2,16})】"
)
_KOREAN = re.compile(r"[(\[（](?P<place>[가-힣·]{2,10})=(?:연합뉴스|뉴시스|뉴스1)[)\]）]")

_AGENCY = (
    r"[(/](?:Thomson )?(?:Reuters|AP|AFP|dpa|DPA|UPI|EFE|ANSA|CNN|CNN Business|BBC|Bloomberg|Xinhua|Kyodo(?: News)?"
    r"|Yonhap|TASS|Interfax|PTI|IANS|ANI|CNA|AA|Anadolu|APA|ATS|Belga|LUSA|Lusa|KNA|epd|SID|PAP|CTK|ČTK|TT|NTB|Ritzau"
    r"|RFE/RL|VOA|JTA|KCNA|Ukrinform)(?: [A-Z][a-z]+)?[)/]"
)
_MONTH_DAY = r"(?:[A-Z]?[a-zà-ÿ]{2,9}\.? \d{1,2}|\d{1,2}\.? (?:de )?[A-Z]?[a-zà-ÿ]{2,9}\.?)(?:,? \d{4})?"
_WORD = r"[^\W\d_](?:[^\W\d_]|['’.-])*"
_LATIN = re.compile(
    rf"(?P<place>(?P<city>[A-ZÀ-Þ]{_WORD}(?:[ /](?:[a-z]{{2,3}} )?[A-ZÀ-Þ]{_WORD}){{0,3}})"
    rf"(?:, [A-Z]{_WORD}(?: [A-Z]{_WORD})?)?)"
    rf"(?:(?P<agency>(?:,? {_MONTH_DAY}[.,]?)?,? ?{_AGENCY})(?P<behind>\s?\.?\s?[-–—]{{1,2}}|:|\.)?"
    rf"|(?P<date>,? {_MONTH_DAY})\s?[-–—]{{1,2}}"
    r"|(?P<dash>\s?[-–—]{1,2})"
    r"|(?P<alone>(?=\n\n)))(?=\s|$)"
)
_CYRILLIC = re.compile(
    r"(?P<place>[А-ЯЁІЇЄҐ]{3,}(?:[- ][А-ЯЁІЇЄҐ]{3,}){0,2})[,.] \d{1,2} [а-яёіїєґ]{3,9}\.?\s?(?:[-–—]|/[А-ЯЁA-Z]{2,}|\.)"
)
# What may stand before the dateline: a date or a stamp, with a by-line over it, and nothing else.
_BY_LINE = re.compile(r"(?:By|BY) [A-ZÀ-Þ][^\n.]{2,80}\n\n?")
_STAMP = re.compile(
    r"(?:[^\n]{1,40}\n)?"
    r"(?:[A-Z][a-z]{2,8},? )?(?:[\d.:/TZ+年月日時时分秒\s-]{6,32}|[A-Z][a-z]{2,8}\.? \d{1,2}(?:st|nd|rd|th)?,? \d{4}"
    r"|\d{1,2} [A-Z][a-z]{2,8} \d{4}(?: [\d:]{5,8}(?: GMT| UTC)?)?)\s*\n\n"
)


class Dateline(Struct, frozen=True):
    """`place` as the text writes it; `end` is where the dateline ends in the text, for who wants to leave it out.

    Where the formula names no place (【大纪元…讯】), `place` is what stands between its brackets.
    """

    place: str
    end: int


def read_dateline(text: str) -> Dateline | None:
    """Read the dateline that opens a text, behind a date at most; None where none surely does."""
    start = line.end() if (line := _BY_LINE.match(text)) else 0
    start = stamp.end() if (stamp := _STAMP.match(text, start)) else start
    head = text[start : start + _WINDOW]
    for read in (_epoch, _chinese, _japanese, _latin):
        if found := read(head):
            return Dateline(found.place, start + found.end)
    return None


def _epoch(head: str) -> Dateline | None:
    if not (match := _EPOCH.match(head)):
        return None
    if (reported := _EPOCH_REPORTER.match(head, match.end())) and (city := _city_at_end(reported["reporter"])):
        return Dateline(city, reported.end())
    return Dateline(match["all"], match.end())


def _chinese(head: str) -> Dateline | None:
    if match := _BRACKETED.match(head):
        if match["reporter"]:
            city = _city_at_end(match["reporter"])
        elif match["wire"] or match["place"] in _cities():
            city = match["place"]
        else:
            city = None
        return Dateline(city, match.end()) if city else None
    if match := _UNBRACKETED.match(head):
        return Dateline(match["place"], match.end())
    if (match := _DASHED.match(head)) and match["city"] in _cities():
        return Dateline(match["place"], match.end())
    return None


def _city_at_end(named: str) -> str | None:
    """The place behind a reporter's name: nothing parts the two, so it must be a city that is known, or a county."""
    named = named.strip()
    for length in range(min(_LONGEST_CITY, len(named)), 1, -1):
        if named[-length:] in _cities():
            return named[-length:]
    if named[-1] in "縣市县" and len(named) >= 5:
        return named[-3:]
    return None


def _japanese(head: str) -> Dateline | None:
    if match := _JAPANESE.match(head) or _KOREAN.match(head):
        return Dateline(match["place"], match.end())
    return None


def _latin(head: str) -> Dateline | None:
    if match := _CYRILLIC.match(head):
        return Dateline(match["place"], match.end())
    if not (match := _LATIN.match(head)):
        return None
    city = match["city"]
    known = city.upper() in _cities() or match["place"].upper() in _cities()
    if match["agency"]:
        sure = known or city.isupper() or bool(match["behind"])
    elif match["date"]:
        sure = known or city.isupper()
    else:
        # the classic PARIS —, or a paragraph of its own, as The Economist sets it; an unknown city with its country
        country = match["place"].partition(", ")[2]
        sure = city.isupper() and (known or (bool(match["dash"]) and _is_country(country)))
    return Dateline(match["place"], match.end()) if sure else None


def _is_country(name: str) -> bool:
    known = gazetteer().latin["en"].get(name.partition(" ")[0], ())
    return any(form == name and meaning.sites and meaning.sites[0].kind is Kind.COUNTRY for form, meaning in known)


@lru_cache(maxsize=1)
def _cities() -> frozenset[str]:
    """Places that part a reporter's name from the dateline (記者陳大文倫敦16日專電), or vouch for a lone `PARIS —`."""
    lines = files("agents.content").joinpath("data", "dateline_cities.txt").read_text(encoding="utf-8").splitlines()
    named = (name.strip() for line in lines if not line.startswith("#") for name in line.split(","))
    return frozenset(filter(None, named))
