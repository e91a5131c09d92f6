"""The Kafka of a piece: a broker with one listener for each worker, which is reached through a proxy only."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from agents.engine.admin import administration
from agents.engine.broker import EmbeddedBroker
from agents.engine.loopback import LOOPBACK, free_port
from agents.engine.topics import Naming, topic_table
from agents.stage import Topic
from tests.chaos.proxy import Proxies

MOST_WORKERS = 4
RESTART_WITHIN = 300.0
"""Seconds; on a machine at whose two cores others work too, Kafka has taken over a minute."""


class Cluster:
    """`address` is the broker's own, without a proxy: for what publishes, and for what checks."""

    def __init__(self, folder: Path, naming: Naming, partitions: int, seed: int) -> None:
        self.naming = naming
        self.partitions = partitions
        self.folder = folder
        ports: set[int] = set()
        while len(ports) < 2 + 2 * MOST_WORKERS:
            ports.add(free_port())
        port, controller, *rest = ports
        behind, before = rest[:MOST_WORKERS], rest[MOST_WORKERS:]
        self.proxies = Proxies(list(zip(before, behind, strict=True)), seed)
        self._port = port
        own = f"BROKER://{LOOPBACK}:{port}"
        numbers = range(MOST_WORKERS)
        self.broker = EmbeddedBroker(
            voters={1: controller},
            settings={
                "listeners": ",".join(
                    [own, f"CONTROLLER://{LOOPBACK}:{controller}", *(f"W{n}://{LOOPBACK}:{behind[n]}" for n in numbers)]
                ),
                "advertised.listeners": ",".join([own, *(f"W{n}://{LOOPBACK}:{before[n]}" for n in numbers)]),
                "listener.security.protocol.map": ",".join(
                    f"{name}:PLAINTEXT" for name in ("BROKER", "CONTROLLER", *(f"W{n}" for n in numbers))
                ),
                # Retention is looked at so often: a record with a wrong time is gone while the piece runs.
                "log.retention.check.interval.ms": "5000",
                "log.initial.task.delay.ms": "1000",
            },
        )
        self._at_broker = threading.Lock()  # of several threads one at a time starts or kills it

    @property
    def address(self) -> str:
        return self.broker.address

    @property
    def connection(self) -> Mapping[str, str]:
        return {"bootstrap_servers": self.address}

    def address_for(self, number: int) -> str:
        """Where a worker finds the broker."""
        return f"{LOOPBACK}:{self.proxies.all[number].port}"

    def __enter__(self) -> Self:
        self.broker.start(self.folder / "kafka", self._port)
        try:
            self.proxies.__enter__()
            asyncio.run(self._create())
        except BaseException:
            self.broker.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.proxies.__exit__(kind, error, traceback)
        self.broker.stop()

    def kill(self) -> None:
        with self._at_broker:
            self.broker.kill()

    def restart(self) -> None:
        with self._at_broker:
            if not self.broker.running:
                self.broker.restart(within=RESTART_WITHIN)

    def limit(self, topic: Topic, size: int | None) -> None:
        """Let a topic take records up to a size only; None: as the mill wants it."""
        wanted = next(
            spec.config["max.message.bytes"]
            for spec in topic_table(self.naming, partitions=1, replication=1)
            if spec.name == self.naming.topic(topic)
        )
        asyncio.run(self._limit(topic, wanted if size is None else str(size)))

    async def _limit(self, topic: Topic, size: str) -> None:
        async with administration(dict(self.connection)) as admin:
            await admin.configure({self.naming.topic(topic): {"max.message.bytes": size}})

    async def _create(self) -> None:
        async with administration(dict(self.connection)) as admin:
            await admin.create(topic_table(self.naming, partitions=self.partitions, replication=1), 1)
