// Asks Prometheus what a panel asks, with Grafana's variables put in, and gives the answer as Grafana's data frames.
import { createDataFrame, FieldType } from "@grafana/data";

const SCRAPE = 5; // seconds between scrapes, of the Prometheus that `make observe` and `make pictures` start

export function settings() {
  const given = new URLSearchParams(location.search);
  const span = Number(given.get("minutes") ?? 15) * 60;
  const to = Math.floor(Number(given.get("to") ?? Date.now() / 1000) / SCRAPE) * SCRAPE;
  const step = Math.max(SCRAPE, Math.ceil(span / 400 / SCRAPE) * SCRAPE);
  return {
    address: given.get("prometheus") ?? location.origin,
    dashboard: given.get("dashboard") ?? "feedmill-mill",
    refresh: Number(given.get("refresh") ?? 0),
    theme: given.get("theme") ?? "dark",
    variables: Object.fromEntries([...given].filter(([name]) => name.startsWith("var-")).map(([name, value]) => [name.slice(4), value])),
    from: to - span,
    to,
    step,
  };
}

export function interpolated(text, dashboard, now) {
  const builtIn = {
    __rate_interval: `${Math.max(now.step + SCRAPE, 4 * SCRAPE)}s`,
    __interval: `${now.step}s`,
    __range: `${now.to - now.from}s`,
  };
  const chosen = Object.fromEntries(
    dashboard.templating.list.map((variable) => [variable.name, now.variables[variable.name] ?? variable.allValue ?? ""]),
  );
  return text.replace(/\$\{?(\w+)\}?/g, (whole, name) => ({ ...builtIn, ...chosen })[name] ?? whole);
}

async function asked(address, path, parameters) {
  const answer = await fetch(`${address}/api/v1/${path}?${new URLSearchParams(parameters)}`);
  const told = await answer.json();
  if (told.status !== "success") throw new Error(told.error);
  return told.data.result;
}

const number = (text) => (text === "NaN" ? NaN : text === "+Inf" ? Infinity : text === "-Inf" ? -Infinity : Number(text));

function legend(format, labels) {
  return format.replace(/\{\{\s*(\w+)\s*\}\}/g, (_, name) => labels[name] ?? "");
}

// A frame for each series; a moment without a sample is null, which a curve shows as a gap.
async function overTime(target, expression, now) {
  const result = await asked(now.address, "query_range", { query: expression, start: now.from, end: now.to, step: now.step });
  return result.map(({ metric, values }) => {
    const known = new Map(values.map(([at, value]) => [at, number(value)]));
    const times = [];
    for (let at = now.from; at <= now.to; at += now.step) times.push(at);
    return createDataFrame({
      refId: target.refId,
      fields: [
        { name: "Time", type: FieldType.time, values: times.map((at) => at * 1000) },
        {
          name: "Value",
          type: FieldType.number,
          values: times.map((at) => known.get(at) ?? null),
          labels: metric,
          config: { displayNameFromDS: legend(target.legendFormat ?? "", metric) || "value" },
        },
      ],
    });
  });
}

async function atEnd(target, expression, now) {
  const result = await asked(now.address, "query", { query: expression, time: now.to });
  return result.map(({ metric, value: [at, value] }) =>
    createDataFrame({
      refId: target.refId,
      fields: [
        { name: "Time", type: FieldType.time, values: [at * 1000] },
        {
          name: "Value",
          type: FieldType.number,
          values: [number(value)],
          labels: metric,
          config: { displayNameFromDS: legend(target.legendFormat ?? "", metric) || "value" },
        },
      ],
    }),
  );
}

// One frame, a column for each label: what the table format of Grafana's data source gives.
async function asTable(target, expression, now, several) {
  const result = await asked(now.address, "query", { query: expression, time: now.to });
  const labels = [...new Set(result.flatMap(({ metric }) => Object.keys(metric)))].sort();
  return [
    createDataFrame({
      refId: target.refId,
      fields: [
        { name: "Time", type: FieldType.time, values: result.map(({ value }) => value[0] * 1000) },
        ...labels.map((label) => ({ name: label, type: FieldType.string, values: result.map(({ metric }) => metric[label] ?? "") })),
        { name: several ? `Value #${target.refId}` : "Value", type: FieldType.number, values: result.map(({ value }) => number(value[1])) },
      ],
    }),
  ];
}

export async function frames(panel, dashboard, now) {
  const answers = await Promise.all(
    panel.targets.map((target) => {
      const expression = interpolated(target.expr, dashboard, now);
      if (target.format === "table") return asTable(target, expression, now, panel.targets.length > 1);
      return target.instant ? atEnd(target, expression, now) : overTime(target, expression, now);
    }),
  );
  return answers.flat();
}

// The moments that the dashboard's annotations name.
export async function moments(dashboard, now) {
  const found = await Promise.all(
    dashboard.annotations.list.map(async ({ name, iconColor, expr }) => {
      const result = await asked(now.address, "query_range", {
        query: interpolated(expr, dashboard, now),
        start: now.from,
        end: now.to,
        step: 30,
      });
      // Grafana joins neighbouring steps to one region; its beginning is drawn here.
      const begins = result.flatMap(({ values }) => values.map(([at]) => at).filter((at, index, all) => index === 0 || at - all[index - 1] > 30));
      return begins.map((at) => ({ at, name, colour: iconColor }));
    }),
  );
  return found.flat();
}
