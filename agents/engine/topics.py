"""Every topic of the mill in one table: name, partitions, retention, sizes. `feedmill topics apply` makes it so.

The Kubernetes manifests and the documentation are generated from this table.
"""

from __future__ import annotations

from functools import lru_cache

from msgspec import Struct

from agents.stage import Topic
from schemas import ScriptFamily, StageName

DAY_MS = 24 * 3600 * 1000
MIB = 1024 * 1024

MAX_REQUEST = 16 * MIB
"""Bytes of the largest record that the mill sends or reads, on internal topics."""

ITEM_BYTES = 4 * MIB

FAMILY_PARTITION = {
    ScriptFamily.HAN: 0,
    ScriptFamily.LATIN: 1,
    ScriptFamily.CYRILLIC: 2,
    ScriptFamily.ARABIC: 3,
    ScriptFamily.OTHER: 4,
}
"""Partition of `drafts` by script family, modulo the number of partitions: near-copies must meet."""


class TopicSpec(Struct, frozen=True):
    """One topic as it should be. `config` holds Kafka's own property names."""

    name: str
    partitions: int
    config: dict[str, str]
    internal: bool = False


class Naming(Struct, frozen=True):
    """The names of one mill's topics and ids. Several mills share a cluster by different prefixes.

    The generation is part of every internal name: a re-created `feeds.raw` or a restored cluster starts the
    next one knowingly, and nothing of the old state can be mistaken for the new.
    """

    prefix: str = "feeds"
    generation: int = 1

    def topic(self, topic: Topic) -> str:
        if topic in (Topic.ENTRIES, Topic.NEWS, Topic.DRAFTS):
            return f"{self.internal}{topic.value}.g{self.generation}"
        return f"{self.prefix}.{topic.value}"

    def changelog(self, stage: StageName) -> str:
        return f"{self.internal}{stage.value}-changelog.g{self.generation}"

    def transactional_id(self, stage: StageName, partition: int) -> str:
        return f"{self.transactional_ids}{stage.value}.{partition}"

    @property
    def internal(self) -> str:
        """What the names of all internal topics begin with, whatever their generation."""
        return f"{self.prefix}.internal."

    @property
    def transactional_ids(self) -> str:
        """What the ids of all transactions of this generation begin with."""
        return f"{self.prefix}.g{self.generation}."

    @property
    def replaying_id(self) -> str:
        """The transactional id that replay and reprocess share, so that they go one at a time."""
        return f"{self.prefix}.replaying"

    @property
    def group(self) -> str:
        return f"{self.prefix}.mill.g{self.generation}"


INPUT = {
    StageName.PARSE: Topic.RAW,
    StageName.DEDUPE: Topic.ENTRIES,
    StageName.ENRICH: Topic.NEWS,
    StageName.STORIES: Topic.DRAFTS,
}

OUTPUTS = {
    StageName.PARSE: (Topic.ENTRIES, Topic.DEAD_LETTER),
    StageName.DEDUPE: (Topic.NEWS, Topic.DUPLICATES, Topic.DEAD_LETTER),
    StageName.ENRICH: (Topic.DRAFTS, Topic.DEAD_LETTER),
    StageName.STORIES: (Topic.ENRICHED, Topic.DEAD_LETTER),
}

MAX_BYTES = {
    Topic.RAW: 8 * MIB + MIB // 2,
    Topic.ENTRIES: MAX_REQUEST,
    Topic.NEWS: MAX_REQUEST,
    Topic.DRAFTS: MAX_REQUEST,
    Topic.ENRICHED: ITEM_BYTES + MIB // 2,
    Topic.DUPLICATES: MIB,
    Topic.DEAD_LETTER: 12 * MIB,
}
"""Bytes of the largest record of each topic (`max.message.bytes`), with room for headers."""


def topic_table(naming: Naming, *, partitions: int, replication: int) -> list[TopicSpec]:
    """Every topic of a mill. One partition count for all of them, chosen at creation."""
    everywhere = {
        "min.insync.replicas": "2" if replication >= 3 else "1",
        # The broker's clock, not the writer's: Kafka refuses records of more than an hour from now, and retention and
        # compaction count from a record's time. A worker whose clock runs ahead could write nothing.
        "message.timestamp.type": "LogAppendTime",
    }

    def spec(name: str, max_bytes: int, config: dict[str, str], *, internal: bool) -> TopicSpec:
        properties = {key.replace("_", "."): value for key, value in config.items()}
        return TopicSpec(name, partitions, {"max.message.bytes": str(max_bytes), **everywhere, **properties}, internal)

    def public(topic: Topic, **config: str) -> TopicSpec:
        return spec(naming.topic(topic), MAX_BYTES[topic], config, internal=False)

    def internal(name: str, max_bytes: int, **config: str) -> TopicSpec:
        return spec(name, max_bytes, config, internal=True)

    # What is in flight between stages must outlive the raw record that it came from.
    between = {"cleanup_policy": "delete", "retention_ms": str(8 * DAY_MS)}
    return [
        public(
            Topic.RAW,
            cleanup_policy="delete",
            retention_ms=str(7 * DAY_MS),
            # The broker unpacks what a sender compressed, and refuses it where it is larger than a document may be.
            # Else who sends a megabyte decides how much memory a worker takes.
            compression_type="uncompressed",
        ),
        public(
            Topic.ENRICHED,
            cleanup_policy="compact,delete",
            retention_ms=str(90 * DAY_MS),
            min_compaction_lag_ms=str(4 * DAY_MS),
            delete_retention_ms=str(7 * DAY_MS),
        ),
        public(Topic.DUPLICATES, cleanup_policy="delete", retention_ms=str(4 * DAY_MS)),
        public(Topic.DEAD_LETTER, cleanup_policy="delete", retention_ms=str(30 * DAY_MS)),
        *(
            internal(naming.topic(topic), MAX_BYTES[topic], **between)
            for topic in (Topic.ENTRIES, Topic.NEWS, Topic.DRAFTS)
        ),
        *(
            internal(
                naming.changelog(stage),
                MAX_REQUEST,
                cleanup_policy="compact",
                # The tail must stay readable record by record: a warm store proves itself by its last one.
                min_compaction_lag_ms=str(3600 * 1000),
                delete_retention_ms=str(7 * DAY_MS),
                segment_bytes=str(64 * MIB),
            )
            for stage in StageName
        ),
    ]


def partition_of(topic: Topic, key: bytes | None, source: int, partitions: int) -> int:
    """Where a record goes: drafts by script family, keyless ones where their input came from, others by key."""
    if topic is Topic.DRAFTS and key is not None:
        return FAMILY_PARTITION[ScriptFamily(key.decode())] % partitions
    if key is None:
        return source
    return _hash(key) % partitions


@lru_cache(maxsize=16_384)
def _hash(key: bytes) -> int:
    """Kafka's own hash of a key. It is written in Python: 5 µs, and sites and repeated ids come again and again."""
    from aiokafka.partitioner import murmur2  # here: `feedmill process` reads this table and needs no Kafka client

    return int(murmur2(key)) & 0x7FFFFFFF
