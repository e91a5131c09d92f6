"""The closed lists and field names against the contract, which is fixed: what is named here may not go."""

from __future__ import annotations

from enum import StrEnum

import pytest

from schemas import (
    Changed,
    Confidence,
    DateOrigin,
    DeadLetterCode,
    DedupeRule,
    Flag,
    Format,
    GroupingRule,
    ImageRole,
    PayloadEncoding,
    StageName,
    Verdict,
)
from schemas.generate import json_schema

WHOLE = [
    pytest.param(Verdict, "new revision reprint", id="verdict"),
    pytest.param(Changed, "title text dates", id="decision.changed"),
    pytest.param(DateOrigin, "body feed comment header url broker earlier-revision", id="dates.origin"),
    pytest.param(Confidence, "exact assumed-zone day guess", id="dates.confidence"),
    pytest.param(ImageRole, "lead inline", id="images.role"),
    pytest.param(PayloadEncoding, "utf-8 base64", id="payload_encoding"),
    pytest.param(StageName, "parse dedupe enrich stories", id="stage"),
]

NAMED = [
    pytest.param(
        Flag,
        "no-date date-in-future no-text short-text title-from-text bad-url replacement-characters truncated returned",
        id="flags",
    ),
    pytest.param(
        DedupeRule,
        "reused-address older-copy other-feed truncated-copy retraction retracted superseded rebased same-text",
        id="decision.rule",
    ),
    pytest.param(GroupingRule, "not-grouped", id="grouping.rule"),
    pytest.param(DeadLetterCode, "no-entries empty-entry too-large unknown-item crashed-worker", id="code"),
    pytest.param(Format, "markdown rss rdf atom json-feed json-item", id="source.format"),
]

FIELDS = [
    pytest.param(
        "item",
        "schema pipeline id revision verdict decision grouping url original_url guid site feed title authors categories"
        " text html summary dateline images links attachments published_at updated_at seen_at dates language"
        " language_confidence keywords names places word_count reading_seconds story_id reprint_of flags source"
        " replay_of",
        id="item",
    ),
    pytest.param("duplicate", "schema id revision decision title url site source", id="duplicate"),
    pytest.param(
        "dead-letter",
        "schema stage code message source id revision payload payload_encoding failed_at",
        id="dead-letter",
    ),
]

PARTS = [
    pytest.param("Source", "topic partition offset index count format received_at ref", id="source"),
    pytest.param("Decision", "rule matched score changed evidence", id="decision"),
    pytest.param("Grouping", "rule matched score evidence", id="grouping"),
    pytest.param("Feed", "url title", id="feed"),
    pytest.param("Image", "url original_url caption alt role", id="images"),
    pytest.param("Link", "url text", id="links"),
    pytest.param("Attachment", "url type bytes seconds", id="attachments"),
    pytest.param("DateProvenance", "raw origin confidence", id="dates"),
    pytest.param("Keyword", "term weight", id="keywords"),
    pytest.param("Name", "name gloss count", id="names"),
    pytest.param("Place", "name country count", id="places"),
]


def values(closed: type[StrEnum]) -> set[str]:
    return {member.value for member in closed}


@pytest.mark.parametrize(("closed", "named"), WHOLE)
def test_lists_that_the_contract_names_whole(closed: type[StrEnum], named: str) -> None:
    assert values(closed) == set(named.split())


@pytest.mark.parametrize(("closed", "named"), NAMED)
def test_values_that_the_contract_names(closed: type[StrEnum], named: str) -> None:
    assert set(named.split()) <= values(closed)


@pytest.mark.parametrize(("name", "fields"), FIELDS)
def test_fields_of_the_records(name: str, fields: str) -> None:
    schema = json_schema(name)
    record = schema["$defs"][schema["$ref"].rpartition("/")[2]]
    assert set(fields.split()) <= record["properties"].keys()


@pytest.mark.parametrize(("name", "fields"), PARTS)
def test_fields_of_their_parts(name: str, fields: str) -> None:
    assert json_schema("item")["$defs"][name]["properties"].keys() == set(fields.split())


def test_every_closed_list_reaches_the_schemas() -> None:
    """An enum in the code that no schema shows would be a list that readers cannot know."""
    shown = {tuple(one["enum"]) for name in ("item", "duplicate", "dead-letter") for one in _enums(json_schema(name))}
    for closed in (Verdict, DedupeRule, GroupingRule, Changed, Flag, Format, DeadLetterCode, StageName, DateOrigin):
        assert tuple(sorted(values(closed))) in {tuple(sorted(found)) for found in shown}, closed


def _enums(schema: dict[str, object]) -> list[dict[str, list[str]]]:
    definitions = schema["$defs"]
    assert isinstance(definitions, dict)
    return [one for one in definitions.values() if "enum" in one]
