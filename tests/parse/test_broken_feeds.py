"""Feeds that are no XML. Each case is a fault that publishers really make."""

from __future__ import annotations

import re

import pytest

from agents.parse.repair import mended, unescaped
from schemas import Flag
from tests.parse.reading import entries

HEAD = "<rss version='2.0'><channel><title>Harbour</title><link>https://news.example.org/</link>"
TAIL = "</channel></rss>"


def item(number: int, title: str | None = None, body: str = "Late.") -> str:
    title = title or f"Ferry {number}"
    return f"<item><title>{title}</title><link>https://news.example.org/{number}</link><description>{body}</description></item>"


ALL = [("Ferry 1", "https://news.example.org/1", "Late."), ("Ferry 2", "https://news.example.org/2", "Late.")]


@pytest.mark.parametrize(
    "document",
    [
        pytest.param(f"{HEAD.replace('Harbour', 'Harbour & Pier')}{item(1)}{item(2)}{TAIL}", id="bare ampersand"),
        pytest.param(f"<?xml version='1.0'?>\n\n{HEAD}{item(1)}{item(2)}", id="never closed"),
        pytest.param(f"{HEAD}{item(1)}{item(2)}</channel>", id="root never closed"),
        pytest.param(f"{HEAD}{item(1).removesuffix('</item>')}{item(2)}{TAIL}", id="item never closed"),
        pytest.param(f"{HEAD}{item(1)}</item>{item(2)}</p>{TAIL}", id="closed twice"),
        pytest.param(f"{HEAD}{item(1).replace('</title>', '')}{item(2)}{TAIL}", id="title never closed"),
        pytest.param(f"{HEAD}{item(1).replace('</link>', '')}{item(2)}{TAIL}", id="link never closed"),
        pytest.param(f"{HEAD}{item(1).replace('</description>', '')}{item(2)}{TAIL}", id="description never closed"),
        pytest.param(f"{HEAD}{item(1)}{item(2)}{TAIL}\x00\x08", id="control characters behind"),
        pytest.param(f"{HEAD}\x0b{item(1)}\x1b{item(2)}{TAIL}", id="control characters"),
        pytest.param(f"{HEAD}<ttl>&nbsp;</ttl>{item(1)}{item(2)}{TAIL}", id="html entity"),
        pytest.param(f"{HEAD}<ttl>&#xD800;&#0;</ttl>{item(1)}{item(2)}{TAIL}", id="references to no character"),
        pytest.param(f"{HEAD}<x a=b c>{item(1)}{item(2)}{TAIL}", id="attributes without quotes"),
        pytest.param(f"{HEAD}<u:x>y</u:x>{item(1)}{item(2)}{TAIL}&", id="undeclared prefix, junk behind"),
        pytest.param(f"{HEAD}{item(1)}<!-- a -- b -->{item(2)}{TAIL}", id="comment that is none"),
        pytest.param(f"{HEAD}{item(1)}<?php echo 1 ?>{item(2)}{TAIL}<", id="processing instruction"),
        pytest.param(f"{HEAD}{item(1)}<?xml version='1.0'?>{item(2)}{TAIL}", id="declaration in the middle"),
        pytest.param(f"{HEAD}{item(1)}{item(2)}<ite", id="cut off in a tag"),
        pytest.param(
            f"{HEAD}{item(1)}{item(2)}{TAIL}".replace("item>", "ITEM>").replace("<ITEM", "<Item"), id="case differs"
        ),
        pytest.param(
            "<rss:rss><rss:channel>" + re.sub(r"<(/?)", r"<\1rss:", f"{item(1)}{item(2)}") + "</rss:channel>",
            id="undeclared rss prefix",
        ),
    ],
)
def test_broken_and_read(document: str) -> None:
    found = entries(document)
    assert [(each.title, each.url, each.body.strip()) for each in found] == ALL
    assert all(Flag.REPAIRED in each.flags for each in found)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        pytest.param("<p>one<br>two<p>three", "<p>one<br>two<p>three", id="html, unescaped and unclosed"),
        pytest.param("a < b", "a < b", id="a bracket that is none"),
        pytest.param("<![CDATA[<p>x</p>]]>", "<p>x</p>", id="cdata"),
        pytest.param("&lt;p&gt;x &amp;amp; y&lt;/p&gt;", "<p>x &amp; y</p>", id="escaped html"),
        pytest.param(
            "<img src=a.png>tom & jerry", "<img src=a.png>tom &amp; jerry", id="element with a bare ampersand"
        ),
        pytest.param(
            "type <id> and <author> here<br>and <b>there</b>",
            "type <id> and <author> here<br>and <b>there</b>",
            id="names of elements in prose",
        ),
        pytest.param("<title>page</title><p>x</p>", "<title>page</title><p>x</p>", id="a whole page"),
    ],
)
def test_bodies_of_broken_feeds(body: str, expected: str) -> None:
    found = entries(f"{HEAD}<x>{item(1, body=body)}{item(2)}{TAIL}")
    assert [each.title for each in found] == ["Ferry 1", "Ferry 2"]
    assert found[0].body == expected
    assert found[1].body == "Late."


@pytest.mark.parametrize(
    ("document", "count"),
    [
        pytest.param(HEAD + "".join(item(n).removesuffix("</item>") for n in range(250)) + TAIL, 250, id="items"),
        pytest.param(f"{HEAD}{item(0, body='<br>' * 250)}{item(1)}{TAIL}", 2, id="br in a body"),
        pytest.param(f"{HEAD}{item(0, body='<br>' * 20_000)}{item(1)}{TAIL}", 2, id="br in a body, 20,000"),
        pytest.param(f"{HEAD}{item(0)}" + "<hr>" * 250 + f"{item(1)}{item(2)}{TAIL}", 3, id="tags between items"),
        pytest.param(f"{HEAD}{item(0)}{item(1)}" + "<hr>" * 20_000 + TAIL, 2, id="tags between items, 20,000"),
    ],
)
def test_what_is_never_closed_is_not_deep(document: str, count: int) -> None:
    found = entries(document)
    assert [(each.title, each.url) for each in found] == [
        (f"Ferry {number}", f"https://news.example.org/{number}") for number in range(count)
    ]
    assert all(Flag.REPAIRED in each.flags for each in found)


@pytest.mark.parametrize(
    ("unclosed", "title", "body"),
    [
        pytest.param("<title>Ferry 1<link>{0}</link><description>Late.</description>", "Ferry 1", "Late.", id="title"),
        pytest.param("<title>Ferry 1</title><description>Late.<link>{0}</link>", "Ferry 1", "Late.", id="description"),
        pytest.param(
            "<title>Ferry 1</title><description>Late.<p>x<LINK><![CDATA[{0}]]></LINK><id>7</id>",
            "Ferry 1",
            "Late.<p>x",
            id="description, the address in cdata",
        ),
        pytest.param(
            "<title>Ferry 1</title><description>Late.<guid>{0}</guid><media:description>x</media:description>",
            "Ferry 1",
            "Late.",
            id="description, another one's end behind it",
        ),
        pytest.param(
            "<link>{0}</link><description>Late.<author>Ann</author><title>Ferry 1</title>",
            "Ferry 1",
            "Late.",
            id="description, author and title behind it",
        ),
    ],
)
def test_text_that_is_never_closed_ends_at_the_next_element(unclosed: str, title: str, body: str) -> None:
    found = entries(f"{HEAD}<item>{unclosed.format('https://news.example.org/1')}</item>{item(2)}{TAIL}")
    assert [(each.title, each.url, each.body) for each in found] == [
        (title, "https://news.example.org/1", body),
        ALL[1],
    ]


def test_a_tag_in_any_spelling_costs_no_more() -> None:
    """One pattern for each spelling took two minutes, which is what the suite allows."""
    items = "".join(
        f"<item><title>{at}</title>" + "".join(f"<{_cased('description', 24 * at + n)}>x" for n in range(24))
        for at in range(9_000)
    )
    assert len(entries(f"<rss><channel><title>a</titel>{items}")) == 9_000


def _cased(word: str, number: int) -> str:
    return "".join(letter.upper() if number >> at & 1 else letter for at, letter in enumerate(word))


def test_junk_around_the_root_repairs_nothing() -> None:
    found = entries(f"PHP Warning: x < y\n{HEAD}{item(1)}{item(2)}{TAIL}<script>1 < 2</script>")
    assert [(each.title, each.url, each.body) for each in found] == ALL
    assert not any(each.flags for each in found)


def test_a_document_cut_off_in_an_address_has_no_address() -> None:
    found = entries(f"{HEAD}{item(1)}<item><title>Ferry 2</title><link>https://news.example.org/tw")
    assert [(each.title, each.url) for each in found] == [("Ferry 1", "https://news.example.org/1"), ("Ferry 2", None)]


@pytest.mark.parametrize(
    "document",
    [
        pytest.param(f"{HEAD}{item(1)}{TAIL}{item(2)}", id="item behind the root"),
        pytest.param(f"{HEAD}{item(1)}</channel>{item(2)}</rss>", id="item behind the channel"),
        pytest.param(f"{item(1)}{item(2)}", id="no root"),
        pytest.param(f"{HEAD}{item(1)}{TAIL}\n{HEAD}{item(2)}{TAIL}\n", id="two feeds"),
        pytest.param(
            f"<?xml version='1.0'?>{HEAD}{item(1)}{TAIL}\n<?xml version='1.0' encoding='utf-8'?>\n"
            f"<!DOCTYPE rss>{HEAD}{item(2)}{TAIL}<!-- 1 -->",
            id="two documents",
        ),
        pytest.param(f"{HEAD}{item(1)}{TAIL}<p>x &nbsp; y & z</p>{item(2)}", id="behind junk"),
        pytest.param(f"{HEAD}{item(1)}{TAIL}<script>1 < 2</script>{item(2)}", id="behind junk that is no xml"),
        pytest.param(f"{HEAD}{item(1)}&{TAIL}{item(2)}", id="behind a broken feed"),
        pytest.param(f"{HEAD}{item(1)}{TAIL}{HEAD}<x>{item(2)}", id="a broken feed behind one"),
    ],
)
def test_entries_behind_the_root(document: str) -> None:
    found = entries(document)
    assert [(each.title, each.url, each.body) for each in found] == ALL
    if "</channel><item>" not in document:
        assert all(Flag.REPAIRED in each.flags for each in found)


def test_two_atom_feeds_behind_each_other_keep_their_authors() -> None:
    feed = '<feed xmlns="http://www.w3.org/2005/Atom"><title>{0}</title>{1}<entry><title>{0}</title></entry></feed>'
    names = ["<author><name>Ann</name></author>", "<author><name>Bob</name></author>", ""]
    found = entries(
        "".join(feed.format(number, name) for number, name in enumerate(names)) + "<entry><title>3</title></entry>"
    )
    assert [(each.title, each.authors) for each in found] == [("0", ["Ann"]), ("1", ["Bob"]), ("2", []), ("3", [])]
    assert {each.feed and each.feed.title for each in found} == {"0"}


def test_an_apostrophe_of_windows() -> None:
    (found,) = entries(f"{HEAD}{item(1, title='It&#146;s late')}{TAIL}")
    assert found.title == "It’s late"
    assert Flag.REPAIRED not in found.flags


@pytest.mark.parametrize(
    "emoji",
    [
        pytest.param("&#128512;", id="one reference"),
        pytest.param("&#55357;&#56832;", id="its halves"),
        pytest.param("&#xD83D;&#xde00;", id="its halves, hexadecimal"),
        pytest.param("&#55357;&#xDE00;", id="its halves, mixed"),
        pytest.param("&amp;#55357;&amp;#56832;", id="its halves, escaped once more"),
        pytest.param("<![CDATA[&#55357;&#56832;]]>", id="its halves in cdata"),
    ],
)
def test_an_emoji_by_reference(emoji: str) -> None:
    (found,) = entries(f"{HEAD}{item(1, title=f'笑{emoji}', body=f'哭{emoji}')}{TAIL}")
    assert (found.title, found.body) == ("笑😀", "哭😀")


@pytest.mark.parametrize(
    "reference",
    [
        pytest.param("&#55357;", id="the first half alone"),
        pytest.param("&#56832;&#55357;", id="the wrong way round"),
        pytest.param("&#55357;&#57344;", id="no second half"),
    ],
)
def test_half_an_emoji_is_none(reference: str) -> None:
    (found,) = entries(f"{HEAD}{item(1, title=f'笑{reference}')}{TAIL}")
    assert found.title.startswith("笑\ufffd")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("a & b", "a &amp; b", id="bare"),
        pytest.param("a&b=c&d;", "a&amp;b=c&amp;d;", id="query"),
        pytest.param("&eacute;&hellip;", "é…", id="html names"),
        pytest.param("&amp;&lt;&gt;&quot;&apos;", "&amp;&lt;&gt;&quot;&apos;", id="xml names"),
        pytest.param("&LT;&AMP;", "&lt;&amp;", id="html's upper-case names"),
        pytest.param("&#8217;&#x2019;", "&#8217;&#x2019;", id="numeric"),
        pytest.param("&#xD800;&#xFFFE;&#99999999;", "\ufffd" * 3, id="no characters"),
        pytest.param("a&#0;b&#x1B;c", "abc", id="control characters"),
        pytest.param("<![CDATA[a & b]]>&", "<![CDATA[a & b]]>&amp;", id="cdata is left alone"),
        pytest.param("<![CDATA[a & b", "<![CDATA[a &amp; b", id="cdata that never ends"),
    ],
)
def test_mended(text: str, expected: str) -> None:
    assert mended(text) == expected
    assert mended(expected) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("&amp;lt;", "&lt;", id="once only"),
        pytest.param("&#38;lt;", "&lt;", id="an ampersand by number"),
        pytest.param("&#99999999;&#xD800;", "\ufffd\ufffd", id="no characters"),
        pytest.param("&#20013;", "中", id="chinese"),
    ],
)
def test_unescaped(text: str, expected: str) -> None:
    assert unescaped(text) == expected
