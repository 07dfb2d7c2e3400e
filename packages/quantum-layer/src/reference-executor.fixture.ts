/**
 * A slow exact executor for the tests of this package: plain loops over complex amplitudes, the gates of a quantum layer
 * only. It cannot differentiate, as a chip cannot.
 */
import { createRandom } from "@qtune/base";
import {
  type CircuitBatch,
  type Executor,
  type GateOperation,
  type RunOptions,
  evaluateAngle,
  parameterNames,
} from "@qtune/circuit";

interface State {
  readonly re: Float64Array;
  readonly im: Float64Array;
}

/** Multiplies the two amplitudes that differ in `qubit` by RY. */
function rotateY(state: State, qubit: number, angle: number): void {
  const c = Math.cos(angle / 2);
  const s = Math.sin(angle / 2);
  for (let i = 0; i < state.re.length; i++) {
    if (i & (1 << qubit)) continue;
    const j = i | (1 << qubit);
    for (const plane of [state.re, state.im]) {
      const [low, high] = [plane[i]!, plane[j]!];
      plane[i] = c * low - s * high;
      plane[j] = s * low + c * high;
    }
  }
}

/** Multiplies by e^{∓i angle/2} where the control is 1 and the target 0 or 1. */
function controlledRotateZ(state: State, control: number, target: number, angle: number): void {
  for (let i = 0; i < state.re.length; i++) {
    if (!(i & (1 << control))) continue;
    const phase = i & (1 << target) ? angle / 2 : -angle / 2;
    const [re, im] = [state.re[i]!, state.im[i]!];
    state.re[i] = re * Math.cos(phase) - im * Math.sin(phase);
    state.im[i] = re * Math.sin(phase) + im * Math.cos(phase);
  }
}

function simulate(batch: CircuitBatch, row: number): Float64Array {
  const { circuit } = batch;
  const values = new Map<string, number>();
  parameterNames(circuit, "shared").forEach((name, i) => values.set(name, batch.shared[i]!));
  const names = parameterNames(circuit, "row");
  names.forEach((name, i) => values.set(name, batch.rows[row * names.length + i]!));
  const size = 2 ** circuit.qubits;
  const state = { re: new Float64Array(size), im: new Float64Array(size) };
  state.re[0] = 1;
  for (const operation of circuit.operations as readonly GateOperation[]) {
    const angle = evaluateAngle(operation.angles[0]!, (name) => values.get(name)!);
    const [first, second] = operation.qubits as [number, number];
    if (operation.gate === "RY") rotateY(state, first, angle);
    else if (operation.gate === "CRZ") controlledRotateZ(state, first, second, angle);
    else throw new Error(`the reference executor of these tests knows no ${operation.gate}`);
  }
  return state.re.map((re, i) => re * re + state.im[i]! ** 2);
}

function expectationZ(probabilities: ArrayLike<number>, qubit: number): number {
  let sum = 0;
  for (let i = 0; i < probabilities.length; i++)
    sum += (i & (1 << qubit) ? -1 : 1) * probabilities[i]!;
  return sum;
}

function sample(
  probabilities: Float64Array,
  shots: number,
  seed: bigint,
  row: number,
): Float64Array {
  const random = createRandom(seed, "row", row);
  const frequencies = new Float64Array(probabilities.length);
  for (let shot = 0; shot < shots; shot++) {
    let rest = random.nextUniform();
    let outcome = 0;
    while (outcome < probabilities.length - 1 && rest >= probabilities[outcome]!)
      rest -= probabilities[outcome++]!;
    frequencies[outcome]! += 1 / shots;
  }
  return frequencies;
}

/** Creates the executor; `maxRows` limits a batch, `calls` counts them. */
export function createReferenceExecutor(
  maxRows = 1_000_000,
): Executor & { readonly batches: number[] } {
  const batches: number[] = [];
  return {
    batches,
    describe: async () => ({
      name: "reference",
      limits: { maxQubits: 10, maxOperations: 10_000, maxRows },
      shots: { min: 1, max: 100_000 },
      exact: true,
      seedable: true,
      gradients: "none",
    }),
    estimate: async (batch, options = {}) => ({
      circuits: batch.B,
      shots: batch.B * (options.shots ?? 0),
      chipSeconds: batch.B * 1e-3,
      parallelSlots: 4,
      wallSeconds: batch.B * 2e-3,
    }),
    run: async (batch: CircuitBatch, options: RunOptions = {}) => {
      batches.push(batch.B);
      const n = batch.circuit.qubits;
      const expectations = new Float64Array(batch.B * n);
      for (let b = 0; b < batch.B; b++) {
        const exact = simulate(batch, b);
        const used =
          options.shots === undefined ? exact : sample(exact, options.shots, options.seed ?? 0n, b);
        for (let q = 0; q < n; q++) expectations[b * n + q] = expectationZ(used, q);
      }
      const usage = {
        circuits: batch.B,
        shots: batch.B * (options.shots ?? 0),
        chipSeconds: 0,
        chipJobs: 0,
        parallelMax: 0,
        parallelMean: 0,
      };
      return { expectations, standardErrors: new Float64Array(batch.B * n), usage };
    },
    close: async () => {},
  };
}
