"""Which form a document has, by what it holds. Its content type is not asked: servers send feeds as text/html."""

from __future__ import annotations

import re

from agents.parse.rejection import Rejection
from schemas import DeadLetterCode, Format

REACH = 65_536  # characters of junk that may stand before the root of a feed
TITLE_LINE = 4096  # characters
SUBSET = 16_384  # characters of a DOCTYPE that are looked through for its end
MAX_DOCTYPES = 4  # more declarations before the root are made to hurt

ROOT = re.compile(r"<(?:[A-Za-z_][\w.-]*:)?(rss|rdf|feed|channel|item|entry)(?=[\s/>])", re.IGNORECASE)
_COMMENT = re.compile(r"\s*<!--\s*(?:NaN|-?\d{1,17})\s*-->")
_WORDS = re.compile(r"\s*<!--[^\n]{0,200}?-->")
_FRONT_MATTER = re.compile(r"\s*---[ \t]*\r?\n")
_COMMENTS = re.compile(r"(?:<!(?=--)(?:[^-]++|-(?!->))*+-->[^<]{0,99}+)++")  # a run of them; 8 MiB held a million
_JSON = re.compile(r"\s*[\[{]")
_HTML = re.compile(r"<(?:!doctype\s+html|html)\b", re.IGNORECASE)

_FORMATS = {
    "rss": Format.RSS,
    "channel": Format.RSS,
    "item": Format.RSS,
    "rdf": Format.RDF,
    "feed": Format.ATOM,
    "entry": Format.ATOM,
}


def sniff(text: str) -> Format:
    """The form of a decoded document; JSON_ITEM stands for both JSON forms until the JSON is read.

    Raises Rejection: `empty-document` or `unsupported-format`.
    """
    if not text.strip("\x00\ufeff \t\r\n\f\v"):
        raise Rejection(DeadLetterCode.EMPTY_DOCUMENT, "The document is empty.")
    if is_markdown(text):
        return Format.MARKDOWN
    if _JSON.match(text):
        return Format.JSON_ITEM
    if root := find_root(text):
        return _FORMATS[root[1].lower()]
    raise Rejection(DeadLetterCode.UNSUPPORTED_FORMAT, _refusal(text))


def is_markdown(text: str) -> bool:
    """The seed's form: a date comment first, or front matter, or a lone title line."""
    if match := _COMMENT.match(text):
        # a feed may begin with a comment too, even with one of digits
        rest = text[match.end() : match.end() + 512].lstrip()
        return not (rest.startswith("<?xml") or ROOT.match(rest))
    if _FRONT_MATTER.match(text):
        return True
    words = _WORDS.match(text)
    return _is_title_line(text[words.end() :] if words else text)


def find_root(text: str) -> re.Match[str] | None:
    """The start tag of a feed, behind declarations, comments, a DOCTYPE and the warnings that servers print.

    Tags inside comments and DOCTYPEs do not count. None where there is none within REACH.
    """
    position, end = 0, min(len(text), REACH)
    last_closer, doctypes = text.rfind("-->"), 0
    while (position := text.find("<", position, end)) >= 0:
        if (
            text.startswith("<!--", position)
            and position < last_closer
            and (comments := _COMMENTS.match(text, position))
        ):
            position = comments.end()
            end = min(len(text), max(end, position + REACH))
        elif match := ROOT.match(text, position):
            return match
        elif text.startswith("<!", position) and doctypes < MAX_DOCTYPES:
            position = _doctype_end(text, position)
            doctypes += 1
        else:
            position += 1
    return None


def _is_title_line(text: str) -> bool:
    line = text.lstrip()[:TITLE_LINE].partition("\n")[0].rstrip()
    return line.startswith("[") and line.endswith(")") and "](" in line


_SUBSET_TOKEN = re.compile(r"\"[^\"]*\"|'[^']*'|<!--.{0,2000}?-->|[\[\]>]", re.DOTALL)


def _doctype_end(text: str, start: int) -> int:
    """Behind the `>` that ends a declaration, its internal subset included; behind its `<!` where none does."""
    depth = 0
    for match in _SUBSET_TOKEN.finditer(text, start, min(len(text), start + SUBSET)):
        token = match[0]
        if token == "[":
            depth += 1
        elif token == "]":
            depth = max(0, depth - 1)
        elif token == ">" and depth == 0:
            return match.end()
    return start + 2


def _refusal(text: str) -> str:
    if _HTML.search(text[:REACH]):
        return "The document is a web page, not a feed."
    if text.lstrip().startswith("<"):
        return "The document is XML, but no RSS, RDF or Atom feed."
    return "The document has none of the forms that are read: Markdown item, RSS, RDF, Atom, JSON Feed, JSON item."
