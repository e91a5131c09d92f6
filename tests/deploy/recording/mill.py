"""The mill that is recorded: Kafka behind proxies, two workers, lag exporter, ledger, a sender, and a Prometheus."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import logging
import os
import random
import re
import signal
import subprocess
import sys
import threading
import time
import urllib.parse
import urllib.request
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import yaml
from aiokafka import AIOKafkaProducer

from agents.engine.loopback import LOOPBACK, free_port
from agents.engine.publisher import Publisher
from agents.engine.topics import MAX_REQUEST, Naming
from agents.stage import Topic
from tests.chaos.cluster import Cluster
from tests.conftest import ROOT
from tests.deploy.recording.scraper import Target, until
from tests.deploy.recording.shortened import shortened
from tests.deploy.recording.timeline import STRETCH

RULES = ROOT / "deploy" / "prometheus" / "rules.yml"
CONFIG = ROOT / "deploy" / "prometheus" / "prometheus.yml"
BASE = "https://git.example/feedmill/blob/main/docs/runbooks"
PARTITIONS = 2
SITES = ("harbour.example", "market.example", "museum.example")
OTHERS = ("station.example", "theatre.example", "weather.example")
"""Not listed, and in the other partition of dedupe."""

PLACES = {"worker-0": 0, "worker-1": 1, "lag-exporter": 2, "ledger": 3}
"""Each process has a way to the broker of its own, so that each can be cut off."""

COMMANDS = {
    "lag-exporter": ["lag-exporter"],
    # Of its minutes the seconds that they are played as: rounds of a minute, ten minutes of grace.
    "ledger": ["ledger", "--follow", "--every", "4", "--grace", "40s"],
}

AGAIN = 1.0
"""Seconds after which a process that has ended is started again: a quarter of a minute on the played clock."""

_WORDS = (
    "bridge", "council", "ferry", "gallery", "harvest", "lantern", "library", "orchard",
    "railway", "signal", "theatre", "tunnel", "village", "weather",
)  # fmt: skip


class Process:
    """One process under a supervisor. `held`: it is not started again for now."""

    def __init__(self, name: str, folder: Path, words: Sequence[str], environment: Mapping[str, str]) -> None:
        self.name = name
        self.port = free_port()
        self.words = list(words)
        self.environment = dict(environment)
        self.prefix: tuple[str, ...] = ("-m", "agents.cli.main")
        self.held = False
        self.groups: list[Path] = []
        """Control groups that it is put into."""
        self.log = folder / f"{name}.log"
        self._process: subprocess.Popen[bytes] | None = None
        self._wanted = True
        self._thread = threading.Thread(target=self._keep, name=name, daemon=True)

    def start(self) -> None:
        self._thread.start()

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process is not None and self._process.poll() is None else None

    @property
    def said(self) -> str:
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def send(self, number: signal.Signals) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(number)

    def kill(self) -> None:
        """SIGKILL, and not started again before `back`."""
        self.held = True
        self.send(signal.SIGKILL)

    def back(self) -> None:
        self.held = False

    def again(self) -> None:
        """Stopped in order, and started again by the supervisor."""
        self.send(signal.SIGTERM)

    def end(self) -> None:
        self._wanted = False
        self.send(signal.SIGCONT)
        self.send(signal.SIGKILL)
        if self._thread.is_alive():
            self._thread.join(10)

    def get(self, path: str) -> str:
        try:
            with urllib.request.urlopen(f"http://{LOOPBACK}:{self.port}/{path}", timeout=5) as answer:
                return str(answer.read().decode())
        except OSError:
            return ""

    def figure(self, name: str) -> float:
        """The sum of a metric's children; 0 where it is not there."""
        found = re.findall(rf"^{name}(?:\{{.*\}})? (\S+)$", self.get("metrics"), re.MULTILINE)
        return sum(float(value) for value in found)

    def _keep(self) -> None:
        while self._wanted:
            if not self.held:
                with self.log.open("ab") as log:
                    self._process = subprocess.Popen(
                        [sys.executable, *self.prefix, *self.words],
                        cwd=ROOT,
                        env={**os.environ, **self.environment},
                        stdout=log,
                        stderr=log,
                        start_new_session=True,
                    )
                for group in self.groups:
                    with contextlib.suppress(OSError):
                        (group / "cgroup.procs").write_text(str(self._process.pid))
                self._process.wait()
            time.sleep(AGAIN)


class Mill:
    """`settings` are all workers'. The sender writes `rate` documents a second of each site in `sending`."""

    def __init__(self, folder: Path, **settings: str) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.naming = Naming("feeds")
        self.cluster = Cluster(folder, self.naming, PARTITIONS, 9)
        self.sending = [*SITES, *OTHERS[:1]]
        self.rate = 2.0
        self.spoilt = 0.0
        """Share of documents that are no documents."""
        self._settings = settings
        self._stop = threading.Event()
        self._sender = threading.Thread(target=self._send, name="sender", daemon=True)
        self.processes: dict[str, Process] = {}
        self.prometheus: Prometheus | None = None

    def __enter__(self) -> Self:
        logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # the sender meets every fault too
        self.cluster.__enter__()
        for name, place in PLACES.items():
            words = COMMANDS.get(name, ["worker"])
            process = Process(name, self.folder, words, self.environment(name, place))
            if words == ["worker"]:
                process.environment["FEEDMILL_METRICS_PORT"] = str(process.port)
            else:
                process.words += ["--port", str(process.port)]
            self.processes[name] = process
        return self

    def environment(self, name: str, place: int) -> dict[str, str]:
        return {
            "FEEDMILL_BROKER": self.cluster.address_for(place),
            "FEEDMILL_TOPIC_PREFIX": self.naming.prefix,
            "FEEDMILL_PARTITIONS": str(PARTITIONS),
            "FEEDMILL_STATE_DIR": str(self.folder / f"{name}.state"),
            "FEEDMILL_SITE_ALLOW_LIST": ",".join(SITES),
            **self._settings,
        }

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stop.set()
        if self.prometheus is not None:
            self.prometheus.end()
        for process in self.processes.values():
            process.end()
        if self._sender.is_alive():
            self._sender.join(20)
        self.cluster.__exit__(kind, error, traceback)

    def run(self) -> None:
        """Start everything, and wait until it is at work."""
        for process in self.processes.values():
            process.start()
        until(lambda: all(worker.figure("feedmill_ready") for worker in self.workers), 400, "the workers are not ready")
        for name in ("lag-exporter", "ledger"):
            until(lambda name=name: bool(self.processes[name].get("metrics")), 120, f"{name} does not answer")  # type: ignore[misc]
        self._sender.start()  # not before: what waited for the workers would come out late
        until(lambda: self.items() > 20, 300, "no items")

    def items(self) -> float:
        return sum(worker.figure("feedmill_items_total") for worker in self.workers)

    @property
    def workers(self) -> list[Process]:
        return [self.processes["worker-0"], self.processes["worker-1"]]

    def targets(self) -> list[Target]:
        jobs = {"lag-exporter": "feedmill-lag-exporter", "ledger": "feedmill-ledger"}
        return [
            Target(jobs.get(name, "feedmill-worker"), name, process.port) for name, process in self.processes.items()
        ]

    def watch(self, *, by: int = STRETCH, alertmanager: int = 0) -> Prometheus:
        """A Prometheus with the rules on a clock `by` times as fast, on the same targets."""
        self.prometheus = Prometheus(self.folder / "prometheus", self.targets(), by=by, alertmanager=alertmanager)
        return self.prometheus

    # -- what befalls it

    def hold(self, *names: str, held: bool = True) -> None:
        """Let nothing through to the broker, and tell nobody."""
        for name in names:
            self.cluster.proxies.all[PLACES[name]].held = held

    def delay(self, seconds: float) -> None:
        for worker in self.workers:
            self.cluster.proxies.all[PLACES[worker.name]].delay = seconds

    def publish(self, documents: Iterable[bytes]) -> None:
        async def published() -> None:
            async with Publisher(self.cluster.connection) as publisher:
                for number, document in enumerate(documents):
                    await publisher.send(self.naming.topic(Topic.RAW), document, key=b"key%d" % (number % 16))
                await publisher.flush()

        asyncio.run(published())

    def write(self, topic: str, values: Iterable[bytes]) -> None:
        """Write to partition 0 of any topic, as nobody but the mill should."""

        async def written() -> None:
            producer = AIOKafkaProducer(**self.cluster.connection, max_request_size=MAX_REQUEST)
            await producer.start()
            try:
                for value in values:
                    await producer.send_and_wait(topic, value, key=b"key", partition=0)
            finally:
                await producer.stop()

        asyncio.run(written())

    def command(self, *words: str, at: str, patience: float = 60) -> str:
        """What a command of feedmill says that somebody types where a process runs."""
        done = subprocess.run(
            [sys.executable, "-m", "agents.cli.main", *words],
            cwd=ROOT,
            env={**os.environ, **self.processes[at].environment},
            capture_output=True,
            timeout=patience,
            check=False,
        )
        said = (done.stdout + done.stderr).decode()[-4000:]
        return f"$ feedmill {' '.join(words)}   (exit code {done.returncode})\n{said}"

    def _send(self) -> None:
        asyncio.run(self._sending())

    async def _sending(self) -> None:
        made = articles(7)
        rng = random.Random(8)
        while not self._stop.is_set():
            try:
                async with Publisher(self.cluster.connection) as publisher:
                    while not self._stop.is_set():
                        for site in list(self.sending):
                            body = (
                                b"\xff\xfe\x00\xd8%d" % rng.randrange(10**6)
                                if rng.random() < self.spoilt
                                else made(site)
                            )
                            await publisher.send(self.naming.topic(Topic.RAW), body, key=site.encode())
                        await asyncio.sleep(1 / self.rate)
            except Exception:  # the broker is away: a sender tries again
                await asyncio.sleep(1.0)


def articles(seed: int) -> Any:
    """Documents of a site, one after the other: a third were there before."""
    rng = random.Random(seed)
    count = itertools.count()
    before: dict[str, list[bytes]] = {}

    def made(site: str) -> bytes:
        known = before.setdefault(site, [])
        if known and rng.random() < 0.33:
            return rng.choice(known[-50:])
        number = next(count)
        body = article(site, number, rng)
        known.append(body)
        return body

    return made


def article(site: str, number: int, rng: random.Random, vocabulary: Sequence[str] = _WORDS) -> bytes:
    words = " ".join(rng.choices(vocabulary, k=30))
    return json.dumps(
        {
            "url": f"https://{site}/news/{number}",
            "title": f"Report {number}: {' '.join(rng.choices(vocabulary, k=4))}",
            "content_html": f"<p>Number {number} says: {words}.</p>",
            "source_url": f"https://{site}/feed.xml",
        }
    ).encode()


class Prometheus:
    """Debian's, on the targets of a mill, with the rules shortened. `by` is how much."""

    def __init__(self, folder: Path, targets: Sequence[Target], *, by: int = STRETCH, alertmanager: int = 0) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.port = free_port()
        rules = shortened(yaml.safe_load(RULES.read_text()), by)
        (folder / "rules.yml").write_text(yaml.safe_dump(rules, sort_keys=False))
        config: dict[str, Any] = {
            "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
            "rule_files": ["rules.yml"],
            "scrape_configs": [
                {
                    "job_name": job,
                    "static_configs": [
                        {"targets": [f"{LOOPBACK}:{target.port}"], "labels": {"instance": target.instance}}
                        for target in targets
                        if target.job == job
                    ],
                }
                for job in sorted({target.job for target in targets})
            ],
        }
        if alertmanager:
            config["global"]["external_labels"] = {"runbooks": BASE}
            config["alerting"] = {
                "alert_relabel_configs": yaml.safe_load(CONFIG.read_text())["alerting"]["alert_relabel_configs"],
                "alertmanagers": [{"static_configs": [{"targets": [f"{LOOPBACK}:{alertmanager}"]}]}],
            }
        (folder / "prometheus.yml").write_text(yaml.safe_dump(config, sort_keys=False))
        self._log = (folder / "prometheus.log").open("ab")
        self._process = subprocess.Popen(
            [
                "prometheus",
                f"--config.file={folder / 'prometheus.yml'}",
                f"--storage.tsdb.path={folder / 'data'}",
                f"--web.listen-address={LOOPBACK}:{self.port}",
                "--query.lookback-delta=20s",
            ],
            stdout=self._log,
            stderr=self._log,
        )

    def firing(self) -> set[str]:
        """Names of alerts that fire now."""
        try:
            with urllib.request.urlopen(f"http://{LOOPBACK}:{self.port}/api/v1/alerts", timeout=10) as answer:
                found = json.load(answer)["data"]["alerts"]
        except OSError:
            return set()
        return {alert["labels"]["alertname"] for alert in found if alert["state"] == "firing"}

    def value(self, query: str) -> float:
        """The first value that a query gives; 0 where it gives none."""
        asked = urllib.parse.urlencode({"query": query})
        try:
            with urllib.request.urlopen(f"http://{LOOPBACK}:{self.port}/api/v1/query?{asked}", timeout=10) as answer:
                found = json.load(answer)["data"]["result"]
        except OSError:
            return 0.0
        return float(found[0]["value"][1]) if found else 0.0

    def told(self, name: str) -> list[dict[str, Any]]:
        """An alert's annotations, as somebody reads them."""
        with urllib.request.urlopen(f"http://{LOOPBACK}:{self.port}/api/v1/alerts", timeout=10) as answer:
            found = json.load(answer)["data"]["alerts"]
        return [alert for alert in found if alert["labels"]["alertname"] == name]

    def end(self) -> None:
        self._process.kill()
        self._process.wait()
        self._log.close()


@contextlib.contextmanager
def own_disk(folder: Path, megabytes: int) -> Iterator[bool]:
    """A file system of its own under a folder, where that can be had."""
    folder.mkdir(parents=True, exist_ok=True)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "feedmill-recording", str(folder)]
    mounted = subprocess.run(mount, check=False, capture_output=True).returncode == 0
    try:
        yield mounted
    finally:
        if mounted:
            subprocess.run(["umount", "-l", str(folder)], check=False, capture_output=True)
