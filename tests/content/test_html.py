from __future__ import annotations

import time
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.content import reader
from agents.content.html import (
    MAX_HTML_BYTES,
    MAX_LISTED,
    MAX_TEXT_BYTES,
    FoundImage,
    FoundLink,
    MarkupTooDeep,
    read_html,
    read_plain,
    sanitize,
    visible_text,
)

BASE = "https://harbour.example/news/2026/seal.html"


@pytest.mark.parametrize(
    ("html", "text"),
    [
        pytest.param("<p>one</p><p>two</p>", "one\n\ntwo", id="paragraphs"),
        pytest.param("<p>one<p>two", "one\n\ntwo", id="paragraphs never closed"),
        pytest.param("one<div>two</div>three", "one\n\ntwo\n\nthree", id="a block parts bare text"),
        pytest.param("one<br>two", "one\ntwo", id="br breaks the line"),
        pytest.param("one<br><br>two", "one\n\ntwo", id="two br part paragraphs"),
        pytest.param("one<br> <br/>\n<br>two", "one\n\ntwo", id="any number of br part once"),
        pytest.param("<p>one<br></p><p>two</p>", "one\n\ntwo", id="br at the end of a paragraph"),
        pytest.param("un<b>believ</b><i>able</i>", "unbelievable", id="inline tags do not part words"),
        pytest.param("<p>one\n   two\t three</p>", "one two three", id="white space is one space"),
        pytest.param("<b>one</b> <i>two</i>", "one two", id="the space between inline tags stays"),
        pytest.param("<p> one </p>\n<p>\ntwo</p>", "one\n\ntwo", id="white space between blocks is nothing"),
        pytest.param("<p>港口</p>\n<p>　　海豹睡著了</p>", "港口\n\n海豹睡著了", id="ideographic indent"),
        pytest.param("<p>one&nbsp;&nbsp;two</p><p>&nbsp;</p><p>three</p>", "one two\n\nthree", id="nbsp"),
        pytest.param("<p>o\u200bne\ufeff</p><p>\u200b</p><p>t\u00adwo</p>", "one\n\ntwo", id="zero-width, soft hyphen"),
        pytest.param("<p>a\u202ebc\u2066d\u200f</p>", "abcd", id="bidi controls"),
        pytest.param("<p>a&#27;[31mb\x9bc\x07</p>", "a[31mbc", id="escape sequences"),
        pytest.param("<p>می\u200cخواهم</p>", "می\u200cخواهم", id="a joiner that is spelling"),
        pytest.param("<p>👩\u200d🚀 a\u200db</p>", "👩\u200d🚀 ab", id="a joiner in an emoji, and one astray"),
        pytest.param("<ul><li>one</li><li>two</li></ul>three", "one\ntwo\n\nthree", id="list"),
        pytest.param("<ul><li>one<ul><li>two</li></ul></li><li>three</ul>", "one\ntwo\nthree", id="list in a list"),
        pytest.param("<dl><dt>term<dd>meaning</dl>", "term\nmeaning", id="definitions"),
        pytest.param(
            "<table><tr><th>ship</th><th>seals</th></tr><tr><td>Ada</td><td>3</td></tr></table>",
            "ship\tseals\nAda\t3",
            id="table, row by row",
        ),
        pytest.param(
            "<table><tr><td><p>Ada</p></td><td><div>3</div></td></tr></table>x", "Ada\t3\n\nx", id="paragraphs in cells"
        ),
        pytest.param(
            "<table><tr><td><p>one</p><p>two</p></td></tr></table>", "one\n\ntwo", id="a table for the layout"
        ),
        pytest.param("a<pre>  x\n\n    y\n</pre>b", "a\n\n  x\n\n    y\n\nb", id="pre keeps its lines and indents"),
        pytest.param("<pre>x<br>y</pre>", "x\ny", id="br in pre"),
        pytest.param("<p>one</p><p hidden>two</p><p>three</p>", "one\n\nthree", id="hidden"),
        pytest.param('one<span style="color:red; DISPLAY : none">two</span>', "one", id="display none"),
        pytest.param('one<b style="visibility:hidden">two<i>three</i></b>four', "onefour", id="visibility hidden"),
        pytest.param(
            "a<script>b</script><style>c</style><template>d</template><noscript>e</noscript><iframe>f</iframe>g",
            "ag",
            id="what is no text",
        ),
        pytest.param(
            "<p>a<noscript><br><a href='x'>b</a></p><p>c</noscript></p><p>d<noscript>e",
            "a\n\nd",
            id="noscript hides what is closed in it",
        ),
        pytest.param("a<svg><text>b</text></svg>d", "ad", id="svg"),
        pytest.param(
            "a <math><semantics><mrow><mi>E</mi><mo>=</mo><mi>m</mi><msup><mi>c</mi><mn>2</mn></msup></mrow>"
            "<annotation encoding='application/x-tex'>E=mc^2</annotation></semantics></math> d",
            "a E=mc2 d",
            id="a formula, once",
        ),
        pytest.param(
            "<span class='katex'><span class='katex-mathml'><math><mi>E</mi></math></span>"
            "<span class='katex-html' aria-hidden='true'>E</span></span>",
            "E",
            id="a formula of katex, once",
        ),
        pytest.param(
            "<mjx-container>E<mjx-assistive-mml><math><mi>E</mi></math></mjx-assistive-mml></mjx-container>",
            "E",
            id="a formula of mathjax, once",
        ),
        pytest.param(
            "<math><mtable><mtr><mtd>a</mtd><mtd>b</mtd></mtr><mtr><mtd>c</mtd></mtr></mtable></math>",
            "a\tb\nc",
            id="a matrix",
        ),
        pytest.param("<select><option>a</select><textarea>b</textarea><button>c</button>", "c", id="form controls"),
        pytest.param("<ruby>漢<rp>(</rp><rt>かん</rt><rp>)</rp></ruby>字", "漢字", id="ruby: the base text"),
        pytest.param("a<!-- b -->c", "ac", id="comment"),
        pytest.param("&lt;p&gt; &amp;amp; &#20013;&#x6587;", "<p> &amp; 中文", id="entities, once"),
        pytest.param("<frameset><frame>", "", id="frames"),
        pytest.param('a <img class="wp-smiley" src="x.png" alt="😀"> b', "a 😀 b", id="emoji as a picture"),
        pytest.param("<title>one</title><meta><p>two", "two", id="a head in the body"),
        pytest.param("o\ud800ne<p title=\ud800 \ud800>two", "one\n\ntwo", id="lone surrogates"),
        pytest.param("", "", id="nothing"),
    ],
)
def test_visible_text(html: str, text: str) -> None:
    assert visible_text(html, True) == text
    assert read_html(html, BASE).text == text


IMG = '<img src="/seal.jpg">'
SEAL = "https://harbour.example/seal.jpg"


@pytest.mark.parametrize(
    ("html", "text", "captions"),
    [
        pytest.param(f"<figure>{IMG}<figcaption>a seal</figcaption></figure>x", "x", ["a seal"], id="figcaption"),
        pytest.param(f"<figure><figcaption>a seal</figcaption>{IMG}</figure>x", "x", ["a seal"], id="above its image"),
        pytest.param(
            "x<figure><iframe></iframe><figcaption>a film</figcaption></figure>y",
            "x\n\na film\n\ny",
            [],
            id="a figure without an image",
        ),
        pytest.param(f'{IMG}<p class="wp-caption-text">a seal</p>x', "x", ["a seal"], id="class of WordPress"),
        pytest.param(f'<div>{IMG}</div><div class="picinfo big">a <b>seal</b></div>x', "x", ["a seal"], id="picinfo"),
        pytest.param(f"{IMG}<div><small>a seal</small></div>x", "x", ["a seal"], id="small behind an image"),
        pytest.param(f"<p>{IMG}<br><small>a seal</small></p>x", "x", ["a seal"], id="small on the next line"),
        pytest.param(f"<p>{IMG}<small>A seal</small> sleeps.</p>", "A seal sleeps.", [None], id="small that runs on"),
        pytest.param(f"{IMG}<p>x</p><small>y</small>", "x\n\ny", [None], id="small behind text"),
        pytest.param(f'<div class="caption">{IMG}x</div>', "x", [None], id="the frame of both is no caption"),
        pytest.param('<div class="caption">x</div>y', "x\n\ny", [], id="a caption's class without an image"),
        pytest.param(
            f'{IMG}<p class="caption">a seal</p><p class="caption">Photo: Ada</p>x',
            "x",
            ["a seal Photo: Ada"],
            id="caption and credit",
        ),
        pytest.param(
            f'{IMG}<div class="caption">{"long " * 500}</div>', ("long " * 500).strip(), [None], id="too long for one"
        ),
        pytest.param(
            f'{IMG}<p class="caption">a seal</p><figure>{IMG}<figcaption>another</figcaption></figure>',
            "",
            ["a seal", "another"],
            id="each its own",
        ),
        pytest.param(
            f"<div>{IMG}<b>One</b>: a seal</div><div>{IMG}<b>Two</b></div><div>{IMG}Three</div>",
            "One: a seal\n\nTwo\n\nThree",
            [None, None, None],
            id="a gallery's text is the article",
        ),
        pytest.param(
            f"<figure><figcaption>above</figcaption>{IMG}<figcaption>below</figcaption></figure>x",
            "x",
            ["above below"],
            id="above and below its image",
        ),
        *(
            pytest.param(
                html,
                "\n\n".join(["x" * 99] * 20),
                [" ".join(["x" * 99] * 20)],
                id=f"40 captions of one image, {name}: 20 are text",
            )
            for name, html in {
                "in its figure": f"<figure>{IMG}" + f"<figcaption>{'x' * 99}</figcaption>" * 40,
                "above it": "<figure>" + f"<figcaption>{'x' * 99}</figcaption>" * 40 + IMG + "</figure>",
                "behind it": IMG + f"<p class=caption>{'x' * 99}</p>" * 20 + f"<p>{'x' * 99}</p>" * 20,
            }.items()
        ),
        pytest.param("<figure><pre>x<figcaption>y</figcaption>\n</pre>z</figure>", "x\n\ny\n\nz", [], id="in a <pre>"),
    ],
)
def test_captions(html: str, text: str, captions: list[str | None]) -> None:
    page = read_html(html, BASE)
    assert page.text == text
    assert [image.caption for image in page.images] == captions
    assert visible_text(html, True) == text


@pytest.mark.parametrize("base", [None, BASE, "https://elsewhere.example/"])
def test_the_text_does_not_depend_on_the_base(base: str | None) -> None:
    assert read_html(f"{IMG}<small>a seal</small><p>text</p>", base).text == "text"


@pytest.mark.parametrize(
    ("html", "urls"),
    [
        pytest.param(IMG, [SEAL], id="src"),
        pytest.param('<img src="data:image/gif;base64,R0" data-src="/seal.jpg">', [SEAL], id="lazy"),
        pytest.param('<img data-original="//harbour.example/seal.jpg" src="/blank.gif">', [SEAL], id="lazy, //"),
        pytest.param('<img src="/s.jpg" srcset="/m.jpg 300w, /seal.jpg 900w">', [SEAL], id="the largest of srcset"),
        pytest.param('<picture><source srcset="/seal.jpg 2x"><img src="/s.jpg"></picture>', [SEAL], id="picture"),
        pytest.param('<img class="lazy"><noscript><img src="/seal.jpg"></noscript>', [SEAL], id="noscript stands in"),
        pytest.param(f'{IMG}<noscript><img src="/x.jpg"></noscript>', [SEAL], id="noscript beside a real one"),
        pytest.param('<img src="/seal.jpg" width="1" height="1">', [], id="pixel"),
        pytest.param('<img src="/seal.jpg" style="height:1px">', [], id="pixel by style"),
        pytest.param('<img src="https://pixel.counter.example/a.gif">', [], id="tracker"),
        pytest.param('<img src="data:image/png;base64,AAAA">', [], id="data only"),
        pytest.param('<img src="javascript:alert(1)">', [], id="script"),
        pytest.param("<img>", [], id="empty"),
    ],
)
def test_images(html: str, urls: list[str]) -> None:
    assert [image.url for image in read_html(html, BASE).images] == urls


def test_links_and_images_are_absolute_and_described() -> None:
    page = read_html(
        '<a href="../map.html">To the <b>map</b></a> <a href="mailto:desk@harbour.example">mail</a>'
        '<a href="javascript:alert(1)">bad</a><a name="x">anchor</a>'
        '<a href="/big"><img src="a.jpg" alt=" a  seal "></a>',
        BASE,
    )
    assert page.links == [
        FoundLink("https://harbour.example/news/map.html", "To the map"),
        FoundLink("mailto:desk@harbour.example", "mail"),
        FoundLink("https://harbour.example/big", ""),
    ]
    assert page.images == [FoundImage("https://harbour.example/news/2026/a.jpg", "a seal")]


@pytest.mark.parametrize(
    ("inside", "text"),
    [
        pytest.param("x" * 1000, "x" * 1000, id="1,000 letters"),
        pytest.param("x" * 1001, f"{'x' * 999}…", id="1,001 letters"),
        pytest.param("word " * 1000, f"{('word ' * 200)[:999]}…", id="many words"),
        pytest.param("<b>x</b> " * 600, f"{('x ' * 600)[:999]}…", id="many pieces"),
        pytest.param(f"<pre>a{' ' * 900}b</pre>", "a b", id="white space does not count"),
        pytest.param("<figure><figcaption>x</figcaption></figure>" * 3, "x x x", id="text that came later"),
    ],
)
def test_the_text_of_a_link_has_a_length(inside: str, text: str) -> None:
    page = read_html(f"<a href=/x>{inside}</a>", BASE)
    assert [link.text for link in page.links] == [text]
    assert "…" not in page.text


def test_links_in_each_other_keep_little() -> None:
    page = read_html("<a href=/x><marquee>" * 200 + "a " * (3 << 20), BASE)
    assert len(page.links) == 200
    assert sum(len(link.text) for link in page.links) <= 200 * reader.MAX_LINK_TEXT


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        pytest.param("https://Harbour.example/a b.jpg", None, id="a blank inside: as resolved"),
        pytest.param("https://harbour.example/海豹.jpg", "https://harbour.example/海豹.jpg", id="not percent-encoded"),
        pytest.param(
            "https://images.weserv.nl?url=a.example/1", "https://images.weserv.nl?url=a.example/1", id="proxy"
        ),
        pytest.param("../a.jpg", None, id="relative"),
        pytest.param("//harbour.example/a.jpg", None, id="without a scheme"),
    ],
)
def test_an_address_is_kept_as_it_stands(given: str, kept: str | None) -> None:
    (image,) = read_html(f'<img src="{given}">', BASE).images
    assert image.given == kept


def test_without_a_base_relative_addresses_go() -> None:
    page = read_html('<a href="/a">x</a><img src="/b.jpg"><a href="https://a.example/">y</a>')
    assert (page.links, page.images) == ([FoundLink("https://a.example/", "y")], [])
    assert page.html == 'x<a href="https://a.example/" rel="noopener noreferrer">y</a>'


@pytest.mark.parametrize(
    ("body", "text", "html"),
    [
        pytest.param("one\ntwo\n\nthree", "one\ntwo\n\nthree", "<p>one<br>two</p><p>three</p>", id="paragraphs"),
        pytest.param("a\r\n \r\n\tb  c", "a\n\nb c", "<p>a</p><p>b c</p>", id="CRLF and spaces"),
        pytest.param("1 < 2 & <b>", "1 < 2 & <b>", "<p>1 &lt; 2 &amp; &lt;b&gt;</p>", id="no markup in it"),
        pytest.param("a\x1b[2Jb\u202ec", "a[2Jbc", "<p>a[2Jbc</p>", id="controls"),
        pytest.param("", "", "", id="nothing"),
    ],
)
def test_plain_bodies(body: str, text: str, html: str) -> None:
    page = read_plain(body)
    assert (page.text, page.html) == (text, html)
    assert visible_text(body, False) == text


def test_limits() -> None:
    paragraph = "<p>" + "海豹" * 5000 + "</p>"
    page = read_html(paragraph * 100, BASE)
    assert page.truncated
    assert MAX_TEXT_BYTES - 30_010 < len(page.text.encode()) <= MAX_TEXT_BYTES
    assert page.text.endswith("海豹")
    assert MAX_HTML_BYTES - 30_010 < len(page.html.encode()) <= MAX_HTML_BYTES
    assert page.html.endswith("海豹</p>")
    assert page.text == visible_text(paragraph * 100, True)
    assert sanitize(page.html, BASE) == page.html

    many = read_html('<a href="/a">a</a><img src="/b.jpg">' * (MAX_LISTED + 1), BASE)
    assert (many.truncated, len(many.links), len(many.images)) == (True, MAX_LISTED, MAX_LISTED)
    assert not read_html('<a href="/a">a</a>' * MAX_LISTED, BASE).truncated

    huge = read_html("<p>" + "x" * (3 << 20), BASE)
    assert huge.truncated
    assert len(huge.html) <= MAX_HTML_BYTES
    assert huge.html.startswith("<p>xxx")

    plain = read_plain("&" * (2 << 20))
    assert plain.truncated
    assert len(plain.html) <= MAX_HTML_BYTES


def test_a_body_of_nothing_but_tags_is_read_in_part(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "MAX_TAGS", 6)
    whole = "<p>one</p><p>two</p><p>three</p>"
    assert read_html(whole).text == "one\n\ntwo\n\nthree"
    assert not read_html(whole).truncated
    page = read_html(f"{whole}<p>four</p>")
    assert (page.text, page.truncated) == ("one\n\ntwo\n\nthree", True)
    assert visible_text(f"{whole}<p>four</p>", True) == page.text


@pytest.mark.parametrize("tag", ["div", "b", "blockquote", "font", "unknown"])
def test_deep_nesting_is_refused_where_it_is_dear(tag: str) -> None:
    deep = f"<{tag}>" * 50_000 + "x"
    assert visible_text(deep, True) == "x"
    with pytest.raises(MarkupTooDeep):
        read_html(deep, BASE)
    assert read_html(f"<{tag}>" * 400 + "x", BASE).text == "x"


N = 100_000
HOSTILE = {
    "open tags": "<div>" * N,
    "open attributes": "<a " * N,
    "attributes": "<a " + " ".join(f"a{number}" for number in range(N)) + ">",
    "formatting": "".join(f"<b i={number}>" for number in range(N)),
    "formatting carried on": "".join(f"<i a={number}>" for number in range(400)) + "<p>x" * N,
    "comments": "<!--" * N,
    "tables": "<table>" * N,
    "figures": "<figure><figcaption>x" * N,
    "small type": "<img src=a.png><small>x</small>" * N,
    "captions": "<img src=a.png>" + "<p class=caption>x" * N,
    "captions of one image": "<img src=a.png>" + f"<p class=caption>{'x' * 42}</p>" * N,
    "captions in one figure": "<figure><img src=a.png>" + f"<figcaption>{'x' * 42}</figcaption>" * N,
    "paragraphs far down": "<div>" * 450 + "<p>x</p>" * N,
    "items far down": "<ul><li>" * 200 + "<li>x" * N,
    "srcset of commas": '<img srcset="' + "," * N + '">',
    "srcset of blanks": '<img srcset="' + " x" * N + '">',
    "style": '<p style="' + "display " * N + '">x',
    "pre": "<pre>x" * N,
    "joiners": "\u200d" * N,
    "ampersands": "&amp; x" * N,
    "no-break spaces": "x&nbsp;" * N,
    "ampersands in an address": '<img src="/' + "?&" * N + '" alt="' + "&amp; " * N + '">',
    "spaces": "x" + " " * N + "x",
}


@pytest.mark.parametrize("html", [pytest.param(html, id=name) for name, html in HOSTILE.items()])
def test_no_input_takes_more_than_linear_time(html: str) -> None:
    started = time.process_time()
    visible_text(html, True)
    with suppress(MarkupTooDeep):
        read_html(html, BASE)
    # the dearest takes 2 s for 600 kB on a busy machine; what is quadratic takes minutes
    assert time.process_time() - started < 15


PIECES = st.sampled_from(
    [
        *(
            "<p>",
            "</p>",
            "<div>",
            "</div>",
            "<b>",
            "</b>",
            "<a href=/x>",
            "</a>",
            "<img src=a.png>",
            "<small>",
            "</small>",
        ),
        *("<figure>", "</figure>", "<figcaption>", "</figcaption>", "<p class=caption>", "<table>", "<tr>", "<td>"),
        *(
            "</table>",
            "<ul>",
            "<li>",
            "</ul>",
            "<br>",
            "<pre>",
            "</pre>",
            "<span hidden>",
            "</span>",
            "<svg>",
            "</svg>",
        ),
        *("<noscript>", "</noscript>", "<script>", "</script>", "<plaintext>", "<ruby>", "<rt>"),
        *("x", "y", "&lt;", "&nbsp;", "中", "\u200b", "<", "&", "\ud800"),
    ]
)
MARKUP = st.lists(st.one_of(PIECES, st.just(" "), st.just("\n"), st.text(max_size=5)), max_size=40).map("".join)


@given(MARKUP)
def test_the_text_is_the_same_both_ways_and_clean(html: str) -> None:
    text = visible_text(html, True)
    assert read_html(html, BASE).text == text
    assert "\n\n\n" not in text or "<pre" in html or "<plaintext" in html
    assert not any(0xD800 <= ord(character) < 0xE000 or character in "\x00\x1b\u200b\u202e" for character in text)


@given(st.text())
def test_plain_text_never_raises(body: str) -> None:
    page = read_plain(body)
    assert visible_text(body, False) == page.text
    assert visible_text(page.text, False) == page.text
