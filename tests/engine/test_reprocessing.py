"""Which raw records are published again, and as what."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec
import pytest

from agents.engine.intake import raw_document
from agents.engine.reprocessing import RUN_HEADER, Run, again, is_replay
from agents.engine.transport import Incoming
from agents.stage import Headers

RUN = Run(id="0a1b2c3d", until=1_764_000_000_000)
FEED = "https://www.lanhai.example/feed.xml"


def raw(*headers: tuple[str, bytes], key: bytes | None = None) -> Incoming:
    return Incoming("feeds.raw", 1, 7, 1_763_942_400_123, key, b"<rss/>", headers)


def test_it_is_received_when_it_was_by_the_broker_s_own_word() -> None:
    """As if the sender had said so, the item's `seen_at` would have another origin, and its revisions another order."""
    first = raw(("ref", b"r"), ("traceparent", b"t"))
    made = again(first, RUN)
    assert (made.partition, made.key, made.value) == (1, None, b"<rss/>")
    before = raw_document(first)
    after = raw_document(Incoming("feeds.raw", 1, 99, 1_764_999_999_999, None, made.value, made.headers))
    assert after.replay_of == "feeds.raw/1/7"
    for name in ("received_at", "received_from_header", "ref", "traceparent", "content_type", "source_url", "body"):
        assert getattr(after, name) == getattr(before, name), name
    assert not after.received_from_header


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        pytest.param(b"2026-11-20T09:00:00+01:00", True, id="as the sender says"),
        pytest.param(b"yesterday", False, id="as the broker says, where the sender says nothing readable"),
    ],
)
def test_the_sender_s_moment(sent: bytes, kept: bool) -> None:
    made = raw_document(raw(*again(raw(("Received-At", sent)), RUN).headers))
    assert made.received_from_header is kept
    assert made.received_at == (
        datetime(2026, 11, 20, 8, tzinfo=UTC) if kept else datetime(2025, 11, 24, 0, 0, 0, 123000, tzinfo=UTC)
    )


def test_the_run_stands_in_each_record() -> None:
    written = dict(again(raw(), RUN).headers)[RUN_HEADER]
    assert msgspec.json.decode(written, type=Run) == RUN


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        pytest.param((), False, id="an original"),
        pytest.param((("replay-of", b"feeds.raw/0/3"),), True, id="a document's"),
        pytest.param((("Replay-Of", b"feeds.raw/0/3/2"),), True, id="an entry's"),
        pytest.param((("replay-of", b"file/0/3"),), False, id="what never stood on this topic stands here first"),
        pytest.param((("replay-of", b"nonsense"),), False, id="no position"),
    ],
)
def test_replays_are_told_from_originals(headers: Headers, expected: bool) -> None:
    assert is_replay(raw(*headers)) is expected


@pytest.mark.parametrize(
    ("wanted", "record", "expected"),
    [
        pytest.param({}, raw(), True, id="all"),
        pytest.param({"feed": FEED}, raw(("source-url", FEED.encode())), True, id="by its header"),
        pytest.param({"feed": FEED}, raw(("source-url", b"http://lanhai.example/feed.xml/")), True, id="alike"),
        pytest.param({"feed": FEED}, raw(key=FEED.encode()), True, id="by its key"),
        pytest.param({"feed": FEED}, raw(("source-url", b"https://o.example/f"), key=FEED.encode()), False, id="not"),
        pytest.param({"feed": FEED}, raw(), False, id="nobody's"),
        pytest.param({"site": "lanhai.example"}, raw(key=FEED.encode()), True, id="site of a feed"),
        pytest.param({"site": "lanhai.example"}, raw(key=b"lanhai.example"), True, id="site as the key"),
        pytest.param({"site": "hai.example"}, raw(key=FEED.encode()), False, id="another site"),
    ],
)  # fmt: skip
def test_what_a_run_wants(wanted: dict[str, str], record: Incoming, expected: bool) -> None:
    assert Run(id="0", until=1, **wanted).wants(record) is expected  # type: ignore[arg-type]
