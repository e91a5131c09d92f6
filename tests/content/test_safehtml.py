"""The sanitiser against a sheet of attacks, and against markup that hypothesis makes up."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from turbohtml.saxparse import SaxHandler, sax_parse

from agents.content.html import sanitize

BASE = "https://harbour.example/news/"
TAGS = """
html head body a abbr article aside b bdi blockquote br caption cite code dd del dfn div dl dt em figcaption figure
footer h1 h2 h3 h4 h5 h6 header hr i img ins kbd li mark ol p pre q rp rt ruby s samp section small strong sub sup table
tbody td tfoot th thead time tr u ul var
"""
ATTRIBUTES = "alt colspan datetime dir height href lang rel rowspan src start title width"
SAFE_ADDRESS = re.compile(r"(?:https?://|mailto:|tel:|ftp://)", re.ASCII)


class Inspector(SaxHandler):
    """Sees the sanitised HTML as a browser does."""

    def start_element(self, tag: str, attrs: tuple[tuple[str, str | None], ...]) -> None:
        assert tag in TAGS.split(), tag
        for name, value in attrs:
            assert name in ATTRIBUTES.split(), name
            if name in {"href", "src"}:
                assert value, tag
                assert SAFE_ADDRESS.match(value), value
            if tag == "a" and name == "rel":
                assert value is not None
                assert "noopener" in value

    def comment(self, data: str) -> None:
        raise AssertionError(data)


def assert_safe(html: str) -> str:
    safe = sanitize(html, BASE)
    sax_parse("<!DOCTYPE html><body>" + safe, Inspector())
    assert sanitize(safe, BASE) == safe
    return safe


ATTACKS = '''
<script>alert(1)</script>
<SCRIPT SRC=//evil.example/x.js></SCRIPT>
<scr<script>ipt>alert(1)</scr</script>ipt>
<<script>alert(1);//<</script>
<script/src=data:,alert(1)>
<script\x0dsrc=x>
<img src=x onerror=alert(1)>
<img src="x" onerror="alert(1)"//>
<img """><script>alert(1)</script>">
<img src=javascript:alert(1)>
<img src=`javascript:alert(1)`>
<img dynsrc="javascript:alert(1)"><img lowsrc="javascript:alert(1)">
<image src=x onerror=alert(1)>
<a href="javascript:alert(1)">x</a>
<a href="JaVaScRiPt:alert(1)">x</a>
<a href=" &#14;  javascript:alert(1)">x</a>
<a href="jav&#x09;ascript:alert(1)">x</a>
<a href="jav\u200bascript:alert(1)">x</a>
<a href="&#106;&#97;&#118;&#97;&#115;&#99;&#114;&#105;&#112;&#116;&#58;alert(1)">x</a>
<a href="java\0script:alert(1)">x</a>
<a href="vbscript:msgbox(1)">x</a>
<a href="data:text/html;base64,PHNjcmlwdD4=">x</a>
<a href="//evil.example" target=_blank ping=//evil.example>x</a>
<a href=x onmouseover=alert(1)//>x</a>
<a style="width:expression(alert(1))">x</a>
<div style="background:url(javascript:alert(1))">x</div>
<svg onload=alert(1)>
<svg><script>alert(1)</script></svg>
<svg><script xlink:href=data:,alert(1) />
<svg><a xlink:href="javascript:alert(1)"><text>x</text></a></svg>
<svg><animate xlink:href=#x attributeName=href values=javascript:alert(1) /><a id=x>x</a></svg>
<svg><style><img src=x onerror=alert(1)></style></svg>
<svg></p><style><a id="</style><img src=1 onerror=alert(1)>">
<svg><foreignObject><iframe srcdoc="<script>alert(1)</script>"></foreignObject></svg>
<svg><desc><![CDATA[</desc><script>alert(1)</script>]]></svg>
<math href="javascript:alert(1)">x</math>
<math><mtext><table><mglyph><style><!--</style><img title="--&gt;&lt;img src=1 onerror=alert(1)&gt;">
<math><mi><mglyph></mglyph><style><a title="</style><img src onerror=alert(1)>"></math>
<math><annotation-xml encoding="text/html"><script>alert(1)</script></annotation-xml></math>
<form action=javascript:alert(1)><input type=submit></form>
<form><button formaction=javascript:alert(1)>x</button></form>
<form><math><mtext></form><form><mglyph><style></math><img src onerror=alert(1)>
<input type=image src=javascript:alert(1)><input autofocus onfocus=alert(1)>
<select autofocus onfocus=alert(1)><option>x</select>
<textarea><img src=x onerror=alert(1)></textarea><textarea></textarea><script>alert(1)</script>
<keygen autofocus onfocus=alert(1)><isindex type=image src=1 onerror=alert(1)>
<iframe src=javascript:alert(1)></iframe>
<iframe srcdoc="&lt;script&gt;alert(1)&lt;/script&gt;"></iframe>
<object data=javascript:alert(1)><param name=x></object><embed src=javascript:alert(1)>
<applet code=x></applet><base href=//evil.example/><link rel=stylesheet href=//evil.example/x.css>
<meta http-equiv=refresh content="0;url=javascript:alert(1)">
<style>@import 'javascript:alert(1)';</style><style>li{list-style:url(javascript:alert(1))}</style>
<noscript><p title="</noscript><img src=x onerror=alert(1)>">
<noembed><img title="</noembed><img src=x onerror=alert(1)>"></noembed>
<xmp><img src=x onerror=alert(1)></xmp><plaintext><script>alert(1)</script>
<listing>&lt;img onerror=alert(1) src=x&gt;</listing>
<title><img src=x onerror=alert(1)></title><title></title><img src=x onerror=alert(1)>
<template><script>alert(1)</script></template><template shadowrootmode=open><script>alert(1)</script></template>
<video src=x onerror=alert(1)><source onerror=alert(1)></video><audio src onerror=alert(1)>
<video poster=javascript:alert(1)></video><track src=x>
<marquee onstart=alert(1)>x</marquee><bgsound src=javascript:alert(1)><layer src=//evil.example>
<details open ontoggle=alert(1)>x</details><dialog open onclose=alert(1)>x</dialog>
<body onload=alert(1)><html manifest=//evil.example><frameset onload=alert(1)><frame src=javascript:alert(1)>
<table background=javascript:alert(1)><td background=javascript:alert(1)>x</table>
<p id=cookie name=body class=x data-x=y aria-label=z>x</p>
<!--<img src="--><img src=x onerror=alert(1)//">
<!--[if gte IE 4]><script>alert(1)</script><![endif]-->
<![CDATA[<script>alert(1)</script>]]><?php alert(1) ?><?xml-stylesheet href=javascript:alert(1)?>
<a title="x" title='><script>alert(1)</script>'>x</a><a title=`x`onclick=alert(1)>x</a>
<img alt="&quot;><script>alert(1)</script>" src=a.png title='"onerror="alert(1)'>
<p lang='en"onclick="alert(1)' dir="x onclick=alert(1)">x</p><time datetime='"><script>'>x</time>
<div\x0conclick=alert(1)>x</div><div/onclick=alert(1)>x</div>
<a href="http://a.example/&quot;onclick=&quot;alert(1)">x</a>
&lt;script&gt;alert(1)&lt;/script&gt;
<b><i><p></b></i><a><table><a><tr><td></a><select><p></select>
<ruby><rtc><script>alert(1)</script></rtc></ruby><slot><style></slot><img src=x onerror=alert(1)></style>
'''.strip().split("\n")  # fmt: skip


@pytest.mark.parametrize("attack", ATTACKS)
def test_attacks(attack: str) -> None:
    assert_safe(attack)


def test_all_attacks_at_once() -> None:
    assert_safe("\n".join(ATTACKS))
    assert_safe("<div>".join(reversed(ATTACKS)))


@pytest.mark.parametrize(
    ("html", "safe"),
    [
        pytest.param(
            '<p class="lead" id="x" style="color:red">A <strong>seal</strong> &amp; <em>a ferry</em>.</p>',
            "<p>A <strong>seal</strong> &amp; <em>a ferry</em>.</p>",
            id="ordinary",
        ),
        pytest.param(
            '<a href="../map" target="_blank" rel="opener" title="Map">m</a>',
            '<a href="https://harbour.example/map" title="Map" rel="noopener noreferrer">m</a>',
            id="link resolved",
        ),
        pytest.param(
            '<img data-src="seal.jpg" src="data:image/gif,R0" alt="a &quot;seal&quot;" width="640" onerror="x()">',
            '<img src="https://harbour.example/news/seal.jpg" alt="a &quot;seal&quot;" width="640">',
            id="lazy image made real",
        ),
        pytest.param("<center><font color=red>x</font></center>", "<div>x</div>", id="old markup"),
        pytest.param("<strike>x</strike><tt>y</tt>", "<s>x</s><code>y</code>", id="renamed"),
        pytest.param("<form>a<button>b</button></form>", "<div>ab</div>", id="a form's text"),
        pytest.param("<p hidden>x</p>y", "y", id="hidden"),
        pytest.param(
            "<table><tr><td colspan=2>x", '<table><tbody><tr><td colspan="2">x</td></tr></tbody></table>', id="table"
        ),
        pytest.param("<pre>\n\nx\n y</pre>", "<pre>x\n y</pre>", id="pre"),
        pytest.param("a\u202eb\x1bc&#8203;d", "abcd", id="unseen characters"),
        pytest.param("a&nbsp;b", "a&nbsp;b", id="nbsp"),
        pytest.param("<ruby>漢<rt>かん</rt></ruby>", "<ruby>漢<rt>かん</rt></ruby>", id="ruby"),
        pytest.param("<details><summary>a</summary>b</details>", "<div><div>a</div>b</div>", id="details, open"),
    ],
)
def test_sanitize(html: str, safe: str) -> None:
    assert sanitize(html, BASE) == safe
    assert sanitize(safe, BASE) == safe


NAMES = st.sampled_from(
    """
    a b button caption center dd details div dl dt em font form frameset h1 h2 html iframe image img input li main
    marquee math menu mi nobr noscript object ol option p plaintext pre rp rt ruby s script section select small span
    style svg table tbody td template textarea tfoot th title tr ul xmp desc foreignObject annotation-xml
    """.split()  # noqa: SIM905
)
ATTRIBUTE = st.sampled_from(
    [
        *('href="/x"', "href=javascript:x", "src=a.png", "onclick=x", "hidden", 'title="<b>&quot;"', "dir=rtl"),
        *(
            "colspan=3",
            'style="display:none"',
            "class=caption",
            'alt="-->"',
            "lang=en",
            'srcset="a 1x, b 2x"',
            "start=2",
        ),
    ]
)
OPENED = st.builds(lambda name, given: f"<{' '.join([name, *given])}>", NAMES, st.lists(ATTRIBUTE, max_size=2))
CLOSED = NAMES.map("</{}>".format)
TEXT = st.sampled_from(
    [
        "x",
        " ",
        "\n",
        "&lt;",
        "&#0;",
        "<!--",
        "-->",
        "]]>",
        "<![CDATA[",
        "&amp;lt;",
        "\u200d",
        "\ud800",
        "\r\n",
        "中",
        "<",
    ]
)


MARKUP = st.lists(st.one_of(OPENED, OPENED, CLOSED, TEXT), max_size=30).map("".join)


@pytest.mark.soak
@settings(max_examples=10_000)
@given(MARKUP)
def test_ten_thousand_made_up_bodies_are_safe_and_stay_the_same(html: str) -> None:
    assert_safe(html)


@given(MARKUP)
def test_made_up_markup_is_safe_and_stays_the_same(html: str) -> None:
    assert_safe(html)


@given(st.text())
def test_any_text_is_safe_and_stays_the_same(html: str) -> None:
    assert_safe(html)
