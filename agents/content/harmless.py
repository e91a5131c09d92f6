"""A grammar of HTML so plain that there is nothing in it to check.

nh3 takes a third of the time of reading a body, and on what `safehtml.py` writes it has never changed a letter. Most
bodies are paragraphs, emphasis, links and pictures; these are let through by one expression over the finished HTML. It
is a lock of its own, for it does not ask how the HTML came about: a whole body matches, from its first letter to its
last, or nh3 has a look at it.

What matches can do no harm. There are tags without attributes, from a list; links and pictures at http addresses of
plain letters; values between double quotes without `"`, `<`, `>`, or any `&` that is not an escape; text without `<`,
`>` and bare `&`, and nothing that a reader cannot see.

That nh3 would leave it as it is needs one thing more, which no expression can say: elements that a parser leaves where
they are put. `SafeWriter` sees to that, and without tables, `<pre>` and ruby a parser has few rules for it: what is
open is closed in order, no block stands in a `<p>`, no heading in a heading, no link in a link, no item in an item of
the same list. The tests hold both against nh3, letter by letter.
"""

from __future__ import annotations

import re

# the commonest first: they are tried in this order
TAGS = (
    "p div b i em strong li ul h2 h3 section small blockquote figure figcaption article aside cite code dd dl dt"
    " footer h1 h4 h5 h6 header ins kbd mark ol q s samp sub sup time u"
)
VOID_TAGS = "br hr"

# Characters that are written as they are and seen: no controls, marks of direction, joiners, fillers, surrogates and
# noncharacters (`_UNSEEN` of text.py). What to allow is said rather than what not, which takes a third less time.
SEEN = (
    "\t\n -%'-;=?-~\xa1-\xac\xae-\u034e\u0350-\u061b\u061d-\u115e\u1161-\u17b3\u17b6-\u180d\u180f-\u200a\u2010-\u2027"
    "\u202f-\u205f\u2070-\u3163\u3165-\ud7ff\ue000-\ufdcf\ufdf0-\ufefe\uff00-\uff9f\uffa1-\uffef"
    "\U00010000-\U0001faff\U00020000-\U0002fa1f"
)
"""The inside of a character class."""

_ESCAPES = "&(?:amp|lt|gt|nbsp);"
_VALUE = f"(?:[{SEEN.replace(' -%', ' !#-%')}]++|{_ESCAPES}|&quot;)*+"
# No host that a parser of addresses could refuse, translate or take for a number: not `a--b`, `xn--…`, `1.2.3.4`.
_HOST = r"(?:[a-z0-9]++(?:-[a-z0-9]++)*+\.)++[a-z]{2,24}"
_ADDRESS = rf"https?://{_HOST}/(?:[!#-%(-;=?-Z_a-z~]++|&amp;)*+"
_ELEMENT = (
    rf"/?+(?:{'|'.join(TAGS.split())})|{'|'.join(VOID_TAGS.split())}"
    rf'|a href="{_ADDRESS}"(?: title="{_VALUE}")?+ rel="noopener noreferrer"|/a'
    rf'|img src="{_ADDRESS}"(?: alt="{_VALUE}")?+(?: title="{_VALUE}")?+'
    r'(?: width="[0-9]{1,5}")?+(?: height="[0-9]{1,5}")?+'
    r'|time datetime="[0-9A-Za-z:.+ -]{1,40}"'
    r'|(?:p|div) (?:dir="(?:ltr|rtl|auto)"|lang="[A-Za-z]{1,8}(?:-[A-Za-z0-9]{1,8}){0,7}")'
)
# Every part is possessive: a letter is read once, whatever follows.
_HARMLESS = re.compile(f"(?:[{SEEN}]++|<(?:{_ELEMENT})>|{_ESCAPES})*+")


def is_harmless(html: str) -> bool:
    """Whether HTML that `SafeWriter` wrote is safe to show without another look. Linear; says no where it is unsure."""
    return _HARMLESS.fullmatch(html) is not None
