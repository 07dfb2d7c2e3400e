/**
 * An adapter on a model: which modules it changes, its trainable tensors with their initial values, and the hook that
 * builds it into a graph.
 */
import { QtuneError, createRandom, internalError } from "@qtune/base";
import type { Operations, Tensor } from "@qtune/graph";
import { type AdapterConfig, type AdapterOptions, resolveAdapterConfig } from "./adapter-config.ts";
import { drawValues } from "./init.ts";
import { methodTable } from "./methods/method-table.ts";
import { type LoweredBlocks, lowerWeights } from "./methods/lowered-circuit.ts";
import type { CircuitPlacement, LowRankUpdate, TensorSpec } from "./methods/method.ts";
import { selectTargets } from "./select-targets.ts";
import type { AdapterCall, AdapterSite } from "./site.ts";

/** A trainable tensor of an adapter. */
export interface AdapterTensor extends TensorSpec {
  /** Name of the parameter in graphs and files: `<path>.<name>`. */
  readonly parameter: string;
  readonly site: AdapterSite;
}

/** Values of adapter tensors by parameter name. */
export type AdapterValues = ReadonlyMap<string, Float32Array>;

/** An adapter, described; it holds no values and no resources. */
export interface Adapter {
  readonly config: AdapterConfig;
  /** The modules it changes, in the order of the model. */
  readonly sites: readonly AdapterSite[];
  /** Its trainable tensors: site by site, in the order of the method. */
  readonly tensors: readonly AdapterTensor[];
  /** Sites whose circuits an executor must run. */
  readonly quantumSites: readonly AdapterSite[];
  /** Whether every site's update is linear in x, so that the adapter can be merged and exported as LoRA. */
  readonly isLinear: boolean;
  /** Draws the initial values. Effect: depends on the seed and the names only, not on the order or the number of sites. */
  initialValues(seed: number | bigint): Map<string, Float32Array>;
  /** Builds the adapter into a graph: what a decoder calls at each linear module. */
  onLinear(call: AdapterCall): Tensor;
  /** Returns the update of a site as two matrices. Errors: failed_precondition where it is not linear in x. */
  updateOf(site: AdapterSite, values: AdapterValues): LowRankUpdate;
}

/**
 * Creates an adapter for a model whose linear modules are `sites`.
 *
 * Effect: `build.circuits` says where circuits are computed: by whom handles the host operation (default), or in the graph,
 *         exactly, which saves the cuts but costs 4^n per token.
 * Errors: invalid_argument when a target matches nothing, naming the nearest, or a width does not factorise.
 *
 * @example
 * const adapter = createAdapter({ kind: "lora", rank: 8 }, sites);
 * const values = adapter.initialValues(7);
 */
export function createAdapter(
  options: AdapterOptions,
  sites: readonly AdapterSite[],
  build: { readonly circuits?: CircuitPlacement } = {},
): Adapter {
  const config = resolveAdapterConfig(options);
  const selected = selectTargets(sites, config);
  const configs = new Map(selected.map((site) => [site.path, configOf(config, site)]));
  const tensors = selected.flatMap((site) =>
    methodTable[configOf(config, site).kind]
      .tensors(site, configOf(config, site))
      .map((spec): AdapterTensor => ({ ...spec, site, parameter: `${site.path}.${spec.name}` })),
  );
  const byParameter = new Map(tensors.map((tensor) => [tensor.parameter, tensor]));
  const parameters = new WeakMap<Operations, Map<string, Tensor>>();
  const parameterOf = (graph: Operations, name: string): Tensor => {
    const known = parameters.get(graph) ?? new Map<string, Tensor>();
    parameters.set(graph, known);
    const tensor = byParameter.get(name);
    if (tensor === undefined) throw internalError(`no adapter tensor ${name}`);
    const parameter = known.get(name) ?? graph.parameter(name, tensor.shape);
    known.set(name, parameter);
    return parameter;
  };
  const quantumSites = selected.filter((site) =>
    tensors.some((tensor) => tensor.site === site && tensor.role === "circuit"),
  );
  const lowered = createLoweredCache(config, quantumSites, parameterOf);

  return {
    config,
    sites: selected,
    tensors,
    quantumSites,
    isLinear: selected.every(
      (site) => methodTable[configOf(config, site).kind].update !== undefined,
    ),

    initialValues(seed) {
      const root = createRandom(seed, "adapter");
      return new Map(
        tensors.map(({ parameter, init, shape }) => [
          parameter,
          drawValues(init, shape, root.fork(parameter)),
        ]),
      );
    },

    onLinear({ graph, x, y, ...site }) {
      const siteConfig = configs.get(site.path);
      if (siteConfig === undefined) return y;
      return methodTable[siteConfig.kind].build({
        graph,
        site,
        config: siteConfig,
        x,
        y,
        loweredBlocks: build.circuits === "graph" ? lowered.blocksOf(graph, site.path) : undefined,
        tensor: (name) => parameterOf(graph, `${site.path}.${name}`),
      });
    },

    updateOf(site, values) {
      const siteConfig = configs.get(site.path);
      const update = siteConfig && methodTable[siteConfig.kind].update;
      if (siteConfig === undefined || update === undefined) {
        throw new QtuneError(
          "failed_precondition",
          `expected an adapter that is linear in x but ${siteConfig?.kind ?? "no adapter"} is not a matrix that could be added to the weight (a circuit or an activation stands inside, or it scales the output); lora, A, B, AB, vera, lokr and tt can be merged and exported as LoRA`,
          { where: site.path },
        );
      }
      return update(site, siteConfig, (name) => valueOf(values, `${site.path}.${name}`));
    },
  };
}

/**
 * Unitaries of all lowered circuits of a graph, built at the first module that asks: they need weights only, and all
 * modules together take few operations.
 */
function createLoweredCache(
  config: AdapterConfig,
  quantumSites: readonly AdapterSite[],
  parameterOf: (graph: Operations, name: string) => Tensor,
): { blocksOf(graph: Operations, path: string): LoweredBlocks | undefined } {
  const cache = new WeakMap<Operations, ReadonlyMap<string, LoweredBlocks>>();
  const build = (graph: Operations): ReadonlyMap<string, LoweredBlocks> => {
    const paths = quantumSites.map(({ path }) => path);
    const thetas = paths.map((path) => parameterOf(graph, `${path}.qx_theta`));
    const circuit = { n: config.rank, layers: config.qlayers, ansatz: config.ansatz };
    const blocks = lowerWeights(graph, thetas, circuit);
    return new Map(paths.map((path, m) => [path, blocks[m] ?? []]));
  };
  return {
    blocksOf(graph, path) {
      if (!quantumSites.some((site) => site.path === path)) return undefined;
      const blocks = cache.get(graph) ?? build(graph);
      cache.set(graph, blocks);
      return blocks.get(path);
    },
  };
}

/** The configuration of one site: layers named as classical take plain LoRA of the same rank. */
function configOf(config: AdapterConfig, site: AdapterSite): AdapterConfig {
  return config.classicalLayers.includes(site.layer) ? { ...config, kind: "lora" } : config;
}

function valueOf(values: AdapterValues, parameter: string): Float32Array {
  const value = values.get(parameter);
  if (value === undefined) {
    throw new QtuneError("not_found", `expected values of ${parameter} but there are none`, {
      where: "adapter.values",
    });
  }
  return value;
}
