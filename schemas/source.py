"""Where an entry stood on `feeds.raw` (or in the input of `feedmill process`)."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated

from msgspec import Meta, Struct

from schemas.closed import Format

Moment = Annotated[datetime, Meta(tz=True)]
"""A moment in time, always in UTC. JSON: RFC 3339 with `Z`."""

_POSITION = re.compile(r"([A-Za-z0-9._-]{1,249})/(\d{1,9})/(\d{1,18})(?:/(\d{1,9}))?", re.ASCII)


class Position(Struct, frozen=True, order=True):
    """The place of one entry. Text form, as in the `replay-of` header: `topic/partition/offset[/index]`."""

    topic: str
    partition: int
    offset: int
    index: int | None = None

    def __str__(self) -> str:
        tail = "" if self.index is None else f"/{self.index}"
        return f"{self.topic}/{self.partition}/{self.offset}{tail}"

    @classmethod
    def parse(cls, text: str) -> Position | None:
        """Read the text form; None where the text has another form."""
        if not (match := _POSITION.fullmatch(text.strip())):
            return None
        topic, partition, offset, index = match.groups()
        return cls(topic, int(partition), int(offset), None if index is None else int(index))

    def entry(self, index: int | None) -> Position:
        """The place of one entry where this is its document's; where it names an entry already, itself."""
        return self if self.index is not None else Position(self.topic, self.partition, self.offset, index)


class Source(Struct, frozen=True):
    """The contract's `source`. `index` and `count` are null for a dead letter about a whole document."""

    topic: str
    partition: int
    offset: int
    index: int | None
    count: int | None
    format: Format
    received_at: Moment
    ref: str | None = None

    @property
    def position(self) -> Position:
        return Position(self.topic, self.partition, self.offset, self.index)
