"""Chinese, Japanese and Korean dates, and figures with their words for morning and afternoon.

A time without a zone is the country's own: UTC+8 for Chinese, UTC+9 for Japanese and Korean. Where nothing tells
Japanese from Chinese it counts as Chinese; `zone` puts that right.
"""

from __future__ import annotations

import re
from datetime import timezone

from agents.content.dates.moment import AFTERNOON, MORNING, NIGHT, NOON, Clock, ReadDate, read_date
from agents.content.dates.named import read_named
from agents.content.dates.zones import CHINA, JAPAN, KOREA, StatedZone, read_zone

_ERAS = {"民國": 1911, "民国": 1911, "中華民國": 1911, "令和": 2018, "平成": 1988, "昭和": 1925}
_DIGITS = {digit: str(value) for value, digit in enumerate("〇一二三四五六七八九")} | {"零": "0", "元": "1"}
_HALF = "|".join(sorted({word for word in MORNING | AFTERNOON | NIGHT if len(word) > 1 or word == "밤"} | {NOON}))
_NUMBER = r"\d{1,2}|[一二三四五六七八九]?十[一二三四五六七八九]?|廿[一二三四五六七八九]?|[〇零一二三四五六七八九]{1,2}"
_ENGLISH = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
_DAYS = "一二三四五六日天月火水木金土월화수목금토일"

_DATE = re.compile(
    # a label: 发布时间:, 更新于
    r"(?:[^\W\d_]{2,8}:\s?|(?:发布|發布|發佈|发表|發表|更新)[于於]\s?)?"
    rf"(?:(?P<era>{'|'.join(_ERAS)})\s?(?P<era_year>\d{{3}}|元|(?:一百)?(?:{_NUMBER}))"
    r"|(?P<year>\d{4}|[〇零一二三四五六七八九]{4}))"
    rf"\s?(?:[年년]|[-/.])\s?(?P<month>{_NUMBER})\s?(?:[月월]|[-/.])\s?(?P<day>{_NUMBER})\s?(?:[日號号일]|\.(?!\d))?"
    rf"(?:,?\s?(?:(?:星期|周|週|礼拜|禮拜)[{_DAYS}]|[{_DAYS}](?:曜日?|요일)|\((?:星期|周|週)?[{_DAYS}](?:曜日?|요일)?\)))?"
    rf"(?:[\s,T-]*(?P<half>{_HALF})?\s?(?P<hour>{_NUMBER})\s?[:时時點点시]\s?"
    r"(?:(?P<minute>" + _NUMBER + r"|半)(?:\s?[:分분]\s?(?P<second>\d{1,2})\s?[秒초]?(?:\.\d{1,9})?)?\s?[分분]?)?"
    r"(?:整|\s?(?P<half_after>[ap])\.?m\b\.?)?\s?(?P<zone>[A-Za-z+-][^()]*)?)?"
    r"(?:\s?(?:发布|發布|發佈|发表|發表|更新|公開|配信|입력|수정))?",
    re.IGNORECASE,
)
# Java writes RFC 822 in the reader's language: `星期五, 16 二月 2024 21:03:04 +0800`, `Fri, 16 2月 2024 …`.
_RFC822 = re.compile(
    rf"(?:(?:(?:星期|周|週|礼拜|禮拜)?[{_DAYS}](?:曜日?|요일)?|\([{_DAYS}]\)|(?P<weekday>[A-Za-z]{{2,9}}))\s?,?\s?)?"
    rf"(?P<day>\d{{1,2}})[\s-](?P<month>{_NUMBER})\s?[月월][\s,-]{{1,2}}(?P<rest>\d{{4}}\b.*)"
)
_CHINA_TIME = re.compile(r"\(?(?:北京|臺北|台北|香港|中国标准|中國標準)[时時][间間]?\)?:?")
_JAPAN_TIME = re.compile(r"\(?(?:日本(?:標準)?時間|한국시간)\)?")
_JAPANESE = re.compile(r"曜|午[前後]|令和|平成|昭和|[ぁ-ヿ]|\([月火水木金土]\)")
_HANGUL = re.compile(r"[가-힣]")


def read_cjk(text: str, zone: timezone | None) -> ReadDate | None:
    """A Chinese, Japanese or Korean date, the whole of `text`; None where it is none. `zone`: what is meant without."""
    bare, named = _without_named_zone(text)
    if not (match := _DATE.fullmatch(bare)):
        return None
    if match["era"]:
        year = _ERAS[match["era"]] + _number(match["era_year"].removeprefix("一百"))
        year += 100 if match["era_year"].startswith("一百") else 0
    else:
        year = int("".join(_DIGITS.get(digit, digit) for digit in match["year"]))
    date = (year, _number(match["month"]), _number(match["day"]))
    usual = zone or _usual_zone(text)
    stated = read_zone((match["zone"] or "").strip(), usual)
    if stated is None:
        return None
    return read_date(date, _clock(match), named or stated, usual)


def read_cjk_rfc822(text: str, zone: timezone | None) -> ReadDate | None:
    """RFC 822 with East Asian names of month or weekday; None where it is none. `zone`: what is meant without."""
    if not (match := _RFC822.fullmatch(text)) or not 1 <= (month := _number(match["month"])) <= 12:
        return None
    weekday = f"{match['weekday']}, " if match["weekday"] else ""
    western = f"{weekday}{match['day']} {_ENGLISH[month - 1]} {match['rest']}"
    return read_named(western, zone or _usual_zone(text))


def _clock(match: re.Match[str]) -> Clock | None:
    if not match["hour"]:
        return None
    minute = 30 if match["minute"] == "半" else _number(match["minute"] or "0")
    half = match["half"] or (match["half_after"] or "").lower()
    return Clock(_number(match["hour"]), minute, int(match["second"] or 0), half=half)


def _without_named_zone(text: str) -> tuple[str, StatedZone | None]:
    for form, zone in ((_CHINA_TIME, CHINA), (_JAPAN_TIME, JAPAN)):
        bare, found = form.subn(" ", text)
        if found:
            return " ".join(bare.split()), StatedZone(zone, sure=True)
    return text, None


def _usual_zone(text: str) -> timezone:
    if _HANGUL.search(text):
        return KOREA
    return JAPAN if _JAPANESE.search(text) else CHINA


def _number(text: str) -> int:
    """Figures, or Chinese numerals below a hundred: 十六, 二十, 廿三, 〇五."""
    if text.isdecimal():
        return int(text)
    tens, ten, ones = text.replace("廿", "二十").partition("十")
    if not ten:
        return int("".join(_DIGITS[digit] for digit in text))
    return int(_DIGITS.get(tens, "1") + _DIGITS.get(ones, "0"))
