"""What a program shows on `/metrics`, read as Prometheus reads it: over HTTP, in either form."""

from __future__ import annotations

import urllib.request
from collections.abc import Callable, Iterable
from enum import StrEnum

import prometheus_client.openmetrics.parser as openmetrics
import prometheus_client.parser as plain
from prometheus_client.core import Metric

from tools.metrics_page import Row


class Form(StrEnum):
    """What is asked for, in the header Accept."""

    TEXT = "text/plain; version=0.0.4"
    OPENMETRICS = "application/openmetrics-text; version=1.0.0"


Shown = dict[str, tuple[str, frozenset[str]]]
"""Type and labels of metrics, by the names that docs/metrics.md has for them."""


def scrape(port: int, form: Form = Form.TEXT) -> str:
    """The answer as it came. Raises URLError where there is none."""
    asked = urllib.request.Request(f"http://127.0.0.1:{port}/metrics", headers={"Accept": form})
    with urllib.request.urlopen(asked, timeout=10) as answer:
        assert answer.headers["Content-Type"].startswith(form.partition(";")[0]), answer.headers["Content-Type"]
        return str(answer.read().decode())


def families(text: str, form: Form = Form.TEXT) -> list[Metric]:
    """Raises ValueError where it is not what the form says."""
    read: Callable[[str], Iterable[Metric]] = (
        plain.text_string_to_metric_families if form is Form.TEXT else openmetrics.text_string_to_metric_families
    )
    return list(read(text))


def shown(found: Iterable[Metric]) -> Shown:
    """What is shown, as the page would write it."""
    return {
        f"{family.name}_total" if family.type == "counter" else family.name: (
            family.type,
            frozenset(label for sample in family.samples for label in sample.labels) - {"le"},
        )
        for family in found
    }


def written(rows: dict[str, Row]) -> Shown:
    """What the page says of a program."""
    return {name: (row.type, row.labels) for name, row in rows.items()}


def values(text: str, name: str) -> dict[frozenset[tuple[str, str]], float]:
    """The series of a name by their labels."""
    samples = [sample for family in families(text) for sample in family.samples]
    return {frozenset(one.labels.items()): one.value for one in samples if one.name == name}


def total(text: str, name: str, **labels: str) -> float:
    """The sum of the series that have these labels."""
    return sum(value for found, value in values(text, name).items() if labels.items() <= dict(found).items())
