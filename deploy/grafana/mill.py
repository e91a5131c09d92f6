"""The dashboard *Mill*: is it well, at one glance, and if not, where to look next."""

from __future__ import annotations

from deploy.grafana.panels import (
    BAD,
    GOOD,
    NONE_IS_GOOD,
    PLAIN,
    WATCH,
    Column,
    Grid,
    Query,
    Step,
    figure,
    lines,
    listing,
)
from deploy.grafana.queries import (
    FIRING,
    LEDGER,
    NAMESPACE,
    NOT_AN_ERROR,
    OBJECTIVE_SECONDS,
    SITE,
    WORKER,
    lag,
    ledger,
    mean,
    or_zero,
    quantile,
    rate,
    shown,
    worker,
)

LATENCY = "feedmill_latency_seconds"
ITEMS = worker("feedmill_items_total")
DUPLICATES = worker("feedmill_duplicates_total")
LETTERS = worker("feedmill_dead_letters_total", NOT_AN_ERROR)
AGE = lag("feedmill_oldest_unprocessed_seconds")

SILENCE = (Step(None, GOOD), Step(6 * 3600, WATCH), Step(24 * 3600, BAD))
NOT_WATCHED = "No ledger is scraped"


def mill() -> Grid:
    grid = Grid()
    grid.row("Is it well?")
    _glance(grid)
    grid.row("What goes in, and what becomes of it")
    _flow(grid)
    grid.row("How long it takes")
    _times(grid)
    grid.row("What the entries were")
    _kinds(grid)
    grid.row("Sites, and the proof that nothing is lost")
    _sites(grid)
    return grid


def _glance(grid: Grid) -> None:
    firing = figure(
        "Alerts firing",
        "Alerts of the mill that fire now. 0 is good. The table below names them; each has a page that says what to "
        "do, named in its annotations.",
        "short",
        [Query(or_zero(f"count({FIRING})"), "alerts", at_end=True)],
        steps=NONE_IS_GOOD,
        decimals=0,
    )
    grid.put(firing, 3, 5)
    ready = or_zero(f"sum({worker('feedmill_ready')})")
    known = or_zero(f'count(up{{job="{WORKER}",{NAMESPACE}}})')
    workers = figure(
        "Workers",
        "Workers that have their partitions and state, and those that Prometheus knows and that do not answer or "
        "are not ready. Some not ready for a minute is a start or a rebalance; longer is trouble: "
        "docs/runbooks/no-worker.md, docs/runbooks/worker-down.md.",
        "short",
        [Query(ready, "ready", at_end=True), Query(f"({known}) - ({ready})", "not ready", at_end=True)],
        steps=(Step(None, BAD), Step(1, GOOD)),
        decimals=0,
        by_name={"not ready": (Step(None, GOOD), Step(1, WATCH))},
    )
    grid.put(workers, 3, 5)
    oldest = figure(
        "Oldest waits",
        "Age of the oldest record that any stage has not worked on. Under a minute is good; growing without end "
        "means that a stage is stuck, absent or too slow: docs/runbooks/stalled.md, docs/runbooks/backlog.md.",
        "s",
        [Query(f"max({AGE})", "oldest", at_end=True)],
        steps=(Step(None, GOOD), Step(60, WATCH), Step(600, BAD)),
        empty="Nobody reads lag",
        decimals=1,
    )
    grid.put(oldest, 3, 5)
    within = shown(worker(f"{LATENCY}_bucket", f'le="{OBJECTIVE_SECONDS}"'))
    objective = figure(
        "Items within 60 s",
        "Of the items made in the time shown, the share that was there within 60 s of its document's arrival. 99 in "
        "a hundred is the objective. Below it: docs/runbooks/latency.md.",
        "percentunit",
        [Query(f"{within} / ({shown(worker(f'{LATENCY}_count'))} > 0)", "within 60 s", at_end=True)],
        steps=(Step(None, BAD), Step(0.99, GOOD)),
        empty="No items",
        decimals=1,
    )
    grid.put(objective, 3, 5)
    made = figure(
        "Items a minute",
        "Items written to feeds.enriched. What is good is what is usual for your feeds; 0 while documents come in "
        "is not.",
        "short",
        [Query(f"60 * {rate(ITEMS)}", "items a minute")],
        decimals=1,
    )
    grid.put(made, 3, 5)
    ends = f"({shown(ITEMS)} + {shown(DUPLICATES)} + {shown(LETTERS)})"
    grid.put(
        figure(
            "Dead letters",
            "Share of the entries in the time shown that could not be processed. Documents without entries do not "
            "count. Some in a thousand are usual; less than one in a hundred is the objective: "
            "docs/runbooks/dead-letters.md.",
            "percentunit",
            [Query(f"{shown(LETTERS)} / ({ends} > 0)", "dead letters", at_end=True)],
            steps=(Step(None, GOOD), Step(0.005, WATCH), Step(0.01, BAD)),
            empty="No entries",
            decimals=2,
        ),
        3,
        5,
    )
    grid.put(
        figure(
            "Duplicates",
            "Share of the entries in the time shown that said nothing new. Neither good nor bad: a polled feed "
            "repeats most of itself. A sudden change is worth a look.",
            "percentunit",
            [Query(f"{shown(DUPLICATES)} / ({ends} > 0)", "duplicates", at_end=True)],
            empty="No entries",
            decimals=1,
        ),
        3,
        5,
    )
    grid.put(
        figure(
            "Entries missing",
            "Entries without an outcome, by the ledger that reads the topics themselves (feedmill ledger --follow). "
            "0 is the only good figure: docs/runbooks/ledger.md.",
            "short",
            [Query(f"max({ledger('feedmill_ledger_missing')})", "missing", at_end=True)],
            steps=NONE_IS_GOOD,
            empty=NOT_WATCHED,
            decimals=0,
        ),
        3,
        5,
    )


def _flow(grid: Grid) -> None:
    grid.put(
        lines(
            "What becomes of entries, a second",
            "Every entry ends as one item, one duplicate or one dead letter. Red that stays is a feed gone bad or a "
            "fault of the mill: docs/runbooks/dead-letters.md. All at 0 while documents come in: "
            "docs/runbooks/stalled.md.",
            "suffix:/s",
            [
                Query(rate(ITEMS), "items"),
                Query(rate(DUPLICATES), "duplicates"),
                Query(rate(LETTERS), "dead letters"),
            ],
            stacked=True,
            colours={"items": GOOD, "duplicates": PLAIN, "dead letters": BAD},
        ),
        12,
        8,
    )
    grid.put(
        lines(
            "Documents in, a second",
            "Raw documents that parse has taken, and the entries that were in them. Flat at 0 for long is bad: who "
            "publishes to feeds.raw has stopped, or no worker works.",
            "suffix:/s",
            [
                Query(rate(worker("feedmill_inputs_total", 'stage="parse"')), "documents"),
                Query(rate(worker("feedmill_inputs_total", 'stage="dedupe"')), "entries"),
            ],
        ),
        6,
        8,
    )
    grid.put(
        listing(
            "Alerts that fire",
            "By name, with what they are about. Empty is good. The alert's annotations say in a sentence what is "
            "so, and name the page that says what to do.",
            "short",
            [Query(f"max by (alertname, severity, stage, site) ({FIRING})", "", at_end=True)],
            columns=[
                Column("alertname", "alert"),
                Column("severity", "severity", width=80),
                Column("stage", "stage", width=80),
                Column("site", "site", width=90),
            ],
            hidden=["Value"],
            order="severity",
            empty="None: all is well",
            falling=False,
        ),
        6,
        8,
    )


def _times(grid: Grid) -> None:
    grid.put(
        lines(
            "From arrival to item",
            "How long items took from their document's arrival at the broker to their commit: half of them, 95 and "
            "99 in a hundred. Below the dashed line, 60 s, is good; where the line is out of sight, all is far "
            "below it. If it rises, the next two panels say which stage: docs/runbooks/latency.md.",
            "s",
            [Query(quantile(share, LATENCY), name) for share, name in ((0.5, "p50"), (0.95, "p95"), (0.99, "p99"))],
            steps=(Step(None, GOOD), Step(OBJECTIVE_SECONDS, BAD)),
            steps_shown=True,
            empty="No items in this time",
            colours={"p50": "green", "p95": "orange", "p99": "purple"},
        ),
        8,
        8,
    )
    grid.put(
        lines(
            "Oldest record that waits, by stage",
            "Age of the oldest record that a stage has not worked on. Some seconds under load are usual. One stage "
            "that climbs at one second a second does nothing at all: docs/runbooks/stalled.md.",
            "s",
            [Query(f"max by (stage) ({AGE})", "{{stage}}")],
            empty="Nobody reads lag: no worker and no lag exporter is scraped",
        ),
        8,
        8,
    )
    grid.put(
        lines(
            "Time per batch, by stage",
            "Mean seconds from taking a batch to its commit. Some hundredths are usual. A stage that takes much "
            "longer than it did is where the time goes; the dashboard Worker parts it into work and Kafka.",
            "s",
            [Query(mean("feedmill_batch_seconds", by="stage"), "{{stage}}")],
            empty="No batches in this time",
        ),
        8,
        8,
    )


def _kinds(grid: Grid) -> None:
    grid.put(
        lines(
            "Dead letters by cause, a minute",
            "Which causes, a line for each that occurs. One cause from one moment on: a feed changed. "
            "crashed-worker: a document ends the process, docs/runbooks/crashed-worker.md. See "
            "docs/guide/dead-letters.md to replay them.",
            "suffix:/min",
            [
                Query(f"60 * {rate(LETTERS)}", "all causes"),
                Query(f"60 * {rate(LETTERS, by='code')} > 0", "{{code}}"),
            ],
            colours={"all causes": "purple"},
        ),
        8,
        8,
    )
    grid.put(
        lines(
            "Duplicates by rule, a minute",
            "Which rule of dedupe found them (docs/guide/decisions.md). A rule that jumps, other-feed or older-copy "
            "say, points at a feed that repeats others.",
            "suffix:/min",
            [
                Query(f"60 * {rate(DUPLICATES)}", "all rules"),
                Query(f"60 * {rate(DUPLICATES, by='rule')} > 0", "{{rule}}"),
            ],
            colours={"all rules": PLAIN},
        ),
        8,
        8,
    )
    grid.put(
        lines(
            "Items by verdict, a minute",
            "New items, revisions of known ones, and reprints: copies of what another publisher or address had "
            "first. Many revisions at once are worth a look: a site publishes its archive again.",
            "suffix:/min",
            [Query(f"60 * {rate(ITEMS, by='verdict')}", "{{verdict}}")],
            stacked=True,
        ),
        8,
        8,
    )


def _sites(grid: Grid) -> None:
    # The rule's figure outlives a worker that starts anew; it has no sites that are not listed.
    ruled = f"max by (site) (feedmill:site_last_item_timestamp_seconds:max{{{SITE}}} > 0)"
    seen = f"max by (site) ({worker('feedmill_site_last_item_timestamp_seconds', SITE)} > 0)"
    since = f"time() - ({ruled} or {seen})"
    grid.put(
        listing(
            "Sites: items in the time shown, and the last one",
            "The sites of FEEDMILL_SITE_ALLOW_LIST, all others as one. A site that is silent for longer than is "
            "usual for it: is its feed still fetched? docs/runbooks/silent-source.md. No time is shown where no "
            "worker has seen an item of it since its start.",
            "short",
            [
                Query(shown(worker("feedmill_site_items_total", SITE), by="site"), "", at_end=True),
                Query(since, "", at_end=True),
            ],
            columns=[
                Column("site", "site"),
                Column("Value #A", "items", "locale", width=110),
                Column("Value #B", "last item, ago", "s", SILENCE, 130),
            ],
            hidden=[],
            order="last item, ago",
            empty="No site has a counter",
        ),
        8,
        8,
    )
    grid.put(
        lines(
            "From publication to first sighting",
            "How old new items are when a feed first shows them, by their publisher's date: half of them, and 95 in "
            "a hundred. It is the publisher's or the fetcher's delay, not the mill's. A rise means that feeds are "
            "fetched late.",
            "s",
            [
                Query(quantile(0.5, "feedmill_freshness_seconds", window="1h"), "half of them"),
                Query(quantile(0.95, "feedmill_freshness_seconds", window="1h"), "19 of 20"),
            ],
            empty="No items with two exact dates in this time",
        ),
        8,
        8,
    )
    grid.put(
        lines(
            "Ledger: entries without, or with two, outcomes",
            "What feedmill ledger --follow finds in the topics: missing, doubled, contradicting or altered entries. "
            "All four stay at 0; anything else is a fault of the mill or of the cluster: docs/runbooks/ledger.md.",
            "short",
            [
                Query(f"max({ledger(f'feedmill_ledger_{name}')})", name)
                for name in ("missing", "doubled", "contradicting", "altered")
            ],
            steps=NONE_IS_GOOD,
            empty=f"{NOT_WATCHED} (job {LEDGER})",
            colours={"missing": BAD},
        ),
        8,
        8,
    )
