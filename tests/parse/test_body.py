"""Which text of an entry is its body; escaped twice, or in marks of CDATA that were escaped."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.parse.body import Body, choose, unescaped_twice, without_cdata
from tests.parse.reading import atom, entry, rss

PICTURE = '<p><img src="https://x.org/a.jpg"></p>'


def html(text: str) -> Body:
    return Body(text, is_html=True)


def plain(text: str) -> Body:
    return Body(text, is_html=False)


@pytest.mark.parametrize(
    ("bodies", "place", "body"),
    [
        pytest.param([html("<p>a</p>"), html("longer")], 0, html("<p>a</p>"), id="the first that shows text"),
        pytest.param([html("<p></p>")], 0, html("<p></p>"), id="the only one"),
        pytest.param([html("<p></p>"), html(" <br> ")], 0, html("<p></p>"), id="none shows any"),
        pytest.param([html("<p></p>"), plain("渡轮")], 1, plain("渡轮"), id="an empty paragraph"),
        pytest.param([html("<p>&nbsp;</p>"), html("渡轮")], 1, html("渡轮"), id="a space"),
        pytest.param([html("<p><b>&#xA0;</b>\u3000</p>"), html("渡轮")], 1, html("渡轮"), id="more spaces"),
        pytest.param(
            [html("<script>a</script><p></p><style>b</style><p>c"), html("渡轮")],
            0,
            html("<script>a</script><p></p><style>b</style><p>c"),
            id="text between what is not seen",
        ),
        pytest.param([html("<!-- never closed"), html("渡轮")], 1, html("渡轮"), id="an open comment"),
        pytest.param([html("< 5"), html("渡轮")], 0, html("< 5"), id="a bracket that is none"),
        pytest.param([html("<p>&amp;</p>"), html("渡轮")], 0, html("<p>&amp;</p>"), id="an ampersand"),
        pytest.param([plain("<p></p>"), html("渡轮")], 0, plain("<p></p>"), id="plain text is what it is"),
        pytest.param([html("<!-- x --><script>x()</script>"), html("渡轮")], 1, html("渡轮"), id="nothing visible"),
        pytest.param([html("<br>"), html("<i></i>"), html("渡轮")], 2, html("渡轮"), id="the third"),
        pytest.param([html(PICTURE), html("渡轮")], 1, html(f"<div>渡轮</div>\n{PICTURE}"), id="a picture stays"),
        pytest.param(
            [html(PICTURE), plain("a < b\nc")],
            1,
            html(f"<div>a &lt; b<br>c</div>\n{PICTURE}"),
            id="a picture beside plain text",
        ),
    ],
)
def test_choose(bodies: list[Body], place: int, body: Body) -> None:
    assert choose(bodies) == (place, body)


@given(st.text("<>/!-&;pscriptyle \n渡"), st.text())
def test_choose_never_raises(first: str, second: str) -> None:
    place, body = choose([html(first), html(second)])
    assert body == html(second if place else first)


P = "&lt;p&gt;渡轮&lt;/p&gt;"


@pytest.mark.parametrize(
    ("text", "undone"),
    [
        pytest.param(P, "<p>渡轮</p>", id="a paragraph"),
        pytest.param(f" {P}&lt;p&gt;码头&lt;br/&gt;&lt;/p&gt;\n", "<p>渡轮</p><p>码头<br/></p>", id="two"),
        pytest.param(
            "&lt;p&gt;&lt;a href=&quot;https://x.org/?a=1&amp;amp;b=2&quot;&gt;R&amp;amp;D&lt;/a&gt;&lt;/p&gt;",
            '<p><a href="https://x.org/?a=1&amp;b=2">R&amp;D</a></p>',
            id="what stands in it is undone once",
        ),
        pytest.param("&lt;p&gt;1 &amp;lt; 2&lt;/p&gt;", "<p>1 &lt; 2</p>", id="a bracket that is none"),
        pytest.param(f"<p>{P}</p>", None, id="real markup is there"),
        pytest.param(f"{P}<br>", None, id="real markup behind"),
        pytest.param(f"Write {P}", None, id="a sentence about a tag"),
        pytest.param(f"{P} is a paragraph", None, id="a sentence that begins with a tag"),
        pytest.param("&lt;p&gt; and &lt;br&gt;", None, id="tags that are not closed"),
        pytest.param("&lt;b&gt;&lt;i&gt;x&lt;/b&gt;&lt;/i&gt;", None, id="tags that cross"),
        pytest.param("&lt;canvas&gt;&lt;/canvas&gt;", None, id="a tag of no article"),
        pytest.param("&lt;p&gt;a &lt; b&lt;/p&gt;", None, id="a bracket of another depth"),
        pytest.param("a &lt; b &gt; c", None, id="no tags"),
        pytest.param("&lt;&gt;", None, id="no name"),
        pytest.param(f"&lt;p&gt;&#{'9' * 5000};&lt;/p&gt;", f"<p>&#{'9' * 5000};</p>", id="5,000 digits"),
    ],
)
def test_unescaped_twice(text: str, undone: str | None) -> None:
    assert unescaped_twice(text) == (text if undone is None else undone)


@pytest.mark.parametrize(
    ("text", "bare"),
    [
        pytest.param("<![CDATA[渡轮]]>", "渡轮", id="all of it"),
        pytest.param("\n<![CDATA[<p>渡轮</p>]]> ", "<p>渡轮</p>", id="markup"),
        pytest.param("<![CDATA[a]]><![CDATA[b]]>", "ab", id="two"),
        pytest.param("a<![CDATA[b]]>", "a<![CDATA[b]]>", id="talked about"),
        pytest.param("<![CDATA[a", "<![CDATA[a", id="never ends"),
    ],
)
def test_without_cdata(text: str, bare: str) -> None:
    assert without_cdata(text) == bare


AGAIN = P.replace("&", "&amp;")


@pytest.mark.parametrize(
    ("document", "title", "body"),
    [
        pytest.param(
            rss(
                "<item><title>a</title><content:encoded><![CDATA[<p></p>]]></content:encoded><description>d</description></item>"
            ),
            "a",
            "d",
            id="rss, an empty content",
        ),
        pytest.param(
            atom('<entry><title>a</title><content type="html">&lt;br&gt;</content><summary>s</summary></entry>'),
            "a",
            "s",
            id="atom, an empty content",
        ),
        pytest.param(
            json.dumps({"title": "a", "content_html": "<p></p>", "content_text": "t"}), "a", "t", id="json, empty html"
        ),
        pytest.param(
            json.dumps({"title": "a", "content_html": P, "content_text": "t"}), "a", "<p>渡轮</p>", id="json, escaped"
        ),
        pytest.param(
            json.dumps({"title": "a", "content_html": P, "summary": "t", "_feedmill": {}}),
            "a",
            P,
            id="what a dead letter holds was read before",
        ),
        pytest.param(
            rss(f"<item><title>a</title><description>{AGAIN}</description></item>"),
            "a",
            "<p>渡轮</p>",
            id="rss, escaped",
        ),
        pytest.param(
            rss(f"<item><title>a</title><description><![CDATA[{P}]]></description></item>"),
            "a",
            "<p>渡轮</p>",
            id="rss, escaped in cdata",
        ),
        pytest.param(
            rss("<item><title>&lt;![CDATA[a]]&gt;</title><description>&lt;![CDATA[b]]&gt;</description></item>"),
            "a",
            "b",
            id="escaped marks of cdata",
        ),
        pytest.param(
            rss("<item><title><![CDATA[<![CDATA[a]]]]><![CDATA[>]]></title></item>"), "a", "", id="cdata in cdata"
        ),
    ],
)
def test_bodies_of_documents(document: str, title: str, body: str) -> None:
    found = entry(document)
    assert (found.title, found.body) == (title, body)
