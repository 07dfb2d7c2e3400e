/**
 * A circuit as a differentiable batched operation: angles [T, n] and weights [P] to ⟨Z⟩ [T, n], and back. Who runs the
 * circuits is an executor that is handed in; how gradients are taken is a setting.
 */
import { QtuneError, assertFinite, assertLength, createRandom } from "@qtune/base";
import type { ExecutionUsage, Executor, RunOptions } from "@qtune/circuit";
import { allPauliZ } from "@qtune/circuit";
import { type Ansatz, type AnsatzOptions, createAnsatz } from "./ansatz.ts";
import { finiteDifference } from "./gradient/finite-difference.ts";
import { type LayerCall, type LayerGradient, evaluateRows } from "./gradient/layer-batch.ts";
import { createOffsetCircuit } from "./gradient/offset-circuit.ts";
import {
  type ShiftMeasurement,
  createShiftPlan,
  measureShifts,
  parameterShift,
} from "./gradient/parameter-shift.ts";
import { spsa } from "./gradient/spsa.ts";

/** How the backward pass is taken. `adjoint` needs an executor with `vjp`; the others only run circuits. */
export type GradientMethod = "adjoint" | "parameter-shift" | "spsa" | "finite-difference";

/** What a quantum layer is. */
export interface QuantumLayerOptions extends AnsatzOptions {
  /** Runs the forward circuits, and the backward ones unless `backwardExecutor` is given. */
  readonly executor: Executor;
  /** Runs the backward circuits: "device forward, simulator backward". Default: `executor`. */
  readonly backwardExecutor?: Executor | undefined;
  /** Default: `adjoint` where the backward executor offers it, else `parameter-shift`. */
  readonly gradient?: GradientMethod | undefined;
  /** Shots per circuit. Default: exact values. */
  readonly shots?: number | undefined;
  /** Root of everything random. Default: 0. */
  readonly seed?: bigint | number | undefined;
  /** Default: the executor's own. */
  readonly precision?: "float32" | "float64" | undefined;
  /** Rounds inputs and weights to multiples of this, so that more circuits are equal. Default: no rounding. */
  readonly quantiseRad?: number | undefined;
  /** Perturbation of `spsa` (default 0.1) and `finite-difference` (default 1e-4), in radian. */
  readonly stepRad?: number | undefined;
  /** Directions averaged by `spsa`. Default: 1. */
  readonly directions?: number | undefined;
}

/** Options of one call: `label` names the call (step, module, micro-batch), so that its randomness is its own. */
export interface LayerCallOptions extends Pick<RunOptions, "signal" | "onProgress"> {
  readonly label?: readonly (string | number)[] | undefined;
}

/** Expectation values [T, n] and what they cost. */
export interface LayerForward {
  readonly values: Float64Array;
  readonly usage: ExecutionUsage;
}

/**
 * A quantum layer.
 *
 * Shapes: inputs float64 [T, n], angles in radian, one row per token; weights float64 [P], shared by all rows;
 *         values [T, n] in [−1, 1]; cotangent [T, n].
 * Effect: calls share nothing; the same label, values and seed give the same result whatever else runs.
 * Errors: invalid_argument for a wrong length or a value that is not finite, naming it; what the executor throws.
 */
export interface QuantumLayer {
  readonly ansatz: Ansatz;
  readonly weightCount: number;
  readonly gradient: GradientMethod | "auto";
  forward(
    inputs: Float64Array,
    weights: Float64Array,
    options?: LayerCallOptions,
  ): Promise<LayerForward>;
  backward(
    inputs: Float64Array,
    weights: Float64Array,
    cotangent: Float64Array,
    options?: LayerCallOptions,
  ): Promise<LayerGradient>;
  /** Measures values and all shifted circuits in one batch, so that any cotangent can be pulled back afterwards. */
  measure(
    inputs: Float64Array,
    weights: Float64Array,
    options?: LayerCallOptions,
  ): Promise<LayerForward & Pick<ShiftMeasurement, "pullBack">>;
}

/**
 * Creates a quantum layer.
 *
 * Cost:   adjoint about twice the forward; parameter shift 14nL circuits per token.
 * Errors: out_of_range for n or layers; failed_precondition on backward when `adjoint` is asked of an executor without.
 *
 * @example
 * const layer = createQuantumLayer({ n: 4, layers: 1, executor });
 * const { values } = await layer.forward(new Float64Array(4), new Float64Array(layer.weightCount)); // all 1
 */
export function createQuantumLayer(options: QuantumLayerOptions): QuantumLayer {
  const ansatz = createAnsatz(options);
  const { n, circuit, weightCount } = ansatz;
  const shiftPlan = createShiftPlan(circuit);
  const offsetCircuit = createOffsetCircuit(circuit);
  const root = createRandom(options.seed ?? 0, "quantum-layer");

  const createCall = (
    executor: Executor,
    values: { inputs: Float64Array; weights: Float64Array },
    call: LayerCallOptions,
    phase: "forward" | "backward",
  ): LayerCall => {
    const { inputs, weights } = values;
    const T = Math.floor(inputs.length / n);
    assertLength(inputs.length, [T, n], "quantumLayer.inputs");
    assertLength(weights.length, [weightCount], "quantumLayer.weights");
    assertFinite(inputs, "quantumLayer.inputs");
    assertFinite(weights, "quantumLayer.weights");
    const seed = BigInt(`0x${root.fork(phase, ...(call.label ?? [])).key}`) >> 1n; // fits a signed 64-bit field
    return {
      circuit,
      executor,
      inputs: quantise(inputs, options.quantiseRad),
      weights: quantise(weights, options.quantiseRad),
      T,
      run: {
        shots: options.shots,
        seed: options.shots === undefined ? undefined : seed,
        precision: options.precision,
        signal: call.signal,
        onProgress: call.onProgress,
      },
    };
  };

  return {
    ansatz,
    weightCount,
    gradient: options.gradient ?? "auto",

    async forward(inputs, weights, callOptions = {}) {
      const call = createCall(options.executor, { inputs, weights }, callOptions, "forward");
      const { expectations, usage } = await evaluateRows(call, circuit, call.inputs, call.T);
      return { values: expectations, usage };
    },

    async measure(inputs, weights, callOptions = {}) {
      const call = createCall(options.executor, { inputs, weights }, callOptions, "forward");
      const { values, usage, pullBack } = await measureShifts(call, shiftPlan, true);
      return { values: values ?? new Float64Array(0), usage, pullBack };
    },

    async backward(inputs, weights, cotangent, callOptions = {}) {
      const executor = options.backwardExecutor ?? options.executor;
      const call = createCall(executor, { inputs, weights }, callOptions, "backward");
      assertLength(cotangent.length, [call.T, n], "quantumLayer.cotangent");
      assertFinite(cotangent, "quantumLayer.cotangent");
      const method =
        options.gradient ?? (executor.vjp === undefined ? "parameter-shift" : "adjoint");
      switch (method) {
        case "adjoint":
          return adjoint(call, cotangent);
        case "parameter-shift":
          return parameterShift(call, shiftPlan, cotangent);
        case "finite-difference":
          return finiteDifference(call, offsetCircuit, cotangent, options.stepRad ?? 1e-4);
        case "spsa":
          return spsa(call, offsetCircuit, cotangent, {
            stepRad: options.stepRad ?? 0.1,
            directions: options.directions ?? 1,
            random: root.fork("spsa", ...(callOptions.label ?? [])),
          });
      }
    },
  };
}

async function adjoint(call: LayerCall, cotangent: Float64Array): Promise<LayerGradient> {
  const { circuit, executor, inputs, weights, T } = call;
  if (executor.vjp === undefined) {
    const { name } = await executor.describe();
    throw new QtuneError(
      "failed_precondition",
      `expected an executor that offers adjoint gradients but ${name} only runs circuits; use parameter-shift or give a backwardExecutor`,
      { where: "quantumLayer.gradient" },
    );
  }
  const batch = {
    circuit,
    shared: weights,
    rows: inputs,
    B: T,
    observables: allPauliZ(circuit.qubits),
  };
  const { shared, rows, usage } = await executor.vjp(batch, cotangent, {
    ...call.run,
    shots: undefined,
  });
  return { inputs: rows, weights: shared, usage };
}

function quantise(values: Float64Array, quantum: number | undefined): Float64Array {
  return quantum === undefined
    ? values
    : values.map((value) => Math.round(value / quantum) * quantum);
}
