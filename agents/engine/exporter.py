"""The figures of `feedmill lag-exporter`, and the readings that they come from."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from prometheus_client import CollectorRegistry, Counter
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from agents.engine.metrics import LagMetrics
from agents.engine.standing import Place, Stand, Standing, StandingReader
from agents.engine.topics import Naming
from agents.engine.transport import UnavailableError

log = logging.getLogger(__name__)

OPEN_WITHIN_SECONDS = 5.0
READ_WITHIN_SECONDS = 20.0
"""Limit of one reading, all that it asks together."""


class Exporter:
    """Reads the standing of the mill's group into metrics; `work` is one reading, for `Rounds`."""

    def __init__(self, connection: Mapping[str, Any], naming: Naming, registry: CollectorRegistry) -> None:
        self._reader = StandingReader(connection, naming)
        self._naming = naming
        self._lags = LagMetrics(registry)
        self._offsets = _Offsets()
        self._told: set[str] = set()
        self.failures = Counter("feedmill_lag_failures", "Readings of lag that failed.", registry=registry)
        registry.register(self._offsets)

    async def work(self) -> None:
        """One reading. A failed one leaves what was known, whose age goes on growing, and the next connects anew."""
        try:
            async with asyncio.timeout(READ_WITHIN_SECONDS):
                if not self._reader.is_open:
                    await self._reader.open(OPEN_WITHIN_SECONDS)
                standing = await self._reader.read()
        except TimeoutError as error:
            await self._reader.close()
            raise UnavailableError(f"The brokers gave no whole answer in {READ_WITHIN_SECONDS:.0f} s.") from error
        except BaseException:
            await self._reader.close()
            raise
        self._show(standing)
        self._tell(standing)
        if standing.leaderless:
            raise UnavailableError(f"No broker leads {_named(standing.leaderless)}: their lag cannot be read.")
        if not standing.whole:
            unread = [place for place, stand in standing.stands.items() if stand.lag is None]
            raise UnavailableError(f"The records of {_named(unread)} could not be looked at in time.")

    def _show(self, standing: Standing) -> None:
        there = {*standing.stands, *standing.leaderless}
        self._lags.keep(there)
        lags = {place: stand.lag for place, stand in standing.stands.items() if stand.lag is not None}
        self._lags.update(lags, whole=standing.whole)
        self._offsets.stands = {
            **{place: stand for place, stand in self._offsets.stands.items() if place in there},
            **standing.stands,
        }
        self._offsets.members = standing.members

    def _tell(self, standing: Standing) -> None:
        """Say once what a person has to see to."""
        now = {
            f"{topic} is not there: its stage shows nothing until `feedmill topics apply` has made it."
            for topic in standing.missing
        } | {
            f"{stage.value}/{number} ends at {stand.end:,}, but was worked on up to {stand.committed:,}: the topic was "
            "created anew, and no worker will work on it. docs/runbooks/recreated-raw.md says how to go on."
            for (stage, number), stand in standing.stands.items()
            if stand.anew
        }
        for sentence in sorted(now - self._told):
            log.warning("%s", sentence)
        self._told = now


class _Offsets(Collector):
    """What stands beside lag and age. Both attributes are replaced, not changed: the server's thread reads them."""

    def __init__(self) -> None:
        self.stands: dict[Place, Stand] = {}
        self.members: int | None = None

    def collect(self) -> Iterable[Metric]:
        labels = ["stage", "partition"]
        ends = GaugeMetricFamily("feedmill_end_offset", "The stable end of the stage's input.", labels=labels)
        committed = GaugeMetricFamily(
            "feedmill_committed_offset",
            "Up to where the stage has worked, by the group's offset or its changelog; absent where neither says.",
            labels=labels,
        )
        for (stage, partition), stand in sorted(self.stands.items()):
            ends.add_metric([stage, str(partition)], stand.end)
            if stand.committed is not None:
                committed.add_metric([stage, str(partition)], stand.committed)
        members = GaugeMetricFamily("feedmill_group_members", "Members of the mill's group: its workers.")
        if self.members is not None:  # 0 before anybody has asked would be a mill without workers
            members.add_metric([], self.members)
        return (ends, committed, members)


def _named(places: Collection[Place]) -> str:
    named = ", ".join(f"{stage.value}/{number}" for stage, number in sorted(places)[:5])
    return f"{named} and {len(places) - 5} more" if len(places) > 5 else named
