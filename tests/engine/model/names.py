"""The model's mill: its topics and places, made once, for a history asks for them a thousand times."""

from __future__ import annotations

from datetime import UTC, datetime

from agents.engine.topics import INPUT, Naming
from agents.stage import Topic
from schemas import StageName
from tests.engine.model.broker import Place

PARTITIONS = 2
NOW = datetime(2026, 11, 1, tzinfo=UTC)

ENDS = (Topic.ENRICHED, Topic.DUPLICATES, Topic.DEAD_LETTER)

_NAMES = {topic: Naming("m").topic(topic) for topic in Topic}
TOPICS = {name: topic for topic, name in _NAMES.items()}


class Names(Naming, frozen=True):
    """The mill's own names."""

    def topic(self, topic: Topic) -> str:
        return _NAMES[topic]


NAMING = Names("m")

INPUTS: list[Place] = [(NAMING.topic(INPUT[stage]), number) for stage in StageName for number in range(PARTITIONS)]
CHANGELOGS: list[Place] = [(NAMING.changelog(stage), number) for stage in StageName for number in range(PARTITIONS)]
OUTPUTS: list[Place] = [(NAMING.topic(topic), number) for topic in ENDS for number in range(PARTITIONS)]
