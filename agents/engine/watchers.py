"""Tells the metrics, the health and the log what the loops do."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from agents.engine.about import about_offset, about_output, about_partition, about_record
from agents.engine.health import Health
from agents.engine.metrics import MillMetrics
from agents.engine.topics import INPUT, Naming
from agents.engine.transport import Incoming
from agents.stage import Output, Topic
from schemas import StageName

log = logging.getLogger(__name__)


class Watchers:
    """An `Observer` of the loops."""

    def __init__(self, metrics: MillMetrics, health: Health, naming: Naming) -> None:
        self.metrics = metrics
        self.health = health
        self._naming = naming

    def handled(self, stage: StageName, partition: int, entries: int, outputs: Sequence[Output], size: int) -> None:
        if log.isEnabledFor(logging.DEBUG):
            for output in outputs:
                if output.topic is Topic.DEAD_LETTER:
                    about = {**about_partition(stage, partition), **about_output(self._naming, output)}
                    log.debug("A dead letter %s was written.", output.label, extra={**about, "code": output.label})
        self.metrics.handled(stage, partition, entries, outputs, size)
        self.health.handled(stage, partition, entries, outputs, size)

    def took(self, stage: StageName, seconds: float, committing: float) -> None:
        self.metrics.took(stage, seconds, committing)
        self.health.took(stage, seconds, committing)

    def reading(self, stage: StageName, partition: int, records: int) -> None:
        self.metrics.reading(stage, partition, records)

    def restored(self, stage: StageName, partition: int, records: int, seconds: float, rebuilt: str | None) -> None:
        if rebuilt is not None:
            log.warning(
                "The state of %s/%d was rebuilt from its changelog: %s.",
                stage.value,
                partition,
                rebuilt,
                extra=about_partition(stage, partition),
            )
        self.metrics.restored(stage, partition, records, seconds, rebuilt)
        self.health.restored(stage, partition, records, seconds, rebuilt)

    def suspected(self, stage: StageName, partition: int, first: int) -> None:
        log.warning(
            "The last owner of %s/%d did not stop in order. What it may have had in hand, from record %d on, is tried "
            "in a child process first.",
            stage.value,
            partition,
            first,
            extra=about_offset(self._naming, stage, INPUT[stage], partition, first),
        )
        self.metrics.suspected(stage, partition, first)

    def tried(self, stage: StageName, partition: int, letter: Output | None, fatal: str | None) -> None:
        if fatal is not None and letter is not None and letter.entry is not None:
            entry = letter.entry
            about = {**about_partition(stage, partition), **about_output(self._naming, letter)}
            log.error(
                "Working on record %d of partition %d of the raw topic%s ends a process: %s. It becomes a dead letter "
                "crashed-worker of stage %s, with its payload, and the others go on. docs/runbooks/crashed-worker.md "
                "says what to do.",
                entry.offset,
                entry.partition,
                "" if entry.index < 0 else f" (entry {entry.index})",
                fatal,
                stage.value,
                extra={**about, "code": letter.label},
            )
        self.metrics.tried(stage, partition, letter, fatal)
        self.health.progressed(stage, partition)

    def cleared(self, stage: StageName, partition: int) -> None:
        log.info("No suspect record is left in %s/%d.", stage.value, partition, extra=about_partition(stage, partition))

    def refused(self, stage: StageName, partition: int, why: str, first: Incoming, culprit: Output | None) -> None:
        if culprit is None:
            log.warning(
                "The broker refused a batch of %s/%d, whose records are sent one by one now: %s",
                stage.value,
                partition,
                why,
                extra=about_record(stage, first),
            )
        else:
            log.warning(
                "The broker refused a record of %s/%d, which becomes a dead letter: %s",
                stage.value,
                partition,
                why,
                extra={**about_partition(stage, partition), **about_output(self._naming, culprit)},
            )
        self.metrics.refused(stage, partition, why)
        self.health.refused(stage, partition, why)
