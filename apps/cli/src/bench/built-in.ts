/** The short set of benchmarks that ships with the command line: seconds in all, the work that fine-tuning does. */
import { createChip } from "@qtune/chip";
import {
  type Circuit,
  allPauliZ,
  circuitBuilder,
  ringAnsatz,
  ringWeightCount,
} from "@qtune/circuit";
import { createChipExecutor } from "@qtune/emulator";
import { createLocalExecutor, sampleCircuit } from "@qtune/simulator";

/** What one benchmark measured. */
export interface Measured {
  /** The shortest of several runs. */
  readonly ms: number;
  /** How much of what that is per second. */
  readonly rate: string;
}

/** A benchmark of the short set. */
export interface BuiltIn {
  readonly name: string;
  readonly what: string;
  run(): Promise<Measured>;
}

/** Every benchmark of the short set, in the order in which they run. */
export const builtIns: readonly BuiltIn[] = [
  {
    name: "layer",
    what: "quantum layer of 4 qubits, 512 rows: values and gradients, float32",
    run: runLayer,
  },
  {
    name: "ghz",
    what: "GHZ state of 20 qubits, 1,000 shots, state vector, float32",
    run: () => runState(ghz(20)),
  },
  {
    name: "qft",
    what: "Fourier transform of 20 qubits, 1,000 shots, state vector, float32",
    run: () => runState(fourier(20)),
  },
  {
    name: "noisy-chip",
    what: "200 ring circuits of 4 qubits on wukong-72, 1,000 shots each, planning included",
    run: runChip,
  },
];

/** The shortest time of a call after a warm-up, at least three calls and half a second, ms. */
async function shortest(call: () => Promise<unknown>): Promise<number> {
  await call();
  let best = Number.POSITIVE_INFINITY;
  const end = performance.now() + 500;
  for (let i = 0; i < 3 || performance.now() < end; i++) {
    const start = performance.now();
    await call();
    best = Math.min(best, performance.now() - start);
  }
  return best;
}

async function runLayer(): Promise<Measured> {
  const [n, layers, B] = [4, 1, 512];
  const batch = {
    circuit: ringAnsatz({ n, layers }),
    shared: Float64Array.from({ length: ringWeightCount({ n, layers }) }, (_, i) => Math.sin(i)),
    rows: Float64Array.from({ length: B * n }, (_, i) => Math.cos(i)),
    B,
    observables: allPauliZ(n),
  };
  const executor = createLocalExecutor({ precision: "float32" });
  const cotangent = new Float64Array(B * n).fill(1);
  try {
    const ms = await shortest(() => executor.vjp(batch, cotangent));
    return { ms, rate: `${Math.round(B / (ms / 1000))} circuits/s` };
  } finally {
    await executor.close();
  }
}

async function runState(circuit: Circuit): Promise<Measured> {
  const options = { shots: 1000, seed: 1n, precision: "float32", method: "state-vector" } as const;
  const ms = await shortest(() => sampleCircuit(circuit, options));
  return { ms, rate: `${Math.round(circuit.operations.length / (ms / 1000))} operations/s` };
}

async function runChip(): Promise<Measured> {
  const B = 200;
  const executor = createChipExecutor({ chip: createChip("wukong-72") });
  const batch = {
    circuit: ringAnsatz({ n: 4, layers: 1 }),
    shared: Float64Array.from({ length: 16 }, (_, i) => Math.cos(i)),
    rows: Float64Array.from({ length: B * 4 }, (_, i) => Math.sin(i)),
    B,
    observables: allPauliZ(4),
  };
  try {
    const ms = await shortest(() => executor.run(batch, { shots: 1000, seed: 1n }));
    return { ms, rate: `${Math.round(B / (ms / 1000))} circuits/s` };
  } finally {
    await executor.close();
  }
}

function ghz(n: number): Circuit {
  const builder = circuitBuilder(n).h(0);
  for (let qubit = 1; qubit < n; qubit++) builder.cx(qubit - 1, qubit);
  return builder.measureAll().build();
}

function fourier(n: number): Circuit {
  const builder = circuitBuilder(n);
  for (let i = n - 1; i >= 0; i--) {
    builder.h(i);
    for (let j = i - 1; j >= 0; j--) builder.gate("CP", [j, i], [Math.PI / 2 ** (i - j)]);
  }
  return builder.measureAll().build();
}
