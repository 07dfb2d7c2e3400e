/** Linear adapters as plain LoRA, and their merge into the weights. */
import { type Adapter, type AdapterValues, createAdapter } from "../adapter.ts";
import type { LowRankUpdate } from "../methods/method.ts";
import type { AdapterSite } from "../site.ts";

/**
 * Turns an adapter that is linear in x into the LoRA that computes the same function: A_eff, and B_eff C with the scale
 * taken in. Sites of smaller rank are filled up with zeros.
 *
 * Errors: failed_precondition where the adapter is not linear, with the reason.
 */
export function toLora(
  adapter: Adapter,
  values: AdapterValues,
): { readonly adapter: Adapter; readonly values: Map<string, Float32Array> } {
  const updates = adapter.sites.map((site) => ({ site, update: adapter.updateOf(site, values) }));
  const rank = Math.max(1, ...updates.map(({ update }) => update.rank));
  const { targets, layers } = adapter.config;
  const result = createAdapter({ kind: "lora", rank, alpha: rank, targets, layers }, adapter.sites);
  const lora = new Map<string, Float32Array>();
  for (const { site, update } of updates) {
    lora.set(`${site.path}.lora_A.weight`, padRows(update, rank, site.inFeatures));
    lora.set(`${site.path}.lora_B.weight`, padColumns(update, rank, site.outFeatures));
  }
  return { adapter: result, values: lora };
}

function padRows(update: LowRankUpdate, rank: number, width: number): Float32Array {
  const a = new Float32Array(rank * width);
  a.set(update.a);
  return a;
}

function padColumns(update: LowRankUpdate, rank: number, height: number): Float32Array {
  const b = new Float32Array(height * rank);
  for (let row = 0; row < height; row++) {
    for (let k = 0; k < update.rank; k++)
      b[row * rank + k] = update.scale * update.b[row * update.rank + k]!; // [o, R]
  }
  return b;
}

/**
 * Adds the update of a site to its weight, in float64, rounded once.
 *
 * Shapes: weight float32 [o, i]; result a new array of the same shape.
 * Errors: failed_precondition where the adapter is not linear.
 */
export function mergeIntoWeight(
  adapter: Adapter,
  values: AdapterValues,
  site: AdapterSite,
  weight: Float32Array,
): Float32Array {
  const { rank, a, b, scale } = adapter.updateOf(site, values);
  const { inFeatures: width, outFeatures: height } = site;
  const merged = new Float32Array(weight.length);
  const row = new Float64Array(width);
  for (let o = 0; o < height; o++) {
    row.set(weight.subarray(o * width, (o + 1) * width));
    for (let k = 0; k < rank; k++) {
      const factor = scale * b[o * rank + k]!; // [o, R]
      for (let i = 0; i < width; i++) row[i]! += factor * a[k * width + i]!; // [R, i]
    }
    merged.set(row, o * width);
  }
  return merged;
}
