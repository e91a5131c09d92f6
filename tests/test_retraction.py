"""A retraction by id, from its document to the entry that dedupe sees."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec
import pytest

from agents.deadletters import entry_document, retraction_document
from agents.parse.stage import ParseStage
from agents.stage import NoState
from schemas import Alias, AliasKind, Entry, RawDocument
from tests.kafka.stand import Stand, item

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("url", "site", "key"),
    [
        pytest.param("https://www.lanhai.example/a/1", "lanhai.example", b"lanhai.example", id="an address"),
        pytest.param(None, "lanhai.example", b"lanhai.example", id="the site of its feed"),
        pytest.param(None, None, b"ab" * 16, id="neither"),
    ],
)
def test_a_retraction_by_id_finds_its_item_and_the_item_s_partition(
    url: str | None, site: str | None, key: bytes
) -> None:
    taken = item(Stand("", "feeds").source(3), id="ab" * 16, url=url, site=site)
    raw = RawDocument(
        topic="feeds.raw", partition=0, offset=9, body=retraction_document(taken), arrival=NOON, received_at=NOON
    )
    [output] = ParseStage().handle([raw], NoState(), NOON)
    entry = msgspec.msgpack.decode(output.value or b"", type=Entry)
    assert (entry.retraction, entry.aliases) == (True, [Alias(AliasKind.ITEM, bytes.fromhex(taken.id), taken.id)])
    assert (output.key, entry.title, entry.feed_key) == (key, taken.title, None)

    again = msgspec.structs.replace(raw, body=entry_document(entry))
    [output] = ParseStage().handle([again], NoState(), NOON)
    assert msgspec.msgpack.decode(output.value or b"", type=Entry).aliases == entry.aliases


def test_an_id_says_nothing_of_an_entry_that_takes_nothing_back() -> None:
    """Else anybody could revise anybody's item by its id."""
    body = b'{"title": "T", "url": "https://a.example/1", "_feedmill": {"item": "%s"}}' % (b"ab" * 16)
    raw = RawDocument(topic="feeds.raw", partition=0, offset=9, body=body, arrival=NOON, received_at=NOON)
    [output] = ParseStage().handle([raw], NoState(), NOON)
    entry = msgspec.msgpack.decode(output.value or b"", type=Entry)
    assert [alias.kind for alias in entry.aliases] == [AliasKind.LINK]
