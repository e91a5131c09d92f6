"""From a stage's outputs to Kafka records: partitions, frames, sizes, and what takes the place of the unsendable."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from msgspec import Struct

from agents.engine.frames import Part, encode_frames
from agents.engine.topics import MAX_BYTES, Naming, partition_of
from agents.engine.transport import EngineError, Outgoing
from agents.stage import INTERNAL, EntryRef, Output, Stage, Topic
from schemas import DeadLetterCode


class Parcel(Struct, frozen=True, gc=False):
    """One record to send, with the outputs that it carries (one, or those of a frame)."""

    record: Outgoing
    outputs: tuple[Output, ...]


Refusals = dict[tuple[EntryRef, Topic], str]
"""What the broker refused while this partition was worked on: which entry's record for which topic, and why."""


class Dispatch:
    """Turns the outputs of one stage and input partition into parcels."""

    def __init__(self, stage: Stage[Any], naming: Naming, partitions: int) -> None:
        self._stage = stage
        self._names = {topic: naming.topic(topic) for topic in Topic}
        self._partitions = partitions

    def settle(self, outputs: Sequence[Output], refusals: Refusals, now: Callable[[], datetime]) -> list[Output]:
        """Outputs as they can be sent: what is too large, or was refused before, as its dead letter."""
        return [self._settled(output, refusals, now) for output in outputs]

    def parcels(self, outputs: Sequence[Output], source: int, *, framed: bool = True) -> list[Parcel]:
        """Records in sending order. Unframed, each record holds one output, so that a refusal names its culprit."""
        parcels: list[Parcel] = []
        internal: dict[tuple[Topic, int], list[Output]] = {}
        for output in outputs:
            partition = partition_of(output.topic, output.key, source, self._partitions)
            if output.topic in INTERNAL:
                internal.setdefault((output.topic, partition), []).append(output)
            else:
                record = Outgoing(self._names[output.topic], partition, output.key, output.value, output.headers)
                parcels.append(Parcel(record, (output,)))
        for (topic, partition), held in internal.items():
            taken = 0
            for value, parts in self._frames(held, framed):
                record = Outgoing(self._names[topic], partition, None, value)
                parcels.append(Parcel(record, tuple(held[taken : taken + len(parts)])))
                taken += len(parts)
        return parcels

    def _frames(self, held: Sequence[Output], framed: bool) -> list[tuple[bytes, list[Part]]]:
        parts: list[Part] = [(output.entry, output.value or b"") for output in held]
        if framed:
            return encode_frames(parts)
        return [frame for part in parts for frame in encode_frames([part])]

    def _settled(self, output: Output, refusals: Refusals, now: Callable[[], datetime]) -> Output:
        why = None
        if output.entry is not None:
            why = refusals.get((output.entry, output.topic))
        size = len(output.value or b"")
        if why is None and size > MAX_BYTES[output.topic] - 4096:
            why = f"the record has {size:,} bytes, more than {self._names[output.topic]} takes"
        if why is None:
            return output
        if output.entry is None or output.topic is Topic.DEAD_LETTER:
            raise EngineError(
                f"A record for {self._names[output.topic]} cannot be sent and nothing can take its place: {why}. "
                "Raise the topic's max.message.bytes to what `feedmill topics check` names."
            )
        code = DeadLetterCode.REFUSED_BY_BROKER
        return self._stage.refused(output, code, f"The result could not be sent: {why}.", now())
