"""Small raw documents for the model: revisions r1..r10 of a few items, resends, replays, poison."""

from __future__ import annotations

import random

import msgspec
from msgspec import Struct

from agents.engine.topics import Naming, partition_of
from agents.engine.transport import Outgoing
from agents.stage import Topic

REFUSED = "refused by the broker"
"""A title that the model's `feeds.enriched` takes no record with."""


class Planned(Struct, frozen=True):
    record: Outgoing
    about: str


def plan(rng: random.Random, naming: Naming, partitions: int) -> list[Planned]:
    """The raw records of one history, in the order in which they are published."""
    sites = [f"s{number}.example" for number in range(rng.randint(1, 3))]
    written: dict[str, list[tuple[bytes, tuple[int, int]]]] = {}
    offsets: dict[int, int] = {}
    revisions: dict[str, int] = {}
    records: list[Planned] = []
    for _ in range(rng.randint(5, 11)):
        site = rng.choice(sites)
        item = rng.randint(1, 2)
        url = f"https://{site}/{item}"
        earlier = written.setdefault(url, [])
        partition = partition_of(Topic.RAW, site.encode(), 0, partitions)
        headers: tuple[tuple[str, bytes], ...] = ()
        chance = rng.random()
        if earlier and chance < 0.2:
            body, about = rng.choice(earlier)[0], "resend"
        elif earlier and chance < 0.35:
            body, (where, at) = rng.choice(earlier)
            headers = (("replay-of", f"{naming.topic(Topic.RAW)}/{where}/{at}/0".encode()),)
            about = "replay"
        elif chance < 0.42:
            body, about = b"\xff\xfe\x00", "poison"
        else:
            revisions[url] = revisions.get(url, 0) + 1
            title = f"{url} r{revisions[url]}"
            if rng.random() < 0.1:
                title += f" {REFUSED}"
            body = msgspec.json.encode({"url": url, "title": title, "source_url": f"https://{site}/feed"})
            about = "revision"
        offset = offsets.get(partition, 0)
        offsets[partition] = offset + 1
        if about == "revision":
            earlier.append((body, (partition, offset)))
        records.append(Planned(Outgoing(naming.topic(Topic.RAW), partition, site.encode(), body, headers), about))
    return records
