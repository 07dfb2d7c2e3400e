/**
 * Runs the circuits of adapters: the handler of the host operation `quantum-layer` and of its derivative. All modules
 * whose circuits are due at the same time arrive together; each is one batch with its own weights.
 */
import { QtuneError } from "@qtune/base";
import type { ExecutionUsage } from "@qtune/circuit";
import type { HostCall, HostHandler, Value } from "@qtune/graph";
import type { AnsatzKind, LayerGradient, QuantumLayer } from "@qtune/quantum-layer";
import { quantumLayerKind } from "./methods/qtha.ts";

/** Which circuit a host operation asks for, and for which module. */
export interface QuantumSite {
  readonly path: string;
  readonly layer: number;
  readonly module: string;
  /** Qubits. */
  readonly n: number;
  /** Blocks of the circuit. */
  readonly layers: number;
  readonly ansatz: AnsatzKind;
}

/** What the handlers need from outside. */
export interface QuantumHandlerOptions {
  /** Returns the layer that runs a site's circuits. Called for each call, so that sites may use different executors. */
  layerFor(site: QuantumSite): QuantumLayer;
  /** Names the current step and micro-batch: part of the seed of each call. Default: nothing. */
  label?(): readonly (string | number)[];
  /** Is told what each call has cost. */
  onUsage?(usage: ExecutionUsage, phase: "forward" | "backward", site: QuantumSite): void;
  /** Takes the place of `layer.backward` where given: sampled tokens, another device, comparison of gradients. */
  backward?(call: QuantumBackwardCall): Promise<LayerGradient>;
}

/** A backward call with all that it depends on. */
export interface QuantumBackwardCall {
  readonly site: QuantumSite;
  readonly layer: QuantumLayer;
  /** [T, n] */
  readonly inputs: Float64Array;
  /** [P] */
  readonly weights: Float64Array;
  /** [T, n] */
  readonly cotangent: Float64Array;
  readonly label: readonly (string | number)[];
  readonly signal: AbortSignal | undefined;
}

/** Creates the handlers to hand to a compiled program as `hostOperations`. */
export function createQuantumHandlers(
  options: QuantumHandlerOptions,
): Readonly<Record<string, HostHandler>> {
  const labelOf = (site: QuantumSite): readonly (string | number)[] => [
    ...(options.label?.() ?? []),
    site.path,
  ];
  return {
    [quantumLayerKind]: (calls, { signal }) =>
      Promise.all(
        calls.map(async (call) => {
          const site = siteOf(call);
          const [h, theta] = [toFloat64(call, 0), toFloat64(call, 1)];
          const layer = options.layerFor(site);
          const { values, usage } = await layer.forward(h, theta, { label: labelOf(site), signal });
          options.onUsage?.(usage, "forward", site);
          return [{ dims: call.inputs[0]?.dims ?? [], data: values }];
        }),
      ),
    [`${quantumLayerKind}.vjp`]: (calls, { signal }) =>
      Promise.all(
        calls.map(async (call): Promise<readonly Value[]> => {
          const site = siteOf(call);
          const [inputs, weights, cotangent] = [
            toFloat64(call, 0),
            toFloat64(call, 1),
            toFloat64(call, 2),
          ];
          const layer = options.layerFor(site);
          const label = labelOf(site);
          const gradient =
            options.backward === undefined
              ? await layer.backward(inputs, weights, cotangent, { label, signal })
              : await options.backward({ site, layer, inputs, weights, cotangent, label, signal });
          options.onUsage?.(gradient.usage, "backward", site);
          return [
            { dims: call.inputs[0]?.dims ?? [], data: gradient.inputs },
            { dims: call.inputs[1]?.dims ?? [], data: gradient.weights },
          ];
        }),
      ),
  };
}

/** The attributes were written by the method that added the operation; this is where they are read back. */
function siteOf(call: HostCall): QuantumSite {
  return call.attributes as unknown as QuantumSite; // plain data of our own making, see qtha.ts
}

function toFloat64(call: HostCall, input: number): Float64Array {
  const data = call.inputs[input]?.data;
  if (data instanceof Float64Array) return data;
  if (data instanceof Float32Array) return Float64Array.from(data);
  throw new QtuneError(
    "invalid_argument",
    `expected float values for input ${input} of a quantum layer`,
    {
      where: call.name,
    },
  );
}
