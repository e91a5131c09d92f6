"""The key that keeps the copies of one feed together."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.cli.keys import record_key
from agents.sources.records import RawRecord

MARKDOWN = "<!--1760000000000-->\n[桥（重开）[图]](https://news.example.co.uk/a/(1)?id=2)\n------\n\n<p>正文</p>\n"
RSS = """<?xml version="1.0"?><rss version="2.0" xmlns:atom="http://www.w3.org/2005/Atom"><channel><title>T</title>
{links}<item><title>A</title><link>https://other.example/a</link></item></channel></rss>"""
ATOM = """<feed xmlns="http://www.w3.org/2005/Atom"><title>T</title>{links}<entry><link href="https://e.example/1"/>
</entry></feed>"""


@pytest.mark.parametrize(
    ("body", "key"),
    [
        pytest.param(MARKDOWN, "example.co.uk", id="markdown: the link's site"),
        pytest.param("<!--NaN-->\n[kein Link]\n------\n\n<p>x</p>", None, id="markdown without a link"),
        pytest.param(
            RSS.format(
                links='<atom:link rel="self" href="https://a.example/rss?x=1&amp;y=2"/><link>https://a.example/</link>'
            ),
            "https://a.example/rss?x=1&y=2",
            id="rss: its own address",
        ),
        pytest.param(
            RSS.format(links="<link>https://www.a.example/home</link>"), "a.example", id="rss: the site of its page"
        ),
        pytest.param(
            RSS.format(links="<link><![CDATA[ https://www.a.example/ ]]></link>"), "a.example", id="rss: link in CDATA"
        ),
        pytest.param(RSS.format(links=""), "other.example", id="rss: the first entry's site"),
        pytest.param(
            ATOM.format(links="<link href='https://b.example/atom' rel='self'/><link href='https://b.example/'/>"),
            "https://b.example/atom",
            id="atom: self, attributes in any order and quotes",
        ),
        pytest.param(ATOM.format(links='<link href="https://b.example/"/>'), "b.example", id="atom: its page"),
        pytest.param(ATOM.format(links=""), "e.example", id="atom: the first entry"),
        pytest.param(
            '{"version": "https://jsonfeed.org/version/1.1", "feed_url": "https://c.example/feed.json", "items": []}',
            "https://c.example/feed.json",
            id="json feed",
        ),
        pytest.param('{"title": "x", "home_page_url": "https://www.c.example"}', "c.example", id="json feed: its page"),
        pytest.param(
            '[{"url": "https://c.example/1", "source_url": "https://c.example/f"}, {"url": "https://d.example/"}]',
            "https://c.example/f",
            id="json items: where the first came from",
        ),
        pytest.param('{"url": "https://www.c.example/1"}', "c.example", id="json item: the link's site"),
        pytest.param("[]", None, id="no items"),
        pytest.param('{"url": 7}', None, id="broken json item"),
        pytest.param("just words", None, id="no form at all"),
        pytest.param("", None, id="empty"),
    ],
)
def test_key_of_a_document_without_headers(body: str, key: str | None) -> None:
    assert record_key(RawRecord(body=body.encode())) == (None if key is None else key.encode())


def test_utf_16_is_read_too() -> None:
    body = RSS.format(links="<link>https://a.example/</link>").encode("utf-16")
    assert record_key(RawRecord(body=body)) == b"a.example"


def test_the_header_goes_before_what_the_document_says() -> None:
    assert record_key(RawRecord(body=MARKDOWN.encode(), source_url="https://f.example/rss")) == b"https://f.example/rss"


@given(
    st.one_of(st.binary(max_size=2000), st.text(alphabet="<>/[]()\"'={}rsfedlink: \n-!", max_size=500).map(str.encode))
)
def test_never_raises(body: bytes) -> None:
    record_key(RawRecord(body=body))
