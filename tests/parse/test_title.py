from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.parse import title


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        pytest.param("渡轮 &amp; 码头", "渡轮 & 码头", id="escaped once too often"),
        pytest.param("A &amp;amp; B", "A & B", id="escaped twice too often"),
        pytest.param("It&#8217;s &quot;late&quot;", 'It’s "late"', id="references"),
        pytest.param("<b>Ferry</b> is <i>late</i>", "Ferry is late", id="formatting goes"),
        pytest.param("&lt;em&gt;Ferry&lt;/em&gt; late", "Ferry late", id="escaped formatting goes"),
        pytest.param("Breaking<br/>News<br>Today", "Breaking News Today", id="a line break parts words"),
        pytest.param("Breaking&lt;br&gt;News", "Breaking News", id="an escaped line break"),
        pytest.param("<p>渡轮增班</p><p>码头</p>", "渡轮增班 码头", id="paragraphs"),
        pytest.param("<h2>Ferry</h2>", "Ferry", id="a heading"),
        pytest.param("渡轮<wbr>增班", "渡轮增班", id="a break that nobody sees"),
        pytest.param("渡轮<script>alert('码头')</script>增班", "渡轮增班", id="a script"),
        pytest.param("&lt;SCRIPT src=x&gt;a < b&lt;/SCRIPT &gt;渡轮", "渡轮", id="an escaped script"),
        pytest.param("渡轮<style>p { color: red }</style>", "渡轮", id="a style sheet"),
        pytest.param("<iframe src='https://x.org/'>no frames</iframe>渡轮", "渡轮", id="a frame"),
        pytest.param("<b>渡轮</b><script><style></script>a</style>b", "渡轮a</style>b", id="one in the other"),
        pytest.param("What <script> does", "What <script> does", id="a script that never ends is a word"),
        pytest.param("How to use the &lt;canvas&gt; tag", "How to use the <canvas> tag", id="a tag that is a word"),
        pytest.param("Why &lt;b&gt; is not &lt;strong&gt;", "Why <b> is not <strong>", id="tags that are discussed"),
        pytest.param("if a < b and c > d", "if a < b and c > d", id="less and greater"),
        pytest.param("  two\n   lines\t of it ", "two lines of it", id="one line"),
        pytest.param("AT&T and R&D", "AT&T and R&D", id="ampersands that are none"),
        pytest.param("价格上涨&nbsp;5%", "价格上涨\u00a05%", id="a space that does not break"),
        pytest.param("a\u202eb\x1b[31mc\u200b", "ab[31mc", id="what nobody sees"),
        pytest.param("&#" + "9" * 5000 + ";", "\ufffd;", id="a reference of 5,000 digits"),
        pytest.param("", "", id="none"),
    ],
)
def test_from_html(raw: str, expected: str) -> None:
    assert title.from_html(raw) == expected


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        pytest.param("The <b> element", "The <b> element", id="text is text"),
        pytest.param("The <b>ferry</b>", "The ferry", id="declared text, sent html"),
        pytest.param("A &amp; B", "A & B", id="declared text, sent references"),
        pytest.param("<b>渡轮</b><br>增班", "渡轮 增班", id="declared text, sent a line break"),
        pytest.param("渡轮<script>x()</script>", "渡轮", id="declared text, sent a script"),
    ],
)
def test_from_text(raw: str, expected: str) -> None:
    assert title.from_text(raw) == expected


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        pytest.param("标题　副标题", "标题　副标题", id="a wide space stays"),
        pytest.param("two  blanks", "two  blanks", id="blanks stay"),
        pytest.param("[视频] a <b> c", "[视频] a <b> c", id="nothing is taken for a tag"),
        pytest.param("line\r\nbreak", "line break", id="line break"),
        pytest.param("渡轮<script>x()</script>增班", "渡轮增班", id="a script is never a title"),
        pytest.param("渡轮&lt;style&gt;p{}&lt;/style&gt;", "渡轮", id="an escaped style sheet"),
    ],
)
def test_plain(raw: str, expected: str) -> None:
    assert title.plain(raw) == expected


@given(st.text(max_size=200))
def test_titles_are_one_clean_line(raw: str) -> None:
    for read in (title.plain, title.from_html, title.from_text):
        found = read(raw)
        assert found == found.strip()
        assert not set(found) & set("\n\r\t\x00\x1b\u202e")
        found.encode()
