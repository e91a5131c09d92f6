"""What a log line says beside its sentence: which entry it is about, of which stage and partition, of which trace.

These fields have fixed names (docs/guide/logs.md), so that all lines about one document can be found by one search.
Nothing here raises: what cannot be read has no field.
"""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Struct

from agents.engine.frames import UnreadableFrameError, decode_frame
from agents.engine.intake import raw_document
from agents.engine.topics import Naming
from agents.engine.transport import Incoming
from agents.stage import EntryRef, Output, Topic
from schemas import Position, RawDocument, StageName

FIELDS = ("source", "stage", "partition", "record", "code", "trace_id")
"""`source` is the entry's place in `feeds.raw`, as in `ce_id`; `record` that of a record of any topic."""

Fields = dict[str, Any]


class _Entry(Struct):
    source: Position
    traceparent: str | None = None


class _News(Struct):
    entry: _Entry


class _Item(Struct):
    source: Position


class _Draft(Struct):
    item: _Item | None
    traceparent: str | None = None


_entries = msgspec.msgpack.Decoder(_Entry)
_news = msgspec.msgpack.Decoder(_News)
_drafts = msgspec.msgpack.Decoder(_Draft)


def about_partition(stage: StageName, partition: int) -> Fields:
    return {"stage": stage.value, "partition": partition}


def about_output(naming: Naming, output: Output) -> Fields:
    """The entry that a record on its way out is the outcome of."""
    traceparent = dict(output.headers).get("traceparent", b"").decode()
    where = {} if output.entry is None else {"source": str(_position(naming, output.entry))}
    return {**where, **_trace(traceparent)}


def about_input(stage: StageName, one: Any) -> Fields:
    """The document, or the entry, that a stage was given."""
    try:
        if isinstance(one, RawDocument):
            return _about(Position(one.topic, one.partition, one.offset), one.traceparent)
        if stage is StageName.DEDUPE:
            return _about_entry(_entries.decode(one))
        if stage is StageName.ENRICH:
            return _about_entry(_news.decode(one).entry)
        draft = _drafts.decode(one)
        return {} if draft.item is None else _about(draft.item.source, draft.traceparent)
    except (msgspec.DecodeError, RecursionError, TypeError):
        return {}


def about_record(stage: StageName, record: Incoming) -> Fields:
    """A record of the stage's input: its own place, and its document or the first entry that it holds."""
    fields = {**about_partition(stage, record.partition), "record": record.place}
    if stage is StageName.PARSE:
        return fields | about_input(stage, raw_document(record))
    try:
        values = [value for _, value in decode_frame(record.value)]
    except UnreadableFrameError:
        return fields
    return fields | (about_input(stage, values[0]) if values else {})


def about_offset(naming: Naming, stage: StageName, topic: Topic, partition: int, offset: int) -> Fields:
    """The record at an offset of the stage's input; in `feeds.raw` that is a document."""
    where = str(Position(naming.topic(topic), partition, offset))
    fields = {**about_partition(stage, partition), "record": where}
    return fields | ({"source": where} if topic is Topic.RAW else {})


def _position(naming: Naming, entry: EntryRef) -> Position:
    index = None if entry.index < 0 else entry.index
    return Position(naming.topic(Topic.RAW), entry.partition, entry.offset, index)


def _about_entry(entry: _Entry) -> Fields:
    return _about(entry.source, entry.traceparent)


def _about(source: Position, traceparent: str | None) -> Fields:
    return {"source": str(source), **_trace(traceparent)}


def _trace(traceparent: str | None) -> Fields:
    """The trace's id, of a context that was well-formed when it came (intake)."""
    parts = (traceparent or "").split("-")
    return {"trace_id": parts[1]} if len(parts) > 1 else {}
