"""The contract's promises 1, 2, 6 and 7, read off the topics of a history that has come to its end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any

import msgspec
from msgspec import Struct

from agents.engine.intake import document_intake
from agents.engine.store import Overlay
from agents.engine.topics import INPUT
from agents.engine.transport import Incoming
from agents.stage import Output, Stage, Topic
from schemas import DeadLetterCode, StageName
from tests.engine.model.broker import ModelBroker
from tests.engine.model.documents import FATAL, MARKS, kills
from tests.engine.model.mirror import Mirror
from tests.engine.model.names import ENDS, NAMING, NOW, PARTITIONS
from tests.engine.model.world import REFUSAL, Stages, World
from tests.states import DictState

MOST_DEATHS = 2
"""Owners that may die of one input before it is put aside."""

Ref = tuple[int, int, int]
"""An entry: partition and offset of its raw record, its index there; -1 for the document as a whole."""


class Violation(Struct, frozen=True):
    """A promise that was broken, and the entries that it was broken to, or the transactional ids that it is about."""

    what: str
    entries: tuple[Ref, ...] = ()
    about: tuple[str, ...] = ()


class Told(Struct, frozen=True):
    """What a record of an end topic says of itself. A tombstone says only whose it is."""

    entry: Ref | None
    id: str | None
    revision: int | None = None
    rule: str | None = None
    replay_of: Ref | None = None


class Outcome(Struct, frozen=True):
    topic: Topic
    value: bytes | None
    told: Told


def violations(world: World) -> list[Violation]:
    """Every promise that the history broke; none is what a sound engine gives."""
    outcomes = list(_outcomes(world.broker))
    found = [Violation(what, about=tuple(_about(what))) for what in world.wrong]
    if not world.ended and world.lost is None and not found:
        found += [Violation(f"no end after {world.steps:,} steps", tuple(_unfinished(world)))]
    found += _exactly_once(world, outcomes, whole=world.ended)
    found += _revisions(outcomes, whole=world.ended)
    found += _replays(world, outcomes)
    found += _derived(world)
    found += [
        Violation(f"an input of {stage.value} was the end of {count} owners", about=tuple(_of_stage(stage)))
        for (stage, _), count in world.deaths.items()
        if count > MOST_DEATHS
    ]
    found += [
        Violation(f"{place} is no frame, and was passed over without the operator's word", about=tuple(_about(place)))
        for place in world.garbage
        if world.ended and place not in world.skip
    ]
    if not found and world.ended:
        found += _as_one_process(world, outcomes)
    return found


def count_outcomes(world: World, tally: Counter[str]) -> None:
    """Add what the entries of a history ended as."""
    for outcome in _outcomes(world.broker):
        told = outcome.told
        what = "retracted" if outcome.value is None else told.rule
        tally[f"outcome {outcome.topic.value}: {what}"] += 1
        if outcome.topic is Topic.ENRICHED and told.revision is not None and told.revision >= 10:
            tally["outcome enriched: of r10 and more"] += 1


def committed(broker: ModelBroker, topic: Topic) -> Iterable[Incoming]:
    for partition in range(PARTITIONS):
        yield from broker.read((NAMING.topic(topic), partition), 0, 1_000_000)[0]


def _outcomes(broker: ModelBroker) -> Iterable[Outcome]:
    for topic in ENDS:
        for record in committed(broker, topic):
            told = told_by(record.value) if record.value is not None else Told(None, (record.key or b"").decode())
            yield Outcome(topic, record.value, told)


@lru_cache(maxsize=20_000)
def told_by(value: bytes) -> Told:
    """Most histories end with the same records as others."""
    fields = msgspec.json.decode(value)
    replay = fields.get("replay_of")
    return Told(
        entry=_ref(fields["source"]),
        id=fields.get("id"),
        revision=fields.get("revision"),
        rule=(fields.get("decision") or {}).get("rule") or fields.get("code"),
        replay_of=_ref(replay) if replay else None,
    )


def _ref(source: dict[str, Any]) -> Ref:
    return source["partition"], source["offset"], -1 if source["index"] is None else source["index"]


def _exactly_once(world: World, outcomes: Sequence[Outcome], *, whole: bool) -> list[Violation]:
    raw = {(record.partition, record.offset) for record in committed(world.broker, Topic.RAW)}
    times = Counter(outcome.told.entry for outcome in outcomes if outcome.told.entry is not None)
    found = [Violation(f"{name(entry)} has {count} outcomes", (entry,)) for entry, count in times.items() if count > 1]
    had = {entry[:2] for entry in times}
    found += [
        Violation(f"{name((*place, -1))} has no outcome", ((*place, -1),)) for place in sorted(raw - had) if whole
    ]
    found += [Violation(f"{name(entry)} is an outcome of nothing", (entry,)) for entry in times if entry[:2] not in raw]
    return found


def _revisions(outcomes: Sequence[Outcome], *, whole: bool) -> list[Violation]:
    """Without gap over items and dead letters, each once unless replayed; in order on `feeds.enriched`."""
    found: list[Violation] = []
    numbers: dict[str, dict[int, Ref]] = {}
    highest: dict[str, int] = {}
    for outcome in outcomes:
        told = outcome.told
        if outcome.topic is Topic.DUPLICATES or told.id is None or told.revision is None or told.entry is None:
            continue
        had = numbers.setdefault(told.id, {})
        if told.replay_of is not None and (told.rule == "replayed" or outcome.topic is Topic.DEAD_LETTER):
            had.setdefault(told.revision, told.entry)
        else:
            if told.revision in had:
                both = (had[told.revision], told.entry)
                found.append(Violation(f"{told.id} has revision {told.revision} twice", both))
            had[told.revision] = told.entry
        if outcome.topic is Topic.ENRICHED:
            before = highest.get(told.id, 0)
            if told.revision < before:
                what = f"{told.id}: revision {told.revision} stands behind {before}"
                found.append(Violation(what, (told.entry,)))
            highest[told.id] = max(told.revision, before)
    for id, had in numbers.items():
        if whole and had.keys() != set(range(1, len(had) + 1)):
            found.append(Violation(f"{id} has the revisions {sorted(had)}", tuple(had.values())))
    return found


def _replays(world: World, outcomes: Sequence[Outcome]) -> list[Violation]:
    """A replay that comes out as an item is the revision that it names, where that was ever there."""
    raw = {(record.partition, record.offset) for record in committed(world.broker, Topic.RAW)}
    named = {outcome.told.entry: outcome.told for outcome in outcomes if outcome.topic is not Topic.DUPLICATES}
    found = []
    for outcome in outcomes:
        told = outcome.told
        if outcome.topic is not Topic.ENRICHED or told.rule != "replayed":
            continue
        if told.replay_of is None or told.replay_of[:2] not in raw:
            continue
        original = named.get(told.replay_of)
        if told.entry and (original is None or (original.id, original.revision) != (told.id, told.revision)):
            what = f"the replay {name(told.entry)} is revision {told.revision} of {told.id}"
            found.append(Violation(what, (told.replay_of, told.entry)))
    return found


def _derived(world: World) -> list[Violation]:
    """What was made of a state and is kept beside it is what would be made of it now."""
    found: list[Violation] = []
    for worker in world.survivors:
        for loop in worker.loops.values():
            for part in loop.parts.values():
                mirror = part.store.derived
                if part.ready and isinstance(mirror, Mirror) and (why := mirror.differs(Overlay(part.store))):
                    what = f"{worker.name}, {loop.changelog_topic}/{part.partition}: {why}"
                    found.append(Violation(what, about=tuple(_about(what))))
    return found


def _as_one_process(world: World, outcomes: Sequence[Outcome]) -> list[Violation]:
    """The very bytes that one process makes, and each item's records in the very order."""
    expected = _alone(tuple(committed(world.broker, Topic.RAW)), _Stages(world.stages))
    alone, mill = _by_entry(expected), _by_entry(outcomes)
    found = [
        Violation(_difference(entry, alone.get(entry), mill.get(entry)), (entry,))
        for entry in sorted(alone.keys() | mill.keys())
        if alone.get(entry) != mill.get(entry)
    ]
    if not found:
        in_order, had = _sequences(expected), _sequences(outcomes)
        found = [
            Violation(f"{id}: one process gives {in_order.get(id)} on feeds.enriched, the mill {had.get(id)}")
            for id in sorted(in_order.keys() | had.keys())
            if in_order.get(id) != had.get(id)
        ]
    return found


class _Stages:
    """Stages as a key: the same where they are the very same."""

    def __init__(self, stages: Stages) -> None:
        self.stages = stages

    def __hash__(self) -> int:
        return id(self.stages)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Stages) and other.stages is self.stages


@lru_cache(maxsize=32)
def _alone(raw: tuple[Incoming, ...], stages: _Stages) -> Sequence[Outcome]:
    """Neighbouring histories have the same raw records, most of the time."""
    return list(one_process(raw, stages.stages))


def _by_entry(outcomes: Iterable[Outcome]) -> dict[Ref, tuple[Topic, bytes | None]]:
    return {one.told.entry: (one.topic, one.value) for one in outcomes if one.told.entry is not None}


def _sequences(outcomes: Iterable[Outcome]) -> dict[str, list[str]]:
    """What stands on `feeds.enriched` for each item, in order: its revisions and retractions."""
    found: dict[str, list[str]] = {}
    for one in outcomes:
        if one.topic is Topic.ENRICHED and one.told.id is not None:
            found.setdefault(one.told.id, []).append("retracted" if one.value is None else f"r{one.told.revision}")
    return found


def one_process(raw: Iterable[Incoming], stages: Stages) -> Iterable[Outcome]:
    """What a single process makes of the same raw records."""
    current: list[Any] = [document for record in raw for document in document_intake(record)]
    for stage_name in StageName:
        stage: Stage[Any] = stages[stage_name]
        following: list[Any] = []
        state = DictState()
        for _ in stage.prepare(state):
            pass
        harmless = [one for one in current if not kills(stage_name, one)]
        letters = [
            stage.condemned(one, DeadLetterCode.CRASHED_WORKER, f"Working on it ends a process: {FATAL}.", NOW)
            for one in current
            if kills(stage_name, one)
        ]
        for output in map(_taken(stage), [*letters, *stage.handle(harmless, state, NOW)]):
            if output.topic not in ENDS:
                following.append(output.value)
            elif output.value is None:
                yield Outcome(output.topic, None, Told(None, (output.key or b"").decode()))
            else:
                yield Outcome(output.topic, output.value, told_by(output.value))
        current = following


def _taken(stage: Stage[Any]) -> Any:
    def taken(output: Output) -> Output:
        """The output, or its dead letter where the model's broker takes no such record."""
        mark = MARKS.get(output.topic)
        if mark and output.value and mark in output.value:
            message = f"The result could not be sent: {REFUSAL}."
            return stage.refused(output, DeadLetterCode.REFUSED_BY_BROKER, message, NOW)
        return output

    return taken


def _difference(entry: Ref, alone: tuple[Topic, bytes | None] | None, mill: tuple[Topic, bytes | None] | None) -> str:
    """How what one process gives differs from what the mill gives, field by field."""
    if alone is None or mill is None:
        one, other = ("nothing" if result is None else _summary(*result) for result in (alone, mill))
        return f"{name(entry)}: one process gives {one}, the mill {other}"
    if alone[0] is not mill[0]:
        return f"{name(entry)}: one process gives {_summary(*alone)}, the mill {_summary(*mill)}"
    left, right = (msgspec.json.decode(result[1] or b"{}") for result in (alone, mill))
    fields = [field for field in left if left[field] != right.get(field)]
    differing = "; ".join(f"{field}: {left[field]!r} became {right.get(field)!r}" for field in fields)
    return f"{name(entry)} on {alone[0].value} differs from what one process gives: {differing}"


def _summary(topic: Topic, value: bytes | None) -> str:
    told = told_by(value or b"{}")
    revision = "" if told.revision is None else f" r{told.revision}"
    return f"{topic.value}{revision} ({told.rule})"


def _about(what: str) -> Iterable[str]:
    """The transactional ids of the stages and partitions that a sentence names."""
    for stage in StageName:
        for number in range(PARTITIONS):
            id = NAMING.transactional_id(stage, number)
            topics = (NAMING.changelog(stage), NAMING.topic(INPUT[stage]))
            if id in what or any(f"{topic}/{number}" in what for topic in topics):
                yield id


def _of_stage(stage: StageName) -> Iterable[str]:
    return (NAMING.transactional_id(stage, number) for number in range(PARTITIONS))


def _unfinished(world: World) -> Iterable[Ref]:
    """Entries of the first record of each partition that nobody works off."""
    had = {outcome.told.entry[:2] for outcome in _outcomes(world.broker) if outcome.told.entry is not None}
    for record in committed(world.broker, Topic.RAW):
        if (record.partition, record.offset) not in had:
            yield record.partition, record.offset, -1


def name(entry: Ref) -> str:
    partition, offset, index = entry
    return f"{partition}/{offset}" if index < 0 else f"{partition}/{offset}/{index}"
