"""Scrapes targets once a second over HTTP, as Prometheus does, and keeps what the alert rules ask for."""

from __future__ import annotations

import re
import threading
import time
import urllib.request
from collections.abc import Callable

from agents.engine.loopback import LOOPBACK

PATIENCE = 5.0
"""Seconds for one scrape: of a minute and a quarter that it is played as."""


class Target:
    """One `/metrics`. Not `known`, it is no target: discovery has dropped it."""

    def __init__(self, job: str, instance: str, port: int) -> None:
        self.job = job
        self.instance = instance
        self.port = port
        self.known = True


class Scraper:
    """`wanted` are the names of metrics to keep. Steps are whole seconds since `start`."""

    def __init__(self, targets: list[Target], wanted: frozenset[str]) -> None:
        self.targets = targets
        self.began = 0.0
        self.series: dict[str, dict[int, float]] = {}
        self._wanted = wanted
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        self.began = float(int(time.time()) + 2)
        for target in self.targets:
            thread = threading.Thread(target=self._follow, args=(target,), daemon=True)
            thread.start()
            self._threads.append(thread)

    def stop(self) -> int:
        """The number of steps."""
        steps = self.now()
        self._ended.set()
        for thread in self._threads:
            thread.join(PATIENCE + 2)
        return steps

    def now(self) -> int:
        return int(time.time() - self.began)

    def _follow(self, target: Target) -> None:
        step = 0
        while not self._ended.wait(max(0.0, self.began + step - time.time())):
            if target.known:
                self._keep(target, step, self._ask(target))
            step = max(step + 1, int(time.time() - self.began) + 1)

    def _ask(self, target: Target) -> str | None:
        try:
            with urllib.request.urlopen(f"http://{LOOPBACK}:{target.port}/metrics", timeout=PATIENCE) as answer:
                return str(answer.read().decode())
        except OSError:
            return None

    def _keep(self, target: Target, step: int, text: str | None) -> None:
        own = f'job="{target.job}",instance="{target.instance}"'
        found = {f"up{{{own}}}": float(text is not None)}
        for line in (text or "").splitlines():
            if line.startswith("#") or not (match := _LINE.match(line)):
                continue
            name, labels, value = match.groups()
            if name in self._wanted:
                found[f"{name}{{{own}{',' + labels if labels else ''}}}"] = float(value)
        with self._lock:
            for series, value in found.items():
                self.series.setdefault(series, {})[step] = value


_LINE = re.compile(r"(\w+)(?:\{(.*)\})? (\S+)$")


def until(condition: Callable[[], bool], seconds: float, what: str) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(what)
        time.sleep(0.2)
