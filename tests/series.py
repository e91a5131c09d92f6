"""Invented series, as near-copy detection meets them: tests/data/series, whose README says what the files hold.

`python -m tests.series` prints all of them as JSON Lines, in order of arrival, for `feedmill process`;
`python -m tests.series blind` those of tests/data/series.blind, by which no rule is tuned.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path

import msgspec
from msgspec import Struct

from agents.sources.records import RawRecord

FOLDER = Path(__file__).parent / "data" / "series"
BLIND = FOLDER.with_suffix(".blind")

_ZONE = timezone(timedelta(hours=8))
_DIGITS = "〇一二三四五六七八九"
_PUBLISHED_BEFORE = timedelta(minutes=4)  # arrival


class Member(Struct, frozen=True):
    """One record of a series. Records of one series with one number are the same article at several publishers."""

    series: str
    number: int
    record: RawRecord


class _Form(Struct, frozen=True):
    """How one publisher writes a series, `delay` after the first."""

    delay: timedelta
    link: str
    title: str
    paragraphs: list[str]


def members(folder: Path = FOLDER) -> list[Member]:
    """The records of all series of a folder, in order of arrival."""
    found = [member for path in sorted(folder.glob("*.txt")) for member in read_series(path)]
    return sorted(found, key=lambda member: member.record.received_at or "")


def read_series(path: Path) -> list[Member]:
    """The records of one file: a form for each publisher, filled with each row of the table."""
    _, *forms, table = re.split(r"^=== ", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
    read = _read_forms(forms)
    return [
        Member(path.stem, number, _record(form, row, f"{path.stem}-{number:02}{publisher}"))
        for number, row in enumerate(_rows(table), 1)
        for publisher, form in zip("abc", read, strict=False)
    ]


def _read_forms(forms: list[str]) -> list[_Form]:
    """A form's head is its link, behind the minutes of its delay; {text} is the whole text of the first form."""
    read: list[_Form] = []
    for form in forms:
        head, title, *lines = form.splitlines()
        delay, link = head.split() if head.startswith("+") else ("0", head)
        whole = read[0].paragraphs if read else []
        paragraphs = [each for line in lines if line for each in (whole if line == "{text}" else [line])]
        read.append(_Form(timedelta(minutes=int(delay)), link, title, paragraphs))
    return read


def _rows(table: str) -> Iterator[dict[str, str]]:
    _, names, *rows = table.splitlines()
    for number, row in enumerate(rows, 1):
        values = dict(zip(names.split(" | "), row.split(" | "), strict=True))
        yield values | {"no": str(number)}


def _record(form: _Form, row: dict[str, str], ref: str) -> RawRecord:
    arrival = datetime.fromisoformat(row["arrival"]) + form.delay
    values = row | _calendar(datetime.fromisoformat(row["arrival"]).astimezone(_ZONE))
    text = [line.format_map(values) for line in form.paragraphs]
    html = "".join(line if line.startswith("<") else f"<p>{line}</p>" for line in text if line)
    stamp = int((arrival - _PUBLISHED_BEFORE).timestamp() * 1000)
    head = f"<!--{stamp}-->\n[{form.title.format_map(values)}]({form.link.format_map(values)})\n------\n\n"
    return RawRecord(body=f"{head}<div>{html}</div>\n".encode(), received_at=f"{arrival:%Y-%m-%dT%H:%M:%SZ}", ref=ref)


def _calendar(moment: datetime) -> dict[str, str]:
    """What every form can say of a row's arrival, by the clock of its publisher."""
    return {
        "year": str(moment.year),
        "month": str(moment.month),
        "day": str(moment.day),
        "hour": str(moment.hour),
        "weekday": "一二三四五六日"[moment.weekday()],
        "month_zh": _numeral(moment.month),
        "day_zh": _numeral(moment.day),
        "month_en": f"{moment:%B}",
        "weekday_en": f"{moment:%A}",
        "stamp": f"{moment:%Y%m%d}",
        "minute_stamp": f"{moment:%Y%m%d%H%M}",
    }


def _numeral(number: int) -> str:
    tens, ones = divmod(number, 10)
    return (_DIGITS[tens] if tens > 1 else "") + ("十" if tens else "") + (_DIGITS[ones] if ones else "")


def _line(record: RawRecord) -> bytes:
    return msgspec.json.encode({"body": record.body.decode(), "received_at": record.received_at, "ref": record.ref})


if __name__ == "__main__":
    folder = BLIND if "blind" in sys.argv[1:] else FOLDER
    sys.stdout.buffer.writelines(_line(member.record) + b"\n" for member in members(folder))
