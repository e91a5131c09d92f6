// Draws the kinds of panel that the dashboards have, with Grafana's own components.
import { useLayoutEffect } from "react";
import { dateTime, reduceField } from "@grafana/data";
import { BarGauge, BigValue, PanelChrome, Table, TimeSeries, VizRepeater, useTheme2 } from "@grafana/ui";

export function Drawn({ panel, data, moments, width, height, now, error }) {
  return (
    <PanelChrome title={panel.title} description={panel.description} width={width} height={height} statusMessage={error}>
      {(inner, tall) => <Content panel={panel} data={data} moments={moments} width={inner} height={tall} now={now} error={error} />}
    </PanelChrome>
  );
}

function Content({ panel, data, error, ...rest }) {
  if (error) return <Words text={error} {...rest} />;
  if (!data) return null;
  if (!data.some((frame) => frame.length > 0)) return <Words text={panel.fieldConfig.defaults.noValue ?? "No data"} {...rest} />;
  const Kind = { timeseries: Lines, stat: Figures, bargauge: Bars, table: Listing }[panel.type];
  return Kind ? <Kind panel={panel} data={data} {...rest} /> : <Words text={`A ${panel.type} is not drawn here`} {...rest} />;
}

function Words({ text, width, height }) {
  const theme = useTheme2();
  const style = { width, height, display: "flex", alignItems: "center", justifyContent: "center", textAlign: "center" };
  return <div style={{ ...style, color: theme.colors.text.secondary }}>{text}</div>;
}

function Lines({ panel, data, moments, width, height, now }) {
  const theme = useTheme2();
  const range = { from: dateTime(now.from * 1000), to: dateTime(now.to * 1000) };
  return (
    <TimeSeries
      frames={data}
      width={width}
      height={height}
      timeRange={{ ...range, raw: range }}
      timeZone="utc"
      legend={panel.options.legend}
      options={panel.options}
    >
      {(config) => <Moments config={config} moments={moments} theme={theme} />}
    </TimeSeries>
  );
}

// A dashed line for each annotation.
function Moments({ config, moments, theme }) {
  useLayoutEffect(() => {
    config.addHook("draw", (plot) => {
      const { ctx, bbox } = plot;
      ctx.save();
      ctx.setLineDash([4, 4]);
      for (const { at, colour } of moments) {
        const x = plot.valToPos(at * 1000, "x", true);
        if (x < bbox.left || x > bbox.left + bbox.width) continue;
        ctx.strokeStyle = theme.visualization.getColorByName(colour);
        ctx.globalAlpha = 0.6;
        ctx.beginPath();
        ctx.moveTo(x, bbox.top);
        ctx.lineTo(x, bbox.top + bbox.height);
        ctx.stroke();
      }
      ctx.restore();
    });
  }, [config, moments, theme]);
  return null;
}

function reduced(panel, data) {
  const [calc] = panel.options.reduceOptions.calcs;
  return data.map((frame) => {
    const field = frame.fields.find(({ type }) => type === "number");
    const value = reduceField({ field, reducers: [calc] })[calc];
    const display = { ...field.display(value), title: data.length > 1 || panel.options.textMode === "name" ? field.state.displayName : undefined };
    const time = frame.fields.find(({ type }) => type === "time");
    const sparkline = frame.length > 1 ? { x: time, y: field } : undefined;
    return { field: field.config, display, sparkline, process: field.display };
  });
}

function Figures({ panel, data, width, height }) {
  const theme = useTheme2();
  const { colorMode, graphMode, justifyMode, textMode, orientation } = panel.options;
  return (
    <VizRepeater
      getValues={() => reduced(panel, data)}
      source={data}
      width={width}
      height={height}
      orientation={orientation}
      renderCounter={0}
      renderValue={({ value, width, height, count }) => (
        <BigValue
          value={value.display}
          sparkline={graphMode === "none" ? undefined : value.sparkline}
          {...{ count, width, height, colorMode, graphMode, justifyMode, textMode, theme }}
        />
      )}
    />
  );
}

function Bars({ panel, data, width, height }) {
  const theme = useTheme2();
  const { displayMode, showUnfilled, valueMode, namePlacement } = panel.options;
  return (
    <VizRepeater
      getValues={() => reduced(panel, data)}
      source={data}
      width={width}
      height={height}
      orientation={panel.options.orientation}
      itemSpacing={8}
      minVizHeight={16}
      renderCounter={0}
      renderValue={({ value, width, height, orientation }) => (
        <BarGauge
          value={value.display}
          field={value.field}
          display={value.process}
          valueDisplayMode={valueMode}
          {...{ width, height, orientation, displayMode, showUnfilled, namePlacement, theme }}
        />
      )}
    />
  );
}

function Listing({ panel, data, width, height }) {
  return <Table data={data[0]} width={width} height={height} initialSortBy={panel.options.sortBy} fieldConfig={panel.fieldConfig} />;
}
