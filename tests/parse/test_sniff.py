from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.parse.rejection import Rejection
from agents.parse.sniff import find_root, sniff
from schemas import DeadLetterCode, Format


@pytest.mark.parametrize(
    ("text", "format"),
    [
        pytest.param("<!--1708119543000-->\n[a](https://example.org/a)\n------\n", Format.MARKDOWN, id="seed's form"),
        pytest.param("<!--NaN-->\n[a](https://example.org/a)", Format.MARKDOWN, id="no date"),
        pytest.param("\n\n<!-- 1708119543000 -->\r\n[a](b)", Format.MARKDOWN, id="blank lines and blanks"),
        pytest.param("<!--1708119543000.5-->\n[a](https://e.org/a)\n------\n", Format.MARKDOWN, id="half milliseconds"),
        pytest.param(f"<!--{'9' * 20}-->\n[a](https://e.org/a)", Format.MARKDOWN, id="too many milliseconds"),
        pytest.param("<!-- hello -->\n[a](https://e.org/a)", Format.MARKDOWN, id="words in the comment"),
        pytest.param("---\ntitle: a\n---\n<!--1-->\n[a](b)", Format.MARKDOWN, id="front matter"),
        pytest.param("[[图] 标题](https://example.org/a)\n------\n正文", Format.MARKDOWN, id="title line alone"),
        pytest.param("<!--2024--><?xml version='1.0'?><rss/>", Format.RSS, id="a feed behind a comment of digits"),
        pytest.param("<!--2024-->\n<rss version='2.0'/>", Format.RSS, id="a root behind a comment of digits"),
        pytest.param("<?xml version='1.0'?>\n<!-- made by <rss> -->\n<feed/>", Format.ATOM, id="a root in a comment"),
        pytest.param("<!---->\n<!-- <rss> -->x" * 9 + "<feed/>", Format.ATOM, id="a root behind a run of comments"),
        pytest.param("<!--><rss/><!-- <feed/> -->", Format.RSS, id="a root behind the shortest comment"),
        pytest.param("<!DOCTYPE rss [<!ENTITY a '<feed>'>]><rss/>", Format.RSS, id="a root in a doctype"),
        pytest.param("<br />\n<b>Warning</b>: x in y.php\n<rss/>", Format.RSS, id="a warning before the root"),
        pytest.param("<rdf:RDF xmlns:rdf='x'/>", Format.RDF, id="rdf"),
        pytest.param("<RDF/>", Format.RDF, id="rdf without prefix"),
        pytest.param("<atom:feed xmlns:atom='http://www.w3.org/2005/Atom'/>", Format.ATOM, id="prefixed atom"),
        pytest.param("<entry xmlns='http://www.w3.org/2005/Atom'/>", Format.ATOM, id="a lone entry"),
        pytest.param("<RSS version='0.92'>", Format.RSS, id="upper case"),
        pytest.param("<channel><item/></channel>", Format.RSS, id="a lone channel"),
        pytest.param('{"items": []}', Format.JSON_ITEM, id="json object"),
        pytest.param(' [{"url": "x"}]', Format.JSON_ITEM, id="json array"),
    ],
)
def test_sniff(text: str, format: Format) -> None:
    assert sniff(text) is format


@pytest.mark.parametrize(
    ("text", "code"),
    [
        pytest.param(" \n\t\ufeff", DeadLetterCode.EMPTY_DOCUMENT, id="white space"),
        pytest.param("<!doctype html><title>404</title>", DeadLetterCode.UNSUPPORTED_FORMAT, id="web page"),
        pytest.param("<opml version='2.0'><body/></opml>", DeadLetterCode.UNSUPPORTED_FORMAT, id="opml"),
        pytest.param("<urlset><url/></urlset>", DeadLetterCode.UNSUPPORTED_FORMAT, id="sitemap"),
        pytest.param("<feedback/>", DeadLetterCode.UNSUPPORTED_FORMAT, id="not quite a root"),
        pytest.param("<!-- 2.0 --><!doctype html><p>", DeadLetterCode.UNSUPPORTED_FORMAT, id="a page's comment"),
        pytest.param("Service unavailable", DeadLetterCode.UNSUPPORTED_FORMAT, id="prose"),
    ],
)
def test_sniff_refuses(text: str, code: DeadLetterCode) -> None:
    with pytest.raises(Rejection) as raised:
        sniff(text)
    assert raised.value.code is code


@given(st.text(alphabet="<>!-[]()\"'rsfed/ \n", max_size=300))
def test_never_fails_otherwise(text: str) -> None:
    find_root(text)
    with suppress(Rejection):
        sniff(text)
