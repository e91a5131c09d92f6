"""The figures of `feedmill ledger --follow`, and what it says of each fault."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge

from agents.engine.following import Follower, Terms
from agents.engine.rolling import Findings
from agents.engine.topics import Naming

log = logging.getLogger(__name__)

_FIGURES = {
    "missing": "Entries, or whole documents, without an outcome that are nowhere on their way.",
    "doubled": "Outcomes of entries that had one already.",
    "contradicting": "Outcomes that cannot be true together, or of no raw record.",
    "altered": "Outcomes that are not as the mill writes them.",
    "entries": "Entries of the documents that were judged.",
    "waiting": "Raw records that the mill has not taken yet.",
    "in_flight": "Entries that were taken and have no outcome yet.",
}


class Auditor:
    """Does rounds into metrics and warnings; `work` is one, for `Rounds`."""

    def __init__(
        self, connection: Mapping[str, Any], naming: Naming, terms: Terms, registry: CollectorRegistry
    ) -> None:
        self._follower = Follower(connection, naming, terms, self._show)
        self._began = time.monotonic()

        def gauge(name: str, documentation: str) -> Gauge:
            return Gauge(f"feedmill_ledger_{name}", documentation, registry=registry)

        self._figures = {name: gauge(name, text) for name, text in _FIGURES.items()}
        for figure in self._figures.values():
            figure.set(float("nan"))  # 0 before anybody has looked would be an all-clear
        self._horizon = gauge("horizon_timestamp_seconds", "Raw records from then on are judged; 0 before any is.")
        self._ended = gauge("timestamp_seconds", "When the last round ended; 0 before.")
        self._took = gauge("round_seconds", "What the last round took.")
        self.failures = Counter("feedmill_ledger_failures", "Rounds that failed.", registry=registry)

    async def work(self) -> None:
        self._began = time.monotonic()
        await self._follower.work()

    def _show(self, findings: Findings, since_ms: int) -> None:
        for name, figure in self._figures.items():
            figure.set(getattr(findings, name))
        self._horizon.set(since_ms / 1000)
        self._took.set(time.monotonic() - self._began)
        self._ended.set(time.time())
        for kind, news in findings.news.items():
            for fault in news.shown:
                log.warning("%s: %s", kind, fault.text, extra={"source": fault.source})
            if rest := news.count - len(news.shown):
                log.warning("%s: %d more in this round. `feedmill ledger` counts them all.", kind, rest)
