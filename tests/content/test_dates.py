from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.content.dates import parse_date, parse_epoch_ms, zone_of_language, zone_of_site
from agents.content.dates.month_names import NAMES
from schemas import Confidence

CHINA = timezone(timedelta(hours=8))
JAPAN = timezone(timedelta(hours=9))

EXACT, ASSUMED, DAY, GUESS = Confidence.EXACT, Confidence.ASSUMED_ZONE, Confidence.DAY, Confidence.GUESS
Reading = tuple[str, Confidence] | None


def read(raw: str, zone: timezone | None = None) -> Reading:
    found = parse_date(raw, zone=zone)
    return (found.at.isoformat().removesuffix("+00:00"), found.confidence) if found else None


EVENING = "2024-02-16T21:03:04"
MINUTE = "2024-02-16T21:03:00"
MIDNIGHT = "2024-02-16T00:00:00"
IN_CHINA = "2024-02-16T13:03:00"  # 21:03 there
IN_JAPAN = "2024-02-16T12:03:00"


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        pytest.param("2024-02-16T21:03:04Z", (EVENING, EXACT), id="plain"),
        pytest.param("2024-02-16T21:03:04.1234567Z", (EVENING + ".123456", EXACT), id="seven digits of a second"),
        pytest.param("2024-02-16T21:03:04,5+08:00", ("2024-02-16T13:03:04.500000", EXACT), id="comma"),
        pytest.param("2024-02-16T21:03:04+0800", ("2024-02-16T13:03:04", EXACT), id="offset without colon"),
        pytest.param("2024-02-16T21:03:04-05:00Z", ("2024-02-17T02:03:04", EXACT), id="offset and Z"),
        pytest.param("2024-02-16t21:03:04z", (EVENING, EXACT), id="small letters"),
        pytest.param("2024-02-16T21:03Z", (MINUTE, EXACT), id="no seconds"),
        pytest.param("2024-02-16 21:03:04 +00:00", (EVENING, EXACT), id="spaces"),
        pytest.param("2024-02-16 21:03:04 UTC", (EVENING, EXACT), id="named zone"),
        pytest.param("2024-2-16T9:3:4Z", ("2024-02-16T09:03:04", EXACT), id="single figures"),
        pytest.param("20240216T210304Z", (EVENING, EXACT), id="basic form"),
        pytest.param("20240216210304", (EVENING, ASSUMED), id="one run of figures"),
        pytest.param("2024-02-16T21:03:04", (EVENING, ASSUMED), id="no zone"),
        pytest.param("2024-02-16T24:00:00Z", ("2024-02-17T00:00:00", EXACT), id="midnight at the end"),
        pytest.param("2016-12-31T23:59:60Z", ("2017-01-01T00:00:00", EXACT), id="leap second"),
        pytest.param("2024-02-16", (MIDNIGHT, DAY), id="day"),
        pytest.param("20240216", (MIDNIGHT, DAY), id="day in the basic form"),
        pytest.param("2024-02-16+08:00", ("2024-02-15T16:00:00", DAY), id="day with a zone"),
        pytest.param("2024-02-16T21:03:04+15:00", (EVENING, ASSUMED), id="offset that no place has"),
        pytest.param("2024-02-16 at 21:03", (MINUTE, ASSUMED), id="at"),
        pytest.param("2024-02-16T21:03:04 08:00", ("2024-02-16T13:03:04", EXACT), id="a plus lost in an address"),
        pytest.param("2024-02-16T21:03:04 0800", ("2024-02-16T13:03:04", EXACT), id="a plus lost, no colon"),
        pytest.param("2024-02-16 21:03:04.5 00:00", (EVENING + ".500000", EXACT), id="a plus lost, fraction"),
        pytest.param("2024-02-16T21:03:04 18:00", None, id="a second time is no zone"),
        pytest.param("２０２４-０２-１６", (MIDNIGHT, DAY), id="full width"),
    ],
)
def test_iso(raw: str, expected: Reading) -> None:
    assert read(raw) == expected


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        pytest.param("Fri, 16 Feb 2024 21:03:04 GMT", (EVENING, EXACT), id="plain"),
        pytest.param("Fri, 16 Feb 24 21:03 GMT", (MINUTE, EXACT), id="two-digit year is not a day"),
        pytest.param("16 Feb 98 21:03 GMT", ("1998-02-16T21:03:00", EXACT), id="two-digit year of the old century"),
        pytest.param("Friday, 16-Feb-24 21:03:04 GMT", (EVENING, EXACT), id="rfc 850"),
        pytest.param("Mon, 16 Feb 2024 21:03:04 GMT", (EVENING, EXACT), id="wrong weekday"),
        pytest.param("Thurs, 16 Feb 2024 21:03:04 +0000", (EVENING, EXACT), id="weekday of six letters"),
        pytest.param("Fri, 16 February 2024 21:03:04 GMT", (EVENING, EXACT), id="month in full"),
        pytest.param("Fri, 16 Sept 2022 21:03:04 GMT", ("2022-09-16T21:03:04", EXACT), id="Sept"),
        pytest.param("fri, 16 feb 2024 21:03:04 gmt", (EVENING, EXACT), id="small letters"),
        pytest.param("Fri,16 Feb 2024  21:03:04   GMT", (EVENING, EXACT), id="odd spaces"),
        pytest.param("Fri, 16 Feb 2024, 21:03:04 GMT", (EVENING, EXACT), id="odd comma"),
        pytest.param("Fri, 16 Feb 2024 9:3:4 GMT", ("2024-02-16T09:03:04", EXACT), id="single figures"),
        pytest.param("Fri, 16 Feb 2024 21:03:04 EST", ("2024-02-17T02:03:04", EXACT), id="EST"),
        pytest.param("Fri, 16 Feb 2024 21:03:04 PDT", ("2024-02-17T04:03:04", EXACT), id="PDT"),
        pytest.param("Fri, 16 Feb 2024 21:03:04 CEST", ("2024-02-16T19:03:04", EXACT), id="CEST"),
        pytest.param("Fri, 16 Feb 2024 21:03:04 JST", ("2024-02-16T12:03:04", EXACT), id="JST"),
        pytest.param("Fri, 16 Feb 2024 21:03:04 UTC", (EVENING, EXACT), id="UTC"),
        pytest.param("Fri, 16 Feb 2024 21:03:04 Z", (EVENING, EXACT), id="Z"),
        pytest.param("Fri, 16 Feb 2024 21:03:04 CST", ("2024-02-17T03:03:04", ASSUMED), id="CST of nobody known"),
        pytest.param("Fri, 16 Feb 2024 21:03:04 QQQ", (EVENING, ASSUMED), id="zone that nobody knows"),
        pytest.param("Fri, 16 Feb 2024 21:03:04 Europe/Oslo", (EVENING, ASSUMED), id="zone with summer time"),
        pytest.param("Fri, 16 Feb 2024 21:03:04 Asia/Taipei", ("2024-02-16T13:03:04", EXACT), id="zone without"),
        pytest.param("Fri, 16 Feb 2024 21:03:04 GMT+8", ("2024-02-16T13:03:04", EXACT), id="GMT+8"),
        pytest.param("Fri, 16 Feb 2024 21:03:04 -0530 (IST)", ("2024-02-17T02:33:04", EXACT), id="offset and comment"),
        pytest.param("Fri, 16 Feb 2024 21:03:04 --0700", ("2024-02-17T04:03:04", EXACT), id="two signs"),
        pytest.param("Fri, 16 Feb 2024 21:03:04 -0000", (EVENING, EXACT), id="minus nothing"),
        pytest.param("Fri, 16 Feb 2024 21:03:04 −0700", ("2024-02-17T04:03:04", EXACT), id="a real minus sign"),
        pytest.param("Fri, 16 Feb 2024 21:03:04", (EVENING, ASSUMED), id="no zone"),
        pytest.param("Fri, 16 Feb 2024", (MIDNIGHT, DAY), id="day"),
        pytest.param("16 Feb 2024 GMT", (MIDNIGHT, DAY), id="day with a zone"),
        pytest.param("Fri Feb 16 21:03:04 2024", (EVENING, ASSUMED), id="ctime"),
        pytest.param("Fri, 16 Feb 2024 21:03:04 0000", (EVENING, EXACT), id="a plus lost in an address"),
        pytest.param("Fri Feb 16 21:03:04 PST 2024", ("2024-02-17T05:03:04", EXACT), id="date(1)"),
        pytest.param("Fri Feb 16 21:03:04 +0000 2024", (EVENING, EXACT), id="twitter"),
        pytest.param(
            "Fri Feb 16 2024 21:03:04 GMT+0800 (中国标准时间)", ("2024-02-16T13:03:04", EXACT), id="javascript"
        ),
    ],
)
def test_rfc_822_and_kin(raw: str, expected: Reading) -> None:
    assert read(raw) == expected


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        pytest.param("2024年2月16日 21:03", (IN_CHINA, ASSUMED), id="chinese"),
        pytest.param("2024年02月16日21时03分04秒", ("2024-02-16T13:03:04", ASSUMED), id="with 时分秒"),
        pytest.param("2024 年 2 月 16 日 星期五 21:03", (IN_CHINA, ASSUMED), id="spaces and weekday"),
        pytest.param("2024年2月16日（週五）下午9點3分", (IN_CHINA, ASSUMED), id="traditional, afternoon"),
        pytest.param("2024年2月16日 晚上9点半", ("2024-02-16T13:30:00", ASSUMED), id="half past"),
        pytest.param("2024年2月16日 凌晨0:30", ("2024-02-15T16:30:00", ASSUMED), id="small hours"),
        pytest.param("2024年2月16日 中午12:30", ("2024-02-16T04:30:00", ASSUMED), id="noon"),
        pytest.param("2024/2/16 下午 09:03:00", (IN_CHINA, ASSUMED), id=".net in taiwan"),
        pytest.param("2024/2/16 上午 12:03:00", ("2024-02-15T16:03:00", ASSUMED), id="12 in the morning is 0"),
        pytest.param("发布时间：2024-02-16 21:03", (IN_CHINA, ASSUMED), id="label"),
        pytest.param("更新于 2024-02-16 21:03", (IN_CHINA, ASSUMED), id="label without colon"),
        pytest.param("2024-02-16 21:03（北京时间）", (IN_CHINA, EXACT), id="zone in words"),
        pytest.param("2024年2月16日 21:03 GMT", (MINUTE, EXACT), id="zone stated"),
        pytest.param("2024年2月16日", ("2024-02-15T16:00:00", DAY), id="day"),
        pytest.param("二〇二四年二月十六日", ("2024-02-15T16:00:00", DAY), id="numerals"),
        pytest.param("二零二四年十二月廿三日", ("2024-12-22T16:00:00", DAY), id="numerals over ten"),
        pytest.param("民國113年2月16日", ("2024-02-15T16:00:00", DAY), id="years of the republic"),
        pytest.param("民國一百一十三年二月十六日", ("2024-02-15T16:00:00", DAY), id="republic in numerals"),
        pytest.param("2024年2月16日 午後9時03分", (IN_JAPAN, ASSUMED), id="japanese afternoon"),
        pytest.param("2024年2月16日（金）21:03", (IN_JAPAN, ASSUMED), id="japanese weekday"),
        pytest.param("令和6年2月16日 21時03分", (IN_JAPAN, ASSUMED), id="reiwa"),
        pytest.param("令和元年5月1日", ("2019-04-30T15:00:00", DAY), id="first year of an era"),
        pytest.param("2024年2月16日 21:03 更新", (IN_CHINA, ASSUMED), id="updated"),
        pytest.param("2024년 2월 16일 (금) 오후 9시 3분", (IN_JAPAN, ASSUMED), id="korean"),
        pytest.param("2024. 2. 16. 오후 9:03", (IN_JAPAN, ASSUMED), id="korean with dots"),
        pytest.param("입력: 2024.02.16 21:03", (IN_JAPAN, ASSUMED), id="korean label"),
        pytest.param("2024년 2월 16일 금요일", ("2024-02-15T15:00:00", DAY), id="korean weekday"),
        pytest.param("星期五, 16 二月 2024 21:03:00 +0800", (IN_CHINA, EXACT), id="java in china"),
        pytest.param("周五, 16 2月 2024 21:03:00 CST", (IN_CHINA, EXACT), id="java in china, newer names"),
        pytest.param("星期五, 16 十二月 2024 21:03:00 GMT", ("2024-12-16T21:03:00", EXACT), id="java, december"),
        pytest.param("Fri, 16 2月 2024 21:03:00 +0800", (IN_CHINA, EXACT), id="java, the month alone"),
        pytest.param("16 2月 2024 21:03", (IN_CHINA, ASSUMED), id="java, no zone"),
        pytest.param("週五, 16 2月 2024", ("2024-02-15T16:00:00", DAY), id="java, day"),
        pytest.param("금, 16 2월 2024 21:03:00", (IN_JAPAN, ASSUMED), id="java in korea"),
        pytest.param("星期五, 16 十三月 2024 21:03:00", None, id="java, no month"),
        pytest.param("Hello, 16 2月 2024 21:03:00", None, id="java, no weekday"),
        pytest.param("2024年2月16日发生地震", None, id="a sentence"),
        pytest.param("2024年13月40日", None, id="impossible day"),
        pytest.param("2024年2月16日 25:00", None, id="impossible hour"),
        pytest.param("2月16日 21:03", None, id="no year"),
        pytest.param("昨天 21:03", None, id="yesterday"),
        pytest.param("3小时前", None, id="hours ago"),
        pytest.param("2024年2月16日 晚上12点", None, id="which midnight"),
        pytest.param("2024年十十月6日", None, id="no numeral"),
    ],
)
def test_east_asian(raw: str, expected: Reading) -> None:
    assert read(raw) == expected


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        pytest.param("February 16, 2024 9:03 PM", (MINUTE, ASSUMED), id="english, month first"),
        pytest.param("Feb. 16, 2024, 9:03 p.m.", (MINUTE, ASSUMED), id="english, dots"),
        pytest.param("Friday, February 16, 2024 - 9:03pm", (MINUTE, ASSUMED), id="english, dash"),
        pytest.param("Fri, February 16, 2024 at 09:03 PM EST", ("2024-02-17T02:03:00", EXACT), id="english, zone"),
        pytest.param("February 16, 2024 12:03 AM", ("2024-02-16T00:03:00", ASSUMED), id="12 AM"),
        pytest.param("February 16, 2024 12:03 PM", ("2024-02-16T12:03:00", ASSUMED), id="12 PM"),
        pytest.param("February 16, 2024 9 PM", ("2024-02-16T21:00:00", ASSUMED), id="hour alone"),
        pytest.param("16th of February 2024", (MIDNIGHT, DAY), id="english, ordinal"),
        pytest.param("16 février 2024 à 21h03", (MINUTE, ASSUMED), id="french"),
        pytest.param("ven. 16 févr. 2024 21:03:04 +0000", (EVENING, EXACT), id="french, short"),
        pytest.param("1er mars 2024", ("2024-03-01T00:00:00", DAY), id="french, first"),
        pytest.param("mar., 02 avr. 2024 21:03 GMT", ("2024-04-02T21:03:00", EXACT), id="mar. is a weekday here"),
        pytest.param("Mar 2, 2024", ("2024-03-02T00:00:00", DAY), id="mar is a month there"),
        pytest.param("Freitag, 16. Februar 2024, 21:03 Uhr", (MINUTE, ASSUMED), id="german"),
        pytest.param("Do, 14 Mär 2024 00:00:00 +0200", ("2024-03-13T22:00:00", EXACT), id="german, short"),
        pytest.param("viernes, 16 de febrero de 2024, 21:03", (MINUTE, ASSUMED), id="spanish"),
        pytest.param("venerdì 16 febbraio 2024 alle ore 21:03", (MINUTE, ASSUMED), id="italian"),
        pytest.param("sexta-feira, 16 de fevereiro de 2024 às 21h03", (MINUTE, ASSUMED), id="portuguese"),
        pytest.param("16 февраля 2024 г., 21:03", (MINUTE, ASSUMED), id="russian"),
        pytest.param("21:03, 16 мая 2024", ("2024-05-16T21:03:00", ASSUMED), id="russian, time first"),
        pytest.param("пт, 16 фев 2024 21:03:04 +0300", ("2024-02-16T18:03:04", EXACT), id="russian, short"),
        pytest.param("16 лютого 2024", (MIDNIGHT, DAY), id="ukrainian"),
        pytest.param("الجمعة 16 فبراير 2024", (MIDNIGHT, DAY), id="arabic"),
        pytest.param("16 فبراير/شباط 2024", (MIDNIGHT, DAY), id="arabic, both names"),
        pytest.param("١٦ أبريل ٢٠٢٤", ("2024-04-16T00:00:00", DAY), id="arabic figures"),
        pytest.param("16 كانون الثاني 2024", ("2024-01-16T00:00:00", DAY), id="levantine month of two words"),
        pytest.param("\u200f16 مايو 2024 9:03 م", ("2024-05-16T21:03:00", ASSUMED), id="arabic afternoon, marks"),
        pytest.param("16 maart 2024", ("2024-03-16T00:00:00", DAY), id="dutch"),
        pytest.param("16 października 2024", ("2024-10-16T00:00:00", DAY), id="polish"),
        pytest.param("16 Ağustos 2024", ("2024-08-16T00:00:00", DAY), id="turkish"),
        pytest.param("2024 February 16", (MIDNIGHT, DAY), id="year first"),
        pytest.param("Παρ, 16 Φεβ 2024 21:03:04 GMT", (EVENING, EXACT), id="greek, short"),
        pytest.param("16 Μαΐου 2024", ("2024-05-16T00:00:00", DAY), id="greek"),
        pytest.param("2024. február 16. 21:03", (MINUTE, ASSUMED), id="hungarian"),
        pytest.param("16. února 2024", (MIDNIGHT, DAY), id="czech"),
        pytest.param("vineri, 16 februarie 2024 21:03", (MINUTE, ASSUMED), id="romanian"),
        pytest.param("16. helmikuuta 2024", (MIDNIGHT, DAY), id="finnish"),
        pytest.param("16 de febrer de 2024", (MIDNIGHT, DAY), id="catalan"),
        pytest.param("16 февруари 2024", (MIDNIGHT, DAY), id="bulgarian"),
        pytest.param("16 בפברואר 2024", (MIDNIGHT, DAY), id="hebrew"),
        pytest.param("16 Frimaire 2024", None, id="no month of ours"),
        pytest.param("Hello, 16 Feb 2024", None, id="no weekday"),
        pytest.param("16 Feb 2024 and more", None, id="words behind"),
        pytest.param("February 2024", None, id="no day"),
        pytest.param("16 Feb 21:03", None, id="no year"),
        pytest.param("31 Feb 2024 21:03 GMT", None, id="impossible day"),
        pytest.param("February 16, 2024 9", None, id="a figure is no time"),
    ],
)
def test_named_months(raw: str, expected: Reading) -> None:
    assert read(raw) == expected


def test_no_name_is_two_months() -> None:
    months: dict[str, set[int]] = {}
    for name, month in NAMES:
        months.setdefault(name, set()).add(month)
    assert not {name: found for name, found in months.items() if len(found) > 1}


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        pytest.param("2024/2/16 21:03", (MINUTE, ASSUMED), id="slashes"),
        pytest.param("2024.02.16", (MIDNIGHT, DAY), id="dots"),
        pytest.param("Fri, 16/02/2024", (MIDNIGHT, DAY), id="day over twelve"),
        pytest.param("02/16/2024 9:03 pm PST", ("2024-02-17T05:03:00", EXACT), id="second over twelve"),
        pytest.param("05/05/2024", ("2024-05-05T00:00:00", DAY), id="the same either way"),
        pytest.param("21:03 16.02.2024", (MINUTE, ASSUMED), id="time first"),
        pytest.param("03.04.2024", ("2024-04-03T00:00:00", GUESS), id="with dots the day is first"),
        pytest.param("03/04/2024", None, id="two readings"),
        pytest.param("30.10.23", None, id="two-digit year anywhere"),
        pytest.param("2024-02/16", None, id="mixed marks"),
        pytest.param("2024-02-30", None, id="impossible day"),
    ],
)
def test_figures(raw: str, expected: Reading) -> None:
    assert read(raw) == expected


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param("", id="empty"),
        pytest.param("   ", id="spaces"),
        pytest.param("NaN", id="nan"),
        pytest.param("null", id="null"),
        pytest.param("Invalid Date", id="javascript's"),
        pytest.param("yesterday", id="word"),
        pytest.param("1708119543000", id="epoch in ms"),
        pytest.param("1708119543", id="epoch"),
        pytest.param("0001-01-01T00:00:00Z", id="none in .net"),
        pytest.param("0000-00-00 00:00:00", id="none in mysql"),
        pytest.param("Wed, 30 Nov -0001 00:00:00 +0000", id="none in php"),
        pytest.param("Thu, 01 Jan 1970 00:00:00 GMT", id="none in unix"),
        pytest.param("1970-01-01 08:00:00+08:00", id="none in unix, in china"),
        pytest.param("9999-12-31T23:59:59Z", id="for ever"),
        pytest.param("9999-12-31T24:00:00-14:00", id="beyond for ever"),
        pytest.param("2024-W07-5", id="week"),
        pytest.param("2024-02-16x21:03", id="no separator"),
        pytest.param("2024-02-16T21:03:04Z" + " " * 50 + "x", id="too long"),
        pytest.param("²⁰²⁴", id="superscripts"),
        pytest.param("\ud800" * 10, id="lone surrogates"),
        pytest.param("1:" * 32, id="colons"),
        pytest.param("Mon, " * 12, id="weekdays"),
        pytest.param("年" * 64, id="years"),
        pytest.param("1" * 1_000_000, id="a megabyte"),
    ],
)
def test_not_a_date(raw: str) -> None:
    assert read(raw) is None
    assert read(raw, CHINA) is None


@pytest.mark.parametrize(
    ("raw", "zone", "expected"),
    [
        pytest.param("2024-02-16 21:03", CHINA, (IN_CHINA, ASSUMED), id="iso"),
        pytest.param("2024-02-16", CHINA, ("2024-02-15T16:00:00", DAY), id="day"),
        pytest.param("Fri, 16 Feb 2024 21:03:00 CST", CHINA, (IN_CHINA, EXACT), id="CST in china"),
        pytest.param("Fri, 16 Feb 2024 21:03:00 CST", JAPAN, ("2024-02-17T03:03:00", ASSUMED), id="CST in japan"),
        pytest.param("Fri, 16 Feb 2024 21:03:00 GMT", CHINA, (MINUTE, EXACT), id="a stated zone wins"),
        pytest.param("Fri, 16 Feb 2024 21:03:00 QQQ", CHINA, (IN_CHINA, ASSUMED), id="zone that nobody knows"),
        pytest.param("2024年2月16日 21:03", JAPAN, (IN_JAPAN, ASSUMED), id="figures of the east on a japanese site"),
        pytest.param("2024年2月16日 21:03 CST", CHINA, (IN_CHINA, EXACT), id="CST after a chinese date"),
        pytest.param("16 Feb 2024 21:03", UTC, (MINUTE, ASSUMED), id="utc"),
    ],
)
def test_zone_of_the_source(raw: str, zone: timezone, expected: Reading) -> None:
    assert read(raw, zone) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("1708119543000", "2024-02-16T21:39:03+00:00", id="whole second"),
        pytest.param(" 1708119543007\n", "2024-02-16T21:39:03.007000+00:00", id="milliseconds, spaces"),
        pytest.param("631152000000", "1990-01-01T00:00:00+00:00", id="first"),
        pytest.param("631151999999", None, id="before the first"),
        pytest.param("4102444800000", None, id="year 2100"),
        pytest.param("1708119543", None, id="seconds"),
        pytest.param("NaN", None, id="nan"),
        pytest.param("-1708119543000", None, id="negative"),
        pytest.param("1708119543000.5", None, id="fraction"),
        pytest.param("1e12", None, id="exponent"),
        pytest.param("١٧٠٨١١٩٥٤٣٠٠٠", None, id="arabic figures"),
        pytest.param("9" * 400, None, id="long"),
        pytest.param("", None, id="empty"),
    ],
)
def test_parse_epoch_ms(text: str, expected: str | None) -> None:
    found = parse_epoch_ms(text)
    assert (found.at.isoformat() if found else None) == expected


@pytest.mark.parametrize(
    ("site", "hours"),
    [
        pytest.param("people.com.cn", 8, id="cn"),
        pytest.param("cna.com.tw", 8, id="tw"),
        pytest.param("nhk.or.jp", 9, id="jp"),
        pytest.param("yna.co.kr", 9, id="kr"),
        pytest.param("solidot.org", 8, id="a site under org"),
        pytest.param("Zaobao.com.", 8, id="spelling"),
        pytest.param("xn--efvy88h.xn--fiqs8s", 8, id="idn ending"),
        pytest.param("example.org", None, id="unknown"),
        pytest.param("solidot.org.example.net", None, id="not that site"),
        pytest.param("intranet", None, id="single label"),
        pytest.param("", None, id="empty"),
        pytest.param(None, None, id="none"),
    ],
)
def test_zone_of_site(site: str | None, hours: int | None) -> None:
    zone = zone_of_site(site)
    assert (zone.utcoffset(None) if zone else None) == (timedelta(hours=hours) if hours else None)


@pytest.mark.parametrize(
    ("tag", "hours"),
    [
        pytest.param("zh-cn", 8, id="chinese of china"),
        pytest.param("zh_Hant_TW", 8, id="script and region"),
        pytest.param(" ZH ", 8, id="chinese"),
        pytest.param("ja-JP", 9, id="japanese"),
        pytest.param("ko", 9, id="korean"),
        pytest.param("zh-US", None, id="chinese of america"),
        pytest.param("zh-Hans-AU", None, id="chinese of australia"),
        pytest.param("en-cn", None, id="english"),
        pytest.param("zh" + " " * 40, None, id="too long for a tag"),
        pytest.param("", None, id="empty"),
        pytest.param(None, None, id="none"),
    ],
)
def test_zone_of_language(tag: str | None, hours: int | None) -> None:
    zone = zone_of_language(tag)
    assert (zone.utcoffset(None) if zone else None) == (timedelta(hours=hours) if hours else None)


def test_settings_go_before_the_tables() -> None:
    assert zone_of_site("news.example.jp", {"news.example.jp": UTC}) is UTC
    assert zone_of_site("news.kz", {"kz": CHINA}) is CHINA
    assert zone_of_site("solidot.org", {"kz": CHINA}) == CHINA


WORDS = [
    "年",
    "月",
    "日",
    "时",
    "分",
    "下午",
    "上午",
    "十",
    "廿",
    "〇",
    "민국",
    "년",
    "오후",
    "民國",
    "令和",
    "GMT",
    "+08",
    "CST",
]
WORDS += [
    "Fri,",
    "Feb",
    "mar.",
    "мая",
    "مايو",
    "de",
    "T",
    "Z",
    "am",
    ":",
    "-",
    "/",
    ".",
    ",",
    " ",
    "(",
    ")",
    "2024",
    "12",
]
PIECES = st.lists(st.sampled_from(WORDS) | st.integers(0, 3000).map(str) | st.text(max_size=2), max_size=14)
ZONES = st.none() | st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))


@given(st.text() | PIECES.map("".join) | PIECES.map(" ".join), ZONES)
def test_never_raises(raw: str, zone: timezone | None) -> None:
    found = parse_date(raw, zone=zone)
    assert found is None or (found.at.utcoffset() == timedelta() and 1899 <= found.at.year <= 2101)
    parse_epoch_ms(raw)
    zone_of_site(raw)


MOMENTS = st.integers(40_000_000, 4_000_000_000).map(lambda seconds: datetime.fromtimestamp(seconds, UTC))
FORMS = st.sampled_from(
    [
        "%Y-%m-%dT%H:%M:%S%z",
        "%a, %d %b %Y %H:%M:%S %z",
        "%A, %d-%b-%Y %H:%M:%S %z",
        "%B %d, %Y %I:%M:%S %p %z",
        "%a %b %d %H:%M:%S %z %Y",
        "%Y/%m/%d %H:%M:%S %z",
        "%Y年%m月%d日 %H:%M:%S %z",
        "%Y년 %m월 %d일 %H시 %M분 %S초 %z",
    ]
)


@given(MOMENTS, FORMS, st.sampled_from([-7, 0, 5.5, 8, 14]))
def test_what_is_written_is_read(moment: datetime, form: str, hours: float) -> None:
    found = parse_date(moment.astimezone(timezone(timedelta(hours=hours))).strftime(form))
    assert found is not None
    assert (found.at, found.confidence) == (moment, EXACT)
