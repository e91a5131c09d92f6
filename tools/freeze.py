"""Freeze what a release promises into schemas/released/v1: `python -m tools.freeze`, as one step of a release.

Refuses where the present schemas would break those who keep to the frozen ones, and where the version is tagged.
Before the first release there is nobody whom a change could break: `--anew` freezes it. What it writes:

    *.schema.json         the schemas; a later release takes their place, so that its new fields cannot go either
    topics.json           addresses and properties of the public topics
    records/VERSION.jsonl records as that version wrote them: every later one must read them
    input/VERSION.jsonl   raw documents of each form, and what that version made of them
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from base64 import b64encode
from functools import lru_cache
from pathlib import Path
from typing import Any

import msgspec

from agents import __version__, samples
from agents.pipeline import Pipeline
from agents.run import run
from agents.runstate import RunState
from agents.sources.records import RawRecord
from agents.stage import Topic
from schemas import Item, RawLine
from schemas.compatibility import input_breaks, output_breaks
from schemas.generate import MODELS, OUTPUT, RELEASED, json_schema, path_of, render
from tools.asyncapi import topics
from tools.examples import NOW, committed

ROOT = Path(__file__).parent.parent

FORMS = (
    *("markdown", "rss-2.0", "rss-0.91", "rdf", "atom-1.0", "atom-0.3"),
    *("json-feed-1.0", "json-feed-1.1", "json-item"),
)
"""Of each the first sample that becomes nothing but items is frozen."""

TOPICS = "topics.json"


def breaks(folder: Path = RELEASED) -> list[str]:
    """What would break for those who keep to the frozen schemas, a sentence each."""
    found = []
    for path in sorted(folder.glob("*.schema.json")):
        name = path.name.removesuffix(".schema.json")
        if name not in MODELS:
            found.append(f"{name}: the schema is gone")
            continue
        old = json.loads(path.read_text("utf-8"))
        compare = output_breaks if name in OUTPUT else input_breaks
        found += [f"{name}: {sentence}" for sentence in compare(old, json_schema(name))]
    frozen = folder / TOPICS
    return found + topic_breaks(json.loads(frozen.read_text("utf-8")), topics()) if frozen.exists() else found


def topic_breaks(old: dict[str, dict[str, str]], new: dict[str, dict[str, str]]) -> list[str]:
    """What a changed topic would break: a name that is gone, another clean-up, less time, other sizes."""
    found = []
    for address, was in old.items():
        if (now := new.get(address)) is None:
            found.append(f"{address}: the topic is gone")
            continue
        if was["cleanup.policy"] != now["cleanup.policy"]:
            found.append(f"{address}: cleanup.policy was {was['cleanup.policy']}, is {now['cleanup.policy']}")
        if was["message.timestamp.type"] != now["message.timestamp.type"]:
            found.append(f"{address}: another clock sets message.timestamp.type")
        found += [
            f"{address}: {least} was {was[least]}, is {now.get(least)}"
            for least in ("retention.ms", "delete.retention.ms", "min.compaction.lag.ms")
            if int(now.get(least, 0)) < int(was.get(least, 0))
        ]
        larger = int(now["max.message.bytes"]) > int(was["max.message.bytes"])
        smaller = int(now["max.message.bytes"]) < int(was["max.message.bytes"])
        if smaller if address.endswith(f".{Topic.RAW.value}") else larger:
            found.append(f"{address}: max.message.bytes was {was['max.message.bytes']}, is {now['max.message.bytes']}")
    return found


def freeze(folder: Path = RELEASED) -> None:
    for part in ("records", "input"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    for name in MODELS:
        path_of(name, folder).write_text(render(name), encoding="utf-8")
    (folder / TOPICS).write_text(json.dumps(topics(), indent=2) + "\n", encoding="utf-8")
    _write(folder / "records" / f"{__version__}.jsonl", [{"name": name, **one} for name, one in committed()])
    _write(folder / "input" / f"{__version__}.jsonl", inputs())


@lru_cache(maxsize=1)
def inputs() -> list[dict[str, Any]]:
    """A sample of each form that becomes nothing but items, and what becomes of it where it is alone."""
    return [_input(form) for form in FORMS]


def _input(form: str) -> dict[str, Any]:
    pairs = zip(samples.index(), samples.records(), strict=True)
    for record in (record for sample, record in pairs if form in sample.themes):
        if items := becomes(record):
            return {"form": form, "raw": msgspec.to_builtins(raw_line(record)), "items": items}
    raise LookupError(f"no sample of the form {form} becomes items alone")


def becomes(record: RawRecord) -> list[dict[str, Any]]:
    """What identifies the items of a document that a new mill is given; empty where anything is no item."""
    results = [result for done in run([record], Pipeline(), RunState(), NOW) for result in done.results]
    if any(result.role is not Topic.ENRICHED for result in results):
        return []
    items = [msgspec.json.decode(result.value, type=Item) for result in results if result.value is not None]
    return [msgspec.to_builtins(identity(item)) for item in items]


class Identity(msgspec.Struct, frozen=True):
    """What of an item may not depend on the version of the mill."""

    id: str
    url: str | None
    guid: str | None
    title: str
    format: str


def identity(item: Item) -> Identity:
    return Identity(item.id, item.url, item.guid, item.title, item.source.format)


def raw_line(record: RawRecord) -> RawLine:
    """The record as a line of a `.jsonl` file, in base64 where it is not UTF-8."""
    try:
        body, in_base64 = record.body.decode(), None
    except UnicodeDecodeError:
        body, in_base64 = None, b64encode(record.body).decode()
    return RawLine(
        body=body,
        body_base64=in_base64,
        content_type=record.content_type,
        source_url=record.source_url,
        received_at=record.received_at,
        ref=record.ref,
    )


def _write(path: Path, records: list[dict[str, Any]]) -> None:
    lines = (json.dumps(one, ensure_ascii=False) for one in records)
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def refusals(folder: Path, tags: set[str], *, anew: bool) -> list[str]:
    """Why nothing may be frozen now, given the tags of the repository; empty where it may."""
    if f"v{__version__}" in tags:
        return [f"v{__version__} is released: what it wrote stays as it was. Raise the version first."]
    found = breaks(folder)
    if not found or (anew and not tags):
        return []
    told = (
        f"--anew is for the time before the first release, and {min(tags)} is one."
        if tags and anew
        else "This breaks what was released: docs/decisions/0016-contracts-and-release.md"
    )
    return [*found, told]


def tags() -> set[str]:
    """The released versions, as git knows them."""
    asked = subprocess.run(["git", "tag", "--list", "v*"], cwd=ROOT, check=True, capture_output=True, text=True)
    return set(asked.stdout.split())


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="make freeze")
    parser.add_argument("--anew", action="store_true", help="also what breaks; before the first release only")
    if found := refusals(RELEASED, tags(), anew=parser.parse_args(arguments).anew):
        sys.exit("\n".join(found))
    freeze()


if __name__ == "__main__":
    main()
