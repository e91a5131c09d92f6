"""What an entry is known by. The complaints are those of feed readers' users."""

from __future__ import annotations

import pytest

from schemas import AliasKind, Entry, Flag
from tests.parse.reading import FEED, atom, entries, entry, rss

LINK, GUID, CONTENT = AliasKind.LINK, AliasKind.GUID, AliasKind.CONTENT


FERRY = (
    "The morning ferry to Tarien ran aground to spare a herd of sleeping seals; all two hundred and fourteen passengers"
    " had breakfast on deck and went on at noon, when the tide came in."
)
BREAD = (
    "The last wood-fired bakery of the old town closes at the end of the year. Both daughters of the baker went to sea,"
    " and nobody wants to get up at two in the morning to knead the dough."
)


def kinds(found: Entry) -> list[AliasKind]:
    return [alias.kind for alias in found.aliases]


def keys(found: Entry) -> dict[AliasKind, bytes]:
    return {alias.kind: alias.key for alias in found.aliases}


def item(title: str = "Ferry", link: str = "", guid: str = "", body: str = "Late.", more: str = "") -> str:
    link = link and f"<link>{link}</link>"
    guid = guid and f'<guid isPermaLink="false">{guid}</guid>'
    return f"<item><title>{title}</title>{link}{guid}<description>{body}</description>{more}</item>"


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        pytest.param(
            item("a", "https://x.org/1", "g"),
            item("b", "https://x.org/2", "g"),
            ([LINK], [LINK]),
            id="one guid for all",
        ),
        pytest.param(
            item("a", "https://x.org/", "g1"),
            item("b", "https://x.org/", "g2"),
            ([GUID], [GUID]),
            id="one link for all",
        ),
        pytest.param(item("a", "https://x.org/"), item("b", "https://x.org/"), ([CONTENT], [CONTENT]), id="link alone"),
        pytest.param(
            item("A  b", "https://x.org/1", "g"),
            item("a B", "https://x.org/1", "g"),
            ([LINK, GUID], [LINK, GUID]),
            id="the same entry twice",
        ),
        pytest.param(
            item("", "https://x.org/1", body="one"),
            item("", "https://x.org/1", body="two"),
            ([CONTENT], [CONTENT]),
            id="untitled, different bodies",
        ),
        pytest.param(
            item("", "https://x.org/1", body="one"),
            item("", "https://x.org/1", body="one"),
            ([LINK], [LINK]),
            id="untitled, the same body",
        ),
        pytest.param(
            item("a", "https://x.org/1?utm_source=a", "g1"),
            item("b", "http://www.x.org/1/", "g2"),
            ([GUID], [GUID]),
            id="one link in two spellings",
        ),
        pytest.param(item("a", "", "g1"), item("b", "", "g2"), ([GUID, GUID], [GUID, GUID]), id="no links"),
        pytest.param(
            item("Ferry", "https://x.org/1", "g", body=FERRY),
            item("Ferry (updated)", "https://x.org/1", "g", body=f"{FERRY} More soon."),
            ([LINK, GUID], [LINK, GUID]),
            id="an article and its update",
        ),
        pytest.param(
            item("Ferry", "https://x.org/1", body=FERRY[:110]),
            item("Seals", "https://x.org/1", body=FERRY),
            ([LINK], [LINK]),
            id="an extract and the whole",
        ),
        pytest.param(
            item("Ferry", "https://x.org/1", "g1", body=FERRY),
            item("Ferry", "https://x.org/1", "g2", body=f"{FERRY} More soon."),
            ([LINK, GUID], [LINK, GUID]),
            id="nearly the same text under two guids",
        ),
        pytest.param(
            item("Ferry", "https://x.org/1", "g1", body=FERRY),
            item("Ferry", "https://x.org/1", "g2", body=FERRY[:110]),
            ([GUID], [GUID]),
            id="an extract under a guid of its own",
        ),
        pytest.param(
            item("Ferry", "https://x.org/1", body=FERRY),
            item("Ferry", "https://x.org/1", body=BREAD),
            ([CONTENT], [CONTENT]),
            id="one headline, two texts",
        ),
        pytest.param(
            item("Ferry", "https://x.org/1", "g1", body="Late."),
            item("Ferry", "https://x.org/1", "g2", body="Later."),
            ([GUID], [GUID]),
            id="one headline, two guids, short texts",
        ),
        pytest.param(
            item("Ferry", "https://x.org/1", body="Late."),
            item("Ferry", "https://x.org/1", body="Late. Wait at the pier."),
            ([LINK], [LINK]),
            id="one headline, a short text that goes on",
        ),
        pytest.param(
            item("Ferry is late", "https://x.org/1", body="Late."),
            item("The ferry is late", "https://x.org/1", body="Late."),
            ([LINK], [LINK]),
            id="one short text, another headline",
        ),
        pytest.param(
            item("Flash 1", "https://x.org/", body=""),
            item("Flash 2", "https://x.org/", body=""),
            ([CONTENT], [CONTENT]),
            id="headlines without texts",
        ),
    ],
)
def test_what_entries_share_is_no_identity(
    first: str, second: str, expected: tuple[list[AliasKind], list[AliasKind]]
) -> None:
    one, other = entries(rss(first + second))
    assert (kinds(one), kinds(other)) == expected


def test_a_shared_link_is_flagged() -> None:
    found = entries(rss(item("a", "https://x.org/") + item("b", "https://x.org/") + item("c", "https://x.org/c")))
    assert [Flag.SHARED_LINK in each.flags for each in found] == [True, True, False]
    assert [each.url for each in found] == ["https://x.org/", "https://x.org/", "https://x.org/c"]
    assert [each.link_is_root for each in found] == [True, True, False]


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        pytest.param(item(link="https://x.org/1"), item(link="http://www.x.org/1/?utm_source=a"), {LINK}, id="tracker"),
        pytest.param(
            item(link="https://x.org/1", guid="http://x.org/?p=1"),
            item(link="https://x.org/new", guid="https://x.org/?p=1"),
            {GUID},
            id="guid goes https",
        ),
        pytest.param(
            item(link="https://x.org/1", guid="1"),
            item(link="https://y.org/1", guid="1"),
            set(),
            id="guid of another site",
        ),
        pytest.param(
            item(body="<p>One</p>"), item(body="<div>O<b>ne</b></div>".replace("<", "&lt;")), {CONTENT}, id="markup"
        ),
        pytest.param(item(body="one"), item(body="two"), set(), id="other content"),
        pytest.param(item("a", body="one"), item("b", body="one"), set(), id="other title"),
        pytest.param(item(link="https://x.org/story?sid=1"), item(link="https://x.org/story?sid=2"), set(), id="sid"),
    ],
)
def test_keys_over_documents(first: str, second: str, same: set[AliasKind]) -> None:
    one, other = keys(entry(rss(first))), keys(entry(rss(second)))
    assert {kind for kind in one if one[kind] == other.get(kind)} == same


def test_a_guid_of_one_feed_is_not_that_of_another() -> None:
    one = entry(atom("<entry><title>a</title><id>1</id></entry>"))
    other = entry(atom("<entry><title>a</title><id>1</id></entry>"), source_url="https://blog.example.net/atom")
    assert kinds(one) == kinds(other) == [GUID, GUID]
    assert not {alias.key for alias in one.aliases} & {alias.key for alias in other.aliases}


@pytest.mark.parametrize(
    ("other", "same"),
    [
        pytest.param(entry(rss(item(guid="1"))), 2, id="the same feed"),
        pytest.param(entry(rss(item(guid="1")), source_url=FEED + "?token=1"), 1, id="its address changed"),
        pytest.param(
            entry(rss(item(guid="1")), source_url="https://feeds.example.net/7"), 1, id="it moved to a service"
        ),
        pytest.param(entry(rss(item(link="https://www.example.org/1", guid="1"))), 1, id="a link of its site"),
        pytest.param(entry(rss(item(link="https://example.net/1", guid="1"))), 0, id="a link of another site"),
    ],
)
def test_a_guid_without_a_link_holds_within_its_feed_and_its_site(other: Entry, same: int) -> None:
    keys = [alias.key for alias in entry(rss(item(guid="1"))).aliases]
    assert len(keys) == 2
    assert len({alias.key for alias in other.aliases} & set(keys)) == same
    assert (keys[0] == other.aliases[0].key) is (same == 2), "the id is its feed's"


def test_a_guid_of_no_known_feed_counts_where_it_is_unique_by_itself() -> None:
    unique = entry(atom("<entry><title>a</title><id>tag:x.org,2024:1</id></entry>"), source_url=None)
    common = entry(atom("<entry><title>a</title><id>1</id></entry>"), source_url=None)
    assert kinds(unique) == [GUID]
    assert kinds(common) == [CONTENT]


@pytest.mark.parametrize(
    ("change", "differs"),
    [
        pytest.param({}, False, id="nothing"),
        pytest.param({"title": "Ferries"}, True, id="title"),
        pytest.param({"link": "https://x.org/1?utm_source=b"}, True, id="link as received"),
        pytest.param({"guid": "2"}, True, id="guid"),
        pytest.param({"body": "Later."}, True, id="body"),
        pytest.param({"more": "<author>Lin</author>"}, True, id="author"),
        pytest.param({"more": "<category>a</category>"}, True, id="category"),
        pytest.param({"more": "<pubDate>Fri, 16 Feb 2024 21:03:04 GMT</pubDate>"}, True, id="date"),
        pytest.param({"more": '<enclosure url="https://x.org/a.mp3"/>'}, True, id="enclosure"),
        pytest.param({"more": "<comments>5</comments>"}, False, id="comments"),
    ],
)
def test_quick_hashes_what_the_publisher_wrote(change: dict[str, str], differs: bool) -> None:
    usual = {"title": "Ferry", "link": "https://x.org/1", "guid": "1", "body": "Late."}
    before, after = entry(rss(item(**usual))), entry(rss(item(**(usual | change))))
    assert len(before.quick) == 16
    assert (before.quick != after.quick) is differs


def test_the_crawlers_comment_is_not_the_publishers() -> None:
    one = entry("<!--1708119543000-->\n[a](https://x.org/1)\n------\n\n<p>x</p>")
    other = entry("<!--1708119599000-->\n[a](https://x.org/1)\n------\n\n<p>x</p>")
    assert one.quick == other.quick


@pytest.mark.parametrize(
    ("document", "flags"),
    [
        pytest.param(item(link="https://x.org/1"), [], id="none"),
        pytest.param(item(), [Flag.NO_LINK], id="no link"),
        pytest.param(item(link="https://exa mple.org/"), [Flag.BAD_URL], id="bad address"),
        pytest.param(item("a\ufffdb", "https://x.org/1"), [Flag.REPLACEMENT_CHARACTERS], id="replacement characters"),
        pytest.param(item("a & b", "https://x.org/1"), [Flag.REPAIRED], id="repaired"),
    ],
)
def test_flags(document: str, flags: list[Flag]) -> None:
    assert entry(rss(document)).flags == flags


@pytest.mark.parametrize(
    ("date", "head", "link", "at"),
    [
        pytest.param("2024-02-16 21:03:04", "<language>zh-cn</language>", "", "13:03", id="chinese"),
        pytest.param("2024-02-16 21:03:04 CST", "<language>zh-cn</language>", "", "13:03", id="china standard time"),
        pytest.param("2024-02-16 21:03:04", "<language>ko</language>", "", "12:03", id="korean"),
        pytest.param("2024-02-16 21:03:04 GMT", "<language>zh-cn</language>", "", "21:03", id="a stated zone wins"),
        pytest.param("2024-02-16 21:03:04", "", "", "21:03", id="no language"),
        pytest.param("2024-02-16 21:03:04", "<language>zh</language>", "https://a.jp/1", "12:03", id="the site wins"),
    ],
)
def test_a_date_without_a_zone_is_in_that_of_its_language(date: str, head: str, link: str, at: str) -> None:
    found = entry(rss(item(link=link, more=f"<pubDate>{date}</pubDate>"), head=head))
    assert found.published is not None
    assert f"{found.published.at:%H:%M}" == at


def test_what_every_entry_carries() -> None:
    found = entry(rss(item(link="https://blog.news.co.uk/1")))
    assert found.site == "news.co.uk"
    assert found.feed_site == "example.org"
    assert found.feed_key is not None
    assert found.feed is not None
    assert found.feed.url == FEED


def test_a_relative_link_leads_to_the_same_address_from_a_dead_letter() -> None:
    found = entry(
        atom(
            '<entry><title>a</title><link href="dir/1"/><content type="html" xml:base="https://x.org/img/">x</content></entry>'
        )
    )
    assert found.url == found.original_url == "https://news.example.org/dir/1"
    assert found.base_url == "https://x.org/img/"
