"""The closed lists of the contract. A value that is not here does not leave the mill."""

from __future__ import annotations

from enum import StrEnum


class Verdict(StrEnum):
    """What an item is to the consumers of `feeds.enriched`."""

    NEW = "new"
    REVISION = "revision"
    REPRINT = "reprint"


class DedupeRule(StrEnum):
    """Why dedupe decided as it did (`decision.rule`). docs/guide/decisions.md has an example of each."""

    # the entry goes on
    FIRST_SIGHTING = "first-sighting"
    REUSED_ADDRESS = "reused-address"
    CONTENT_CHANGED = "content-changed"
    RETURNED = "returned"
    REPLAYED = "replayed"
    # the entry ends as a Duplicate
    SAME_ENTRY = "same-entry"
    SAME_TEXT = "same-text"
    OLDER_COPY = "older-copy"
    OTHER_FEED = "other-feed"
    TRUNCATED_COPY = "truncated-copy"
    REBASED = "rebased"
    SUPERSEDED = "superseded"
    RETRACTION = "retraction"
    RETRACTED = "retracted"


GOES_ON = frozenset(
    {
        DedupeRule.FIRST_SIGHTING,
        DedupeRule.REUSED_ADDRESS,
        DedupeRule.CONTENT_CHANGED,
        DedupeRule.RETURNED,
        DedupeRule.REPLAYED,
    }
)
"""The rules after which an entry goes on; all others end it as a Duplicate."""


class GroupingRule(StrEnum):
    """Why the stories stage grouped an item as it did (`grouping.rule`)."""

    NOT_GROUPED = "not-grouped"
    """Nothing to compare it by."""
    FIRST_REPORT = "first-report"
    """Nothing in the window is near enough: a story of its own."""
    SAME_EVENT = "same-event"
    """Title and beginning are those of a story's."""
    NEAR_COPY = "near-copy"
    """The text is an earlier item's; it shares its story."""
    EXCERPT = "excerpt"
    """The text is part of an earlier item's, or holds it whole; it shares its story."""
    KEPT = "kept"
    """A later sighting of an item whose story was given before."""


class Changed(StrEnum):
    """What differs between a revision and the one before it (`decision.changed`)."""

    TITLE = "title"
    TEXT = "text"
    DATES = "dates"


class DateOrigin(StrEnum):
    """Where a date was found."""

    BODY = "body"
    FEED = "feed"
    COMMENT = "comment"
    HEADER = "header"
    URL = "url"
    BROKER = "broker"
    EARLIER_REVISION = "earlier-revision"


class Confidence(StrEnum):
    """How sure a date is."""

    EXACT = "exact"
    ASSUMED_ZONE = "assumed-zone"
    DAY = "day"
    GUESS = "guess"


class ImageRole(StrEnum):
    LEAD = "lead"
    INLINE = "inline"


class Format(StrEnum):
    """The form of a raw document (`source.format`)."""

    MARKDOWN = "markdown"
    RSS = "rss"
    RDF = "rdf"
    ATOM = "atom"
    JSON_FEED = "json-feed"
    JSON_ITEM = "json-item"
    UNKNOWN = "unknown"


class ScriptFamily(StrEnum):
    """The script that most letters of an item belong to; it decides the partition of `stories`."""

    HAN = "han"
    LATIN = "latin"
    CYRILLIC = "cyrillic"
    ARABIC = "arabic"
    OTHER = "other"


class StageName(StrEnum):
    PARSE = "parse"
    DEDUPE = "dedupe"
    ENRICH = "enrich"
    STORIES = "stories"


class Flag(StrEnum):
    """Quality marks of an item (`flags`)."""

    NO_DATE = "no-date"
    DATE_IN_FUTURE = "date-in-future"
    NO_TEXT = "no-text"
    SHORT_TEXT = "short-text"
    TITLE_FROM_TEXT = "title-from-text"
    NO_LINK = "no-link"
    BAD_URL = "bad-url"
    SHARED_LINK = "shared-link"
    REPAIRED = "repaired"
    REPLACEMENT_CHARACTERS = "replacement-characters"
    TRUNCATED = "truncated"
    RETURNED = "returned"


class DeadLetterCode(StrEnum):
    """Why something could not be processed (`code`). docs/guide/dead-letters.md says what to do about each."""

    NO_ENTRIES = "no-entries"
    EMPTY_ENTRY = "empty-entry"
    EMPTY_DOCUMENT = "empty-document"
    TOO_LARGE = "too-large"
    TOO_MANY_ENTRIES = "too-many-entries"
    TOO_DEEP = "too-deep"
    UNDECODABLE = "undecodable"
    UNSUPPORTED_FORMAT = "unsupported-format"
    MALFORMED_FEED = "malformed-feed"
    MALFORMED_JSON = "malformed-json"
    MALFORMED_ENTRY = "malformed-entry"
    BAD_RECORD = "bad-record"
    BAD_HEADER = "bad-header"
    UNKNOWN_SCHEMA = "unknown-schema"
    UNKNOWN_ITEM = "unknown-item"
    REFUSED_BY_BROKER = "refused-by-broker"
    CRASHED_WORKER = "crashed-worker"


class PayloadEncoding(StrEnum):
    UTF_8 = "utf-8"
    BASE64 = "base64"
