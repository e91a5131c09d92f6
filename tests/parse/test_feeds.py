"""RSS, RDF and Atom as they should be; test_broken_feeds.py has them as they are."""

from __future__ import annotations

import json

import pytest

from agents.parse.repair import MAX_GROWTH, with_declared
from schemas import AliasKind, Attachment, Confidence, DateOrigin, Entry, FeedImage, Flag, Format
from tests.parse.reading import FEED, atom, entries, entry, raw, results, rss


def test_an_rss_item() -> None:
    found = entry(
        rss(
            """<item>
            <title>Night ferry &amp;amp; new pier</title>
            <link> https://news.example.org/ferry?utm_source=rss </link>
            <guid isPermaLink="false">ferry-1</guid>
            <pubDate>Fri, 16 Feb 2024 21:03:04 GMT</pubDate>
            <dc:creator>Lin Mei</dc:creator><dc:creator>Ana Sá</dc:creator>
            <category>Harbour</category><category domain="x">Ferries</category><dc:subject>Harbour</dc:subject>
            <description>Short.</description>
            <content:encoded><![CDATA[<p>The whole <a href="/pier">text</a>.</p>]]></content:encoded>
            </item>""",
            head="<language>en-gb</language>",
        )
    )
    assert found.title == "Night ferry & new pier"
    assert found.url == "https://news.example.org/ferry"
    assert found.original_url == "https://news.example.org/ferry?utm_source=rss"
    assert (found.guid, found.site) == ("ferry-1", "example.org")
    assert [alias.kind for alias in found.aliases] == [AliasKind.LINK, AliasKind.GUID]
    assert found.body == '<p>The whole <a href="/pier">text</a>.</p>'
    assert found.body_is_html
    assert found.authors == ["Lin Mei", "Ana Sá"]
    assert found.categories == ["Harbour", "Ferries"]
    assert found.declared_language == "en-gb"
    assert found.published is not None
    assert found.published.at.isoformat() == "2024-02-16T21:03:04+00:00"
    assert (found.published.origin, found.published.confidence) == (DateOrigin.FEED, Confidence.EXACT)
    assert found.published.raw == "Fri, 16 Feb 2024 21:03:04 GMT"
    assert found.updated is None
    assert found.feed is not None
    assert (found.feed.url, found.feed.title, found.feed_site) == (FEED, "Harbour News", "example.org")
    assert (found.source.format, found.source.index, found.source.count) == (Format.RSS, 0, 1)
    assert found.flags == []


def test_an_atom_entry() -> None:
    found = entry(
        atom(
            """<entry xml:lang="ja">
            <id>tag:news.example.org,2024:1</id>
            <title type="html">Ferry &amp;amp; &lt;b&gt;pier&lt;/b&gt;</title>
            <link rel="edit" href="https://news.example.org/edit/1"/>
            <link rel="alternate" type="application/json" href="https://news.example.org/1.json"/>
            <link rel="alternate" type="text/html" href="https://news.example.org/1"/>
            <link rel="enclosure" type="audio/mpeg" length="123" href="https://news.example.org/1.mp3"/>
            <published>2024-02-16T21:03:04+08:00</published><updated>2024-02-17T00:00:00Z</updated>
            <author><name>Lin Mei</name><email>lin@example.org</email><uri>https://example.org/lin</uri></author>
            <category term="harbour" label="Harbour"/><category term="ferries"/>
            <summary>short</summary>
            <content type="xhtml"><div xmlns="http://www.w3.org/1999/xhtml">A &lt; B<br
            /><img src="x.png" alt="&quot;q&quot;"/></div></content>
            <source><title>Another feed</title><id>x</id><author><name>Nobody</name></author></source>
            </entry>"""
        )
    )
    assert found.title == "Ferry & pier"
    assert found.url == "https://news.example.org/1"
    assert found.guid == "tag:news.example.org,2024:1"
    assert found.body == '<div>A &lt; B<br><img src="x.png" alt="&quot;q&quot;"></div>'
    assert found.authors == ["Lin Mei"]
    assert found.categories == ["Harbour", "ferries"]
    assert found.attachments == [Attachment("https://news.example.org/1.mp3", "audio/mpeg", 123, None)]
    assert found.declared_language == "ja"
    assert found.published is not None
    assert found.updated is not None
    assert found.published.at.isoformat() == "2024-02-16T13:03:04+00:00"
    assert found.updated.at.isoformat() == "2024-02-17T00:00:00+00:00"
    assert found.source.format is Format.ATOM


def test_an_rdf_item() -> None:
    found = entry(
        """<?xml version="1.0"?><r:RDF xmlns:r="http://www.w3.org/1999/02/22-rdf-syntax-ns#"
        xmlns="http://purl.org/rss/1.0/" xmlns:d="http://purl.org/dc/elements/1.1/"
        xmlns:c="http://purl.org/rss/1.0/modules/content/">
        <channel r:about="https://news.example.org/"><title>Harbour</title><link>https://news.example.org/</link>
        <items><r:Seq><r:li resource="https://news.example.org/1"/></r:Seq></items></channel>
        <image><title>Logo</title><url>https://news.example.org/logo.png</url></image>
        <item r:about="https://news.example.org/1"><title>Ferry</title><link>https://news.example.org/1?a=1&amp;b=2</link>
        <d:date>2024-02-16</d:date><d:creator>Lin Mei</d:creator><description>Short</description>
        <c:encoded>&lt;p&gt;Whole&lt;/p&gt;</c:encoded></item></r:RDF>"""
    )
    assert (found.title, found.body) == ("Ferry", "<p>Whole</p>")
    assert found.url == "https://news.example.org/1?a=1&b=2"
    assert found.guid == "https://news.example.org/1"
    assert found.authors == ["Lin Mei"]
    assert found.published is not None
    assert found.published.confidence is Confidence.DAY
    assert found.source.format is Format.RDF
    assert found.feed is not None
    assert found.feed.title == "Harbour"


ITEM = "<title>Ferry</title><link>https://news.example.org/1</link><description>Late.</description>"


@pytest.mark.parametrize(
    ("document", "format"),
    [
        pytest.param(f"<rss version='0.91'><channel><item>{ITEM}</item></channel></rss>", Format.RSS, id="rss 0.91"),
        pytest.param(f"<rss><channel><item>{ITEM}</item></channel></rss>", Format.RSS, id="no version"),
        pytest.param(f"<rss version='7'><channel><item>{ITEM}</item></channel></rss>", Format.RSS, id="wrong version"),
        pytest.param(f"<rss version='2.0'><channel/><item>{ITEM}</item></rss>", Format.RSS, id="items beside channel"),
        pytest.param(
            f"<rss version='2.0' xmlns='http://backend.userland.com/rss2'><channel><item>{ITEM}</item></channel></rss>",
            Format.RSS,
            id="rss with a namespace",
        ),
        pytest.param(
            f"<rss version='2.0' xmlns='http://www.w3.org/2005/Atom'><channel><item>{ITEM}</item></channel></rss>",
            Format.RSS,
            id="rss in atom's namespace",
        ),
        pytest.param(
            f"<rss xmlns='http://nobody.example/knows'><channel><item>{ITEM}</item></channel></rss>",
            Format.RSS,
            id="rss in an unknown namespace",
        ),
        pytest.param(
            "<r:rss xmlns:r='http://backend.userland.com/rss2'><r:channel><r:item><r:title>Ferry</r:title>"
            "<r:link>https://news.example.org/1</r:link><r:description>Late.</r:description></r:item></r:channel></r:rss>",
            Format.RSS,
            id="prefixed rss",
        ),
        pytest.param(
            "<rdf:RDF xmlns:rdf='http://www.w3.org/1999/02/22-rdf-syntax-ns#' xmlns='http://my.netscape.com/rdf/simple/0.9/'>"
            f"<channel><title>x</title></channel><item>{ITEM}</item></rdf:RDF>",
            Format.RDF,
            id="rss 0.90",
        ),
        pytest.param(
            f"<RDF xmlns='http://purl.org/rss/1.0/'><channel/><item>{ITEM}</item></RDF>",
            Format.RDF,
            id="rdf bare",
        ),
        pytest.param(
            "<a:feed xmlns:a='http://www.w3.org/2005/Atom'><a:entry><a:title>Ferry</a:title>"
            "<a:link href='https://news.example.org/1'/><a:summary>Late.</a:summary></a:entry></a:feed>",
            Format.ATOM,
            id="prefixed atom",
        ),
        pytest.param(
            "<feed version='0.3' xmlns='http://purl.org/atom/ns#'><entry><title>Ferry</title>"
            "<link rel='alternate' type='text/html' href='https://news.example.org/1'/>"
            "<content type='text/html' mode='escaped'>Late.</content></entry></feed>",
            Format.ATOM,
            id="atom 0.3",
        ),
        pytest.param(
            "<feed><entry><title>Ferry</title><link href='https://news.example.org/1'/><content>Late.</content></entry></feed>",
            Format.ATOM,
            id="atom without a namespace",
        ),
        pytest.param(
            "<entry xmlns='http://www.w3.org/2005/Atom'><title>Ferry</title><link href='https://news.example.org/1'/>"
            "<content>Late.</content></entry>",
            Format.ATOM,
            id="a lone atom entry",
        ),
    ],
)
def test_every_version(document: str, format: Format) -> None:
    found = entry(document)
    assert (found.title, found.url, found.body) == ("Ferry", "https://news.example.org/1", "Late.")
    assert found.source.format is format
    assert Flag.REPAIRED not in found.flags


@pytest.mark.parametrize(
    ("item", "body", "html"),
    [
        pytest.param("<description>a &lt;b&gt;c&lt;/b&gt;</description>", "a <b>c</b>", True, id="escaped html"),
        pytest.param("<description><![CDATA[a <b>c</b>]]></description>", "a <b>c</b>", True, id="cdata"),
        pytest.param("<description><p>a &amp; <br/>c</p></description>", "<p>a &amp; <br>c</p>", True, id="elements"),
        pytest.param(
            "<description>&lt;p&gt;a&lt;/p&gt;<img src='x'/></description>",
            '<p>a</p><img src="x">',
            True,
            id="escaped html beside elements",
        ),
        pytest.param("<content:encoded> </content:encoded><description>d</description>", "d", True, id="empty content"),
        pytest.param(
            "<content>&lt;p&gt;c&lt;/p&gt;</content><summary>s</summary>", "<p>c</p>", True, id="bare content"
        ),
        pytest.param("<content><p>c</p></content>", "<p>c</p>", True, id="content of elements"),
        pytest.param("<summary>s</summary>", "s", True, id="summary"),
        pytest.param("<description>d</description><summary>s</summary>", "d", True, id="description before summary"),
        pytest.param("<description/><itunes:summary>s\n\nt</itunes:summary>", "s\n\nt", False, id="itunes"),
        pytest.param(
            "<media:group><media:description>one\ntwo</media:description></media:group>",
            "one\ntwo",
            False,
            id="media",
        ),
        pytest.param(
            '<body xmlns="http://www.w3.org/1999/xhtml"><p>a &lt; b</p></body>',
            "<p>a &lt; b</p>",
            True,
            id="xhtml body",
        ),
    ],
)
def test_rss_bodies(item: str, body: str, html: bool) -> None:
    found = entry(rss(f"<item><title>a</title>{item}</item>"))
    assert (found.body.strip(), found.body_is_html) == (body, html)


@pytest.mark.parametrize(
    ("content", "body", "html"),
    [
        pytest.param("<content>1 &lt; 2 &amp; 3</content>", "1 < 2 & 3", False, id="text"),
        pytest.param("<content>&lt;p&gt;x&lt;/p&gt;</content>", "<p>x</p>", True, id="html that nobody declared"),
        pytest.param('<content type="html">&lt;p&gt;x&lt;/p&gt;</content>', "<p>x</p>", True, id="html"),
        pytest.param('<content type="text/html">x</content>', "x", True, id="mime type"),
        pytest.param(
            '<content type="xhtml"><div xmlns="http://www.w3.org/1999/xhtml">&lt;b&gt;</div></content>',
            "<div>&lt;b&gt;</div>",
            True,
            id="xhtml",
        ),
        pytest.param(
            '<content type="xhtml"><h:div xmlns:h="http://www.w3.org/1999/xhtml"><h:p>x</h:p></h:div></content>',
            "<div><p>x</p></div>",
            True,
            id="prefixed xhtml",
        ),
        pytest.param('<content type="image/png">iVBORw0K</content><summary>s</summary>', "s", False, id="a picture"),
        pytest.param('<content src="https://x.org/"/><summary>s</summary>', "s", False, id="elsewhere"),
        pytest.param('<summary type="html">s</summary>', "s", True, id="summary alone"),
        pytest.param("<description>&lt;p&gt;d&lt;/p&gt;</description>", "<p>d</p>", True, id="rss's name"),
    ],
)
def test_atom_bodies(content: str, body: str, html: bool) -> None:
    found = entry(atom(f"<entry><title>a</title><id>1</id>{content}</entry>"))
    assert (found.body, found.body_is_html) == (body, html)


@pytest.mark.parametrize(
    ("item", "url", "original"),
    [
        pytest.param("<link>/1</link>", "https://news.example.org/1", "/1", id="relative to the feed's site"),
        pytest.param("<link><![CDATA[https://x.org/1]]></link>", "https://x.org/1", "https://x.org/1", id="cdata"),
        pytest.param('<link href="https://x.org/1"/>', "https://x.org/1", "https://x.org/1", id="atom's way"),
        pytest.param('<atom:link href="https://x.org/1"/>', "https://x.org/1", "https://x.org/1", id="atom's link"),
        pytest.param("<guid>https://x.org/1</guid>", "https://x.org/1", "https://x.org/1", id="permalink guid"),
        pytest.param('<guid isPermaLink="false">https://x.org/1</guid>', None, None, id="guid that is no permalink"),
        pytest.param("<guid>1</guid>", None, None, id="guid that is no address"),
        pytest.param("<link>javascript:alert(1)</link>", None, "javascript:alert(1)", id="no web address"),
        pytest.param(
            "<link>https://feeds.example.com/~r/x/1</link><feedburner:origLink>https://x.org/1</feedburner:origLink>",
            "https://x.org/1",
            "https://x.org/1",
            id="feedburner",
        ),
        pytest.param("<comments>https://x.org/1#c</comments>", None, None, id="comments are no link"),
        *(
            pytest.param(
                f"<link>{link}</link><guid>https://x.org/1</guid>",
                "https://x.org/1",
                "https://x.org/1",
                id=f"guid, {id}",
            )
            for link, id in (
                ("JavaScript:;", "the link is a script"),
                ("#", "the link is a place in the page"),
                ("/", "the link is the front page"),
                ("https://news.example.org/index.html", "the link is the front page in full"),
                ("http://", "the link is no address"),
            )
        ),
        pytest.param(
            "<link>https://x.org/2</link><guid>https://x.org/1</guid>",
            "https://x.org/2",
            "https://x.org/2",
            id="the link is a page",
        ),
        pytest.param(
            "<link>2</link><guid>https://x.org/1</guid>", "https://news.example.org/2", "2", id="a relative one"
        ),
        pytest.param(
            "<link>https://x.org/#/2</link><guid>https://x.org/1</guid>",
            "https://x.org/#/2",
            "https://x.org/#/2",
            id="the link is a page in the front page",
        ),
        pytest.param(
            "<link>https://x.org/</link><guid isPermaLink='false'>https://x.org/1</guid>",
            "https://x.org/",
            "https://x.org/",
            id="the guid is no permalink",
        ),
        pytest.param(
            "<link>https://x.org/</link><guid>https://x.org</guid>",
            "https://x.org/",
            "https://x.org/",
            id="the guid is the front page, too",
        ),
    ],
)
def test_rss_links(item: str, url: str | None, original: str | None) -> None:
    found = entry(rss(f"<item><title>a</title>{item}</item>"))
    assert (found.url, found.original_url) == (url, original)


@pytest.mark.parametrize(
    ("feed", "inside", "url", "base"),
    [
        pytest.param("", '<link href="1"/>', "https://news.example.org/1", "https://news.example.org/1", id="address"),
        pytest.param(
            'xml:base="https://x.org/a/"',
            '<link href="1"/>',
            "https://x.org/a/1",
            "https://x.org/a/",
            id="feed",
        ),
        pytest.param(
            'xml:base="/a/"',
            '<link href="1"/>',
            "https://news.example.org/a/1",
            "https://news.example.org/a/",
            id="relative base",
        ),
        pytest.param(
            'xml:base="https://x.org/a/"',
            '<link xml:base="b/" href="1"/>',
            "https://x.org/a/b/1",
            "https://x.org/a/",
            id="link",
        ),
        pytest.param(
            'xml:base="https://x.org/a/"',
            '<link href="1"/><content xml:base="c/" type="html">&lt;p&gt;</content>',
            "https://x.org/a/1",
            "https://x.org/a/c/",
            id="content",
        ),
        pytest.param("", '<link href="https://x.org/1"/>', "https://x.org/1", "https://x.org/1", id="the page itself"),
    ],
)
def test_bases(feed: str, inside: str, url: str, base: str) -> None:
    found = entry(atom(f"<entry><title>a</title>{inside}</entry>", attributes=feed))
    assert (found.url, found.base_url) == (url, base)


@pytest.mark.parametrize(
    ("item", "names"),
    [
        pytest.param("<author>lin@example.org (Lin Mei)</author>", ["Lin Mei"], id="mailbox with a name"),
        pytest.param("<author>Lin Mei &lt;lin@example.org&gt;</author>", ["Lin Mei"], id="name with a mailbox"),
        pytest.param("<author>林 梅 (lin@example.org)</author>", ["林 梅"], id="name with a mailbox in brackets"),
        pytest.param("<author>Lin (Mei)</author>", ["Lin (Mei)"], id="name with brackets"),
        pytest.param("<author>lin@example.org</author>", ["lin@example.org"], id="mailbox"),
        pytest.param("<author>Lin Mei</author>", ["Lin Mei"], id="name"),
        pytest.param("<author><name>Lin Mei</name></author>", ["Lin Mei"], id="atom's way without its namespace"),
        pytest.param("<author>x@y.z (A)</author><dc:creator>B</dc:creator>", ["B"], id="dublin core is better"),
        pytest.param("<itunes:author>Lin Mei</itunes:author>", ["Lin Mei"], id="itunes"),
        pytest.param(
            "<dc:creator>A &amp;amp; B</dc:creator><dc:creator>A &amp;amp; B</dc:creator>", ["A & B"], id="once"
        ),
        pytest.param("<atom:author><atom:name>Lin</atom:name></atom:author>", ["Lin"], id="atom in rss"),
    ],
)
def test_rss_authors(item: str, names: list[str]) -> None:
    assert entry(rss(f"<item><title>a</title>{item}</item>")).authors == names


def test_atom_entries_inherit_the_author() -> None:
    first, second = entries(
        atom(
            "<entry><title>a</title><id>1</id></entry>"
            "<entry><title>b</title><id>2</id><author><name>Ana</name></author></entry>",
            head="<author><name>Lin</name></author>",
        )
    )
    assert (first.authors, second.authors) == (["Lin"], ["Ana"])


MEDIA = [
    pytest.param(
        '<enclosure url="/a.mp3" length="1,234" type="audio/mpeg"/><itunes:duration>1:02:03</itunes:duration>',
        [Attachment("https://news.example.org/a.mp3", "audio/mpeg", 1234, 3723.0)],
        [],
        id="podcast",
    ),
    pytest.param(
        '<enclosure url="https://x.org/a.mp3" length="abc" type=""/>',
        [Attachment("https://x.org/a.mp3")],
        [],
        id="wrong length",
    ),
    pytest.param(
        '<enclosure url="https://x.org/a.jpg" length="0" type="image/jpeg"/>',
        [Attachment("https://x.org/a.jpg", "image/jpeg")],
        [FeedImage("https://x.org/a.jpg")],
        id="a picture enclosed",
    ),
    pytest.param(
        '<enclosure url="https://x.org/a.jpg?w=640"/><enclosure url="https://x.org/b.mp3"/>',
        [Attachment("https://x.org/a.jpg?w=640"), Attachment("https://x.org/b.mp3")],
        [FeedImage("https://x.org/a.jpg?w=640")],
        id="a picture enclosed, no type",
    ),
    pytest.param(
        '<enclosure url="https://x.org/a.jpg" type="application/pdf"/>',
        [Attachment("https://x.org/a.jpg", "application/pdf")],
        [],
        id="no picture by its type",
    ),
    pytest.param(
        '<media:content url="https://x.org/a.jpg" medium="image" width="640" height="480"><media:title>T</media:title>'
        "<media:description>The new pier</media:description></media:content>",
        [],
        [FeedImage("https://x.org/a.jpg", "The new pier", 640, 480)],
        id="media image with caption",
    ),
    pytest.param(
        '<media:group><media:content url="https://x.org/v.mp4" type="video/mp4" duration="12.5" fileSize="99"/>'
        '<media:thumbnail url="https://x.org/t.jpg" width="wide"/></media:group>',
        [Attachment("https://x.org/v.mp4", "video/mp4", 99, 12.5)],
        [FeedImage("https://x.org/t.jpg")],
        id="group",
    ),
    pytest.param(
        '<enclosure url="https://x.org/a.mp3" type="audio/mpeg"/>'
        '<media:content url="https://x.org/a.mp3" fileSize="5"/>',
        [Attachment("https://x.org/a.mp3", "audio/mpeg", 5)],
        [],
        id="named twice",
    ),
    pytest.param(
        '<itunes:image href="https://x.org/i.png"/>', [], [FeedImage("https://x.org/i.png")], id="itunes image"
    ),
    pytest.param('<enclosure url="javascript:x"/><enclosure/><media:content/>', [], [], id="nothing to fetch"),
    pytest.param(
        "<image><url>https://x.org/i.png</url><title>no</title></image>",
        [],
        [FeedImage("https://x.org/i.png")],
        id="rss image in an item",
    ),
]


@pytest.mark.parametrize(("item", "attachments", "images"), MEDIA)
def test_media(item: str, attachments: list[Attachment], images: list[FeedImage]) -> None:
    found = entry(rss(f"<item><title>Pier</title>{item}</item>"))
    assert found.title == "Pier"
    assert found.attachments == attachments
    assert found.images == images


def test_dates_of_all_vocabularies() -> None:
    found = entry(
        rss(
            "<item><title>a</title><pubDate>yesterday</pubDate><dc:date>2024-02-16T10:00:00+08:00</dc:date>"
            "<atom:updated>2024-02-17T00:00:00Z</atom:updated></item>"
        )
    )
    assert found.published is not None
    assert found.updated is not None
    assert found.published.raw == "2024-02-16T10:00:00+08:00"
    assert found.updated.at.isoformat() == "2024-02-17T00:00:00+00:00"
    assert found.seen.origin is DateOrigin.BROKER


@pytest.mark.parametrize(
    ("document", "published", "updated"),
    [
        pytest.param(rss("<item><date>2024-02-16</date>%s</item>"), "2024-02-16", None, id="date"),
        pytest.param(
            rss("<item><updated>2024-02-17</updated><published>2024-02-16</published>%s</item>"),
            "2024-02-16",
            "2024-02-17",
            id="atom's names in rss",
        ),
        pytest.param(
            rss("<item><date>2024-02-17</date><pubDate>2024-02-16</pubDate>%s</item>"),
            "2024-02-16",
            None,
            id="rss's own name first",
        ),
        pytest.param(
            atom("<entry><pubDate>2024-02-16</pubDate>%s</entry>"), "2024-02-16", None, id="rss's name in atom"
        ),
    ],
)
def test_dates_by_the_names_of_the_other_format(document: str, published: str, updated: str | None) -> None:
    found = entry(document % "<title>a</title>")
    assert (found.published and found.published.raw, found.updated and found.updated.raw) == (published, updated)


def test_a_zone_that_the_site_means() -> None:
    found = entry(rss("<item><title>a</title><pubDate>Fri, 16 Feb 2024 21:03:04 GMT</pubDate></item>"))
    assert found.published is not None
    assert found.published.confidence is Confidence.EXACT


def test_languages() -> None:
    first, second, third = entries(
        rss(
            '<item xml:lang="fr"><title>a</title></item><item><title>b</title><dc:language>de</dc:language></item>'
            "<item><title>c</title></item>",
            head="<language>zh-tw</language>",
        )
    )
    assert [each.declared_language for each in (first, second, third)] == ["fr", "de", "zh-tw"]


def test_channel_elements_do_not_leak_into_items() -> None:
    found = entry(
        rss(
            "<item><x:meta xmlns:x='https://x.org/'><x:title>no</x:title><title>no</title></x:meta><title>yes</title>"
            "<link>https://x.org/1</link><source url='https://x.org/feed'>Other</source></item>",
            head="<image><title>logo</title><link>https://x.org/logo</link></image>"
            "<textInput><title>search</title><link>https://x.org/s</link></textInput>",
        )
    )
    assert (found.title, found.url) == ("yes", "https://x.org/1")
    assert found.feed is not None
    assert found.feed.title == "Harbour News"


def test_the_feed_names_itself_where_the_sender_does_not() -> None:
    found = entry(
        rss("<item><title>a</title></item>", head='<atom:link rel="self" href="https://news.example.org/self.xml"/>'),
        source_url=None,
    )
    assert found.feed is not None
    assert found.feed.url == "https://news.example.org/self.xml"
    assert found.feed_key is not None


def test_a_tombstone_belongs_to_the_site_of_its_feed() -> None:
    document = atom(
        '<at:deleted-entry xmlns:at="http://purl.org/atompub/tombstones/1.0" ref="tag:news.example.org,2024:1"'
        ' when="2024-02-17T00:00:00Z"><at:comment>withdrawn</at:comment></at:deleted-entry>'
        '<entry><id>tag:news.example.org,2024:2</id><title>b</title><link href="https://www.example.com/2"/></entry>'
    )
    gone, there = entries(document)
    assert gone.retraction
    assert not there.retraction
    assert gone.guid == "tag:news.example.org,2024:1"
    assert gone.site == there.site == "example.com"
    before = entry(
        atom(
            '<entry><id>tag:news.example.org,2024:1</id><title>a</title><link href="https://www.example.com/1"/></entry>'
        )
    )
    assert before.aliases[1] in gone.aliases
    assert gone.updated is not None


@pytest.mark.parametrize(
    ("names", "given"),
    [
        pytest.param(["Ann", "Bob"], ["Ann", "Bob"], id="a few"),
        pytest.param([f"Ann {n}" for n in range(30)], [f"Ann {n}" for n in range(20)], id="30 names"),
        pytest.param(["Ann", "x" * 998, "Bob"], ["Ann"], id="one that is no name"),
        pytest.param(["x" * 8000], [], id="8,000 letters"),
    ],
)
def test_so_much_is_inherited_of_a_feeds_authors(names: list[str], given: list[str]) -> None:
    head = "".join(f"<author><name>{name}</name></author>" for name in names)
    assert entry(atom("<entry><title>a</title></entry>", head=head)).authors == given
    feed = {"version": "https://jsonfeed.org/version/1.1", "title": "t", "authors": [{"name": name} for name in names]}
    assert entry(json.dumps({**feed, "items": [{"id": "1", "title": "a"}]})).authors == given


def test_a_prefix_means_what_the_innermost_element_says() -> None:
    dc, media = 'xmlns:p="http://purl.org/dc/elements/1.1/"', 'xmlns:p="http://search.yahoo.com/mrss/"'
    document = (
        f"<rss {dc}><channel><item><p:creator>a</p:creator><title>1</title></item>"
        f"<item {media}><p:creator>b</p:creator><x {dc} xmlns:q='http://purl.org/dc/elements/1.1/'/><q:creator>c</q:creator>"
        "<title>2</title></item><item><p:creator>d</p:creator><title>3</title></item></channel></rss>"
    )
    assert [(each.title, each.authors) for each in entries(document)] == [("1", ["a"]), ("2", []), ("3", ["d"])]


def test_many_prefixes_in_scope_cost_no_more() -> None:
    """Each scope was copied whole: this took over two minutes, which is what the suite allows."""
    levels = range(80)
    prefixes = [" ".join(f"xmlns:a{level}_{number}='b'" for number in range(990)) for level in levels]
    declared = "".join(f"<x {each}>" for each in prefixes)
    inner = '<x xmlns:q="b"/>' * 410_000
    document = f"<rss><channel><item><title>t</title>{declared}{inner}{'</x>' * len(levels)}</item></channel></rss>"
    assert entry(document).title == "t"


@pytest.mark.parametrize(
    ("base", "url"),
    [
        pytest.param("https://cdn.example.org/a/", "https://cdn.example.org/a/i.mp3", id="usual"),
        pytest.param(
            f"https://cdn.example.org/{'a' * 487}/", f"https://cdn.example.org/{'a' * 487}/i.mp3", id="512 letters"
        ),
        pytest.param(f"https://cdn.example.org/{'a' * 488}/", "https://news.example.org/i.mp3", id="513: not believed"),
    ],
)
def test_a_base_of_attachments_is_no_longer_than_others(base: str, url: str) -> None:
    found = entry(rss('<item><title>a</title><enclosure url="i.mp3"/></item>', attributes=f'xml:base="{base}"'))
    assert [each.url for each in found.attachments] == [url]


@pytest.mark.parametrize("depth", [210, 600, 9_000, 11_000])
def test_markup_nested_deep_is_the_matter_of_its_entry(depth: int) -> None:
    div = f'<div xmlns="http://www.w3.org/1999/xhtml">{"<b>" * depth}x{"</b>" * depth}</div>'
    good, deep, last = entries(
        atom(
            "<entry><title>Good</title><id>tag:n.example,1</id></entry>"
            f'<entry><title>Deep</title><id>tag:n.example,2</id><content type="xhtml">{div}</content></entry>'
            "<entry><title>Last</title><id>tag:n.example,3</id></entry>"
        )
    )
    assert [each.title for each in (good, deep, last)] == ["Good", "Deep", "Last"]
    assert deep.body.count("<b>") == depth


def test_junk_around_the_root_is_not_read() -> None:
    bomb = "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 12))
    document = (
        f'<!DOCTYPE rss [<!ENTITY a0 "boom">{bomb}]><rss><channel><item><title>a &a11; b</title></item></channel></rss>'
    )
    (found,) = results(raw(document))
    assert isinstance(found, Entry)
    assert found.title == "a &a11; b"
    assert found.flags == [Flag.REPAIRED, Flag.NO_LINK]


@pytest.mark.parametrize(
    ("elements", "expected"),
    [
        pytest.param("<category>A</category><category>B</category>", ["A", "B"], id="rss"),
        pytest.param("<category label='shown'>a-term</category>", ["a-term"], id="what rss shows is its text"),
        pytest.param("<media:category label='Shown'>a/term</media:category>", ["Shown"], id="media, with a label"),
        pytest.param("<media:group><media:category>M</media:category></media:group>", ["M"], id="in a group"),
        pytest.param(
            "<itunes:category text='Technology'><itunes:category text='Gadgets'/></itunes:category>",
            ["Technology", "Gadgets"],
            id="itunes, one inside the other",
        ),
        pytest.param("<itunes:keywords>tea, boats ,, tea</itunes:keywords>", ["tea", "boats"], id="keywords"),
        pytest.param("<tags>渡轮，码头、海</tags>", ["渡轮", "码头", "海"], id="tags of a generator, chinese commas"),
    ],
)
def test_categories(elements: str, expected: list[str]) -> None:
    assert entry(rss(f"<item><title>a</title>{elements}</item>")).categories == expected


BASE64 = "UGllciA8Yj5vcGVuPC9iPiAmYW1wOyBmcmVl"  # Pier <b>open</b> &amp; free


@pytest.mark.parametrize(
    ("markup", "title", "body"),
    [
        pytest.param(f"<title mode='base64'>{BASE64}</title>", "Pier open & free", "", id="title, Atom 0.3"),
        pytest.param(
            f"<title>a</title><summary mode='base64'>\n {BASE64[:12]}\n {BASE64[12:]}\n</summary>",
            "a",
            "Pier <b>open</b> &amp; free",
            id="summary, folded",
        ),
        pytest.param(
            f"<title>a</title><content type='application/octet-stream'>{BASE64}</content>",
            "a",
            "Pier <b>open</b> &amp; free",
            id="content of no said type",
        ),
        pytest.param(
            f"<title>a</title><content type='image/png'>{BASE64}</content><summary>s</summary>",
            "a",
            "s",
            id="a picture",
        ),
        pytest.param(
            "<title>a</title><content mode='base64'>not %% base64</content><summary>s</summary>", "a", "s", id="neither"
        ),
    ],
)
def test_base64_of_atom(markup: str, title: str, body: str) -> None:
    found = entry(atom(f"<entry><id>1</id>{markup}</entry>"))
    assert (found.title, found.body) == (title, body)


@pytest.mark.parametrize(
    ("feed", "inner", "expected"),
    [
        pytest.param(" xml:lang='en'", "", "en", id="the feed's"),
        pytest.param(" xml:lang='en'", " xml:lang='zh-Hant'", "zh-Hant", id="the content's own"),
        pytest.param(" xml:lang='en'", " xml:lang=''", None, id="taken back"),
    ],
)
def test_a_declared_language(feed: str, inner: str, expected: str | None) -> None:
    text = (
        f"<feed xmlns='http://www.w3.org/2005/Atom'{feed}><entry><id>1</id><title>a</title>"
        f"<content{inner}>b</content></entry></feed>"
    )
    assert (entry(text).declared_language or None) == expected


def test_a_date_in_seconds() -> None:
    found = entry(rss("<item><title>a</title><pubDate>1708119543</pubDate></item>"))
    assert found.published is not None
    assert found.published.at.isoformat() == "2024-02-16T21:39:03+00:00"


DECLARED = """<?xml version="1.0"?>
<!DOCTYPE rss [
  <!ENTITY site "https://news.example.org">
  <!ENTITY co 'AT&#38;T &#x201C;cable&#x201D;'>
  <!ENTITY a "lol"><!ENTITY b "&a;&a;"><!ENTITY mark "<b>"><!ENTITY ext SYSTEM "file:///etc/hostname">
]>
<rss version="2.0"><channel><item><title>&co; %s</title><link>&site;/1</link>
<description><![CDATA[&site; in CDATA]]></description></item></channel></rss>"""


def test_entities_that_the_document_declares() -> None:
    found = entry(DECLARED % "opens")
    assert (found.title, found.url) == ("AT&T “cable” opens", "https://news.example.org/1")
    assert found.body == "&site; in CDATA"
    assert found.flags == []  # nothing was broken


@pytest.mark.parametrize(
    ("reference", "shown"),
    [
        pytest.param("&a;", "lol", id="plain text"),
        pytest.param("&b;", "&b;", id="made of others"),
        pytest.param("&mark;", "&mark;", id="markup"),
        pytest.param("&ext;", "&ext;", id="another file"),
    ],
)
def test_entities_that_are_more_than_text_stay_as_they_are(reference: str, shown: str) -> None:
    assert entry(DECLARED % reference).title.endswith(shown)


def test_declared_entities_do_not_blow_up() -> None:
    bomb = f"<!DOCTYPE rss [<!ENTITY a '{'x' * 1000}'>]>" + rss(
        f"<item><title>t</title><link>{'&a;' * 100_000}</link></item>"
    )
    assert len(with_declared(bomb, bomb)) < len(bomb) + 2 * MAX_GROWTH
