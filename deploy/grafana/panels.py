"""The parts that dashboards are put together from: a panel of each kind, queries, thresholds, a grid.

Thin layers over the builders of grafana-foundation-sdk, so that all panels of a kind look alike and none can be made
without a description.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, TypeAlias

from grafana_foundation_sdk.builders import bargauge, common, dashboard, stat, table, timeseries
from grafana_foundation_sdk.builders.prometheus import Dataquery
from grafana_foundation_sdk.models import dashboard as models
from grafana_foundation_sdk.models.common import (
    BarGaugeDisplayMode,
    BigValueColorMode,
    BigValueGraphMode,
    BigValueTextMode,
    DataSourceRef,
    GraphThresholdsStyleMode,
    LegendDisplayMode,
    LegendPlacement,
    LineInterpolation,
    SortOrder,
    StackingMode,
    TooltipDisplayMode,
    VisibilityMode,
    VizOrientation,
)
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

WIDTH = 24
"""Columns of Grafana's grid."""

GOOD, WATCH, BAD, PLAIN = "semi-dark-green", "semi-dark-orange", "semi-dark-red", "blue"
"""What a colour says everywhere: all is well, look at it, act; blue is a figure that is neither good nor bad."""

COUNTS = {"short", "locale", "suffix:/s", "suffix:/min"}
SMALLEST = {"s": 0.1, "percentunit": 0.05, "suffix:cores": 0.2}
"""How far an axis goes at least: the noise of an idle mill must not look like a mountain, nor 0 stand at 100."""

SOURCE = DataSourceRef(type_val="prometheus", uid="${datasource}")

Panel: TypeAlias = timeseries.Panel | stat.Panel | bargauge.Panel | table.Panel


class Query(NamedTuple):
    """One query and the name of what it draws; `{{label}}` stands for a label's value."""

    expression: str
    legend: str
    at_end: bool = False
    """Ask for the end of the time shown only: for `[$__range]`, and for tables."""


class Step(NamedTuple):
    """From `value` on it has this colour; None: from the lowest value on."""

    value: float | None
    colour: str


NEUTRAL = (Step(None, PLAIN),)
NONE_IS_GOOD = (Step(None, GOOD), Step(1, BAD))
SOME_TO_WATCH = (Step(None, GOOD), Step(1, WATCH))


def lines(
    title: str,
    description: str,
    unit: str,
    queries: Sequence[Query],
    *,
    steps: Sequence[Step] = NEUTRAL,
    empty: str = "Nothing in this time",
    stacked: bool = False,
    steps_shown: bool = False,
    stairs: bool = False,
    most: float | None = None,
    colours: dict[str, str] | None = None,
    dashed: str | None = None,
    decimals: int | None = None,
) -> timeseries.Panel:
    """Curves over time from 0 up. `steps` are drawn as lines where `steps_shown`; `dashed` is a limit."""
    style = GraphThresholdsStyleMode.DASHED if steps_shown else GraphThresholdsStyleMode.OFF
    panel = (
        timeseries.Panel()
        .title(title)
        .description(description)
        .datasource(SOURCE)
        .unit(unit)
        .min(0)
        .axis_soft_max(1 if unit in COUNTS else SMALLEST.get(unit, 0))
        .no_value(empty)
        .thresholds(_thresholds(steps))
        .color_scheme(dashboard.FieldColor().mode(models.FieldColorModeId.PALETTE_CLASSIC))
        .thresholds_style(common.GraphThresholdsStyleConfig().mode(style))
        .line_width(1 if stacked else 2)
        .fill_opacity(45 if stacked else 8)
        .show_points(VisibilityMode.NEVER)
        .line_interpolation(LineInterpolation.STEP_AFTER if stairs else LineInterpolation.LINEAR)
        .stacking(common.StackingConfig().mode(StackingMode.NORMAL if stacked else StackingMode.NONE).group("A"))
        .legend(
            common.VizLegendOptions()
            .display_mode(LegendDisplayMode.LIST)
            .placement(LegendPlacement.BOTTOM)
            .show_legend(True)
            .calcs([])
        )
        .tooltip(common.VizTooltipOptions().mode(TooltipDisplayMode.MULTI).sort(SortOrder.DESCENDING))
    )
    if most is not None:
        panel = panel.max(most)
    if decimals is not None:
        panel = panel.decimals(decimals)
    for name, colour in (colours or {}).items():
        panel = panel.override_by_name(name, [_fixed(colour)])
    if dashed is not None:
        looks = [
            _fixed(BAD),
            models.DynamicConfigValue(id_val="custom.lineStyle", value={"fill": "dash", "dash": [8, 8]}),
            models.DynamicConfigValue(id_val="custom.fillOpacity", value=0),
            models.DynamicConfigValue(id_val="custom.lineWidth", value=1),
        ]
        panel = panel.override_by_regexp(dashed, looks)
    return panel.targets(list(_targets(queries)))


def figure(
    title: str,
    description: str,
    unit: str,
    queries: Sequence[Query],
    *,
    steps: Sequence[Step] = NEUTRAL,
    empty: str = "Nothing in this time",
    decimals: int | None = None,
    by_name: dict[str, Sequence[Step]] | None = None,
    name_only: bool = False,
) -> stat.Panel:
    """One large figure, its background in the colour of its threshold; several queries give several figures.

    `by_name` gives single figures other thresholds. `name_only` shows the legend and no value.
    """
    trend = not any(query.at_end for query in queries)
    panel = (
        stat.Panel()
        .title(title)
        .description(description)
        .datasource(SOURCE)
        .unit(unit)
        .no_value(empty)
        .thresholds(_thresholds(steps))
        .color_scheme(dashboard.FieldColor().mode(models.FieldColorModeId.THRESHOLDS))
        .color_mode(BigValueColorMode.BACKGROUND_SOLID if tuple(steps) != NEUTRAL else BigValueColorMode.VALUE)
        .graph_mode(BigValueGraphMode.AREA if trend and tuple(steps) == NEUTRAL else BigValueGraphMode.NONE)
        .text_mode(_text_mode(len(queries), name_only))
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]).values(False).fields(""))
    )
    if decimals is not None:
        panel = panel.decimals(decimals)
    for name, others in (by_name or {}).items():
        panel = panel.override_by_name(name, [_steps(others)])
    return panel.targets(list(_targets(queries)))


def _text_mode(figures: int, name_only: bool) -> BigValueTextMode:
    if name_only:
        return BigValueTextMode.NAME
    return BigValueTextMode.VALUE_AND_NAME if figures > 1 else BigValueTextMode.VALUE


def bars(
    title: str,
    description: str,
    unit: str,
    queries: Sequence[Query],
    *,
    steps: Sequence[Step],
    most: float,
    empty: str = "Nothing in this time",
) -> bargauge.Panel:
    """A bar for each series, from 0 to `most`: how much of a limit is used."""
    return (
        bargauge.Panel()
        .title(title)
        .description(description)
        .datasource(SOURCE)
        .unit(unit)
        .min(0)
        .max(most)
        .no_value(empty)
        .thresholds(_thresholds(steps))
        .color_scheme(dashboard.FieldColor().mode(models.FieldColorModeId.THRESHOLDS))
        .display_mode(BarGaugeDisplayMode.BASIC)
        .orientation(VizOrientation.HORIZONTAL)
        .show_unfilled(True)
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]).values(False).fields(""))
        .targets(list(_targets(queries)))
    )


class Column(NamedTuple):
    """A column of a table: the field that it shows, its heading, its unit, its colours by value, its width."""

    field: str
    heading: str
    unit: str = ""
    steps: Sequence[Step] = ()
    width: int | None = None


def listing(
    title: str,
    description: str,
    unit: str,
    queries: Sequence[Query],
    *,
    columns: Sequence[Column],
    hidden: Sequence[str],
    order: str,
    empty: str,
    falling: bool = True,
) -> table.Panel:
    """A table with a row for each set of labels, sorted by the column with heading `order`.

    The values of several queries stand side by side, as fields `Value #A`, `Value #B` …, that of one as `Value`.
    """
    panel = (
        table.Panel()
        .title(title)
        .description(description)
        .datasource(SOURCE)
        .unit(unit)
        .no_value(empty)
        .thresholds(_thresholds(NEUTRAL))
        .color_scheme(dashboard.FieldColor().mode(models.FieldColorModeId.THRESHOLDS))
        .show_header(True)
        .sort_by([common.TableSortByFieldState().display_name(order).desc(falling)])
    )
    for column in columns:
        panel = panel.override_by_name(column.heading, _column(column))
    places = {column.field: place for place, column in enumerate(columns)}
    names = {column.field: column.heading for column in columns}
    if len(queries) > 1:
        panel = panel.with_transformation(models.DataTransformerConfig(id_val="merge", options={}))
    left_out = {"Time": True, **dict.fromkeys(hidden, True)}
    options = {"excludeByName": left_out, "indexByName": places, "renameByName": names}
    panel = panel.with_transformation(models.DataTransformerConfig(id_val="organize", options=options))
    return panel.targets(list(_targets(queries, PromQueryFormat.TABLE)))


def _column(column: Column) -> list[models.DynamicConfigValue]:
    looks = [models.DynamicConfigValue(id_val="noValue", value="–")]
    if column.unit == "locale":
        looks.append(models.DynamicConfigValue(id_val="decimals", value=0))
    if column.unit:
        looks.append(models.DynamicConfigValue(id_val="unit", value=column.unit))
    if column.width:
        looks.append(models.DynamicConfigValue(id_val="custom.width", value=column.width))
    if column.steps:
        looks.append(_steps(column.steps))
        nothing = {"match": "null+nan", "result": {"text": "–", "color": "transparent"}}
        looks.append(models.DynamicConfigValue(id_val="mappings", value=[{"type": "special", "options": nothing}]))
        looks.append(models.DynamicConfigValue(id_val="custom.cellOptions", value={"type": "color-background"}))
    return looks


def _targets(queries: Sequence[Query], form: PromQueryFormat = PromQueryFormat.TIME_SERIES) -> list[Dataquery]:
    found = []
    for query, letter in zip(queries, "ABCDEFGH", strict=False):
        target = (
            Dataquery()
            .ref_id(letter)
            .datasource(SOURCE)
            .expr(query.expression)
            .legend_format(query.legend)
            .format(form)
        )
        found.append(target.instant() if query.at_end else target.range())
    return found


def _thresholds(steps: Sequence[Step]) -> dashboard.ThresholdsConfig:
    return (
        dashboard.ThresholdsConfig()
        .mode(models.ThresholdsMode.ABSOLUTE)
        .steps([models.Threshold(value=step.value, color=step.colour) for step in steps])
    )


def _steps(steps: Sequence[Step]) -> models.DynamicConfigValue:
    """Thresholds as an override has them."""
    drawn = [{"value": step.value, "color": step.colour} for step in steps]
    return models.DynamicConfigValue(id_val="thresholds", value={"mode": "absolute", "steps": drawn})


def _fixed(colour: str) -> models.DynamicConfigValue:
    return models.DynamicConfigValue(id_val="color", value={"mode": "fixed", "fixedColor": colour})


class Grid:
    """Places panels from left to right and from top to bottom, and numbers them: the SDK gives panels no number."""

    def __init__(self) -> None:
        self.panels: list[models.Panel | models.RowPanel] = []
        self._x = self._y = self._lowest = 0

    def row(self, title: str) -> None:
        """A heading over what follows."""
        self._break()
        place = models.GridPos(h=1, w=WIDTH, x=0, y=self._y)
        self.panels.append(
            models.RowPanel(title=title, collapsed=False, grid_pos=place, id_val=self._next(), panels=[])
        )
        self._y += 1
        self._lowest = self._y

    def put(self, panel: Panel, width: int, height: int) -> None:
        if self._x + width > WIDTH:
            self._break()
        place = models.GridPos(h=height, w=width, x=self._x, y=self._y)
        self.panels.append(panel.id(self._next()).grid_pos(place).build())
        self._x += width
        self._lowest = max(self._lowest, self._y + height)

    def _break(self) -> None:
        self._x, self._y = 0, self._lowest

    def _next(self) -> int:
        return len(self.panels) + 1
