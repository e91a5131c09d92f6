"""The sample documents: a whole set, listed, invented, and with an expectation that can be met."""

from __future__ import annotations

import re
from collections import Counter
from datetime import UTC, datetime
from pathlib import PurePosixPath

import msgspec
import pytest

from agents import samples
from agents.engine.topics import Naming
from agents.pipeline import Pipeline
from agents.run import run
from agents.runstate import RunState
from agents.stage import Topic
from schemas import DeadLetter, DeadLetterCode, DedupeRule, Duplicate, Flag, GroupingRule, Item, Verdict

LANGUAGES = frozenset({"zh-Hans", "zh-Hant", "en", "ja", "ko", "fr", "de", "es", "ru", "ar", "pt", "it", "tr"})

# What the set promises to show, each with the fewest documents that show it.
THEMES = {
    "forms": "rss-2.0:20 rss-0.91 atom-1.0:5 atom-0.3 rdf:2 json-feed-1.0 json-feed-1.1 json-item:3",
    "seed": "bracket-first bracket-last bracket-unbalanced bracket-nested parentheses-in-link crlf bom front-matter:2"
    " several-blocks no-body no-title no-headers body-date-rfc822 body-date-iso comment-date nan-with-body-date"
    " nan-without-date",
    "revisions": "revision-title revision-text revision-undated older-copy same-text exact-repeat",
    "duplicates": "duplicate-tracking duplicate-scheme-www-slash wrapper-amp wrapper-google other-feed truncated-copy"
    " summary-feed full-text-feed aggregator",
    "near-copies": "reprint:4 traditional-pair:3 excerpt same-story:9 template-brief:14",
    "identity": "front-page-link:2 reused-address guid-reused guid-http-https no-link-no-guid link-with-sid",
    "retraction": "deleted-entry retraction retracted",
    "content": "image-proxy image-caption table list dateline:10 gloss places enclosure relative-links",
    "encodings": "encoding-gbk encoding-big5 encoding-shift-jis encoding-euc-kr encoding-windows-1251"
    " encoding-windows-1252 encoding-utf-16 encoding-declared encoding-undeclared encoding-wrong wrong-content-type",
    "broken": "broken-xml:6 control-characters junk-before-prolog wrong-types malformed-json no-entries:3 empty-entry",
    "dates": "dates date-in-future no-date",
    "hostile": "hostile-script hostile-markup bad-link terminal-escapes many-tags deep-html deep-xml entity-bomb"
    " external-entity long-url",
    "junk": "empty-document binary web-page plain-text other-xml",
}

# Addresses that must look like a known proxy, a namespace or a format's version.
REAL_HOSTS = frozenset(
    {
        *("images.weserv.nl", "wsrv.nl", "i0.wp.com", "www.google.com", "external.xx.fbcdn.net"),
        *("jsonfeed.org", "www.w3.org", "purl.org", "search.yahoo.com", "www.itunes.com", "my.netscape.com"),
    }
)
_HOST = re.compile(r"(?:https?:|ssl:)(?://)?(?!/)([^/?#\s\"'<>\]):;&]+)", re.IGNORECASE)


@pytest.fixture(scope="module")
def index() -> list[samples.Sample]:
    return samples.index()


def test_every_document_is_listed_once(index: list[samples.Sample]) -> None:
    listed = [sample.path for sample in index]
    stored = sorted(f"documents/{path.name}" for path in (samples.FOLDER / "documents").iterdir())
    assert sorted(listed) == stored
    assert len(listed) >= 120


def test_refs_are_names_and_arrival_is_in_order(index: list[samples.Sample]) -> None:
    arrivals = [datetime.fromisoformat(sample.received_at) for sample in index]
    assert arrivals == sorted(set(arrivals))
    assert arrivals[0] >= datetime(2026, 11, 20, tzinfo=UTC)
    assert arrivals[-1] < datetime(2026, 11, 23, tzinfo=UTC)
    for number, sample in enumerate(index, start=1):
        assert PurePosixPath(sample.path).stem == sample.ref
        assert sample.ref.startswith(f"{number:03d}-")
        assert sample.shows


def test_records_carry_the_documents_and_their_headers(index: list[samples.Sample]) -> None:
    records = samples.records()
    assert [record.ref for record in records] == [sample.ref for sample in index]
    for record, sample in zip(records, index, strict=True):
        assert record.body == (samples.FOLDER / sample.path).read_bytes()
        assert (record.content_type, record.source_url) == (sample.content_type, sample.source_url)
        assert record.received_at == sample.received_at


def test_git_leaves_line_ends_and_marks_alone() -> None:
    """Should a checkout rewrite line ends, these two documents would show nothing any more."""
    by_name = {record.ref.split("-", 1)[1]: record.body for record in samples.records() if record.ref}
    assert b"\r\n------\r\n" in by_name["crlf"]
    assert by_name["bom"].startswith(b"\xef\xbb\xbf<!--")


@pytest.mark.parametrize("kind", THEMES)
def test_every_theme_is_there(kind: str, index: list[samples.Sample]) -> None:
    counts = Counter(theme for sample in index for theme in sample.themes)
    for wanted in THEMES[kind].split():
        theme, _, least = wanted.partition(":")
        assert counts[theme] >= int(least or 1), theme


def test_languages_and_the_seeds_form(index: list[samples.Sample]) -> None:
    assert {theme for sample in index for theme in sample.themes} >= LANGUAGES
    seed = [s for s in index if "markdown" in s.themes and {"zh-Hans", "zh-Hant"} & set(s.themes)]
    assert len(seed) >= 50


@pytest.mark.parametrize(("series", "least"), [("fx-brief", 8), ("weather", 4)])
def test_a_series_comes_by_one_feed(series: str, least: int, index: list[samples.Sample]) -> None:
    feeds = Counter(sample.source_url for sample in index if f"-{series}-" in sample.ref)
    assert len(feeds) == 1
    assert feeds.total() >= least


def test_no_real_publisher_is_named() -> None:
    strangers = set()
    for record in samples.records():
        text = _readable(record.body)
        hosts = {host.rpartition("@")[2].lower() for host in _HOST.findall(text)}
        strangers |= {host for host in hosts if not host.endswith(".example") and host not in REAL_HOSTS}
    # the AMP cache's host holds the publisher's; what stands before the dots is no address at all
    assert strangers == {"www-meridianwire-example.cdn.ampproject.org"}


def test_expectations_name_entries_and_closed_values(index: list[samples.Sample]) -> None:
    place = {sample.ref: number for number, sample in enumerate(index)}
    seen: dict[tuple[str, int | None], samples.Expected] = {}
    for expected in samples.expectations():
        key = (expected.ref, expected.index)
        assert expected.ref in place
        assert key not in seen
        seen[key] = expected
        assert all(_is_closed(expected.outcome, detail) for detail in expected.details), expected
        first_sighting = expected.outcome == "item" and expected.details[0].startswith("new")
        assert (expected.of is None) == (first_sighting or expected.outcome == "dead-letter"), expected
        if expected.of is not None:
            assert expected.of in seen, expected
            assert seen[expected.of].outcome == "item"
            assert seen[expected.of].details[0].split()[0] in ("new", "reprint"), expected
    assert {expected.outcome for expected in seen.values()} == {"item", "duplicate", "dead-letter"}


def test_documents_without_an_expectation_are_those_that_the_contract_leaves_open(
    index: list[samples.Sample],
) -> None:
    told = {expected.ref for expected in samples.expectations()}
    silent = {sample.ref.split("-", 1)[1] for sample in index if sample.ref not in told}
    assert silent == {"deep-html", "entity-bomb", "external-entity"}


def test_expected_revisions_have_no_gap() -> None:
    revisions: dict[tuple[str, int | None], int] = {}
    for expected in samples.expectations():
        words = expected.details[0].split()
        if expected.outcome == "item" and words[0] != "revision":
            revisions[expected.ref, expected.index] = 1
        elif expected.outcome == "item":
            assert expected.of is not None
            assert int(words[1]) == revisions[expected.of] + 1
            revisions[expected.of] += 1


Outcome = Item | Duplicate | DeadLetter

_RECORDS: dict[Topic, type[Outcome]] = {
    Topic.ENRICHED: Item,
    Topic.DUPLICATES: Duplicate,
    Topic.DEAD_LETTER: DeadLetter,
}


@pytest.fixture(scope="module")
def outcomes() -> dict[tuple[str | None, int | None], Outcome]:
    """What the pipeline makes of the whole set, by (ref, index); each place once."""
    naming = Naming()
    made: dict[tuple[str | None, int | None], Outcome] = {}
    for done in run(samples.records(), Pipeline(naming), RunState(), datetime(2026, 11, 23, tzinfo=UTC)):
        for result in done.results:
            if result.value is None:
                continue  # the tombstone of a retraction; its entry has an outcome of its own
            outcome = msgspec.json.decode(result.value, type=_RECORDS[result.role])
            place = (outcome.source.ref, outcome.source.index)
            assert place not in made
            made[place] = outcome
    return made


def test_the_pipeline_does_what_is_expected(outcomes: dict[tuple[str | None, int | None], Outcome]) -> None:
    wrong = []
    for expected in samples.expectations():
        made = outcomes.get((expected.ref, expected.index))
        if made is None or not any(_agrees(made, expected.outcome, detail) for detail in expected.details):
            wrong.append((expected, made and _told(made)))
        elif expected.of is not None:
            first = outcomes[expected.of]
            assert isinstance(first, Item)
            if isinstance(made, Item) and made.verdict is not Verdict.REVISION:
                same = made.id != first.id and (made.verdict is Verdict.NEW or made.reprint_of == first.id)
            else:
                same = made.id == first.id
            if not same:
                wrong.append((expected, f"belongs to {made.id}, not to {first.id}"))
    assert not wrong


ELEPHANT = {
    "157-elephant": GroupingRule.FIRST_REPORT,
    "158-elephant-haitang": GroupingRule.SAME_EVENT,
    "159-elephant-zaowan": GroupingRule.SAME_EVENT,
    "160-elephant-excerpt": GroupingRule.EXCERPT,
    "161-elephant-hant": GroupingRule.NEAR_COPY,
    "162-elephant-wire": GroupingRule.FIRST_REPORT,
    "163-elephant-harbour": GroupingRule.SAME_EVENT,
    "164-elephant-longford": GroupingRule.SAME_EVENT,
}


def test_one_event_is_one_story_in_each_script(outcomes: dict[tuple[str | None, int | None], Outcome]) -> None:
    items = {ref: outcomes[ref, 0] for ref in ELEPHANT}
    assert {ref: item.grouping.rule for ref, item in items.items() if isinstance(item, Item)} == ELEPHANT
    told = [item.story_id for item in items.values() if isinstance(item, Item)]
    first, wire = outcomes["157-elephant", 0], outcomes["162-elephant-wire", 0]
    assert told == [first.id] * 5 + [wire.id] * 3


def test_a_series_in_one_feed_stays_apart(outcomes: dict[tuple[str | None, int | None], Outcome]) -> None:
    weeks = [outcomes["165-reservoir", index] for index in range(3)]
    assert len({week.story_id for week in weeks if isinstance(week, Item)}) == 3
    assert all(week.reprint_of is None for week in weeks if isinstance(week, Item))


def test_items_are_in_the_language_of_their_document(
    index: list[samples.Sample], outcomes: dict[tuple[str | None, int | None], Outcome]
) -> None:
    wanted = {sample.ref: LANGUAGES & set(sample.themes) for sample in index}
    others = {
        (item.source.ref, item.source.index): item.language
        for item in outcomes.values()
        if isinstance(item, Item)
        and Flag.NO_TEXT not in item.flags
        and item.source.ref in wanted
        and item.language not in (wanted[item.source.ref] or {item.language})
    }
    assert others == {}


def _agrees(made: Outcome, outcome: str, detail: str) -> bool:
    match made:
        case Item():
            verdict, revision, *rules = detail.split()
            same = made.verdict == verdict and made.revision == int(revision) and set(rules) <= {made.decision.rule}
            return outcome == "item" and same
        case Duplicate():
            return outcome == "duplicate" and made.decision.rule == detail
        case DeadLetter():
            return outcome == "dead-letter" and made.code == detail


def _told(made: Outcome) -> str:
    match made:
        case Item():
            return f"item {made.verdict} {made.revision}: {made.decision}"
        case Duplicate():
            return f"duplicate: {made.decision}"
        case DeadLetter():
            return f"dead letter {made.code}: {made.message}"


def _is_closed(outcome: str, detail: str) -> bool:
    first, *rest = detail.split()
    match outcome:
        case "item":
            number, *rule = rest
            return first in set(Verdict) and int(number) >= 1 and set(rule) <= set(DedupeRule)
        case "duplicate":
            return not rest and first in set(DedupeRule)
        case "dead-letter":
            return not rest and first in set(DeadLetterCode)
    return False


def _readable(body: bytes) -> str:
    if body.startswith((b"\xff\xfe", b"\xfe\xff")):
        return body.decode("utf-16")
    return body.decode("utf-8", "ignore").replace("%3A", ":").replace("%2F", "/")
