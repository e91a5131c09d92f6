"""A broken promise for people: the way of the entry through the mill, and what befell the mill meanwhile."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import msgspec

from agents.engine.frames import UnreadableFrameError, decode_frame
from agents.engine.topics import INPUT
from agents.engine.transport import Outgoing
from agents.stage import INTERNAL, Topic
from schemas import StageName
from tests.engine.model.broker import Place, Written
from tests.engine.model.check import Ref, Violation, name, told_by
from tests.engine.model.world import ENDS, NAMING, World

MOST_VIOLATIONS = 5
MOST_ENTRIES = 3
MOST_LINES = 150

READER = {INPUT[stage]: stage for stage in StageName}


class Line(NamedTuple):
    step: int
    what: str
    is_way: bool


def report(world: World, broken: Sequence[Violation]) -> str:
    """What was broken, and a timeline: lines with a `>` are the way of the first entries that it was broken to."""
    lines = [f"seed {world.seed} breaks {len(broken)} promise{'s' if len(broken) > 1 else ''}:"]
    lines += [f"  {violation.what}" for violation in broken[:MOST_VIOLATIONS]]
    if len(broken) > MOST_VIOLATIONS:
        lines.append(f"  and {len(broken) - MOST_VIOLATIONS} more")
    entries = list(dict.fromkeys(entry for violation in broken for entry in violation.entries))[:MOST_ENTRIES]
    lines += [f"  {name(entry)} is {_described(world, entry)}" for entry in entries]
    lines += ["", *timeline(world, entries)]
    return "\n".join([*lines, "", f"To play it again: python -m tests.engine.model --seed {world.seed}"])


def timeline(world: World, entries: Sequence[Ref] = ()) -> list[str]:
    """The history, with the way of some entries; of the rest only what could have to do with them."""
    way: list[Line] = []
    about: set[str] = set()
    for entry in entries:
        for line, producers in _way(world, entry, prefix=f"{name(entry)} " if len(entries) > 1 else ""):
            way.append(line)
            about |= producers
    last = max((line.step for line in way), default=world.steps)
    others = [
        Line(event.step, event.what, False)
        for event in world.history
        if (not event.producer or event.producer in about or not entries) and (event.step <= last or not world.ended)
    ]
    lines = sorted([*way, *others], key=lambda line: line.step)
    left_out = len(lines) - MOST_LINES
    if entries and left_out > 0:  # the way stays; of what befell the mill, what is nearest to it
        lines = _nearest(lines)
    shown = [f"{line.step:>6} {'>' if line.is_way else ' '} {line.what}" for line in lines]
    return (
        shown if len(shown) == len(way) + len(others) else [*shown, f"({len(way) + len(others) - len(shown)} left out)"]
    )


def _nearest(lines: Sequence[Line]) -> list[Line]:
    steps = [line.step for line in lines if line.is_way]
    by_distance = sorted(lines, key=lambda line: 0 if line.is_way else min(abs(line.step - step) for step in steps) + 1)
    return sorted(by_distance[:MOST_LINES], key=lambda line: line.step)


def _way(world: World, entry: Ref, prefix: str) -> Iterable[tuple[Line, set[str]]]:
    """Every record of every topic that holds the entry, with the transaction that wrote it; and who should go on."""
    for topic in Topic:
        for partition in range(world.partitions):
            place = (NAMING.topic(topic), partition)
            for offset, written in enumerate(world.broker.logs[place].places):
                if written.record is None or not _holds(topic, place, offset, written.record, entry):
                    continue
                producers = {written.transaction.producer} if written.transaction else set()
                if (reader := READER.get(topic)) is not None:
                    producers.add(NAMING.transactional_id(reader, partition))
                at = f"{topic.value}/{partition}/{offset}"
                yield (
                    Line(written.step, f"{prefix}stands at {at}{_by(written)}{_says(topic, written.record)}", True),
                    producers,
                )


def _by(written: Written) -> str:
    transaction = written.transaction
    if transaction is None:
        return ", published"
    fate = transaction.outcome
    if fate != "open":
        fate += f" at step {transaction.decided}"
    return f", by {transaction.owner} in transaction {transaction.number} of {transaction.producer}, {fate}"


def _says(topic: Topic, record: Outgoing) -> str:
    if topic not in ENDS or not record.value:
        return ""
    told = told_by(record.value)
    number = "" if told.revision is None else f"r{told.revision} of {told.id}, "
    return f" ({number}{told.rule})"


def _holds(topic: Topic, place: Place, offset: int, record: Outgoing, entry: Ref) -> bool:
    if topic is Topic.RAW:
        return (place[1], offset) == entry[:2]
    if not record.value:
        return False
    if topic in INTERNAL:
        try:
            parts = decode_frame(record.value)
        except UnreadableFrameError:
            return False
        return any(ref is not None and (ref.partition, ref.offset, ref.index) == entry for ref, _ in parts)
    try:
        return told_by(record.value).entry == entry
    except (msgspec.DecodeError, KeyError):
        return False


def _described(world: World, entry: Ref) -> str:
    for planned, place in zip(world.records, world.places, strict=False):
        if place == entry[:2]:
            of = "" if planned.replay is None else f" of {name((*world.places[planned.replay[0]], planned.replay[1]))}"
            return f"a {planned.about}{of}: {planned.body[:300].decode('utf-8', 'replace')}"
    return "nothing that was published"


__all__ = ["report", "timeline"]
