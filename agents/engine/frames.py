"""Frames: several entries in one Kafka record.

A Faust message costs about 0.1 ms however small it is; what a batch sends to one partition of an internal topic
travels as one record. A frame names the entries that it holds, readable without reading them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from agents.stage import EntryRef

MAX_BYTES = 256 * 1024
MAX_ENTRIES = 500

Part = tuple[EntryRef | None, bytes]

_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(list[Part])


class UnreadableFrameError(Exception):
    """A record of an internal topic that is no frame: written by another program, or by a broken mill."""


def encode_frames(parts: Iterable[Part]) -> list[tuple[bytes, list[Part]]]:
    """Pack parts, in order, into as few frames as their sizes allow; each with what it holds.

    A part larger than a frame travels alone.
    """
    frames: list[tuple[bytes, list[Part]]] = []
    held: list[Part] = []
    size = 0
    for part in parts:
        if held and (size + len(part[1]) > MAX_BYTES or len(held) >= MAX_ENTRIES):
            frames.append((_encoder.encode(held), held))
            held, size = [], 0
        held.append(part)
        size += len(part[1])
    if held:
        frames.append((_encoder.encode(held), held))
    return frames


def decode_frame(value: bytes | None) -> Sequence[Part]:
    """The parts of a frame, in order; raises UnreadableFrameError."""
    try:
        return _decoder.decode(value or b"")
    except (msgspec.DecodeError, RecursionError) as error:
        raise UnreadableFrameError(str(error)) from error
