"""Which entry a log line is about: of the inputs and outputs of the real stages."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from agents.dedupe.stage import DedupeStage
from agents.engine.about import FIELDS, about_input, about_offset, about_output, about_partition, about_record
from agents.engine.frames import encode_frames
from agents.engine.intake import raw_document
from agents.engine.store import MemoryTables, Overlay, Store
from agents.engine.topics import INPUT, Naming
from agents.engine.transport import Incoming
from agents.enrich.stage import EnrichStage
from agents.parse.stage import ParseStage
from agents.stage import Output, Stage, Topic
from agents.stories.stage import StoriesStage
from schemas import DeadLetterCode, StageName
from tests.documents import atom, deleted, entry

NAMING = Naming()
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
RAW = Incoming(
    "feeds.raw", 3, 1042, 1_795_000_000_000, None, atom(entry(1), entry(2)),
    (("traceparent", f"00-{TRACE}-00f067aa0ba902b7-01".encode()),),
)  # fmt: skip
STAGES: tuple[Stage[Any], ...] = (ParseStage(), DedupeStage(), EnrichStage(pipeline="0"), StoriesStage())


def handled() -> list[tuple[Stage[Any], Sequence[Any], list[Output]]]:
    """What each stage was given of a document of two entries, and what it made of it."""
    inputs: list[Any] = [raw_document(RAW)]
    found: list[tuple[Stage[Any], Sequence[Any], list[Output]]] = []
    for stage in STAGES:
        outputs = stage.handle(inputs, Overlay(Store(MemoryTables(), "changelog", 0)), NOW)
        found.append((stage, inputs, outputs))
        inputs = [output.value for output in outputs]
    return found


HANDLED = handled()


@pytest.mark.parametrize(("stage", "inputs", "outputs"), HANDLED, ids=list(StageName))
def test_every_input_and_output_names_its_entry_and_its_trace(
    stage: Stage[Any], inputs: Sequence[Any], outputs: Sequence[Output]
) -> None:
    entries = [{"source": f"feeds.raw/3/1042/{index}", "trace_id": TRACE} for index in (0, 1)]
    document = [{"source": "feeds.raw/3/1042", "trace_id": TRACE}]
    assert [about_input(stage.name, one) for one in inputs] == (document if stage.name == "parse" else entries)
    assert [about_output(NAMING, output) for output in outputs] == entries


@pytest.mark.parametrize(("stage", "inputs", "outputs"), HANDLED, ids=list(StageName))
def test_a_record_names_itself_and_the_first_that_it_holds(
    stage: Stage[Any], inputs: Sequence[Any], outputs: Sequence[Output]
) -> None:
    record = RAW
    if stage.name is not StageName.PARSE:
        [(frame, _)] = encode_frames([(None, one) for one in inputs])
        record = Incoming(NAMING.topic(INPUT[stage.name]), 5, 77, 0, None, frame)
    about = about_record(stage.name, record)
    assert about["record"] == record.place
    assert (about["stage"], about["partition"], about["trace_id"]) == (stage.name, record.partition, TRACE)
    assert about["source"] == "feeds.raw/3/1042" + ("" if stage.name is StageName.PARSE else "/0")
    assert about.keys() <= set(FIELDS)


def test_a_dead_letter_of_a_document_names_the_document() -> None:
    letter = STAGES[0].condemned(raw_document(RAW), DeadLetterCode.CRASHED_WORKER, "It ended.", NOW)
    assert about_output(NAMING, letter) == {"source": "feeds.raw/3/1042", "trace_id": TRACE}


def test_a_retraction_on_its_way_names_its_entry_as_long_as_it_has_one() -> None:
    state = Overlay(Store(MemoryTables(), "changelog", 0))
    document = raw_document(msgspec.structs.replace(RAW, value=atom(entry(1), deleted(1))))
    entries = [output.value for output in STAGES[0].handle([document], state, NOW)]
    news = STAGES[1].handle(entries, state, NOW)
    tombstone = next(one for one in news if one.topic is Topic.NEWS and one.entry is None)
    assert about_input(StageName.ENRICH, tombstone.value)["source"] == "feeds.raw/3/1042/1"
    [draft] = STAGES[2].handle([tombstone.value], state, NOW)
    assert about_input(StageName.STORIES, draft.value) == {}
    assert about_output(NAMING, draft) == {"trace_id": TRACE}


DEEP = b"\x81\xa1x" + b"\x91" * 100_000 + b"\xc0"  # a field that nobody asks for, deeper than any stack


@pytest.mark.parametrize("stage", [StageName.DEDUPE, StageName.ENRICH, StageName.STORIES])
@pytest.mark.parametrize("junk", [b"", b"\xc1", b"\x80", b"\x81\xa6source\xa1x", DEEP, None, 7])
def test_what_cannot_be_read_has_no_field_and_raises_nothing(stage: StageName, junk: Any) -> None:
    assert about_input(stage, junk) == {}
    values: list[bytes | None] = [None]
    if isinstance(junk, bytes):
        [(frame, _)] = encode_frames([(None, junk)])
        values = [junk, frame]
    for value in values:
        record = Incoming("feeds.internal.x", 1, 2, 0, None, value)
        assert about_record(stage, record) == {**about_partition(stage, 1), "record": "feeds.internal.x/1/2"}


def test_an_offset_of_raw_is_a_document_and_of_another_topic_none() -> None:
    about = about_offset(NAMING, StageName.PARSE, Topic.RAW, 3, 9)
    assert about == {"stage": "parse", "partition": 3, "record": "feeds.raw/3/9", "source": "feeds.raw/3/9"}
    assert "source" not in about_offset(NAMING, StageName.DEDUPE, Topic.ENTRIES, 3, 9)
