"""A mill on the secured Kafka: commands and workers as one of its users."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from aiokafka.admin import AIOKafkaAdminClient

from agents.engine.acls import Grant, Role, grants
from agents.engine.admin import administration
from agents.engine.topics import Naming, topic_table
from agents.stage import Topic
from tests.kafka.stand import PARTITIONS
from tests.kafka.test_worker import until
from tests.security.kafka import SecuredKafka

READY = "Ready, restored"
PATIENCE = 240  # seconds; a worker starts in 5, and in 60 where others take the machine


class SecuredMill:
    """`prefix` sets its topics apart from those of other modules."""

    python = sys.executable

    def __init__(self, kafka: SecuredKafka, prefix: str) -> None:
        self.kafka = kafka
        self.naming = Naming(prefix)

    async def prepare(self) -> None:
        """Topics as the administrator makes them, permissions as the roles need them."""
        async with administration(self.kafka.plain) as admin:
            await admin.create(topic_table(self.naming, partitions=PARTITIONS, replication=1), 1)
        for role in Role:
            await self.allow(role)

    async def lose(self, topic: Topic) -> None:
        """Delete a topic, as an administrator may by mistake."""
        admin = AIOKafkaAdminClient(**self.kafka.plain)
        await admin.start()
        try:
            await admin.delete_topics([self.naming.topic(topic)])
        finally:
            await admin.close()

    async def allow(self, role: Role, granted: Iterable[Grant] | None = None) -> None:
        """Give a role's user these permissions alone, on this mill; without any named, those that it needs."""
        wanted = grants(role, self.naming) if granted is None else granted
        await self.kafka.allow(role.value, wanted)

    def environment(self, access: dict[str, str]) -> dict[str, str]:
        """`access`: what SecuredKafka.login or certificate gives."""
        others = {name: value for name, value in os.environ.items() if not name.startswith("FEEDMILL_")}
        caches = {name: value for name, value in os.environ.items() if name in {"FEEDMILL_CACHE", "FEEDMILL_JAVA"}}
        return {
            **others,
            **caches,
            "FEEDMILL_TOPIC_PREFIX": self.naming.prefix,
            "FEEDMILL_PARTITIONS": str(PARTITIONS),
            "FEEDMILL_BROKER_WAIT_SECONDS": "5",
            "FEEDMILL_METRICS_PORT": "0",
            **access,
        }

    def run(self, access: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
        """One command to its end, as a user would run it."""
        return subprocess.run(
            [sys.executable, "-m", "agents.cli.main", *arguments],
            env=self.environment(access),
            capture_output=True,
            text=True,
            errors="replace",
            timeout=2 * PATIENCE,
            check=False,
        )

    @contextmanager
    def worker(self, access: dict[str, str], folder: Path) -> Iterator[tuple[subprocess.Popen[bytes], Path]]:
        """A worker that has begun, and its log; ended by SIGTERM."""
        folder.mkdir(exist_ok=True)
        log = folder / "worker.log"
        with log.open("wb") as written:
            process = subprocess.Popen(
                [sys.executable, "-m", "agents.cli.main", "worker"],
                env={**self.environment(access), "FEEDMILL_STATE_DIR": str(folder / "state")},
                stdout=written,
                stderr=written,
            )
        try:
            yield process, log
        finally:
            process.terminate()
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def work(self, access: dict[str, str], folder: Path) -> str:
        """Run a worker until all of `raw` has come out; its log."""
        operator = self.kafka.login("operator")
        with self.worker(access, folder) as (process, log):
            assert until(lambda: READY in log.read_text() or process.poll() is not None, PATIENCE), log.read_text()
            assert process.poll() is None, log.read_text()
            settled = self.run(operator, "ledger", "--settle", str(PATIENCE))
            assert settled.returncode == 0, settled.stdout + settled.stderr
            assert "Nothing is missing, nothing is doubled." in settled.stdout
        return log.read_text()
