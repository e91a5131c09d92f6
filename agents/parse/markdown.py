"""The seed's form: `<!--epoch milliseconds-->`, `[title](link)`, `------`, HTML; several blocks in one document.

The comment is when a feed or crawler first showed the item. A date in `<i>` that opens the body is its publication;
where there is none, the comment has to do for both.
"""

from __future__ import annotations

import re

from agents.content.dates import parse_date, parse_epoch_ms
from agents.parse import title as titles
from agents.parse.found import Document, Found
from agents.parse.frontmatter import FrontMatter, split
from agents.parse.rejection import MAX_ENTRIES, too_many_entries
from schemas import DateOrigin, Format, FoundDate

MAX_TITLE_LINES = 4  # titles were stripped, not joined: a few hold a line break

_COMMENT = re.compile(r"<!--[ \t]*(NaN|-?\d[\d.]{0,39})[ \t]*-->[ \t]*(?=\n|\Z)")
_WORDS = re.compile(r"<!--([^\n]{0,200}?)-->[ \t]*(?=\n|\Z)")
_BRACKET = re.compile(r"\s*\[")
_RULE = re.compile(r"\n+[ \t]*-{3,}[ \t]*(?:\n|\Z)")
_DASHES = re.compile(r"[ \t]*-{3,}[ \t]*(?:\n|$)")
_WRAPPER = r"<(?:div|section|article|main|span)\b[^<>]{0,200}>\s{0,20}"
# What may stand behind a date that is in no block of its own: behind words it would be the beginning of a sentence
# (`<i>2024年2月16日</i>，某地发生…`).
_BESIDE = r"(?=[^\S\n]{0,20}(?:\n|\Z|<(?!/?(?:a|abbr|b|cite|code|em|font|i|mark|q|s|small|span|strong|sub|sup|u)\b)))"
_OPENING_DATE = re.compile(
    rf"(?P<before>\s{{0,20}}(?:{_WRAPPER}){{0,4}}?)"
    r"(?P<element><(?P<tag>div|p)\b[^<>]{0,200}>\s{0,20}<i>(?P<inner>[^<>]{6,64})</i>\s{0,20}</(?P=tag)>"
    r"|(?P<span><span\b[^<>]{0,200}>\s{0,20})?<i>(?P<bare>[^<>]{6,64})</i>(?(span)\s{0,20}</span>)"
    rf"{_BESIDE}(?:\s{{0,20}}<br\s{{0,5}}/?>)?)"
)


def read(text: str) -> Document:
    """Read a Markdown document. Whatever stands in it, there is at least one entry, be it an empty one.

    Raises Rejection `too-many-entries`.
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    front, rest = split(text)
    starts = _block_starts(rest)
    if not starts:
        return Document(format=Format.MARKDOWN, entries=[_block(None, rest, front)])
    if len(starts) > MAX_ENTRIES:
        raise too_many_entries(Format.MARKDOWN)
    ends = [*starts[1:], None]
    entries = [
        _block(match[1], rest[match.end() : following.start() if following else None], front)
        for match, following in zip(starts, ends, strict=True)
    ]
    return Document(format=Format.MARKDOWN, entries=list(entries))


def _block_starts(text: str) -> list[re.Match[str]]:
    """The comment lines that begin a block. Behind the first one, a title line must follow: bodies hold comments.

    And dashes behind the title, where the comment is no date: bodies hold `<!--12345-->` before `[1](…)`, too.
    """
    found: list[re.Match[str]] = []
    lead = len(text) - len(text.lstrip())
    at = -1
    while (at := text.find("<!--", at + 1)) >= 0:
        match = _COMMENT.match(text, at)
        if match is None and at <= lead:  # a first comment without milliseconds dates nothing, and is no text either
            match = _WORDS.match(text, at)
            match = match if match and _is_titled(text, match.end(), dashed=False) else None
        if match is None:
            continue
        starts_line = not text[text.rfind("\n", 0, at) + 1 : at].strip()
        is_date = match[1] == "NaN" or parse_epoch_ms(match[1]) is not None
        if starts_line and (at <= lead or _is_titled(text, match.end(), dashed=not is_date)):
            found.append(match)
    return found


def _is_titled(text: str, position: int, *, dashed: bool) -> bool:
    if not (match := _BRACKET.match(text, position)):
        return False
    reach = match.end() + titles.MAX_LENGTH
    end = text.find("\n", match.end(), reach)
    if text.find("](", match.end(), end if end >= 0 else reach) < 0:
        return False
    return not dashed or (end >= 0 and _RULE.match(text, end) is not None)


def _block(comment: str | None, text: str, front: FrontMatter | None) -> Found:
    title, link, body = _headed(text.lstrip("\n \t"))
    published, body = _opening_date(body)
    seen = None
    if comment and (at := parse_epoch_ms(comment)):
        seen = FoundDate(at.at, comment, DateOrigin.COMMENT, at.confidence)
    if front and comment is None and not title and not link:
        title, link = front.title or "", front.link
    stated = [front.date] if front and front.date and comment is None and published is None else []
    return Found(
        title=titles.plain(title),
        link=link,
        body=body,
        authors=list(front.authors) if front else [],
        categories=list(front.categories) if front else [],
        published=stated,
        published_date=published or seen,
        seen_date=seen,
        sent_at=seen.at if seen else None,
        # the comment stays out of the quick hash: it is the crawler's, and differs when nothing else does
        extra=[published.raw] if published else [],
    )


def _headed(text: str) -> tuple[str, str | None, str]:
    """Title, link and body of a block without its comment. The link is what stands in the last `](…)`."""
    title: str = ""
    link: str | None = None
    if text.startswith("["):
        line, _, rest = text.partition("\n")
        for _ in range(MAX_TITLE_LINES - 1):
            following, _, behind = rest.partition("\n")
            if "](" in line or _DASHES.fullmatch(following) or not following.strip():
                break
            line, rest = f"{line}\n{following}", behind
        if (middle := line.rfind("](")) > 0:
            closing = line.rfind(")")
            title, text = line[1:middle], rest
            link = _bare(line[middle + 2 : closing if closing > middle else None].strip()) or None
    text = text.lstrip("\n")
    if match := _DASHES.match(text):
        text = text[match.end() :]
    return title, link, text.strip("\n")


def _bare(link: str) -> str:
    """Without the brackets that Markdown allows around an address: `[title](<https://…>)`."""
    return link[1:-1].strip() if link.startswith("<") and link.endswith(">") else link


def _opening_date(body: str) -> tuple[FoundDate | None, str]:
    """The date element that opens the body, and the body without it."""
    if not (match := _OPENING_DATE.match(body)):
        return None, body
    raw = (match["inner"] or match["bare"]).strip()
    if not (date := parse_date(raw)):
        return None, body
    without = match["before"] + body[match.end() :]
    return FoundDate(date.at, raw, DateOrigin.BODY, date.confidence), without
