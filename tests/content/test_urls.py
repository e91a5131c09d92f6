from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from agents.content.urls import MAX_LENGTH, canonicalize, resolve, site_of, unwrap_image


@pytest.mark.parametrize(
    ("raw", "url"),
    [
        pytest.param(
            "https://news.example/a?utm_source=rss&id=7&utm_medium=x", "https://news.example/a?id=7", id="utm"
        ),
        pytest.param("https://news.example/a?UTM_Source=rss", "https://news.example/a", id="utm in capitals"),
        pytest.param(
            "https://news.example/a?id=7&amp;utm_source=rss", "https://news.example/a?id=7", id="escaped twice"
        ),
        pytest.param(
            "https://news.example/a?id=7&amp;page=2&amp;amp;x=&#038;y=1",
            "https://news.example/a?id=7&page=2&x=&y=1",
            id="escaped twice, what selects",
        ),
        pytest.param("https://news.example/p.html#id=2", "https://news.example/p.html#id=2", id="article behind the #"),
        pytest.param("https://news.example/p.html#ref=2", "https://news.example/p.html", id="a tracker there"),
        pytest.param("https://news.example/a?id=7?utm_source=rss", "https://news.example/a?id=7", id="a second query"),
        pytest.param(
            "https://news.example/a?utm_source=rss?/a-512",
            "https://news.example/a?utm_source=rss?/a-512",
            id="what selects stands behind the tracker",
        ),
        pytest.param(
            "https://news.example/a?id=7?utm_source=rss?page=2",
            "https://news.example/a?id=7?page=2",
            id="only the tracker goes from between",
        ),
        pytest.param(
            "https://news.example/a?utm_source=x;id=5", "https://news.example/a?utm_source=x;id=5", id="semicolon"
        ),
        pytest.param("https://news.example/a?fbclid=Ab1&gclid=2&at_medium=RSS", "https://news.example/a", id="clicks"),
        pytest.param("https://news.example/story?sid=65096", "https://news.example/story?sid=65096", id="sid selects"),
        pytest.param(
            "https://news.example/?p=12&story=3&id=4&cid=5&page=2&ref=9",
            "https://news.example/?p=12&story=3&id=4&cid=5&page=2&ref=9",
            id="numbers of articles",
        ),
        pytest.param(
            "https://forum.example/f.php?mod=viewthread&tid=8",
            "https://forum.example/f.php?mod=viewthread&tid=8",
            id="mod selects here",
        ),
        pytest.param(
            "https://www.wsj.com/articles/tea-1?mod=rss_world",
            "https://www.wsj.com/articles/tea-1",
            id="mod tracks there",
        ),
        pytest.param(
            "https://www.dw.com/zh/cha/a-1?maca=chi-rss-chi", "https://www.dw.com/zh/cha/a-1", id="a publisher's own"
        ),
        pytest.param("https://example.com/x?maca=1", "https://example.com/x?maca=1", id="not another's"),
        pytest.param("https://news.example/a?from=rss", "https://news.example/a", id="channel by value"),
        pytest.param("https://news.example/a?from=2024", "https://news.example/a?from=2024", id="other value"),
        pytest.param(
            "https://mp.weixin.qq.com/s?__biz=Mz&mid=22&idx=1&sn=ab&chksm=cd&scene=27#wechat_redirect",
            "https://mp.weixin.qq.com/s?__biz=Mz&mid=22&idx=1&sn=ab",
            id="wechat",
        ),
        pytest.param(
            "https://news.example/a;jsessionid=0AF1.n2?id=1", "https://news.example/a?id=1", id="session in the path"
        ),
        pytest.param("https://news.example/a?b=2&a=1", "https://news.example/a?b=2&a=1", id="order stays"),
        pytest.param("https://news.example//cn/a", "https://news.example//cn/a", id="two slashes stay"),
        pytest.param(
            "https://news.example/zh/真的吗?/a-55",
            "https://news.example/zh/%E7%9C%9F%E7%9A%84%E5%90%97?/a-55",
            id="raw question mark",
        ),
        pytest.param("https://news.example/a?", "https://news.example/a", id="empty query"),
        pytest.param("https://news.example/a#c5", "https://news.example/a", id="fragment"),
        pytest.param("https://news.example/#!/a/5", "https://news.example/#!/a/5", id="hashbang is a page"),
        pytest.param("https://news.example/#/a/5", "https://news.example/#/a/5", id="hash route is a page"),
        pytest.param("https://news.example/a#!", "https://news.example/a", id="empty hashbang"),
        pytest.param("HTTPS://News.Example:443/A", "https://news.example/A", id="case and default port"),
        pytest.param("http://news.example:8080/a", "http://news.example:8080/a", id="other port"),
        pytest.param("http://news.example./a", "http://news.example/a", id="dot after the host"),
        pytest.param("http://reader:secret@news.example/a", "http://news.example/a", id="credentials"),
        pytest.param("https://新闻.example/a", "https://xn--efvy88h.example/a", id="idn"),
        pytest.param("http://straße.example/", "http://xn--strae-oqa.example/", id="idn by the newer rules"),
        pytest.param("http://0x7f.1/a", "http://127.0.0.1/a", id="address in hex"),
        pytest.param("  https://news.example/a\n", "https://news.example/a", id="white space around"),
        pytest.param("\u3000https://news.example/a\u3000", "https://news.example/a", id="ideographic space around"),
        pytest.param("https://news.example/a/./b/../c", "https://news.example/a/c", id="dots in the path"),
        pytest.param("//news.example/a", "https://news.example/a", id="no scheme"),
        pytest.param("www.news.example/a", "http://www.news.example/a", id="no scheme, www"),
    ],
)
def test_published_form(raw: str, url: str) -> None:
    found = canonicalize(raw)
    assert found is not None
    assert found.url == url


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param("http://www.news.example/a/", "https://news.example/a", id="scheme, www, slash"),
        pytest.param("http://news.example/%e8%8c%b6", "http://news.example/%E8%8C%B6", id="case of percent-encoding"),
        pytest.param("http://news.example/茶", "http://news.example/%E8%8C%B6", id="not encoded at all"),
        pytest.param("http://news.example/%7Eli/%61", "http://news.example/~li/a", id="encoded without need"),
        pytest.param("http://news.example", "https://www.news.example/?utm_source=x#top", id="front page"),
        pytest.param("http://新闻.example/a", "http://xn--efvy88h.example/a", id="idn and punycode"),
        pytest.param("http://news.example/a/?x=1", "http://news.example/a?x=1", id="slash before the query"),
        pytest.param(
            "https://www-news-example.cdn.ampproject.org/c/s/www.news.example/a",
            "http://news.example/a",
            id="amp cache",
        ),
    ],
)
def test_same_identity(one: str, other: str) -> None:
    first, second = canonicalize(one), canonicalize(other)
    assert first is not None
    assert second is not None
    assert first.identity == second.identity


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param("http://news.example/story?sid=1", "http://news.example/story?sid=2", id="sid"),
        pytest.param("http://news.example//cn/a", "http://news.example/cn/a", id="two slashes"),
        pytest.param("http://news.example/a?x=1&y=2", "http://news.example/a?y=2&x=1", id="order of parameters"),
        pytest.param("http://news.example/真?/a-1", "http://news.example/真?/a-2", id="raw question mark"),
        pytest.param("http://news.example/A", "http://news.example/a", id="case of the path"),
        pytest.param("http://news.example/a%2Fb", "http://news.example/a/b", id="encoded slash"),
        pytest.param("http://news.example/?q=a%26b", "http://news.example/?q=a&b", id="encoded ampersand"),
        pytest.param("http://news.example/%C4%E3", "http://news.example/%C4%E4", id="gbk"),
        pytest.param("http://m.news.example/a", "http://news.example/a", id="another sub-domain"),
        pytest.param("http://news.example/#!/a", "http://news.example/#!/b", id="hashbang"),
        pytest.param("http://news.example:81/a", "http://news.example/a", id="port"),
        pytest.param(
            "https://wsrv.nl/?url=news.example/%C4%E3.jpg",
            "https://wsrv.nl/?url=news.example/%C4%E4.jpg",
            id="gbk behind a proxy",
        ),
    ],
)
def test_other_identity(one: str, other: str) -> None:
    first, second = canonicalize(one), canonicalize(other)
    assert first is not None
    assert second is not None
    assert first.identity != second.identity


ARTICLE = "https://news.example/a?id=1&b=2"
ENCODED = "https%3A%2F%2Fnews.example%2Fa%3Fid%3D1%26b%3D2"


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(f"https://www.google.com/url?rct=j&sa=t&url={ENCODED}&ct=ga&usg=AO", id="google alerts"),
        pytest.param(f"http://google.com.hk/url?q={ENCODED}&sa=D", id="google of a country"),
        pytest.param("https://www.google.com/url?q=https://news.example/a%3Fid%3D1%26b%3D2&sa=U", id="half encoded"),
        pytest.param("https://www.google.com/amp/s/news.example/a?id=1&b=2", id="google amp"),
        pytest.param("https://www.bing.com/amp/s/news.example/a?id=1&b=2", id="bing amp"),
        pytest.param(
            "https://news-example.cdn.ampproject.org/v/s/news.example/a?id=1&amp_js_v=0.1&b=2", id="amp viewer"
        ),
        pytest.param("https://cdn.ampproject.org/c/s/news.example/a?id=1&b=2", id="amp cache of old"),
        pytest.param(f"http://www.bing.com/news/apiclick.aspx?ref=FexRss&aid=&url={ENCODED}&c=1", id="bing news feed"),
        pytest.param(f"https://l.facebook.com/l.php?u={ENCODED}%26fbclid%3Dx&h=AT", id="facebook"),
        pytest.param(f"https://link.zhihu.com/?target={ENCODED}", id="zhihu"),
        pytest.param(f"https://images.weserv.nl/?url={ENCODED}&w=300", id="weserv"),
        pytest.param(f"https://eur02.safelinks.protection.outlook.com/?url={ENCODED}&data=05", id="safelinks"),
        pytest.param(
            "https://www.google.com/url?q=https%3A%2F%2Fl.facebook.com%2Fl.php%3Fu%3D" + ENCODED.replace("%", "%25"),
            id="one in another",
        ),
        pytest.param(
            "https://news.google.com/rss/articles/CBMiH2h0dHBzOi8vbmV3cy5leGFtcGxlL2E_aWQ9MSZiPTLSAQA?oc=5",
            id="google news, older numbers",
        ),
    ],
)
def test_wrappers_of_links(raw: str) -> None:
    found = canonicalize(raw)
    assert found is not None
    assert found.url == ARTICLE


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param("https://www.google.com/url?q=javascript:alert(1)", id="script"),
        pytest.param("https://wsrv.nl/?url=data:text/html,x", id="data"),
        pytest.param("https://wsrv.nl/?url=", id="no target"),
        pytest.param("https://www.google.com/search?q=https://news.example/", id="a search"),
        pytest.param("https://news.google.com/rss/articles/CBMiSkFVX3lxTE5hYmM?oc=5", id="google news, newer numbers"),
        pytest.param("https://news.google.com/rss/articles/CBMi", id="google news, cut short"),
        pytest.param("https://news.example/share?url=https://other.example/", id="not a known proxy"),
        pytest.param("https://google.evil.example/url?q=https://other.example/", id="a host like google"),
    ],
)
def test_left_wrapped(raw: str) -> None:
    found = canonicalize(raw)
    assert found is not None
    assert found.url == raw


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        pytest.param(
            "https://images.weserv.nl/?url=img.news.example/1.jpg",
            "http://img.news.example/1.jpg",
            id="weserv without scheme",
        ),
        pytest.param(
            "https://images.weserv.nl?url=img.news.example/1.jpg&w=9",
            "http://img.news.example/1.jpg",
            id="weserv without slash",
        ),
        pytest.param(
            "https://wsrv.nl/?url=ssl:img.news.example/1.jpg", "https://img.news.example/1.jpg", id="weserv ssl:"
        ),
        pytest.param(
            "https://wsrv.nl/?url=//img.news.example/1.jpg", "https://img.news.example/1.jpg", id="weserv two slashes"
        ),
        pytest.param(
            "https://wsrv.nl/?url=img.news.example:8080/1.jpg", "http://img.news.example:8080/1.jpg", id="weserv port"
        ),
        pytest.param(
            "https://images.weserv.nl/?url=https%3A%2F%2Fwsrv.nl%2F%3Furl%3Dssl%253Aimg.news.example%252F1.jpg",
            "https://img.news.example/1.jpg",
            id="nested",
        ),
        pytest.param(
            "https://i2.wp.com/img.news.example/u/1.jpg?resize=3%2C4&ssl=1",
            "https://img.news.example/u/1.jpg",
            id="photon ssl",
        ),
        pytest.param(
            "https://i0.wp.com/img.news.example/1.php?q=id%3D5&w=9",
            "http://img.news.example/1.php?id=5",
            id="photon query",
        ),
        pytest.param(
            "https://news.example/cdn-cgi/image/width=90,quality=75/https://img.news.example/1.jpg?v=2",
            "https://img.news.example/1.jpg?v=2",
            id="cloudflare",
        ),
        pytest.param(
            "https://news.example/cdn-cgi/image/w=9/up/1.jpg", "https://news.example/up/1.jpg", id="cloudflare, own"
        ),
        pytest.param(
            "https://news.example/_next/image?url=https%3A%2F%2Fimg.news.example%2F1.jpg&w=640&q=75",
            "https://img.news.example/1.jpg",
            id="next",
        ),
        pytest.param(
            "https://news.example/_next/image?url=%2Fup%2F1.jpg&w=640", "https://news.example/up/1.jpg", id="next, own"
        ),
        pytest.param(
            "https://res.cloudinary.com/demo/image/fetch/w_90,f_auto/https://img.news.example/1.jpg",
            "https://img.news.example/1.jpg",
            id="cloudinary",
        ),
        pytest.param(
            "https://substackcdn.com/image/fetch/$s_!x!,w_90,q_auto:good/https%3A%2F%2Fimg.news.example%2Fa%2520b.jpg",
            "https://img.news.example/a%20b.jpg",
            id="substack",
        ),
        pytest.param(
            "https://img.news.example/1.jpg?utm_source=x",
            "https://img.news.example/1.jpg?utm_source=x",
            id="nothing to unwrap",
        ),
        pytest.param(
            "https://wsrv.nl/?url=javascript:alert(1)", "https://wsrv.nl/?url=javascript:alert(1)", id="target refused"
        ),
        pytest.param("/up/1.jpg", "https://news.example/up/1.jpg", id="relative"),
        pytest.param("data:image/png;base64,AAAA", None, id="data"),
        pytest.param("", None, id="empty"),
    ],
)
def test_unwrap_image(raw: str, expected: str | None) -> None:
    assert unwrap_image(raw, "https://news.example/a/b") == expected


@pytest.mark.parametrize(
    ("raw", "base", "expected"),
    [
        pytest.param("/a", "https://news.example/x/y", "https://news.example/a", id="from the root"),
        pytest.param("a?b#c", "https://news.example/x/y", "https://news.example/x/a?b#c", id="beside"),
        pytest.param("//img.example/a", "http://news.example/", "http://img.example/a", id="scheme of the base"),
        pytest.param("#c", "https://news.example/x", "https://news.example/x#c", id="in the page"),
        pytest.param("mailto:desk@news.example", None, "mailto:desk@news.example", id="mail"),
        pytest.param("tel:+86-10-1234", "https://news.example/", "tel:+86-10-1234", id="telephone"),
        pytest.param("/a", None, None, id="nothing to be relative to"),
        pytest.param("/a", "not a base", None, id="base that is none"),
        pytest.param("javascript:alert(1)", "https://news.example/", None, id="javascript"),
        pytest.param(" JaVa\tScript:alert(1)", "https://news.example/", None, id="javascript in disguise"),
        pytest.param("\x01javascript:alert(1)", "https://news.example/", None, id="javascript behind a control"),
        pytest.param("vbscript:x", None, None, id="vbscript"),
        pytest.param("data:text/html,x", None, None, id="data"),
        pytest.param("file:///etc/passwd", None, None, id="file"),
        pytest.param("a\ud800", "https://news.example/", None, id="lone surrogate"),
    ],
)
def test_resolve(raw: str, base: str | None, expected: str | None) -> None:
    assert resolve(raw, base) == expected


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param("", id="empty"),
        pytest.param("a title, no address", id="words"),
        pytest.param("javascript:alert(1)", id="javascript"),
        pytest.param("mailto:desk@news.example", id="mail"),
        pytest.param("urn:uuid:1225c695", id="urn"),
        pytest.param("http://", id="no host"),
        pytest.param("http://./a", id="host of dots"),
        pytest.param("http://a b.example/", id="space in the host"),
        pytest.param("http://news.example:99999/", id="port too large"),
        pytest.param("http://xn--a/", id="bad punycode"),
        pytest.param("http://news.example/\ud800", id="lone surrogate"),
        pytest.param("http://news.example/" + "a" * MAX_LENGTH, id="too long"),
        pytest.param("http://news.example/" + "茶" * (MAX_LENGTH // 2), id="too long once encoded"),
        pytest.param("https://wsrv.nl/?url=" + "wsrv.nl/?url=" * 500 + "a.example", id="500 proxies"),
    ],
)
def test_no_address(raw: str) -> None:
    assert canonicalize(raw) is None


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        pytest.param("https://www.news.example", True, id="bare"),
        pytest.param("https://news.example/?utm_source=rss", True, id="only trackers"),
        pytest.param("https://news.example/index.html", True, id="index"),
        pytest.param("https://news.example/#top", True, id="fragment"),
        pytest.param("https://news.example/?p=5", False, id="an article by number"),
        pytest.param("https://news.example/#!/5", False, id="an article behind a hash"),
        pytest.param("https://news.example/zh/", False, id="a section"),
    ],
)
def test_front_page(raw: str, expected: bool) -> None:
    found = canonicalize(raw)
    assert found is not None
    assert found.is_root is expected


def test_relative_link_and_host() -> None:
    found = canonicalize("../a/5?utm_medium=rss", "https://www.news.example:8080/zh/feed/rss.xml")
    assert found is not None
    assert (found.url, found.host) == ("https://www.news.example:8080/zh/a/5", "www.news.example")
    assert found.identity == "news.example:8080/zh/a/5"


@pytest.mark.parametrize(
    ("raw", "url"),
    [
        pytest.param("news.example/a/5", "http://news.example/a/5", id="the site's own name"),
        pytest.param("www.news.example/a/5", "http://www.news.example/a/5", id="www"),
        pytest.param(
            "other.example/a/5", "https://www.news.example/zh/other.example/a/5", id="any other name is a folder"
        ),
        pytest.param("a.html", "https://www.news.example/zh/a.html", id="a file"),
        pytest.param("?id=5", "https://www.news.example/zh/feed.xml?id=5", id="a query"),
    ],
)
def test_link_without_scheme_in_a_feed(raw: str, url: str) -> None:
    found = canonicalize(raw, "https://www.news.example/zh/feed.xml")
    assert found is not None
    assert found.url == url


@pytest.mark.parametrize(
    ("host", "site"),
    [
        pytest.param("www.news.com.tw", "news.com.tw", id="suffix of two labels"),
        pytest.param("a.b.news.co.uk.", "news.co.uk", id="dot at the end"),
        pytest.param("tea.blogspot.com", "tea.blogspot.com", id="blogs are sites of their own"),
        pytest.param("github.io", "github.io", id="a suffix itself"),
        pytest.param("127.0.0.1", "127.0.0.1", id="ipv4"),
        pytest.param("[2001:db8::1]", "[2001:db8::1]", id="ipv6"),
        pytest.param("intranet", "intranet", id="single label"),
        pytest.param("www.xn--efvy88h.xn--fiqs8s", "xn--efvy88h.xn--fiqs8s", id="idn"),
        pytest.param("News.Example", "news.example", id="capitals"),
        pytest.param("", None, id="empty"),
        pytest.param("..", None, id="dots"),
    ],
)
def test_site_of(host: str, site: str | None) -> None:
    assert site_of(host) == site


WRAPPERS = ["wsrv.nl/", "i0.wp.com/", "www.google.com/url", "/amp/s/", "/c/s/", "cdn.ampproject.org/", "news.example"]
WRAPPERS += ["https://news.google.com/articles/CBMi", "H2h0dHBzOi8v"]
PATHS = [
    "/cdn-cgi/image/w=1/",
    "/_next/image?url=",
    "res.cloudinary.com/x/image/fetch/",
    ";jsessionid=",
    "..",
    "/",
    "a.b",
]
QUERIES = ["?url=", "&q=", "?u=", "?", "&", "=", "ssl:", "amp;", "utm_source=a", "?utm_medium=b", "#", "#!", "#/"]
ESCAPES = ["%2e", "%2F", "%3A", "%25", "%C4", "%", "茶", "é", "\\", "\ud800", "\x00", "@", ":80", ":443", "[::1]", "//"]
PIECES = st.sampled_from(["http://", "https://", "www.", *WRAPPERS, *PATHS, *QUERIES, *ESCAPES])
MIXED = st.lists(PIECES | st.text(max_size=3), max_size=12).map("".join)
ADDRESSES = MIXED | MIXED.map("https://news.example/".__add__) | MIXED.map("https://wsrv.nl/?url=".__add__)


@given(ADDRESSES)
@example("http://news.example/.;jsessionid=a")
@example("http://wsrv.nl./?url=a.example")
@example("https://www.google.com/url;jsessionid=1?q=http://a.example/")
def test_canonical_is_canonical(raw: str) -> None:
    if found := canonicalize(raw):
        assert canonicalize(found.url) == found


@given(ADDRESSES)
def test_unwrapped_is_unwrapped(raw: str) -> None:
    if found := unwrap_image(raw):
        assert unwrap_image(found) == found


@given(st.text(), st.none() | ADDRESSES)
def test_nothing_raises(raw: str, base: str | None) -> None:
    for address in (canonicalize(raw, base), canonicalize(raw)):
        assert address is None or address.url.startswith(("http://", "https://"))
    image = unwrap_image(raw, base)
    assert image is None or image.startswith(("http://", "https://"))
    link = resolve(raw, base)
    assert link is None or link.startswith(("http:", "https:", "mailto:", "tel:", "ftp:"))


@given(st.text())
def test_a_site_is_its_own_site(host: str) -> None:
    if site := site_of(host):
        assert site_of(site) == site
