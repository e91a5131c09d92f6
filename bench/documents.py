"""Made-up documents of the usual size: a Chinese article of 1,400 characters, alone or in a feed of 30.

Every sentence is put together by chance from invented parts, so that no two articles are alike. The same numbers
give the same documents.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import format_datetime
from functools import lru_cache

from msgspec import Struct

from agents.sources.records import RawRecord

CHARACTERS = 1400
"""Of an article's text: the median that the budget of the design is for."""

FEED_ENTRIES = 30
SITES = 40

_AROUND = 70  # characters of dateline, gloss and links
_FIRST_MS = 1_795_100_000_000  # a day in November 2026
_STEP_MS = 37_000

_WHEN = (
    "今天清晨", "昨天下午", "上周三", "本月初", "去年秋天", "会议结束之后", "天亮以前", "在雨停的那个钟头里",
    "据本报记者了解", "三年以来", "按照原定的计划", "消息传出之后", "就在同一天", "直到傍晚",
)  # fmt: skip
_WHO = (
    "澜海港务局", "塔里恩的渔民", "北辰大学的研究人员", "维尔丹市议会", "一位不愿透露姓名的钟表匠", "灯塔看守协会",
    "河亭镇的邮差们", "负责修桥的工程师", "海豹观察站", "旧书市场的摊主", "县气象台", "潮汐电站的值班员",
    "第七小学的学生", "巡回图书车的司机", "挪威船长林德森", "从法国请来的工程师",
)  # fmt: skip
_DID = (
    "宣布将推迟", "用了整整两个星期才完成", "第三次重新测量了", "公开反对", "意外地发现了", "决定出资修缮",
    "在一份报告里详细描述了", "向邻近的城镇介绍了", "悄悄取消了", "投票通过了", "拍下了", "承认低估了",
)  # fmt: skip
_WHAT = (
    "那座停摆多年的水钟", "横跨河口的第二座浮桥", "新的渡轮时刻表", "一种会在月光下变色的陶土", "沿岸的防波堤",
    "关于夜市灯笼数量的规定", "存放在地下室里的航海日志", "春季的鲱鱼配额", "风筝节的安全范围", "老火车站的候车厅",
    "山上的雨量计", "通往码头的石阶",
)  # fmt: skip
_SO = (
    "这是十一年来的头一回", "预计需要四百二十万元", "附近的居民对此意见不一", "详细的数字要到下个月才会公布",
    "有人把它写成了一首歌", "船长们说他们早就料到了", "学校因此放假一天", "目前没有人受伤",
    "下一次检查定在十二月九日", "档案里找不到类似的记载", "参观者比往年多了两成", "专家建议再等一个冬天",
)  # fmt: skip


class Article(Struct, frozen=True):
    """One article of a site. `paragraphs` are plain text."""

    number: int
    site: str
    title: str
    paragraphs: list[str]

    @property
    def url(self) -> str:
        return f"https://www.{self.site}/news/2026/11/{self.number:07}.html"

    @property
    def html(self) -> str:
        """As publishers write it: a proxied picture with its caption, two links, a paragraph each."""
        first, *others = self.paragraphs
        picture = f"https://images.weserv.nl/?url=img.{self.site}/photo/{self.number}.jpg"
        body = [
            '<div class="article">',
            f'<div class="fullPic"><img src="{picture}" alt="{self.title}">',
            f'<div class="picinfo">图为{self.title}。</div></div>',
            f"<p>（澜海社塔里恩二十日电）挪威船长奥列格·林德森（Oleg Lindsen）说，{first}</p>",
            *(f"<p>{paragraph}</p>" for paragraph in others),
            f'<p>相关阅读：<a href="/news/2026/11/{self.number - 1:07}.html?utm_source=rss">前一篇报道</a>',
            f'<a href="https://www.{self.site}/topics/harbour">港口专题</a></p>',
            "</div>",
        ]
        return "\n".join(body)


@lru_cache(maxsize=20_000)
def article(number: int) -> Article:
    """The article with this number; its site is one of SITES."""
    chance = random.Random(number)
    paragraphs: list[str] = []
    while (room := CHARACTERS - _AROUND - sum(len(paragraph) + 2 for paragraph in paragraphs)) > 0:
        paragraphs.append("".join(_sentence(chance) for _ in range(chance.randrange(1, 3)))[:room])
    title = f"{chance.choice(_WHO)}{chance.choice(_DID)}{chance.choice(_WHAT)}（{number}）"
    return Article(number, f"site{number % SITES}.example", title, paragraphs)


def markdown(number: int) -> RawRecord:
    """An article as a document of the seed's form, with a date that opens the body."""
    one = article(number)
    body = f"<!--{_moment(number)}-->\n[{one.title}]({one.url})\n------\n\n<i>{_rfc822(number)}</i>\n{one.html}\n"
    return RawRecord(body=body.encode(), content_type="text/markdown", source_url=_feed_url(one.site))


def feed(number: int) -> RawRecord:
    """An RSS document of the site with this number: its FEED_ENTRIES articles, whole."""
    site = f"site{number % SITES}.example"
    articles = [article(number % SITES + SITES * (1000 * (number // SITES) + place)) for place in range(FEED_ENTRIES)]
    items = "\n".join(
        f"<item><title>{one.title}</title><link>{one.url}</link><guid isPermaLink='false'>a{one.number}</guid>"
        f"<pubDate>{_rfc822(one.number)}</pubDate><dc:creator>本报记者</dc:creator><category>地方</category>"
        f"<description>{one.paragraphs[0]}</description>"
        f"<content:encoded><![CDATA[{one.html}]]></content:encoded></item>"
        for one in articles
    )
    body = (
        "<?xml version='1.0' encoding='UTF-8'?><rss version='2.0' xmlns:dc='http://purl.org/dc/elements/1.1/' "
        "xmlns:content='http://purl.org/rss/1.0/modules/content/'><channel>"
        f"<title>{site}</title><link>https://www.{site}/</link><description>新闻</description>\n{items}</channel></rss>"
    )
    return RawRecord(body=body.encode(), content_type="application/rss+xml", source_url=_feed_url(site))


def markdowns(count: int, first: int = 0) -> Iterator[RawRecord]:
    return map(markdown, range(first, first + count))


def _sentence(chance: random.Random) -> str:
    return (
        f"{chance.choice(_WHEN)}，{chance.choice(_WHO)}{chance.choice(_DID)}{chance.choice(_WHAT)}，"
        f"{chance.choice(_SO)}；{chance.choice(_WHO)}表示，第{chance.randrange(2, 90)}次看到"
        f"{chance.choice(_WHAT)}的时候，{chance.choice(_SO)}。"
    )


def _feed_url(site: str) -> str:
    return f"https://www.{site}/rss.xml"


def _moment(number: int) -> int:
    return _FIRST_MS + number % 2000 * _STEP_MS


def _rfc822(number: int) -> str:
    return format_datetime(datetime.fromtimestamp(_moment(number) // 1000, UTC), usegmt=True)
