"""How the dashboards ask Prometheus: the selectors and shapes that all of them share.

Jobs have one name each, in Compose and in Kubernetes. Lag is asked of the exporter, which sees all partitions also with
no worker alive; where none is scraped, the workers' own figures stand in for it.
"""

from __future__ import annotations

WORKER = "feedmill-worker"
EXPORTER = "feedmill-lag-exporter"
LEDGER = "feedmill-ledger"

OBJECTIVE_SECONDS = 60.0
"""From arrival to item: what the mill promises itself. One of the bounds of `feedmill_latency_seconds`."""

NAMESPACE = 'namespace=~"$namespace"'
INSTANCE = 'instance=~"$instance"'
STAGE = 'stage=~"$stage"'
SITE = 'site=~"$site"'

NOT_AN_ERROR = 'code!="no-entries"'
"""A document without entries is a dead letter and no failure."""

FIRING = 'ALERTS{alertname=~"Feedmill.*",alertstate="firing",namespace=~"$namespace|"}'
"""`|`: alerts on what is absent, and on sums, have no namespace."""


def worker(name: str, *matchers: str) -> str:
    """A selector of the workers' series."""
    return _selector(name, WORKER, matchers)


def ledger(name: str) -> str:
    """A figure of the ledger's last round; nothing before the first."""
    return known(_selector(name, LEDGER, ()))


def known(selector: str) -> str:
    """Without what could not be measured: that is NaN, and one NaN makes a sum NaN and a whole picture empty."""
    return f"({selector} >= 0)"


def ledger_total(name: str) -> str:
    """A counter of the ledger, which is never NaN."""
    return _selector(name, LEDGER, ())


def exporter(name: str, *matchers: str) -> str:
    return _selector(name, EXPORTER, matchers)


def lag(name: str, *matchers: str) -> str:
    """A figure per stage and partition, the exporter's where there is one."""
    outside, inside = exporter(name, *matchers), worker(name, *matchers)
    return f"(max by (stage, partition) ({outside}) or max by (stage, partition) ({inside}))"


def rate(selector: str, *, by: str = "") -> str:
    """Its growth a second, summed."""
    return f"{_sum(by)} (rate({selector}[$__rate_interval]))"


def shown(selector: str, *, by: str = "") -> str:
    """Its growth in the time shown, summed."""
    return f"{_sum(by)} (increase({selector}[$__range]))"


def mean(histogram: str, *matchers: str, by: str) -> str:
    """A histogram's mean. Nothing at all where nothing happened: 0/0 is no figure."""
    total = rate(worker(f"{histogram}_sum", *matchers), by=by)
    count = rate(worker(f"{histogram}_count", *matchers), by=by)
    return f"{total} / ({count} > 0)"


def quantile(share: float, histogram: str, *matchers: str, by: str = "", window: str = "$__rate_interval") -> str:
    """A histogram's quantile, by interpolation between its bounds. `>= 0` drops the NaN of a time without any."""
    labels = f"le, {by}" if by else "le"
    buckets = worker(f"{histogram}_bucket", *matchers)
    return f"histogram_quantile({share:g}, sum by ({labels}) (rate({buckets}[{window}]))) >= 0"


def or_zero(expression: str) -> str:
    """0 where there is no series: nobody there is a figure too."""
    return f"({expression}) or vector(0)"


def _selector(name: str, job: str, matchers: tuple[str, ...]) -> str:
    return name + "{" + ",".join((f'job="{job}"', NAMESPACE, *matchers)) + "}"


def _sum(by: str) -> str:
    return f"sum by ({by})" if by else "sum"
