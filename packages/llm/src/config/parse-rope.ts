/**
 * The rotary embedding of a `config.json`. Up to transformers 4: `rope_theta` and `rope_scaling` (whose kind is
 * `rope_type`, or `type` in older files); since transformers 5: `rope_parameters` with both. An unknown kind is an
 * error: a model run with the wrong frequencies answers plausibly and wrongly.
 */
import { suggest } from "@qtune/base";
import { type FieldReader, isJsonObject } from "./field-reader.ts";
import type { RopeConfig, RopeScaling } from "./model-config.ts";

/** Facts of the model that scaling rules refer to. */
export interface RopeContext {
  readonly headDim: number;
  readonly maxPositions: number;
}

type RopeRule = (fields: FieldReader, context: RopeContext) => RopeScaling;

/** Every kind of scaling once, under the names that files use. */
const ropeRules = {
  default: () => ({ kind: "default" }),
  linear: (fields) => ({ kind: "linear", factor: fields.positive("factor") }),
  // Scales by the longest length the configuration promises, whatever else the file says (transformers 5.18).
  dynamic: (fields, { maxPositions }) => ({
    kind: "dynamic",
    factor: fields.positive("factor"),
    originalMaxPositions: maxPositions,
  }),
  llama3: (fields) => {
    const lowFreqFactor = fields.positive("low_freq_factor");
    const highFreqFactor = fields.positive("high_freq_factor");
    if (fields.has("high_freq_factor") && highFreqFactor <= lowFreqFactor) {
      const expected = `more than low_freq_factor = ${lowFreqFactor}`;
      fields.complain("high_freq_factor", { expected, given: `${highFreqFactor}` });
    }
    return {
      kind: "llama3",
      factor: fields.positive("factor"),
      lowFreqFactor,
      highFreqFactor,
      originalMaxPositions: fields.count("original_max_position_embeddings"),
    };
  },
  yarn: (fields, { maxPositions }) => {
    const originalMaxPositions = fields.count("original_max_position_embeddings", maxPositions);
    const factor = fields.positive("factor", maxPositions / originalMaxPositions);
    return {
      kind: "yarn",
      factor,
      betaFast: fields.positive("beta_fast", 32),
      betaSlow: fields.positive("beta_slow", 1),
      originalMaxPositions,
      attentionFactor: fields.positive("attention_factor", yarnAttentionFactor(fields, factor)),
      truncate: fields.flag("truncate", true),
    };
  },
  longrope: (fields, { headDim, maxPositions }) => {
    const originalMaxPositions = fields.count("original_max_position_embeddings", maxPositions);
    const factor = fields.positive("factor", maxPositions / originalMaxPositions);
    const natural =
      factor <= 1 ? 1 : Math.sqrt(1 + Math.log(factor) / Math.log(originalMaxPositions));
    return {
      kind: "longrope",
      originalMaxPositions,
      shortFactor: fields.positives("short_factor", headDim / 2),
      longFactor: fields.positives("long_factor", headDim / 2),
      attentionFactor: fields.positive("attention_factor", natural),
    };
  },
} as const satisfies Record<string, RopeRule>;

/** Maths: m(s) = 0.1·k·ln(s) + 1; with both `mscale` keys the quotient m(k = mscale) / m(k = mscale_all_dim). */
function yarnAttentionFactor(fields: FieldReader, factor: number): number {
  const m = (k: number): number => (factor <= 1 ? 1 : 0.1 * k * Math.log(factor) + 1);
  if (!fields.has("mscale") || !fields.has("mscale_all_dim")) return m(1);
  return m(fields.positive("mscale")) / m(fields.positive("mscale_all_dim"));
}

/** Reads the rotary embedding; problems become issues. `nested` opens a reader over an object inside the file. */
export function parseRope(
  fields: FieldReader,
  nested: (key: string) => FieldReader,
  context: RopeContext,
): RopeConfig {
  const key = fields.has("rope_parameters") ? "rope_parameters" : "rope_scaling";
  const value = fields.raw(key);
  if (!fields.has(key)) {
    checkPartial(fields);
    return { theta: fields.positive("rope_theta", 10_000), scaling: { kind: "default" } };
  }
  if (!isJsonObject(value)) {
    fields.complain(key, { expected: "an object", given: JSON.stringify(value) });
    return { theta: 10_000, scaling: { kind: "default" } };
  }
  const inner = nested(key);
  const theta = inner.positive("rope_theta", fields.positive("rope_theta", 10_000));
  checkPartial(inner.has("partial_rotary_factor") ? inner : fields);
  checkNamed(value, inner);
  return { theta, scaling: parseScaling(inner, context) };
}

function checkPartial(fields: FieldReader): void {
  if (fields.positive("partial_rotary_factor", 1) === 1) return;
  fields.complain("partial_rotary_factor", {
    expected: "1",
    given: JSON.stringify(fields.raw("partial_rotary_factor")),
    hint: "rotating a part of a head is not supported",
  });
}

/** Complains about settings of a scaling whose kind is not named: they would be passed over. */
function checkNamed(value: Readonly<Record<string, unknown>>, fields: FieldReader): void {
  if (fields.has("rope_type") || fields.has("type")) return;
  const settings = Object.keys(value).filter(
    (key) => fields.has(key) && key !== "rope_theta" && key !== "partial_rotary_factor",
  );
  if (settings.length === 0) return;
  fields.complain("rope_type", {
    expected: `one of ${Object.keys(ropeRules).join(", ")}`,
    given: `nothing beside ${settings.slice(0, 5).join(", ")}`,
    hint: "name the kind of scaling; settings of single layers are not supported",
  });
}

function parseScaling(fields: FieldReader, context: RopeContext): RopeScaling {
  const key = fields.has("rope_type") ? "rope_type" : "type";
  const given = fields.raw(key) ?? "default";
  const name = given === "su" ? "longrope" : given; // the name longrope had in its first files
  const names = Object.keys(ropeRules);
  if (typeof name !== "string" || !Object.hasOwn(ropeRules, name)) {
    const close = typeof name === "string" ? suggest(name, names) : undefined;
    fields.complain(key, {
      expected: `one of ${names.join(", ")}`,
      given: JSON.stringify(given),
      ...(close === undefined ? {} : { hint: `did you mean ${close}?` }),
    });
    return { kind: "default" };
  }
  const rule: RopeRule = ropeRules[name as keyof typeof ropeRules]; // hasOwn was checked above
  return rule(fields, context);
}
