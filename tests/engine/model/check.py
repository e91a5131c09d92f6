"""The contract's promises 1, 2 and 7, read off the topics of a history that has come to its end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

import msgspec

from agents.engine.intake import document_intake
from agents.engine.topics import Naming
from agents.engine.transport import Incoming
from agents.stage import Output, Stage, Topic
from schemas import StageName
from tests.engine.model.broker import ModelBroker
from tests.engine.model.world import NOW, PARTITIONS, Stages, World

ENDS = (Topic.ENRICHED, Topic.DUPLICATES, Topic.DEAD_LETTER)

Outcome = tuple[Topic, dict[str, Any]]


class Memory(dict[bytes, bytes]):
    """The state of a stage in one process."""

    def put(self, key: bytes, value: bytes) -> None:
        self[key] = value

    def delete(self, key: bytes) -> None:
        self.pop(key, None)


def violations(world: World) -> list[str]:
    """Every promise that the history broke, as sentences; an empty list is what a sound engine gives."""
    broker, naming = world.broker, world.naming
    outcomes = list(_outcomes(broker, naming))
    found = _exactly_once(broker, naming, outcomes)
    found += _revisions(outcomes)
    found += _replays(outcomes)
    if not found:
        found += _as_one_process(world, outcomes)
    return found


def committed(broker: ModelBroker, topic: str) -> Iterable[Incoming]:
    for partition in range(PARTITIONS):
        yield from broker.read(topic, partition, 0, 1_000_000)[0]


def _outcomes(broker: ModelBroker, naming: Naming) -> Iterable[Outcome]:
    for topic in ENDS:
        for record in committed(broker, naming.topic(topic)):
            yield topic, msgspec.json.decode(record.value or b"null")


def _place(value: dict[str, Any]) -> tuple[int, int, int]:
    source = value["source"]
    return source["partition"], source["offset"], -1 if source["index"] is None else source["index"]


def _exactly_once(broker: ModelBroker, naming: Naming, outcomes: list[Outcome]) -> list[str]:
    raw = {(record.partition, record.offset) for record in committed(broker, naming.topic(Topic.RAW))}
    times = Counter(_place(value) for _, value in outcomes)
    found = [f"{place} has {count} outcomes" for place, count in times.items() if count > 1]
    had = {place[:2] for place in times}
    found += [f"{place} has no outcome" for place in sorted(raw - had)]
    found += [f"{place} is an outcome of nothing" for place in sorted(had - raw)]
    return found


def _revisions(outcomes: list[Outcome]) -> list[str]:
    """Without gap over items and dead letters, each once unless replayed; in order on `feeds.enriched`."""
    found: list[str] = []
    numbers: dict[str, set[int]] = {}
    highest: dict[str, int] = {}
    for topic, value in outcomes:
        if topic is Topic.DUPLICATES or value.get("id") is None:
            continue
        id, revision = value["id"], value["revision"]
        if value.get("replay_of") is None:
            if revision in numbers.setdefault(id, set()):
                found.append(f"{id} has revision {revision} twice")
            numbers[id].add(revision)
        if topic is Topic.ENRICHED:
            if revision < highest.get(id, 0):
                found.append(f"{id}: revision {revision} stands behind {highest[id]}")
            highest[id] = max(revision, highest.get(id, 0))
    for id, had in numbers.items():
        if had != set(range(1, len(had) + 1)):
            found.append(f"{id} has the revisions {sorted(had)}")
    return found


def _replays(outcomes: list[Outcome]) -> list[str]:
    """A replay that comes out as an item is the revision that it names."""
    named = {_place(value): value for topic, value in outcomes if topic is not Topic.DUPLICATES}
    found = []
    for topic, value in outcomes:
        replay = value.get("replay_of")
        if topic is not Topic.ENRICHED or replay is None or value["decision"]["rule"] != "replayed":
            continue
        original = named.get((replay["partition"], replay["offset"], replay["index"] or 0))
        if original is None or (original["id"], original["revision"]) != (value["id"], value["revision"]):
            found.append(f"the replay {_place(value)} is revision {value['revision']} of {value['id']}")
    return found


def _as_one_process(world: World, outcomes: list[Outcome]) -> list[str]:
    expected = {_place(value): (topic, _comparable(value)) for topic, value in one_process(world)}
    had = {_place(value): (topic, _comparable(value)) for topic, value in outcomes}
    return [
        f"{place}: one process gives {expected.get(place)}, the mill {had.get(place)}"
        for place in sorted(expected | had)
        if expected.get(place) != had.get(place)
    ]


def _comparable(value: dict[str, Any]) -> dict[str, Any]:
    return {key: part for key, part in value.items() if key != "failed_at"}


def one_process(world: World) -> Iterable[Outcome]:
    """What a single process makes of the same raw records."""
    records = list(committed(world.broker, world.naming.topic(Topic.RAW)))
    current: list[Any] = [document for record in records for document in document_intake(record)]
    stages: Stages = world.stages
    for name in StageName:
        stage: Stage[Any] = stages[name]
        outputs: list[Output] = stage.handle(current, Memory(), NOW)
        current = []
        for output in outputs:
            if output.topic in ENDS:
                yield _ended(world, stage, output)
            else:
                current.append(output.value)


def _ended(world: World, stage: Stage[Any], output: Output) -> Outcome:
    from schemas import DeadLetterCode
    from tests.engine.model.documents import REFUSED

    if output.topic is Topic.ENRICHED and REFUSED.encode() in (output.value or b""):
        message = "The result could not be sent: the model's topic takes no such record."
        output = stage.refused(output, DeadLetterCode.REFUSED_BY_BROKER, message, NOW)
    return output.topic, msgspec.json.decode(output.value or b"null")
