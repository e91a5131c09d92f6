"""A mill under observation: embedded Kafka, workers, a load that goes on, and a Prometheus that scrapes all of it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from agents.demo.workers import Workers
from agents.engine.admin import administration
from agents.engine.broker import EmbeddedBroker
from agents.engine.folderguard import FolderGuard
from agents.engine.loopback import LOOPBACK, free_port
from agents.engine.publisher import Publisher
from agents.engine.topics import Naming, topic_table
from agents.settings import variable
from agents.stage import Topic
from bench.mill import answers
from tools.observe.load import LISTED, Load
from tools.observe.process import Program, stop_all
from tools.observe.prometheus import Prometheus, Target

STOP_SECONDS = 20.0
READY_SECONDS = 60.0
LOOK_SECONDS = 0.2
PARTITIONS = 4


class Stand:
    """Starts everything, and ends everything that it started; nothing is kept.

    `pace`: documents a second; 0: none, until it is changed. `labels`: see Prometheus. `settings`: more environment
    for the workers.
    """

    def __init__(
        self,
        *,
        workers: int = 2,
        pace: float = 2.0,
        load: Load | None = None,
        every: int = 5,
        labels: Mapping[str, str] | None = None,
        settings: Mapping[str, str] | None = None,
        tell: Callable[[str], None] = print,
    ) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="feedmill-observe-"))
        self.load = load or Load()
        self.pace = pace
        self.naming = Naming()
        self.published = 0
        self._guard = FolderGuard(self.folder)
        self._tell = tell
        self._settings = dict(settings or {})
        self._count = workers
        self._programs: list[Program] = []
        self._stop = threading.Event()
        self._publishing: threading.Thread | None = None
        self._trouble: BaseException | None = None
        self._exporter_port, self._ledger_port = free_port(), free_port()
        self.broker = EmbeddedBroker(tell=tell)
        self.workers: Workers | None = None
        try:
            self.prometheus = Prometheus(self.folder, every=every, labels=labels)
        except BaseException:
            self.stop()
            raise

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def environment(self) -> dict[str, str]:
        """What `feedmill` needs to talk to this mill; the surrounding shell's settings are another's."""
        others = {name: value for name, value in os.environ.items() if not name.startswith("FEEDMILL_")}
        kept = {name: value for name, value in os.environ.items() if name in ("FEEDMILL_JAVA", "FEEDMILL_CACHE")}
        own = {
            variable("broker"): self.broker.address,
            variable("partitions"): str(PARTITIONS),
            variable("site_allow_list"): ",".join(LISTED),
            variable("stop_deadline_seconds"): "8",
        }
        return {**others, **kept, **own, **self._settings}

    def start(self) -> None:
        """Everything is started when this returns, and not yet ready. Who calls it calls `stop`, whatever happens."""
        self._tell(f"Apache Kafka runs at {self.broker.start()}")
        asyncio.run(self._create())
        self.workers = Workers(self.folder, self._count, self.environment, self._tell)
        self.workers.start()
        self._guard.dismiss()  # the workers have their own, which ends them first
        self._beside("lag-exporter", "--port", str(self._exporter_port), "--every", "2")
        self._beside("ledger", "--follow", "--port", str(self._ledger_port), "--every", "5", "--grace", "20s")
        self._programs.append(self.prometheus.start(os.environ))
        self.prometheus.scrape(self._targets())
        self._publishing = threading.Thread(target=self._publish_all, name="load", daemon=True)
        self._publishing.start()

    def watch(self, *, restart: bool = True) -> None:
        """To be called every second or so: what ended is started again, or told; Prometheus learns of new ports."""
        if self._trouble is not None:
            raise self._trouble
        if not self.broker.running:
            raise self.broker.failure()
        for program in self._programs:
            program.check()
        if self.workers is not None and restart:
            self.workers.watch()
        self.prometheus.scrape(self._targets())

    def rest(self, seconds: float, *, restart: bool = True) -> None:
        """Let it run for so long."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            self.watch(restart=restart)
            time.sleep(0.5)

    def stop(self) -> None:
        """Twice is once."""
        self._stop.set()
        if self._publishing is not None:
            self._publishing.join(STOP_SECONDS)
        stop_all(self._programs[::-1], self.workers, STOP_SECONDS)
        self.broker.stop()
        shutil.rmtree(self.folder, ignore_errors=True)
        self._guard.dismiss()

    def _beside(self, command: str, *arguments: str) -> None:
        line = [sys.executable, "-m", "agents.cli.main", command, *arguments]
        self._programs.append(Program(command, line, self.folder, self.environment))

    def _targets(self) -> list[Target]:
        workers = self.workers.all if self.workers is not None else []
        return [
            *(
                Target("feedmill-worker", f"worker-{worker.number}", f"{LOOPBACK}:{worker.metrics_port}")
                for worker in workers
            ),
            Target("feedmill-lag-exporter", "lag-exporter", f"{LOOPBACK}:{self._exporter_port}"),
            Target("feedmill-ledger", "ledger", f"{LOOPBACK}:{self._ledger_port}"),
        ]

    async def _create(self) -> None:
        async with administration(self._connection) as admin:
            await admin.create(topic_table(self.naming, partitions=PARTITIONS, replication=1), 1)

    @property
    def _connection(self) -> dict[str, Any]:
        return {"bootstrap_servers": self.broker.address}

    def _publish_all(self) -> None:
        with contextlib.suppress(asyncio.CancelledError):
            try:
                asyncio.run(self._publish())
            except BaseException as error:  # told by `watch`, in the main thread
                if not self._stop.is_set():
                    self._trouble = error

    def _wait_until_ready(self) -> None:
        """Publish to workers that are there, else the first minute's latency is that of their start."""
        deadline = time.monotonic() + READY_SECONDS
        workers = self.workers.all if self.workers is not None else []
        while time.monotonic() < deadline and not self._stop.is_set():
            if all(answers(worker, ready=True) for worker in workers):
                break
            time.sleep(0.2)

    async def _publish(self) -> None:
        await asyncio.to_thread(self._wait_until_ready)
        async with Publisher(self._connection, self._tell) as publisher:
            due = time.monotonic()
            while not self._stop.is_set():
                if not self.pace or (early := due - time.monotonic()) > 0:
                    await asyncio.sleep(min(early, LOOK_SECONDS) if self.pace else LOOK_SECONDS)
                    due = due if self.pace else time.monotonic()
                    continue
                record = self.load.next()
                key = (record.source_url or "").encode()
                topic = self.naming.topic(Topic.RAW)
                await publisher.send(topic, record.body, key=key, headers=tuple(record.headers()))
                self.published += 1
                due += 1 / self.pace
