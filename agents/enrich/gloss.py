"""What stands between the brackets: the name in Latin letters, without what was added to it."""

from __future__ import annotations

import re
from functools import lru_cache

from msgspec import Struct

from agents.enrich.name_words import words

_ADDED = re.compile(
    r"\s*(?:[;；:：/／=＝|[【<《「]|[,，、](?!\s*(?:(?!MD|US)[A-Z]{2,9}\s*\Z|(?:Jr|Sr|Inc|Ltd|LLC)\b))|[\u3400-\u9fff]|\s\d{2,}\s*$).*\Z",
    re.DOTALL,
)
_TITLES = re.compile(
    r"(?:(?:Cardinal|Archbishop|Bishop|President|Prime Minister|Minister|Ambassador|Senator|Sen\.|Rep\.|Gov\.|Governor"
    r"|Dr\.?|Prof\.?|Professor|Rev\.?|Reverend|Mr\.?|Mrs\.?|Ms\.?|Maître|Maitre|Me\.|Sir|Lord|Lady|Dame"
    r"|King|Queen|Prince|Princess|General|Gen\.|Lieutenant|Lt\.|Colonel|Col\.|Major|Maj\.|Captain|Capt\.|Admiral|Adm\."
    r"|VADM|RADM|Commander|Cmdr\.?|Pope|Judge|Justice) )+(?=[A-Z])"
)
_NO_NAME = re.compile(r"://|www\.|\.\.|[@_#$€£%?…]")
_TICKER = re.compile(r"[A-Z0-9]+\.[A-Z]{1,2}|\S+\.(?:com|org|net|gov|cn|tw|hk)")
_CREDIT = re.compile(r"\b(?:photos?|images|getty|gettyimages|afp|screenshot)\b", re.IGNORECASE)
_PART = re.compile(r"[^\W\d_](?:[^\W_]|['’ʼ‘`.\-‐‑])*")
_CAMEL = re.compile(r"(?<=[a-zà-ž]{3})(?=[A-Z][a-z]{2})")
_NICKNAME = re.compile(r"[“\"‘'][^“”\"]{1,20}[”\"’']\s")
_ACRONYM = re.compile(r"(?=[^a-z]*[A-Z][^a-z]*[A-Z0-9])[A-Z][A-Za-z0-9&＆.\-/]{1,10}")
_COMPANY = re.compile(r",? (?:Inc|Ltd|LLC|Corp|Corporation|Company|Co|Group|Holdings|Limited|PLC|plc)\b\.?.*\Z")
# Family names that are words of names of bodies, too
_ORDINARY_FAMILY = re.compile(
    r"[A-Z][a-z]+ (?:[A-Z]\. )?(?:Green|Park|West|East|North|Young|Street|Hall|House|Day|Lake|Bridge|Church|Post|Law"
    r"|White|Force|Page|Power|Banks|Price|Field|Rice)"
)
_GENERATIONS = frozenset({"jr", "jr.", "sr", "sr.", "ii", "iii", "iv", "esq", "phd", "md"})
_MOST_TOKENS = 6


class Gloss(Struct, frozen=True):
    """`text` as printed, but for what was added. `tokens` are the parts of it that a transliteration renders:
    particles with the part that they lead, no initials. `size` counts its words without the small ones."""

    text: str
    tokens: list[str]
    acronym: bool
    body: bool
    """Whether its words say that it is an organisation, a work or a place, but no person."""
    size: int

    @property
    def numbered(self) -> bool:
        """Whether a number is part of it (G20)."""
        return any(char.isdigit() for char in self.text)

    @property
    def junior(self) -> bool:
        """小唐纳德 (Donald Trump Jr.)"""
        return self.text.rstrip(".").endswith("Jr")

    @property
    def joins(self) -> bool:
        """Whether the name is one of two things joined (Food and Drug Administration)."""
        return re.search(r" (?:and|und|et|y|e|en) |&", self.text) is not None


@lru_cache(maxsize=4096)
def read_gloss(printed: str) -> Gloss | None:
    """Read what a bracket holds; None where that is no name: a unit, a source, a link, a sentence.

    The same few hundred names are glossed all week, hence the cache.
    """
    text = printed.strip(" ,，")
    if added := _ADDED.search(text):
        text = text[: added.start()].strip(" ,，.。'‘’\"“”")
    parts = _PART.findall(text)
    if titles := _TITLES.match(text):
        bare = text[titles.end() :]
        if _ORDINARY_FAMILY.fullmatch(bare) or not _is_body(parts):  # not of Queen Mary University, General Motors
            text, parts = bare, _PART.findall(bare)
    if not parts or len(text) < 2 or text.lower() in words("english stops") or _NO_NAME.search(text):
        return None
    if _TICKER.fullmatch(text) or (len(parts) > 1 and _CREDIT.search(text)):
        return None
    if not any(part[0].isupper() for part in parts) or any(map(_plain, parts)):
        return None
    small = words("small words") | words("particles")
    return Gloss(
        text=text,
        tokens=_tokens(text),
        acronym=_ACRONYM.fullmatch(text) is not None,
        body=_is_body(parts) and not _ORDINARY_FAMILY.fullmatch(text),
        size=sum(part.lower() not in small for part in parts),
    )


def without_company(gloss: Gloss) -> Gloss | None:
    """`Cummins` of `Cummins Inc.`, where that says no more what it is."""
    short = read_gloss(text) if (text := _COMPANY.sub("", gloss.text)) != gloss.text else None
    return None if short is None or short.body else short


def _is_body(parts: list[str]) -> bool:
    english = words("english organisations")
    return any(part.lower().strip(".'’") in english for part in parts)


def _plain(part: str) -> bool:
    """A word in small letters that no name has: what holds one is a term or a sentence."""
    return (
        part.islower()
        and part not in words("small words")
        and part not in words("particles")
        and not any(mark in part for mark in "-’'")
    )


def _tokens(text: str) -> list[str]:
    particles = words("particles")
    tokens: list[str] = []
    particle = ""
    for part in _PART.findall(_CAMEL.sub(" ", _NICKNAME.sub("", text))):
        lower = part.lower()
        if lower in _GENERATIONS or len(part.rstrip(".")) < 2:
            continue
        if lower in particles and (tokens or part[0].islower()):
            particle += lower
        else:
            tokens.append(particle + part)
            particle = ""
    return tokens[:_MOST_TOKENS]
