"""Small invented documents for the tests of the whole pipeline."""

from __future__ import annotations

from agents.sources.records import RawRecord

FERRY = "https://www.lanhai.example/a/20261120/ferry.html"


def markdown(title: str, text: str, link: str = FERRY, stamp: int | str = 1795162020000) -> bytes:
    """One item in the seed's form."""
    paragraphs = "".join(f"<p>{line}</p>" for line in text.split("\n"))
    return f"<!--{stamp}-->\n[{title}]({link})\n------\n\n{paragraphs}\n".encode()


FIRST = "塔里恩的一艘渡轮今天清晨为避让熟睡的海豹搁浅，二百一十四名乘客全部安全。\n船长说，海豹们直到涨潮才醒来。" * 2
LATER = FIRST + "\n港务局下午更正：船上共有二百四十一人，其中包括两名正在值班的海豹观察员。"

ATOM = b"""<?xml version="1.0" encoding="utf-8"?>
<feed xmlns="http://www.w3.org/2005/Atom" xmlns:at="http://purl.org/atompub/tombstones/1.0">
<id>tag:register.example,2026:feed</id><title>Register</title><updated>2026-11-20T00:00:00Z</updated>
%s
</feed>"""

ENTRY = """<entry><id>tag:register.example,2026:%d</id><title>Notice %d</title>
<link href="https://register.example/notice/%d"/><updated>2026-11-20T0%d:00:00Z</updated>
<content type="html">&lt;p&gt;The word of the day number %d is entered in the register.&lt;/p&gt;</content></entry>"""

DELETED = '<at:deleted-entry ref="tag:register.example,2026:%d" when="2026-11-21T00:00:00Z"/>'


def atom(*parts: str) -> bytes:
    return ATOM % "\n".join(parts).encode()


def entry(number: int) -> str:
    return ENTRY % ((number,) * 5)


def deleted(number: int) -> str:
    return DELETED % number


def record(body: bytes, hour: int = 0, ref: str | None = None, source_url: str | None = None) -> RawRecord:
    """A raw record that arrived at some hour of 21 November 2026."""
    return RawRecord(body=body, received_at=f"2026-11-21T{hour:02}:00:00Z", ref=ref, source_url=source_url)
