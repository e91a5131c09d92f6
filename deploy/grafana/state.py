"""The dashboard *Kafka and state*: what waits in the topics, what the workers remember, and whether it adds up."""

from __future__ import annotations

from deploy.grafana.panels import (
    BAD,
    GOOD,
    WATCH,
    Column,
    Grid,
    Query,
    Step,
    figure,
    lines,
    listing,
)
from deploy.grafana.queries import EXPORTER, LEDGER, STAGE, exporter, known, lag, ledger, ledger_total, rate, worker

RECORDS = lag("feedmill_lag_records", STAGE)
AGE = lag("feedmill_oldest_unprocessed_seconds", STAGE)
ITEMS = known(worker("feedmill_stories_index_items"))
# A worker that owns no partition of the stories stage has no index, and 0 for its limit.
LIMIT = f"({worker('feedmill_stories_index_limit_items')} > 0)"
FREE = known(worker("feedmill_state_disk_free_bytes"))
SIZE = known(worker("feedmill_state_disk_size_bytes"))
NO_LAG = "Nobody reads lag"
NO_EXPORTER = f"No lag exporter is scraped (job {EXPORTER})"
NO_LEDGER = f"No ledger is scraped (job {LEDGER})"
NO_WORKER = "No worker answers"


def state() -> Grid:
    grid = Grid()
    grid.row("At a glance")
    _glance(grid)
    grid.row("What waits")
    _lag(grid)
    grid.row("What the workers remember")
    _memory(grid)
    grid.row("Trouble, and the proof")
    _trouble(grid)
    return grid


def _named(name: str, shown: str) -> str:
    """A figure of the ledger with its name as a label, to stand in a row of a table."""
    return f'label_replace(max({ledger(f"feedmill_ledger_{name}")}), "what", "{shown}", "", "")'


def _glance(grid: Grid) -> None:
    grid.put(
        figure(
            "Members",
            "Workers that the broker counts as members of the mill's group, seen from outside. 0: nobody works, "
            "whatever else is shown: docs/runbooks/no-worker.md.",
            "short",
            [Query(f"max({exporter('feedmill_group_members')})", "members", at_end=True)],
            steps=(Step(None, BAD), Step(1, GOOD)),
            empty="No lag exporter",
            decimals=0,
        ),
        4,
        4,
    )
    grid.put(
        figure(
            "Records that wait",
            "Records in all stages' inputs that are not worked on. Hundreds under load are usual; what counts is "
            "their age, beside it.",
            "locale",
            [Query(f"sum({RECORDS})", "records", at_end=True)],
            empty=NO_LAG,
            decimals=0,
        ),
        4,
        4,
    )
    grid.put(
        figure(
            "Oldest record waits",
            "Age of the oldest of them. Under a minute is good, over ten minutes is trouble: docs/runbooks/backlog.md.",
            "s",
            [Query(f"max({AGE})", "oldest", at_end=True)],
            steps=(Step(None, GOOD), Step(60, WATCH), Step(600, BAD)),
            empty=NO_LAG,
            decimals=1,
        ),
        4,
        4,
    )
    read_at = " or ".join(f"max({ask('feedmill_lag_timestamp_seconds')} > 0)" for ask in (exporter, worker))
    grid.put(
        figure(
            "Lag was read, ago",
            "How old the figures of lag are. Seconds are good. If it grows, the exporter or the workers do not "
            "reach the broker, and lag in records stands still while age grows: docs/runbooks/broker-silent.md.",
            "s",
            [Query(f"time() - ({read_at})", "ago", at_end=True)],
            steps=(Step(None, GOOD), Step(60, WATCH), Step(300, BAD)),
            empty=NO_LAG,
            decimals=0,
        ),
        4,
        4,
    )
    grid.put(
        figure(
            "Fullest state disk",
            "Used share of the file system under FEEDMILL_STATE_DIR, of the worker where it is fullest. A worker "
            "that cannot write its state ends itself. docs/runbooks/state-limits.md.",
            "percentunit",
            [Query(f"1 - min({FREE} / on (instance) {SIZE})", "used", at_end=True)],
            steps=(Step(None, GOOD), Step(0.8, WATCH), Step(0.9, BAD)),
            empty=NO_WORKER,
            decimals=1,
        ),
        4,
        4,
    )
    grid.put(
        figure(
            "Fullest stories index",
            "Sightings in the index as a share of FEEDMILL_STORIES_MAX_ITEMS, of the worker where it is fullest. At "
            "1 the oldest go early and copies are found for less than 14 days: docs/runbooks/state-limits.md.",
            "percentunit",
            [Query(f"max({ITEMS} / on (instance) {LIMIT})", "used", at_end=True)],
            steps=(Step(None, GOOD), Step(0.8, WATCH), Step(0.95, BAD)),
            empty=NO_WORKER,
            decimals=1,
        ),
        4,
        4,
    )


def _lag(grid: Grid) -> None:
    grid.put(
        lines(
            "Lag, by stage",
            "Records that a stage has not worked on, all partitions together. The stage where it piles up is the "
            "slow one; those after it starve and stand at 0. docs/runbooks/backlog.md.",
            "locale",
            [Query(f"sum by (stage) ({RECORDS})", "{{stage}}")],
            empty=NO_LAG,
        ),
        8,
        8,
    )
    grid.put(
        lines(
            "Age of the oldest record, by stage",
            "The same in seconds: what readers of feeds.enriched feel. It grows at one second a second where "
            "nothing is done: docs/runbooks/stalled.md.",
            "s",
            [Query(f"max by (stage) ({AGE})", "{{stage}}")],
            empty=NO_LAG,
        ),
        8,
        8,
    )
    grid.put(
        listing(
            "Partitions, the oldest first",
            "Each stage and partition for itself, now. One old partition among fresh ones: its worker is stuck, or "
            "a suspect document is tried there: docs/runbooks/crashed-worker.md.",
            "short",
            [Query(AGE, "", at_end=True), Query(RECORDS, "", at_end=True)],
            columns=[
                Column("stage", "stage", width=80),
                Column("partition", "partition", width=90),
                Column("Value #A", "oldest waits", "s", (Step(None, GOOD), Step(60, WATCH), Step(600, BAD)), 110),
                Column("Value #B", "records", "locale", width=90),
            ],
            hidden=[],
            order="oldest waits",
            empty=NO_LAG,
        ),
        8,
        8,
    )
    grid.put(
        lines(
            "Ends of the topics grow, a second",
            "Offsets that come into each stage's input, transaction markers among them. It is the pace of what "
            "comes in; a stage at 0 while the one before it works is stuck.",
            "suffix:/s",
            [Query(rate(exporter("feedmill_end_offset", STAGE), by="stage"), "{{stage}}")],
            empty=NO_EXPORTER,
        ),
        8,
        7,
    )
    grid.put(
        lines(
            "Committed positions grow, a second",
            "Offsets that each stage has done with. As fast as the panel beside it is good; slower, and lag grows.",
            "suffix:/s",
            [Query(rate(exporter("feedmill_committed_offset", STAGE), by="stage"), "{{stage}}")],
            empty=NO_EXPORTER,
        ),
        8,
        7,
    )
    grid.put(
        lines(
            "Members of the group",
            "Workers by the broker's count. A dip for the time of a rollout is usual; a worker that was killed is "
            "counted until its session ends.",
            "short",
            [Query(f"max({exporter('feedmill_group_members')})", "members")],
            stairs=True,
            decimals=0,
            empty=NO_EXPORTER,
        ),
        8,
        7,
    )


def _memory(grid: Grid) -> None:
    grid.put(
        lines(
            "Keys of the state, by stage",
            "What stages remember, all workers together: in dedupe the lineages of items seen, for two years in "
            "part; in stories the story of each item. Estimated. A fall to near 0: state was made anew, "
            "docs/runbooks/lost-changelog.md.",
            "locale",
            [Query(f"sum by (stage) ({known(worker('feedmill_state_keys', STAGE))})", "{{stage}}")],
            empty=NO_WORKER,
        ),
        8,
        7,
    )
    grid.put(
        lines(
            "State on disk, by stage",
            "Bytes of the local copies. Saw teeth are compactions. Compare with the free space beside it: "
            "docs/runbooks/state-limits.md.",
            "bytes",
            [Query(f"sum by (stage) ({known(worker('feedmill_state_bytes', STAGE))})", "{{stage}}")],
            empty=NO_WORKER,
        ),
        8,
        7,
    )
    grid.put(
        lines(
            "Free on the state's disk, by worker",
            "Bytes left on the file system under FEEDMILL_STATE_DIR. At 0 a worker cannot go on; restoring needs as "
            "much again for a while: docs/runbooks/state-limits.md.",
            "bytes",
            [Query(f"min by (instance) ({FREE})", "{{instance}}")],
            empty=NO_WORKER,
        ),
        8,
        7,
    )
    grid.put(
        lines(
            "Stories index, by worker",
            "Sightings of the last 14 days that new items are compared with. How near the limit it is, says Fullest "
            "stories index. Full is trouble: docs/runbooks/state-limits.md.",
            "locale",
            [Query(f"sum by (instance) ({ITEMS})", "{{instance}}")],
            empty=NO_WORKER,
        ),
        8,
        7,
    )
    grid.put(
        lines(
            "Memory of the stories index, by worker",
            "What the index takes of the worker's memory: up to 700 bytes a sighting. docs/guide/sizing.md.",
            "bytes",
            [Query(f"sum by (instance) ({known(worker('feedmill_stories_index_bytes'))})", "{{instance}}")],
            empty=NO_WORKER,
        ),
        8,
        7,
    )
    grid.put(
        lines(
            "Dropped from the index, a minute",
            "window: older than 14 days, as it should be. limit: dropped early, because FEEDMILL_STORIES_MAX_ITEMS "
            "is reached; reprints of older items are then not found. Raise it, with memory: "
            "docs/runbooks/state-limits.md.",
            "suffix:/min",
            [Query(f"60 * {rate(worker('feedmill_stories_evicted_total'), by='reason')}", "{{reason}}")],
            colours={"limit": BAD, "window": GOOD},
            empty=NO_WORKER,
        ),
        8,
        7,
    )


def _trouble(grid: Grid) -> None:
    grid.put(
        lines(
            "Handled trouble, a minute",
            "Trouble that the mill dealt with. Refused: the broker would not take a record, it became a dead "
            "letter. Suspect: partitions taken over from a worker that did not stop in order. Tried: inputs tried "
            "in a child process for that. Rebuilt: local state made anew. All 0 is usual; "
            "docs/runbooks/crashed-worker.md.",
            "suffix:/min",
            [
                Query(f"60 * {rate(worker(f'feedmill_{name}_total', STAGE))}", legend)
                for name, legend in (
                    ("refusals", "refused"),
                    ("suspect_takeovers", "suspect"),
                    ("quarantined", "tried"),
                    ("rebuilds", "rebuilt"),
                )
            ],
            empty=NO_WORKER,
        ),
        6,
        8,
    )
    grid.put(
        listing(
            "Ledger: all accounted for?",
            "What the ledger counts in the topics themselves. Faults must be 0 (docs/runbooks/ledger.md). "
            "Waiting and in flight are not judged yet.",
            "locale",
            [
                Query(
                    " or ".join(
                        _named(name, shown)
                        for name, shown in (
                            ("missing", "fault: missing"),
                            ("doubled", "fault: doubled"),
                            ("contradicting", "fault: contradicting"),
                            ("altered", "fault: altered"),
                            ("entries", "judged: entries"),
                            ("in_flight", "not yet: in flight"),
                            ("waiting", "not yet: documents waiting"),
                        )
                    ),
                    "",
                    at_end=True,
                )
            ],
            columns=[Column("what", "what"), Column("Value", "count", "locale", width=120)],
            hidden=[],
            order="what",
            empty=NO_LEDGER,
            falling=False,
        ),
        6,
        8,
    )
    grid.put(
        lines(
            "Ledger: age of its last round",
            "Seconds since the ledger last had read everything, and what a round takes. A saw is good; a line that "
            "climbs: the ledger does not get through, or does not reach the broker: docs/runbooks/watchers.md.",
            "s",
            [
                Query(f"time() - max({ledger('feedmill_ledger_timestamp_seconds')} > 0)", "since the last round"),
                Query(f"max({ledger('feedmill_ledger_round_seconds')})", "a round takes"),
            ],
            empty=NO_LEDGER,
        ),
        6,
        8,
    )
    grid.put(
        lines(
            "Failed readings, a minute",
            "How often the lag exporter or the ledger could not read from the broker. Some while a broker restarts; "
            "more, and what they show is old: docs/runbooks/watchers.md.",
            "suffix:/min",
            [
                Query(f"60 * {rate(exporter('feedmill_lag_failures_total'))}", "lag"),
                Query(f"60 * {rate(ledger_total('feedmill_ledger_failures_total'))}", "ledger"),
            ],
            empty="Neither lag exporter nor ledger is scraped",
        ),
        6,
        8,
    )
