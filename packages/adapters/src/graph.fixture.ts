/** Builds one adapter on one linear module into a graph and runs it by definition, for the tests of this package. */
import { createRandom } from "@qtune/base";
import { type Value, createGraph, differentiate, interpret } from "@qtune/graph";
import type { LayerGradient, QuantumLayer } from "@qtune/quantum-layer";
import type { AdapterOptions } from "./adapter-config.ts";
import { type Adapter, createAdapter } from "./adapter.ts";
import { createQuantumHandlers } from "./quantum-handler.ts";
import type { AdapterSite } from "./site.ts";

export const site: AdapterSite = {
  layer: 0,
  module: "q_proj",
  path: "model.layers.0.self_attn.q_proj",
  inFeatures: 12,
  outFeatures: 18,
};

/** Standard normal values from a named stream. */
export function normals(count: number, label: string): Float64Array {
  const random = createRandom(23, label);
  return Float64Array.from({ length: count }, () => random.nextNormal());
}

/**
 * A layer with the closed form ⟨Z_i⟩ = cos(x_i + w_i) + x_i w_{i+1 mod P}: not a circuit, but a smooth function of
 * every input and weight whose derivatives are known, so that the wiring around it can be checked.
 */
export function createClosedFormLayer(n: number): QuantumLayer {
  const at = (w: Float64Array, i: number): number => w[i % w.length]!;
  return {
    ansatz: undefined as never, // nothing here reads it
    weightCount: 0,
    gradient: "auto",
    measure: () => Promise.reject(new Error("the closed form has no circuits to measure")),
    forward: async (x, w) => ({
      values: x.map((value, k) => Math.cos(value + at(w, k % n)) + value * at(w, (k % n) + 1)),
      usage: {
        circuits: x.length / n,
        shots: 0,
        chipSeconds: 0,
        chipJobs: 0,
        parallelMax: 0,
        parallelMean: 0,
      },
    }),
    backward: async (x, w, cotangent): Promise<LayerGradient> => {
      const weights = new Float64Array(w.length);
      const inputs = x.map((value, k) => {
        const slope = -Math.sin(value + at(w, k % n)) * cotangent[k]!;
        weights[(k % n) % w.length]! += slope;
        weights[((k % n) + 1) % w.length]! += value * cotangent[k]!;
        return slope + at(w, (k % n) + 1) * cotangent[k]!;
      });
      return {
        inputs,
        weights,
        usage: {
          circuits: 0,
          shots: 0,
          chipSeconds: 0,
          chipJobs: 0,
          parallelMax: 0,
          parallelMean: 0,
        },
      };
    },
  };
}

/** The loss Σ y² · weights of one adapted module, with values of parameters as they are given. */
export interface Bench {
  readonly adapter: Adapter;
  /** Runs the module on x [T, i]: output, loss and the gradient of every tensor. */
  run(values: ReadonlyMap<string, Float32Array | Float64Array>): Promise<{
    readonly y: Float64Array;
    readonly loss: number;
    readonly gradients: Map<string, Float64Array>;
  }>;
  readonly x: Float64Array;
  /** What the frozen module returns. */
  readonly base: Float64Array;
}

/** Creates the bench of an adapter with T tokens. */
export function createBench(options: AdapterOptions, T = 3, at: AdapterSite = site): Bench {
  const adapter = createAdapter({ targets: ["q_proj"], ...options }, [at]);
  const graph = createGraph();
  const x = graph.input("x", "float", ["T", at.inFeatures]);
  const y = graph.input("y", "float", ["T", at.outFeatures]);
  const out = adapter.onLinear({ ...at, graph, x, y });
  const weigh = graph.input("weigh", "float", ["T", at.outFeatures]);
  const loss = graph.reduceSum(graph.multiply(graph.multiply(out, out), weigh));
  const parameters = graph.nodes
    .filter((node) => node.op === "parameter")
    .map((node) => node.outputs[0]!);
  const gradients = differentiate(graph, loss, parameters);
  const feeds: Record<string, Value> = {
    x: { dims: [T, at.inFeatures], data: normals(T * at.inFeatures, "x") },
    y: { dims: [T, at.outFeatures], data: normals(T * at.outFeatures, "y") },
    weigh: { dims: [T, at.outFeatures], data: normals(T * at.outFeatures, "weigh") },
  };
  return {
    adapter,
    x: feeds["x"]!.data as Float64Array,
    base: feeds["y"]!.data as Float64Array,
    async run(values) {
      const bound = Object.fromEntries(
        adapter.tensors.map(({ parameter, shape }) => [
          parameter,
          { dims: shape, data: Float64Array.from(values.get(parameter)!) },
        ]),
      );
      const results = await interpret(graph, {
        outputs: {
          y: out,
          loss,
          ...Object.fromEntries(parameters.map((p, k) => [p.name, gradients[k]!])),
        },
        feeds: { ...feeds, ...bound },
        hostOperations: createQuantumHandlers({ layerFor: ({ n }) => createClosedFormLayer(n) }),
      });
      return {
        y: results["y"]!.data as Float64Array,
        loss: Number(results["loss"]!.data[0]),
        gradients: new Map(
          parameters.map(({ name }) => [name, results[name]!.data as Float64Array]),
        ),
      };
    },
  };
}
