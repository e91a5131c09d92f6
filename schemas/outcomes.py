"""The two other ends of an entry: `feedmill.duplicate.v1` and `feedmill.dead-letter.v1`."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from schemas.closed import DeadLetterCode, PayloadEncoding, StageName
from schemas.item import Decision, Id
from schemas.source import Moment, Position, Source

DUPLICATE_SCHEMA = "feedmill.duplicate.v1"
DEAD_LETTER_SCHEMA = "feedmill.dead-letter.v1"


class Duplicate(Struct, frozen=True, kw_only=True):
    """An entry that said nothing new. `id` and `revision` are those of the item that it repeats."""

    schema: str = DUPLICATE_SCHEMA
    id: Id
    revision: Annotated[int, Meta(ge=1)]
    decision: Decision
    title: str
    url: str | None
    site: str | None
    source: Source
    replay_of: Position | None = None


class DeadLetter(Struct, frozen=True, kw_only=True):
    """What could not be processed, whole enough to be tried again.

    `payload` is a raw document of one of the four forms that holds just this entry, or the document as
    received where the whole failed.
    """

    schema: str = DEAD_LETTER_SCHEMA
    stage: StageName
    code: DeadLetterCode
    message: str
    source: Source
    id: Id | None = None
    revision: Annotated[int, Meta(ge=1)] | None = None
    payload: str
    payload_encoding: PayloadEncoding
    content_type: str | None = None
    source_url: str | None = None
    replay_of: Position | None = None
    failed_at: Moment
