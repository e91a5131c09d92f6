"""What the processes take that watch a mill: memory, CPU and requests of `lag-exporter` and `ledger --follow`."""

from __future__ import annotations

import asyncio
import logging
import os
import re
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from aiokafka.conn import AIOKafkaConnection

from agents.engine.broker import EmbeddedBroker
from agents.engine.loopback import LOOPBACK, free_port
from agents.engine.standing import StandingReader
from agents.engine.topics import Naming
from bench.ledger import ENTRIES, LOADS, PARTITIONS, write
from bench.report import Cell, Table

READINGS = 60
ROUNDS = 5
TICK = os.sysconf("SC_CLK_TCK")


def main() -> Iterator[Table]:
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    for load in LOADS[:1]:
        with EmbeddedBroker() as broker:
            naming = Naming("bench")
            asyncio.run(write({"bootstrap_servers": broker.address}, naming, load))
            requests = asyncio.run(_requests(broker.address, naming))
            with _Process(broker.address, naming, "lag-exporter", "--every", "1") as exporter:
                exporter.until(lambda: exporter.figure("feedmill_lag_timestamp_seconds") > 0)
                spent = exporter.cpu()
                time.sleep(READINGS)
                rows: list[list[Cell]] = [
                    ["lag-exporter", requests, (exporter.cpu() - spent) / READINGS, exporter.peak()],
                ]
            yield Table(
                f"`feedmill lag-exporter`, {PARTITIONS} partitions a stage, nothing moving",
                ("", "requests a reading", "CPU s a reading", "peak RSS MiB"),
                rows,
                f"Over {READINGS} readings, one a second; 5 s is the default.",
            )
            words = ("ledger", "--follow", "--every", "5", "--grace", "1s")
            with _Process(broker.address, naming, *words) as auditor:
                auditor.until(lambda: auditor.figure("feedmill_ledger_entries") == ENTRIES)
                first = [auditor.figure("feedmill_ledger_round_seconds"), auditor.cpu()]
                ended = auditor.figure("feedmill_ledger_timestamp_seconds")
                took: list[float] = []
                while len(took) < ROUNDS:
                    ended = auditor.next_round(ended)
                    took.append(auditor.figure("feedmill_ledger_round_seconds"))
                spent = (auditor.cpu() - first[1]) / ROUNDS
                rows = [
                    [f"the first round, all {ENTRIES:,} entries", *first, None],
                    ["a later one, nothing new", max(took), spent, auditor.peak()],
                ]
            yield Table(
                f"`feedmill ledger --follow` over a window of {ENTRIES:,} entries, {PARTITIONS} partitions",
                ("", "s", "CPU s", "peak RSS MiB"),
                rows,
                "On the broker's machine; the first round's CPU is with the start of the process.",
            )


async def _requests(address: str, naming: Naming) -> int:
    """Of one reading, after the first."""
    sent = 0
    send: Callable[..., Any] = AIOKafkaConnection.send

    def counted(self: AIOKafkaConnection, *arguments: Any, **named: Any) -> Any:
        nonlocal sent
        sent += 1
        return send(self, *arguments, **named)

    reader = await StandingReader({"bootstrap_servers": address}, naming).open(10)
    try:
        await reader.read()
        AIOKafkaConnection.send = counted
        await reader.read()
        return sent
    finally:
        AIOKafkaConnection.send = send
        await reader.close()


class _Process:
    def __init__(self, address: str, naming: Naming, *words: str) -> None:
        self._port = free_port()
        environment = os.environ | {"FEEDMILL_BROKER": address, "FEEDMILL_TOPIC_PREFIX": naming.prefix}
        self._child = subprocess.Popen(
            [sys.executable, "-m", "agents.cli.main", *words, "--port", str(self._port)], env=environment
        )

    def __enter__(self) -> _Process:
        return self

    def __exit__(self, *_: object) -> None:
        self._child.terminate()
        self._child.wait(10)

    def until(self, condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 600
        while not condition():
            if self._child.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError("it ended, or gets nowhere")
            time.sleep(0.5)

    def next_round(self, ended: float) -> float:
        """When the round after that one ended."""
        self.until(lambda: self.figure("feedmill_ledger_timestamp_seconds") > ended)
        return self.figure("feedmill_ledger_timestamp_seconds")

    def figure(self, name: str) -> float:
        """A metric without labels; 0 while nobody answers."""
        try:
            with urllib.request.urlopen(f"http://{LOOPBACK}:{self._port}/metrics", timeout=30) as answer:
                found = re.search(rf"^{name} (\S+)$", answer.read().decode(), re.MULTILINE)
        except OSError:
            return 0.0
        return float(found[1]) if found else 0.0

    def cpu(self) -> float:
        """Seconds of CPU so far."""
        words = Path(f"/proc/{self._child.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(words[11]) + int(words[12])) / TICK

    def peak(self) -> float:
        """MiB."""
        status = Path(f"/proc/{self._child.pid}/status").read_text()
        found = re.search(r"VmHWM:\s+(\d+) kB", status)
        assert found
        return int(found[1]) / 1024
