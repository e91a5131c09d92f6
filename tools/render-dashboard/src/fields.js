// Applies a panel's field configuration. Grafana's registry of options lives in the application and not on npm: the few
// that these dashboards use are put in by hand.
import { getDisplayProcessor, getFieldDisplayName, standardTransformers, standardTransformersRegistry, transformDataFrame } from "@grafana/data";

// Merging asks others of them for help.
const transformers = [
  standardTransformers.mergeTransformer,
  standardTransformers.organizeFieldsTransformer,
  standardTransformers.orderFieldsTransformer,
  standardTransformers.renameFieldsTransformer,
  standardTransformers.filterFieldsByNameTransformer,
  standardTransformers.filterFieldsTransformer,
];
standardTransformersRegistry.setInit(() =>
  transformers.map((one) => ({ id: one.id, name: one.name, transformation: () => Promise.resolve(one) })),
);

const matches = ({ id, options }, name) =>
  id === "byName" ? name === options : id === "byRegexp" ? new RegExp(options).test(name) : false;

function put(config, path, value) {
  const [last, ...above] = path.split(".").reverse();
  let place = config;
  for (const part of above.reverse()) place = place[part] ??= {};
  place[last] = value;
}

function thresholds(config) {
  const steps = config.thresholds?.steps;
  if (steps) config.thresholds = { ...config.thresholds, steps: steps.map((step) => ({ ...step, value: step.value ?? -Infinity })) };
}

export function configured(panel, data, theme) {
  const { defaults, overrides } = panel.fieldConfig;
  let series = 0;
  for (const frame of data) {
    for (const field of frame.fields) {
      const name = getFieldDisplayName(field, frame, data);
      const config = { ...structuredClone(defaults), ...field.config, custom: { ...structuredClone(defaults.custom ?? {}) } };
      if (field.type !== "number") delete config.unit;
      for (const { matcher, properties } of overrides) {
        if (matches(matcher, name)) for (const { id, value } of properties) put(config, id, structuredClone(value));
      }
      thresholds(config);
      field.config = config;
      const known = field.values.filter((value) => Number.isFinite(value));
      const [min, max] = [Math.min(...known), Math.max(...known)];
      field.state = { range: { min: Math.min(min, config.min ?? min), max, delta: max - min }, ...field.state, displayName: name, seriesIndex: field.type === "number" ? series++ : undefined };
      field.display = getDisplayProcessor({ field, theme });
    }
  }
  return data;
}

export function transformed(panel, data) {
  return new Promise((done, failed) =>
    transformDataFrame(panel.transformations ?? [], data).subscribe({ next: done, error: failed }),
  );
}
