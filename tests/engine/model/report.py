"""A broken promise for people: the way of the entry through the mill, and what befell the mill meanwhile."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import msgspec

from agents.engine.frames import UnreadableFrameError, decode_frame
from agents.engine.store import POSITION_KEY, decode_position
from agents.engine.topics import INPUT
from agents.engine.transport import Outgoing
from agents.stage import INTERNAL, Topic
from schemas import StageName
from tests.engine.model.broker import Place, Written
from tests.engine.model.check import Ref, Violation, name, told_by
from tests.engine.model.faults import Faults, rates
from tests.engine.model.names import ENDS, NAMING
from tests.engine.model.world import World

MOST_VIOLATIONS = 5
MOST_ENTRIES = 2
MOST_LINES = 120

READER = {INPUT[stage]: stage for stage in StageName}


class Line(NamedTuple):
    """`until` is the step at which its transaction was decided, in a line of the way."""

    step: int
    what: str
    is_way: bool = False
    until: int = 0


def report(world: World, broken: Sequence[Violation]) -> str:
    """What was broken, and a timeline: lines with a `>` are the way of the first entries that it was broken to."""
    lines = [f"seed {world.seed} breaks {len(broken)} promise{'s' if len(broken) > 1 else ''}:"]
    lines += [f"  {violation.what}" for violation in broken[:MOST_VIOLATIONS]]
    if len(broken) > MOST_VIOLATIONS:
        lines.append(f"  and {len(broken) - MOST_VIOLATIONS} more")
    entries = list(dict.fromkeys(entry for violation in broken for entry in violation.entries))[:MOST_ENTRIES]
    about = {id for violation in broken for id in violation.about}
    lines += [f"{name(entry)} is {_described(world, entry)}" for entry in entries]
    lines += ["", *timeline(world, entries, about)]
    return "\n".join([*lines, "", f"All of it: python -m tests.engine.model --seed {world.seed}{_options(world)}"])


def _options(world: World) -> str:
    """How the world differs from the usual one, as the command line takes it."""
    usual = rates(Faults())
    rare = [f"{kind}={rate:g}" for kind, rate in rates(world.faults).items() if rate != usual[kind]]
    return f" --faults {','.join(rare)}" if rare else ""


def timeline(world: World, entries: Sequence[Ref] = (), about: Iterable[str] = ()) -> list[str]:
    """The history. Of entries: their way and, from their publication on, what could have to do with them.

    `about` names transactional ids whose events are wanted; with neither, everything is told.
    """
    way: list[Line] = []
    wanted = set(about)
    for entry in entries:
        for line, producers in _way(world, entry, f"{name(entry)} " if len(entries) > 1 else "it "):
            way.append(line)
            wanted |= producers
    first = min((line.step for line in way), default=0)
    last = max((line.until for line in way), default=world.steps) if world.ended else world.steps
    others = [
        Line(event.step, event.what)
        for event in world.history
        if first <= event.step <= last and (not event.producer or event.producer in wanted or not wanted)
    ]
    lines = sorted([*way, *others], key=lambda line: (line.step, not line.is_way))
    shown = lines if not wanted or len(lines) <= MOST_LINES else _nearest(lines)
    text = [f"{line.step:>6} {'>' if line.is_way else ' '} {line.what}" for line in shown]
    return text if len(shown) == len(lines) else [*text, f"({len(lines) - len(shown)} lines further off left out)"]


def _nearest(lines: Sequence[Line]) -> list[Line]:
    """The way, and what happened nearest to one of its steps; without a way the end."""
    steps = [line.step for line in lines if line.is_way]
    if not steps:
        return list(lines[-MOST_LINES:])
    by_distance = sorted(
        range(len(lines)),
        key=lambda at: -1 if lines[at].is_way else min(abs(lines[at].step - step) for step in steps),
    )
    return [lines[at] for at in sorted(by_distance[:MOST_LINES])]


def _way(world: World, entry: Ref, it: str) -> Iterable[tuple[Line, set[str]]]:
    """Every record of every topic that holds the entry, with the transaction that wrote it, and who passed it."""
    for topic in Topic:
        for partition in range(world.partitions):
            place = (NAMING.topic(topic), partition)
            for offset, written in enumerate(world.broker.logs[place].places):
                if written.record is None or not _holds(topic, place, offset, written.record, entry):
                    continue
                at = f"{topic.value}/{partition}/{offset}"
                producers = {written.transaction.producer} if written.transaction else set()
                yield _line(written, f"{it}stands at {at}", _says(topic, written.record)), producers
                if (reader := READER.get(topic)) is not None and written.visible:
                    producers = {NAMING.transactional_id(reader, partition)}
                    for line in _passed(world, reader, partition, offset, f"passes {at}"):
                        yield line, producers


def _passed(world: World, stage: StageName, partition: int, offset: int, passes: str) -> Iterable[Line]:
    """Where the stage's position goes beyond a record of its input: whatever it made of it is sent by then."""
    before = 0
    for written in world.broker.logs[NAMING.changelog(stage), partition].places:
        if written.record is None or written.record.key != POSITION_KEY or written.record.value is None:
            continue
        position = decode_position(written.record.value).next
        if before <= offset < position:
            yield _line(written, f"{stage.value} {passes}, position {position}")
        if written.transaction is not None and written.transaction.outcome == "committed":
            before = position


def _line(written: Written, what: str, says: str = "") -> Line:
    """A line of the way: what was written, by whom, and its fate."""
    transaction = written.transaction
    if transaction is None:
        return Line(written.step, f"{what}, published{says}", True, written.step)
    first = written.lost or transaction
    by = f", by {first.owner} in transaction {first.number} of {first.producer}"
    if written.lost is not None:
        by += f", its markers lost at step {first.decided} and made up for by transaction {transaction.number}"
    fate = "still open" if transaction.outcome == "open" else f"{transaction.outcome} at step {transaction.decided}"
    return Line(written.step, f"{what}{by}, {fate}{says}", True, max(written.step, transaction.decided))


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
        return any(ref is not None and _same((ref.partition, ref.offset, ref.index), entry) for ref, _ in parts)
    try:
        told = told_by(record.value).entry
    except (msgspec.DecodeError, KeyError):
        return False
    return told is not None and _same(told, entry)


def _same(one: Ref, other: Ref) -> bool:
    """Entries, or the document that an entry is of."""
    return one[:2] == other[:2] and (one[2] == other[2] or -1 in (one[2], other[2]))


def _described(world: World, entry: Ref) -> str:
    for planned, place in zip(world.senders.records, world.senders.places, strict=False):
        if place == entry[:2]:
            of = (
                ""
                if planned.replay is None
                else f" of {name((*world.senders.places[planned.replay[0]], planned.replay[1]))}"
            )
            return f"a {planned.about}{of}: {planned.body[:300].decode('utf-8', 'replace')}"
    return "nothing that was published"
