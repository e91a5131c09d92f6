"""Write the manifests that follow from the code: `make manifests`. A test compares them with what is committed.

python -m tools.manifests                                   all of deploy/k8s that is generated
python -m tools.manifests topics --partitions 8             other topics than the default mill's, on stdout
python -m tools.manifests user operator --cluster feeds     the Kafka user of any role, on stdout
"""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path
from typing import Any

import yaml

from agents.engine.acls import ROLES, Pattern, Resource, Role, grants
from agents.engine.topics import Naming, topic_table
from agents.settings import Settings

ROOT = Path(__file__).parent.parent
COMPONENTS = ROOT / "deploy" / "k8s" / "components"
RULES = ROOT / "deploy" / "prometheus" / "rules.yml"

CLUSTER = "feeds"
"""Name of the Strimzi cluster that the topics and users are of, where no other is given."""

REPLICATION = 3
PARTITIONS = int(Settings.model_fields["partitions"].default)

_RESOURCE = {
    Resource.TOPIC: "topic",
    Resource.GROUP: "group",
    Resource.TRANSACTIONAL_ID: "transactionalId",
}
_PATTERN = {Pattern.LITERAL: "literal", Pattern.PREFIXED: "prefix"}

HEAD = "# Written by `make manifests` from {source}; changes here do not last.\n"


def kafka_topics(naming: Naming, *, partitions: int, replication: int, cluster: str) -> list[dict[str, Any]]:
    """A Strimzi KafkaTopic for each topic of the table."""
    found = []
    for spec in topic_table(naming, partitions=partitions, replication=replication):
        name = resource_name(spec.name)
        found.append(
            {
                "apiVersion": "kafka.strimzi.io/v1",
                "kind": "KafkaTopic",
                "metadata": {"name": name, "labels": _labels(cluster)},
                "spec": {
                    # Strimzi wants the name only where it cannot be the resource's.
                    **({"topicName": spec.name} if name != spec.name else {}),
                    "partitions": spec.partitions,
                    "replicas": replication,
                    "config": {key: _typed(value) for key, value in spec.config.items()},
                },
            }
        )
    return found


def kafka_user(role: Role, naming: Naming, *, cluster: str) -> dict[str, Any]:
    """The Strimzi KafkaUser of a role: a SCRAM login, and the role's permissions."""
    return {
        "apiVersion": "kafka.strimzi.io/v1",
        "kind": "KafkaUser",
        "metadata": {"name": f"feedmill-{role.value}", "labels": _labels(cluster)},
        "spec": {
            "authentication": {"type": "scram-sha-512"},
            "authorization": {
                "type": "simple",
                "acls": [
                    {
                        "resource": {
                            "type": _RESOURCE[grant.resource],
                            "name": grant.name,
                            "patternType": _PATTERN[grant.pattern],
                        },
                        "operations": [operation.value for operation in grant.operations],
                    }
                    for grant in grants(role, naming)
                ],
            },
        },
    }


def prometheus_rule(rules: Any) -> dict[str, Any]:
    """The alert rules as the Prometheus operator takes them."""
    return {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PrometheusRule",
        "metadata": {"name": "feedmill", "labels": {"app.kubernetes.io/name": "feedmill"}},
        "spec": rules,
    }


def resource_name(topic: str) -> str:
    """A topic's name as that of a Kubernetes resource: as it is where that can be."""
    return re.sub(r"[^a-z0-9.-]+", "-", topic.lower()).strip("-.")


def written() -> dict[Path, str]:
    """Every generated file as it should be."""
    topics = kafka_topics(Naming(), partitions=PARTITIONS, replication=REPLICATION, cluster=CLUSTER)
    users = [kafka_user(role, Naming(), cluster=CLUSTER) for role in (Role.WORKER, Role.WATCHER)]
    rule = prometheus_rule(yaml.safe_load(RULES.read_text(encoding="utf-8")))
    return {
        COMPONENTS / "strimzi" / "topics.yaml": HEAD.format(source="agents/engine/topics.py") + dump(topics),
        COMPONENTS / "strimzi" / "user.yaml": HEAD.format(source="agents/engine/acls.py") + dump(users),
        COMPONENTS / "monitoring" / "rules.yaml": HEAD.format(source="deploy/prometheus/rules.yml") + dump([rule]),
    }


class _Dumper(yaml.SafeDumper):
    """Writes text of several lines as such."""


_Dumper.add_representer(
    str,
    lambda dumper, text: dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None),
)


def dump(documents: list[dict[str, Any]]) -> str:
    return "---\n".join(
        yaml.dump(document, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120) for document in documents
    )


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m tools.manifests")
    parser.add_argument("what", nargs="?", choices=("topics", "user"))
    parser.add_argument("role", nargs="?", type=Role, choices=list(Role), default=Role.WORKER)
    parser.add_argument("--prefix", default="feeds")
    parser.add_argument("--generation", type=int, default=1)
    parser.add_argument("--partitions", type=int, default=PARTITIONS)
    parser.add_argument("--replication", type=int, default=REPLICATION)
    parser.add_argument("--cluster", default=CLUSTER, help="name of the Kafka resource")
    given = parser.parse_args(arguments)
    naming = Naming(given.prefix, given.generation)
    match given.what:
        case "topics":
            documents = kafka_topics(
                naming, partitions=given.partitions, replication=given.replication, cluster=given.cluster
            )
            sys.stdout.write(dump(documents))
        case "user":
            sys.stdout.write(f"# {ROLES[given.role]}\n" + dump([kafka_user(given.role, naming, cluster=given.cluster)]))
        case _:
            for path, text in written().items():
                path.write_text(text, encoding="utf-8")
                print(path.relative_to(ROOT))


def _labels(cluster: str) -> dict[str, str]:
    return {"app.kubernetes.io/name": "feedmill", "strimzi.io/cluster": cluster}


def _typed(value: str) -> int | str:
    """Numbers as numbers: what Strimzi's own examples have."""
    return int(value) if value.isdecimal() else value


if __name__ == "__main__":
    main()
