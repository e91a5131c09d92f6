"""A feedmill worker under the same fault, restarted as a process manager would, and what became of each document."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from uuid import uuid4

import msgspec

from agents.stage import Topic
from tests.faust.stock import ROOT, until
from tests.kafka.stand import PARTITIONS, Stand

DONE_WITHIN = 300.0

FAULTY = """
import sys, time
from pathlib import Path
from agents.cli.main import main
from agents.parse.stage import ParseStage

met, handle = Path(sys.argv[1]), ParseStage.handle

def faulty(self, batch, state, now):
    if any(b"poison" in document.body for document in batch) and not met.exists():
        met.touch()
        {fault}
    return handle(self, batch, state, now)

ParseStage.handle = faulty
sys.argv = ["feedmill", "worker"]
main()
"""
"""A worker whose first stage has a fault, once, when it meets poison: {fault} is a statement."""


def document(number: int, word: str = "news") -> bytes:
    return json.dumps(
        {
            "url": f"https://n.example/{number}",
            "title": f"Report {number}",
            "content_html": f"<p>This is {word}, number {number} of its kind.</p>",
        }
    ).encode()


class Mill:
    """One mill with one worker."""

    def __init__(self, address: str, folder: Path, fault: str = "") -> None:
        self.stand = Stand(address, f"faust-{uuid4().hex[:8]}")
        self.log = folder / "mill.log"
        self.exits: list[int] = []
        self._environment = self.stand.environment | {
            "FEEDMILL_STATE_DIR": str(folder / "mill"),
            "FEEDMILL_METRICS_PORT": "0",
            "FEEDMILL_SESSION_TIMEOUT_SECONDS": "6",
            "FEEDMILL_BROKER_WAIT_SECONDS": "60",
        }
        program = FAULTY.format(fault=fault) if fault else "from agents.cli.main import main; main()"
        self._command = [sys.executable, "-c", program, str(folder / "met") if fault else "worker"]
        self._process: subprocess.Popen[bytes] | None = None
        self._wanted = False
        self.published: list[tuple[int, int]] = []
        asyncio.run(self.stand.create())

    @contextlib.contextmanager
    def running(self) -> Iterator[Mill]:
        self._wanted = True
        keeper = threading.Thread(target=self._keep)
        keeper.start()
        try:
            yield self
        finally:
            self._wanted = False
            self.kill()
            keeper.join()

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()

    def _keep(self) -> None:
        while self._wanted:
            with self.log.open("ab") as log:
                self._process = subprocess.Popen(
                    self._command, cwd=ROOT, env=os.environ | self._environment, stdout=log, stderr=log
                )
            self.exits.append(self._process.wait())
            time.sleep(0.2)

    def publish(self, documents: Sequence[bytes]) -> None:
        for partition in range(PARTITIONS):
            part = documents[partition::PARTITIONS]
            offsets = asyncio.run(self.stand.put(Topic.RAW, part, partition=partition))
            self.published += [(partition, offset) for offset in offsets]

    def outcomes(self) -> Counter[tuple[int, int]]:
        """How many results each document has."""
        found: Counter[tuple[int, int]] = Counter()
        for topic in (Topic.ENRICHED, Topic.DUPLICATES, Topic.DEAD_LETTER):
            for record in asyncio.run(self.stand.get(topic)):
                source = msgspec.json.decode(record.value or b"")["source"]
                found[source["partition"], source["offset"]] += 1
        return found

    def assert_nothing_lost(self) -> None:
        """Every document ends, once."""
        until(lambda: len(self.outcomes()) >= len(self.published), DONE_WITHIN)
        outcomes = self.outcomes()
        missing = [place for place in self.published if not outcomes[place]]
        assert not missing, f"{len(missing)} of {len(self.published)} without result; {self.log.read_text()[-2000:]}"
        assert set(outcomes.values()) == {1}
