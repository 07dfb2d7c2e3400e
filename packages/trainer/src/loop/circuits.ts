/** Who runs the circuits of a run: one quantum layer per circuit form, and what they have cost together. */
import {
  type Adapter,
  type CircuitPlacement,
  type QuantumHandlerOptions,
  type QuantumSite,
  createAdapter,
  createQuantumHandlers,
} from "@qtune/adapters";
import { QtuneError } from "@qtune/base";
import type { ExecutionUsage, Executor } from "@qtune/circuit";
import type { HostHandler } from "@qtune/graph";
import { type QuantumLayer, addUsage, createQuantumLayer, noUsage } from "@qtune/quantum-layer";
import type { RunConfig } from "../config/run-config.ts";

/** Most qubits for which a circuit is put into the graph unasked: beyond, 4^n per token costs more than a cut. */
const maxLoweredQubits = 6;

/**
 * Decides where the circuits of a training are computed.
 *
 * Errors: invalid_argument when the graph is asked for but the circuits are not exact.
 */
export function placeCircuits({
  adapter,
  executor,
}: {
  readonly adapter: Pick<RunConfig["adapter"], "rank">;
  readonly executor: Pick<
    RunConfig["executor"],
    "kind" | "placement" | "shots" | "gradient" | "quantiseRad"
  > & {
    readonly sampledTokens?: number | undefined;
  };
}): CircuitPlacement {
  const isExact = executor.kind === "exact" && executor.shots === undefined;
  const plain =
    isExact &&
    executor.sampledTokens === undefined &&
    executor.gradient === undefined &&
    executor.quantiseRad === undefined;
  if (executor.placement === "graph" && !plain) {
    throw new QtuneError(
      "invalid_argument",
      "expected exact circuits without shots, sampled tokens, rounding or a gradient method for placement graph; use host",
      { where: "executor.placement" },
    );
  }
  if (executor.placement !== "auto") return executor.placement;
  return plain && adapter.rank <= maxLoweredQubits ? "graph" : "host";
}

/** Settings of the circuits, as in the `executor` part of a configuration. */
export type CircuitSettings = Pick<
  RunConfig["executor"],
  "shots" | "seed" | "gradient" | "quantiseRad"
> &
  Partial<Pick<RunConfig["executor"], "kind" | "placement">>;

/** Returns the adapter for an evaluation: with its circuits in the graph where they are exact anyway and small. */
export function placeForEvaluation(
  adapter: Adapter,
  settings: CircuitSettings,
): { readonly adapter: Adapter; readonly lowered: boolean } {
  const lowered =
    adapter.quantumSites.length > 0 &&
    settings.kind === "exact" &&
    placeCircuits({
      adapter: adapter.config,
      executor: { placement: "auto", kind: "exact", ...settings },
    }) === "graph";
  return {
    adapter: lowered
      ? createAdapter(adapter.config, adapter.sites, { circuits: "graph" })
      : adapter,
    lowered,
  };
}

/** Circuits of one program: handlers for its host operations, and a running total of their cost. */
export interface CircuitRunner {
  readonly handlers: Readonly<Record<string, HostHandler>>;
  /** Cost since the runner was created. */
  usage(): ExecutionUsage;
  /** Names the work that follows: with the module's path, the seed of every call. */
  setLabel(...label: readonly (string | number)[]): void;
}

/** Returns a function that gives each circuit form its layer, created once. */
export function createLayerCache(
  executor: Executor,
  settings: CircuitSettings,
): (site: QuantumSite) => QuantumLayer {
  const layers = new Map<string, QuantumLayer>();
  return ({ n, layers: blocks, ansatz }) => {
    const key = `${ansatz} ${n} ${blocks}`;
    const known = layers.get(key);
    if (known !== undefined) return known;
    const { shots, seed, gradient, quantiseRad } = settings;
    const created = createQuantumLayer({
      n,
      layers: blocks,
      ansatz,
      executor,
      shots,
      seed,
      gradient,
      quantiseRad,
    });
    layers.set(key, created);
    return created;
  };
}

/** Creates the runner of a program's circuits. `hooks` may take the place of plain forward and backward calls. */
export function createCircuitRunner(
  executor: Executor,
  settings: CircuitSettings,
  hooks: Pick<QuantumHandlerOptions, "forward" | "backward"> = {},
): CircuitRunner {
  let usage = noUsage;
  let label: readonly (string | number)[] = [];
  return {
    handlers: createQuantumHandlers({
      layerFor: createLayerCache(executor, settings),
      label: () => label,
      onUsage: (cost) => {
        usage = addUsage(usage, cost);
      },
      ...hooks,
    }),
    usage: () => usage,
    setLabel(...next) {
      label = next;
    },
  };
}
