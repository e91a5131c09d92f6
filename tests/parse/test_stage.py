from __future__ import annotations

import random
from datetime import UTC, datetime

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.deadletters import entry_document
from agents.parse.stage import ParseStage
from agents.stage import EntryRef, NoState, Topic
from schemas import (
    MAX_DOCUMENT_BYTES,
    DateOrigin,
    DeadLetter,
    DeadLetterCode,
    Entry,
    Format,
    PayloadEncoding,
    Position,
    RawDocument,
    StageName,
)
from tests.parse.reading import ARRIVAL, atom, decoded, entries, entry, letter, outputs, raw, results, rss

BLOCK = "<!--1708119543000-->\n[渡轮增班](https://www.news.example.org/1)\n------\n\n<p>码头</p>"


def many(count: int) -> str:
    return rss("".join(f"<item><title>{n}</title><link>https://x.org/{n}</link></item>" for n in range(count)))


def test_entries_go_on_by_site() -> None:
    (output,) = outputs(raw(BLOCK, ref="r1"))
    assert output.topic is Topic.ENTRIES
    assert output.key == b"example.org"
    assert output.entry == EntryRef(3, 77, 0)
    found = decoded(output)
    assert isinstance(found, Entry)
    assert (found.source.topic, found.source.partition, found.source.offset) == ("feeds.raw", 3, 77)
    assert (found.source.index, found.source.count, found.source.ref) == (0, 1, "r1")
    assert found.source.format is Format.MARKDOWN
    assert found.arrival == ARRIVAL


def test_without_a_site_they_go_by_feed_and_without_a_feed_by_content() -> None:
    text = "<!--NaN-->\n[a]()\n------\n\n<p>x</p>"
    by_feed, again, other = (outputs(raw(text, source_url=url))[0].key for url in ("https://10.0.0.1/f", None, None))
    assert by_feed == b"10.0.0.1"
    assert again == other
    assert again is not None
    assert len(again) == 32


@pytest.mark.parametrize(
    ("document", "code"),
    [
        pytest.param("", DeadLetterCode.EMPTY_DOCUMENT, id="nothing"),
        pytest.param(" \n ", DeadLetterCode.EMPTY_DOCUMENT, id="white space"),
        pytest.param("<html><body>404</body></html>", DeadLetterCode.UNSUPPORTED_FORMAT, id="web page"),
        pytest.param(rss(""), DeadLetterCode.NO_ENTRIES, id="feed without items"),
        pytest.param(atom(""), DeadLetterCode.NO_ENTRIES, id="atom without entries"),
        pytest.param("<rss><channel><i", DeadLetterCode.MALFORMED_FEED, id="broken, and nothing in it"),
        pytest.param(many(10_001), DeadLetterCode.TOO_MANY_ENTRIES, id="10,001 entries"),
        pytest.param(f"{BLOCK}\n" * 10_001, DeadLetterCode.TOO_MANY_ENTRIES, id="10,001 blocks"),
        pytest.param("<rss>" + "<a>" * 500 + "</a>" * 500 + "</rss>", DeadLetterCode.TOO_DEEP, id="500 elements deep"),
        pytest.param("<rss>" + "<a>" * 500, DeadLetterCode.MALFORMED_FEED, id="500 elements that nobody closes"),
    ],
)
def test_rejected_documents(document: str, code: DeadLetterCode) -> None:
    found = letter(raw(document, ref="r1"))
    assert (found.stage, found.code) == (StageName.PARSE, code)
    assert (found.source.index, found.source.count, found.source.ref) == (None, None, "r1")
    assert found.payload == document
    assert found.failed_at == ARRIVAL
    assert found.message.endswith(".")


def test_10_000_entries_are_read() -> None:
    assert len(outputs(raw(many(10_000)))) == 10_000


def test_a_document_over_8_mib_has_an_empty_payload() -> None:
    found = letter(raw(b"<rss>".ljust(MAX_DOCUMENT_BYTES + 1)))
    assert (found.code, found.payload) == (DeadLetterCode.TOO_LARGE, "")


def test_bytes_that_are_no_text_come_back_in_base64() -> None:
    found = letter(raw(b"\x1f\x8b\x08\x00"))
    assert (found.code, found.payload_encoding) == (DeadLetterCode.UNSUPPORTED_FORMAT, PayloadEncoding.BASE64)


@pytest.mark.parametrize(
    "item",
    [
        pytest.param("<item/>", id="nothing"),
        pytest.param("<item><guid>1</guid><pubDate>x</pubDate></item>", id="guid and date"),
        pytest.param(
            "<item><title>&#8203;</title><description>&lt;p&gt; &amp;nbsp;&lt;/p&gt;</description></item>", id="blank"
        ),
        pytest.param(
            "<item><description>&lt;img src='https://x.org/a.png'&gt;</description></item>", id="picture alone"
        ),
        pytest.param("<item><link>javascript:x</link></item>", id="a link that is none"),
    ],
)
def test_an_empty_entry_is_dead_lettered_alone(item: str) -> None:
    full = "<item><title>a</title><link>https://x.org/1</link></item>"
    first, second, third = results(raw(rss(full + item + full)))
    assert isinstance(first, Entry)
    assert isinstance(second, DeadLetter)
    assert isinstance(third, Entry)
    assert second.code is DeadLetterCode.EMPTY_ENTRY
    assert (second.source.index, second.source.count) == (1, 3)
    assert (third.source.index, third.source.count) == (2, 3)


@pytest.mark.parametrize(
    ("header", "document", "expected"),
    [
        pytest.param("feeds.raw/1/5/3", BLOCK, [Position("feeds.raw", 1, 5, 3)], id="one entry"),
        pytest.param(
            "feeds.raw/1/5", many(2), [Position("feeds.raw", 1, 5, 0), Position("feeds.raw", 1, 5, 1)], id="document"
        ),
    ],
)
def test_replay_of(header: str, document: str, expected: list[Position]) -> None:
    found = results(raw(document, replay_of=header))
    assert [each.replay_of for each in found] == expected


@pytest.mark.parametrize(
    ("header", "document"),
    [
        pytest.param("feeds.raw", BLOCK, id="no position"),
        pytest.param("feeds.raw/x/5", BLOCK, id="partition is no number"),
        pytest.param("feeds.raw/1/5/0", many(2), id="one entry named, two there"),
    ],
)
def test_replay_of_that_cannot_be_read(header: str, document: str) -> None:
    assert letter(raw(document, replay_of=header)).code is DeadLetterCode.BAD_HEADER


@pytest.mark.parametrize(
    ("header", "document", "code", "expected"),
    [
        pytest.param(
            "feeds.raw/1/5", "nothing known", "unsupported-format", Position("feeds.raw", 1, 5), id="whole, again"
        ),
        pytest.param(
            "feeds.raw/1/5/3", "nothing known", "unsupported-format", Position("feeds.raw", 1, 5, 3), id="an entry"
        ),
        pytest.param(
            "feeds.raw/1/5", '[{"title": "a"}, 7]', "malformed-entry", Position("feeds.raw", 1, 5, 1), id="of a whole"
        ),
        pytest.param(
            "feeds.raw/1/5/0", many(2), "bad-header", Position("feeds.raw", 1, 5, 0), id="one named, two there"
        ),
        pytest.param("feeds.raw", BLOCK, "bad-header", None, id="no position"),
    ],
)
def test_a_replay_that_fails_again_still_names_the_first(
    header: str, document: str, code: str, expected: Position | None
) -> None:
    found = results(raw(document, replay_of=header))[-1]
    assert isinstance(found, DeadLetter)
    assert (found.code.value, found.replay_of) == (code, expected)


def test_dates_of_the_sender() -> None:
    received = datetime(2024, 2, 17, 11, 0, tzinfo=UTC)
    (found,) = results(raw(rss("<item><title>a</title></item>"), received_at=received))
    assert isinstance(found, Entry)
    assert (found.seen.at, found.seen.origin, found.sent_at) == (received, DateOrigin.HEADER, received)
    (found,) = results(raw(rss("<item><title>a</title></item>")))
    assert isinstance(found, Entry)
    assert (found.seen.at, found.seen.origin, found.sent_at) == (ARRIVAL, DateOrigin.BROKER, None)
    (found,) = results(raw(BLOCK, received_at=received))
    assert isinstance(found, Entry)
    assert found.seen.origin is DateOrigin.COMMENT
    assert found.sent_at == found.seen.at == datetime(2024, 2, 16, 21, 39, 3, tzinfo=UTC)


@pytest.mark.parametrize(
    ("comment", "sent"),
    [
        pytest.param(1708167600000 - 60_000, "2024-02-17T10:59:00Z", id="a minute before its receipt"),
        pytest.param(1708167600000 + 8 * 3_600_000, "2024-02-17T11:00:00Z", id="another zone's clock"),
        pytest.param(3365000000000, None, id="the year 2076 is no sighting"),
    ],
)
def test_nobody_sees_an_entry_after_it_was_received(comment: int, sent: str | None) -> None:
    received = datetime(2024, 2, 17, 11, 0, tzinfo=UTC)
    (found,) = results(raw(BLOCK.replace("1708119543000", str(comment)), received_at=received))
    assert isinstance(found, Entry)
    assert found.sent_at == (datetime.fromisoformat(sent) if sent else None)
    assert int(found.seen.at.timestamp() * 1000) == comment  # as the sender stated it


def test_the_traceparent_goes_on() -> None:
    document = msgspec.structs.replace(raw(BLOCK), traceparent="00-a-b-01")
    (output,) = outputs(document)
    assert output.headers == (("traceparent", b"00-a-b-01"),)


DOCUMENTS = [
    pytest.param(
        rss(
            "<item><title>&amp;amp;amp;lt;b&amp;amp;amp;gt; A&amp;#160;B</title><link>https://x.org/1</link>"
            "<dc:creator>&amp;amp;amp;lt;i&amp;amp;amp;gt;</dc:creator><category>&lt;b&gt;A&amp;#160;B&lt;/b&gt;</category></item>"
        ),
        id="escaped again and again, no-break spaces",
    ),
    pytest.param(BLOCK, id="markdown"),
    pytest.param("<!--NaN-->\n[a](/1)\n------\n\n<div><i>2024-02-16T21:03:04Z</i>x</div>", id="markdown, dated body"),
    pytest.param(
        rss(
            '<item xml:base="https://x.org/b/"><title>a &amp;lt;b></title><link>c/1?utm_source=x</link><guid>7</guid>'
            "<pubDate>Fri, 16 Feb 2024 21:03 EST</pubDate><author>Lin</author><category>A</category>"
            '<enclosure url="a.mp3" length="5"/><media:content url="p.png" medium="image" width="5">'
            "<media:title>T</media:title></media:content><description>&lt;p&gt;x</description></item>"
        ),
        id="rss",
    ),
    pytest.param(rss("<item><title>a</title><guid isPermaLink='false'>7</guid></item>"), id="guid alone"),
    pytest.param(rss("<item><title>a</title></item>"), id="content alone"),
    pytest.param(atom("<entry><title>a</title><id>1</id><content>1 &lt; 2</content></entry>"), id="atom, plain text"),
    pytest.param(
        atom(
            "<entry><title>a</title><id>urn:1</id><link href='https://x.org/'/></entry>"
            "<entry><title>b</title><id>urn:2</id><link href='https://x.org/'/></entry>"
        ),
        id="shared link",
    ),
    pytest.param(
        atom('<d:deleted-entry xmlns:d="http://purl.org/atompub/tombstones/1.0" ref="https://x.org/1"/>'),
        id="tombstone",
    ),
    pytest.param(
        atom(
            '<d:deleted-entry xmlns:d="http://purl.org/atompub/tombstones/1.0" ref="urn:1"/>'
            "<entry><title>b</title><link href='https://x.org/'/></entry>"
        ),
        id="tombstone beside an entry",
    ),
]


@pytest.mark.parametrize("source_url", [pytest.param("https://news.example.org/feed", id="feed known"), None])
@pytest.mark.parametrize("document", DOCUMENTS)
def test_a_dead_letter_parses_back_to_its_entry(document: str, source_url: str | None) -> None:
    for before in entries(document, source_url=source_url):
        after = entry(entry_document(before), source_url=before.feed.url if before.feed else None)
        for name in set(Entry.__struct_fields__) - {"source", "quick"}:
            assert (name, getattr(after, name)) == (name, getattr(before, name))


def test_a_refused_entry_becomes_its_dead_letter() -> None:
    (output,) = outputs(raw(BLOCK))
    refused = ParseStage().refused(output, DeadLetterCode.REFUSED_BY_BROKER, "Too large.", ARRIVAL)
    found = decoded(refused)
    assert isinstance(found, DeadLetter)
    assert (found.code, found.source.index) == (DeadLetterCode.REFUSED_BY_BROKER, 0)
    assert refused.entry == output.entry
    assert entry(found.payload).url == "https://www.news.example.org/1"


SEEDS = [BLOCK, many(3), *(str(parameter.values[0]) for parameter in DOCUMENTS), '[{"title": "a", "url": "/1"}]']
TOKENS = [
    *("<", ">", "&", '"', "'", "/>", "</", "](", "[", "{", "}", "---", "------", "<!--1-->", "\x00", "\x1b", "\ud800"),
    *("]]>", "<![CDATA[", "<!--", "-->", "<!DOCTYPE[", "</item>", "<item>", "<entry>", "</description>", "<title>"),
    *("&#xD800;", "&nbsp;", "\\ud800", " xmlns:a='b'", " xml:base='"),
]


@settings(max_examples=300)
@given(st.sampled_from(SEEDS), st.randoms(use_true_random=False), st.integers(1, 12))
def test_mutated_documents_never_raise(document: str, chance: random.Random, changes: int) -> None:
    body = bytearray(document, "utf-8")
    for _ in range(changes):
        at = chance.randrange(len(body) + 1)
        token = chance.choice(TOKENS).encode("utf-8", "surrogatepass")
        match chance.randrange(4):
            case 0:
                body[at:at] = token
            case 1:
                del body[at : at + chance.randrange(40)]
            case 2:
                body[at : at + 1] = bytes([chance.randrange(256)])
            case _:
                body[at : at + len(token)] = token
    _check(bytes(body))


@given(st.binary(max_size=300), st.sampled_from([b"", b"<rss>", b"{", b"[", b"<!--1-->\n[", b"\xff\xfe", b"<feed>"]))
def test_bytes_never_raise(body: bytes, head: bytes) -> None:
    _check(head + body)


def _check(body: bytes) -> None:
    """Every document gives its entries by number, or one dead letter; everything can be sent."""
    document: RawDocument = raw(body)
    sent = ParseStage().handle([document], NoState(), ARRIVAL)
    found = [decoded(output) for output in sent]
    assert found
    if found[0].source.index is None:
        assert len(found) == 1
    else:
        assert [each.source.index for each in found] == list(range(len(found)))
        assert {each.source.count for each in found} == {len(found)}
    for each in found:
        if isinstance(each, Entry):
            assert each.aliases
            assert each.title or each.url or each.body or each.retraction
            again = entries(entry_document(each), source_url=each.feed.url if each.feed else None)
            for name in ("aliases", "title", "body", "feed", "published", "updated", "seen", "authors", "categories"):
                assert (name, getattr(again[0], name)) == (name, getattr(each, name))
            for name in ("attachments", "images", "retraction", "flags", "base_url"):
                assert (name, getattr(again[0], name)) == (name, getattr(each, name))
