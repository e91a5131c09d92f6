"""Places that an item names: countries and cities, and states and provinces where the gazetteer has them.

Precision over recall. A place counts where it stands as words of its own, and not where the words around make it part
of another name: the New York Times is not in New York, Paris Hilton not in Paris, 武汉肺炎 is a disease. Chinese is
read by the words of `Prose`, English (also inside Chinese) by its capitals, Japanese by where its scripts change; in
other languages nothing is looked for.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence

from msgspec import Struct

from agents.content.gazetteer import Kind, Meaning, Site, gazetteer
from agents.enrich.prose import Prose, Span
from schemas import Place

MAX_PLACES = 50

_DOTS = frozenset("·•‧・．∙")
"""What parts the names of a foreigner in Chinese: 乔治·华盛顿."""
_SYLLABLES = frozenset("尔斯特姆夫兹茨德莱弗娜蒂妮丝森曼顿维埃伊丁诺恩奇杰舍茜朗汀贾鲍")
"""Single characters that jieba leaves over from a foreigner's name when it finds a place in it (伯恩|斯)."""
_PART_OF_NAME_BEHIND = frozenset(
    "时报 日报 晚报 早报 邮报 青年报 周报 周刊 商报 都市报 晨报 快报 新报 导报 电讯报 论坛报 环球报 卫报 镜报 画报 汇报 人报 客 时代周刊 "
    "之音 之声 卫视 电视台 电台 广播 广播公司 广播电台 新闻网 新闻社 通讯社 网 在线 书评 出版社 杂志 大学 理工大学 师范大学 银行 航空 "
    "航空公司 电信 移动 联通 石油 石化 集团 控股 股份 证券 人寿 保险 队 足球队 联队 俱乐部 足球俱乐部 肺炎 病毒 流感 脑炎 "
    "教 语 文 族 裔 话 菜 料理 海 海峡 湾 洋 河 江 湖 山 群岛 半岛 盆地 海沟 式 鹅 犬".split()
)
_PART_OF_CITY_NAME_BEHIND = frozenset(
    "协定 协议 公约 条约 议定书 共识 圣母院 圣日耳曼 圣日尔曼 竞技 联 湖人 快艇 道奇 天使 洋基 大都会 尼克 篮网 红袜 塞尔提克 凯尔特人 勇士 "
    "国王 公牛 小熊 白袜 热火 马林鱼 光芒 太空人 火箭 独行侠 牛仔 游骑兵 教士 海盗 钢人 费城人 76 76人 公鹿 酿酒人 活塞 老虎 雄狮 雷霆 "
    "金块 落矶 水手 海鹰 巨人 爵士 爱国者 酋长 皇家 蓝鸟 暴龙 猛龙 国民 巫师 印地安人 骑士 响尾蛇 太阳 红人 双城 灰狼 红雀".split()
)
_PART_OF_NAME_BEFORE = frozenset("皇家 国际米兰 圣 新 北 小".split())  # noqa: SIM905

_CAPITALISED = re.compile(r"\b[A-Z\u00c0-\u00de\u0130][^\W\d_]*")
_BEFORE = frozenset(
    "A About Above Across After Against All Also Although Amid Among An And Another Are Around As At Away Because Before "
    "Behind Below Beneath Beside Besides Between Beyond Both But By Can Central Could Did Do Does Downtown During Each East "
    "Eastern Elsewhere Even Every Far For From Further Greater Had Has Have Here How However If In Inland Inside Into Is Its "
    "Just Last Later Leave Like Mainland Many May Meanwhile Metropolitan Might Modern More Most Near Nearby Neither Next No "
    "Nor North Northeast Northeastern Northern Northwest Northwestern Not Now Of Off Old On Once One Only Onto Or Other Our "
    "Out Outside Over Past Perhaps Post Rural Several Should Since So Some South Southeast Southeastern Southern Southwest "
    "Southwestern Still Such Than That The Their Then There These They This Those Though Through Throughout Thus To Today "
    "Toward Towards Two Under Unlike Until Upon Urban Via Was Were West Western What When Where Whereas Whether Which While "
    "Who Whose Why Will With Within Without Would Yet January February March April May June July August September October "
    "November December Monday Tuesday Wednesday Thursday Friday Saturday Sunday Jan Feb Mar Apr Jun Jul Aug Sept Sep Oct Nov "
    "Dec Communist Nazi Soviet Imperial Occupied Anti Pro Non Pre Mid Trans Islamic".split()
)
_BEHIND = frozenset(
    "A After And Agency Airport Ambassador An Army As At Attorney Ban Based But By Cabinet Capitol Chief Congress Consulate "
    "Constitution Coast Consul County Court Covid Customs Defence Defense Department Deputy District Division East Embassy "
    "Environmental Ex Federal Finance First For Foreign Former From Gov Government Governor Has He High House How I If In "
    "Interior Is It Its Judge Justice Marine Marines Mayor Military Minister Ministry Monday Tuesday Wednesday Thursday Friday "
    "Saturday Sunday Navy New Not Of Office Officials On Open Or Over Parliament Police Premier President Presidential Prime "
    "Prince Princess Queen King Rep Representative Republican Republicans Democrat Democrats Secretary Sen Senate Senator She "
    "South Special State Summit Supreme Than That The They This To Treasury Trade Under Vice Via Was We West When While Who "
    "Will With You January February March April May June July August September October November December Jan Feb Mar Apr Jun "
    "Jul Aug Sept Sep Oct Nov Dec Reuters AP AFP Xinhua Olympics Olympic Games GDP".split()
)
_BODIES = frozenset("Bank University Times Voice Gulf Sea Bay College Church Museum Duke Earl Battle Treaty Fall Merchant".split())  # noqa: SIM905

_JAPANESE_RUN = re.compile(r"[\u30a1-\u30fa\u30fc]{2,}|[\u3400-\u9fff々]{2,}")
_JAPANESE_BEHIND = frozenset(
    ",政府,大統領,首相,国内,国外,市,市内,市長,都,府,県,側,当局,議会,国会,外務省,国務省,国防総省,外相,軍,大使,大使館,経済,市場,時間".split(",")
)


class FoundPlaces(Struct, frozen=True):
    """`places` in the order of their first mention, each named as it first stands; `spans` are all mentions of them."""

    places: list[Place]
    spans: list[Span]


class _Mention(Struct, frozen=True):
    begin: int
    end: int
    meaning: Meaning


def find_places(prose: Prose, taken: Sequence[Span] = ()) -> FoundPlaces:
    """Find the places in title and text. Nothing inside of the spans of `taken`, names found before, is one."""
    if prose.chinese:
        mentions = [*_in_chinese(prose), *_in_latin(prose.text)]
        mentions.sort(key=_begin)
    elif prose.language == "en":
        mentions = _in_latin(prose.text)
    elif prose.language == "ja":
        mentions = list(_in_japanese(prose.text))
    else:
        mentions = []
    if taken:
        mentions = _outside(sorted(taken), mentions)
    return _counted(prose.text, mentions)


def _begin(mention: _Mention) -> int:
    return mention.begin


def _outside(taken: list[Span], mentions: list[_Mention]) -> list[_Mention]:
    begins = [begin for begin, _ in taken]
    free = []
    for mention in mentions:
        nearest = bisect_right(begins, mention.begin) - 1
        if nearest < 0 or taken[nearest][1] <= mention.begin:
            free.append(mention)
    return free


def _counted(text: str, mentions: list[_Mention]) -> FoundPlaces:
    countries = {site.country for mention in mentions for site in mention.meaning.sites}
    first: dict[Site, _Mention] = {}
    counts: dict[Site, int] = {}
    spans: list[Span] = []
    for mention in mentions:
        sites = mention.meaning.sites
        if mention.meaning.likely:
            likely = [site for site in mention.meaning.likely if site.country in countries]
            sites = (likely[0],) if len(likely) == 1 else sites
        for site in sites:
            if site not in first:
                if len(first) == MAX_PLACES:
                    continue
                first[site] = mention
            counts[site] = counts.get(site, 0) + 1
            spans.append((mention.begin, mention.end))
    places = [
        Place(text[mention.begin : mention.end], site.country, counts[site]) for site, mention in first.items()
    ]
    return FoundPlaces(places, spans)


def _in_chinese(prose: Prose) -> list[_Mention]:
    words = prose.words
    known = gazetteer().chinese
    mentions = []
    at = done = 0
    for place in [place for place, word in enumerate(words) if word in known]:
        if place < done:
            continue
        for tail, meaning in known[words[place]]:
            behind = place + 1 + len(tail)
            if not tail or words[place + 1 : behind] == tail:
                break
        else:
            continue
        at += len("".join(words[done:place]))
        end = at + len("".join(words[place:behind]))
        if (meaning.sites or meaning.likely) and _stands_alone(words, place, behind, meaning):
            mentions.append(_Mention(at, end, meaning))
        at, done = end, behind
    return mentions


def _stands_alone(words: list[str], begin: int, end: int, meaning: Meaning) -> bool:
    before = words[begin - 1] if begin else ""
    behind = words[end] if end < len(words) else ""
    if behind in _PART_OF_NAME_BEHIND or before in _DOTS or behind in _DOTS or before in _PART_OF_NAME_BEFORE:
        return False
    if behind in _SYLLABLES or before in _SYLLABLES:
        return False
    return behind not in _PART_OF_CITY_NAME_BEHIND or meaning.sites[-1:] == () or meaning.sites[-1].kind is not Kind.CITY


def _in_latin(text: str) -> list[_Mention]:
    known = gazetteer().latin
    words = [(match[0], match.start(), match.end()) for match in _CAPITALISED.finditer(text)]
    mentions = []
    people = set()
    done = 0
    for place, (word, begin, _) in enumerate(words):
        if begin < done or word not in known:
            continue
        for name, meaning in known[word]:
            end = begin + len(name)
            if text.startswith(name, begin) and not (text[end : end + 1].isalnum() and name[-1] != "."):
                break
        else:
            continue
        before = _next_to(text, words, place, begin, -1)
        behind = ""
        for word_behind, begin_behind, _ in words[place + 1 : place + 6]:
            if begin_behind >= end:
                if begin_behind == end + 1 and text[end] in " -":
                    behind = word_behind
                break
        done_before, done = done, end
        if not (meaning.sites or meaning.likely):
            continue
        if before and before not in _BEFORE and begin - done_before > 1:
            people.add(name)
            continue
        if behind and behind not in _BEHIND and behind not in known:
            continue
        if text[begin - 4 : begin] == " of " and place and words[place - 1][0] in _BODIES:
            continue
        mentions.append(_Mention(begin, end, meaning))
    return [
        each for each in mentions if not (each.meaning.personal and text[each.begin : each.end] in people)
    ]


def _next_to(text: str, words: list[tuple[str, int, int]], place: int, begin: int, step: int) -> str:
    if place and words[place - 1][2] == begin - 1 and text[begin - 1] in " -":
        return words[place - 1][0]
    return ""


def _in_japanese(text: str) -> Iterator[_Mention]:
    known = gazetteer().japanese
    for run in _JAPANESE_RUN.finditer(text):
        word = run[0]
        for length in range(len(word), 1, -1):
            if word[:length] in known and word[length:] in _JAPANESE_BEHIND:
                yield _Mention(run.start(), run.start() + length, known[word[:length]])
                break
