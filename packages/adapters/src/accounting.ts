/** The arithmetic of "fewer parameters": what is trained, where, and against which LoRA. */
import { type AdapterOptions, resolveAdapterConfig } from "./adapter-config.ts";
import { createAdapter } from "./adapter.ts";
import type { TensorRole } from "./methods/method.ts";
import type { AdapterSite } from "./site.ts";

/** Trainable parameters of an adapter. */
export interface ParameterCount {
  readonly total: number;
  /** By what they are: matrices, cores of tensor networks, angles of circuits. */
  readonly byRole: Readonly<Record<TensorRole, number>>;
  readonly bySite: readonly { readonly path: string; readonly parameters: number }[];
}

/** Counts trainable parameters without drawing a value. */
export function countParameters(
  options: AdapterOptions,
  sites: readonly AdapterSite[],
): ParameterCount {
  const adapter = createAdapter(options, sites);
  const byRole: Record<TensorRole, number> = { matrix: 0, "tensor-train": 0, circuit: 0 };
  const bySite = new Map(adapter.sites.map((site) => [site.path, 0]));
  for (const tensor of adapter.tensors) {
    const size = tensor.shape.reduce((product, dim) => product * dim, 1);
    byRole[tensor.role] += size;
    bySite.set(tensor.site.path, (bySite.get(tensor.site.path) ?? 0) + size);
  }
  return {
    total: byRole.matrix + byRole["tensor-train"] + byRole.circuit,
    byRole,
    bySite: [...bySite].map(([path, parameters]) => ({ path, parameters })),
  };
}

/** Returns the parameters of an adapter relative to LoRA of rank `referenceRank` on the same modules: −0.75 is 75% fewer. */
export function compareWithLora(
  options: AdapterOptions,
  sites: readonly AdapterSite[],
  referenceRank: number,
): number {
  const { targets, layers } = resolveAdapterConfig(options);
  const reference = countParameters({ kind: "lora", rank: referenceRank, targets, layers }, sites);
  return countParameters(options, sites).total / reference.total - 1;
}

/**
 * Returns the smallest rank of a LoRA that has at least `parameters` trainable parameters: the matched control of a
 * fair comparison.
 */
export function matchedLoraRank(
  parameters: number,
  options: Pick<AdapterOptions, "targets" | "layers">,
  sites: readonly AdapterSite[],
): number {
  const perRank = countParameters({ kind: "lora", rank: 1, ...options }, sites).total;
  return Math.max(1, Math.ceil(parameters / perRank));
}
