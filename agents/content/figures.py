"""Numbers as texts write them: in Arabic, full-width or Chinese numerals, each as one plain form.

What tells the members of a series apart are mostly numbers: rates, dates, counts, the parts of a report.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache

_DIGITS = {char: str(value) for value, char in enumerate("〇一二三四五六七八九")} | {
    "零": "0",
    "两": "2",
    "兩": "2",
}
_TENS = {"十": 10, "百": 100, "千": 1000}
_NUMERAL = "零〇一二三四五六七八九十百千两兩"
_DATED = "年月日號号时時點点分季期届屆"
"""What a lone Chinese numeral counts where it is a figure; 一 stands before everything else too."""

# Both begin with a set of characters, which the engine can look for; a choice between the two takes five times as long,
# and so does a set that holds the full-width digits too.
_ARABIC = re.compile(r"[0-9]+(?:[,，][0-9]{3})*(?:[.．][0-9]+)?")
_WIDE = "０１２３４５６７８９"
_NARROWED = str.maketrans(_WIDE, "0123456789")
_MYRIAD = {"万": 10**4, "萬": 10**4, "亿": 10**8, "億": 10**8}
_CHINESE = re.compile(
    rf"[{_NUMERAL}](?:[{_NUMERAL}]*[{''.join(_MYRIAD)}](?=[{_NUMERAL}])[{_NUMERAL}]{{1,11}}|[{_NUMERAL}]{{1,11}}"
    rf"|(?=[{_DATED}])|(?<=第.))"
)

_WORDS = {
    word: f"{kind} {number}"
    for kind, words in {
        "month": "january february march april may june july august september october november december",
        "weekday": "monday tuesday wednesday thursday friday saturday sunday",
        "ordinal": "first second third fourth fifth sixth seventh eighth ninth tenth",
        "part": "ii iii iv vi vii viii ix",
        "session": "morning midday noon afternoon evening opening closing",
    }.items()
    for number, word in enumerate(words.split(), 1)
}
_WORDS |= {word[:3]: number for word, number in _WORDS.items() if number.startswith("month") and word != "may"}
_WORDS["sept"] = _WORDS["september"]
_ALSO_VERBS = frozenset({"march", "mar", "may"})
_COUNTED = re.compile(r"\s*(?:quarter|half|round|part|day|week|phase|leg|session|edition|chapter)\b", re.IGNORECASE)
"""What an ordinal numbers; the second bridge is no second part."""
_CHINESE_DAYS = {char: f"weekday {number}" for number, char in enumerate("一二三四五六", 1)} | {
    "日": "weekday 7",
    "天": "weekday 7",
}

_MARK = re.compile(
    rf"(?P<arabic>{_ARABIC.pattern})|(?P<chinese>{_CHINESE.pattern})"
    r"|(?:星期|礼拜|禮拜|周|週)(?P<weekday>[一二三四五六日天])"
    r"|(?P<session>[开開收午早晚][盘盤市])"
    r"|(?P<part>[(（【〔\[·:：—-]\s*[上中下终終续續]\s*(?=[)）】〕\]]|篇|集|$))"
    rf"|(?P<numbered>[(（]\s*[{_NUMERAL}]{{1,3}}\s*[)）]|之[{_NUMERAL}]{{1,2}}(?=$|[\s:：）)]))"
    r"|(?P<word>\b[A-Za-z]{1,9}\b)"
)


def figures(text: str) -> set[str]:
    """The distinct numbers of a text: digits without separators and leading zeros, Chinese numerals as digits.

    What they count or are multiplied by stays behind: 2,600億 and 二千六百億 are both 2600. Linear.
    """
    found = set(map(_from_arabic, _ARABIC.findall(_narrow(text))))
    found.update(map(_from_chinese, _CHINESE.findall(text)))
    return found


def read_title(title: str) -> tuple[list[str], str]:
    """What numbers a title, in order, and the rest of it, folded: the form that the titles of a series share.

    Besides figures these are months, weekdays, trading sessions and the marks of parts: （上）, （二）, II, 收盘.
    """
    numbers: list[str] = []
    rest: list[str] = []
    at = 0
    title = _narrow(title)
    for match in _MARK.finditer(title):
        if (number := _number(match)) is None:
            continue
        numbers.append(number)
        rest.append(title[at : match.start()])
        at = match.end()
    rest.append(title[at:])
    return numbers, "#".join(_letters(part) for part in rest)


def _number(match: re.Match[str]) -> str | None:
    if digits := match["arabic"]:
        return _from_arabic(digits)
    if numeral := match["chinese"]:
        return _from_chinese(numeral)
    if match["weekday"]:
        return _CHINESE_DAYS[match["weekday"]]
    if word := match["word"]:
        return _from_word(word.lower(), match.string[: match.start()], match.string[match.end() :])
    if numbered := match["numbered"]:
        return _from_chinese(re.sub(r"[^\w]|之", "", numbered))
    return unicodedata.normalize("NFKC", match[0]).strip(" ([【〔·:—-")


def _from_word(word: str, before: str, behind: str) -> str | None:
    """A month, a weekday, a session, a part; a word that says other things too only beside what makes it one."""
    number = _WORDS.get(word)
    if number is None:
        return None
    if word in _ALSO_VERBS and not (behind.lstrip()[:1].isdecimal() or before.rstrip()[-1:].isdecimal()):
        return None
    return number if not number.startswith("ordinal") or _COUNTED.match(behind) else None


def _narrow(text: str) -> str:
    """The text with full-width digits as plain ones, each in its place."""
    return text.translate(_NARROWED) if any(digit in text for digit in _WIDE) else text


@lru_cache(4096)
def _from_arabic(digits: str) -> str:
    """1,200 as 1200, 007 as 7, 3.50 as 3.5."""
    whole, dot, part = unicodedata.normalize("NFKC", digits).replace(",", "").partition(".")
    return (whole.lstrip("0") or "0") + (dot + part.rstrip("0") if part.strip("0") else "")


@lru_cache(4096)
def _from_chinese(numeral: str) -> str:
    """十三 as 13, 二〇二〇 as 2020, 三万五千 as 35000."""
    if not any(char in _TENS or char in _MYRIAD for char in numeral):
        return "".join(_DIGITS[char] for char in numeral).lstrip("0") or "0"
    whole = total = digit = 0
    for char in numeral:
        if char in _TENS:
            total += (digit or 1) * _TENS[char]
            digit = 0
        elif char in _MYRIAD:
            whole += (total + digit) * _MYRIAD[char]
            total = digit = 0
        else:
            digit = int(_DIGITS[char])
    return str(whole + total + digit)


def _letters(part: str) -> str:
    return "".join(_folded_letters(part))


def _folded_letters(part: str) -> Iterator[str]:
    for char in unicodedata.normalize("NFKC", part).casefold():
        if char.isalnum():
            yield char
