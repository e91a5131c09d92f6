"""One worker process that nobody starts again, with what its supervisor sees of it: its end, its probes, its log."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from http import HTTPStatus
from pathlib import Path
from typing import Any

import msgspec
from aiokafka import AIOKafkaProducer

from agents.engine.loopback import LOOPBACK, free_port
from agents.engine.topics import MAX_REQUEST
from agents.stage import Topic
from tests.kafka.faults import ENDS, Place, Worker, place_of
from tests.kafka.stand import PARTITIONS, Stand

ENDED = 70

_FAULTY = """
import sys
{fault}
from agents.cli.main import main
sys.argv = ["feedmill", "worker"]
main()
"""


class Lone:
    """`fault` is Python that runs before the worker: a fault of its own that no signal can bring about."""

    def __init__(self, stand: Stand, folder: Path, settings: Mapping[str, str], *, fault: str = "") -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.port = free_port()
        self._log = folder / "worker.log"
        self._environment = {
            **stand.environment,
            "FEEDMILL_STATE_DIR": str(folder / "state"),
            "FEEDMILL_METRICS_PORT": str(self.port),
            **settings,
        }
        self._command = ["-c", _FAULTY.format(fault=fault)] if fault else ["-m", "agents.cli.main", "worker"]
        self.process = self._start()

    def _start(self) -> subprocess.Popen[bytes]:
        with self._log.open("ab") as log:
            return subprocess.Popen([sys.executable, *self._command], env=self._environment, stdout=log, stderr=log)

    @property
    def said(self) -> str:
        return self._log.read_text(errors="replace")

    def probe(self, name: str) -> tuple[int, str]:
        """The status and the sentence of `healthz` or `readyz`; 0 where nobody answers."""
        try:
            with urllib.request.urlopen(f"http://{LOOPBACK}:{self.port}/{name}", timeout=5) as answer:
                return int(answer.status), str(json.load(answer)["why"])
        except urllib.error.HTTPError as error:
            return error.code, str(json.load(error)["why"])
        except OSError:
            return 0, ""

    def metrics(self) -> dict[str, float]:
        """The figures of `/metrics` by name and labels."""
        with urllib.request.urlopen(f"http://{LOOPBACK}:{self.port}/metrics", timeout=30) as answer:
            lines = answer.read().decode().splitlines()
        pairs = (line.rsplit(" ", 1) for line in lines if line and not line.startswith("#"))
        return {name: float(value) for name, value in pairs}

    def inputs(self, stage: str) -> float:
        """What a stage has done with, in committed batches."""
        return self.metrics()[f'feedmill_inputs_total{{stage="{stage}"}}']

    def wait_until_ready(self, seconds: float = 180) -> None:
        """On a busy machine it may take the broker for lost while it starts, and is started again."""

        def ready() -> bool:
            if self.process.poll() == ENDED:
                self.process = self._start()
            return self.probe("readyz")[0] == HTTPStatus.OK or self.process.poll() is not None

        assert until(ready, seconds), self.said[-3000:]
        assert self.process.poll() is None, self.said[-3000:]

    def wait_for_end(self, seconds: float) -> int:
        """Its exit code."""
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"it still runs after {seconds:g} s:\n{self.said[-3000:]}") from None

    def stop(self) -> None:
        """By force, paused or not."""
        self.process.send_signal(signal.SIGCONT)
        self.process.kill()
        self.process.wait()


@contextlib.contextmanager
def lone(
    stand: Stand, folder: Path, settings: Mapping[str, str] | None = None, *, fault: str = "", ready: bool = True
) -> Iterator[Lone]:
    worker = Lone(stand, folder, settings or {}, fault=fault)
    try:
        if ready:
            worker.wait_until_ready()
        yield worker
    finally:
        worker.stop()


def until(condition: Callable[[], bool], seconds: float, every: float = 0.1) -> bool:
    deadline = time.monotonic() + seconds
    while not (met := condition()) and time.monotonic() < deadline:
        time.sleep(every)
    return met


async def flood(stand: Stand, documents: Sequence[bytes]) -> None:
    """Write documents to the raw topic, evenly over its partitions and without waiting for one after the other."""
    producer = AIOKafkaProducer(**stand.connection, max_request_size=MAX_REQUEST)
    await producer.start()
    try:
        topic = stand.naming.topic(Topic.RAW)
        sent = [
            await producer.send(topic, document, key=b"key", partition=number % PARTITIONS)
            for number, document in enumerate(documents)
        ]
        await asyncio.gather(*sent)
    finally:
        await producer.stop()


async def outcomes(stand: Stand) -> list[Place]:
    """The places in the raw topic of all that came out, in order; each stands here as often as it came out."""
    values: list[dict[str, Any]] = [
        msgspec.json.decode(record.value) for topic in ENDS for record in await stand.get(topic) if record.value
    ]
    return sorted(place_of(value) for value in values)


def finished(stand: Stand, folder: Path, count: int, seconds: float = 300) -> list[Place]:
    """What has come out when others have done what was left, kept running as a process manager does."""
    folder.mkdir()
    worker = Worker("next", {**stand.environment, "FEEDMILL_METRICS_PORT": "0"}, folder)
    try:
        done = until(lambda: len(asyncio.run(outcomes(stand))) >= count, seconds, every=2.0)
        assert done, f"{len(asyncio.run(outcomes(stand)))} of {count}"
    finally:
        worker.end()
    return asyncio.run(outcomes(stand))


def small(first: int, count: int) -> list[bytes]:
    """Documents of one short item each, all of them news."""
    return [
        json.dumps(
            {
                "url": f"https://site{number % 40}.example/{number}",
                "title": f"Report {number} of the harbour",
                "content_text": f"Ferry {number} has left for pier {number * 7}.",
            }
        ).encode()
        for number in range(first, first + count)
    ]


def feed(number: int, entries: int) -> bytes:
    """An RSS document with so many entries, all of them news."""
    items = "".join(
        f"<item><title>Report {number}.{entry}</title><link>https://feed{number}.example/{entry}</link>"
        f"<description>Ferry {number * entry} has left for pier {entry}.</description></item>"
        for entry in range(entries)
    )
    return f"<rss version='2.0'><channel><title>Feed {number}</title>{items}</channel></rss>".encode()
