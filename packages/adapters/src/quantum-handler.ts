/**
 * Runs the circuits of adapters: the handler of the host operation `quantum-layer` and of its derivative. All modules
 * whose circuits are due at the same time arrive together; each is one batch with its own weights.
 */
import { QtuneError } from "@qtune/base";
import type { ExecutionUsage } from "@qtune/circuit";
import type { HostCall, HostHandler, Value } from "@qtune/graph";
import type { AnsatzKind, LayerForward, LayerGradient, QuantumLayer } from "@qtune/quantum-layer";
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
  /** Takes the place of `layer.forward` where given: values of some tokens from another device. */
  forward?(call: QuantumCall): Promise<LayerForward>;
  /** Takes the place of `layer.backward` where given: sampled tokens, another device, comparison of gradients. */
  backward?(call: QuantumCall, cotangent: Float64Array): Promise<LayerGradient>;
}

/** One call of one module with all that it depends on. */
export interface QuantumCall {
  readonly site: QuantumSite;
  readonly layer: QuantumLayer;
  /** [T, n] */
  readonly inputs: Float64Array;
  /** [P] */
  readonly weights: Float64Array;
  readonly label: readonly (string | number)[];
  readonly signal: AbortSignal | undefined;
}

/** Creates the handlers to hand to a compiled program as `hostOperations`. */
export function createQuantumHandlers(
  options: QuantumHandlerOptions,
): Readonly<Record<string, HostHandler>> {
  const createCall = (call: HostCall, signal: AbortSignal | undefined): QuantumCall => {
    const site = siteOf(call);
    const inputs = toFloat64(call, 0);
    assertFiniteAngles(inputs, site);
    return {
      site,
      layer: options.layerFor(site),
      inputs,
      weights: toFloat64(call, 1),
      label: [...(options.label?.() ?? []), site.path],
      signal,
    };
  };
  const forward =
    options.forward?.bind(options) ??
    (({ layer, inputs, weights, ...rest }: QuantumCall) => layer.forward(inputs, weights, rest));
  const backward =
    options.backward?.bind(options) ??
    (({ layer, inputs, weights, ...rest }: QuantumCall, cotangent: Float64Array) =>
      layer.backward(inputs, weights, cotangent, rest));
  return {
    [quantumLayerKind]: (calls, { signal }) =>
      Promise.all(
        calls.map(async (host) => {
          const call = createCall(host, signal);
          const { values, usage } = await forward(call);
          options.onUsage?.(usage, "forward", call.site);
          return [{ dims: host.inputs[0]?.dims ?? [], data: values }];
        }),
      ),
    [`${quantumLayerKind}.vjp`]: (calls, { signal }) =>
      Promise.all(
        calls.map(async (host): Promise<readonly Value[]> => {
          const call = createCall(host, signal);
          const gradient = await backward(call, toFloat64(host, 2));
          options.onUsage?.(gradient.usage, "backward", call.site);
          return [
            { dims: host.inputs[0]?.dims ?? [], data: gradient.inputs },
            { dims: host.inputs[1]?.dims ?? [], data: gradient.weights },
          ];
        }),
      ),
  };
}

/** The attributes were written by the method that added the operation; this is where they are read back. */
function siteOf(call: HostCall): QuantumSite {
  return call.attributes as unknown as QuantumSite; // plain data of our own making, see qtha.ts
}

/** A bad number is named by module and token: what comes out of a circuit would no longer tell. */
function assertFiniteAngles(inputs: Float64Array, { path, n }: QuantumSite): void {
  const bad = inputs.findIndex((value) => !Number.isFinite(value));
  if (bad < 0) return;
  throw new QtuneError(
    "out_of_range",
    `expected finite angles but was given ${inputs[bad]} for qubit ${bad % n}`,
    {
      where: `${path}: row ${Math.floor(bad / n)}`,
    },
  );
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
