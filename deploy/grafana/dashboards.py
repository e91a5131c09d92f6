"""Write the dashboards that Grafana loads: `make dashboards`. A test compares them with what is committed.

Each is a module beside this one; what is written is Grafana's classic JSON, which every Grafana in use reads from a
file. docs/guide/dashboards.md says what they show and how to load them.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from grafana_foundation_sdk.builders import dashboard
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import dashboard as models

from deploy.grafana.mill import mill
from deploy.grafana.panels import BAD, SOURCE, WATCH, Grid
from deploy.grafana.queries import NAMESPACE, WORKER, worker
from deploy.grafana.state import state
from deploy.grafana.workers import workers

FOLDER = Path(__file__).parent / "dashboards"
TAG = "feedmill"
ALL = models.VariableOption(selected=True, text="All", value="$__all")


class Board(NamedTuple):
    """One dashboard. `uid` is its address in Grafana and never changes."""

    uid: str
    title: str
    description: str
    grid: Grid
    variables: Sequence[dashboard.QueryVariable]

    @property
    def path(self) -> Path:
        return FOLDER / f"{self.uid}.json"


def boards() -> list[Board]:
    instance = _variable("instance", "Worker", "The workers shown.", "instance", NAMESPACE)
    stage = _variable("stage", "Stage", "The stages shown.", "stage", NAMESPACE, metric="feedmill_inputs_total")
    site = _variable("site", "Site", "The sites shown.", "site", NAMESPACE, metric="feedmill_site_items_total")
    return [
        Board(
            "feedmill-mill",
            "feedmill: Mill",
            "Is the mill well, at one glance: what goes in and out, how long it takes, what fails, what alerts fire.",
            mill(),
            [site],
        ),
        Board(
            "feedmill-worker",
            "feedmill: Worker",
            "Each worker for itself: its pace, its partitions and state, its memory and CPU.",
            workers(),
            [instance, stage],
        ),
        Board(
            "feedmill-state",
            "feedmill: Kafka and state",
            "What waits in the topics, by stage and partition; what the workers remember; whether it all adds up.",
            state(),
            [stage],
        ),
    ]


def written() -> dict[Path, str]:
    """Every file as it should be."""
    return {board.path: encoded(built(board)) for board in boards()}


def built(board: Board) -> models.Dashboard:
    namespace = _variable("namespace", "Namespace", "The mill's in Kubernetes; elsewhere there is none.", "namespace")
    builder = (
        dashboard.Dashboard(board.title)
        .uid(board.uid)
        .description(board.description)
        .tags([TAG])
        .timezone("browser")
        .tooltip(models.DashboardCursorSync.CROSSHAIR)
        .time("now-3h", "now")
        .refresh("30s")
        .editable()
        .with_variable(dashboard.DatasourceVariable("datasource").label("Prometheus").type("prometheus"))
    )
    for variable in (namespace, *board.variables):
        builder = builder.with_variable(variable)
    for annotation in _annotations():
        builder = builder.annotation(annotation)
    others = (
        dashboard.DashboardLink("feedmill's dashboards")
        .type(models.DashboardLinkType.DASHBOARDS)
        .tags([TAG])
        .include_vars(True)
        .keep_time(True)
    )
    made = builder.link(others).build()
    made.panels = list(board.grid.panels)
    for link in made.links or []:
        link.placement = ""  # above the panels, not in a menu
    return made


def encoded(made: models.Dashboard) -> str:
    return json.dumps(plain(made), indent=1, ensure_ascii=False, sort_keys=True) + "\n"


def plain(made: models.Dashboard) -> Any:
    return json.loads(JSONEncoder().encode(made))


def _variable(
    name: str, label: str, description: str, wanted: str, *matchers: str, metric: str = "feedmill_ready"
) -> dashboard.QueryVariable:
    """A variable of the values that a label of the workers has. All is `.*`, which holds also where it is absent."""
    selector = metric + "{" + ",".join((f'job="{WORKER}"', *matchers)) + "}"
    return (
        dashboard.QueryVariable(name)
        .label(label)
        .description(description)
        .datasource(SOURCE)
        .query({"query": f"label_values({selector}, {wanted})", "refId": f"variable-{name}"})
        .multi(True)
        .include_all(True)
        .all_value(".*")
        .current(ALL)
        .refresh(models.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(models.VariableSort.ALPHABETICAL_ASC)
    )


def _annotations() -> list[dashboard.AnnotationQuery]:
    """What explains a dent in any curve."""
    return [
        dashboard.AnnotationQuery()
        .name(name)
        .datasource(SOURCE)
        .enable(True)
        .icon_color(colour)
        .expr(expression)
        .step("30s")
        .title_format(name)
        .text_format("{{instance}}")
        for name, colour, expression in (
            # Not by changes(): one that was dead for longer than its window would not be marked.
            ("Worker started", BAD, f"time() - {worker('process_start_time_seconds')} < 60"),
            ("Rebalance", WATCH, f"sum(increase({worker('feedmill_rebalances_total')}[1m])) > 0"),
        )
    ]


def main() -> None:
    for path, text in written().items():
        path.write_text(text, encoding="utf-8")
        print(path.relative_to(Path.cwd()))


if __name__ == "__main__":
    main()
