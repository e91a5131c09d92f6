"""Workers as an operator's process manager runs them, and the faults that befall them; for the fault tests."""

from __future__ import annotations

import os
import random
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec

from agents.dedupe.stage import DedupeStage
from agents.engine.intake import document_intake
from agents.engine.topics import Naming
from agents.engine.transport import Incoming
from agents.enrich.stage import EnrichStage
from agents.parse.stage import ParseStage
from agents.stage import Headers, Stage, Topic
from agents.stories.stage import StoriesStage
from schemas import StageName
from tests.states import DictState

ROOT = Path(__file__).parent.parent.parent
ENDS = (Topic.ENRICHED, Topic.DUPLICATES, Topic.DEAD_LETTER)
Place = tuple[int, int, int]
"""Partition, offset and index of an entry; -1 for a document as a whole."""


class Worker:
    """One worker process, started again whenever it ends while it is wanted."""

    def __init__(self, name: str, environment: dict[str, str], folder: Path) -> None:
        self.name = name
        self.starts = 0
        self.exits: list[int] = []
        self._environment = {**os.environ, **environment, "FEEDMILL_STATE_DIR": str(folder / name)}
        self._log = (folder / f"{name}.log").open("ab")
        self._wanted = True
        self._thread = threading.Thread(target=self._keep, name=name, daemon=True)
        self._process: subprocess.Popen[bytes] | None = None
        self._thread.start()

    def _keep(self) -> None:
        while self._wanted:
            self.starts += 1
            self._process = self._launch()
            self.exits.append(self._process.wait())
            time.sleep(0.2)

    def _launch(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "-m", "agents.cli.main", "worker"],
            cwd=ROOT,
            env=self._environment,
            stdout=self._log,
            stderr=self._log,
            start_new_session=True,
        )

    def signal(self, number: signal.Signals) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(number)

    def end(self) -> None:
        """Stop for good: politely, then not."""
        self._wanted = False
        self.signal(signal.SIGCONT)
        self.signal(signal.SIGTERM)
        self._thread.join(15)
        self.signal(signal.SIGKILL)
        self._thread.join(5)
        self._log.close()


def documents(count: int, seed: int, *, sites: int = 40) -> Iterator[tuple[bytes, bytes, Headers]]:
    """Raw records (key, body, headers): a quarter said before, one in twenty a revision, one in a hundred poison.

    One feed a site, so that the order of everything that concerns an item is the order of one partition.
    """
    rng = random.Random(seed)
    written: list[tuple[bytes, bytes, Headers]] = []
    versions: dict[tuple[int, int], int] = {}
    for number in range(count):
        chance = rng.random()
        if written and chance < 0.25:
            yield rng.choice(written[-400:])
            continue
        if chance < 0.26:
            yield b"poison", b"\xff\xfe\x00\xd8" + bytes([number % 256]), ()
            continue
        if versions and chance < 0.31:
            site, item = rng.choice(list(versions))
            versions[site, item] += 1
        else:
            site, item = rng.randrange(sites), number
            versions[site, item] = 1
        feed = f"https://site{site}.example/feed.xml"
        body = msgspec.json.encode(
            {
                "url": f"https://site{site}.example/news/{item}",
                "title": f"Report {item} of site {site}, version {versions[site, item]}",
                "content_html": "".join(
                    f"<p>Paragraph {part} of report {item}: {' '.join(rng.sample(_WORDS, 12))}.</p>"
                    for part in range(3)
                )
                + f"<p>This is version {versions[site, item]}.</p>",
                "source_url": feed,
            }
        )
        record = (feed.encode(), body, (("source-url", feed.encode()),))
        written.append(record)
        yield record


_WORDS = re.findall(
    r"\w+",
    """
    harbour council ferry bridge market orchard library museum railway weather lantern village mayor engineer
    festival archive budget survey harvest tunnel signal garden theatre hospital school airport factory meadow
    river
    """,
)


class Outcomes:
    """What came out, read committed: by place in the raw topic, and in the order of `feeds.enriched`."""

    def __init__(self, records: Iterable[tuple[Topic, Incoming]]) -> None:
        self.by_place: dict[Place, list[tuple[Topic, dict[str, Any]]]] = {}
        self.revisions: dict[str, list[int]] = {}
        self.lettered: dict[str, list[int]] = {}
        for topic, record in records:
            value = msgspec.json.decode(record.value or b"null")
            self.by_place.setdefault(place_of(value), []).append((topic, comparable(value)))
            if topic is Topic.ENRICHED:
                self.revisions.setdefault(value["id"], []).append(value["revision"])
            elif topic is Topic.DEAD_LETTER and value["id"]:
                self.lettered.setdefault(value["id"], []).append(value["revision"])


def place_of(value: dict[str, Any]) -> Place:
    source = value["source"]
    return source["partition"], source["offset"], -1 if source["index"] is None else source["index"]


UNCERTAIN = {"failed_at", "story_id", "reprint_of", "grouping"}
"""When it was made; and with several partitions who came first decides whose copy and whose story an item is."""


def comparable(value: dict[str, Any]) -> dict[str, Any]:
    told = {key: part for key, part in value.items() if key not in UNCERTAIN}
    if told.get("verdict") == "reprint":
        told["verdict"] = "new"
    return told


def one_process(raw: Iterable[Incoming], naming: Naming, pipeline: str) -> dict[Place, tuple[Topic, dict[str, Any]]]:
    """What a single process makes of the same raw topic, partition by partition."""
    from datetime import UTC, datetime

    now = datetime.now(UTC)
    stages: dict[StageName, Stage[Any]] = {
        StageName.PARSE: ParseStage(),
        StageName.DEDUPE: DedupeStage(),
        StageName.ENRICH: EnrichStage(pipeline=pipeline),
        StageName.STORIES: StoriesStage(),
    }
    current: list[Any] = [document for record in raw for document in document_intake(record)]
    found: dict[Place, tuple[Topic, dict[str, Any]]] = {}
    for name in StageName:
        passed: list[Any] = []
        for output in stages[name].handle(current, DictState(), now):
            if output.topic in ENDS:
                value = msgspec.json.decode(output.value or b"null")
                found[place_of(value)] = (output.topic, comparable(value))
            else:
                passed.append(output.value)
        current = passed
    return found
