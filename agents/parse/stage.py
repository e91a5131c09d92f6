"""Parse: raw documents in, entries out. A document is read whole before its first entry goes on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

import msgspec

from agents.content.sites import Sites
from agents.deadletters import document_dead_letter, entry_dead_letter
from agents.parse import feeds, jsonfeed, markdown
from agents.parse.decode import decode
from agents.parse.entries import build, is_empty, partition_key
from agents.parse.found import Document, Unreadable
from agents.parse.rejection import Rejection
from agents.parse.sniff import sniff
from agents.stage import EntryRef, Headers, Output, State, Topic
from schemas import MAX_DOCUMENT_BYTES, DeadLetterCode, Entry, Format, Position, RawDocument, StageName

_pack = msgspec.msgpack.Encoder()
_entries = msgspec.msgpack.Decoder(Entry)


class ParseStage:
    """Reads documents of all four forms. It has no state."""

    name = StageName.PARSE

    def __init__(self, sites: Sites | None = None) -> None:
        self._sites = sites or Sites()

    def prepare(self, state: State) -> Iterator[None]:
        yield from ()

    def handle(self, batch: Sequence[RawDocument], state: State, now: datetime) -> list[Output]:
        outputs: list[Output] = []
        for raw in batch:
            try:
                outputs.extend(_handled(raw, now, self._sites))
            except Rejection as rejection:
                outputs.append(
                    document_dead_letter(
                        self.name, rejection.code, rejection.message, raw, now, format=rejection.format
                    )
                )
        return outputs

    def refused(self, output: Output, code: DeadLetterCode, message: str, now: datetime) -> Output:
        if output.topic is Topic.ENTRIES and output.value is not None:
            return entry_dead_letter(self.name, code, message, _entries.decode(output.value), now)
        raise ValueError(f"a record for {output.topic} cannot be dead-lettered: {message}")

    def condemned(self, one: RawDocument, code: DeadLetterCode, message: str, now: datetime) -> Output:
        return document_dead_letter(self.name, code, message, one, now)


def read_document(body: bytes, content_type: str | None = None, source_url: str | None = None) -> Document:
    """Decode, sniff and read one document. The content type is asked for a charset and nothing else.

    Raises Rejection.
    """
    if len(body) > MAX_DOCUMENT_BYTES:
        message = f"The document has {len(body):,} bytes; {MAX_DOCUMENT_BYTES:,} are read."
        raise Rejection(DeadLetterCode.TOO_LARGE, message)
    if not body:
        raise Rejection(DeadLetterCode.EMPTY_DOCUMENT, "The document is empty.")
    text = decode(body, content_type)
    format = sniff(text)
    if format is Format.MARKDOWN:
        return markdown.read(text)
    if format is Format.JSON_ITEM:
        return jsonfeed.read(text)
    return feeds.read(text, format, source_url)


def _handled(raw: RawDocument, now: datetime, sites: Sites) -> list[Output]:
    replay_of = _replay_of(raw)
    document = read_document(raw.body, raw.content_type, raw.source_url)
    if not document.entries:
        message = "The document is well-formed and has no entries."
        if document.flags:
            message = "The document is broken and no entry was found in it."
            raise Rejection(DeadLetterCode.MALFORMED_FEED, message, document.format)
        raise Rejection(DeadLetterCode.NO_ENTRIES, message, document.format)
    count = len(document.entries)
    if replay_of is not None and replay_of.index is not None and count > 1:
        message = f"The replay-of header names one entry ({replay_of}), but the document has {count:,}."
        raise Rejection(DeadLetterCode.BAD_HEADER, message, document.format)
    outputs = []
    for index, entry in enumerate(build(document, raw, replay_of, sites)):
        if isinstance(entry, Unreadable):
            outputs.append(_unreadable(entry, raw, document.format, index, count, now))
        elif is_empty(entry):
            message = "The entry has neither title nor text nor link."
            outputs.append(entry_dead_letter(StageName.PARSE, DeadLetterCode.EMPTY_ENTRY, message, entry, now))
        else:
            outputs.append(_output(entry, raw, index))
    return outputs


def _replay_of(raw: RawDocument) -> Position | None:
    if raw.replay_of is None:
        return None
    if position := Position.parse(raw.replay_of):
        return position
    message = "The replay-of header is no position (`topic/partition/offset` or `topic/partition/offset/index`)."
    raise Rejection(DeadLetterCode.BAD_HEADER, message)


def _output(entry: Entry, raw: RawDocument, index: int) -> Output:
    tracing: Headers = (("traceparent", raw.traceparent.encode()),) if raw.traceparent else ()
    reference = EntryRef(raw.partition, raw.offset, index)
    return Output(Topic.ENTRIES, partition_key(entry), _pack.encode(entry), reference, tracing)


def _unreadable(entry: Unreadable, raw: RawDocument, format: Format, index: int, count: int, now: datetime) -> Output:
    """The dead letter of an entry that is none: its payload is the fragment of the document that stood there."""
    fragment = msgspec.structs.replace(raw, body=entry.fragment)
    return document_dead_letter(
        StageName.PARSE,
        DeadLetterCode.MALFORMED_ENTRY,
        entry.message,
        fragment,
        now,
        format=format,
        index=index,
        count=count,
    )
