"""Write schemas/asyncapi.yaml, the public topics in AsyncAPI's terms: `python -m tools.asyncapi`.

Topics come from `agents/engine/topics.py`, records from `schemas/`, examples from the mill; nothing is written twice.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from agents import __version__
from agents.engine.topics import Naming, topic_table
from agents.settings import Settings
from agents.stage import Topic
from tools.examples import examples

PATH = Path(__file__).parent.parent / "schemas" / "asyncapi.yaml"

HEAD = "# Made by `make schemas` from agents/engine/topics.py and schemas/; change those.\n"

PREFIX = "{prefix}"
"""Where the setting FEEDMILL_TOPIC_PREFIX stands in addresses."""

Map = dict[str, Any]

CHANNELS = {
    Topic.RAW: "One raw document a record, bytes as received, never wrapped. The only topic that others write.",
    Topic.ENRICHED: "One item a record, in one of its revisions, in order by `id`. Null retracts the item.",
    Topic.DUPLICATES: "Entries that said nothing new.",
    Topic.DEAD_LETTER: "What could not be processed, whole enough to be tried again.",
}

KEYS = {
    Topic.RAW: "The feed's address where known, else the site; any key works.",
    Topic.ENRICHED: "The item's id.",
    Topic.DUPLICATES: "The id of the item that is repeated.",
}

MESSAGES = {
    Topic.RAW: ("document",),
    Topic.ENRICHED: ("item", "retraction"),
    Topic.DUPLICATES: ("duplicate",),
    Topic.DEAD_LETTER: ("deadLetter",),
}

SHOWN = {
    "item": ("item-new", "item-revision", "item-reprint"),
    "duplicate": ("duplicate-same-entry", "duplicate-truncated-copy"),
    "deadLetter": ("dead-letter-no-entries", "dead-letter-malformed-entry"),
}
"""The examples of `schemas/examples/` that stand in the document."""

DOCUMENT = """<!--1708119543000-->
[Harbour reopens](https://news.example/harbour)
------

<p>The harbour of Casperia is open again.</p>
"""


def document() -> Map:
    """The AsyncAPI document of a mill."""
    return {
        "asyncapi": "3.1.0",
        "id": "urn:feedmill",
        "info": {
            "title": "feedmill",
            "version": __version__,
            "description": "Raw feed documents in; clean, deduplicated, enriched items out. "
            "Read with isolation.level=read_committed.",
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "channels": {_name(topic): _channel(topic) for topic in CHANNELS},
        "operations": {
            "receiveDocuments": _operation("receive", Topic.RAW, "The mill reads raw documents."),
            "sendItems": _operation("send", Topic.ENRICHED, "Consumers upsert by `id`; the later record wins."),
            "sendDuplicates": _operation("send", Topic.DUPLICATES, "For whoever counts or audits."),
            "sendDeadLetters": _operation("send", Topic.DEAD_LETTER, "For operators; a payload can be replayed."),
        },
        "components": {"messages": dict(_messages())},
    }


def topics() -> dict[str, dict[str, str]]:
    """The public topics by their addresses, with Kafka's properties."""
    table = topic_table(Naming(PREFIX), partitions=_partitions(), replication=1)
    return {spec.name: spec.config for spec in table if not spec.internal}


def _partitions() -> int:
    return int(Settings.model_fields["partitions"].default)


def _name(topic: Topic) -> str:
    return "deadLetter" if topic is Topic.DEAD_LETTER else topic.value


def _channel(topic: Topic) -> Map:
    address = Naming(PREFIX).topic(topic)
    config = topics()[address]
    return {
        "address": address,
        "description": CHANNELS[topic],
        "parameters": {"prefix": {"default": "feeds", "description": "FEEDMILL_TOPIC_PREFIX of the mill."}},
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in MESSAGES[topic]},
        "bindings": {
            "kafka": {
                "partitions": _partitions(),
                "topicConfiguration": {
                    "cleanup.policy": config["cleanup.policy"].split(","),
                    "retention.ms": int(config["retention.ms"]),
                    **{
                        name: int(config[name])
                        for name in ("delete.retention.ms", "max.message.bytes")
                        if name in config
                    },
                },
                "bindingVersion": "0.5.0",
            }
        },
    }


def _operation(action: str, topic: Topic, summary: str) -> Map:
    channel = f"#/channels/{_name(topic)}"
    return {
        "action": action,
        "channel": {"$ref": channel},
        "summary": summary,
        "messages": [{"$ref": f"{channel}/messages/{name}"} for name in MESSAGES[topic]],
    }


def _messages() -> Iterator[tuple[str, Map]]:
    made = examples()

    def shown(message: str) -> Map:
        found = []
        for name in SHOWN[message]:
            headers = {"headers": made[name]["headers"]} if made[name]["headers"] else {}
            found.append({"name": name, **headers, "payload": made[name]["value"]})
        return {"examples": found}

    yield (
        "document",
        {
            "summary": "A raw document: a Markdown news item, RSS, Atom, JSON Feed, or JSON items.",
            "contentType": "application/octet-stream",
            "headers": _schema("raw-headers"),
            "payload": {"type": "string", "description": "The document itself, in any encoding."},
            "bindings": _key({"type": "string", "description": KEYS[Topic.RAW]}),
            "examples": [
                {"name": "markdown", "headers": {"source-url": "https://news.example/rss"}, "payload": DOCUMENT}
            ],
        },
    )
    of_item = {"type": "string", "pattern": "^[0-9a-f]{32}$"}
    yield (
        "item",
        {
            "summary": "An item; it takes the place of whatever has the same id.",
            "headers": _schema("event-headers"),
            "payload": _schema("item"),
            "bindings": _key({**of_item, "description": KEYS[Topic.ENRICHED]}),
            **shown("item"),
        },
    )
    yield (
        "retraction",
        {
            "summary": "A tombstone: the item of this key is taken back.",
            "payload": {"type": "null"},
            "bindings": _key({**of_item, "description": KEYS[Topic.ENRICHED]}),
        },
    )
    yield (
        "duplicate",
        {
            "summary": "An entry that repeats an item.",
            "payload": _schema("duplicate"),
            "bindings": _key({**of_item, "description": KEYS[Topic.DUPLICATES]}),
            **shown("duplicate"),
        },
    )
    yield (
        "deadLetter",
        {
            "summary": "An entry or a whole document that could not be processed. It has no key.",
            "headers": _schema("event-headers"),
            "payload": _schema("dead-letter"),
            **shown("deadLetter"),
        },
    )


def _schema(name: str) -> Map:
    return {"$ref": f"./generated/{name}.schema.json"}


def _key(schema: Map) -> Map:
    return {"kafka": {"key": schema, "bindingVersion": "0.5.0"}}


_PLAIN_KEY = re.compile(r"[A-Za-z$_][A-Za-z0-9$_.-]*")
_WORDS = {"null", "true", "false", "yes", "no", "on", "off", "y", "n"}


def yaml(value: Any, indent: str = "") -> Iterator[str]:
    """Lines of YAML 1.2 for plain data: blocks, and scalars as JSON writes them, which is YAML too."""
    if isinstance(value, Mapping) and value:
        for key, one in value.items():
            plain = _PLAIN_KEY.fullmatch(key) and key.lower() not in _WORDS
            yield from _entry(f"{indent}{key if plain else json.dumps(key)}:", one, indent)
    elif isinstance(value, Sequence) and not isinstance(value, str) and value:
        for one in value:
            yield from _entry(f"{indent}-", one, indent)
    else:
        yield indent + json.dumps(value, ensure_ascii=False)


def _entry(head: str, value: Any, indent: str) -> Iterator[str]:
    if isinstance(value, Mapping | list | tuple) and value:
        yield head
        yield from yaml(value, indent + "  ")
    else:
        yield f"{head} {json.dumps(value, ensure_ascii=False)}"


def render() -> str:
    """The file's text, as it is committed."""
    return HEAD + "\n".join(yaml(document())) + "\n"


def main() -> None:
    PATH.write_text(render(), encoding="utf-8")


if __name__ == "__main__":
    main()
