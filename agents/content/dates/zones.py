"""Time zones as dates name them, and what sites mean when their dates name none."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta, timezone

from msgspec import Struct


class StatedZone(Struct, frozen=True):
    """The zone that a date states. `zone` None: none that could be read. `sure`: the name has one meaning."""

    zone: timezone | None
    sure: bool


def _hours(hours: float) -> timezone:
    return timezone(timedelta(hours=hours))


MAX_TAG = 35  # characters of a language tag; an article in its place would be read anew for each entry

CHINA = _hours(8)
JAPAN = KOREA = _hours(9)
UNSTATED = StatedZone(None, sure=False)

NAMES: dict[str, timezone] = {
    name: _hours(hours)
    for hours, names in {
        0: "z gmt ut utc wet",
        1: "cet bst west mez met",
        2: "cest eet sast mesz mest",
        3: "eest msk trt",
        3.5: "irst",
        4: "msd gst",
        5: "pkt",
        7: "wib ict",
        8: "hkt sgt pht bjt awst myt wita asia/shanghai asia/hong_kong asia/taipei asia/singapore asia/macau prc",
        9: "jst kst wit asia/tokyo asia/seoul",
        9.5: "acst",
        10: "aest",
        10.5: "acdt",
        11: "aedt",
        12: "nzst",
        13: "nzdt",
        -2.5: "ndt",
        -3: "adt brt art clst",
        -3.5: "nst",
        -4: "edt ast clt",
        -5: "est cdt pet cot",
        -6: "mdt",
        -7: "mst pdt",
        -8: "pst akdt",
        -9: "akst",
        -10: "hst",
        5.5: "asia/kolkata asia/calcutta",
    }.items()
    for name in names.split()
}

# Names of several zones, the likeliest first. The zone that the site is known to use settles it.
SHARED_NAMES: dict[str, tuple[timezone, ...]] = {
    "cst": (_hours(-6), CHINA),
    "ist": (_hours(5.5), _hours(2), _hours(1)),
    # Summer or winter is not said; winter it is.
    "et": (_hours(-5),),
    "ct": (_hours(-6),),
    "mt": (_hours(-7),),
    "pt": (_hours(-8),),
}

_ZONE = re.compile(
    r"(?P<name>[A-Za-z]+(?:/[A-Za-z_]+){0,2})?\s?"
    r"(?:(?P<sign>[+-]{1,2})\s?(?P<hours>\d{1,2}?)(?::?(?P<minutes>\d\d))?(?::?00)?\s?(?P<after>[A-Za-z]{1,5})?)?"
)
_UNKNOWN_NAME = re.compile(r"[A-Z]{1,5}|[A-Z][A-Za-z]+(?:/[A-Za-z_]+){1,2}")
_LARGEST = timedelta(hours=14)  # Kiribati


def read_zone(text: str, usual: timezone | None) -> StatedZone | None:
    """Read what stands behind a time; `usual` is the zone of the site. None where `text` is no zone at all.

    A number beside a name wins (`GMT+8`, `MST -0700`, `-05:00Z`). A name that nobody knows, or an offset that no
    place on earth has, is a zone that cannot be read.
    """
    if not text:
        return UNSTATED
    if not (match := _ZONE.fullmatch(text)):
        return None
    name = match["name"] or ""
    if match["sign"]:
        if (
            name
            and name.lower() not in NAMES
            and name.lower() not in SHARED_NAMES
            and not _UNKNOWN_NAME.fullmatch(name)
        ):
            return None
        return _numeric(match["sign"], match["hours"], match["minutes"] or "0")
    known = NAMES.get(name.lower())
    if known:
        return StatedZone(known, sure=True)
    if shared := SHARED_NAMES.get(name.lower()):
        agreed = usual is not None and usual in shared
        return StatedZone(usual if agreed else shared[0], sure=agreed)
    return UNSTATED if _UNKNOWN_NAME.fullmatch(name) else None


def _numeric(sign: str, hours: str, minutes: str) -> StatedZone:
    offset = timedelta(hours=int(hours), minutes=int(minutes))
    if offset > _LARGEST or int(minutes) > 59:
        return UNSTATED
    return StatedZone(timezone(-offset if sign[0] == "-" else offset), sure=True)


# Countries with one zone and no summer time. Russian media write Moscow's time.
_COUNTRIES: dict[str, timezone] = {
    name: zone
    for zone, names in {
        CHINA: "cn tw hk mo sg my ph xn--fiqs8s xn--fiqz9s xn--kprw13d xn--kpry57d xn--j6w193g",
        JAPAN: "jp kr xn--3e0b707e",
        _hours(7): "th vn",
        _hours(3): "ru by tr sa xn--p1ai",
        _hours(4): "ae",
    }.items()
    for name in names.split()
}

# Sites under general endings, by registrable domain.
_SITES: dict[str, timezone] = {
    site: zone
    for zone, sites in {
        CHINA: "163.com 21jingji.com 36kr.com baidu.com bilibili.com caixin.com cankaoxiaoxi.com cbnweek.com"
        " cctv.com chinanews.com cnbeta.com csdn.net dahe.com douban.com dwnews.com eastmoney.com ftchinese.com"
        " guokr.com hexun.com huanqiu.com huxiu.com ifeng.com infzm.com ithome.com jiemian.com juejin.im"
        " leiphone.com oschina.net pingwest.com qdaily.com qq.com sina.com sohu.com solidot.org sspai.com"
        " stcn.com sznews.com tmtpost.com toutiao.com wallstreetcn.com weibo.com xinhuanet.com yicai.com youku.com"
        " zhihu.com"
        " bastillepost.com hk01.com hket.com inmediahk.net mingpao.com nextapple.com on.cc orientaldaily.com"
        " stheadline.com takungpao.com theinitium.com thestandnews.com wenweipo.com"
        " chinatimes.com cnyes.com ctwant.com ettoday.net mirrormedia.mg nownews.com"
        " pixnet.net setn.com storm.mg thenewslens.com udn.com"
        " channelnewsasia.com kwongwah.com malaysiakini.com rappler.com straitstimes.com zaobao.com",
        JAPAN: "afpbb.com ameblo.jp asahi.com gendai.media jiji.com livedoor.com"
        " newspicks.com nikkei.com nikkansports.com sankei.com toyokeizai.net"
        " chosun.com daum.net donga.com hankyung.com joongang.com joins.com kmib.com koreaherald.com naver.com"
        " newsis.com nocutnews.com",
    }.items()
    for site in sites.split()
}


# Languages of countries with one zone. Which regions a tag may name: Chinese is written in other zones as well.
_LANGUAGES: dict[str, tuple[timezone, frozenset[str]]] = {
    "zh": (CHINA, frozenset({"cn", "tw", "hk", "mo", "sg", "my", "hans", "hant"})),
    "ja": (JAPAN, frozenset({"jp"})),
    "ko": (KOREA, frozenset({"kr"})),
}


def zone_of_language(tag: str | None) -> timezone | None:
    """The zone that a feed in this language (BCP 47) means by a time without one, or None where it could be several."""
    if tag is None or len(tag) > MAX_TAG:
        return None
    language, *regions = tag.strip().lower().replace("_", "-").split("-")
    zone, known = _LANGUAGES.get(language, (None, frozenset()))
    return zone if known.issuperset(regions) else None


def zone_of_site(site: str | None, known: Mapping[str, timezone] | None = None) -> timezone | None:
    """The zone that a site means by a time without one (and by `CST`), or None where that is not known.

    `site` is a registrable domain. `known` (from the settings) goes before the tables here; its keys are domains
    or their endings (`example.com`, `kz`). The dates of feeds are read with this; a stated zone always wins.
    """
    if not site:
        return None
    name = site.lower().rstrip(".")
    ending = name.rpartition(".")[2]
    for table in (known or {}, _SITES, _COUNTRIES):
        if zone := table.get(name) or table.get(ending):
            return zone
    return None
