"""`make observe`: a mill with a load that goes on, a Prometheus that scrapes it, and where to look; until Ctrl-C."""

from __future__ import annotations

import argparse
import contextlib
import signal
import sys

from agents.demo.workers import WorkerFailedError
from agents.engine.java import EmbeddedKafkaError
from agents.settings import variable
from deploy.grafana.dashboards import boards
from deploy.grafana.queries import or_zero
from tools.observe.load import Load
from tools.observe.page import Page, PageMissingError, build, is_built
from tools.observe.process import ProgramFailedError
from tools.observe.prometheus import Prometheus, PrometheusMissingError
from tools.observe.stand import PARTITIONS, Stand

LINE_SECONDS = 10.0

WORTH_A_LOOK = (
    ("entries a second, by what became of them", "sum by (outcome) (rate(feedmill_results_total[30s]))"),
    (
        "seconds from arrival to item, 95 of 100",
        "histogram_quantile(0.95, sum by (le) (rate(feedmill_latency_seconds_bucket[1m])))",
    ),
    ("seconds that the oldest record waits, by stage", "max by (stage) (feedmill_oldest_unprocessed_seconds)"),
    ("records that wait, by stage", 'sum by (stage) (feedmill_lag_records{job="feedmill-lag-exporter"})'),
    (
        "seconds a batch takes, by stage",
        "rate(feedmill_batch_seconds_sum[1m]) / rate(feedmill_batch_seconds_count[1m])",
    ),
)
"""What Prometheus' own pages draw, where there is no Grafana."""


def main(arguments: list[str] | None = None) -> int:
    given = _parser().parse_args(arguments)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell starts what it puts into the background without
    with contextlib.suppress(KeyboardInterrupt):
        try:
            _observe(given)
        except PrometheusMissingError as error:
            print(error, file=sys.stderr)
            return 2
        except (EmbeddedKafkaError, PageMissingError, ProgramFailedError, TimeoutError, WorkerFailedError) as error:
            print(error, file=sys.stderr)
            return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make observe", description=__doc__)
    parser.add_argument("--workers", type=int, default=2, help="worker processes (2)")
    parser.add_argument("--pace", type=float, default=2.0, help="documents a second, each some 15 entries (2)")
    parser.add_argument("--broken", type=float, default=0.01, help="share of documents that are junk (0.01)")
    parser.add_argument(
        "--page", action="store_true", help="draw the dashboards too: node, and 470 MB of npm the first time"
    )
    return parser


def _observe(given: argparse.Namespace) -> None:
    if given.page and not is_built():
        print("Building the page that draws the dashboards (a minute or two, once)", flush=True)
        build()
    stand = Stand(workers=given.workers, pace=given.pace, load=Load(broken=given.broken), tell=_say)
    try:
        stand.start()
        with Page() if is_built() else contextlib.nullcontext() as page:
            _tell(stand, page)
            while True:
                stand.rest(LINE_SECONDS)
                _say(_line(stand))
    finally:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):  # a second one would leave something behind
            signal.signal(number, signal.SIG_IGN)
        _say("Stopping Prometheus, the workers and Kafka.")
        stand.stop()


def _tell(stand: Stand, page: Page | None) -> None:
    prometheus = stand.prometheus
    _say("")
    _say(f"Prometheus, with the alert rules of deploy/prometheus:   {prometheus.address}")
    _say(f"  alerts   {prometheus.address}/alerts")
    _say(f"  targets  {prometheus.address}/targets")
    for what, expression in WORTH_A_LOOK:
        _say(f"  {what}\n    {prometheus.graph(expression)}")
    _say("")
    if page is not None:
        _say("The dashboards, drawn with Grafana's components (the page is no Grafana; it draws anew every 10 s):")
        for board in boards():
            shown = page.address(dashboard=board.uid, prometheus=prometheus.address, minutes=15, refresh=10)
            _say(f"  {board.title.removeprefix('feedmill: '):16} {shown}")
    else:
        _say(
            "The dashboards themselves: `make observe ARGS=--page` draws them (node, and 470 MB of npm the first time);"
        )
        _say("docs/guide/dashboards.md says how a Grafana of yours loads them.")
    _say("")
    _say("In another shell, `feedmill` talks to this mill after:")
    _say(f"  export {variable('broker')}={stand.broker.address} {variable('partitions')}={PARTITIONS}")
    _say("Everything goes on until Ctrl-C, and nothing is kept.")
    _say("")


def _line(stand: Stand) -> str:
    """The main figures, from Prometheus: what it shows is what it has."""
    prometheus = stand.prometheus
    items, others, letters = (
        _one(prometheus, or_zero(f"sum(feedmill_{name}_total)")) for name in ("items", "duplicates", "dead_letters")
    )
    ready = _one(prometheus, or_zero("sum(feedmill_ready)"))
    age = _one(prometheus, or_zero("max(feedmill_oldest_unprocessed_seconds)"))
    firing = _one(prometheus, or_zero('count(ALERTS{alertstate="firing"})'))
    return (
        f"{stand.published:,} documents published; {items:,.0f} items, {others:,.0f} duplicates, {letters:,.0f} dead "
        f"letters; {ready:.0f} workers ready; the oldest record waits {age:.1f} s; {firing:.0f} alerts fire"
    )


def _one(prometheus: Prometheus, expression: str) -> float:
    return float(prometheus.query(expression)[0]["value"][1])


def _say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())
