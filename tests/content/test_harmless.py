"""What needs no second look: the grammar lets nothing harmful through, and nh3 leaves all of it letter by letter."""

from __future__ import annotations

import re
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from turbohtml.saxparse import sax_parse

from agents.content.harmless import SEEN, TAGS, VOID_TAGS, is_harmless
from agents.content.reader import MarkupTooDeep, read
from agents.content.safehtml import SafeWriter, checked, cleaned
from agents.content.text import without_debris
from tests.content.test_safehtml import ATTACKS, BASE, MARKUP, Inspector

REL = 'rel="noopener noreferrer"'


def assert_nh3_changes_nothing(html: str) -> None:
    """Whatever way it takes, what a body is written as comes out as nh3 alone would have it."""
    writer = SafeWriter()
    try:
        read(html, BASE, writer)
    except MarkupTooDeep:
        return
    written = writer.written()
    assert checked(written) == cleaned(written)


@pytest.mark.parametrize(
    "html",
    [
        pytest.param("", id="nothing"),
        pytest.param("<p>渡轮搁浅了。<br>“没有人”受伤</p>\n<hr><h2>x</h2>", id="paragraphs"),
        pytest.param("<ul><li>a<ol><li>b</li></ol></li></ul><dl><dt>c</dt><dd>d</dd></dl>", id="lists"),
        pytest.param("1 &lt; 2 &amp;amp; 3 &gt; 2&nbsp;!", id="escapes"),
        pytest.param(
            f'<a href="https://harbour.example/a-b?x=1&amp;y=%20#z" title="&quot;A&quot;" {REL}>m</a>', id="link"
        ),
        pytest.param('<img src="http://i.harbour.example/s.jpg" alt="海豹" width="640" height="480">', id="picture"),
        pytest.param('<time datetime="2026-11-20T14:57:39Z">x</time>', id="time"),
        pytest.param('<p lang="zh-Hant">x</p><div dir="rtl">y</div>', id="language"),
        pytest.param("🦭 Größe, Привет, مرحبا, नाव, 海", id="scripts"),
    ],
)
def test_harmless(html: str) -> None:
    assert is_harmless(html)
    assert cleaned(html) == html


@pytest.mark.parametrize(
    "html",
    [
        pytest.param("<script>", id="a tag that is not listed"),
        pytest.param("<P>", id="a tag in capitals"),
        pytest.param("<p >", id="a space in a tag"),
        pytest.param("<p", id="a tag that does not end"),
        pytest.param("<p/>", id="a tag that closes itself"),
        pytest.param("<!-- x -->", id="comment"),
        pytest.param("<p onclick=x>", id="an attribute"),
        pytest.param('<p class="x">', id="an attribute in quotation marks"),
        pytest.param("<a>", id="a link to nowhere"),
        pytest.param(f'<a href="javascript:alert(1)" {REL}>', id="javascript"),
        pytest.param(f'<a href="https:javascript" {REL}>', id="no host"),
        pytest.param(f'<a href="https://a.example/" onclick="x" {REL}>', id="an attribute behind the address"),
        pytest.param('<a href="https://a.example/">', id="no rel"),
        pytest.param(f"<a href='https://a.example/' {REL}>", id="single quotation marks"),
        pytest.param(f'<a href="https://a.example/"x" {REL}>', id="a quotation mark in an address"),
        pytest.param(f'<a href="https://a.example/&x" {REL}>', id="a bare ampersand in an address"),
        pytest.param(f'<a href="https://user@a.example/" {REL}>', id="user name"),
        pytest.param(f'<a href="https://127.0.0.1/" {REL}>', id="number for a host"),
        pytest.param(f'<a href="https://0x7f.1/" {REL}>', id="odd number for a host"),
        pytest.param(f'<a href="https://xn--80ak6aa92e.example/" {REL}>', id="translated host"),
        pytest.param(f'<a href="https://港.example/" {REL}>', id="host to translate"),
        pytest.param(f'<a href="https://a.example:99999/" {REL}>', id="port"),
        pytest.param('<img src="data:image/gif,x">', id="data"),
        pytest.param('<img src="https://a.example/x.png" alt="<b>">', id="a tag in a value"),
        pytest.param('<img src="https://a.example/x.png" alt="a"b">', id="a quotation mark in a value"),
        pytest.param('<img src="https://a.example/x.png" alt="a\x00">', id="a control in a value"),
        pytest.param('<img src="https://a.example/x.png" width="1e9">', id="no number"),
        pytest.param("a & b", id="bare ampersand"),
        pytest.param("&#60;script&#62;", id="numbered escape"),
        pytest.param("&quot;", id="an escape that nh3 would write out"),
        pytest.param("a > b", id="bare greater-than"),
        pytest.param("a\xa0b", id="a no-break space, which nh3 escapes"),
        pytest.param("a\u202eb", id="bidi override"),
        pytest.param("می\u200cخواهم", id="joiner: whether it stays depends on what is before it"),
        pytest.param("a\x00b", id="NUL"),
        pytest.param("a\rb", id="carriage return"),
        pytest.param("a\ud800b", id="lone surrogate"),
        pytest.param("a\ufdd0b", id="noncharacter"),
        pytest.param("<table><tbody><tr><td>x</td></tr></tbody></table>", id="tables have rules of their own"),
        pytest.param("<pre>\nx</pre>", id="pre, which loses line feeds"),
        pytest.param("<ruby>漢<rt>かん</rt></ruby>", id="ruby"),
    ],
)
def test_not_surely_harmless(html: str) -> None:
    assert not is_harmless(html)
    assert not is_harmless(f"<p>x</p>{html}<p>y</p>")


def test_every_character_stays() -> None:
    seen = re.compile(f"[{SEEN}]")
    text = "".join(filter(seen.match, map(chr, range(sys.maxunicode + 1))))
    assert len(text) > 190_000
    assert without_debris(text) == text
    assert is_harmless(text)
    assert cleaned(text) == text
    value = text.replace('"', "&quot;")
    picture = f'<img src="https://a.example/x.png" alt="{value}" title="{value}">'
    assert is_harmless(picture)
    assert cleaned(picture) == picture


@pytest.mark.parametrize("tag", TAGS.split())
def test_every_tag_stays(tag: str) -> None:
    assert is_harmless(html := f"x<{tag}>y</{tag}>z")
    assert cleaned(html) == html


@pytest.mark.parametrize("attack", ATTACKS)
def test_attacks_come_out_as_nh3_has_them(attack: str) -> None:
    assert_nh3_changes_nothing(attack)
    assert_nh3_changes_nothing(f"<p>x{attack}<b>y</b></p><ul><li>{attack}")


@given(MARKUP)
def test_made_up_markup_comes_out_as_nh3_has_it(html: str) -> None:
    assert_nh3_changes_nothing(html)


@given(st.text())
def test_any_text_comes_out_as_nh3_has_it(text: str) -> None:
    assert_nh3_changes_nothing(text)


NAMES = st.sampled_from(
    [*TAGS.split(), *VOID_TAGS.split(), "a href=/x", "a href=//y.example title=z", "img src=a.png alt=b"]
)
PLAIN = st.lists(
    st.one_of(
        NAMES.map("<{}>".format),
        st.sampled_from([*TAGS.split(), "a"]).map("</{}>".format),
        st.sampled_from(["x", " ", "\n", "&lt;", "&nbsp;", "中", '"', "="]),
    ),
    max_size=40,
).map("".join)


@given(PLAIN)
def test_plain_markup_badly_nested_comes_out_as_nh3_has_it(html: str) -> None:
    assert_nh3_changes_nothing(html)


@pytest.mark.soak
@settings(max_examples=5_000)
@given(st.one_of(PLAIN, MARKUP))
def test_five_thousand_bodies_come_out_as_nh3_has_them(html: str) -> None:
    assert_nh3_changes_nothing(html)


PIECES = st.lists(
    st.one_of(
        st.sampled_from([*TAGS.split(), *VOID_TAGS.split()]).map("<{}>".format),
        st.sampled_from([*TAGS.split(), "a"]).map("</{}>".format),
        st.sampled_from(
            [f'<a href="https://a.example/" {REL}>', '<img src="https://a.example/x.png" alt="&lt;b&gt;">']
        ),
        st.sampled_from([*"<>&\"'=/ x", "script", "onclick=x", "&lt;", "javascript:", "--", "!"]),
    ),
    max_size=20,
).map("".join)


@given(PIECES)
def test_what_is_let_through_is_safe_however_it_came_about(html: str) -> None:
    if is_harmless(html):
        sax_parse("<!DOCTYPE html><body>" + html, Inspector())


@given(
    st.from_regex(r"\A[a-z0-9.-]{1,12}\.[a-z]{2,5}\Z"),
    st.text("abXY019!#$%&'()*+,-./:;=?@[]^_`{|}~\\", max_size=12).map(lambda path: path.replace("&", "&amp;")),
)
def test_nh3_knows_every_address_that_is_let_through(host: str, path: str) -> None:
    html = f'<a href="https://{host}/{path}" {REL}>x</a>'
    if is_harmless(html):
        assert cleaned(html) == html
