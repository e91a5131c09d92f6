"""What senders may write: the headers of a record of `feeds.raw`, and a line of a `.jsonl` file.

The value of a raw record is the document itself, in one of the four forms of the contract; no schema describes those.
"""

from __future__ import annotations

from typing import Annotated

from msgspec import UNSET, Meta, Struct, UnsetType

RAW_HEADERS_SCHEMA = "feedmill.raw-headers.v1"
RAW_LINE_SCHEMA = "feedmill.raw-line.v1"


class RawHeaders(Struct, frozen=True, kw_only=True, rename="kebab"):
    """The headers of `feeds.raw`, as text in UTF-8. All are optional; one that cannot be read counts as absent.

    `traceparent` is passed on to the records that come of the document where it is well-formed.
    """

    content_type: Annotated[str, Meta(description="A media type, with its charset where known.")] | UnsetType = UNSET
    source_url: Annotated[str, Meta(description="The feed's or page's address.")] | UnsetType = UNSET
    received_at: Annotated[str, Meta(description="RFC 3339 with a zone.")] | UnsetType = UNSET
    ref: Annotated[str, Meta(description="Any string of the sender's; echoed in `source.ref`.")] | UnsetType = UNSET
    replay_of: Annotated[str, Meta(description="A position: topic/partition/offset[/index].")] | UnsetType = UNSET
    traceparent: Annotated[str, Meta(description="W3C Trace Context.")] | UnsetType = UNSET


class RawLine(Struct, frozen=True, kw_only=True):
    """A line of a `.jsonl` file: one raw record with its headers. It needs `body` or `body_base64`, and only one."""

    body: str | None = None
    body_base64: str | None = None
    content_type: str | None = None
    source_url: str | None = None
    received_at: str | None = None
    ref: str | None = None
    replay_of: str | None = None
