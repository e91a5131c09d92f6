"""The dashboard *Worker*: each process for itself. Which one is behind, restores, starts again, or grows."""

from __future__ import annotations

from deploy.grafana.panels import (
    BAD,
    GOOD,
    SOME_TO_WATCH,
    WATCH,
    Grid,
    Query,
    Step,
    bars,
    figure,
    lines,
)
from deploy.grafana.queries import INSTANCE, STAGE, mean, or_zero, quantile, rate, worker

BATCH = "feedmill_batch_seconds"
COMMIT = "feedmill_commit_seconds"
STARTED = worker("process_start_time_seconds", INSTANCE)
REBALANCES = worker("feedmill_rebalances_total", INSTANCE)
MEMORY = worker("process_resident_memory_bytes", INSTANCE)
MEMORY_LIMIT = worker("feedmill_memory_limit_bytes", INSTANCE)
NO_WORKER = "No worker answers"
NO_BATCHES = "No batches in this time"


def workers() -> Grid:
    grid = Grid()
    grid.row("The workers chosen above")
    _glance(grid)
    grid.row("Work")
    _work(grid)
    grid.row("Partitions and state")
    _partitions(grid)
    grid.row("The process")
    _process(grid)
    return grid


def _glance(grid: Grid) -> None:
    ready = or_zero(f"sum({worker('feedmill_ready', INSTANCE)})")
    grid.put(
        figure(
            "Ready",
            "Workers that have their partitions and their state. 0 for longer than a start takes: "
            "docs/runbooks/no-worker.md.",
            "short",
            [Query(ready, "ready", at_end=True)],
            steps=(Step(None, BAD), Step(1, GOOD)),
            decimals=0,
        ),
        4,
        4,
    )
    grid.put(
        figure(
            "Starts",
            "How often a worker began anew in the time shown. A rollout is one each; more means that they end by "
            "themselves: their log's last lines say why, docs/runbooks/worker-down.md and "
            "docs/runbooks/crashed-worker.md what to do.",
            "short",
            [Query(or_zero(f"sum(changes({STARTED}[$__range]))"), "starts", at_end=True)],
            steps=SOME_TO_WATCH,
            decimals=0,
        ),
        4,
        4,
    )
    grid.put(
        figure(
            "Rebalances",
            "How often workers were given partitions anew in the time shown, all together. Each is a pause of a "
            "second or more. One each for a start or an end of any worker; without one of these: "
            "docs/runbooks/rebalance-storm.md.",
            "short",
            [Query(or_zero(f"sum(increase({REBALANCES}[$__range]))"), "rebalances", at_end=True)],
            decimals=0,
        ),
        4,
        4,
    )
    restoring = worker("feedmill_restoring_partitions", INSTANCE, STAGE)
    grid.put(
        figure(
            "Partitions being restored",
            "Partitions whose state is not read back yet; no work is done on them. Back to 0 within seconds, or "
            "minutes for a large index. If it stays, see whether records restored (below) still grow: "
            "docs/runbooks/restore-stuck.md.",
            "short",
            [Query(or_zero(f"sum({restoring})"), "restoring", at_end=True)],
            steps=SOME_TO_WATCH,
            decimals=0,
        ),
        4,
        4,
    )
    grid.put(
        bars(
            "Memory, of the limit",
            "Resident memory as a share of the container's limit. From nine tenths on the kernel may kill the "
            "worker at the next large document: docs/runbooks/state-limits.md.",
            "percentunit",
            [Query(f"{MEMORY} / on (instance) {MEMORY_LIMIT}", "{{instance}}")],
            steps=(Step(None, GOOD), Step(0.75, WATCH), Step(0.9, BAD)),
            most=1,
            empty="No limit is set",
        ),
        4,
        4,
    )
    grid.put(
        figure(
            "Version",
            "The versions of feedmill that run. One is good; two at once are usual during a rollout only.",
            "short",
            [Query(f"count by (version) ({worker('feedmill_build_info', INSTANCE)})", "{{version}}", at_end=True)],
            empty=NO_WORKER,
            name_only=True,
        ),
        4,
        4,
    )


def _work(grid: Grid) -> None:
    grid.put(
        lines(
            "Inputs a second, by worker",
            "Documents and entries that all stages took, batch by committed batch. Even shares are good. One at 0 "
            "beside busy ones: it stands by without partitions, or is stuck (see which are ready, below).",
            "suffix:/s",
            [Query(rate(worker("feedmill_inputs_total", INSTANCE, STAGE), by="instance"), "{{instance}}")],
            empty=NO_WORKER,
        ),
        8,
        8,
    )
    grid.put(
        lines(
            "Batches a second, by stage",
            "Committed batches: each is one Kafka transaction. Many small ones are usual under light load.",
            "suffix:/s",
            [Query(rate(worker(f"{BATCH}_count", INSTANCE, STAGE), by="stage"), "{{stage}}")],
            empty=NO_WORKER,
        ),
        8,
        8,
    )
    grid.put(
        lines(
            "Inputs in a batch, by stage",
            "Mean size of a batch. It grows with the load, which makes transactions cheap; large batches with a "
            "growing lag mean that the stage is at its limit: docs/guide/sizing.md.",
            "short",
            [Query(mean("feedmill_batch_inputs", INSTANCE, STAGE, by="stage"), "{{stage}}")],
            empty=NO_BATCHES,
        ),
        8,
        8,
    )
    whole, commit = (mean(name, INSTANCE, STAGE, by="stage") for name in (BATCH, COMMIT))
    grid.put(
        lines(
            "Stage's own time per batch",
            "Mean seconds that a batch took apart from its transaction: reading, deciding, local state. A rise in "
            "enrich or stories means that CPU is short. Compare with the panel beside it.",
            "s",
            [Query(f"{whole} - ({commit})", "{{stage}}")],
            empty=NO_BATCHES,
        ),
        8,
        8,
    )
    grid.put(
        lines(
            "Kafka's time per batch",
            "Mean seconds that a batch spent in its transaction: sending, acknowledgements, commit. If this grows "
            "for all stages at once, the trouble is the broker or the network, not the mill.",
            "s",
            [Query(commit, "{{stage}}")],
            empty=NO_BATCHES,
        ),
        8,
        8,
    )
    grid.put(
        lines(
            "Slow batches, by stage",
            "95 of 100 batches took no longer, work and transaction together. Seconds are much; at "
            "FEEDMILL_STUCK_SECONDS (30) in one stage the worker ends itself: docs/runbooks/crashed-worker.md.",
            "s",
            [Query(quantile(0.95, BATCH, INSTANCE, STAGE, by="stage"), "{{stage}}")],
            empty=NO_BATCHES,
        ),
        8,
        8,
    )


def _partitions(grid: Grid) -> None:
    grid.put(
        lines(
            "Partitions, by worker",
            "Input partitions that each owns, in all stages. Even shares are good; a step is a rebalance; a worker "
            "that goes leaves its share to the others within the session's time-out.",
            "short",
            [Query(f"sum by (instance) ({worker('feedmill_partitions', INSTANCE, STAGE)})", "{{instance}}")],
            stairs=True,
            decimals=0,
            empty=NO_WORKER,
        ),
        8,
        7,
    )
    grid.put(
        lines(
            "Rebalances, by worker",
            "How often each was given partitions, in a quarter of an hour. Some at a rollout; again and again "
            "without one is a storm: docs/runbooks/rebalance-storm.md.",
            "short",
            [Query(f"sum by (instance) (increase({REBALANCES}[15m]))", "{{instance}}")],
            empty=NO_WORKER,
        ),
        8,
        7,
    )
    grid.put(
        lines(
            "Being restored, by stage",
            "Partitions whose state is read back from its changelog. Spikes at rebalances are usual; a level that "
            "stays is not: docs/runbooks/restore-stuck.md.",
            "short",
            [Query(f"sum by (stage) ({worker('feedmill_restoring_partitions', INSTANCE, STAGE)})", "{{stage}}")],
            stairs=True,
            decimals=0,
            empty=NO_WORKER,
        ),
        8,
        7,
    )
    grid.put(
        lines(
            "Changelog records read, a second",
            "What a restore gets done while it lasts. 0 while partitions are being restored (beside it) means that "
            "it is stuck: is the broker there, is the disk full? docs/runbooks/restore-stuck.md.",
            "suffix:/s",
            [Query(rate(worker("feedmill_restored_records_total", INSTANCE, STAGE), by="stage"), "{{stage}}")],
            empty=NO_WORKER,
        ),
        8,
        7,
    )
    grid.put(
        lines(
            "How long restores took",
            "95 of 100 partitions had their state back within this time, in the last hour. Under a second is usual "
            "where volumes are kept over restarts; minutes mean that the state was read from the beginning.",
            "s",
            [Query(quantile(0.95, "feedmill_restore_seconds", INSTANCE, STAGE, by="stage", window="1h"), "{{stage}}")],
            empty="No restores in the last hour",
        ),
        8,
        7,
    )
    grid.put(
        lines(
            "Workers that are ready",
            "What /readyz says, each worker a band. Gaps are starts and rebalances; a worker that is not listed "
            "does not answer at all: docs/runbooks/worker-down.md.",
            "short",
            [Query(f"max by (instance) ({worker('feedmill_ready', INSTANCE)})", "{{instance}}")],
            stairs=True,
            decimals=0,
            stacked=True,
            empty=NO_WORKER,
        ),
        8,
        7,
    )


def _process(grid: Grid) -> None:
    grid.put(
        lines(
            "Memory, by worker",
            "Resident memory, and the least limit as a dashed line where there is one. It grows with the stories "
            "index, up to its limit; growth that never ends is a leak: docs/guide/sizing.md.",
            "bytes",
            [Query(MEMORY, "{{instance}}"), Query(f"min({MEMORY_LIMIT})", "limit")],
            dashed="limit",
            empty=NO_WORKER,
        ),
        8,
        7,
    )
    grid.put(
        lines(
            "CPU, by worker",
            "Cores that each keeps busy. A worker is one event loop: at 1 it is at its limit, and more workers "
            "help, up to the number of partitions: docs/guide/sizing.md.",
            "suffix:cores",
            [Query(rate(worker("process_cpu_seconds_total", INSTANCE), by="instance"), "{{instance}}")],
            steps=(Step(None, GOOD), Step(1, WATCH)),
            steps_shown=True,
            empty=NO_WORKER,
        ),
        8,
        7,
    )
    files = f"{worker('process_open_fds', INSTANCE)} / on (instance) {worker('process_max_fds', INSTANCE)}"
    grid.put(
        lines(
            "Open files, of the limit",
            "Connections to brokers and files of the state, as a share of what the process may have open. Some in a "
            "hundred are usual. At the limit nothing opens any more: raise it (ulimit -n).",
            "percentunit",
            [Query(files, "{{instance}}")],
            steps=(Step(None, GOOD), Step(0.8, BAD)),
            steps_shown=True,
            empty=NO_WORKER,
        ),
        8,
        7,
    )
