"""What each user of a mill must be allowed to do on the brokers, and no more.

One list, from the topic table's own names: `feedmill topics acls` prints it, docs/guide/security.md shows it, the tests
run every command under it.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

from msgspec import Struct

from agents.engine.topics import Naming
from agents.stage import Topic


class Resource(StrEnum):
    """What a permission is about, in the words of Kafka's own tools."""

    TOPIC = "topic"
    GROUP = "group"
    TRANSACTIONAL_ID = "transactional-id"


class Pattern(StrEnum):
    LITERAL = "literal"
    PREFIXED = "prefixed"


class Operation(StrEnum):
    """Those of Kafka's that the mill needs. Read and Write bring Describe with them, AlterConfigs DescribeConfigs."""

    READ = "Read"
    WRITE = "Write"
    CREATE = "Create"
    DESCRIBE = "Describe"
    DESCRIBE_CONFIGS = "DescribeConfigs"
    ALTER_CONFIGS = "AlterConfigs"


class Role(StrEnum):
    """Who works with a mill. One user may have several roles."""

    WORKER = "worker"
    INGEST = "ingest"
    READER = "reader"
    WATCHER = "watcher"
    OPERATOR = "operator"


ROLES = {
    Role.WORKER: "`feedmill worker`",
    Role.INGEST: "`feedmill ingest`, and whoever else publishes documents",
    Role.READER: "`feedmill tail` and `explain`, and whoever else reads what comes out",
    Role.WATCHER: "`feedmill lag-exporter` and `ledger --follow`, who write nothing",
    Role.OPERATOR: "`feedmill topics`, `check`, `ledger`, `dead-letters`, `reprocess` and `retract`",
}
"""What each role is for."""


class Grant(Struct, frozen=True):
    """One resource, and what may be done with it. `why` is for people."""

    resource: Resource
    pattern: Pattern
    name: str
    operations: tuple[Operation, ...]
    why: str


def grants(role: Role, naming: Naming) -> Sequence[Grant]:
    """What a role needs. Names of the group and of transactions carry the generation: the next one needs new grants."""
    raw, enriched, duplicates, letters = (
        naming.topic(topic) for topic in (Topic.RAW, Topic.ENRICHED, Topic.DUPLICATES, Topic.DEAD_LETTER)
    )
    read, write = (Operation.READ,), (Operation.WRITE,)
    match role:
        case Role.WORKER:
            return (
                _topic(raw, read, "the documents"),
                _topic(naming.internal, (*read, *write), "entries between the stages, changelogs", Pattern.PREFIXED),
                _topic(enriched, write, "the items"),
                _topic(duplicates, write, "the duplicates"),
                _topic(letters, write, "the dead letters"),
                Grant(Resource.GROUP, Pattern.LITERAL, naming.group, read, "the workers' group and its offsets"),
                Grant(
                    Resource.TRANSACTIONAL_ID, Pattern.PREFIXED, naming.transactional_ids, write,
                    "one transaction for each stage, partition and batch",
                ),
            )  # fmt: skip
        case Role.INGEST:
            return (
                _topic(raw, write, "the documents"),
                _topic(letters, write, "documents that cannot be published"),
            )
        case Role.READER:
            return (
                _topic(enriched, read, "the items"),
                _topic(duplicates, read, "the duplicates"),
                _topic(letters, read, "the dead letters"),
            )
        case Role.WATCHER:
            look = (*read, Operation.DESCRIBE_CONFIGS)
            return (
                _topic(f"{naming.prefix}.", look, "where each stage stands, every outcome, how long each is kept",
                       Pattern.PREFIXED),
                Grant(
                    Resource.GROUP, Pattern.LITERAL, naming.group, (Operation.DESCRIBE,),
                    "the group's offsets and members",
                ),
            )  # fmt: skip
        case Role.OPERATOR:
            everything = (*read, Operation.CREATE, Operation.ALTER_CONFIGS)
            return (
                _topic(f"{naming.prefix}.", everything, "every topic of the mill", Pattern.PREFIXED),
                _topic(raw, write, "what is replayed, reprocessed or retracted"),
                Grant(
                    Resource.TRANSACTIONAL_ID, Pattern.LITERAL, naming.replaying_id, write,
                    "replay and reprocess, one call at a time",
                ),
                Grant(
                    Resource.GROUP, Pattern.LITERAL, naming.group, (Operation.DESCRIBE,), "how far the mill has come"
                ),
            )  # fmt: skip


def commands(user: str, wanted: Sequence[Grant]) -> list[str]:
    """The same as arguments of Kafka's own `kafka-acls.sh`, a line for each grant."""
    return [
        " ".join(
            (
                "kafka-acls.sh --bootstrap-server HOST:PORT --add",
                f"--allow-principal 'User:{user}'",
                *(f"--operation {operation.value}" for operation in grant.operations),
                f"--{grant.resource.value} '{grant.name}'",
                f"--resource-pattern-type {grant.pattern.value}",
            )
        )
        for grant in wanted
    ]


def _topic(name: str, operations: tuple[Operation, ...], why: str, pattern: Pattern = Pattern.LITERAL) -> Grant:
    return Grant(Resource.TOPIC, pattern, name, operations, why)
